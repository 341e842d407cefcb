//! Fresh, stale and gone against a plain map with a clock: what a read may find, and what is to be done about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::small::hash;
use crate::clock::{Clock, ManualClock, NEVER, Tick, ticks};
use crate::expiry::{Early, Lifespan, Part};
use crate::hash::Seed;
use crate::memory::{Condition, Details, Freshness, Hashed, Memory, More, Options, Owner};
use crate::stats::Cause;
use crate::sync::ThreadLock;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Number(u32);

impl Hashed for Number {
    fn hash(&self) -> u32 {
        hash(self.0)
    }
    fn owner(&self) -> Owner {
        0
    }
}

type Fresh = Memory<Number, u64, ThreadLock>;

/// A second, in which the model counts.
const SECOND: Tick = 61_036;
/// The lifespans that the memory is told of, so that entries note nothing of them.
const USUAL: usize = 3;
const BASE: u64 = 2;

fn lifespans() -> [Lifespan; 7] {
    let of = |ttl, grace, idle, ahead| Lifespan { ttl, grace, idle, ahead, early: Early::NONE };
    [
        of(10 * SECOND, 20 * SECOND, NEVER, Part::NONE),
        of(16 * SECOND, 0, NEVER, Part::of(0.5)),
        Lifespan { grace: 8 * SECOND, ..Lifespan::FOREVER },
        of(16 * SECOND, 8 * SECOND, NEVER, Part::of(0.75)),
        of(10 * SECOND, 30 * SECOND, 6 * SECOND, Part::NONE),
        of(12 * SECOND, 4 * SECOND, 20 * SECOND, Part::of(0.5)),
        Lifespan::FOREVER,
    ]
}

