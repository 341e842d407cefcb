//! What shows that an envelope is as it was made: a checksum, a signature, or encryption.
//!
//! Each is made in two steps. A digest is taken of the key and of all that stands behind the clock, once. The seal at the end is over that
//! digest and what stands up to the clock, so a clock can be set, or set again, without another look at the payload.

use std::borrow::Cow;
use std::sync::Arc;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use constant_time_eq::constant_time_eq_16;
use xxhash_rust::xxh3::xxh3_64;

use super::Unopened;
use super::layout::{HEAD_BYTES, STAMPED_BYTES};
use super::secrets::{ID_BYTES, Secret, Secrets};
use crate::error::Error;

/// How it is shown that an envelope is as it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Protection {
    /// A checksum, XXH3: shows damage, and nothing against who can write to the tier.
    #[default]
    Checksum,
    /// A signature, keyed BLAKE3: nobody without the secret can make what is opened.
    Signed(Secrets),
    /// Encryption, XChaCha20-Poly1305: nor read payload, tags and key. When an entry was made and how long it lives stays legible.
    Encrypted(Secrets),
}

const CHECKSUM: u8 = 0;
const SIGNED: u8 = 1;
const ENCRYPTED: u8 = 2;

const CHECKSUM_BYTES: usize = 8;
const SIGNATURE_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// What the 32-bit counter of ChaCha20's blocks reaches.
const MOST_ENCRYPTED_BYTES: u64 = ((1 << 32) - 1) * 64;

const NONCE_AT: usize = HEAD_BYTES + ID_BYTES;
const CIPHERTEXT_AT: usize = NONCE_AT + NONCE_BYTES;

/// A nonce and the tag that was made with it, which stand for everything that is encrypted.
type Encrypted = [u8; NONCE_BYTES + TAG_BYTES];

/// What a seal is made of, but for what stands up to the clock.
#[derive(Clone, Debug)]
pub(super) enum Stamp {
    Checksum([u8; 2 * CHECKSUM_BYTES]),
    Signed(Arc<Secret>, [u8; 32]),
    Encrypted(Arc<Secret>, Encrypted),
}

impl Stamp {
    /// Writes the seal at the end of the envelope.
    #[inline]
    pub(super) fn close(&self, envelope: &mut [u8]) {
        let end = envelope.len();
        match self {
            Self::Checksum(digest) => {
                let sum = checksum(envelope, digest);
                envelope[end - CHECKSUM_BYTES..].copy_from_slice(&sum);
            }
            Self::Signed(secret, digest) => sign(secret, envelope, digest),
            Self::Encrypted(secret, digest) => sign(secret, envelope, digest),
        }
    }
}

