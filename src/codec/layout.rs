//! Where what stands in an envelope. Numbers are little-endian.

use super::{Millis, Unopened};

/// The version of the format that is written.
pub const VERSION: u8 = 1;
/// The most bytes of a payload, as it is before compression.
pub const MOST_PAYLOAD_BYTES: u32 = 1 << 30;
/// The most errors in a row that are told from each other: more of them are so many.
pub const MOST_ERRORS: u8 = 15;

const MAGIC: [u8; 2] = [0xE7, b'h'];

const VERSION_AT: usize = 2;
const PROTECTION_AT: usize = 3;
const PACKING_AT: usize = 4;
const CODEC_AT: usize = 5;
const TAGS_AT: usize = 6;
const CLOCK_AT: usize = 8;
const CREATED_AT: usize = 16;
const GONE_AT_AT: usize = 24;
const FRESH_UNTIL_AT: usize = 32;
const LOAD_NANOS_AT: usize = 40;
const KEY_BYTES_AT: usize = 48;
const PAYLOAD_BYTES_AT: usize = 52;

/// The bits of its byte that say by what a payload is compressed; the others say how many errors there were in a row.
const COMPRESSION_BITS: u32 = 4;

/// The bytes before those that are digested: from the magic to the clock.
pub(super) const STAMPED_BYTES: usize = 16;
/// The bytes that every envelope begins with.
pub(super) const HEAD_BYTES: usize = 56;

/// What every envelope begins with, behind magic and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) protection: u8,
    pub(super) compression: u8,
    pub(super) errors: u8,
    pub(super) codec: u8,
    pub(super) tags: u16,
    pub(super) clock: u64,
    pub(super) created: Millis,
    pub(super) gone_at: Millis,
    pub(super) fresh_until: Millis,
    pub(super) load_nanos: u64,
    pub(super) key_bytes: u32,
    pub(super) payload_bytes: u32,
}

impl Head {
    /// What an envelope says of itself, unchecked.
    #[inline]
    pub(super) fn of(bytes: &[u8]) -> Result<Self, Unopened> {
        if !bytes.starts_with(&MAGIC) {
            return Err(Unopened::NoEnvelope);
        }
        match bytes.get(VERSION_AT) {
            Some(&VERSION) => {}
            Some(&other) => return Err(Unopened::UnknownVersion(other)),
            None => return Err(Unopened::NoEnvelope),
        }
        bytes.first_chunk().map(Self::read).ok_or(Unopened::Undecodable("it is cut off"))
    }

    fn read(bytes: &[u8; HEAD_BYTES]) -> Self {
        let long = |at| u64::from_le_bytes(part(bytes, at));
        let short = |at| u32::from_le_bytes(part(bytes, at));
        Self {
            protection: bytes[PROTECTION_AT],
            compression: bytes[PACKING_AT] & ((1 << COMPRESSION_BITS) - 1),
            errors: bytes[PACKING_AT] >> COMPRESSION_BITS,
            codec: bytes[CODEC_AT],
            tags: u16::from_le_bytes(part(bytes, TAGS_AT)),
            clock: long(CLOCK_AT),
            created: long(CREATED_AT),
            gone_at: long(GONE_AT_AT),
            fresh_until: long(FRESH_UNTIL_AT),
            load_nanos: long(LOAD_NANOS_AT),
            key_bytes: short(KEY_BYTES_AT),
            payload_bytes: short(PAYLOAD_BYTES_AT),
        }
    }

    /// The bytes that an envelope begins with.
    pub(super) fn to_bytes(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
        put(0, &MAGIC);
        let packing = self.errors << COMPRESSION_BITS | self.compression;
        put(VERSION_AT, &[VERSION, self.protection, packing, self.codec]);
        put(TAGS_AT, &self.tags.to_le_bytes());
        put(CLOCK_AT, &self.clock.to_le_bytes());
        put(CREATED_AT, &self.created.to_le_bytes());
        put(GONE_AT_AT, &self.gone_at.to_le_bytes());
        put(FRESH_UNTIL_AT, &self.fresh_until.to_le_bytes());
        put(LOAD_NANOS_AT, &self.load_nanos.to_le_bytes());
        put(KEY_BYTES_AT, &self.key_bytes.to_le_bytes());
        put(PAYLOAD_BYTES_AT, &self.payload_bytes.to_le_bytes());
        bytes
    }
}

/// Writes into an envelope by what its payload is compressed.
#[inline]
pub(super) fn set_compression(envelope: &mut [u8], compression: u8) {
    envelope[PACKING_AT] |= compression;
}

/// Writes the clock into an envelope.
#[inline]
pub(super) fn set_clock(envelope: &mut [u8], clock: u64) {
    envelope[CLOCK_AT..CLOCK_AT + size_of::<u64>()].copy_from_slice(&clock.to_le_bytes());
}

#[inline]
fn part<const BYTES: usize>(bytes: &[u8; HEAD_BYTES], at: usize) -> [u8; BYTES] {
    std::array::from_fn(|place| bytes[at + place])
}
