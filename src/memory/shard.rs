//! A shard: one lock's worth of entries.

use crate::clock::{Clock, NEVER, Tick};
use crate::error::Error;
use crate::expiry::{Lifespan, Wheel};
use crate::memory::course::{Courses, Own, OwnLives};
use crate::memory::entry::{Entry, Hashed};
use crate::memory::index::Index;
use crate::memory::lives::TEND_STEP;
use crate::memory::marked::{Mark, Marked};
use crate::memory::owned::Owned;
use crate::memory::sampling::Size;
use crate::memory::slab::Slab;
use crate::memory::standing::Standing;
use crate::memory::tagged::Death;
use crate::memory::tags::{Epoch, Tags};
use crate::memory::{Details, Left, Options, Owner, Probe, Removed, Unsure, Verdict};
use crate::policy::worth::Optimize;
use crate::policy::{AnyPolicy, Linked, NAMES, Nodes, Slot};
use crate::simulation::what_if::Sampler;
use crate::stats::{Cause, Counts, OwnerCounts};

pub(crate) struct Shard<K, V> {
    pub(super) index: Index,
    pub(super) slab: Slab<K, V>,
    pub(super) policy: AnyPolicy,
    /// Somebody wants to know of hits on hashes up to this.
    pub(super) followed: u32,
    /// Tries other sizes, if that is wanted.
    pub(super) sampler: Option<Box<Sampler>>,
    /// When the wheel has something to do.
    pub(super) wake: Tick,
    pub(super) wheel: Option<Wheel>,
    /// Counts the invalidations of tags.
    pub(super) epoch: Epoch,
    /// Made with the first tag.
    pub(super) tags: Option<Box<Tags>>,
    /// Made with the first mark.
    pub(super) marked: Option<Box<Marked>>,
    /// Entries that were cleared and are still to be dropped.
    husks: Vec<Husk<K, V>>,
    pub(super) weight: u64,
    pub(super) owners: Vec<OwnerCounts>,
    /// What owners did who have left.
    pub(super) departed: OwnerCounts,
    /// Made with the first owner who may leave.
    pub(super) owned: Option<Box<Owned>>,
    removed: [u64; Cause::ALL.len()],
}

/// What was cleared and is still to be dropped.
struct Husk<K, V> {
    entries: Vec<Entry<K, V>>,
    weights: Option<Vec<u64>>,
    own: OwnLives,
    cleared: Tick,
}

impl<K: Hashed, V> Shard<K, V> {
    pub(super) fn new(options: &Options, number: u64, shards: u64) -> Result<Self, Error> {
        let seed = options.seed.mix(number, 0);
        let capacity = policy_capacity(options.max_entries, options.max_weight, shards);
        let policy = AnyPolicy::named(&options.policy, capacity, seed)
            .ok_or_else(|| Error::UnknownPolicy { name: options.policy.clone(), known: NAMES })?;
        Ok(Self {
            index: Index::default(),
            slab: Slab::new(
                options.max_weight != u64::MAX,
                options.optimize == Optimize::Time,
                Courses::new(options.jitter, seed),
            ),
            followed: policy.followed(),
            policy,
            sampler: None,
            wake: NEVER,
            wheel: None,
            epoch: 0,
            tags: None,
            marked: None,
            husks: Vec::new(),
            weight: 0,
            owners: vec![OwnerCounts::default()],
            departed: OwnerCounts::default(),
            owned: None,
            removed: [0; Cause::ALL.len()],
        })
    }

    pub(super) fn remove(
        &mut self,
        hash: u32,
        probe: &mut impl Probe<K>,
        cause: Cause,
        clock: &Clock,
    ) -> Result<Left<K, V>, Unsure> {
        let found = self.find(hash, probe)?;
        self.tell_of_removal(hash, clock);
        let Some(slot) = found else { return Ok(Left::nothing()) };
        let end = self.end(slot, clock);
        let removed = self.take_out(slot, end.unwrap_or(cause));
        let mut left = Left::nothing();
        left.push(removed.map(|removed| Removed { fresh: end.is_none(), ..removed }));
        Ok(left)
    }

