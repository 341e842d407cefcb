//! A shard: one lock's worth of entries.

mod clear;
mod evict;
mod expire;
mod inspect;
mod invalidate;
mod observe;
mod owners;
mod read;
mod write;

use crate::clock::{Clock, NEVER, Tick};
use crate::error::Error;
use crate::expiry::Wheel;
use crate::memory::entry::{Entry, Hashed};
use crate::memory::index::Index;
use crate::memory::lifespans::Lifespans;
use crate::memory::marked::Marked;
use crate::memory::owned::Owned;
use crate::memory::sampling::Size;
use crate::memory::slab::Slab;
use crate::memory::tags::{Epoch, Tags};
use crate::memory::{Options, Owner, Probe, Removals, Removed, Unsure, Verdict};
use crate::policy::worth::Optimize;
use crate::policy::{AnyPolicy, Linked, NAMES, Nodes, Slot};
use crate::simulation::what_if::Sampler;
use crate::stats::{Cause, OwnerCounts};

pub(crate) struct Shard<K, V> {
    pub(crate) index: Index,
    pub(crate) slab: Slab<K, V>,
    pub(crate) policy: AnyPolicy,
    /// Somebody wants to know of hits on hashes up to this.
    pub(crate) hit_filter: u32,
    /// Tries other sizes, if that is wanted.
    pub(crate) sampler: Option<Box<Sampler>>,
    /// When the wheel has something to do.
    pub(crate) wake: Tick,
    pub(crate) wheel: Option<Wheel>,
    /// Counts the invalidations of tags.
    pub(crate) epoch: Epoch,
    /// Made with the first tag.
    pub(crate) tags: Option<Box<Tags>>,
    /// Made with the first mark.
    pub(crate) marked: Option<Box<Marked>>,
    /// Entries that were cleared and are still to be dropped.
    cleared: Vec<clear::Cleared<K, V>>,
    pub(crate) weight: u64,
    pub(crate) owners: Vec<OwnerCounts>,
    /// What owners did who have left.
    pub(crate) departed: OwnerCounts,
    /// Made with the first owner who may leave.
    pub(crate) owned: Option<Box<Owned>>,
    removed: [u64; Cause::ALL.len()],
}

impl<K: Hashed, V> Shard<K, V> {
    pub(crate) fn new(options: &Options, number: u64, shards: u64) -> Result<Self, Error> {
        let seed = options.seed.mix(number, 0);
        let capacity = policy_capacity(options.max_entries, options.max_weight, shards);
        let policy = AnyPolicy::named(&options.policy, capacity, seed)
            .ok_or_else(|| Error::UnknownPolicy { name: options.policy.clone(), known: NAMES })?;
        Ok(Self {
            index: Index::default(),
            slab: Slab::new(
                options.max_weight != u64::MAX,
                options.optimize == Optimize::Time,
                Lifespans::new(options.jitter, seed),
            ),
            hit_filter: policy.hit_filter(),
            policy,
            sampler: None,
            wake: NEVER,
            wheel: None,
            epoch: 0,
            tags: None,
            marked: None,
            cleared: Vec::new(),
            weight: 0,
            owners: vec![OwnerCounts::default()],
            departed: OwnerCounts::default(),
            owned: None,
            removed: [0; Cause::ALL.len()],
        })
    }

    pub(crate) fn remove(
        &mut self,
        hash: u32,
        probe: &mut impl Probe<K>,
        cause: Cause,
        clock: &Clock,
    ) -> Result<Removals<K, V>, Unsure> {
        let found = self.find(hash, probe)?;
        self.notify_removal(hash, clock);
        let Some(slot) = found else { return Ok(Removals::nothing()) };
        let end = self.end(slot, clock);
        let removed = self.take_out(slot, end.unwrap_or(cause));
        let mut left = Removals::nothing();
        left.push(removed.map(|removed| Removed { fresh: end.is_none(), ..removed }));
        Ok(left)
    }

    /// Whether the entries of an owner are listed.
    #[inline]
    pub(crate) fn lists(&self, owner: Owner) -> bool {
        self.owned.as_ref().is_some_and(|owned| owned.lists(owner))
    }

    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn live_slots(&self) -> impl Iterator<Item = Slot> {
        self.slab.entries().iter().enumerate().filter(|(_, entry)| entry.pair.is_some()).map(|(slot, _)| slot as Slot)
    }

    pub(crate) fn resize(&mut self, size: Size, clock: &Clock) {
        if size.weighs && !self.slab.is_weighed() {
            self.slab.weigh();
        }
        self.policy.resize(size.capacity);
        self.resample(size, clock);
    }

    /// Gives back memory that a smaller memory does not need.
    pub(crate) fn shrink(&mut self) {
        self.index.shrink();
    }

