//! What a memory should hold and have counted: a plain map, told of what left, which it checks.

use std::collections::BTreeMap;

use super::decode::OWNERS;
use super::things::{Key, Value};
use super::{Config, When, Writing};
use crate::clock::{NEVER, Tick};
use crate::expiry::Lifespan;
use crate::memory::Removed;
use crate::stats::{Cause, OwnerCounts};

/// An entry as it should be.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) key_serial: u64,
    pub(super) value_serial: u64,
    pub(super) content: u8,
    pub(super) weight: u64,
    pub(super) tags: u8,
    pub(super) deadline: Tick,
    /// The end of the ttl, which reads do not put off.
    expires: Tick,
    idle: Tick,
}

/// What a write should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing at all.
    Nothing,
    Refused,
    Stored,
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) entries: BTreeMap<u8, Held>,
    pub(super) owners: Vec<OwnerCounts>,
    pub(super) departed: OwnerCounts,
    pub(super) removed: [u64; 5],
    pub(super) max_entries: u64,
    pub(super) max_weight: u64,
    pub(super) enabled: bool,
    pub(super) now: Tick,
    /// Whether weights count: for good as soon as there was a bound.
    weighed: bool,
}

/// Whose key has this number.
pub(super) fn owner(number: u8) -> u32 {
    u32::from(number) % OWNERS
}

impl Model {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            entries: BTreeMap::new(),
            owners: vec![OwnerCounts::default(); OWNERS as usize],
            departed: OwnerCounts::default(),
            removed: [0; 5],
            max_entries: config.max_entries,
            max_weight: config.max_weight,
            enabled: true,
            now: 0,
            weighed: config.max_weight != u64::MAX,
        }
    }

    pub(super) fn weight(&self) -> u64 {
        self.entries.values().map(|held| held.weight).sum()
    }

    pub(super) fn is_over(&self, held: &Held) -> bool {
        held.deadline <= self.now && held.deadline != NEVER
    }

    pub(super) fn fresh(&self, number: u8) -> Option<&Held> {
        self.entries.get(&number).filter(|held| !self.is_over(held))
    }

    pub(super) fn is_over_bounds(&self) -> bool {
        self.entries.len() as u64 > self.max_entries || self.weight() > self.max_weight
    }

    pub(super) fn counts_of(&mut self, number: u8) -> &mut OwnerCounts {
        &mut self.owners[owner(number) as usize]
    }

    pub(super) fn resize(&mut self, max_entries: u64, max_weight: u64) {
        (self.max_entries, self.max_weight) = (max_entries, max_weight);
        self.weighed |= max_weight != u64::MAX;
    }

    /// A read: what it should find.
    pub(super) fn read(&mut self, number: u8) -> Option<(u8, u64)> {
        let found = self.fresh(number).map(|held| (held.content, held.value_serial));
        match found {
            Some(_) => self.counts_of(number).hits += 1,
            None => self.counts_of(number).misses += 1,
        }
        let now = self.now;
        if let Some(held) = self.entries.get_mut(&number).filter(|held| found.is_some() && held.idle != NEVER) {
            held.deadline = end(now, held.idle).min(held.expires);
        }
        found
    }

    pub(super) fn outcome(&self, number: u8, writing: &Writing) -> Outcome {
        let holds = match (writing.when, self.fresh(number)) {
            (When::Always, _) | (When::Absent, None) | (When::Present, Some(_)) => true,
            (When::Holds(content), Some(held)) => held.content == content,
            _ => false,
        };
        match holds && self.enabled {
            false => Outcome::Nothing,
            true if writing.weight > self.max_weight || self.max_entries == 0 => Outcome::Refused,
            true => Outcome::Stored,
        }
    }

    /// Stores a new key, or a value in the place of another; what is replaced has to be the first that left.
    pub(super) fn store(
        &mut self,
        key: &(u8, u64),
        value: u64,
        writing: &Writing,
        first: Option<&Removed<Key, Value>>,
    ) {
        let weight = if self.weighed { writing.weight } else { 1 };
        let before = self.entries.get(&key.0).cloned();
        match &before {
            None => self.counts_of(key.0).entries += 1,
            Some(held) => self.check_replaced(held, key.1, first.expect("what was replaced to leave first")),
        }
        let mut held = before.unwrap_or_else(|| Held::new(key.1));
        (held.value_serial, held.content, held.weight) = (value, writing.content, weight);
        if !matches!(writing.when, When::Holds(_)) {
            held.tags = writing.tags;
            held.live(self.now, writing.lifespan);
        }
        self.entries.insert(key.0, held);
    }

    fn check_replaced(&mut self, held: &Held, serial: u64, left: &Removed<Key, Value>) {
        let cause = if self.is_over(held) { Cause::Expired } else { Cause::Replaced };
        let expected = (serial, held.value_serial, cause, held.weight, false);
        let found = (left.key.serial, left.value.serial, left.cause, left.weight, left.gone);
        assert_eq!(found, expected, "what was replaced (key, value, cause, weight, gone)");
        self.removed[cause as usize] += 1;
    }

    /// Takes out an entry that left; it has to be as it was, and its cause a true one.
    pub(super) fn leave(&mut self, left: &Removed<Key, Value>, usual: Cause) {
        let held = self.entries.get(&left.key.number).expect("what left to have been there");
        let cause = if self.is_over(held) { Cause::Expired } else { usual };
        let expected = (held.key_serial, held.value_serial, cause, held.weight, true);
        let found = (left.key.serial, left.value.serial, left.cause, left.weight, left.gone);
        assert_eq!(found, expected, "what left (key, value, cause, weight, gone)");
        assert!(
            cause != Cause::Evicted || self.is_over_bounds(),
            "key {} left although there was room",
            left.key.number
        );
        self.entries.remove(&left.key.number);
        self.removed[cause as usize] += 1;
        self.counts_of(left.key.number).entries -= 1;
    }

    /// Gives a fresh entry another life.
    pub(super) fn touch(&mut self, number: u8, lifespan: Lifespan) -> bool {
        let is_fresh = self.fresh(number).is_some();
        let now = self.now;
        if let Some(held) = self.entries.get_mut(&number).filter(|_| is_fresh) {
            held.live(now, lifespan);
        }
        is_fresh
    }

    /// Takes over the end of a life of this length, of which jitter took up to the fraction.
    pub(super) fn shorten(&mut self, number: u8, ttl: Tick, fraction: f64, remaining: Option<Tick>) {
        let remaining = remaining.expect("a new life to have some time left");
        let shortest = (ttl as f64 * (1.0 - fraction)) as Tick;
        let is_endless = remaining == NEVER && self.now + ttl >= NEVER;
        assert!((shortest..=ttl).contains(&remaining) || is_endless, "{remaining} is not from {shortest} to {ttl}");
        let end = end(self.now, remaining);
        if let Some(held) = self.entries.get_mut(&number) {
            (held.expires, held.deadline) = (end, end);
        }
    }
}

impl Held {
    fn new(key_serial: u64) -> Self {
        let ends = (NEVER, NEVER, NEVER);
        Self {
            key_serial,
            value_serial: 0,
            content: 0,
            weight: 0,
            tags: 0,
            deadline: ends.0,
            expires: ends.1,
            idle: ends.2,
        }
    }

    fn live(&mut self, now: Tick, lifespan: Lifespan) {
        self.idle = lifespan.idle;
        self.expires = end(now, lifespan.ttl);
        self.deadline = self.expires.min(end(now, lifespan.idle));
    }
}

fn end(now: Tick, length: Tick) -> Tick {
    if length == NEVER { NEVER } else { (now + length).min(NEVER) }
}
