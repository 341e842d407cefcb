//! Everything that can be wrong with what the core is given.

use std::fmt;

/// What was wrong, with what value, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// No policy has this name.
    UnknownPolicy {
        /// The name that was given.
        name: String,
        /// The names that there are.
        known: &'static [&'static str],
    },
    /// A text that should be a duration is none.
    InvalidDuration {
        /// The text that was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A cache without a bound has no size that could be another one.
    Unbounded,
    /// A trace of requests cannot be read.
    InvalidTrace {
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The work was to end, and did.
    Stopped,
    /// A text that should be an amount of memory is none.
    InvalidSize {
        /// The text that was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no room for another entry in the memory's 32-bit slots.
    TooManyEntries,
    /// A secret is too short to be one.
    ShortSecret {
        /// The bytes that it has.
        bytes: usize,
        /// The fewest that it may have.
        least: usize,
    },
    /// What is to be signed or encrypted has no secret for it.
    NoSecret,
    /// The operating system gives no random bytes.
    NoRandomness {
        /// What it says.
        reason: String,
    },
    /// Something is larger than what can be stored outside the process.
    TooLarge {
        /// What it is, and what of it is counted.
        what: &'static str,
        /// How much it is.
        size: u64,
        /// How much it may be.
        most: u64,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPolicy { name, known } => {
                write!(out, "unknown policy {name:?}: write one of {}", known.join(", "))
            }
            Self::InvalidDuration { text, reason } => write!(
                out,
                "{text:?} is not a duration ({reason}): write for example \"90s\", \"30m\", \"1h30m\", \"500ms\", \
                 a number of seconds, or a timedelta"
            ),
            Self::Unbounded => {
                write!(
                    out,
                    "the cache has no bound, so there is no other size to try: give it maxsize, maxweight or max_bytes"
                )
            }
            Self::InvalidTrace { reason } => out.write_str(reason),
            Self::Stopped => out.write_str("the work was stopped before its end"),
            Self::InvalidSize { text, reason } => write!(
                out,
                "{text:?} is not an amount of memory ({reason}): write for example \"256MB\", \"256MiB\", \"1.5GB\", or a \
                 whole number of bytes"
            ),
            Self::TooManyEntries => {
                write!(out, "the cache holds 4 billion entries and takes no more: give it a maxsize")
            }
            Self::ShortSecret { bytes, least } => write!(
                out,
                "a secret of {bytes} bytes is too short: give it {least} random bytes at least, as secrets.token_bytes(32) \
                 makes them"
            ),
            Self::NoSecret => out.write_str("there is no secret to sign or encrypt with: give one at least"),
            Self::NoRandomness { reason } => {
                write!(out, "the operating system gives no random bytes, without which nothing is encrypted: {reason}")
            }
            Self::TooLarge { what, size, most } => {
                write!(out, "{size} {what} are too many to be stored outside the process: it takes {most} at most")
            }
        }
    }
}

impl std::error::Error for Error {}
