//! A memory of numbers, for tests that say what they do in few words. It is validated when it goes.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, ManualClock, NEVER, ticks};
use crate::expiry::Lifespan;
use crate::hash::{Seed, shorten};
use crate::memory::{Condition, Details, EntryInfo, Freshness, Hashed, Memory, Options, Owner, Removals};
use crate::policy::NAMES;
use crate::stats::Cause;
use crate::sync::ThreadLock;

/// A number as a key of the cache itself, or of owner 1 from a thousand on.
#[derive(Debug, PartialEq)]
pub(super) struct Number(pub(super) u32);

pub(super) fn hash(number: u32) -> u32 {
    shorten(Seed::fixed(5).mix(0, number.into()))
}

impl Hashed for Number {
    fn hash(&self) -> u32 {
        hash(self.0)
    }
    fn owner(&self) -> Owner {
        Owner::from(self.0 >= 1000)
    }
}

/// What left: which keys, and why.
pub(super) type Leaving = Vec<(u32, Cause)>;

pub(super) struct Small {
    pub(super) memory: Memory<Number, u32, ThreadLock>,
    clock: Arc<ManualClock>,
}

/// Every policy, with one shard and with four.
pub(super) fn kinds() -> impl Iterator<Item = (&'static str, usize)> {
    NAMES.iter().flat_map(|&name| [(name, 1), (name, 4)])
}

impl Small {
    pub(super) fn new((policy, shards): (&str, usize), change: impl FnOnce(&mut Options)) -> Self {
        let clock = Arc::new(ManualClock::default());
        let mut options = Options {
            policy: policy.to_owned(),
            shards,
            clock: Clock::Manual(clock.clone()),
            seed: Seed::fixed(1),
            ..Options::default()
        };
        change(&mut options);
        Self { memory: Memory::new(options).unwrap(), clock }
    }

    pub(super) fn of(kind: (&str, usize), max_entries: u64) -> Self {
        Self::new(kind, |options| options.max_entries = max_entries)
    }

    pub(super) fn for_weight(kind: (&str, usize), max_weight: u64) -> Self {
        Self::new(kind, |options| options.max_weight = max_weight)
    }

    pub(super) fn write(&self, number: u32) -> Leaving {
        self.write_if(number, Details::default(), &Condition::Always).1
    }

    pub(super) fn write_for(&self, number: u32, lifespan: Lifespan) -> Leaving {
        self.write_if(number, Details { lifespan, ..Details::default() }, &Condition::Always).1
    }

    pub(super) fn write_heavy(&self, number: u32, weight: u64) -> (bool, Leaving) {
        self.write_if(number, Details { weight, ..Details::default() }, &Condition::Always)
    }

    /// Writes the number under itself; whether it is stored, and what left.
    pub(super) fn write_if(
        &self,
        number: u32,
        mut details: Details,
        condition: &Condition<'_, u32>,
    ) -> (bool, Leaving) {
        let mut pair = Some((Number(number), number));
        let stored = self.memory.write(&mut pair, &mut details, condition, &mut equal(number)).unwrap();
        (stored.stored, leaving(stored.left))
    }

    pub(super) fn read(&self, number: u32) -> bool {
        let owner = Number(number).owner();
        self.memory.read(hash(number), owner, &mut equal(number), |_| ()).unwrap().found.is_some()
    }

    pub(super) fn is_due(&self, number: u32) -> bool {
        self.memory.read(hash(number), 0, &mut equal(number), |_| ()).unwrap().due
    }

    pub(super) fn has(&self, number: u32) -> bool {
        self.memory.peek(hash(number), &mut equal(number), |_| ()).unwrap().is_some()
    }

    pub(super) fn remaining(&self, number: u32) -> Option<Duration> {
        let ticks = self.memory.remaining(hash(number), &mut equal(number)).unwrap()?;
        Some(if ticks == NEVER { Duration::MAX } else { crate::clock::duration(ticks) })
    }

    pub(super) fn tags(&self, number: u32) -> Option<Vec<Arc<str>>> {
        let fresh = |info: EntryInfo| (info.freshness == Freshness::Fresh).then_some(info.tags);
        self.memory.inspect(hash(number), &mut equal(number), |_, info| fresh(info)).unwrap().flatten()
    }

    pub(super) fn touch(&self, number: u32, lifespan: Lifespan) -> bool {
        self.memory.touch(hash(number), &mut equal(number), Some(lifespan)).unwrap()
    }

    pub(super) fn remove(&self, number: u32) -> Leaving {
        leaving(self.memory.remove(hash(number), &mut equal(number), Cause::Invalidated).unwrap())
    }

    pub(super) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.memory.validate();
        }
    }
}

pub(super) fn equal(number: u32) -> impl FnMut(&Number) -> bool {
    move |stored| stored.0 == number
}

pub(super) fn leaving(left: Removals<Number, u32>) -> Leaving {
    left.into_iter().map(|removed| (removed.key.0, removed.cause)).collect()
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn ttl(time: Duration) -> Lifespan {
    Lifespan { ttl: ticks(time), ..Lifespan::FOREVER }
}

pub(super) fn idle(time: Duration) -> Lifespan {
    Lifespan { idle: ticks(time), ..Lifespan::FOREVER }
}
