//! Telling a sampler what happens to the keys of its sample.

use crate::clock::{Clock, Tick};
use crate::error::Error;
use crate::memory::shard::{Shard, policy_capacity};
use crate::memory::{Hashed, Memory};
use crate::policy::worth::Optimize;
use crate::policy::{Linked, Nodes, Slot};
use crate::simulation::Request;
use crate::simulation::what_if::{Estimate, Event, Sampler, Tally};
use crate::stats::OwnerCounts;
use crate::sync::RawMutex;

/// Whether samples are taken of what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// None.
    Off,
    /// As many as cost little time.
    InBounds,
    /// All that are wanted, whatever that costs: for tests.
    AtAnyCost,
}

/// What other sizes are compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// What a shard may hold, in entries or weights.
    pub(super) capacity: u64,
    /// Whether entries are weighed.
    pub(super) weighs: bool,
    /// What is to be as much as possible.
    pub(super) optimize: Optimize,
}

impl<K: Hashed, V, R: RawMutex> Memory<K, V, R> {
    /// Begins to take samples anew, or ends it.
    ///
    /// # Errors
    /// [`Error::Unbounded`] if there is no size that could be another one.
    pub fn sample(&self, sampling: Sampling) -> Result<(), Error> {
        let size = self.size();
        if sampling != Sampling::Off && size.capacity == u64::MAX {
            return Err(Error::Unbounded);
        }
        for shard in self.shards.iter() {
            shard.lock().sample(sampling, size, &self.clock)?;
        }
        Ok(())
    }

    /// The present size of each shard.
    pub(super) fn size(&self) -> Size {
        let (max_entries, max_weight) = (self.max_entries(), self.max_weight());
        let capacity = policy_capacity(max_entries, max_weight, self.shards.len() as u64);
        Size { capacity, weighs: max_weight != u64::MAX, optimize: self.optimize() }
    }

    /// Whether samples are taken.
    pub fn is_sampled(&self) -> bool {
        self.shards.of(0).lock().sampler.is_some()
    }

    /// What the samples say of other sizes, if any are taken.
    pub fn what_if(&self) -> Option<Estimate> {
        let mut whole = Estimate::default();
        for shard in self.shards.iter() {
            whole.add(&shard.lock().what_if(&self.clock)?);
        }
        Some(whole)
    }
}

impl<K: Hashed, V> Shard<K, V> {
    fn sample(&mut self, sampling: Sampling, size: Size, clock: &Clock) -> Result<(), Error> {
        let entries = (!size.weighs).then_some(size.capacity);
        let optimize = (size.weighs || size.optimize == Optimize::Time).then_some(size.optimize);
        let sampler =
            || Sampler::new(self.policy.name(), optimize, size.capacity, entries, clock.coarse(), self.tally());
        self.sampler = match sampling {
            Sampling::Off => None,
            Sampling::InBounds => Some(Box::new(sampler()?)),
            Sampling::AtAnyCost => Some(Box::new(sampler()?.at_any_cost())),
        };
        self.refollow();
        Ok(())
    }

    /// Begins anew where samples are taken, since the size is another one.
    pub(super) fn resample(&mut self, size: Size, clock: &Clock) {
        let sampling = self.sampler.as_ref().map_or(Sampling::Off, |sampler| match sampler.is_at_any_cost() {
            true => Sampling::AtAnyCost,
            false => Sampling::InBounds,
        });
        // Sampling has begun under this policy before.
        self.sample(if size.capacity == u64::MAX { Sampling::Off } else { sampling }, size, clock).ok();
    }

    fn what_if(&mut self, clock: &Clock) -> Option<Estimate> {
        let tally = self.tally();
        let estimate = self.sampler.as_mut()?.estimate(clock.coarse(), tally);
        self.refollow();
        Some(estimate)
    }

    /// Looks up of which hits the policy and the sampler want to know.
    #[inline]
    pub(super) fn refollow(&mut self) {
        let sampled = self.sampler.as_ref().map_or(0, |sampler| sampler.sample());
        self.followed = self.policy.followed().max(sampled);
    }

    /// Tells of a hit those who want to know of it.
    #[inline]
    pub(super) fn tell_of_hit(&mut self, slot: Slot, clock: &Clock) {
        self.policy.hit(&mut self.slab, slot);
        if self.sampler.is_some() {
            self.tell_of_write(slot, true, clock);
        }
    }

    /// Tells the sampler of an entry that is there now: whether it was asked for or just stored.
    #[inline]
    pub(super) fn tell_of_write(&mut self, slot: Slot, asked: bool, clock: &Clock) {
        let Some(sampler) = &mut self.sampler else { return };
        let (hash, now) = (self.slab.hash(slot), clock.coarse());
        let resumes = sampler.is_to_resume(now);
        if resumes {
            sampler.resume(tally(&self.owners, &self.departed));
        }
        if hash <= sampler.sample() {
            let end = self.slab.course(slot).fresh_until;
            let weight = if sampler.weighs() { self.slab.weight(slot) } else { 1 };
            let request = Request { key: u64::from(hash), weight, cost: self.slab.cost(slot), now, end };
            self.note(if asked { Event::Asked(request) } else { Event::Stored(request) }, now);
        }
        if resumes {
            self.refollow();
        }
    }

    /// Tells the sampler that a key is to be taken out, whether or not it is there.
    #[inline]
    pub(super) fn tell_of_removal(&mut self, hash: u32, clock: &Clock) {
        if let Some(sampler) = &self.sampler
            && hash <= sampler.sample()
        {
            self.note(Event::Removed(hash), clock.coarse());
        }
    }

    #[cold]
    fn note(&mut self, event: Event, now: Tick) {
        if let Some(sampler) = &mut self.sampler
            && sampler.note(event)
        {
            sampler.work(now, tally(&self.owners, &self.departed));
            self.refollow();
        }
    }

    fn tally(&self) -> Tally {
        tally(&self.owners, &self.departed)
    }
}

/// What all owners together have counted.
fn tally(owners: &[OwnerCounts], departed: &OwnerCounts) -> Tally {
    let mut tally = Tally::default();
    for counts in owners.iter().chain([departed]) {
        tally.hits += counts.hits;
        tally.requests += counts.hits + counts.misses;
    }
    tally
}
