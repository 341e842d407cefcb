//! How the load of an attempt is timed.

use hotset::clock;
use hotset::flight::Stopwatch;

use crate::state::CacheState;

/// How a load is timed.
pub(super) enum Timing {
    /// It is told and counted.
    Counted(Stopwatch),
    /// It is part of one that is counted elsewhere, and began at these nanoseconds.
    Part(u64),
}

impl Timing {
    /// The load returned; the nanoseconds that it took.
    pub(super) fn returned(self, cache: &CacheState) -> u64 {
        match self {
            Self::Counted(watch) => watch.landed(cache.memory()).nanos,
            Self::Part(began) => clock::nanos().saturating_sub(began),
        }
    }

    /// The load raised.
    pub(super) fn failed(self, cache: &CacheState) {
        if let Self::Counted(watch) = self {
            watch.failed(cache.memory());
        }
    }
}
