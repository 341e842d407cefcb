//! Versions: for each mark the number of its last change, in a table that forgets on the safe side.
//!
//! A mark has its place in one bucket, which is one cache line: a floor, and entries of a fragment of the mark with a number. A full
//! bucket forgets its oldest entry, after raising the floor to its number: no mark of the bucket has an earlier version than that.
//! Numbers in a table count from the base of the clock, so that 40 bits are enough.

use std::sync::atomic::Ordering::Acquire;

use super::word::Word;
use crate::tier::Mark;

/// Words of a cache line.
pub(crate) const LINE: usize = 8;
const FLOOR: usize = 0;
const NUMBER_BITS: u32 = 40;
/// The last number that an entry can hold; it stands for all that are later.
pub(crate) const LAST_NUMBER: u64 = (1 << NUMBER_BITS) - 1;

/// A table of versions, in words that are shared; 0 is the version of what never changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Versions<'a, const BUCKET: usize = LINE> {
    /// Buckets, a power of two of them, each of which begins with its line.
    pub(crate) words: &'a [Word],
}

/// What became of a version that was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Raised {
    /// The mark had no entry; now it has this.
    New(usize),
    /// The mark's entry had this number.
    From(usize, u64),
    /// The mark's entry had a later number.
    Later(usize),
    /// The bucket is full of later ones, so that its floor was raised.
    Forgotten,
}

impl<'a, const BUCKET: usize> Versions<'a, BUCKET> {
    /// The version of a mark, or a later one.
    pub(crate) fn of(&self, mark: Mark) -> u64 {
        let line = self.bucket(mark);
        let known = entries(line).map(|entry| entry.version_of(mark)).max().unwrap_or(0);
        // After the entries: who sees what an entry was replaced by sees the floor that was raised before.
        known.max(line[FLOOR].load(Acquire))
    }

    /// Makes the version of a mark this number, or leaves a later one.
    pub(crate) fn raise(&self, mark: Mark, number: u64) -> Raised {
        loop {
            if let Some(raised) = self.try_raise(mark, number.min(LAST_NUMBER)) {
                return raised;
            }
        }
    }

    fn try_raise(&self, mark: Mark, number: u64) -> Option<Raised> {
        let line = self.bucket(mark);
        let new = Entry::new(mark, number);
        // Two at once may have given a mark two entries: the later is its version.
        let own =
            entries(line).enumerate().filter(|(_, entry)| entry.is_of(mark)).max_by_key(|(_, entry)| entry.number());
        if let Some((place, old)) = own {
            let raised = if old.number() >= number { Raised::Later(place) } else { Raised::From(place, old.number()) };
            return (raised == Raised::Later(place) || new.replaces(old, line, place)).then_some(raised);
        }
        let (place, oldest) = entries(line).enumerate().min_by_key(|(_, entry)| entry.number())?;
        line[FLOOR].raise(oldest.number().min(number));
        if oldest.number() > number {
            return Some(Raised::Forgotten);
        }
        new.replaces(oldest, line, place).then_some(Raised::New(place))
    }

    /// The words of a mark's bucket.
    pub(crate) fn bucket(&self, mark: Mark) -> &'a [Word] {
        &self.words[self.place(mark)..][..BUCKET]
    }

    /// Where a mark's bucket begins.
    pub(crate) fn place(&self, mark: Mark) -> usize {
        // Other bits than those of the fragment.
        (mark.bits() as usize & (self.words.len() / BUCKET - 1)) * BUCKET
    }

    /// Where the entries of a mark are that have a later number than this.
    pub(crate) fn later(&self, mark: Mark, number: u64) -> impl Iterator<Item = usize> {
        let of_mark = move |(place, entry): (usize, Entry)| (entry.version_of(mark) > number).then_some(place);
        entries(self.bucket(mark)).enumerate().filter_map(of_mark)
    }

    /// Whether what had a version later than this number may have been forgotten.
    pub(crate) fn forgot(&self, mark: Mark, number: u64) -> bool {
        self.bucket(mark)[FLOOR].load(Acquire) > number
    }
}

/// `fragment of the mark: 24 bits, number: 40 bits`; 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry(u64);

fn entries(line: &[Word]) -> impl Iterator<Item = Entry> {
    // Acquire: whoever sees an entry sees the floor from before it.
    line[FLOOR + 1..LINE].iter().map(|word| Entry(word.load(Acquire)))
}

impl Entry {
    const fn new(mark: Mark, number: u64) -> Self {
        Self(mark.bits() >> NUMBER_BITS << NUMBER_BITS | number)
    }

    const fn number(self) -> u64 {
        self.0 & LAST_NUMBER
    }

    const fn is_of(self, mark: Mark) -> bool {
        self.number() != 0 && self.0 >> NUMBER_BITS == mark.bits() >> NUMBER_BITS
    }

    const fn version_of(self, mark: Mark) -> u64 {
        if self.is_of(mark) { self.number() } else { 0 }
    }

    fn replaces(self, old: Self, line: &[Word], place: usize) -> bool {
        line[FLOOR + 1 + place].replace(old.0, self.0)
    }
}