/// By how many seconds a hit on a lifespan starts a refresh.
fn lead(lifespan: &Lifespan) -> Option<u64> {
    match lifespan.ahead {
        Part::NONE => None,
        part if part == Part::of(0.5) => Some(lifespan.ttl / SECOND / 2),
        _ => Some(lifespan.ttl / SECOND * 3 / 4),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write { key: u32, life: usize, tagged: bool },
    Fail { key: u32 },
    Rest { key: u32 },
    Read(u32),
    Touch(u32),
    Expire(u32),
    Remove(u32),
    ExpireTag,
    KillTag,
    Pass(u64),
    Age(u64),
    Sweep,
    Tend(u32),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0_u32..6;
    let step = prop_oneof![
        5 => (key.clone(), 0..lifespans().len(), any::<bool>())
            .prop_map(|(key, life, tagged)| Step::Write { key, life, tagged }),
        2 => key.clone().prop_map(|key| Step::Fail { key }),
        2 => key.clone().prop_map(|key| Step::Rest { key }),
        8 => key.clone().prop_map(Step::Read),
        1 => key.clone().prop_map(Step::Touch),
        2 => key.clone().prop_map(Step::Expire),
        1 => key.clone().prop_map(Step::Remove),
        2 => Just(Step::ExpireTag),
        1 => Just(Step::KillTag),
        6 => (1_u64..12).prop_map(Step::Pass),
        1 => (1_u64..12).prop_map(Step::Age),
        1 => Just(Step::Sweep),
        1 => key.prop_map(Step::Tend),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 1..100)
}

/// An entry as it should be; times are seconds.
#[derive(Clone, Debug)]
struct Held {
    value: u64,
    life: Lifespan,
    tagged: bool,
    is_error: bool,
    created: u64,
    fresh_until: u64,
    gone_at: u64,
    idle_until: u64,
    retry_at: u64,
    failures: u32,
    /// Whether a tag has made it stale since it was last looked at. It may be told of once more, and be stale from then on.
    refresh_at: Option<u64>,
}

const ENDLESS: u64 = u64::MAX;

fn seconds(length: Tick) -> u64 {
    if length == NEVER { ENDLESS } else { length / SECOND }
}

#[derive(Default)]
struct Model {
    now: u64,
    held: BTreeMap<u32, Held>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    Fresh,
    Stale,
    Error,
    Gone,
}

impl Model {
    fn is(&self, key: u32) -> Is {
        let Some(held) = self.held.get(&key) else { return Is::Gone };
        if held.gone_at.min(held.idle_until) <= self.now {
            return Is::Gone;
        }
        match (held.is_error, self.now < held.fresh_until) {
            (false, true) => Is::Fresh,
            (false, false) => Is::Stale,
            (true, true) => Is::Error,
            (true, false) => Is::Gone,
        }
    }

    fn write(&mut self, key: u32, value: u64, life: Lifespan, tagged: bool) {
        let now = self.now;
        let fresh_until = now.saturating_add(seconds(life.ttl));
        let gone_at = if fresh_until == ENDLESS { ENDLESS } else { fresh_until + seconds(life.grace) };
        let idle_until = now.saturating_add(seconds(life.idle));
        let refresh_at = lead(&life).map(|lead| now + lead);
        let (is_error, retry_at, failures) = (false, 0, 0);
        let created = now;
        let held = Held {
            value,
            life,
            tagged,
            is_error,
            created,
            fresh_until,
            gone_at,
            idle_until,
            retry_at,
            failures,
            refresh_at,
        };
        self.held.insert(key, held);
    }

    fn fail(&mut self, key: u32, value: u64, doublings: u32) {
        // What is over may have left already, or not.
        let ttl = BASE << doublings.min(6);
        self.write(key, value, Lifespan { ttl: ttl * SECOND, grace: ttl * SECOND, ..Lifespan::FOREVER }, false);
        if let Some(held) = self.held.get_mut(&key) {
            (held.is_error, held.failures) = (true, doublings + 1);
        }
    }

    fn expire(&mut self, key: u32) {
        let now = self.now;
        if let Some(held) = self.held.get_mut(&key).filter(|held| !held.is_error) {
            held.fresh_until = held.fresh_until.min(now);
            held.gone_at = held.gone_at.min(now + seconds(held.life.grace));
            held.refresh_at = None;
        }
    }
}

fn probe(key: u32) -> impl FnMut(&Number) -> bool {
    move |stored| stored.0 == key
}

struct Both {
    memory: Fresh,
    clock: Arc<ManualClock>,
    model: Model,
    written: u64,
}

fn tag() -> Box<[Arc<str>]> {
    [Arc::from("tag")].into()
}

impl Both {
    fn new(shards: usize) -> Self {
        let clock = Arc::new(ManualClock::default());
        let time = Clock::Manual(clock.clone());
        let memory = Fresh::new(Options { shards, clock: time, seed: Seed::fixed(1), ..Options::default() }).unwrap();
        lifespans().iter().take(USUAL).for_each(|&lifespan| memory.add_usual(lifespan));
        let both = Self { memory, clock, model: Model::default(), written: 0 };
        // From somewhere in the middle of a second, so that no end falls on a step.
        both.clock.advance(crate::clock::duration(100 * SECOND + SECOND / 2));
        both
    }

    fn write(&mut self, key: u32, details: Details) {
        self.written += 1;
        let mut pair = Some((Number(key), self.written));
        let stored = self.memory.write(&mut pair, &mut { details }, &Condition::Always, &mut probe(key)).unwrap();
        assert!(stored.stored);
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Write { key, life, tagged } => {
                let lifespan = lifespans()[life];
                let tags = if tagged { tag() } else { Box::default() };
                self.write(key, Details { lifespan, tags, ..Details::default() });
                self.model.write(key, self.written, lifespan, tagged);
            }
            Step::Fail { key } => self.fail(key),
            Step::Rest { key } => self.back_off(key),
            Step::Read(key) => self.read(key),
            Step::Touch(key) => {
                let touched = self.memory.touch(hash(key), &mut probe(key), None).unwrap();
                assert_eq!(touched, self.model.is(key) == Is::Fresh, "touched {key}");
                if touched {
                    let held = self.model.held[&key].clone();
                    // A new life has no tags.
                    self.model.write(key, held.value, held.life, held.tagged);
                }
            }
            Step::Expire(key) => {
                let (was, _) = self.memory.expire(hash(key), &mut probe(key)).unwrap();
                assert_eq!(was, self.model.is(key) == Is::Fresh, "expired {key}");
                match self.model.is(key) {
                    Is::Fresh => self.model.expire(key),
                    Is::Stale => {}
                    Is::Error | Is::Gone => drop(self.model.held.remove(&key)),
                }
            }
            Step::Remove(key) => {
                drop(self.memory.remove(hash(key), &mut probe(key), Cause::Invalidated).unwrap());
                self.model.held.remove(&key);
            }
            Step::ExpireTag => {
                self.memory.invalidate_tags(&tag(), Cause::Expired, |_| None);
                let tagged: BTreeSet<u32> =
                    self.model.held.iter().filter(|(_, held)| held.tagged).map(|(&key, _)| key).collect();
                // What is stale already stays as it was, since grace counts from the first end.
                for key in tagged {
                    if self.model.is(key) == Is::Fresh {
                        self.model.expire(key);
                    }
                }
            }
            Step::KillTag => {
                self.memory.invalidate_tags(&tag(), Cause::Invalidated, |_| None);
                self.model.held.retain(|_, held| !held.tagged);
            }
            Step::Pass(by) => self.pass(by),
            Step::Age(by) => {
                self.memory.advance_by(by * SECOND);
                // To age all entries is as to let time pass, except for the clock.
                self.model.now += by;
            }
            Step::Sweep => drop(self.memory.sweep()),
            Step::Tend(key) => drop(self.memory.run_pending(hash(key))),
            Step::Clear => {
                drop(self.memory.clear());
                self.model.held.clear();
            }
        }
    }

    fn pass(&mut self, by: u64) {
        self.clock.advance(crate::clock::duration(by * SECOND));
        self.model.now += by;
    }

    fn fail(&mut self, key: u32) {
        let before = self.memory.inspect(hash(key), &mut probe(key), |_, info| info.failures).unwrap();
        let lifespan = Lifespan { ttl: BASE * SECOND, ..Lifespan::FOREVER };
        let known = self.model.held.get(&key).filter(|held| held.is_error && before.is_some());
        let doublings = known.map_or(0, |held| held.failures);
        self.write(key, Details { lifespan, is_error: true, ..Details::default() });
        self.model.fail(key, self.written, doublings);
    }

    fn back_off(&mut self, key: u32) {
        self.memory.back_off(hash(key), &mut probe(key), BASE * SECOND).unwrap();
        let (now, stale) = (self.model.now, self.model.is(key) == Is::Stale);
        if let Some(held) = self.model.held.get_mut(&key).filter(|_| stale) {
            held.retry_at = now + (BASE << held.failures.min(6));
            held.failures += 1;
        }
    }

    fn read(&mut self, key: u32) {
        let read = self.memory.read(hash(key), 0, &mut probe(key), |value| *value).unwrap();
        let (is, now) = (self.model.is(key), self.model.now);
        let held = self.model.held.get_mut(&key);
        let refreshes =
            is == Is::Fresh && held.as_ref().is_some_and(|held| held.refresh_at.is_some_and(|at| at <= now));
        let more = match is {
            Is::Fresh if refreshes => More::Refresh,
            Is::Fresh | Is::Gone => More::Nothing,
            Is::Stale => More::Stale,
            Is::Error => More::Error,
        };
        let found = held.as_ref().filter(|_| is == Is::Fresh).map(|held| held.value);
        assert_eq!((read.found, read.more), (found, more), "read {key}: {held:?}");
        if let Some(held) = held.filter(|_| is == Is::Fresh) {
            held.idle_until = now.saturating_add(seconds(held.life.idle));
            if refreshes {
                // The next is after half of what is left: the model does not say when within the second.
                held.refresh_at = None;
                self.settle_refresh(key);
            }
        }
    }

    /// A second trigger is checked by a test of its own; here the entry is told to have none.
    fn settle_refresh(&mut self, key: u32) {
        let held = self.model.held[&key].clone();
        self.write(
            key,
            Details {
                lifespan: Lifespan { ahead: Part::NONE, ..held.life },
                tags: if held.tagged { tag() } else { Box::default() },
                ..Details::default()
            },
        );
        self.model.write(key, self.written, Lifespan { ahead: Part::NONE, ..held.life }, held.tagged);
    }

    fn check(&self) {
        self.memory.validate();
        for key in 0..6 {
            let is = self.model.is(key);
            let held = self.model.held.get(&key);
            let peeked = self.memory.peek(hash(key), &mut probe(key), |value| *value).unwrap();
            assert_eq!(peeked, held.filter(|_| is == Is::Fresh).map(|held| held.value), "peek {key}: {held:?}");
            let outcome = self.memory.peek_outcome(hash(key), &mut probe(key), |&value, is_error| (value, is_error));
            let expected =
                held.filter(|_| matches!(is, Is::Fresh | Is::Error)).map(|held| (held.value, is == Is::Error));
            assert_eq!(outcome.unwrap(), expected, "peek_outcome {key}: {held:?}");
            let info = self.memory.inspect(hash(key), &mut probe(key), |value, info| (*value, info)).unwrap();
            let freshness = info.as_ref().map(|(_, info)| info.freshness);
            match is {
                Is::Fresh => assert_eq!(freshness, Some(Freshness::Fresh), "{held:?}"),
                Is::Stale => assert_eq!(freshness, Some(Freshness::Stale), "{held:?}"),
                Is::Error => assert_eq!(freshness, Some(Freshness::Error), "{held:?}"),
                Is::Gone => assert!(matches!(freshness, None | Some(Freshness::Gone(_))), "{freshness:?} {held:?}"),
            }
            if let (Some((value, info)), Some(held)) = (info, held.filter(|_| is != Is::Gone)) {
                let now = self.model.now;
                let age = (info.now - info.deadlines.created) / SECOND;
                assert_eq!((value, age), (held.value, now - held.created), "{held:?}");
                assert_eq!(info.retry_at > info.now, held.retry_at > now, "resting: {held:?}");
            }
        }
        let mut cursor = crate::memory::Cursor::default();
        let walked = std::iter::from_fn(|| self.memory.next(&mut cursor, |key, _| key.0));
        let fresh: BTreeSet<u32> = (0..6).filter(|&key| self.model.is(key) == Is::Fresh).collect();
        assert_eq!(walked.collect::<BTreeSet<_>>(), fresh);
    }
}

