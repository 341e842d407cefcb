//! Why bytes of a tier are no value.

use std::fmt;

/// Why an envelope cannot be opened. For who reads it, each of these is a miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unopened {
    /// It does not begin as envelopes do.
    NoEnvelope,
    /// It has a version that is not known: this, and what wrote it, are of different releases.
    UnknownVersion(u8),
    /// Its checksum is not that of its bytes and its key: it was damaged, or stored under another key.
    Damaged,
    /// It is less protected than this format demands: not signed, or not encrypted.
    Unprotected,
    /// It is signed or encrypted, and this format has no secret that could show whether by whom it should be.
    UnknownSecret,
    /// Its signature was not made of its bytes and its key with the secret that it names.
    Forged,
    /// It holds another key than the one that was asked for.
    OtherKey,
    /// Its payload has more bytes than this format takes.
    TooLarge {
        /// Bytes of the payload.
        bytes: u32,
        /// Bytes that are taken.
        most: u32,
    },
    /// It is complete, and yet says something that cannot be.
    Undecodable(&'static str),
}

impl fmt::Display for Unopened {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEnvelope => out.write_str("it is no envelope: something else writes there"),
            Self::UnknownVersion(version) => {
                write!(out, "version {version} of envelopes is not known: another release of hotset writes there")
            }
            Self::Damaged => out.write_str("its checksum is wrong: it was damaged, or belongs to another key"),
            Self::Unprotected => out.write_str("it is not signed or encrypted as the cache demands"),
            Self::UnknownSecret => {
                out.write_str("it was signed or encrypted with a secret that this cache was not given")
            }
            Self::Forged => out.write_str("its signature is wrong: it was changed, or belongs to another key"),
            Self::OtherKey => out.write_str("it is that of another key, stored under the same digest"),
            Self::TooLarge { bytes, most } => {
                write!(out, "its payload has {bytes} bytes, of which at most {most} are taken")
            }
            Self::Undecodable(reason) => write!(out, "it cannot be read: {reason}"),
        }
    }
}

impl std::error::Error for Unopened {}
