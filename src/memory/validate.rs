//! Every structural invariant of a memory, for tests.

use crate::clock::NEVER;
use crate::memory::shard::Shard;
use crate::memory::{Hashed, Memory};
use crate::policy::{Linked, Nodes, Slot};
use crate::sync::RawMutex;

impl<K: Hashed, V, R: RawMutex> Memory<K, V, R> {
    /// Panics unless everything inside agrees with everything else and the bounds hold. Nobody else may use the memory meanwhile.
    pub fn validate(&self) {
        let (mut entries, mut weight) = (0, 0);
        for shard in self.shards.iter() {
            let shard = shard.lock();
            shard.validate();
            entries += shard.len();
            weight += shard.weight;
        }
        assert!(entries <= self.max_entries(), "{entries} entries in a memory for {}", self.max_entries());
        assert!(self.max_weight() == u64::MAX || weight <= self.max_weight(), "{weight} is over the weight bound");
        if self.shards.are_several() {
            assert_eq!(self.bounds.totals(), (entries, weight), "the totals have drifted");
        }
    }
}

impl<K: Hashed, V> Shard<K, V> {
    fn validate(&self) {
        let live: Vec<Slot> = self.live_slots().collect();
        assert_eq!(live.len(), self.slab.len(), "live slots");
        assert_eq!(live.len(), self.index.len(), "index entries");
        for &slot in &live {
            let place = self.index.slots(self.slab.hash(slot)).find(|&other| other == slot);
            assert!(place.is_some(), "slot {slot} is not in the index under its hash");
        }
        assert_eq!(self.weight, live.iter().map(|&slot| self.slab.weight(slot)).sum::<u64>(), "weight");
        self.policy.validate(&self.slab, &live);
        self.validate_timers(&live);
        let own = live.iter().filter(|&&slot| self.slab.get(slot).life.is_own()).count();
        assert_eq!(own, self.slab.lifespans.len(), "lives of their own");
        let tagged = |&slot: &Slot| self.slab.carried(slot).map(|carried| (slot, carried.first, carried.valid_at));
        let carried: Vec<_> = live.iter().filter_map(tagged).collect();
        assert_eq!(carried.len(), self.slab.carrier_count(), "carriers of tags");
        assert!(carried.iter().all(|&(_, _, alive)| alive <= self.epoch), "an epoch that has not come yet");
        if let Some(marked) = &self.marked {
            marked.validate(&live);
        }
        if let Some(owned) = &self.owned {
            let owner = |slot| self.slab.get(slot).pair.as_ref().map(|(key, _)| (key.owner(), slot));
            owned.validate(&live.iter().filter_map(|&slot| owner(slot)).collect::<Vec<_>>());
        }
        match &self.tags {
            Some(tags) => tags.validate(&carried),
            None => assert!(carried.is_empty(), "tags of entries"),
        }
    }

    fn validate_timers(&self, live: &[Slot]) {
        let mut timed = self.wheel.as_ref().map(|wheel| wheel.validate(&self.slab)).unwrap_or_default();
        timed.sort_unstable();
        let marked: Vec<Slot> = live.iter().copied().filter(|&slot| self.slab.get(slot).life.is_timed()).collect();
        assert_eq!(timed, marked, "slots in the wheel and slots that say so");
        for &slot in live {
            let life = self.slab.get(slot).life;
            let end = self.slab.end(slot);
            assert!(end == NEVER || life.is_timed(), "slot {slot} has an end and is not in the wheel");
            let deadlines = self.slab.deadlines(slot);
            let first = life.deadline();
            assert!(
                first <= deadlines.fresh_until,
                "slot {slot} would be served after its ttl: {first}, {deadlines:?}"
            );
            assert!(
                deadlines.created <= deadlines.fresh_until && deadlines.fresh_until <= deadlines.gone_at,
                "{deadlines:?}"
            );
        }
    }
}
