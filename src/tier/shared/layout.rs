//! What lies where in the shared file, all of it in words of this machine's byte order.

use std::ops::Range;

use super::{leases, log, stale, versions};

/// The first word: that it is such a file.
pub(crate) const MAGIC: u64 = u64::from_ne_bytes(*b"hotsetSH");
/// The version of all of this.
pub(crate) const FORMAT: u64 = 1;

/// Places in the header. What moves has a cache line of its own.
pub(crate) mod at {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const FORMAT: usize = 1;
    pub(crate) const WORDS: usize = 2;
    pub(crate) const BUCKETS: usize = 3;
    pub(crate) const BASE: usize = 4;
    pub(crate) const STORE: usize = 5;
    pub(crate) const PID_NS: usize = 6;
    pub(crate) const BOOT: [usize; 2] = [8, 9];
    pub(crate) const FLAGS: usize = 16;
    pub(crate) const LAST: usize = 24;
    pub(crate) const SETTING: usize = 32;
}

/// Words of the header: a page.
pub(crate) const HEADER: usize = 512;
const LEASE_BUCKETS: usize = 512;
/// Buckets of versions for each bucket of what became stale, which is rarer.
const VERSIONS_PER_STALE: u64 = 4;

/// How large the tables are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    buckets: u64,
}

impl Sizes {
    const LEAST: u64 = 1 << 9;
    const MOST: u64 = 1 << 17;
    /// Bytes of a store for each bucket of seven marks.
    const BYTES_PER_BUCKET: u64 = 1 << 13;

    /// For a store of so many bytes: 7 marks for each 8 KiB, between 3,584 and 917,504 of them. The file takes from 0.6 to 17 MiB.
    #[must_use]
    pub fn of_store(max_bytes: u64) -> Self {
        let buckets = max_bytes / Self::BYTES_PER_BUCKET;
        Self { buckets: buckets.clamp(Self::LEAST, Self::MOST).next_power_of_two() }
    }

    /// As a file says; `None` if no file is like that.
    pub(crate) fn of_buckets(buckets: u64) -> Option<Self> {
        ((Self::LEAST..=Self::MOST).contains(&buckets) && buckets.is_power_of_two()).then_some(Self { buckets })
    }

    pub(crate) const fn buckets(self) -> u64 {
        self.buckets
    }

    pub(crate) const fn log(self) -> Range<usize> {
        HEADER..HEADER + log::SLOTS
    }

    pub(crate) const fn leases(self) -> Range<usize> {
        let start = self.log().end;
        start..start + LEASE_BUCKETS * leases::BUCKET
    }

    pub(crate) const fn versions(self) -> Range<usize> {
        let start = self.leases().end;
        start..start + self.buckets as usize * versions::LINE
    }

    pub(crate) const fn stale(self) -> Range<usize> {
        let start = self.versions().end;
        start..start + (self.buckets / VERSIONS_PER_STALE) as usize * stale::BUCKET
    }

    /// Words of all.
    pub(crate) const fn words(self) -> usize {
        self.stale().end
    }
}
