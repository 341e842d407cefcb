//! Telling a sampler what happens to the keys of its sample.

use crate::error::Error;
use crate::memory::shard::policy_capacity;
use crate::memory::{Hashed, Memory};
use crate::policy::worth::Optimize;
use crate::simulation::what_if::Estimate;
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
