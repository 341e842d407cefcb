//! Removing everything from a shard, or all of one owner; what was cleared leaves in later operations.

use crate::clock::{Clock, NEVER, Tick};
use crate::memory::entry::{Entry, Hashed};
use crate::memory::index::Index;
use crate::memory::lifespans::{OwnLifespan, OwnLifespans};
use crate::memory::shard::Shard;
use crate::memory::{Owner, Removals, Removed};
use crate::policy::{Nodes, Slot};
use crate::stats::Cause;

/// What was cleared and is still to be dropped.
pub(super) struct Cleared<K, V> {
    entries: Vec<Entry<K, V>>,
    weights: Option<Vec<u64>>,
    own: OwnLifespans,
    at: Tick,
}

impl<K: Hashed, V> Shard<K, V> {
    /// Removes everything. The entries are dropped later, by [`Shard::drain_removed`].
    pub(crate) fn clear(&mut self, clock: &Clock) {
        let (entries, weights, own) = self.slab.take_all();
        if !entries.is_empty() {
            self.cleared.push(Cleared { entries, weights, own, at: clock.precise() });
        }
        self.index = Index::default();
        self.owners.iter_mut().for_each(|counts| counts.entries = 0);
        if let Some(owned) = &mut self.owned {
            owned.clear();
        }
        self.policy.clear();
        if let Some(sampler) = &mut self.sampler {
            sampler.clear();
        }
        self.update_hit_filter();
        self.wheel = None;
        self.tags = None;
        self.marked = None;
        self.wake = NEVER;
        self.weight = 0;
    }

    pub(crate) fn clear_owner(&mut self, owner: Owner, clock: &Clock) -> Removals<K, V> {
        let mut left = Removals::nothing();
        if self.lists(owner) {
            while let Some(slot) = self.owned.as_ref().and_then(|owned| owned.first(owner)) {
                left.push(self.clear_one(slot, clock));
            }
            return left;
        }
        for slot in 0..self.slab.entries().len() as Slot {
            if self.slab.get(slot).pair.as_ref().is_some_and(|(key, _)| key.owner() == owner) {
                left.push(self.clear_one(slot, clock));
            }
        }
        left
    }

    fn clear_one(&mut self, slot: Slot, clock: &Clock) -> Option<Removed<K, V>> {
        let cause = self.end(slot, clock).unwrap_or(Cause::Cleared);
        self.notify_removal(self.slab.hash(slot), clock);
        self.take_out(slot, cause)
    }

    /// All entries that were cleared and are still to be dropped.
    pub(crate) fn cleared(&self) -> impl Iterator<Item = &Entry<K, V>> {
        self.cleared.iter().flat_map(|cleared| &cleared.entries)
    }

    /// Takes out at most so many entries that a tag has invalidated, or that were cleared.
    pub(crate) fn drain_removed(&mut self, most: usize, now: Tick, left: &mut Removals<K, V>) {
        for _ in 0..most {
            if self.has_invalidated() {
                left.push(self.pop_invalidated(now));
            } else if let Some(removed) = self.pop_cleared() {
                left.push(removed);
            } else {
                break;
            }
        }
    }

    /// Whether there is anything to take out.
    #[inline]
    pub(crate) fn has_removed(&self) -> bool {
        !self.cleared.is_empty() || self.has_invalidated()
    }

    fn pop_cleared(&mut self) -> Option<Removed<K, V>> {
        while let Some(cleared) = self.cleared.last_mut() {
            while let Some(entry) = cleared.entries.pop() {
                let weight = cleared.weights.as_ref().map_or(1, |weights| weights[cleared.entries.len()]);
                let own = cleared.own.get(&(cleared.entries.len() as Slot)).filter(|_| entry.life.is_own());
                let end = own.map_or(entry.life.deadline(), OwnLifespan::end);
                let cause = if end <= cleared.at { Cause::Expired } else { Cause::Cleared };
                let is_error = entry.life.is_error();
                if let Some((key, value)) = entry.pair {
                    self.count_removed(cause);
                    let (gone, fresh, settled) = (true, false, true);
                    return Some(Removed { key, value, cause, weight, gone, fresh, is_error, settled });
                }
            }
            self.cleared.pop();
        }
        None
    }
}
