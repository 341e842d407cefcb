//! WHERE objects live: shards of slots, each with an index, a policy and a timer wheel.
//!
//! A memory is generic over keys, values and the kind of lock. Under a lock it never runs a caller's code other than the
//! [`Probe`] and the closures of a read, and it never drops a key or a value there: every write returns what [`Removals`].

mod bounds;
mod entry;
mod freshness;
mod index;
mod lifespans;
mod marked;
mod options;
mod owned;
mod probe;
mod removed;
mod request;
mod sampling;
mod shard;
mod shards;
mod slab;
mod tags;
mod walk;
mod write;

#[cfg(any(test, feature = "validate"))]
mod validate;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub use entry::Hashed;
pub use freshness::{EntryInfo, Freshness};
pub use lifespans::Deadlines;
pub use marked::Mark;
pub use options::Options;
pub use probe::{Probe, Unsure, Verdict};
pub use removed::{Removals, Removed};
pub use request::{Condition, Details, More, Read, Stored};
pub use sampling::Sampling;
pub use walk::Cursor;

use crate::clock::{Clock, NEVER, Tick};
use crate::error::Error;
use crate::expiry::Lifespan;
use crate::hash::Seed;
use crate::policy::worth::Optimize;
use crate::stats::{Cause, Counts, OwnerCounts};
use crate::sync::{Mutex, RawMutex};
use bounds::Bounds;
use shard::Shard;
use shards::Shards;

/// Whose a key is: 0 is the cache itself, others are numbered by [`Memory::add_owner`].
pub type Owner = u32;

/// The numbers of owners.
#[derive(Debug)]
struct Owners {
    /// Greater than all that were given so far.
    next: Owner,
    /// Of those who have left.
    vacant: Vec<Owner>,
}

/// The most entries that leave at once when everything is removed.
const CLEAR_STEP: usize = 256;

/// Entries in memory, bounded by number and weight.
pub struct Memory<K, V, R> {
    shards: Shards<K, V, R>,
    clock: Clock,
    seed: Seed,
    enabled: AtomicBool,
    bounds: Bounds,
    optimize: Optimize,
    owners: Mutex<R, Owners>,
    /// Counts what came between a read elsewhere and its being kept here.
    moves: AtomicU64,
}

impl<K: Hashed, V, R: RawMutex> Memory<K, V, R> {
    /// An empty memory.
    ///
    /// # Errors
    /// [`Error::UnknownPolicy`].
    pub fn new(options: Options) -> Result<Self, Error> {
        let count = options.shards.max(1).next_power_of_two();
        let first = Shard::new(&options, 0, count as u64)?;
        let others = (1..count).map(|number| Shard::new(&options, number as u64, count as u64));
        let others: Vec<_> = others.collect::<Result<_, _>>()?;
        Ok(Self {
            shards: Shards::new(first, others.into_iter()),
            clock: options.clock,
            seed: options.seed,
            enabled: AtomicBool::new(true),
            optimize: options.optimize,
            owners: Mutex::new(Owners { next: 1, vacant: Vec::new() }),
            moves: AtomicU64::new(0),
            bounds: Bounds {
                max_entries: AtomicU64::new(options.max_entries),
                max_weight: AtomicU64::new(options.max_weight),
                entries: AtomicU64::new(0),
                weight: AtomicU64::new(0),
            },
        })
    }

    /// The secret to hash keys with.
    #[inline]
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Where this memory reads the time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Whether reads may find something and writes are kept.
    #[inline]
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    /// Switches the memory on or off. While it is off it is empty.
    pub fn enable(&self, on: bool) -> Removals<K, V> {
        self.enabled.store(on, Ordering::SeqCst);
        if on { Removals::nothing() } else { self.clear_and_drain(usize::MAX) }
    }

    /// The most entries it holds; `u64::MAX` is unbounded.
    pub fn max_entries(&self) -> u64 {
        self.bounds.max_entries.load(Ordering::Relaxed)
    }

    /// The most weight it holds; `u64::MAX` is unbounded.
    pub fn max_weight(&self) -> u64 {
        self.bounds.max_weight.load(Ordering::Relaxed)
    }

