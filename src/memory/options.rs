//! How a memory is made.

use crate::clock::Clock;
use crate::hash::Seed;
use crate::policy::worth::Optimize;

/// How a memory is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// The most entries it holds; `u64::MAX` is unbounded.
    pub max_entries: u64,
    /// The most weight it holds; `u64::MAX` is unbounded. Entries are only weighed if there is a bound.
    pub max_weight: u64,
    /// The name of the policy.
    pub policy: String,
    /// What is to be as much as possible; only the adaptive policy cares.
    pub optimize: Optimize,
    /// By which fraction of their length lives are shortened at random.
    pub jitter: f64,
    /// Where the time comes from.
    pub clock: Clock,
    /// How many shards; one is right where callers exclude each other anyway.
    pub shards: usize,
    /// Seeds what is random.
    pub seed: Seed,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_entries: u64::MAX,
            max_weight: u64::MAX,
            policy: crate::policy::DEFAULT.to_owned(),
            optimize: Optimize::Hits,
            jitter: 0.0,
            clock: Clock::System,
            shards: 1,
            seed: Seed::random(),
        }
    }
}
