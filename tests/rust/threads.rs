//! Several threads on one memory: whenever all of them rest, everything adds up.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use hotset::clock::{Clock, ManualClock, ticks};
use hotset::expiry::Lifespan;
use hotset::hash::{Seed, shorten};
use hotset::memory::{Condition, Details, Hashed, Memory, Options, Owner, Removals};
use hotset::policy::NAMES;
use hotset::policy::generator::Generator;
use hotset::stats::{Cause, Counts};
use hotset::sync::ThreadLock;

const THREADS: u64 = 4;
/// Times that all threads rest.
const ROUNDS: u64 = 5;
const STEPS: usize = 1_500;
const KEYS: u64 = 300;
const MAX_ENTRIES: u64 = 100;
const MAX_WEIGHT: u64 = 250;

#[derive(Clone, Copy, PartialEq)]
struct Key(u64);

impl Hashed for Key {
    fn hash(&self) -> u32 {
        shorten(Seed::fixed(9).mix(0, self.0))
    }
    fn owner(&self) -> Owner {
        (self.0 % 2) as Owner
    }
}

/// A value that is counted while it lives.
struct Value {
    of: Key,
    alive: Arc<AtomicU64>,
}

impl Value {
    fn new(of: Key, alive: &Arc<AtomicU64>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self { of, alive: alive.clone() }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What the threads have seen happen.
#[derive(Default)]
struct Seen {
    hits: AtomicU64,
    misses: AtomicU64,
    stored: AtomicU64,
    refused: AtomicU64,
    removed: [AtomicU64; Cause::ALL.len()],
}

impl Seen {
    fn leave(&self, left: Removals<Key, Value>) {
        for removed in left {
            assert!(removed.value.of == removed.key, "a value of another key left");
            self.removed[removed.cause as usize].fetch_add(1, Ordering::SeqCst);
        }
    }
}

struct Shared {
    memory: Memory<Key, Value, ThreadLock>,
    clock: Arc<ManualClock>,
    alive: Arc<AtomicU64>,
    seen: Seen,
    rest: Barrier,
}

impl Shared {
    fn new(policy: &str, shards: usize, max_entries: u64, max_weight: u64) -> Self {
        let clock = Arc::new(ManualClock::default());
        let time = Clock::Manual(clock.clone());
        let policy = policy.to_owned();
        let options = Options {
            max_entries,
            max_weight,
            policy,
            shards,
            clock: time,
            jitter: 0.1,
            seed: Seed::fixed(2),
            ..Options::default()
        };
        let memory = Memory::new(options).unwrap();
        assert_eq!(memory.add_owner(true), 1);
        let rest = Barrier::new(THREADS as usize);
        Self { memory, clock, alive: Arc::default(), seen: Seen::default(), rest }
    }

    fn step(&self, random: &mut Generator) {
        let key = Key(random.below(KEYS as usize).min(random.below(KEYS as usize)) as u64);
        let is_it = &mut |stored: &Key| *stored == key;
        match random.below(1000) {
            0..500 => self.read(key),
            500..900 => self.write(key, random),
            900..940 => self.seen.leave(self.memory.remove(key.hash(), is_it, Cause::Invalidated).unwrap()),
            940..970 => _ = self.memory.touch(key.hash(), is_it, Some(lifespan(random))).unwrap(),
            970..980 => self.seen.leave(self.memory.run_pending(key.hash())),
            980..985 => self.seen.leave(self.memory.sweep()),
            985..990 => self.clock.advance(Duration::from_millis(30)),
            990..993 => self.seen.leave(self.memory.clear_owner(key.owner())),
            993..994 => self.seen.leave(self.memory.clear()),
            994..997 => self.pop_victim(),
            _ => self.resize(random),
        }
    }

    fn read(&self, key: Key) {
        let same = |value: &Value| assert!(value.of == key, "a read found a value of another key");
        let read = self.memory.read(key.hash(), key.owner(), &mut |stored: &Key| *stored == key, same).unwrap();
        let counted = if read.found.is_some() { &self.seen.hits } else { &self.seen.misses };
        counted.fetch_add(1, Ordering::SeqCst);
    }

    fn write(&self, key: Key, random: &mut Generator) {
        let conditions = [Condition::Always, Condition::Always, Condition::IfAbsent, Condition::IfPresent];
        let condition = &conditions[random.below(conditions.len())];
        let weight = random.below(6) as u64;
        let mut details = Details { lifespan: lifespan(random), weight, ..Details::default() };
        let mut pair = Some((key, Value::new(key, &self.alive)));
        let stored = self.memory.write(&mut pair, &mut details, condition, &mut |stored: &Key| *stored == key).unwrap();
        self.seen.stored.fetch_add(stored.stored.into(), Ordering::SeqCst);
        self.seen.leave(stored.left);
    }

    fn pop_victim(&self) {
        let mut left = Removals::nothing();
        left.extend(self.memory.pop_victim());
        self.seen.leave(left);
    }

    fn resize(&self, random: &mut Generator) {
        let divisor = [1, 1, 2, 10][random.below(4)];
        let [entries, weight] = [self.memory.max_entries(), self.memory.max_weight()].map(|bound| bound == u64::MAX);
        let smaller = |unbounded, bound| if unbounded { u64::MAX } else { bound / divisor };
        self.seen.leave(self.memory.resize(smaller(entries, MAX_ENTRIES), smaller(weight, MAX_WEIGHT)));
    }

    /// Whenever nobody does anything.
    fn check(&self) {
        self.memory.validate();
        let counts = self.memory.counts();
        let seen = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        let removed = self.seen.removed.each_ref().map(seen);
        let held = seen(&self.seen.stored) - removed.iter().sum::<u64>();
        let mut expected = Counts { removed, weight: counts.weight, ..Counts::default() };
        expected.total.hits = seen(&self.seen.hits);
        expected.total.misses = seen(&self.seen.misses);
        expected.total.refused = seen(&self.seen.refused);
        expected.total.entries = held;
        assert_eq!(counts, expected);
        assert_eq!((self.memory.len(), seen(&self.alive)), (held, held), "entries, and values alive");
        assert!(held <= self.memory.max_entries() && counts.weight <= self.memory.max_weight());
    }

    fn work(&self, seed: u64) {
        let mut random = Generator::new(seed);
        for _ in 0..ROUNDS {
            (0..STEPS).for_each(|_| self.step(&mut random));
            if self.rest.wait().is_leader() {
                self.check();
            }
            self.rest.wait();
        }
    }
}

fn lifespan(random: &mut Generator) -> Lifespan {
    let mut length = || ticks(Duration::from_millis(1 << random.below(10)));
    let (ttl, idle) = (length(), length());
    [Lifespan::FOREVER, Lifespan { ttl, ..Lifespan::FOREVER }, Lifespan { ttl, idle, ..Lifespan::FOREVER }]
        [random.below(3)]
}

fn run(policy: &str, shards: usize, max_entries: u64, max_weight: u64) {
    let shared = Shared::new(policy, shards, max_entries, max_weight);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|seed| {
                scope.spawn({
                    let shared = &shared;
                    move || shared.work(seed)
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let Shared { memory, alive, .. } = shared;
    drop(memory);
    assert_eq!(alive.load(Ordering::SeqCst), 0, "values alive after the memory");
}

#[test]
fn everything_adds_up_whenever_all_rest() {
    for policy in NAMES {
        for shards in [1, 2, 8] {
            run(policy, shards, MAX_ENTRIES, u64::MAX);
            run(policy, shards, u64::MAX, MAX_WEIGHT);
            run(policy, shards, MAX_ENTRIES, MAX_WEIGHT);
        }
    }
}

/// Overwrites in a full memory make nobody leave, however many write at once.
#[test]
fn nothing_leaves_that_has_room() {
    const EACH: u64 = 20;
    for policy in NAMES {
        let shared = Shared::new(policy, 8, THREADS * EACH, THREADS * EACH * 2);
        let write = |number| {
            let key = Key(number);
            let mut pair = Some((key, Value::new(key, &shared.alive)));
            let mut details = Details { weight: 2, ..Details::default() };
            let is_it = &mut |stored: &Key| *stored == key;
            shared.memory.write(&mut pair, &mut details, &Condition::Always, is_it).unwrap().left
        };
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                scope.spawn(move || {
                    for number in (0..EACH).cycle().take(5_000) {
                        let left = write(thread * EACH + number);
                        assert!(left.iter().all(|removed| removed.cause == Cause::Replaced), "{policy}");
                    }
                });
            }
        });
        shared.memory.validate();
        assert_eq!(shared.memory.len(), THREADS * EACH);
    }
}
