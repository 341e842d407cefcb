//! Storing in a shard: a value in the place of another, or a new entry.

use crate::memory::shard::Shard;
use crate::memory::{Details, Hashed, Owner, Removals, Removed};
use crate::policy::{Linked, Slot};
use crate::stats::Cause;

impl<K: Hashed, V> Shard<K, V> {
    /// Puts a pair in; where, if there was one.
    #[inline]
    pub(crate) fn store(
        &mut self,
        found: Option<Slot>,
        end: Option<Cause>,
        pair: &mut Option<(K, V)>,
        &Details { weight, nanos, .. }: &Details,
        left: &mut Removals<K, V>,
    ) -> Option<Slot> {
        let (key, value) = pair.take()?;
        if let Some(slot) = found {
            if nanos > 0 {
                self.slab.set_cost(slot, nanos);
            }
            left.push(self.overwrite(slot, end, key, value, weight));
            return Some(slot);
        }
        Some(self.place(key, value, weight, nanos))
    }

    /// Puts a value in the place of another, which leaves with the key that is not needed.
    fn overwrite(&mut self, slot: Slot, end: Option<Cause>, key: K, value: V, weight: u64) -> Option<Removed<K, V>> {
        let before = self.slab.weight(slot);
        if self.slab.is_weighed() && weight != before {
            self.slab.set_weight(slot, weight);
            self.weight = self.weight - before + weight;
            self.policy.reweigh(&mut self.slab, slot, before);
        }
        self.count_write(slot);
        let cause = end.unwrap_or(Cause::Replaced);
        self.count_removed(cause);
        let is_error = self.slab.get(slot).life.is_error();
        let place = self.slab.get_mut(slot).pair.as_mut()?;
        let value = std::mem::replace(&mut place.1, value);
        Some(Removed {
            key,
            value,
            cause,
            weight: before,
            gone: false,
            fresh: cause == Cause::Replaced,
            is_error,
            settled: false,
        })
    }

    /// How many loads have failed in a row with one that is stored in the place of this entry.
    pub(crate) fn failures(&self, slot: Slot) -> u8 {
        let before = self.slab.own(slot).filter(|_| self.slab.get(slot).life.is_error());
        before.map_or(0, |own| own.failures)
    }

    /// Counts a value that cannot be stored, and takes out what it was to replace.
    pub(crate) fn refuse(&mut self, found: Option<Slot>, end: Option<Cause>, owner: Owner, left: &mut Removals<K, V>) {
        self.count_refused(owner);
        if let Some(slot) = found {
            left.push(self.take_out(slot, end.unwrap_or(Cause::Replaced)));
        }
    }
}
