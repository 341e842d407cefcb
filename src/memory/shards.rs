//! The shards of a memory. The first lies in the memory itself, so that a memory with only one has it a step nearer.

use crate::memory::shard::Shard;
use crate::sync::{Mutex, RawMutex};

/// The bits of a hash from here on choose the shard.
const SHARD_SHIFT: u32 = 24;

pub(crate) struct Shards<K, V, R> {
    first: Mutex<R, Shard<K, V>>,
    rest: Box<[Mutex<R, Shard<K, V>>]>,
}

impl<K, V, R: RawMutex> Shards<K, V, R> {
    /// The number of `others` and the first is a power of two.
    pub(crate) fn new(first: Shard<K, V>, others: impl Iterator<Item = Shard<K, V>>) -> Self {
        Self { first: Mutex::new(first), rest: others.map(Mutex::new).collect() }
    }

    /// The shard of a hash.
    #[inline(always)]
    pub(crate) fn of(&self, hash: u32) -> &Mutex<R, Shard<K, V>> {
        if self.rest.is_empty() { &self.first } else { self.one_of_several(hash) }
    }

    #[inline]
    fn one_of_several(&self, hash: u32) -> &Mutex<R, Shard<K, V>> {
        self.at(self.number(hash)).unwrap_or(&self.first)
    }

    /// The number of a hash's shard.
    #[inline]
    pub(crate) fn number(&self, hash: u32) -> usize {
        // The index takes the place of an entry from the low bits.
        (hash >> SHARD_SHIFT) as usize & self.rest.len()
    }

    /// The shard of this number.
    pub(crate) fn at(&self, number: usize) -> Option<&Mutex<R, Shard<K, V>>> {
        match number.checked_sub(1) {
            None => Some(&self.first),
            Some(behind) => self.rest.get(behind),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Mutex<R, Shard<K, V>>> + Clone {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// All shards with their numbers, beginning behind that of `last` and ending with it.
    pub(crate) fn iter_after(&self, last: usize) -> impl Iterator<Item = (usize, &Mutex<R, Shard<K, V>>)> {
        self.iter().enumerate().cycle().skip(last + 1).take(self.len())
    }

    /// Whether there are several.
    #[inline]
    pub(crate) fn are_several(&self) -> bool {
        !self.rest.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len() + 1
    }
}
