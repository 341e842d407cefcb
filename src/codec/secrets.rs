//! The secrets that envelopes are signed or encrypted with.

use std::fmt;
use std::iter::once;
use std::sync::Arc;

use crate::error::Error;

/// The fewest bytes of a secret.
pub const MIN_SECRET_BYTES: usize = 16;

/// Bytes by which an envelope names its secret.
pub(super) const ID_BYTES: usize = 8;

// What keys are derived for, by BLAKE3's `derive_key`. The texts are part of the format.
const FOR_ID: &str = "hotset envelope version 1: id of a secret";
const FOR_DIGEST: &str = "hotset envelope version 1: digest of what is signed";
const FOR_CIPHER: &str = "hotset envelope version 1: encryption";
const FOR_SIGNATURE: &str = "hotset envelope version 1: signature";

/// The keys that are derived from one secret.
#[derive(PartialEq, Eq)]
pub(super) struct Secret {
    pub(super) id: [u8; ID_BYTES],
    pub(super) digest: [u8; 32],
    pub(super) cipher: [u8; 32],
    pub(super) signature: [u8; 32],
}

impl Secret {
    fn new(secret: &[u8]) -> Result<Self, Error> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(Error::ShortSecret { bytes: secret.len(), least: MIN_SECRET_BYTES });
        }
        let derived = |purpose| blake3::derive_key(purpose, secret);
        let id = derived(FOR_ID);
        Ok(Self {
            id: std::array::from_fn(|place| id[place]),
            digest: derived(FOR_DIGEST),
            cipher: derived(FOR_CIPHER),
            signature: derived(FOR_SIGNATURE),
        })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Secret({:016x})", u64::from_be_bytes(self.id))
    }
}

/// Secrets of which the first seals, and all open: so that one can follow another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    first: Arc<Secret>,
    others: Arc<[Secret]>,
}

impl Secrets {
    /// From random bytes that nobody else knows; what people choose as passwords is no secret.
    ///
    /// # Errors
    /// [`Error::ShortSecret`] for one of fewer than [`MIN_SECRET_BYTES`]; [`Error::NoSecret`] for none.
    pub fn new(secrets: &[impl AsRef<[u8]>]) -> Result<Self, Error> {
        let mut secrets = secrets.iter().map(|secret| Secret::new(secret.as_ref()));
        let first = secrets.next().ok_or(Error::NoSecret)??;
        Ok(Self { first: Arc::new(first), others: secrets.collect::<Result<_, _>>()? })
    }

    /// The one that seals.
    pub(super) fn first(&self) -> &Arc<Secret> {
        &self.first
    }

    /// The one of that id.
    pub(super) fn find(&self, id: [u8; ID_BYTES]) -> Option<&Secret> {
        once(&*self.first).chain(self.others.iter()).find(|secret| secret.id == id)
    }
}
