//! How a cache writes and reads envelopes.

use std::borrow::Cow;

use super::envelope::{append_tag, room_of_tag};
use super::layout::{HEAD_BYTES, Head, MOST_ERRORS, MOST_PAYLOAD_BYTES, set_compression};
use super::{Compression, Header, Key, Opened, Protection, Sealed, Unopened, compress};
use crate::error::Error;

/// Payloads are compressed from this size on, by default.
const DEFAULT_COMPRESS_FROM: usize = 1024;

/// How a cache writes envelopes, and which it reads: those that are protected as its own, however they are compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// How payloads are made smaller, where that makes them so.
    pub compression: Compression,
    /// The bytes from which on it is tried: 1 KiB by default.
    pub compress_from: usize,
    /// How it is shown that an envelope is as it was made.
    pub protection: Protection,
    /// The most bytes of a payload before compression: at most [`MOST_PAYLOAD_BYTES`], which is the default.
    pub most_bytes: u32,
}

impl Default for Format {
    fn default() -> Self {
        Self {
            compression: Compression::None,
            compress_from: DEFAULT_COMPRESS_FROM,
            protection: Protection::Checksum,
            most_bytes: MOST_PAYLOAD_BYTES,
        }
    }
}

impl Format {
    /// An envelope for a key.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if it could not be opened again; [`Error::NoRandomness`] if it cannot be encrypted.
    pub fn seal<'k>(&self, key: impl Into<Key<'k>>, header: &Header, payload: &[u8]) -> Result<Sealed, Error> {
        self.seal_into(Vec::new(), key, header, payload)
    }

    /// As [`Format::seal`], in memory that is there already. What is in it is lost.
    ///
    /// # Errors
    /// As for [`Format::seal`].
    pub fn seal_into<'k>(
        &self,
        mut bytes: Vec<u8>,
        key: impl Into<Key<'k>>,
        header: &Header,
        payload: &[u8],
    ) -> Result<Sealed, Error> {
        let key = key.into();
        let head = self.head(key, header, payload)?;
        let compression = if payload.len() < self.compress_from { Compression::None } else { self.compression };
        bytes.clear();
        bytes.reserve(self.room(key, header) + compression.room(payload.len()));
        bytes.extend_from_slice(&head.to_bytes());
        self.protection.begin(&mut bytes)?;
        bytes.extend_from_slice(key.whole.unwrap_or_default());
        header.tags.iter().for_each(|tag| append_tag(&mut bytes, tag));
        let method = compression.append(&mut bytes, payload);
        set_compression(&mut bytes, method);
        let stamp = self.protection.finish(&mut bytes, key.stored)?;
        Ok(Sealed::new(bytes, stamp))
    }

    /// What an envelope says, if it is one for this key. Whatever the bytes are, this ends soon, and asks for no more memory than
    /// [`Format::most_bytes`] and what the bytes take.
    ///
    /// # Errors
    /// [`Unopened`]: why it is a miss.
    #[inline]
    pub fn open<'a, 'k>(&self, key: impl Into<Key<'k>>, bytes: &'a [u8]) -> Result<Opened<'a>, Unopened> {
        let (head, mut opened) = self.unseal(key.into(), bytes)?;
        self.unpack(&head, &mut opened.payload)?;
        Ok(opened)
    }

    /// As [`Format::open`], without the payload, so that nothing is decompressed.
    ///
    /// # Errors
    /// [`Unopened`]: why it is a miss.
    pub fn look<'a, 'k>(&self, key: impl Into<Key<'k>>, bytes: &'a [u8]) -> Result<Opened<'a>, Unopened> {
        let (_, opened) = self.unseal(key.into(), bytes)?;
        Ok(Opened { payload: Cow::Borrowed(&[]), ..opened })
    }

    /// What an envelope says, if it is one for this key; its payload may be compressed.
    #[inline]
    fn unseal<'a>(&self, key: Key<'_>, bytes: &'a [u8]) -> Result<(Head, Opened<'a>), Unopened> {
        let head = Head::of(bytes)?;
        let body = self.protection.open(head.protection, key.stored, bytes)?;
        let opened = Opened::new(&head, body)?;
        if key.whole.is_some_and(|whole| whole != opened.key.as_deref().unwrap_or_default()) {
            return Err(Unopened::OtherKey);
        }
        Ok((head, opened))
    }

    /// Where the payload of an envelope begins, by what that says of itself, if it is there as it was before: for who makes a copy, and
    /// wants it to lie well.
    #[must_use]
    pub fn payload_at(&self, bytes: &[u8]) -> Option<usize> {
        let head = Head::of(bytes).ok().filter(|head| head.compression == compress::NONE)?;
        bytes.len().checked_sub(self.protection.behind_body()? + head.payload_bytes as usize)
    }

    /// Makes a payload what it was before compression.
    #[inline]
    fn unpack(&self, head: &Head, payload: &mut Cow<'_, [u8]>) -> Result<(), Unopened> {
        if head.payload_bytes > self.most() {
            return Err(Unopened::TooLarge { bytes: head.payload_bytes, most: self.most() });
        }
        if head.compression != compress::NONE {
            *payload = compress::decompress(head.compression, payload, head.payload_bytes)?.into();
        } else if payload.len() != head.payload_bytes as usize {
            return Err(Unopened::Undecodable("its payload is not as long as it says"));
        }
        Ok(())
    }

    fn most(&self) -> u32 {
        self.most_bytes.min(MOST_PAYLOAD_BYTES)
    }

    /// Bytes of an envelope but for its payload.
    fn room(&self, key: Key<'_>, header: &Header) -> usize {
        let tags: usize = header.tags.iter().map(|tag| room_of_tag(tag)).sum();
        HEAD_BYTES + self.protection.room() + key.whole.unwrap_or_default().len() + tags
    }

    fn head(&self, key: Key<'_>, header: &Header, payload: &[u8]) -> Result<Head, Error> {
        let longest_tag = header.tags.iter().map(|tag| tag.len()).max().unwrap_or_default();
        fit("bytes of a tag", longest_tag, u16::MAX.into())?;
        Ok(Head {
            protection: self.protection.code(),
            compression: compress::NONE,
            errors: header.errors.min(MOST_ERRORS),
            codec: header.codec,
            tags: fit("tags", header.tags.len(), u16::MAX.into())? as u16,
            clock: 0,
            created: header.created,
            gone_at: header.gone_at,
            fresh_until: header.fresh_until,
            load_nanos: header.load_nanos,
            key_bytes: fit("bytes of the key", key.whole.unwrap_or_default().len(), u32::MAX)?,
            payload_bytes: fit("bytes of the encoded value", payload.len(), self.most())?,
        })
    }
}

/// A number that an envelope has room for.
fn fit(what: &'static str, size: usize, most: u32) -> Result<u32, Error> {
    let fits = u32::try_from(size).ok().filter(|&size| size <= most);
    fits.ok_or(Error::TooLarge { what, size: size as u64, most: most.into() })
}
