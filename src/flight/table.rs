//! A table of flights, for under one lock. The first flight lies in the table itself: more than one are rare.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashTable;

use crate::clock::Tick;
use crate::flight::Promise;
use crate::memory::{Hashed, Mark, Probe, Unsure, Verdict};

/// Bits of a number that count the flights of one table; the others say which table.
const COUNT_BITS: u32 = 40;

static TABLES: AtomicU64 = AtomicU64::new(1);

/// What may overtake a load by tags.
#[derive(Clone, Debug, Default)]
pub struct Beginning {
    /// The memory's epoch when the load began.
    pub since: u64,
    /// When it began.
    pub at: Tick,
    /// The tags that the result will carry; `None` if only the result will tell.
    pub tags: Option<Box<[Arc<str>]>>,
    /// What others know its key by, 0 if there are none.
    pub mark: Mark,
    /// The clock of the tier when the load began, if there is one.
    pub fence: Option<u64>,
    /// Whether others are to hear of its result, because it replaces one that may be good.
    pub tells: bool,
}

impl Beginning {
    /// Of a load whose result will carry no tags.
    #[must_use]
    pub fn untagged(since: u64) -> Self {
        Self { since, at: 0, tags: Some(Box::default()), mark: 0, fence: None, tells: false }
    }
}

/// A load in progress.
pub(super) struct Flight<K, S: Promise> {
    pub(super) number: u64,
    pub(super) hash: u32,
    /// There until what was loaded is stored with it.
    pub(super) key: Option<K>,
    pub(super) leader: S::Leader,
    pub(super) began: Beginning,
    /// Whether somebody wrote to the key since the load began.
    pub(super) overtaken: bool,
    pub(super) promise: Option<Arc<S>>,
}

pub(super) struct Table<K, S: Promise> {
    first: Option<Flight<K, S>>,
    others: HashTable<Flight<K, S>>,
    next: u64,
}

impl<K, S: Promise> Flight<K, S> {
    /// Where its followers meet; made when the first one comes.
    pub(super) fn promise(&mut self) -> Arc<S> {
        self.promise.get_or_insert_with(|| Arc::new(S::new(self.number, &self.leader))).clone()
    }
}

impl<K: Hashed, S: Promise> Table<K, S> {
    pub(super) fn new() -> Self {
        let table = TABLES.fetch_add(1, Ordering::Relaxed);
        Self { first: None, others: HashTable::new(), next: table << COUNT_BITS }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none() && self.others.is_empty()
    }

    /// Adds a flight; its number.
    #[inline]
    pub(super) fn add(&mut self, key: K, leader: S::Leader, began: Beginning) -> u64 {
        let number = self.next;
        self.next += 1;
        let hash = key.hash();
        let flight = Flight { number, hash, key: Some(key), leader, began, overtaken: false, promise: None };
        if self.first.is_none() {
            self.first = Some(flight);
        } else {
            self.others.insert_unique(spread(hash), flight, |flight| spread(flight.hash));
        }
        number
    }

    /// Takes out the flight with this number; its key and where its followers meet.
    #[inline]
    pub(super) fn end(&mut self, hash: u32, number: u64) -> (Option<K>, Option<Arc<S>>) {
        let ended = if self.first.as_ref().is_some_and(|first| first.number == number) {
            self.first.take()
        } else {
            self.others.find_entry(spread(hash), |flight| flight.number == number).ok().map(|entry| entry.remove().0)
        };
        ended.map_or((None, None), |flight| (flight.key, flight.promise))
    }

    /// The flight with this number.
    #[inline]
    pub(super) fn get(&mut self, hash: u32, number: u64) -> Option<&mut Flight<K, S>> {
        let others = &mut self.others;
        let first = self.first.as_mut().filter(|first| first.number == number);
        first.or_else(|| others.find_mut(spread(hash), |flight| flight.number == number))
    }

    /// The flight of a key, among those that `fits` says.
    #[inline]
    pub(super) fn find(
        &mut self,
        hash: u32,
        probe: &mut impl Probe<K>,
        fits: impl Fn(&Flight<K, S>) -> bool,
    ) -> Result<Option<&mut Flight<K, S>>, Unsure> {
        if self.is_empty() {
            return Ok(None);
        }
        let mut unsure = false;
        let mut is_it = |flight: &Flight<K, S>| {
            let verdict = match &flight.key {
                Some(key) if flight.hash == hash && fits(flight) => probe.compare(key),
                _ => Verdict::Different,
            };
            unsure |= verdict == Verdict::Unknown;
            verdict == Verdict::Same
        };
        let others = &mut self.others;
        let first = self.first.as_mut().filter(|first| is_it(first));
        let found = first.or_else(|| others.find_mut(spread(hash), |flight| is_it(flight)));
        if found.is_none() && unsure { Err(Unsure) } else { Ok(found) }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Flight<K, S>> {
        self.first.iter().chain(self.others.iter())
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Flight<K, S>> {
        self.first.iter_mut().chain(self.others.iter_mut())
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Flight<K, S>> {
        self.first.take().into_iter().chain(self.others.drain())
    }
}

/// A hash over the whole word, of which the table uses both ends.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}
