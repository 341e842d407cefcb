//! What left a memory: handed to the caller, who drops it after the lock is released.

use crate::stats::Cause;

/// An entry that left.
#[derive(Debug, PartialEq, Eq)]
pub struct Removed<K, V> {
    /// Its key.
    pub key: K,
    /// Its value.
    pub value: V,
    /// Why it left.
    pub cause: Cause,
    /// What it had counted against the weight bound.
    pub weight: u64,
    /// Whether it left alone, its key being gone with it; not so if a newer value took its place.
    pub gone: bool,
    /// Whether it could have been read until then.
    pub fresh: bool,
    /// Whether its value was an error that a load ended with.
    pub is_error: bool,
    /// Whether it was taken out of the memory's totals before it left.
    pub(crate) settled: bool,
}

/// The entries that left in one operation: none or one nearly always.
#[derive(Debug)]
#[must_use = "what left is dropped outside the lock, and may have a listener"]
pub struct Removals<K, V> {
    first: Option<Removed<K, V>>,
    rest: Vec<Removed<K, V>>,
}

impl<K, V> Removals<K, V> {
    /// No entry.
    #[inline]
    pub const fn nothing() -> Self {
        Self { first: None, rest: Vec::new() }
    }

    /// One entry.
    pub const fn of(removed: Removed<K, V>) -> Self {
        Self { first: Some(removed), rest: Vec::new() }
    }

    /// Adds an entry, if it is one.
    #[inline]
    pub(crate) fn push(&mut self, removed: impl Into<Option<Removed<K, V>>>) {
        match (&self.first, removed.into()) {
            (None, removed) => self.first = removed,
            (Some(_), removed) => self.rest.extend(removed),
        }
    }

    #[inline]
    pub(crate) fn append(&mut self, other: Self) {
        if !other.is_empty() {
            self.extend(other);
        }
    }

    /// Whether nothing left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// How many left.
    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    /// The entries, first come first.
    pub fn iter(&self) -> impl Iterator<Item = &Removed<K, V>> {
        self.first.iter().chain(&self.rest)
    }

    /// The entry that left first.
    pub fn into_first(self) -> Option<Removed<K, V>> {
        self.first
    }
}

impl<K, V> IntoIterator for Removals<K, V> {
    type Item = Removed<K, V>;
    type IntoIter = std::iter::Chain<std::option::IntoIter<Removed<K, V>>, std::vec::IntoIter<Removed<K, V>>>;
    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}

impl<K, V> Extend<Removed<K, V>> for Removals<K, V> {
    fn extend<I: IntoIterator<Item = Removed<K, V>>>(&mut self, others: I) {
        others.into_iter().for_each(|removed| self.push(removed));
    }
}
