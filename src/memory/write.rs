//! Storing: on which condition, for how long, and what has to leave for it.

use std::sync::atomic::Ordering;

use crate::clock::Tick;
use crate::memory::shard::Shard;
use crate::memory::{Condition, Details, Hashed, Memory, Probe, Removals, Removed, Stored, Unsure};
use crate::policy::{Linked, Slot};
use crate::stats::Cause;
use crate::sync::RawMutex;

impl<K: Hashed, V, R: RawMutex> Memory<K, V, R> {
    /// Stores a pair, which is taken only if it was stored; where a value takes another's place, the key that was there stays.
    ///
    /// An entry heavier than the bound is not stored, is counted as refused, and its predecessor leaves.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing has changed then.
    #[inline]
    pub fn write(
        &self,
        pair: &mut Option<(K, V)>,
        details: &mut Details,
        condition: &Condition<'_, V>,
        probe: &mut impl Probe<K>,
    ) -> Result<Stored<K, V>, Unsure> {
        self.write_at(self.clock.coarse(), pair, details, condition, probe)
    }

    /// As [`Memory::write`], for a caller who has just read the coarse clock.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing has changed then.
    #[inline]
    pub fn write_at(
        &self,
        now: Tick,
        pair: &mut Option<(K, V)>,
        details: &mut Details,
        condition: &Condition<'_, V>,
        probe: &mut impl Probe<K>,
    ) -> Result<Stored<K, V>, Unsure> {
        let Some((key, _)) = pair else { return Ok(Stored::NOT) };
        let (hash, owner) = (key.hash(), key.owner());
        let mut shard = self.shard(hash).lock();
        let found = shard.find(hash, probe)?;
        let end = found.and_then(|slot| shard.end(slot, &self.clock));
        let fresh = found.is_some() && end.is_none();
        if details.since.is_some_and(|since| shard.invalidated_since(&details.tags, since)) {
            shard.count_refused(owner);
            return Ok(Stored::NOT);
        }
        if details.moves.is_some_and(|before| before != self.moves()) {
            return Ok(Stored::NOT);
        }
        if !self.is_enabled() || !condition.holds(found.filter(|_| fresh).and_then(|slot| shard.slab.value(slot))) {
            return Ok(Stored::NOT);
        }
        let (mut left, mut written) = (Removals::nothing(), None);
        let stored =
            details.weight <= self.max_weight() && self.max_entries() > 0 && !(found.is_none() && shard.slab.is_full());
        if stored {
            let keeps_life = matches!(condition, Condition::IfValue(_));
            if details.is_error && details.failures == 0 {
                details.count_error(found.map_or(0, |slot| shard.failures(slot)));
            }
            written = shard.store(found, end, pair, details, &mut left);
            if let Some(slot) = written.filter(|_| !keeps_life) {
                shard.set_tags(slot, &details.tags, details.since);
                shard.set_life(slot, details, now, &self.clock);
                shard.set_mark(slot, details.mark);
            }
            if let Some(slot) = written.filter(|_| shard.sampler.is_some()) {
                shard.notify_write(slot, !fresh, &self.clock);
            }
        } else {
            shard.refuse(found, end, owner, &mut left);
        }
        shard.run_pending_at(now, &mut left);
        self.settle(&left);
        if let Some(slot) = written {
            self.bounds.charge(self.is_sharded(), u64::from(found.is_none()), shard.slab.weight(slot));
        }
        self.fit(&mut shard, written, now, &mut left);
        drop(shard);
        if self.is_sharded() {
            self.make_room(self.shards.number(hash), written, &mut left);
        }
        Ok(Stored { stored, left })
    }

    /// Evicts from a shard that has just been written to until the bounds hold or only one entry is left.
    #[inline]
    fn fit(&self, shard: &mut Shard<K, V>, written: Option<Slot>, now: Tick, left: &mut Removals<K, V>) {
        while shard.len() > 1 && self.is_over_bounds(shard) {
            let Some(removed) = shard.pop_victim(written, Cause::Evicted, now) else { break };
            self.settle_removed(Some(&removed));
            left.push(removed);
        }
    }

    #[inline]
    fn is_over_bounds(&self, shard: &Shard<K, V>) -> bool {
        let (entries, weight) = if self.is_sharded() { self.bounds.totals() } else { (shard.len(), shard.weight) };
        entries > self.max_entries() || weight > self.max_weight()
    }

    /// Evicts from any shard until the bounds hold for all together; from the one that was written to last of all.
    pub(super) fn make_room(&self, last: usize, written: Option<Slot>, left: &mut Removals<K, V>) {
        let (entries, weight) = self.bounds.totals();
        if self.is_sharded() && entries <= self.max_entries() && weight <= self.max_weight() {
            return;
        }
        let now = self.clock.coarse();
        for (number, shard) in self.shards.iter_after(last) {
            let mut shard = shard.lock();
            let spared = written.filter(|_| number == last);
            while self.is_over_bounds(&shard) {
                let Some(removed) = shard.pop_victim(spared, Cause::Evicted, now) else { break };
                self.settle_removed(Some(&removed));
                left.push(removed);
            }
        }
    }

    #[inline]
    fn is_sharded(&self) -> bool {
        self.shards.are_several()
    }

    /// Takes what left out of the totals.
    #[inline]
    pub(super) fn settle(&self, left: &Removals<K, V>) {
        if self.is_sharded() {
            let unsettled = left.iter().filter(|removed| !removed.settled);
            unsettled.for_each(|removed| self.bounds.discharge(removed.gone, removed.weight));
        }
    }

    /// Takes all that a shard holds out of the totals.
    pub(super) fn discharge_all(&self, shard: &Shard<K, V>) {
        if self.is_sharded() {
            self.bounds.entries.fetch_sub(shard.len(), Ordering::SeqCst);
            self.bounds.weight.fetch_sub(shard.weight, Ordering::SeqCst);
        }
    }

    pub(super) fn settle_removed(&self, removed: Option<&Removed<K, V>>) {
        if let Some(removed) = removed.filter(|_| self.is_sharded()) {
            self.bounds.discharge(removed.gone, removed.weight);
        }
    }
}
