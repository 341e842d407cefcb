//! Counts of what a memory did. They are kept under the lock of the shard, so they cost an addition.

/// Why an entry left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Its time was over.
    Expired,
    /// To make room.
    Evicted,
    /// A newer value took its place.
    Replaced,
    /// It was deleted, popped or invalidated.
    Invalidated,
    /// Everything was.
    Cleared,
}

impl Cause {
    /// All causes, in the order of [`Counts::removed`].
    pub const ALL: [Self; 5] = [Self::Expired, Self::Evicted, Self::Replaced, Self::Invalidated, Self::Cleared];

    /// The name that users see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Evicted => "evicted",
            Self::Replaced => "replaced",
            Self::Invalidated => "invalidated",
            Self::Cleared => "cleared",
        }
    }
}

/// What one owner of keys did: the cache itself or one function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnerCounts {
    /// Reads that found a fresh entry.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Of those, reads that were answered with a stale value.
    pub stale: u64,
    /// Loads that returned.
    pub loads: u64,
    /// Loads that raised.
    pub load_errors: u64,
    /// Nanoseconds spent in loads, whether they returned or raised.
    pub load_nanos: u64,
    /// Values that were not stored although they were to be.
    pub refused: u64,
    /// Entries held, those not yet swept included.
    pub entries: u64,
}

impl OwnerCounts {
    /// Adds the counts of another.
    pub fn add(&mut self, other: &Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.stale += other.stale;
        self.loads += other.loads;
        self.load_errors += other.load_errors;
        self.load_nanos += other.load_nanos;
        self.refused += other.refused;
        self.entries += other.entries;
    }
}

/// What a whole memory did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Of all owners together.
    pub total: OwnerCounts,
    /// Entries that left, by [`Cause::ALL`].
    pub removed: [u64; 5],
    /// The weight of all entries.
    pub weight: u64,
}
