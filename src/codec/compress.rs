//! Payloads made smaller, and as they were again.

use std::cell::RefCell;
use std::io::{self, Cursor};
use std::thread::LocalKey;

use zstd::bulk::{Compressor, Decompressor};

use super::Unopened;

/// How payloads are made smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// By Zstandard.
    Zstd {
        /// From 1, fast, to 22, small; negative ones are faster still, and 0 is the default of Zstandard. What is beyond an end is taken for it.
        level: i32,
    },
    /// By LZ4: faster, and not as small.
    Lz4,
}

// How an envelope says what its payload was compressed by.
pub(super) const NONE: u8 = 0;
pub(super) const ZSTD: u8 = 1;
pub(super) const LZ4: u8 = 2;

/// The most bytes that one compressed byte can stand for: Zstandard's shortest block has 4, and makes 128 KiB.
const MOST_BY_ZSTD: u64 = 32 << 10;
/// A byte of a length says at most so many.
const MOST_BY_LZ4: u64 = 255;

/// The most memory of a compressor that a thread keeps for the next payload: high levels of Zstandard take more than what they compress.
const MOST_KEPT_BYTES: usize = 4 << 20;

type Kept<T> = LocalKey<RefCell<Option<T>>>;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

impl Compression {
    /// Bytes that are needed to try it.
    pub(super) fn room(self, payload: usize) -> usize {
        match self {
            Self::None | Self::Zstd { .. } => payload,
            Self::Lz4 => lz4_flex::block::get_maximum_output_size(payload),
        }
    }

    /// Appends the payload, smaller where that can be; by what, as envelopes say it.
    pub(super) fn append(self, bytes: &mut Vec<u8>, payload: &[u8]) -> u8 {
        let start = bytes.len();
        let (method, done) = match self {
            Self::None => (NONE, false),
            Self::Zstd { level } => (ZSTD, append_zstd(bytes, payload, level)),
            Self::Lz4 => (LZ4, append_lz4(bytes, payload)),
        };
        if done && bytes.len() - start < payload.len() {
            return method;
        }
        bytes.truncate(start);
        bytes.extend_from_slice(payload);
        NONE
    }
}

/// Whether it was appended; it is not where it would not become smaller.
fn append_zstd(bytes: &mut Vec<u8>, payload: &[u8], level: i32) -> bool {
    let Ok(mut compressor) = kept_or(&COMPRESSOR, || Compressor::new(level)) else { return false };
    bytes.reserve(payload.len());
    let mut out = Cursor::new(std::mem::take(bytes));
    out.set_position(out.get_ref().len() as u64);
    let set = compressor.set_compression_level(level);
    let done = set.and_then(|()| compressor.compress_to_buffer(payload, &mut out));
    *bytes = out.into_inner();
    if compressor.context_mut().sizeof() <= MOST_KEPT_BYTES {
        keep(&COMPRESSOR, compressor);
    }
    done.is_ok()
}

fn append_lz4(bytes: &mut Vec<u8>, payload: &[u8]) -> bool {
    let start = bytes.len();
    bytes.resize(start + Compression::Lz4.room(payload.len()), 0);
    let written = lz4_flex::block::compress_into(payload, &mut bytes[start..]);
    bytes.truncate(start + written.as_ref().map_or(0, |written| *written));
    written.is_ok()
}

/// A payload that has so many bytes, from what an envelope holds of it. No memory is asked for that so few bytes could not fill.
pub(super) fn decompress(method: u8, packed: &[u8], bytes: u32) -> Result<Vec<u8>, Unopened> {
    let most = match method {
        ZSTD => MOST_BY_ZSTD,
        LZ4 => MOST_BY_LZ4,
        _ => return Err(Unopened::Undecodable("its compression is not known")),
    };
    if u64::from(bytes) > most.saturating_mul(packed.len() as u64) {
        return Err(Unopened::Undecodable("so few bytes cannot be so many"));
    }
    let mut payload = Vec::new();
    let room = payload.try_reserve_exact(bytes as usize);
    room.map_err(|_| Unopened::Undecodable("there is no memory for its payload"))?;
    let done = if method == ZSTD { unpack_zstd(packed, &mut payload) } else { unpack_lz4(packed, &mut payload, bytes) };
    match done {
        true if payload.len() == bytes as usize => Ok(payload),
        _ => Err(Unopened::Undecodable("its payload cannot be decompressed")),
    }
}

/// Whether all was decompressed, into no more than the payload has room for.
fn unpack_zstd(packed: &[u8], payload: &mut Vec<u8>) -> bool {
    let Ok(mut decompressor) = kept_or(&DECOMPRESSOR, Decompressor::new) else { return false };
    let done = decompressor.decompress_to_buffer(packed, payload);
    keep(&DECOMPRESSOR, decompressor);
    done.is_ok()
}

fn unpack_lz4(packed: &[u8], payload: &mut Vec<u8>, bytes: u32) -> bool {
    payload.resize(bytes as usize, 0);
    lz4_flex::block::decompress_into(packed, payload).is_ok_and(|written| written == payload.len())
}

/// What this thread keeps, or a new one if it keeps none, or is at its end.
fn kept_or<T>(kept: &'static Kept<T>, new: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    kept.try_with(RefCell::take).ok().flatten().map_or_else(new, Ok)
}

fn keep<T>(kept: &'static Kept<T>, one: T) {
    let _ = kept.try_with(|kept| kept.replace(Some(one)));
}

#[cfg(test)]
pub(super) fn keeps_a_compressor() -> bool {
    COMPRESSOR.with_borrow(Option::is_some)
}
