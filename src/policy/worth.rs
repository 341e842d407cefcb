//! What an entry is worth beside another that is asked for as often.
//!
//! A hit saves what a load costs, and an entry that weighs twice as much takes the room of two. So entries are compared by cost over
//! weight, as by Cao and Irani, "Cost-aware WWW proxy caching algorithms" (GreedyDual-Size), USITS 1997, and, with frequencies, by
//! Cherkasova, "Improving WWW proxies performance with Greedy-Dual-Size-Frequency caching policy", HP Labs 1998. Costs go from
//! microseconds to minutes, so logarithms are enough, and fit in a byte.

use super::Slot;

/// What is to be as much as possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Optimize {
    /// The hits: all loads cost the same.
    #[default]
    Hits,
    /// The time that loads would have taken.
    Time,
}

/// The binary logarithm of a worth, in quarters.
pub type Worth = i16;

/// Quarters of an octave in one.
const QUARTERS: f32 = 4.0;

/// What one more counts in a mean.
pub(super) const NEW_IN_MEAN: f32 = 1.0 / 256.0;

/// What a load cost, in a byte: 0 for unknown.
pub type Cost = u8;

/// The cost of a load that took so many nanoseconds.
#[must_use]
pub fn cost(nanos: u64) -> Cost {
    if nanos == 0 { 0 } else { (quarters(nanos) as Cost).saturating_add(1) }
}

/// What the loads of entries cost, by slot.
#[derive(Debug, Default)]
pub struct Costs {
    of: Vec<Cost>,
    /// The mean of those that were measured lately.
    usual: Option<f32>,
}

impl Costs {
    /// Makes room for another slot.
    #[inline]
    pub fn push(&mut self) {
        self.of.push(0);
    }

    /// Notes how long a load took; 0 is unknown, and counts as what is usual.
    #[inline]
    pub fn set(&mut self, slot: Slot, nanos: u64) {
        let measured = cost(nanos);
        if nanos > 0 {
            let usual = self.usual.unwrap_or(f32::from(measured));
            self.usual = Some(usual + (f32::from(measured) - usual) * NEW_IN_MEAN);
        }
        self.of[slot as usize] = if nanos > 0 { measured } else { self.usual.unwrap_or_default() as Cost };
    }

    /// What is noted of a slot.
    #[inline]
    #[must_use]
    pub fn of(&self, slot: Slot) -> Cost {
        self.of[slot as usize]
    }

    /// Forgets all slots, but not what is usual.
    pub fn clear(&mut self) {
        self.of.clear();
    }
}

/// The worth of an entry whose load had this cost, if that counts, and that weighs so much.
#[inline]
#[must_use]
pub fn worth(cost: Cost, weight: u64) -> Worth {
    Worth::from(cost) - quarters(weight)
}

/// How many times as much as another something is that is worth so much more.
#[inline]
#[must_use]
pub fn times(more: f32) -> f32 {
    (more / QUARTERS).exp2()
}

/// The binary logarithm of a number in quarters, rounded down; 0 for 0.
#[inline]
fn quarters(number: u64) -> Worth {
    let number = number.max(1);
    let octave = number.ilog2();
    let rest = if octave >= 2 { number >> (octave - 2) & 0b11 } else { number << (2 - octave) & 0b11 };
    (4 * octave) as Worth + rest as Worth
}
