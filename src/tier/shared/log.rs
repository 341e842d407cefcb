//! The log of changes: a ring in which the last of them can be read by number.
//!
//! It is a queue without locks (Michael and Scott, *Simple, Fast, and Practical Non-Blocking and Blocking Concurrent Queue
//! Algorithms*, PODC 1996) whose consumers only look. A change is written into the slot behind the last one, and then the number of
//! the last one is moved; whoever finds the first done and not the second does the second. So every number up to the last has its
//! change in the log, and a writer that is stopped or killed at any point holds up nobody.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use super::word::Word;
use crate::tier::mark::PART_BITS;
use crate::tier::{Heard, Mark, Number};

/// Changes that the ring holds.
pub(crate) const SLOTS: usize = 1 << SLOT_BITS;
const SLOT_BITS: u32 = 16;
const PART: u64 = (1 << PART_BITS) - 1;

/// What a log says of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// What has this [`Mark::part`] has changed.
    Part(u64),
    /// Everything may have changed.
    Everything,
    /// Nothing has changed: the number belongs to a `set` that is about to be.
    Nothing,
}

impl Entry {
    /// A mark whose part has a meaning of its own is taken for everything.
    pub(crate) const fn of(mark: Mark) -> Self {
        match mark.part() {
            0 | PART => Self::Everything,
            part => Self::Part(part),
        }
    }

    const fn from_bits(part: u64) -> Self {
        match part {
            PART => Self::Everything,
            0 => Self::Nothing,
            part => Self::Part(part),
        }
    }

    const fn bits(self) -> u64 {
        match self {
            Self::Part(part) => part,
            Self::Everything => PART,
            Self::Nothing => 0,
        }
    }
}

/// The log, in words that are shared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log<'a> {
    /// The number before the first.
    pub(crate) base: Number,
    /// The number of the last change.
    pub(crate) last: &'a Word,
    /// `lap: 24 bits, part: 40 bits`.
    pub(crate) slots: &'a [Word],
}

impl Log<'_> {
    /// The number of the last change.
    pub(crate) fn last(&self) -> Number {
        // Acquire: all that was done before that change was published has been done.
        self.last.load(Acquire)
    }

    /// Publishes a change; its number. What has to be done before it can be heard of is done with each number that is tried, of
    /// which the last is its own.
    pub(crate) fn publish(&self, entry: Entry, mut before: impl FnMut(Number)) -> Number {
        loop {
            let number = self.last() + 1;
            before(number);
            if self.publish_as(number, entry) {
                return number;
            }
        }
    }

    fn publish_as(&self, number: Number, entry: Entry) -> bool {
        let slot = self.slot(number);
        let (old, lap) = (slot.load(Acquire), self.lap(number));
        // Laps only grow: what is not of this lap is of an earlier one, or of a later one, after which the last number has moved.
        // It is replaced only if nobody else has replaced it, and it never comes again. The release shows what came before.
        let mine = old >> PART_BITS < lap && slot.replace(old, lap << PART_BITS | entry.bits());
        if mine || slot.load(Acquire) >> PART_BITS >= lap {
            self.last.raise(number);
        }
        mine
    }

    /// As [`crate::tier::Watch::changes`].
    pub(crate) fn changes(&self, after: Number, see: &mut dyn FnMut(Number, u64)) -> Heard {
        let last = self.last();
        if last.checked_sub(after).is_none_or(|behind| behind > self.slots.len() as u64) {
            return Heard::Lost(last);
        }
        for number in after + 1..=last {
            match self.entry(number) {
                Some(Entry::Part(part)) => see(number, part),
                Some(Entry::Nothing) => {}
                Some(Entry::Everything) | None => return Heard::Lost(last),
            }
        }
        Heard::All(last)
    }

    /// What is in the log of this number, unless it is written over.
    fn entry(&self, number: Number) -> Option<Entry> {
        let word = self.slot(number).load(Relaxed);
        (word >> PART_BITS == self.lap(number)).then_some(Entry::from_bits(word & PART))
    }

    fn slot(&self, number: Number) -> &Word {
        &self.slots[(number - self.base) as usize % self.slots.len()]
    }

    /// How many times the ring was gone round, from 1 on: 0 is a slot that was never written.
    fn lap(&self, number: Number) -> u64 {
        (number - self.base) / self.slots.len() as u64 + 1
    }
}
