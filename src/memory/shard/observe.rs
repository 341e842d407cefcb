//! Telling the policy and a sampler what happens in a shard.

use crate::clock::{Clock, Tick};
use crate::error::Error;
use crate::memory::Hashed;
use crate::memory::sampling::{Sampling, Size};
use crate::memory::shard::Shard;
use crate::policy::worth::Optimize;
use crate::policy::{Linked, Nodes, Slot};
use crate::simulation::Request;
use crate::simulation::what_if::{Estimate, Event, Sampler, Tally};
use crate::stats::OwnerCounts;

impl<K: Hashed, V> Shard<K, V> {
    pub(crate) fn sample(&mut self, sampling: Sampling, size: Size, clock: &Clock) -> Result<(), Error> {
        let entries = (!size.weighs).then_some(size.capacity);
        let optimize = (size.weighs || size.optimize == Optimize::Time).then_some(size.optimize);
        let sampler =
            || Sampler::new(self.policy.name(), optimize, size.capacity, entries, clock.coarse(), self.tally());
        self.sampler = match sampling {
            Sampling::Off => None,
            Sampling::InBounds => Some(Box::new(sampler()?)),
            Sampling::AtAnyCost => Some(Box::new(sampler()?.at_any_cost())),
        };
        self.update_hit_filter();
        Ok(())
    }

    /// Begins anew where samples are taken, since the size is another one.
    pub(crate) fn resample(&mut self, size: Size, clock: &Clock) {
        let sampling = self.sampler.as_ref().map_or(Sampling::Off, |sampler| match sampler.is_at_any_cost() {
            true => Sampling::AtAnyCost,
            false => Sampling::InBounds,
        });
        // Sampling has begun under this policy before.
        self.sample(if size.capacity == u64::MAX { Sampling::Off } else { sampling }, size, clock).ok();
    }

    pub(crate) fn what_if(&mut self, clock: &Clock) -> Option<Estimate> {
        let tally = self.tally();
        let estimate = self.sampler.as_mut()?.estimate(clock.coarse(), tally);
        self.update_hit_filter();
        Some(estimate)
    }

    /// Looks up of which hits the policy and the sampler want to know.
    #[inline]
    pub(crate) fn update_hit_filter(&mut self) {
        let sampled = self.sampler.as_ref().map_or(0, |sampler| sampler.sample());
        self.hit_filter = self.policy.hit_filter().max(sampled);
    }

    /// Tells of a hit those who want to know of it.
    #[inline]
    pub(crate) fn notify_hit(&mut self, slot: Slot, clock: &Clock) {
        self.policy.hit(&mut self.slab, slot);
        if self.sampler.is_some() {
            self.notify_write(slot, true, clock);
        }
    }

    /// Tells the sampler of an entry that is there now: whether it was asked for or just stored.
    #[inline]
    pub(crate) fn notify_write(&mut self, slot: Slot, asked: bool, clock: &Clock) {
        let Some(sampler) = &mut self.sampler else { return };
        let (hash, now) = (self.slab.hash(slot), clock.coarse());
        let resumes = sampler.is_to_resume(now);
        if resumes {
            sampler.resume(tally(&self.owners, &self.departed));
        }
        if hash <= sampler.sample() {
            let end = self.slab.deadlines(slot).fresh_until;
            let weight = if sampler.weighs() { self.slab.weight(slot) } else { 1 };
            let request = Request { key: u64::from(hash), weight, cost: self.slab.cost(slot), now, end };
            self.note(if asked { Event::Asked(request) } else { Event::Stored(request) }, now);
        }
        if resumes {
            self.update_hit_filter();
        }
    }

    /// Tells the sampler that a key is to be taken out, whether or not it is there.
    #[inline]
    pub(crate) fn notify_removal(&mut self, hash: u32, clock: &Clock) {
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
            self.update_hit_filter();
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
