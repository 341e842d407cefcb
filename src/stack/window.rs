//! How many calls there were of late, and how many of them failed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::clock::{Tick, ticks};

/// Parts of a window, of which the oldest leaves at once.
const PARTS: u64 = 10;
const COUNT_BITS: u32 = 20;
const MOST: u64 = (1 << COUNT_BITS) - 1;
const TURN_BITS: u32 = 64 - 2 * COUNT_BITS;

/// Counts of a length of time that ends now. Nobody waits for anybody.
#[derive(Debug)]
pub(super) struct Window {
    /// `turn: 24 bits, calls: 20 bits, failures: 20 bits` each.
    parts: [AtomicU64; PARTS as usize],
    length: Tick,
}

/// Calls of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    pub(super) all: u64,
    pub(super) failed: u64,
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        Self { parts: Default::default(), length: (ticks(length) / PARTS).max(1) }
    }

    /// Counts a call. Beyond a million in a part of the window, calls are not counted.
    pub(super) fn count(&self, now: Tick, failed: bool) {
        let turn = self.turn(now);
        let more = 1 << COUNT_BITS | u64::from(failed);
        let counted = |old: u64| {
            let old = if old >> (2 * COUNT_BITS) == turn { old } else { turn << (2 * COUNT_BITS) };
            (calls(old).all < MOST).then_some(old + more)
        };
        // Relaxed: only sums are wanted.
        _ = self.parts[(now / self.length % PARTS) as usize].fetch_update(Relaxed, Relaxed, counted);
    }

    /// The calls of the last length of time, to a tenth of it.
    pub(super) fn calls(&self, now: Tick) -> Calls {
        let turn = self.turn(now);
        let parts = self.parts.iter().map(|part| part.load(Relaxed));
        let recent = parts.filter(|part| turn.wrapping_sub(part >> (2 * COUNT_BITS)) & mask(TURN_BITS) < PARTS);
        recent
            .map(calls)
            .fold(Calls::default(), |sum, part| Calls { all: sum.all + part.all, failed: sum.failed + part.failed })
    }

    /// Forgets all calls.
    pub(super) fn clear(&self) {
        self.parts.iter().for_each(|part| part.store(0, Relaxed));
    }

    fn turn(&self, now: Tick) -> u64 {
        (now / self.length) & mask(TURN_BITS)
    }
}

const fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

fn calls(part: u64) -> Calls {
    Calls { all: part >> COUNT_BITS & MOST, failed: part & MOST }
}