    /// Notes what others know an entry by.
    #[inline]
    pub(super) fn set_mark(&mut self, slot: Slot, mark: Mark) {
        if mark != 0 || self.marked.is_some() {
            self.marked.get_or_insert_default().set(slot, mark);
        }
    }

    /// Takes out every entry that is known by this mark.
    pub(super) fn remove_marked(&mut self, mark: Mark, cause: Cause, clock: &Clock) -> Left<K, V> {
        let mut left = Left::nothing();
        while let Some(slot) = self.marked.as_ref().and_then(|marked| marked.find(mark)) {
            self.tell_of_removal(self.slab.hash(slot), clock);
            let end = self.end(slot, clock);
            left.push(self.take_out(slot, end.unwrap_or(cause)));
        }
        left
    }

    /// Gives a fresh entry a new life, or its own once more.
    pub(super) fn touch(
        &mut self,
        hash: u32,
        probe: &mut impl Probe<K>,
        lifespan: Option<Lifespan>,
        clock: &Clock,
    ) -> Result<bool, Unsure> {
        let Some(slot) = self.find_fresh(hash, probe, clock)? else { return Ok(false) };
        let lifespan = lifespan.unwrap_or_else(|| self.slab.lifespan(slot));
        self.set_life(slot, &Details { lifespan, ..Details::default() }, clock.coarse(), clock);
        self.tell_of_write(slot, false, clock);
        Ok(true)
    }

    /// Makes a fresh entry stale, or takes it out if it has no grace; whether there was one, and what left.
    pub(super) fn expire(
        &mut self,
        hash: u32,
        probe: &mut impl Probe<K>,
        clock: &Clock,
    ) -> Result<(bool, Left<K, V>), Unsure> {
        let mut left = Left::nothing();
        let found = self.find(hash, probe)?;
        self.tell_of_removal(hash, clock);
        let Some(slot) = found else { return Ok((false, left)) };
        let fresh = self.end(slot, clock).is_none();
        let now = clock.precise();
        if fresh && self.slab.lifespan(slot).grace > 0 {
            self.grow_stale(slot, now);
        } else if fresh || !matches!(self.standing(slot, now), Standing::Stale) {
            left.push(self.take_out(slot, Cause::Expired).map(|removed| Removed { fresh, ..removed }));
        }
        Ok((fresh, left))
    }

    /// Takes out the entry that the policy chooses; `spared` only if there is no other.
    pub(super) fn pop_victim(&mut self, spared: Option<Slot>, cause: Cause, now: Tick) -> Option<Removed<K, V>> {
        if self.has_killed()
            && let Some(dead) = (0..TEND_STEP).find_map(|_| self.pop_dead(now))
        {
            return Some(dead);
        }
        let mut slot = self.policy.evict(&mut self.slab)?;
        self.refollow();
        if Some(slot) == spared && self.slab.len() > 1 {
            // It comes again, and a newcomer is never chosen while there is another.
            self.slab.take_reads(slot);
            self.policy.insert(&mut self.slab, slot);
            slot = self.policy.evict(&mut self.slab)?;
        }
        let may_be_over = self.slab.get(slot).life.deadline() <= now;
        let over = may_be_over && self.slab.end(slot) <= now;
        let stale = may_be_over && !over && self.standing(slot, now) == Standing::Stale;
        let removed = self.take(slot, if over { Cause::Expired } else { cause });
        removed.map(|removed| Removed { fresh: removed.fresh && !stale, ..removed })
    }

