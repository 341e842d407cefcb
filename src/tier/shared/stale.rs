//! When marks became stale: versions, each with the times of its last two changes.
//!
//! An entry is stale since the first change after its clock, and its grace counts from there. A mark has room for the times of two
//! changes, or of what is close together: `since` is the time of the last, for what comes after `elder`, and `elder_since` that of the
//! first of those before. So the time is exact for what was loaded between the last two changes, and for all until the third; for what has
//! missed more it is too early, which ends its grace too early. It is never too late: the words of a mark are changed in an order in
//! which whoever reads between sees an earlier time, and what another mark left in them is earlier too.

use std::sync::atomic::Ordering::{Acquire, Release};

use super::versions::{LINE, Raised, Versions};
use super::word::Word;
use crate::codec::Millis;
use crate::tier::Mark;

/// Words of a bucket: a line each for versions, `since`, `elder` and `elder_since`.
pub(crate) const BUCKET: usize = 4 * LINE;
/// Changes within one second are one, at the time of the first.
const BURST: Millis = 1000;

/// How something stands by the versions of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// The mark has not become stale.
    Never,
    /// It has at this time, or somewhat later.
    At(Millis),
    /// Nobody knows any more.
    Unknown,
}

/// A table of when marks became stale, in words that are shared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stales<'a> {
    pub(crate) versions: Versions<'a, BUCKET>,
}

/// What a bucket says beside an entry.
struct Times<'a> {
    since: &'a Word,
    elder: &'a Word,
    elder_since: &'a Word,
}

impl<'a> Stales<'a> {
    pub(crate) fn new(words: &'a [Word]) -> Self {
        Self { versions: Versions { words } }
    }

    /// Something with a mark becomes stale by the change of this number, at this time.
    pub(crate) fn raise(&self, mark: Mark, number: u64, time: Millis) {
        match self.versions.raise(mark, number) {
            Raised::New(place) => self.times(mark, place).begin(time),
            Raised::From(place, before) => self.times(mark, place).follow(before, time),
            Raised::Later(place) => self.times(mark, place).lower(time),
            Raised::Forgotten => {}
        }
    }

    /// Since when something with this clock and mark is stale.
    pub(crate) fn since(&self, clock: u64, mark: Mark) -> Since {
        let times = self.versions.later(mark, clock).map(|place| self.times(mark, place).after(clock));
        let first = times.min();
        // After the times: who sees those of another mark sees the floor that was raised before.
        match first {
            _ if self.versions.forgot(mark, clock) => Since::Unknown,
            None => Since::Never,
            Some(time) => Since::At(time),
        }
    }

    fn times(&self, mark: Mark, place: usize) -> Times<'a> {
        let line = |line: usize| &self.versions.bucket(mark)[line * LINE + 1 + place];
        Times { since: line(1), elder: line(2), elder_since: line(3) }
    }
}

impl Times<'_> {
    /// What other marks have left in `elder` does not matter, as both times are one.
    fn begin(&self, time: Millis) {
        self.elder_since.store(time, Release);
        self.since.store(time, Release);
    }

    fn follow(&self, before: u64, time: Millis) {
        let since = self.since.load(Acquire);
        if time < since {
            // Wall-clock time was set back.
            self.lower(time);
        } else if time - since >= BURST {
            // In this order: until `since` is later, all that came before it has to be older.
            self.elder.raise(before);
            self.since.store(time, Release);
        }
    }

    fn lower(&self, time: Millis) {
        self.elder_since.lower(time);
        self.since.lower(time);
    }

    fn after(&self, clock: u64) -> Millis {
        // In this order: who sees the later `since` sees what is older.
        let since = self.since.load(Acquire);
        if clock >= self.elder.load(Acquire) { since } else { self.elder_since.load(Acquire) }
    }
}
