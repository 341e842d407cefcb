//! Leases: who may load what, until when. They save loads and guard nothing: what cannot be noted is granted.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::word::Word;
use crate::hash::fold;
use crate::tier::{Lease, Mark};

/// Leases whose marks have one bucket.
pub(crate) const BUCKET: usize = 8;
const FRAGMENT_BITS: u32 = 16;
const HOLDER_BITS: u32 = 14;
/// Milliseconds since the machine was started in units of [`UNIT`]: 8 years.
const END_BITS: u32 = 64 - FRAGMENT_BITS - HOLDER_BITS;
/// Milliseconds by which a lease may be longer than asked for.
const UNIT: u64 = 16;
const MIXER: u64 = 0x9E37_79B9_7F4A_7C15;

/// A table of leases, in words that are shared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leases<'a> {
    pub(crate) words: &'a [Word],
}

/// `fragment of the mark, part of the holder, end`; 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Note(u64);

impl Leases<'_> {
    /// The right to load what has this mark. `now` is in milliseconds since the machine was started.
    pub(crate) fn lease(&self, mark: Mark, holder: u64, length: Duration, now: u64) -> Lease {
        let new = Note::new(mark, holder, now.saturating_add(u64::try_from(length.as_millis()).unwrap_or(u64::MAX)));
        loop {
            // One look at all: who sees the same takes the same place, and one of them comes too late.
            let bucket = self.bucket(mark);
            let seen: [Note; BUCKET] = std::array::from_fn(|place| Note(bucket[place].load(Relaxed)));
            let notes = || bucket.iter().zip(seen);
            let own = notes().find(|(_, note)| note.is_of(mark) && note.runs(now));
            if let Some((_, note)) = own.filter(|(_, note)| !note.is_by(holder)) {
                return Lease::Held(Duration::from_millis(note.end() - now));
            }
            let Some((word, old)) = own.or_else(|| notes().find(|(_, note)| !note.runs(now))) else {
                return Lease::Granted;
            };
            if word.replace(old.0, new.0) {
                return Lease::Granted;
            }
        }
    }

    /// Gives a lease back, if it is still this holder's.
    pub(crate) fn release(&self, mark: Mark, holder: u64) {
        for word in self.bucket(mark) {
            let note = Note(word.load(Relaxed));
            if note.is_of(mark) && note.is_by(holder) {
                word.replace(note.0, 0);
            }
        }
    }

    /// Ends all leases.
    pub(crate) fn forget(&self) {
        self.words.iter().for_each(|word| word.store(0, Relaxed));
    }

    fn bucket(&self, mark: Mark) -> &[Word] {
        let place = (mark.bits() as usize & (self.words.len() / BUCKET - 1)) * BUCKET;
        &self.words[place..][..BUCKET]
    }
}

impl Note {
    fn new(mark: Mark, holder: u64, end: u64) -> Self {
        let end = end.div_ceil(UNIT).min((1 << END_BITS) - 1);
        Self(Self::fragment(mark) << (64 - FRAGMENT_BITS) | Self::part(holder) << END_BITS | end)
    }

    const fn fragment(mark: Mark) -> u64 {
        mark.bits() >> (64 - FRAGMENT_BITS)
    }

    const fn part(holder: u64) -> u64 {
        fold(holder, MIXER) >> (64 - HOLDER_BITS)
    }

    const fn is_of(self, mark: Mark) -> bool {
        self.0 >> (64 - FRAGMENT_BITS) == Self::fragment(mark)
    }

    const fn is_by(self, holder: u64) -> bool {
        self.0 >> END_BITS & ((1 << HOLDER_BITS) - 1) == Self::part(holder)
    }

    /// In milliseconds since the machine was started.
    const fn end(self) -> u64 {
        (self.0 & ((1 << END_BITS) - 1)) * UNIT
    }

    const fn runs(self, now: u64) -> bool {
        self.end() > now
    }
}
