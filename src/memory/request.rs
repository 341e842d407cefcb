//! What a caller asks for, and what it is told.

use std::sync::Arc;

use crate::clock::NEVER;
use crate::expiry::{Early, Lifespan, Part};
use crate::memory::lifespans::{Deadlines, backed_off};
use crate::memory::{Mark, Removals};

/// What a read found.
#[derive(Debug)]
pub struct Read<T> {
    /// What was taken from the value, if the entry was there and fresh.
    pub found: Option<T>,
    /// What else there is to it.
    pub more: More,
    /// Whether entries have expired that the caller should take out with [`super::Memory::run_pending`].
    pub due: bool,
}

/// What a read found besides a fresh value, or instead of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// Nothing.
    Nothing,
    /// The value is to be refreshed, and this caller should see to it.
    Refresh,
    /// There is a value whose ttl has ended and whose grace has not.
    Stale,
    /// There is an error to be raised: [`super::Memory::inspect`] gives it.
    Error,
}

/// On which condition a value is stored.
pub enum Condition<'a, V> {
    /// In any case.
    Always,
    /// If there is no fresh entry.
    IfAbsent,
    /// If there is a fresh entry.
    IfPresent,
    /// If there is a fresh entry with this value; its life goes on unchanged.
    IfValue(&'a dyn Fn(&V) -> bool),
}

/// What is stored with a value.
#[derive(Clone, Debug)]
pub struct Details {
    /// How long it lives.
    pub lifespan: Lifespan,
    /// What it weighs, where entries are weighed.
    pub weight: u64,
    /// Its tags.
    pub tags: Box<[Arc<str>]>,
    /// The nanoseconds that its load took.
    pub nanos: u64,
    /// Whether it is an error that a load ended with: its ttl doubles with each one in a row.
    pub is_error: bool,
    /// Of how many errors in a row it is the last, and has the ttl of; 0 for what is there to be counted on from.
    pub failures: u8,
    /// When it was stored and what becomes of it, if that is not to follow from its lifespan.
    pub deadlines: Option<Deadlines>,
    /// What others know the entry by, 0 if there are none.
    pub mark: Mark,
    /// The [`Memory::moves`](crate::memory::Memory::moves) before the value was read elsewhere. If there was one since, it is not stored.
    pub moves: Option<u64>,
    /// The [`Memory::epoch`](crate::memory::Memory::epoch) when the load began that the value comes from. If one of its tags was invalidated since, it is refused.
    pub since: Option<u64>,
}

impl Default for Details {
    fn default() -> Self {
        Self {
            lifespan: Lifespan::FOREVER,
            weight: 1,
            tags: Box::default(),
            nanos: 0,
            is_error: false,
            failures: 0,
            deadlines: None,
            mark: 0,
            moves: None,
            since: None,
        }
    }
}

impl Details {
    /// Has an error follow so many others, each of which doubles its ttl. It is remembered for as long again, so that the next one in a
    /// row is told from a first.
    pub fn count_error(&mut self, before: u8) {
        let ttl = backed_off(self.lifespan.ttl, before);
        self.failures = before.saturating_add(1);
        self.lifespan = Lifespan { ttl, grace: ttl, idle: NEVER, ahead: Part::NONE, early: Early::NONE };
    }
}

/// What became of a write.
#[derive(Debug)]
pub struct Stored<K, V> {
    /// Whether the value is in the memory now.
    pub stored: bool,
    /// What left: the pair itself is not among it if it was not stored.
    pub left: Removals<K, V>,
}

impl<K, V> Stored<K, V> {
    pub(crate) const NOT: Self = Self { stored: false, left: Removals::nothing() };
}

impl<V> Condition<'_, V> {
    #[inline]
    pub(super) fn holds(&self, fresh: Option<&V>) -> bool {
        match (self, fresh) {
            (Self::Always, _) | (Self::IfAbsent, None) | (Self::IfPresent, Some(_)) => true,
            (Self::IfValue(test), Some(value)) => test(value),
            _ => false,
        }
    }
}
