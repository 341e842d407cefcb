//! WHO computes: a load in progress, from the miss that starts it to the fill that ends it.

use crate::clock;
use crate::memory::{Hashed, Memory, Owner};
use crate::sync::RawMutex;

/// A load in progress: when it began and for whom.
#[derive(Debug)]
#[must_use = "a flight ends with `landed` or `failed`"]
pub struct Flight {
    hash: u32,
    owner: Owner,
    began: u64,
}

impl Flight {
    /// The load of this key begins now.
    pub fn begin(hash: u32, owner: Owner) -> Self {
        Self { hash, owner, began: clock::nanos() }
    }

    /// The load returned; gives the nanoseconds that it took.
    pub fn landed<K: Hashed, V, R: RawMutex>(self, memory: &Memory<K, V, R>) -> u64 {
        self.end(memory, false)
    }

    /// The load raised.
    pub fn failed<K: Hashed, V, R: RawMutex>(self, memory: &Memory<K, V, R>) {
        self.end(memory, true);
    }

    fn end<K: Hashed, V, R: RawMutex>(self, memory: &Memory<K, V, R>, failed: bool) -> u64 {
        let took = clock::nanos().saturating_sub(self.began);
        memory.count_load(self.hash, self.owner, took, failed);
        took
    }
}
