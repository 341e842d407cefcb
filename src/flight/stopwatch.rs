//! How long a load takes.

use crate::clock::{self, Tick};
use crate::memory::{Hashed, Memory, Owner};
use crate::policy::worth::Optimize;
use crate::sync::RawMutex;

/// So many loads of each owner are timed with the precise clock, later ones with the coarse one. That is behind by a random part of
/// its period, at the beginning of a load as at the end, so that the sum over many loads is true all the same.
const PRECISE_LOADS: u64 = 64;

/// A load that is being timed: when it began and for whom.
#[derive(Debug)]
#[must_use = "a load ends with `landed` or `failed`"]
pub struct Stopwatch {
    hash: u32,
    owner: Owner,
    began: Began,
}

#[derive(Clone, Copy, Debug)]
enum Began {
    Precisely(u64),
    Coarsely(Tick),
}

/// When a load ended, and what it took.
#[derive(Clone, Copy, Debug)]
pub struct Landed {
    /// The memory's time, by the coarse clock.
    pub now: Tick,
    /// The nanoseconds that it took.
    pub nanos: u64,
}

impl Stopwatch {
    /// The load of this key begins now and is timed precisely.
    pub fn begin(hash: u32, owner: Owner) -> Self {
        Self { hash, owner, began: Began::Precisely(clock::nanos()) }
    }

    /// The load of this key begins now; how long it takes matters to the statistics only, unless loads are to be
    /// saved by their time.
    #[inline]
    pub fn begin_uncritical<K: Hashed, V, R: RawMutex>(memory: &Memory<K, V, R>, hash: u32, owner: Owner) -> Self {
        if memory.optimize() == Optimize::Time || memory.loads(hash, owner) < PRECISE_LOADS {
            return Self::begin(hash, owner);
        }
        Self { hash, owner, began: Began::Coarsely(clock::Clock::System.coarse()) }
    }

    /// When it began, by the memory's coarse clock.
    #[inline]
    #[must_use]
    pub fn began<K: Hashed, V, R: RawMutex>(&self, memory: &Memory<K, V, R>) -> Tick {
        match (self.began, memory.clock()) {
            (Began::Coarsely(began), clock::Clock::System) => began,
            (_, clock) => clock.coarse(),
        }
    }

    /// The load returned.
    #[inline]
    pub fn landed<K: Hashed, V, R: RawMutex>(self, memory: &Memory<K, V, R>) -> Landed {
        self.end(memory, false)
    }

    /// The load raised.
    #[cold]
    pub fn failed<K: Hashed, V, R: RawMutex>(self, memory: &Memory<K, V, R>) {
        self.end(memory, true);
    }

    #[inline]
    fn end<K: Hashed, V, R: RawMutex>(self, memory: &Memory<K, V, R>, failed: bool) -> Landed {
        let now = memory.clock().coarse();
        let nanos = match self.began {
            Began::Precisely(began) => clock::nanos().saturating_sub(began),
            Began::Coarsely(began) => coarse_nanos(memory.clock(), now, began),
        };
        memory.count_load(self.hash, self.owner, nanos, failed);
        Landed { now, nanos }
    }
}

/// Loads are timed by the system's clock, whatever clock the memory has.
#[inline]
fn coarse_nanos(clock: &clock::Clock, now: Tick, began: Tick) -> u64 {
    let ended = if matches!(clock, clock::Clock::System) { now } else { clock::Clock::System.coarse() };
    clock::duration(ended.saturating_sub(began)).as_nanos() as u64
}
