//! What a store holds for a key, copied out of it.

use std::borrow::Cow;
use std::ops::Range;

use hotset::codec::value::BLOCK_BYTES;
use hotset::stack::Back;
use pyo3::prelude::*;

use crate::tier::codec::{Codec, Decoded};

/// Bytes from which on a value may keep the copy, so that arrays in it are views of it.
const LARGE: usize = 64 << 10;

/// The bytes of an envelope. A large one has its payload where arrays can be views of it.
pub(super) struct Copied {
    bytes: Vec<u8>,
    /// Where they begin.
    from: usize,
}

impl Copied {
    pub(super) fn of(stored: &[u8], back: &Back) -> Self {
        if stored.len() < LARGE {
            return Self { bytes: stored.to_vec(), from: 0 };
        }
        let mut bytes = Vec::with_capacity(stored.len() + BLOCK_BYTES);
        let payload_at = bytes.as_ptr() as usize + back.payload_at(stored).unwrap_or_default();
        let from = payload_at.next_multiple_of(BLOCK_BYTES) - payload_at;
        bytes.resize(from, 0);
        bytes.extend_from_slice(stored);
        Self { bytes, from }
    }

    pub(super) fn envelope(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    /// The value of a payload that is in this envelope, or that was unpacked from it.
    pub(super) fn decode(self, py: Python<'_>, codec: &Codec, id: u8, payload: Payload) -> PyResult<Decoded> {
        match payload {
            Payload::There(part) if part.len() >= LARGE => codec.decode_given(py, id, self.bytes, part),
            Payload::There(part) => codec.decode(py, id, &self.bytes[part]),
            Payload::Unpacked(bytes) if bytes.len() >= LARGE => {
                let all = 0..bytes.len();
                codec.decode_given(py, id, bytes, all)
            }
            Payload::Unpacked(bytes) => codec.decode(py, id, &bytes),
        }
    }

    /// Where the payload is.
    pub(super) fn place(&self, payload: Cow<'_, [u8]>) -> Payload {
        match payload {
            Cow::Borrowed(part) => {
                let start = part.as_ptr() as usize - self.bytes.as_ptr() as usize;
                Payload::There(start..start + part.len())
            }
            Cow::Owned(bytes) => Payload::Unpacked(bytes),
        }
    }
}

/// Where a payload is.
pub(super) enum Payload {
    /// In the copy.
    There(Range<usize>),
    Unpacked(Vec<u8>),
}
