//! What leaves is dropped after the lock is released: keys and values may use the memory while they are dropped.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::small::{hash, kinds, seconds, ttl};
use crate::clock::{Clock, ManualClock};
use crate::expiry::Lifespan;
use crate::memory::{Condition, Details, Hashed, Memory, Options, Owner};
use crate::stats::Cause;
use crate::sync::ThreadLock;

/// Longer than anything here takes, unless it waits for itself.
const DEADLOCK: Duration = Duration::from_secs(30);
/// The key that whatever is dropped writes.
const LAST_WORD: u32 = 999;

type Reentrant = Memory<Restless, Restless, ThreadLock>;

/// A key or value that uses the memory when it is dropped.
#[derive(Debug)]
struct Restless {
    number: u32,
    home: Weak<Reentrant>,
    dropped: Arc<AtomicU32>,
}

impl Hashed for Restless {
    fn hash(&self) -> u32 {
        hash(self.number)
    }
    fn owner(&self) -> Owner {
        0
    }
}

impl Drop for Restless {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
        let Some(memory) = self.home.upgrade() else { return };
        let quiet = |number| Self { number, home: Weak::new(), dropped: self.dropped.clone() };
        let mut pair = Some((quiet(LAST_WORD), quiet(LAST_WORD)));
        _ = memory.write(&mut pair, &mut Details::default(), &Condition::Always, &mut is(LAST_WORD));
        _ = memory.read(hash(self.number), 0, &mut is(self.number), |_| ());
        _ = memory.remove(hash(LAST_WORD), &mut is(LAST_WORD), Cause::Invalidated);
        assert!(memory.len() < 1000);
    }
}

fn is(number: u32) -> impl FnMut(&Restless) -> bool {
    move |stored| stored.number == number
}

struct Home {
    memory: Arc<Reentrant>,
    clock: Arc<ManualClock>,
    dropped: Arc<AtomicU32>,
}

impl Home {
    fn new((policy, shards): (&str, usize)) -> Self {
        let clock = Arc::new(ManualClock::default());
        let policy = policy.to_owned();
        let time = Clock::Manual(clock.clone());
        let options = Options { policy, shards, max_entries: 10, max_weight: 30, clock: time, ..Options::default() };
        Self { memory: Arc::new(Memory::new(options).unwrap()), clock, dropped: Arc::default() }
    }

    fn restless(&self, number: u32) -> Restless {
        Restless { number, home: Arc::downgrade(&self.memory), dropped: self.dropped.clone() }
    }

    fn write(&self, number: u32, weight: u64, lifespan: Lifespan, condition: &Condition<'_, Restless>) {
        let mut pair = Some((self.restless(number), self.restless(number)));
        let mut details = Details { lifespan, weight, ..Details::default() };
        _ = self.memory.write(&mut pair, &mut details, condition, &mut is(number));
    }

    fn fill(&self) {
        (0..10).for_each(|number| self.write(number, 1, ttl(seconds(1)), &Condition::Always));
    }

    /// Makes entries leave in every way there is.
    fn churn(&self) {
        self.fill();
        (5..25).for_each(|number| self.write(number, 1, Lifespan::FOREVER, &Condition::Always));
        self.write(24, 30, Lifespan::FOREVER, &Condition::IfPresent);
        self.write(24, 31, Lifespan::FOREVER, &Condition::IfValue(&|value| value.number == 24));
        self.write(24, 1, Lifespan::FOREVER, &Condition::IfPresent);
        self.fill();
        _ = self.memory.remove(hash(3), &mut is(3), Cause::Invalidated);
        _ = self.memory.pop_victim();
        self.clock.advance(seconds(2));
        _ = self.memory.run_pending(hash(4));
        _ = self.memory.sweep();
        self.fill();
        _ = self.memory.resize(5, 20);
        _ = self.memory.clear_owner(0);
        _ = self.memory.resize(10, 30);
        self.fill();
        _ = self.memory.clear();
        self.fill();
        _ = self.memory.enable(false);
        self.write(1, 1, Lifespan::FOREVER, &Condition::Always);
        _ = self.memory.enable(true);
        self.fill();
        self.memory.validate();
    }
}

#[test]
fn whatever_is_dropped_may_use_the_memory() {
    let (done, finished) = channel();
    let worker = std::thread::spawn(move || {
        for kind in kinds() {
            let home = Home::new(kind);
            home.churn();
            assert!(home.dropped.load(Ordering::SeqCst) > 100, "{kind:?}");
        }
        done.send(()).unwrap();
    });
    match finished.recv_timeout(DEADLOCK) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("something was dropped under a lock"),
        _ => worker.join().unwrap(),
    }
}
