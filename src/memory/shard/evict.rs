//! Who has to leave a shard for others.

use crate::clock::Tick;
use crate::memory::shard::Shard;
use crate::memory::shard::expire::PENDING_STEP;
use crate::memory::{Freshness, Hashed, Removed};
use crate::policy::{Nodes, Slot};
use crate::stats::Cause;

impl<K: Hashed, V> Shard<K, V> {
    /// Takes out the entry that the policy chooses; `spared` only if there is no other.
    pub(crate) fn pop_victim(&mut self, spared: Option<Slot>, cause: Cause, now: Tick) -> Option<Removed<K, V>> {
        if self.has_invalidated()
            && let Some(invalidated) = (0..PENDING_STEP).find_map(|_| self.pop_invalidated(now))
        {
            return Some(invalidated);
        }
        let mut slot = self.policy.evict(&mut self.slab)?;
        self.update_hit_filter();
        if Some(slot) == spared && self.slab.len() > 1 {
            // It comes again, and a newcomer is never chosen while there is another.
            self.slab.take_reads(slot);
            self.policy.insert(&mut self.slab, slot);
            slot = self.policy.evict(&mut self.slab)?;
        }
        let may_be_over = self.slab.get(slot).life.deadline() <= now;
        let over = may_be_over && self.slab.end(slot) <= now;
        let stale = may_be_over && !over && self.freshness(slot, now) == Freshness::Stale;
        let removed = self.take(slot, if over { Cause::Expired } else { cause });
        removed.map(|removed| Removed { fresh: removed.fresh && !stale, ..removed })
    }
}
