//! What the decisions of a policy cost a request: `cargo bench -p hotset --bench policy_work [ROUNDS]`.
//!
//! Prints lines of `what policy entries nanoseconds`. A sample is the mean over a long run, so that what is done seldom, such as to
//! count or to change the rule, is in it. In each round every policy gives one, in turn. `pause` is one call that misses in a full cache:
//! the least of all rounds, which make the same calls, so that what a call waits for others on the machine is not in it.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::time::Instant;

use hotset::policy::generator::Generator;
use hotset::simulation::Cache;

/// Those that are compared; the first decides nothing.
const POLICIES: [&str; 4] = ["fifo", "adaptive", "tinylfu", "lru"];
const SIZES: [u64; 3] = [1_000, 100_000, 1_000_000];
/// Steps of a sample: as many as the cache has entries, and at least these.
const FEWEST_STEPS: u64 = 1_000_000;
/// Calls that are timed one by one.
const CALLS: usize = 1_000_000;
/// Those whose single calls are timed.
const PAUSES: [&str; 2] = ["fifo", "adaptive"];
/// Of the calls, so many take no longer than what is printed.
const QUANTILES: [(&str, f64); 4] = [("median", 0.5), ("99%", 0.99), ("99.99%", 0.9999), ("worst", 1.0)];
const ROUNDS: u32 = 7;
const SEED: u64 = 1;

/// A full cache, and what is asked of it.
struct Bench {
    cache: Cache,
    entries: u64,
    /// The next key that was never asked for.
    next: u64,
    lots: Generator,
}

impl Bench {
    fn full(policy: &str, entries: u64) -> Self {
        let cache = Cache::named(policy, entries, SEED).unwrap();
        let mut bench = Self { cache, entries, next: 0, lots: Generator::new(SEED) };
        (0..2 * entries).for_each(|_| bench.miss());
        bench
    }

    fn miss(&mut self) {
        black_box(self.cache.request(self.next, 1));
        self.next += 1;
    }

    /// A new key, and one that is as old as half a percent of the entries: every entry is read once before it can leave.
    fn miss_and_read(&mut self) {
        self.miss();
        black_box(self.cache.request(self.next - 1 - self.entries / 200, 1));
    }

    fn hit(&mut self) {
        let key = self.lots.below(self.entries as usize) as u64;
        black_box(self.cache.request(key, 1));
    }

    /// Nanoseconds a request.
    fn time(&mut self, some: impl Fn(&mut Self)) -> f64 {
        let before = self.cache.requests();
        let start = Instant::now();
        (0..self.entries.max(FEWEST_STEPS)).for_each(|_| some(self));
        start.elapsed().as_nanos() as f64 / (self.cache.requests() - before) as f64
    }
}

/// A sample of each policy in every round. `filled` makes the cache ready.
fn each(what: &str, rounds: u32, filled: impl Fn(&str, u64) -> Bench, some: impl Fn(&mut Bench)) {
    for entries in SIZES {
        let mut benches = POLICIES.map(|policy| filled(policy, entries));
        for _ in 0..rounds {
            for (policy, bench) in POLICIES.iter().zip(&mut benches) {
                let took = bench.time(&some);
                println!("{what} {policy} {entries} {took:.2}");
            }
        }
    }
}

/// A cache that was filled once, and holds all that is asked for.
fn holding(policy: &str, entries: u64) -> Bench {
    let mut bench =
        Bench { lots: Generator::new(SEED), next: 0, entries, cache: Cache::named(policy, entries, SEED).unwrap() };
    (0..entries).for_each(|_| bench.miss());
    bench
}

/// Nanoseconds of each call of a run, each the least of all rounds.
fn calls(policy: &str, entries: u64, rounds: u32) -> Vec<u32> {
    let mut least = vec![u32::MAX; CALLS];
    for _ in 0..rounds {
        let mut bench = Bench::full(policy, entries);
        for least in &mut least {
            let start = Instant::now();
            bench.miss();
            *least = (*least).min(start.elapsed().as_nanos() as u32);
        }
    }
    least
}

fn pauses(rounds: u32) {
    for entries in SIZES {
        for policy in PAUSES {
            let mut calls = calls(policy, entries, rounds);
            calls.sort_unstable();
            for (name, part) in QUANTILES {
                let took = calls[((CALLS - 1) as f64 * part) as usize];
                println!("pause-{name} {policy} {entries} {took}");
            }
        }
    }
}

fn main() {
    let rounds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(ROUNDS);
    each("hit", rounds, holding, Bench::hit);
    each("miss", rounds, Bench::full, Bench::miss);
    each("miss-and-read", rounds, Bench::full, Bench::miss_and_read);
    pauses(rounds);
}