impl Protection {
    /// How an envelope says which it is.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Checksum => CHECKSUM,
            Self::Signed(_) => SIGNED,
            Self::Encrypted(_) => ENCRYPTED,
        }
    }

    /// Bytes that it adds to head and body.
    pub(super) fn room(&self) -> usize {
        match self {
            Self::Checksum => CHECKSUM_BYTES,
            Self::Signed(_) => ID_BYTES + SIGNATURE_BYTES,
            Self::Encrypted(_) => ID_BYTES + NONCE_BYTES + TAG_BYTES + SIGNATURE_BYTES,
        }
    }

    /// Bytes behind the body, if that is stored as it is.
    pub(super) fn behind_body(&self) -> Option<usize> {
        match self {
            Self::Checksum => Some(CHECKSUM_BYTES),
            Self::Signed(_) => Some(SIGNATURE_BYTES),
            Self::Encrypted(_) => None,
        }
    }

    /// Appends to the head what stands before the body.
    pub(super) fn begin(&self, envelope: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Checksum => {}
            Self::Signed(secrets) => envelope.extend_from_slice(&secrets.first().id),
            Self::Encrypted(secrets) => {
                envelope.extend_from_slice(&secrets.first().id);
                envelope.extend_from_slice(&nonce()?);
            }
        }
        Ok(())
    }

    /// Digests what is there, encrypts the body first if it is to be, and makes room for the seal.
    pub(super) fn finish(&self, envelope: &mut Vec<u8>, key: &[u8]) -> Result<Stamp, Error> {
        Ok(match self {
            Self::Checksum => {
                let digest = checked(key, envelope);
                envelope.extend_from_slice(&[0; CHECKSUM_BYTES]);
                Stamp::Checksum(digest)
            }
            Self::Signed(secrets) => {
                let secret = secrets.first();
                let digest = signed(secret, key, envelope);
                envelope.extend_from_slice(&[0; SIGNATURE_BYTES]);
                Stamp::Signed(Arc::clone(secret), digest)
            }
            Self::Encrypted(secrets) => {
                let secret = secrets.first();
                let digest = encrypt(secret, key, envelope)?;
                envelope.extend_from_slice(&[0; SIGNATURE_BYTES]);
                Stamp::Encrypted(Arc::clone(secret), digest)
            }
        })
    }

    /// The body of an envelope that has a head, if it is as it was made, for this key, and protected in this way.
    #[inline]
    pub(super) fn open<'a>(&self, code: u8, key: &[u8], envelope: &'a [u8]) -> Result<Cow<'a, [u8]>, Unopened> {
        match (self, code) {
            (Self::Checksum, CHECKSUM) => open_checked(key, envelope).map(Cow::Borrowed),
            (Self::Signed(secrets), SIGNED) => open_signed(secrets, key, envelope).map(Cow::Borrowed),
            (Self::Encrypted(secrets), ENCRYPTED) => open_encrypted(secrets, key, envelope).map(Cow::Owned),
            (_, ..=ENCRYPTED) if code > self.code() => Err(Unopened::UnknownSecret),
            (_, ..=ENCRYPTED) => Err(Unopened::Unprotected),
            _ => Err(Unopened::Undecodable("its protection is not known")),
        }
    }
}

/// The digest of a checksum: XXH3 of the key, and of what stands behind the clock.
#[inline]
fn checked(key: &[u8], envelope: &[u8]) -> [u8; 2 * CHECKSUM_BYTES] {
    let sums = [xxh3_64(key).to_le_bytes(), xxh3_64(&envelope[STAMPED_BYTES..]).to_le_bytes()];
    std::array::from_fn(|place| sums[place / CHECKSUM_BYTES][place % CHECKSUM_BYTES])
}

#[inline]
fn checksum(envelope: &[u8], digest: &[u8; 2 * CHECKSUM_BYTES]) -> [u8; CHECKSUM_BYTES] {
    let mut stamped = [0; STAMPED_BYTES + 2 * CHECKSUM_BYTES];
    stamped[..STAMPED_BYTES].copy_from_slice(&envelope[..STAMPED_BYTES]);
    stamped[STAMPED_BYTES..].copy_from_slice(digest);
    xxh3_64(&stamped).to_le_bytes()
}

#[inline]
fn open_checked<'a>(key: &[u8], envelope: &'a [u8]) -> Result<&'a [u8], Unopened> {
    let (rest, sum) = split_end::<CHECKSUM_BYTES>(envelope, HEAD_BYTES)?;
    let is_sound = checksum(envelope, &checked(key, rest)) == *sum;
    if is_sound { Ok(&rest[HEAD_BYTES..]) } else { Err(Unopened::Damaged) }
}

/// The digest of a signature: keyed BLAKE3 of the key and of what stands behind the clock.
fn signed(secret: &Secret, key: &[u8], envelope: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(&secret.digest);
    hasher.update(&length(key)).update(key).update(&envelope[STAMPED_BYTES..]);
    hasher.finalize().into()
}

fn sign(secret: &Secret, envelope: &mut [u8], digest: &[u8]) {
    let end = envelope.len();
    let signature = signature(secret, envelope, digest);
    envelope[end - SIGNATURE_BYTES..].copy_from_slice(&signature);
}

fn signature(secret: &Secret, envelope: &[u8], digest: &[u8]) -> [u8; SIGNATURE_BYTES] {
    let mut stamped = [0; STAMPED_BYTES + size_of::<Encrypted>()];
    let signed = &mut stamped[..STAMPED_BYTES + digest.len()];
    signed[..STAMPED_BYTES].copy_from_slice(&envelope[..STAMPED_BYTES]);
    signed[STAMPED_BYTES..].copy_from_slice(digest);
    let hash = blake3::keyed_hash(&secret.signature, signed);
    std::array::from_fn(|place| hash.as_bytes()[place])
}