    pub(crate) fn fresh_len(&self, clock: &Clock) -> u64 {
        if self.slab.lifespans.may_be_stale() { self.count_fresh(|_| true, clock) } else { self.len() }
    }

    pub(crate) fn fresh_of(&self, owner: Owner, clock: &Clock) -> u64 {
        if !self.slab.lifespans.may_be_stale() {
            return self.owner_counts(owner).entries;
        }
        match &self.owned {
            Some(owned) if owned.lists(owner) => {
                owned.of(owner).filter(|&slot| !self.is_over(slot, clock)).count() as u64
            }
            _ => self.count_fresh(|key| key.owner() == owner, clock),
        }
    }

    fn count_fresh(&self, which: impl Fn(&K) -> bool, clock: &Clock) -> u64 {
        let is_one = |slot: Slot| self.slab.get(slot).pair.as_ref().is_some_and(|(key, _)| which(key));
        let slots = (0..self.slab.entries().len() as Slot).filter(|&slot| is_one(slot) && !self.is_over(slot, clock));
        slots.count() as u64
    }

    pub(crate) fn len(&self) -> u64 {
        self.slab.len() as u64
    }

    /// Takes an entry out, in a way that the policy knows of.
    pub(crate) fn take_out(&mut self, slot: Slot, cause: Cause) -> Option<Removed<K, V>> {
        self.policy.remove(&mut self.slab, slot);
        self.take(slot, cause)
    }

    /// Empties a slot that the policy has forgotten.
    pub(crate) fn take(&mut self, slot: Slot, cause: Cause) -> Option<Removed<K, V>> {
        let weight = self.slab.weight(slot);
        self.index.remove(self.slab.hash(slot), slot);
        if self.slab.get(slot).life.is_timed()
            && let Some(wheel) = &mut self.wheel
        {
            wheel.remove(&mut self.slab, slot);
        }
        self.detach_tags(slot);
        if let Some(marked) = &mut self.marked {
            marked.forget(slot);
        }
        self.weight -= weight;
        self.count_removed(cause);
        let is_error = self.slab.get(slot).life.is_error();
        let (key, value) = self.slab.remove(slot)?;
        if let Some(counts) = self.owners.get_mut(key.owner() as usize) {
            counts.entries -= 1;
        }
        if let Some(owned) = &mut self.owned {
            owned.remove(key.owner(), slot);
        }
        let fresh = cause != Cause::Expired && !is_error;
        Some(Removed { key, value, cause, weight, gone: true, fresh, is_error, settled: false })
    }

    pub(crate) fn count_removed(&mut self, cause: Cause) {
        self.removed[cause as usize] += 1;
    }

    /// Places a new entry that the caller has made sure is not there.
    pub(crate) fn place(&mut self, key: K, value: V, weight: u64, nanos: u64) -> Slot {
        let (hash, owner) = (key.hash(), key.owner());
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            counts.entries += 1;
        }
        let slot = self.slab.insert(Entry::new(key, value, NEVER));
        if let Some(owned) = &mut self.owned {
            owned.add(owner, slot);
        }
        self.slab.set_weight(slot, weight);
        self.slab.set_cost(slot, nanos);
        self.index.insert(hash, slot);
        self.weight += self.slab.weight(slot);
        self.policy.insert(&mut self.slab, slot);
        self.update_hit_filter();
        slot
    }

    #[inline(always)]
    pub(crate) fn find(&self, hash: u32, probe: &mut impl Probe<K>) -> Result<Option<Slot>, Unsure> {
        let mut unsure = false;
        for slot in self.index.slots(hash) {
            let Some((key, _)) = &self.slab.get(slot).pair else { continue };
            match probe.compare(key) {
                Verdict::Same => return Ok(Some(slot)),
                Verdict::Different => {}
                Verdict::Unknown => unsure = true,
            }
        }
        if unsure { Err(Unsure) } else { Ok(None) }
    }

    pub(crate) fn find_fresh(
        &self,
        hash: u32,
        probe: &mut impl Probe<K>,
        clock: &Clock,
    ) -> Result<Option<Slot>, Unsure> {
        Ok(self.find(hash, probe)?.filter(|&slot| !self.is_over(slot, clock)))
    }

    /// Tells the policy of an overwritten value.
    pub(crate) fn count_write(&mut self, slot: Slot) {
        self.slab.get_mut(slot).life.count_read();
        if self.slab.hash(slot) <= self.hit_filter {
            self.policy.hit(&mut self.slab, slot);
        }
    }
}

/// What one shard's policy reckons with: weight where entries are weighed.
pub(crate) fn policy_capacity(max_entries: u64, max_weight: u64, shards: u64) -> u64 {
    match if max_weight == u64::MAX { max_entries } else { max_weight } {
        u64::MAX => u64::MAX,
        bound => bound.div_ceil(shards),
    }
}
