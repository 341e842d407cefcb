//! How much entries were used of late: a count of four bits' worth for each hash of a key, which processes share without a lock.
//!
//! Reading or storing an entry raises its count up to a bound; the hand of eviction halves it in passing. So the count says how often the entry was
//! used in the last rounds of the hand, and what is read all the time writes nothing any more. (That is GCLOCK: A. J. Smith, "Sequentiality and prefetching in
//! database systems", 1978, with halves for decrements. That two keys can share a count only makes a victim a little less well chosen.)

use std::sync::atomic::{AtomicU8, Ordering};

use xxhash_rust::xxh3::xxh3_64;

/// The highest count.
const MOST: u8 = 15;

/// What raises a count by how much: what was read once is worth more than what was only stored.
const READ: u8 = 2;
const STORED: u8 = 1;

/// Bytes of a store for each count.
const BYTES_PER_COUNT: u64 = 128;
const FEWEST_COUNTS: u64 = 16_384;
const MOST_COUNTS: u64 = 16 << 20;

/// How many counts a store of so many bytes has: a power of two.
pub(super) fn counts_for(max_bytes: u64) -> u64 {
    (max_bytes / BYTES_PER_COUNT).clamp(FEWEST_COUNTS, MOST_COUNTS).next_power_of_two()
}

/// The counts of a store.
#[derive(Clone, Copy)]
pub(super) struct Reads<'a>(&'a [AtomicU8]);

impl<'a> Reads<'a> {
    pub(super) fn new(counts: &'a [AtomicU8]) -> Self {
        Self(counts)
    }

    /// Notes that an entry was read.
    #[inline]
    pub(super) fn note_read(self, key: &[u8]) {
        self.raise(key, READ);
    }

    /// Notes that an entry was stored.
    pub(super) fn note_stored(self, key: &[u8]) {
        self.raise(key, STORED);
    }

    #[inline]
    fn raise(self, key: &[u8], by: u8) {
        if let Some(count) = self.place(key) {
            let before = count.load(Ordering::Relaxed);
            if before < MOST {
                count.store((before + by).min(MOST), Ordering::Relaxed);
            }
        }
    }

    /// How often an entry was read.
    pub(super) fn of(self, key: &[u8]) -> u8 {
        self.place(key).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Makes that half as often.
    pub(super) fn halve(self, key: &[u8]) {
        if let Some(count) = self.place(key) {
            count.store(count.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
        }
    }

    #[inline]
    fn place(self, key: &[u8]) -> Option<&'a AtomicU8> {
        let mask = self.0.len().checked_sub(1)?;
        self.0.get(xxh3_64(key) as usize & mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_rise_to_their_bound_and_are_halved_in_passing() {
        let counts: Vec<AtomicU8> = (0..4096).map(|_| AtomicU8::new(0)).collect();
        let reads = Reads::new(&counts);
        (0..100).for_each(|_| reads.note_read(b"key"));
        let pass = || (reads.of(b"key"), reads.halve(b"key")).0;
        assert_eq!([pass(), pass(), pass(), pass(), pass()], [15, 7, 3, 1, 0]);
        assert_eq!(reads.of(b"another"), 0);
    }

    #[test]
    fn there_is_a_power_of_two_of_counts() {
        for (bytes, counts) in [(0, 16_384), (1 << 30, 8 << 20), (3 << 20, 32_768), (u64::MAX, 16 << 20)] {
            assert_eq!(counts_for(bytes), counts);
        }
    }
}