proptest! {
    #[test]
    fn a_memory_of_lives_is_a_map_with_a_clock(steps in steps(), shards in 1_usize..3) {
        let mut both = Both::new(shards);
        for step in steps {
            both.apply(step);
            both.check();
        }
        drop(both.memory.sweep());
        both.check();
    }
}

fn one(lifespan: Lifespan, nanos: u64) -> Both {
    let mut both = Both::new(1);
    both.write(1, Details { lifespan, nanos, ..Details::default() });
    both
}

fn more(both: &Both) -> More {
    both.memory.read(hash(1), 0, &mut probe(1), |_| ()).unwrap().more
}

#[test]
fn a_refresh_is_asked_for_again_after_half_of_the_ttl_that_is_left() {
    for usual in [false, true] {
        let lifespan = Lifespan { ttl: 100 * SECOND, ahead: Part::of(0.5), ..Lifespan::FOREVER };
        let mut both = Both::new(1);
        if usual {
            both.memory.add_usual(lifespan);
        }
        both.write(1, Details { lifespan, ..Details::default() });
        let mut asked = Vec::new();
        for second in 0..99 {
            if more(&both) == More::Refresh {
                asked.push(second);
            }
            assert_eq!(more(&both), More::Nothing, "only one is asked");
            both.pass(1);
        }
        assert_eq!(asked, [50, 75, 88, 94, 97, 99].map(|second: i32| second.min(98))[..asked.len()], "usual: {usual}");
        assert!(asked.len() >= 5);
        both.memory.validate();
    }
}