fn is_signed(secret: &Secret, envelope: &[u8], digest: &[u8], found: &[u8; SIGNATURE_BYTES]) -> Result<(), Unopened> {
    let is_sound = constant_time_eq_16(&signature(secret, envelope, digest), found);
    if is_sound { Ok(()) } else { Err(Unopened::Forged) }
}

fn open_signed<'a>(secrets: &Secrets, key: &[u8], envelope: &'a [u8]) -> Result<&'a [u8], Unopened> {
    let (rest, found) = split_end(envelope, HEAD_BYTES + ID_BYTES)?;
    let secret = named(secrets, envelope)?;
    is_signed(secret, envelope, &signed(secret, key, rest), found)?;
    Ok(&rest[HEAD_BYTES + ID_BYTES..])
}

/// Encrypts the body where it stands, and appends its tag.
fn encrypt(secret: &Secret, key: &[u8], envelope: &mut Vec<u8>) -> Result<Encrypted, Error> {
    let (clear, body) = envelope.split_at_mut(CIPHERTEXT_AT);
    let (nonce, size) = (nonce_of(clear), body.len() as u64);
    let tag = XChaCha20Poly1305::new(&secret.cipher.into())
        .encrypt_inout_detached(&XNonce::from(nonce), &along(key, clear), body.into())
        .map_err(|_| Error::TooLarge { what: "bytes to encrypt", size, most: MOST_ENCRYPTED_BYTES })?;
    envelope.extend_from_slice(&tag);
    Ok(encrypted(nonce, tag.into()))
}

fn open_encrypted(secrets: &Secrets, key: &[u8], envelope: &[u8]) -> Result<Vec<u8>, Unopened> {
    let (rest, found) = split_end(envelope, CIPHERTEXT_AT)?;
    let (rest, tag) = split_end::<TAG_BYTES>(rest, CIPHERTEXT_AT)?;
    let secret = named(secrets, envelope)?;
    let (clear, body) = rest.split_at(CIPHERTEXT_AT);
    let nonce = nonce_of(clear);
    is_signed(secret, envelope, &encrypted(nonce, *tag), found)?;
    let mut body = body.to_vec();
    XChaCha20Poly1305::new(&secret.cipher.into())
        .decrypt_inout_detached(&XNonce::from(nonce), &along(key, clear), body.as_mut_slice().into(), &Tag::from(*tag))
        .map_err(|_| Unopened::Forged)?;
    Ok(body)
}

/// What is not encrypted and covered by the tag all the same.
fn along(key: &[u8], clear: &[u8]) -> Vec<u8> {
    [&length(key), key, &clear[STAMPED_BYTES..]].concat()
}

fn encrypted(nonce: [u8; NONCE_BYTES], tag: [u8; TAG_BYTES]) -> Encrypted {
    std::array::from_fn(|place| if place < NONCE_BYTES { nonce[place] } else { tag[place - NONCE_BYTES] })
}

fn nonce_of(clear: &[u8]) -> [u8; NONCE_BYTES] {
    std::array::from_fn(|place| clear[NONCE_AT + place])
}

fn nonce() -> Result<[u8; NONCE_BYTES], Error> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|error| Error::NoRandomness { reason: error.to_string() })?;
    Ok(nonce)
}

/// The secret that an envelope names behind its head.
fn named<'a>(secrets: &'a Secrets, envelope: &[u8]) -> Result<&'a Secret, Unopened> {
    let id = std::array::from_fn(|place| envelope[HEAD_BYTES + place]);
    secrets.find(id).ok_or(Unopened::UnknownSecret)
}

/// An envelope and the bytes at its end, if so many are left before them.
#[inline]
fn split_end<const BYTES: usize>(envelope: &[u8], least: usize) -> Result<(&[u8], &[u8; BYTES]), Unopened> {
    let parts = envelope.split_last_chunk::<BYTES>().filter(|(rest, _)| rest.len() >= least);
    parts.ok_or(Unopened::Undecodable("it is cut off"))
}

/// Stands before the key, so that nothing of the key can be taken for something else. Keys of 4 GiB are not stored.
fn length(key: &[u8]) -> [u8; 4] {
    (key.len() as u32).to_le_bytes()
}
