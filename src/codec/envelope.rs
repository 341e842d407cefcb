//! Envelopes: what a tier stores for a key.

use std::borrow::Cow;

use super::layout::{self, Head};
use super::seal::Stamp;
use super::{Millis, Unopened};

/// Bytes of an envelope, or a copy where they had to be changed.
type Bytes<'a> = Cow<'a, [u8]>;

/// What an envelope says of its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// When it was loaded or set.
    pub created: Millis,
    /// When its ttl ends.
    pub fresh_until: Millis,
    /// When its grace ends.
    pub gone_at: Millis,
    /// How long its load took, in nanoseconds; 0 if it was set.
    pub load_nanos: u64,
    /// Of how many errors in a row that loads ended with this is the last, 0 if it is a value. [`MOST_ERRORS`](super::MOST_ERRORS) are
    /// told from each other.
    pub errors: u8,
    /// How the payload is encoded.
    pub codec: u8,
    /// Its tags.
    pub tags: Vec<Box<str>>,
}

/// What an entry is called in a tier. Bytes alone are a key that is stored as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The bytes that it is stored under, with those of its namespace.
    pub stored: &'a [u8],
    /// The key itself, where those hold only a digest of it. The envelope holds it too, and is opened for no other.
    pub whole: Option<&'a [u8]>,
}

impl<'a, T: AsRef<[u8]> + ?Sized> From<&'a T> for Key<'a> {
    fn from(stored: &'a T) -> Self {
        Self { stored: stored.as_ref(), whole: None }
    }
}

/// An envelope that is complete but for the clock that it is valid from.
#[derive(Clone, Debug)]
pub struct Sealed {
    bytes: Vec<u8>,
    stamp: Stamp,
}

#[expect(clippy::len_without_is_empty, reason = "no envelope is empty")]
impl Sealed {
    pub(super) fn new(bytes: Vec<u8>, stamp: Stamp) -> Self {
        Self { bytes, stamp }
    }

    /// The envelope with this clock. What it costs does not depend on the payload.
    #[inline]
    pub fn stamp(&mut self, clock: u64) -> &[u8] {
        layout::set_clock(&mut self.bytes, clock);
        self.stamp.close(&mut self.bytes);
        &self.bytes
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Its bytes, with the last clock that it was stamped with: to be kept, or to seal something else into.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// What can be told of an envelope without checking it: for who decides what leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glimpse {
    /// The clock that it is valid from.
    pub clock: u64,
    /// When it was loaded or set.
    pub created: Millis,
    /// When its grace ends.
    pub gone_at: Millis,
}

impl Glimpse {
    /// `None` if it is no envelope of a version that is known.
    #[must_use]
    #[inline]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let Head { clock, created, gone_at, .. } = Head::of(bytes).ok()?;
        Some(Self { clock, created, gone_at })
    }
}

/// An envelope that was opened: it is as it was made, for the key that it was opened for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    /// The clock that it is valid from.
    pub clock: u64,
    /// When it was loaded or set.
    pub created: Millis,
    /// When its ttl ends.
    pub fresh_until: Millis,
    /// When its grace ends.
    pub gone_at: Millis,
    /// How long its load took, in nanoseconds; 0 if it was set.
    pub load_nanos: u64,
    /// Of how many errors in a row this is the last, 0 if it is a value.
    pub errors: u8,
    /// How the payload is encoded.
    pub codec: u8,
    /// Its tags.
    pub tags: Tags<'a>,
    /// The key itself, where it is stored under a digest.
    pub key: Option<Bytes<'a>>,
    /// The encoded value.
    pub payload: Bytes<'a>,
}

impl<'a> Opened<'a> {
    #[inline]
    pub(super) fn new(head: &Head, body: Bytes<'a>) -> Result<Self, Unopened> {
        let (key, body) = split(body, head.key_bytes as usize)?;
        let tags_bytes = bytes_of_tags(&body, head.tags)?;
        let (tags, payload) = split(body, tags_bytes)?;
        Ok(Self {
            clock: head.clock,
            created: head.created,
            fresh_until: head.fresh_until,
            gone_at: head.gone_at,
            load_nanos: head.load_nanos,
            errors: head.errors,
            codec: head.codec,
            tags: Tags { count: head.tags, bytes: tags },
            key: (head.key_bytes > 0).then_some(key),
            payload,
        })
    }

    /// What it was sealed with.
    #[must_use]
    pub fn header(&self) -> Header {
        Header {
            created: self.created,
            fresh_until: self.fresh_until,
            gone_at: self.gone_at,
            load_nanos: self.load_nanos,
            errors: self.errors,
            codec: self.codec,
            tags: self.tags.iter().map(Box::from).collect(),
        }
    }
}

/// The tags of an envelope that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags<'a> {
    count: u16,
    bytes: Bytes<'a>,
}

impl Tags<'_> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Their names, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut rest = &*self.bytes;
        std::iter::from_fn(move || {
            let (tag, after) = first_tag(rest)?;
            rest = after;
            Some(tag)
        })
    }
}

/// Appends a tag.
pub(super) fn append_tag(bytes: &mut Vec<u8>, tag: &str) {
    bytes.extend_from_slice(&(tag.len() as u16).to_le_bytes());
    bytes.extend_from_slice(tag.as_bytes());
}

/// The bytes that a tag takes.
pub(super) fn room_of_tag(tag: &str) -> usize {
    size_of::<u16>() + tag.len()
}

fn first_tag(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (tag, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    Some((str::from_utf8(tag).ok()?, rest))
}

fn bytes_of_tags(body: &[u8], count: u16) -> Result<usize, Unopened> {
    let mut rest = body;
    for _ in 0..count {
        rest = first_tag(rest).ok_or(Unopened::Undecodable("its tags are not those that it says"))?.1;
    }
    Ok(body.len() - rest.len())
}

/// What stands before a place, and what from there on; nothing is copied that is borrowed, nor what is split at its beginning.
#[inline]
fn split(bytes: Bytes<'_>, at: usize) -> Result<(Bytes<'_>, Bytes<'_>), Unopened> {
    if at > bytes.len() {
        return Err(Unopened::Undecodable("its key is not as long as it says"));
    }
    Ok(match bytes {
        Cow::Borrowed(bytes) => {
            let (before, after) = bytes.split_at(at);
            (before.into(), after.into())
        }
        Cow::Owned(mut after) => {
            let before: Vec<u8> = after.drain(..at).collect();
            (before.into(), after.into())
        }
    })
}
