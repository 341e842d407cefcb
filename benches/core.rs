//! What the memory's operations cost, for each policy: `cargo bench -p hotset`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hotset::clock::{Clock, ManualClock, ticks};
use hotset::expiry::Lifespan;
use hotset::hash::{Seed, shorten};
use hotset::memory::{Condition, Details, Hashed, Memory, Options, Owner};
use hotset::policy::NAMES;
use hotset::policy::generator::Generator;
use hotset::sync::ThreadLock;

const ENTRIES: u64 = 100_000;
/// Entries that are read or overwritten in turn: few enough for the processor's caches.
const HOT: usize = 1_000;
const EXPIRING: u64 = 10_000;
const HOUR: Duration = Duration::from_secs(3600);

struct Key(u64);

impl Hashed for Key {
    fn hash(&self) -> u32 {
        shorten(Seed::fixed(1).mix(0, self.0))
    }
    fn owner(&self) -> Owner {
        0
    }
}

struct Bench {
    memory: Memory<Key, u64, ThreadLock>,
    random: Generator,
    next: u64,
}

impl Bench {
    fn new(policy: &str, shards: usize, clock: Clock) -> Self {
        let policy = policy.to_owned();
        let options =
            Options { max_entries: ENTRIES, policy, shards, clock, seed: Seed::fixed(1), ..Options::default() };
        Self { memory: Memory::new(options).unwrap(), random: Generator::new(1), next: 0 }
    }

    fn full(policy: &str, shards: usize) -> Self {
        let mut bench = Self::new(policy, shards, Clock::System);
        (0..ENTRIES).for_each(|_| bench.write_new());
        bench
    }

    fn hot(&mut self) -> u64 {
        self.next - 1 - self.random.below(HOT) as u64
    }

    fn read(&self, number: u64) -> Option<u64> {
        let is_it = &mut |key: &Key| key.0 == number;
        self.memory.read(Key(number).hash(), 0, is_it, |value| *value).unwrap().found
    }

    fn write(&self, number: u64) {
        let lifespan = Lifespan { ttl: ticks(HOUR), ..Lifespan::FOREVER };
        let mut details = Details { lifespan, ..Details::default() };
        let (mut pair, is_it) = (Some((Key(number), number)), &mut |key: &Key| key.0 == number);
        black_box(self.memory.write(&mut pair, &mut details, &Condition::Always, is_it)).unwrap();
    }

    fn write_new(&mut self) {
        self.write(self.next);
        self.next += 1;
    }
}

/// One operation, for each policy with one shard and for the default with eight.
fn each(criterion: &mut Criterion, name: &str, mut step: impl FnMut(&mut Bench)) {
    let mut group = criterion.benchmark_group(name);
    let sharded = (hotset::policy::DEFAULT, 8);
    for (policy, shards) in NAMES.iter().map(|&policy| (policy, 1)).chain([sharded]) {
        let mut bench = Bench::full(policy, shards);
        group.bench_function(BenchmarkId::new(policy, shards), |bencher| bencher.iter(|| step(&mut bench)));
    }
}

fn read_hit(criterion: &mut Criterion) {
    each(criterion, "read hit", |bench| {
        let number = bench.hot();
        black_box(bench.read(number));
    });
}

fn write_existing(criterion: &mut Criterion) {
    each(criterion, "write existing", |bench| {
        let number = bench.hot();
        bench.write(number);
    });
}

fn write_new_into_full(criterion: &mut Criterion) {
    each(criterion, "write new into full", Bench::write_new);
}

/// What a sweep costs an entry that it finds.
fn expire(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("expire");
    group.throughput(Throughput::Elements(EXPIRING));
    for policy in NAMES {
        let expired = || {
            let clock = Arc::new(ManualClock::default());
            let mut bench = Bench::new(policy, 1, Clock::Manual(clock.clone()));
            (0..EXPIRING).for_each(|_| bench.write_new());
            clock.advance(HOUR * 2);
            bench
        };
        group.bench_function(BenchmarkId::from_parameter(policy), |bencher| {
            bencher.iter_batched_ref(expired, |bench| bench.memory.sweep(), BatchSize::LargeInput);
        });
    }
}

criterion_group!(benches, read_hit, write_existing, write_new_into_full, expire);
criterion_main!(benches);