    /// The name of the policy.
    pub fn policy(&self) -> &'static str {
        self.shards.of(0).lock().policy.name()
    }

    /// What is to be as much as possible.
    #[inline]
    pub fn optimize(&self) -> Optimize {
        self.optimize
    }

    /// A number for another owner of keys. Of one who may leave the entries are listed, at 8 bytes for each entry of the memory.
    pub fn add_owner(&self, may_leave: bool) -> Owner {
        let mut owners = self.owners.lock();
        let owner = owners.vacant.pop().unwrap_or(owners.next);
        owners.next = owners.next.max(owner + 1);
        self.shards.iter().for_each(|shard| shard.lock().add_owner(owner, may_leave));
        owner
    }

    /// Removes everything of an owner who may leave, and gives its number to the next. The caller knows that nobody stores anything under
    /// that number any more, or seeks it.
    pub fn remove_owner(&self, owner: Owner) -> Removals<K, V> {
        let mut owners = self.owners.lock();
        let left = self.clear_owner(owner);
        let mut is_forgotten = true;
        for shard in self.shards.iter() {
            is_forgotten &= shard.lock().remove_owner(owner);
        }
        if is_forgotten {
            owners.vacant.push(owner);
        }
        left
    }

    /// Finds a fresh entry, counts a hit or a miss, and gives its value to `take`. As [`Memory::read`] for who cannot load, and so is not
    /// asked to.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing has been counted then.
    #[inline(always)]
    pub fn read_without_refresh<T>(
        &self,
        hash: u32,
        owner: Owner,
        probe: &mut impl Probe<K>,
        take: impl FnOnce(&V) -> T,
    ) -> Result<Read<T>, Unsure> {
        self.shard(hash).lock().read(hash, owner, false, probe, take, &self.clock)
    }

    /// Finds a fresh entry, counts a hit or a miss, and gives its value to `take`, for who can refresh it.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing has been counted then.
    #[inline(always)]
    pub fn read<T>(
        &self,
        hash: u32,
        owner: Owner,
        probe: &mut impl Probe<K>,
        take: impl FnOnce(&V) -> T,
    ) -> Result<Read<T>, Unsure> {
        self.shard(hash).lock().read(hash, owner, true, probe, take, &self.clock)
    }

    /// Finds a fresh entry without any effect on it or on statistics.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell.
    pub fn peek<T>(
        &self,
        hash: u32,
        probe: &mut impl Probe<K>,
        take: impl FnOnce(&V) -> T,
    ) -> Result<Option<T>, Unsure> {
        self.shard(hash).lock().peek(hash, probe, take, &self.clock)
    }

    /// As [`Memory::peek`], of what a load came to: a fresh value, or an error that is kept, which `take` is told.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell.
    pub fn peek_outcome<T>(
        &self,
        hash: u32,
        probe: &mut impl Probe<K>,
        take: impl FnOnce(&V, bool) -> T,
    ) -> Result<Option<T>, Unsure> {
        self.shard(hash).lock().peek_outcome(hash, probe, take, &self.clock)
    }

    /// Gives an entry that is there, however it stands, and what is known of it to `take`, without any effect.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell.
    pub fn inspect<T>(
        &self,
        hash: u32,
        probe: &mut impl Probe<K>,
        take: impl FnOnce(&V, EntryInfo) -> T,
    ) -> Result<Option<T>, Unsure> {
        self.shard(hash).lock().inspect(hash, probe, take, &self.clock)
    }

    /// The ticks that a fresh entry has left to be so, [`NEVER`] for no end.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell.
    pub fn remaining(&self, hash: u32, probe: &mut impl Probe<K>) -> Result<Option<Tick>, Unsure> {
        let left = |info: EntryInfo| match info.deadlines.fresh_until.min(info.idle_until) {
            NEVER => NEVER,
            end => end.saturating_sub(info.now),
        };
        self.inspect(hash, probe, |_, info| (info.freshness == Freshness::Fresh).then(|| left(info)))
            .map(Option::flatten)
    }

    /// Has entries with this lifespan take no more memory than others. There may be seven such; more do no harm.
    pub fn add_usual(&self, lifespan: Lifespan) {
        self.shards.iter().for_each(|shard| shard.lock().slab.lifespans.add_kind(lifespan));
    }

    /// A load failed for an entry that is served stale: for so long none is to be begun, and for twice as long after the next failure.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell.
    pub fn back_off(&self, hash: u32, probe: &mut impl Probe<K>, base: Tick) -> Result<(), Unsure> {
        let mut shard = self.shard(hash).lock();
        let now = self.clock.precise();
        if let Some(slot) = shard.find(hash, probe)?.filter(|&slot| shard.freshness(slot, now) == Freshness::Stale) {
            shard.back_off(slot, base, now);
        }
        Ok(())
    }

    /// How many errors in a row there were for a key, as far as that is remembered.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell.
    pub fn failures(&self, hash: u32, probe: &mut impl Probe<K>) -> Result<u8, Unsure> {
        let shard = self.shard(hash).lock();
        Ok(shard.find(hash, probe)?.map_or(0, |slot| shard.failures(slot)))
    }

    /// Makes a fresh entry stale, or takes it out if it has no grace; whether there was one, and what left.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing has changed then.
    pub fn expire(&self, hash: u32, probe: &mut impl Probe<K>) -> Result<(bool, Removals<K, V>), Unsure> {
        let mut shard = self.shard(hash).lock();
        let (was, left) = shard.expire(hash, probe, &self.clock)?;
        self.settle(&left);
        Ok((was, left))
    }

    /// Takes an entry out, whether or not it is fresh; [`Cause::Expired`] if it was not.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing has changed then.
    pub fn remove(&self, hash: u32, probe: &mut impl Probe<K>, cause: Cause) -> Result<Removals<K, V>, Unsure> {
        let mut shard = self.shard(hash).lock();
        let left = shard.remove(hash, probe, cause, &self.clock)?;
        self.settle(&left);
        Ok(left)
    }

    /// Gives a fresh entry a new life, or its own once more; whether there was one.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing has changed then.
    pub fn touch(&self, hash: u32, probe: &mut impl Probe<K>, lifespan: Option<Lifespan>) -> Result<bool, Unsure> {
        self.shard(hash).lock().touch(hash, probe, lifespan, &self.clock)
    }

    /// Takes out every entry that is known by this mark.
    pub fn remove_marked(&self, mark: Mark, cause: Cause) -> Removals<K, V> {
        let mut left = Removals::nothing();
        for shard in self.shards.iter() {
            let mut shard = shard.lock();
            let removed = shard.remove_marked(mark, cause, &self.clock);
            self.settle(&removed);
            left.append(removed);
        }
        left
    }

    /// A number to give to what is read elsewhere from now on, as [`Details::moves`].
    pub fn moves(&self) -> u64 {
        self.moves.load(Ordering::SeqCst)
    }

    /// Something is about to change, or just has: what was read elsewhere before this is not to be kept. How many moves that makes.
    pub fn note_move(&self) -> u64 {
        self.moves.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Takes out the entry that the policy would evict next.
    pub fn pop_victim(&self) -> Option<Removed<K, V>> {
        self.shards.iter().find_map(|shard| {
            let removed = shard.lock().pop_victim(None, Cause::Invalidated, self.clock.precise());
            self.settle_removed(removed.as_ref());
            removed
        })
    }

    /// Removes a bounded number of entries whose time is over.
    #[cold]
    pub fn run_pending(&self, hash: u32) -> Removals<K, V> {
        let mut shard = self.shard(hash).lock();
        let left = shard.run_pending(&self.clock);
        self.settle(&left);
        left
    }

    /// Lets time pass for all entries at once: each life ends so many ticks earlier. For tests of what cannot be given a clock.
    pub fn advance_by(&self, by: Tick) {
        self.shards.iter().for_each(|shard| shard.lock().advance_by(by));
    }

    /// Removes every entry whose time is over.
    pub fn sweep(&self) -> Removals<K, V> {
        let mut left = Removals::nothing();
        for shard in self.shards.iter() {
            let mut shard = shard.lock();
            let removed = shard.sweep(&self.clock);
            self.settle(&removed);
            left.append(removed);
        }
        left
    }

    /// Removes everything, at a cost that does not depend on how much that is: of many entries, most leave in later operations.
    pub fn clear(&self) -> Removals<K, V> {
        self.clear_and_drain(CLEAR_STEP)
    }

    fn clear_and_drain(&self, most: usize) -> Removals<K, V> {
        let mut left = Removals::nothing();
        for shard in self.shards.iter() {
            let mut shard = shard.lock();
            self.discharge_all(&shard);
            shard.clear(&self.clock);
            shard.drain_removed(most, 0, &mut left);
        }
        left
    }

    /// The epoch of the tags of a key: it moves when any tag is invalidated.
    #[inline]
    pub fn epoch(&self, hash: u32) -> u64 {
        self.shard(hash).lock().epoch
    }

    /// The number of the shard that a key belongs to: epochs of keys of one shard can be compared.
    #[must_use]
    pub fn shard_number(&self, hash: u32) -> usize {
        if self.shards.are_several() { self.shards.number(hash) } else { 0 }
    }

    /// Makes every entry that carries one of these tags unreadable, at the same cost however many they are, and they leave in later
    /// operations; of [`Cause::Expired`], makes them stale.
    ///
    /// `oldest` gives the epoch at which the oldest load in progress of a shard's keys began, if there is one: a tag that nobody carries is
    /// remembered as long as there are loads that began before this.
    pub fn invalidate_tags(&self, names: &[Arc<str>], cause: Cause, oldest: impl Fn(usize) -> Option<u64>) {
        for (number, shard) in self.shards.iter().enumerate() {
            let oldest = oldest(number);
            shard.lock().invalidate_tags(names, cause, oldest, self.clock.precise());
        }
    }

    /// What was counted as a miss was found elsewhere.
    pub fn count_found(&self, hash: u32, owner: Owner) {
        self.shard(hash).lock().count_found(owner);
    }

    /// Whether an entry carries this tag.
    pub fn carries(&self, tag: &Arc<str>) -> bool {
        self.shards.iter().any(|shard| shard.lock().tags.as_ref().is_some_and(|tags| tags.knows(tag)))
    }

    /// Whether one of these tags of a key was invalidated since this epoch.
    pub fn invalidated_since(&self, hash: u32, names: &[Arc<str>], since: u64) -> bool {
        self.shard(hash).lock().invalidated_since(names, since)
    }

    /// Removes everything of one owner.
    pub fn clear_owner(&self, owner: Owner) -> Removals<K, V> {
        let mut left = Removals::nothing();
        for shard in self.shards.iter() {
            let mut shard = shard.lock();
            let removed = shard.clear_owner(owner, &self.clock);
            self.settle(&removed);
            left.append(removed);
        }
        left
    }

    /// Changes the bounds and evicts what is too much.
    pub fn resize(&self, max_entries: u64, max_weight: u64) -> Removals<K, V> {
        self.bounds.max_entries.store(max_entries, Ordering::Relaxed);
        self.bounds.max_weight.store(max_weight, Ordering::Relaxed);
        for shard in self.shards.iter() {
            shard.lock().resize(self.size(), &self.clock);
        }
        let mut left = Removals::nothing();
        self.make_room(0, None, &mut left);
        for shard in self.shards.iter() {
            shard.lock().shrink();
        }
        left
    }

    /// How many entries are fresh. Of those that are not and are not swept yet, some may be counted where no entry has grace.
    pub fn fresh_len(&self) -> u64 {
        self.shards.iter().map(|shard| shard.lock().fresh_len(&self.clock)).sum()
    }

    /// How many entries it holds, those not yet swept included.
    pub fn len(&self) -> u64 {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it did since it was made.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for shard in self.shards.iter() {
            shard.lock().add_counts(&mut counts);
        }
        counts
    }

    /// What one owner did.
    pub fn owner_counts(&self, owner: Owner) -> OwnerCounts {
        let mut counts = OwnerCounts::default();
        for shard in self.shards.iter() {
            counts.add(&shard.lock().owner_counts(owner));
        }
        counts
    }

    /// How many entries of one owner are fresh; see [`Memory::fresh_len`].
    pub fn fresh_of(&self, owner: Owner) -> u64 {
        self.shards.iter().map(|shard| shard.lock().fresh_of(owner, &self.clock)).sum()
    }

    /// Sets the counts of one owner to zero.
    pub fn reset_owner(&self, owner: Owner) {
        for shard in self.shards.iter() {
            shard.lock().reset_owner(owner);
        }
    }

    /// How many loads an owner has made of keys in the shard of this one.
    pub fn loads(&self, hash: u32, owner: Owner) -> u64 {
        self.shard(hash).lock().owner_counts(owner).loads
    }

    /// Counts a load that took so long.
    pub fn count_load(&self, hash: u32, owner: Owner, nanos: u64, failed: bool) {
        self.shard(hash).lock().count_load(owner, nanos, failed);
    }

    /// Counts a miss, of who looks in another way than by reading.
    pub fn count_miss(&self, hash: u32, owner: Owner) {
        self.shard(hash).lock().count_miss(owner);
    }

    /// Counts a miss that was answered with a stale value.
    pub fn count_stale(&self, hash: u32, owner: Owner) {
        self.shard(hash).lock().count_stale(owner);
    }

    /// Counts a value that was not stored although it was to be.
    pub fn count_refused(&self, hash: u32, owner: Owner) {
        self.shard(hash).lock().count_refused(owner);
    }

    #[inline(always)]
    fn shard(&self, hash: u32) -> &Mutex<R, Shard<K, V>> {
        self.shards.of(hash)
    }
}

impl<K: Hashed, V, R: RawMutex> std::fmt::Debug for Memory<K, V, R> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Memory").field("entries", &self.len()).field("bounds", &self.bounds).finish_non_exhaustive()
    }
}