    /// Removes everything. The entries are dropped later, by [`Shard::bury`].
    pub(super) fn clear(&mut self, clock: &Clock) {
        let (entries, weights, own) = self.slab.take_all();
        if !entries.is_empty() {
            self.husks.push(Husk { entries, weights, own, cleared: clock.precise() });
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
        self.refollow();
        self.wheel = None;
        self.tags = None;
        self.marked = None;
        self.wake = NEVER;
        self.weight = 0;
    }

    pub(super) fn clear_owner(&mut self, owner: Owner, clock: &Clock) -> Left<K, V> {
        let mut left = Left::nothing();
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
        self.tell_of_removal(self.slab.hash(slot), clock);
        self.take_out(slot, cause)
    }

    /// Whether the entries of an owner are listed.
    #[inline]
    pub(super) fn lists(&self, owner: Owner) -> bool {
        self.owned.as_ref().is_some_and(|owned| owned.lists(owner))
    }

    #[cfg(any(test, feature = "validate"))]
    pub(super) fn live_slots(&self) -> impl Iterator<Item = Slot> {
        self.slab.entries().iter().enumerate().filter(|(_, entry)| entry.pair.is_some()).map(|(slot, _)| slot as Slot)
    }

    pub(super) fn resize(&mut self, size: Size, clock: &Clock) {
        if size.weighs && !self.slab.is_weighed() {
            self.slab.weigh();
        }
        self.policy.resize(size.capacity);
        self.resample(size, clock);
    }

    /// Gives back memory that a smaller memory does not need.
    pub(super) fn shrink(&mut self) {
        self.index.shrink();
    }

    pub(super) fn fresh_len(&self, clock: &Clock) -> u64 {
        if self.slab.courses.may_be_stale() { self.count_fresh(|_| true, clock) } else { self.len() }
    }

    pub(super) fn fresh_of(&self, owner: Owner, clock: &Clock) -> u64 {
        if !self.slab.courses.may_be_stale() {
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

    pub(super) fn len(&self) -> u64 {
        self.slab.len() as u64
    }

    /// Takes an entry out, in a way that the policy knows of.
    pub(super) fn take_out(&mut self, slot: Slot, cause: Cause) -> Option<Removed<K, V>> {
        self.policy.remove(&mut self.slab, slot);
        self.take(slot, cause)
    }

    /// Empties a slot that the policy has forgotten.
    pub(super) fn take(&mut self, slot: Slot, cause: Cause) -> Option<Removed<K, V>> {
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

    pub(super) fn count_removed(&mut self, cause: Cause) {
        self.removed[cause as usize] += 1;
    }

    /// Places a new entry that the caller has made sure is not there.
    pub(super) fn place(&mut self, key: K, value: V, weight: u64, nanos: u64) -> Slot {
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
        self.refollow();
        slot
    }

    #[inline(always)]
    pub(super) fn find(&self, hash: u32, probe: &mut impl Probe<K>) -> Result<Option<Slot>, Unsure> {
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

    pub(super) fn find_fresh(
        &self,
        hash: u32,
        probe: &mut impl Probe<K>,
        clock: &Clock,
    ) -> Result<Option<Slot>, Unsure> {
        Ok(self.find(hash, probe)?.filter(|&slot| !self.is_over(slot, clock)))
    }

    /// All entries that were cleared and are still to be dropped.
    pub(super) fn husks(&self) -> impl Iterator<Item = &Entry<K, V>> {
        self.husks.iter().flat_map(|husk| &husk.entries)
    }

    /// Gives up at most so many entries that a tag has killed, or that were cleared.
    pub(super) fn bury(&mut self, most: usize, now: Tick, left: &mut Left<K, V>) {
        for _ in 0..most {
            if self.has_killed() {
                left.push(self.pop_dead(now));
            } else if let Some(removed) = self.pop_husk() {
                left.push(removed);
            } else {
                break;
            }
        }
    }

    /// Whether there is anything to bury.
    #[inline]
    pub(super) fn has_dead(&self) -> bool {
        !self.husks.is_empty() || self.has_killed()
    }

    /// Whether a tag has killed an entry that is still there.
    #[inline]
    fn has_killed(&self) -> bool {
        self.tags.as_ref().is_some_and(|tags| tags.next_dead().is_some())
    }

    /// Takes out the first entry that a tag has killed, unless it was only made stale and has grace left.
    fn pop_dead(&mut self, now: Tick) -> Option<Removed<K, V>> {
        let slot = self.tags.as_ref()?.next_dead()?;
        let cause = match self.standing(slot, now) {
            Standing::Over(cause) => cause,
            _ => {
                let Some(Death::Expired(at)) = self.death(slot) else { unreachable!("it is among the dead") };
                self.revive(slot, at);
                return None;
            }
        };
        self.take_out(slot, cause).map(|removed| Removed { fresh: false, ..removed })
    }

    fn pop_husk(&mut self) -> Option<Removed<K, V>> {
        while let Some(husk) = self.husks.last_mut() {
            while let Some(entry) = husk.entries.pop() {
                let weight = husk.weights.as_ref().map_or(1, |weights| weights[husk.entries.len()]);
                let own = husk.own.get(&(husk.entries.len() as Slot)).filter(|_| entry.life.is_own());
                let end = own.map_or(entry.life.deadline(), Own::end);
                let cause = if end <= husk.cleared { Cause::Expired } else { Cause::Cleared };
                let is_error = entry.life.is_error();
                if let Some((key, value)) = entry.pair {
                    self.count_removed(cause);
                    let (gone, fresh, settled) = (true, false, true);
                    return Some(Removed { key, value, cause, weight, gone, fresh, is_error, settled });
                }
            }
            self.husks.pop();
        }
        None
    }

    /// Tells the policy of an overwritten value.
    pub(super) fn count_write(&mut self, slot: Slot) {
        self.slab.get_mut(slot).life.count_read();
        if self.slab.hash(slot) <= self.followed {
            self.policy.hit(&mut self.slab, slot);
        }
    }

    /// Begins to count for an owner, and to list the entries of one who may leave.
    pub(super) fn add_owner(&mut self, owner: Owner, may_leave: bool) {
        if self.owners.len() <= owner as usize {
            self.owners.resize_with(owner as usize + 1, OwnerCounts::default);
        }
        if may_leave {
            self.owned.get_or_insert_default().begin(owner);
        }
    }

    /// Forgets an owner without entries, but for what it did; whether nothing of it may be among what is still to be dropped.
    pub(super) fn remove_owner(&mut self, owner: Owner) -> bool {
        if let Some(owned) = &mut self.owned {
            owned.end(owner);
        }
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            self.departed.add(&std::mem::take(counts));
        }
        self.husks.is_empty()
    }

    pub(super) fn owner_counts(&self, owner: Owner) -> OwnerCounts {
        self.owners.get(owner as usize).copied().unwrap_or_default()
    }

    pub(super) fn reset_owner(&mut self, owner: Owner) {
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            *counts = OwnerCounts { entries: counts.entries, ..OwnerCounts::default() };
        }
    }

    pub(super) fn count_load(&mut self, owner: Owner, nanos: u64, failed: bool) {
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            counts.load_nanos += nanos;
            if failed { counts.load_errors += 1 } else { counts.loads += 1 }
        }
    }

    pub(super) fn count_found(&mut self, owner: Owner) {
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            counts.hits += 1;
            counts.misses = counts.misses.saturating_sub(1);
        }
    }

    pub(super) fn count_miss(&mut self, owner: Owner) {
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            counts.misses += 1;
        }
    }

    pub(super) fn count_stale(&mut self, owner: Owner) {
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            counts.stale += 1;
        }
    }

    pub(super) fn count_refused(&mut self, owner: Owner) {
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            counts.refused += 1;
        }
    }

    pub(super) fn add_counts(&self, counts: &mut Counts) {
        self.owners.iter().chain([&self.departed]).for_each(|owner| counts.total.add(owner));
        for (sum, count) in counts.removed.iter_mut().zip(self.removed) {
            *sum += count;
        }
        counts.weight += self.weight;
    }
}

/// What one shard's policy reckons with: weight where entries are weighed.
pub(super) fn policy_capacity(max_entries: u64, max_weight: u64, shards: u64) -> u64 {
    match if max_weight == u64::MAX { max_entries } else { max_weight } {
        u64::MAX => u64::MAX,
        bound => bound.div_ceil(shards),
    }
}
