//! What is wrong with bytes that should be a payload.

use std::fmt;

/// Why bytes are no payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// They are of this version, which is not known.
    Version(u8),
    /// They end too early, or a count is larger than what is left can hold.
    Truncated,
    /// Something follows the root.
    Excess(usize),
    /// There is no such tag, or not here.
    Tag(u8),
    /// A count has more bits than a count can have.
    Count,
    /// A text is not UTF-8.
    Text,
    /// There is nothing under the number that is referred to.
    Reference(u64),
    /// What is to be remembered cannot be.
    Mark,
    /// A class is of a kind that there is not, or its objects cannot look so.
    Class,
    /// Nodes lie too deep in each other.
    Depth,
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(out, "version {version} of the format is not known"),
            Self::Truncated => out.write_str("bytes are missing at the end"),
            Self::Excess(count) => write!(out, "{count} bytes follow the value"),
            Self::Tag(tag) => write!(out, "the tag {tag:#04x} makes no sense here"),
            Self::Count => out.write_str("a count is too large"),
            Self::Text => out.write_str("a text is not UTF-8"),
            Self::Reference(number) => write!(out, "nothing has the number {number}"),
            Self::Mark => out.write_str("what is to be remembered holds nothing and cannot change"),
            Self::Class => out.write_str("a class cannot look so"),
            Self::Depth => out.write_str("the value is too deep"),
        }
    }
}

impl std::error::Error for Damage {}