#[test]
fn a_refresh_is_early_by_a_random_multiple_of_the_load_time() {
    let lifespan = Lifespan { ttl: 1000 * SECOND, early: Early::of(1.0), ..Lifespan::FOREVER };
    let nanos = Duration::from_secs(10).as_nanos() as u64;
    let both = one(lifespan, nanos);
    let mut early = Vec::new();
    for key in 0..2000 {
        let mut pair = Some((Number(key), 0));
        let mut details = Details { lifespan, nanos, ..Details::default() };
        drop(both.memory.write(&mut pair, &mut details, &Condition::Always, &mut probe(key)).unwrap());
        let info = both.memory.inspect(hash(key), &mut probe(key), |_, info| info).unwrap().unwrap();
        early.push(
            (info.deadlines.fresh_until - info.refresh_at.min(info.deadlines.fresh_until)) as f64 / SECOND as f64,
        );
    }
    let mean = early.iter().sum::<f64>() / early.len() as f64;
    assert!((9.0..11.0).contains(&mean), "{mean} s, with loads of 10 s");
    let beyond = early.iter().filter(|&&seconds| seconds > 10.0).count() as f64 / early.len() as f64;
    assert!((0.33..0.41).contains(&beyond), "1/e of an exponential distribution is beyond its mean, not {beyond}");
}

#[test]
fn errors_in_a_row_are_kept_for_longer_and_a_value_ends_the_row() {
    let mut both = Both::new(1);
    let lifespan = Lifespan { ttl: SECOND, ..Lifespan::FOREVER };
    let kept = |both: &mut Both| {
        both.write(1, Details { lifespan, is_error: true, ..Details::default() });
        let mut seconds = 0;
        while more(both) == More::Error {
            both.pass(1);
            seconds += 1;
        }
        seconds
    };
    assert_eq!([(); 9].map(|()| kept(&mut both)), [1, 2, 4, 8, 16, 32, 64, 64, 64]);
    both.write(1, Details::default());
    assert_eq!([(); 2].map(|()| kept(&mut both)), [1, 2]);
    both.pass(100);
    drop(both.memory.sweep());
    assert_eq!(kept(&mut both), 1, "forgotten after as long again");
}

#[test]
fn what_a_tag_has_expired_is_kept_for_its_grace_and_nothing_else_is() {
    let mut both = Both::new(1);
    let graced = Lifespan { ttl: ticks(Duration::from_secs(100)), grace: 50 * SECOND, ..Lifespan::FOREVER };
    for key in 0..100 {
        let lifespan = if key % 2 == 0 { graced } else { Lifespan::FOREVER };
        both.write(key, Details { lifespan, tags: tag(), ..Details::default() });
    }
    both.memory.invalidate_tags(&tag(), Cause::Expired, |_| None);
    let left = both.memory.sweep();
    assert_eq!((left.len(), both.memory.len()), (50, 50));
    assert!(left.iter().all(|removed| removed.cause == Cause::Expired && removed.key.0 % 2 == 1));
    both.memory.validate();
    both.pass(49);
    assert_eq!(both.memory.sweep().len(), 0);
    both.pass(2);
    assert_eq!((both.memory.sweep().len(), both.memory.len()), (50, 0));
}
