//! Storing: on which condition, for how long, and what has to leave for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::clock::{NEVER, Tick};
use crate::expiry::{Early, Lifespan, Part};
use crate::memory::course::Course;
use crate::memory::lives::backed_off;
use crate::memory::shard::Shard;
use crate::memory::{Bounds, Hashed, Left, Mark, Memory, Owner, Probe, Removed, Unsure};
use crate::policy::{Linked, Slot};
use crate::stats::Cause;
use crate::sync::RawMutex;

/// On which condition a value is stored.
pub enum Condition<'a, V> {
    /// In any case.
    Always,
    /// If there is no fresh entry.
    IfAbsent,
    /// If there is a fresh entry.
    IfPresent,
    /// If there is a fresh entry with this value; its life goes on unchanged.
    IfValue(&'a dyn Fn(&V) -> bool),
}

/// What is stored with a value.
#[derive(Clone, Debug)]
pub struct Details {
    /// How long it lives.
    pub lifespan: Lifespan,
    /// What it weighs, where entries are weighed.
    pub weight: u64,
    /// Its tags.
    pub tags: Box<[Arc<str>]>,
    /// The nanoseconds that its load took.
    pub nanos: u64,
    /// Whether it is an error that a load ended with: its ttl doubles with each one in a row.
    pub is_error: bool,
    /// Of how many errors in a row it is the last, and has the ttl of; 0 for what is there to be counted on from.
    pub failures: u8,
    /// When it was stored and what becomes of it, if that is not to follow from its lifespan.
    pub course: Option<Course>,
    /// What others know the entry by, 0 if there are none.
    pub mark: Mark,
    /// The [`Memory::moves`] before the value was read elsewhere. If there was one since, it is not stored.
    pub moves: Option<u64>,
    /// The [`Memory::epoch`] when the load began that the value comes from. If one of its tags was invalidated since, it is refused.
    pub since: Option<u64>,
}

impl Default for Details {
    fn default() -> Self {
        Self {
            lifespan: Lifespan::FOREVER,
            weight: 1,
            tags: Box::default(),
            nanos: 0,
            is_error: false,
            failures: 0,
            course: None,
            mark: 0,
            moves: None,
            since: None,
        }
    }
}

impl Details {
    /// Has an error follow so many others, each of which doubles its ttl. It is remembered for as long again, so that the next one in a
    /// row is told from a first.
    pub fn count_error(&mut self, before: u8) {
        let ttl = backed_off(self.lifespan.ttl, before);
        self.failures = before.saturating_add(1);
        self.lifespan = Lifespan { ttl, grace: ttl, idle: NEVER, ahead: Part::NONE, early: Early::NONE };
    }
}

/// What became of a write.
#[derive(Debug)]
pub struct Stored<K, V> {
    /// Whether the value is in the memory now.
    pub stored: bool,
    /// What left: the pair itself is not among it if it was not stored.
    pub left: Left<K, V>,
}

impl<K, V> Stored<K, V> {
    pub(crate) const NOT: Self = Self { stored: false, left: Left::nothing() };
}

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
        if details.since.is_some_and(|since| shard.killed_since(&details.tags, since)) {
            shard.count_refused(owner);
            return Ok(Stored::NOT);
        }
        if details.moves.is_some_and(|before| before != self.moves()) {
            return Ok(Stored::NOT);
        }
        if !self.is_enabled() || !condition.holds(found.filter(|_| fresh).and_then(|slot| shard.slab.value(slot))) {
            return Ok(Stored::NOT);
        }
        let (mut left, mut written) = (Left::nothing(), None);
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
                shard.tell_of_write(slot, !fresh, &self.clock);
            }
        } else {
            shard.refuse(found, end, owner, &mut left);
        }
        shard.tend_at(now, &mut left);
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
    fn fit(&self, shard: &mut Shard<K, V>, written: Option<Slot>, now: Tick, left: &mut Left<K, V>) {
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
    pub(super) fn make_room(&self, last: usize, written: Option<Slot>, left: &mut Left<K, V>) {
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
    pub(super) fn settle(&self, left: &Left<K, V>) {
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

impl Bounds {
    #[inline]
    fn charge(&self, sharded: bool, entries: u64, weight: u64) {
        if sharded {
            self.entries.fetch_add(entries, Ordering::SeqCst);
            self.weight.fetch_add(weight, Ordering::SeqCst);
        }
    }

    fn discharge(&self, gone: bool, weight: u64) {
        self.entries.fetch_sub(u64::from(gone), Ordering::SeqCst);
        self.weight.fetch_sub(weight, Ordering::SeqCst);
    }

    pub(super) fn totals(&self) -> (u64, u64) {
        (self.entries.load(Ordering::SeqCst), self.weight.load(Ordering::SeqCst))
    }
}

impl<V> Condition<'_, V> {
    #[inline]
    fn holds(&self, fresh: Option<&V>) -> bool {
        match (self, fresh) {
            (Self::Always, _) | (Self::IfAbsent, None) | (Self::IfPresent, Some(_)) => true,
            (Self::IfValue(test), Some(value)) => test(value),
            _ => false,
        }
    }
}

impl<K: Hashed, V> Shard<K, V> {
    /// Puts a pair in; where, if there was one.
    #[inline]
    fn store(
        &mut self,
        found: Option<Slot>,
        end: Option<Cause>,
        pair: &mut Option<(K, V)>,
        &Details { weight, nanos, .. }: &Details,
        left: &mut Left<K, V>,
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
    pub(super) fn failures(&self, slot: Slot) -> u8 {
        let before = self.slab.own(slot).filter(|_| self.slab.get(slot).life.is_error());
        before.map_or(0, |own| own.failures)
    }

    /// Counts a value that cannot be stored, and takes out what it was to replace.
    fn refuse(&mut self, found: Option<Slot>, end: Option<Cause>, owner: Owner, left: &mut Left<K, V>) {
        self.count_refused(owner);
        if let Some(slot) = found {
            left.push(self.take_out(slot, end.unwrap_or(Cause::Replaced)));
        }
    }
}
