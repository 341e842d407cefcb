//! HOW values look outside the process: encoded by [`value`], in sealed envelopes.
//!
//! What each byte is, `docs/envelope.md` and `docs/codec-format.md` say.

mod compress;
mod envelope;
mod format;
mod layout;
mod seal;
mod secrets;
mod unopened;
pub mod value;

#[cfg(test)]
mod tests;

pub use compress::Compression;
pub use envelope::{Glimpse, Header, Key, Opened, Sealed, Tags};
pub use format::Format;
pub use layout::{MOST_ERRORS, MOST_PAYLOAD_BYTES, VERSION};
pub use seal::Protection;
pub use secrets::{MIN_SECRET_BYTES, Secrets};
pub use unopened::Unopened;

/// Milliseconds since the beginning of 1970; [`Millis::MAX`] is never.
pub type Millis = u64;
