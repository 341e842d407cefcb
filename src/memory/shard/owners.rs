//! What is counted for each owner of keys in a shard.

use crate::memory::shard::Shard;
use crate::memory::{Hashed, Owner};
use crate::stats::{Counts, OwnerCounts};

impl<K: Hashed, V> Shard<K, V> {
    /// Begins to count for an owner, and to list the entries of one who may leave.
    pub(crate) fn add_owner(&mut self, owner: Owner, may_leave: bool) {
        if self.owners.len() <= owner as usize {
            self.owners.resize_with(owner as usize + 1, OwnerCounts::default);
        }
        if may_leave {
            self.owned.get_or_insert_default().begin(owner);
        }
    }

    /// Forgets an owner without entries, but for what it did; whether nothing of it may be among what is still to be dropped.
    pub(crate) fn remove_owner(&mut self, owner: Owner) -> bool {
        if let Some(owned) = &mut self.owned {
            owned.end(owner);
        }
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            self.departed.add(&std::mem::take(counts));
        }
        self.cleared.is_empty()
    }

    pub(crate) fn owner_counts(&self, owner: Owner) -> OwnerCounts {
        self.owners.get(owner as usize).copied().unwrap_or_default()
    }

    pub(crate) fn reset_owner(&mut self, owner: Owner) {
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            *counts = OwnerCounts { entries: counts.entries, ..OwnerCounts::default() };
        }
    }

    pub(crate) fn count_load(&mut self, owner: Owner, nanos: u64, failed: bool) {
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            counts.load_nanos += nanos;
            if failed { counts.load_errors += 1 } else { counts.loads += 1 }
        }
    }

    pub(crate) fn count_found(&mut self, owner: Owner) {
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            counts.hits += 1;
            counts.misses = counts.misses.saturating_sub(1);
        }
    }

    pub(crate) fn count_miss(&mut self, owner: Owner) {
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            counts.misses += 1;
        }
    }

    pub(crate) fn count_stale(&mut self, owner: Owner) {
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            counts.stale += 1;
        }
    }

    pub(crate) fn count_refused(&mut self, owner: Owner) {
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            counts.refused += 1;
        }
    }

    pub(crate) fn add_counts(&self, counts: &mut Counts) {
        self.owners.iter().chain([&self.departed]).for_each(|owner| counts.total.add(owner));
        for (sum, count) in counts.removed.iter_mut().zip(self.removed) {
            *sum += count;
        }
        counts.weight += self.weight;
    }
}
