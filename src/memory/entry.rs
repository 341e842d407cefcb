//! An entry: a pair, when it is over, and its places in the policy and in the wheel, in 48 bytes where a pair takes 24.

use crate::clock::{NEVER, Tick};
use crate::memory::Owner;
use crate::memory::tags::{Epoch, MemberId};
use crate::policy::{Links, UNLINKED};

/// A key that carries its hash, computed once at the boundary.
pub trait Hashed {
    /// The hash: well mixed in all 32 bits.
    fn hash(&self) -> u32;
    /// Whose key it is.
    fn owner(&self) -> Owner;
}

/// The kind of entries that are errors; as many kinds of lifespans have a number below it.
pub(crate) const ERROR: u8 = 7;

/// A slot of the slab. A vacant one has no pair, and its timer's `next` is the next vacant one.
#[derive(Debug)]
pub(crate) struct Entry<K, V> {
    pub(crate) pair: Option<(K, V)>,
    pub(crate) life: Life,
    pub(crate) policy: Links,
    pub(crate) timer: Links,
}

impl<K, V> Entry<K, V> {
    pub(crate) fn new(key: K, value: V, deadline: Tick) -> Self {
        Self { pair: Some((key, value)), life: Life::new(deadline), policy: UNLINKED, timer: UNLINKED }
    }
}

/// The first moment at which a hit is more than a hit (48 bits), flags (8), a note of the policy (6) and a count of reads (2) in one
/// word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life(u64);

const READS: u64 = 0b11;
const NOTE_SHIFT: u32 = 2;
const NOTE: u64 = 0b11_1111 << NOTE_SHIFT;
const ZONE_SHIFT: u32 = 8;
const ZONE: u64 = 0b11 << ZONE_SHIFT;
const TIMED: u64 = 1 << 10;
const OWN: u64 = 1 << 11;
const TAGGED: u64 = 1 << 12;
const KIND_SHIFT: u32 = 13;
const KIND: u64 = 0b111 << KIND_SHIFT;
const DEADLINE_SHIFT: u32 = 16;

impl Life {
    fn new(deadline: Tick) -> Self {
        Self(deadline << DEADLINE_SHIFT)
    }

    #[inline]
    pub(crate) fn deadline(self) -> Tick {
        self.0 >> DEADLINE_SHIFT
    }

    pub(crate) fn set_deadline(&mut self, deadline: Tick) {
        self.0 = deadline.min(NEVER) << DEADLINE_SHIFT | self.0 & 0xFFFF;
    }

    /// Counts a read; the count stays at 3.
    #[inline]
    pub(crate) fn count_read(&mut self) {
        if self.0 & READS != READS {
            self.0 += 1;
        }
    }

    pub(crate) fn reads(self) -> u8 {
        (self.0 & READS) as u8
    }

    pub(crate) fn take_reads(&mut self) -> u8 {
        let reads = self.reads();
        self.0 &= !READS;
        reads
    }

    pub(crate) fn use_read(&mut self) -> bool {
        let used = self.0 & READS != 0;
        self.0 -= u64::from(used);
        used
    }

    pub(crate) fn note(self) -> u8 {
        ((self.0 & NOTE) >> NOTE_SHIFT) as u8
    }

    pub(crate) fn set_note(&mut self, note: u8) {
        self.0 = self.0 & !NOTE | u64::from(note) << NOTE_SHIFT & NOTE;
    }

    pub(crate) fn zone(self) -> u8 {
        ((self.0 & ZONE) >> ZONE_SHIFT) as u8
    }

    pub(crate) fn set_zone(&mut self, zone: u8) {
        self.0 = self.0 & !ZONE | u64::from(zone) << ZONE_SHIFT & ZONE;
    }

    /// Whether the entry is in the wheel.
    pub(crate) fn is_timed(self) -> bool {
        self.0 & TIMED != 0
    }

    pub(crate) fn set_timed(&mut self, on: bool) {
        self.set(TIMED, on);
    }

    /// Whether a [`super::lifespans::OwnLifespan`] is noted of the entry.
    #[inline]
    pub(crate) fn is_own(self) -> bool {
        self.0 & OWN != 0
    }

    pub(crate) fn set_own(&mut self, on: bool) {
        self.set(OWN, on);
    }

    /// Whether the entry carries tags.
    #[inline]
    pub(crate) fn is_tagged(self) -> bool {
        self.0 & TAGGED != 0
    }

    pub(crate) fn set_tagged(&mut self, on: bool) {
        self.set(TAGGED, on);
    }

    /// Which of the usual lifespans the entry has, or [`ERROR`].
    #[inline]
    pub(crate) fn kind(self) -> u8 {
        ((self.0 & KIND) >> KIND_SHIFT) as u8
    }

    #[inline]
    pub(crate) fn set_kind(&mut self, kind: u8) {
        self.0 = self.0 & !KIND | u64::from(kind) << KIND_SHIFT & KIND;
    }

    /// Whether what is stored is an error that a load ended with, and no value.
    #[inline]
    pub(crate) fn is_error(self) -> bool {
        self.is_own() && self.kind() == ERROR
    }

    fn set(&mut self, flag: u64, on: bool) {
        self.0 = if on { self.0 | flag } else { self.0 & !flag };
    }
}

/// The tags of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carried {
    /// Where its first tag is noted.
    pub(crate) first: MemberId,
    /// The epoch at which no tag had invalidated it.
    pub(crate) valid_at: Epoch,
}
