//! Runs a program on a memory and on the model, and compares them after every step.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::decode::{KEYS, OWNERS};
use super::model::{Model, Outcome, owner};
use super::things::{Census, Doubtful, Key, Value, hash};
use super::{Config, Features, Program, Step, Verb, When, Writing};
use crate::clock::{Clock, ManualClock, NEVER, Tick, duration};
use crate::expiry::Lifespan;
use crate::hash::Seed;
use crate::memory::{Condition, Cursor, Details, EntryInfo, Freshness, Memory, Options, Removals, Removed, Unsure};
use crate::stats::{Cause, Counts, OwnerCounts};
use crate::sync::ThreadLock;

/// The most entries that one tending removes.
const PENDING_STEP: usize = 32;

/// Of some owners the entries are listed.
fn may_leave(owner: u32) -> bool {
    owner % 2 == 1
}

impl Program {
    /// Panics where memory and model differ; otherwise says what the run has met.
    pub(crate) fn run(&self) -> Features {
        let mut run = Run::new(&self.config);
        for step in &self.steps {
            run.take(step);
            run.check();
        }
        run.finish()
    }
}

struct Run {
    config: Config,
    memory: Memory<Key, Value, ThreadLock>,
    clock: Arc<ManualClock>,
    model: Model,
    census: Census,
    serial: u64,
    features: Features,
}

impl Run {
    fn new(config: &Config) -> Self {
        let clock = Arc::new(ManualClock::default());
        let options = Options {
            max_entries: config.max_entries,
            max_weight: config.max_weight,
            policy: config.policy.to_owned(),
            jitter: config.jitter,
            clock: Clock::Manual(clock.clone()),
            shards: config.shards,
            seed: Seed::fixed(3),
            ..Options::default()
        };
        let memory = Memory::new(options).expect("a policy of that name");
        assert_eq!(
            (1..OWNERS).map(|number| memory.add_owner(may_leave(number))).collect::<Vec<_>>(),
            (1..OWNERS).collect::<Vec<_>>()
        );
        let model = Model::new(config);
        Self {
            config: config.clone(),
            memory,
            clock,
            model,
            census: Census::default(),
            serial: 0,
            features: Features::new(),
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::OnKey { key, doubts, ref verb } => self.on_key(key, doubts, verb),
            Step::Advance(by) => self.advance(by),
            Step::Sweep => self.sweep(),
            Step::PopVictim => self.pop_victim(),
            Step::Clear => self.clear(),
            Step::ClearOwner(number) => self.clear_owner(number),
            Step::Resize { max_entries, max_weight } => self.resize(max_entries, max_weight),
            Step::Enable(on) => self.enable(on),
            Step::AddOwner => self.add_owner(),
            Step::ReplaceOwner(number) => self.replace_owner(number),
            Step::ResetOwner(number) => self.reset_owner(number),
        }
    }

    fn on_key(&mut self, key: u8, doubts: u8, verb: &Verb) {
        match *verb {
            Verb::Read => self.read(key, doubts),
            Verb::Write(ref writing) => self.write(key, doubts, &self.without_two_ends(writing)),
            Verb::Remove => self.remove(key, doubts),
            Verb::Touch(lifespan) => self.touch(key, doubts, self.with_one_end(lifespan)),
            Verb::Tend => self.run_pending(key),
            Verb::CountLoad { nanos, failed } => self.count_load(key, nanos, failed),
            Verb::CountRefused => {
                self.memory.count_refused(hash(key), owner(key));
                self.model.counts_of(key).refused += 1;
            }
        }
    }

    /// Where there is jitter, what a memory says of an entry's time does not tell its ttl from its idle time.
    fn with_one_end(&self, lifespan: Lifespan) -> Lifespan {
        let idle = if self.config.jitter > 0.0 && lifespan.ttl != NEVER { NEVER } else { lifespan.idle };
        Lifespan { idle, ..lifespan }
    }

    fn without_two_ends(&self, writing: &Writing) -> Writing {
        Writing { lifespan: self.with_one_end(writing.lifespan), ..writing.clone() }
    }

    /// Tries until the probe can tell; whenever it cannot, nothing must have happened.
    fn insist<T>(
        &mut self,
        key: u8,
        doubts: u8,
        mut attempt: impl FnMut(&mut Self, &mut Doubtful) -> Result<T, Unsure>,
    ) -> T {
        for doubts in (0..=doubts).rev() {
            let mut probe = Doubtful { number: key, doubts: doubts.min(1) };
            match attempt(self, &mut probe) {
                Ok(done) => return done,
                Err(Unsure) => {
                    assert_eq!((doubts.min(1), probe.doubts), (1, 0), "unsure although the probe was sure");
                    self.met("unsure", [0; 3]);
                    self.check();
                }
            }
        }
        unreachable!("the last probe has no doubts")
    }

    fn read(&mut self, key: u8, doubts: u8) {
        let take = |value: &Value| (value.content, value.serial);
        let read = self.insist(key, doubts, |run, probe| run.memory.read(hash(key), owner(key), probe, take));
        assert_eq!(read.found, self.model.read(key), "what a read of key {key} found");
        self.met("read", [read.found.is_some().into(), read.due.into(), 0]);
    }

    fn write(&mut self, key: u8, doubts: u8, writing: &Writing) {
        let (expected, was_there) = (self.model.outcome(key, writing), self.model.entries.contains_key(&key));
        let (key_serial, value_serial) = (self.next_serial(), self.next_serial());
        let key_made = Key { number: key, owner: owner(key), serial: key_serial, member: self.census.join() };
        let value = Value { content: writing.content, serial: value_serial, member: self.census.join() };
        let (mut pair, mut details) = (Some((key_made, value)), details(writing));
        let stored = self.insist(key, doubts, |run, probe| {
            let equal = |value: &Value| matches!(writing.when, When::Holds(content) if value.content == content);
            run.memory.write(&mut pair, &mut details, &condition(writing.when, &equal), probe)
        });
        assert_eq!(stored.stored, expected == Outcome::Stored, "whether key {key} is stored: {expected:?}");
        assert_eq!(pair.is_none(), stored.stored, "a pair is taken if and only if it is stored");
        self.met("write", [expected as u64, was_there.into(), digest(&stored.left)]);
        let mut left = stored.left.into_iter();
        match expected {
            Outcome::Nothing => {}
            Outcome::Refused => self.refused(key, was_there, &mut left),
            Outcome::Stored => {
                let replaced = if was_there { left.next() } else { None };
                self.model.store(&(key, key_serial), value_serial, writing, replaced.as_ref());
            }
        }
        for removed in left {
            assert_ne!(removed.value.serial, value_serial, "what was just written left");
            self.model.leave(&removed, Cause::Evicted);
        }
        if expected == Outcome::Stored && !matches!(writing.when, When::Holds(_)) {
            self.learn_end(key, writing.lifespan.ttl);
        }
    }

    fn refused(&mut self, key: u8, was_there: bool, left: &mut impl Iterator<Item = Removed<Key, Value>>) {
        self.model.counts_of(key).refused += 1;
        if was_there {
            let predecessor = left.next().expect("the predecessor of what was refused to leave first");
            assert_eq!(predecessor.key.number, key);
            self.model.leave(&predecessor, Cause::Replaced);
        }
    }

    /// Where there is jitter, only the memory knows when a life ends.
    fn learn_end(&mut self, key: u8, ttl: Tick) {
        if self.config.jitter > 0.0 && ttl != NEVER {
            self.model.shorten(key, ttl, self.config.jitter, self.remaining(key));
        }
    }

    fn remaining(&self, key: u8) -> Option<Tick> {
        self.memory.remaining(hash(key), &mut Doubtful { number: key, doubts: 0 }).expect("a probe without doubts")
    }

    fn remove(&mut self, key: u8, doubts: u8) {
        let left = self.insist(key, doubts, |run, probe| run.memory.remove(hash(key), probe, Cause::Invalidated));
        let numbers: Vec<u8> = left.iter().map(|removed| removed.key.number).collect();
        let expected: Vec<u8> = self.model.entries.get(&key).map(|_| key).into_iter().collect();
        assert_eq!(numbers, expected, "what was removed");
        self.all_leave("remove", left, Cause::Invalidated);
    }

    fn touch(&mut self, key: u8, doubts: u8, lifespan: Lifespan) {
        let touched = self.insist(key, doubts, |run, probe| run.memory.touch(hash(key), probe, Some(lifespan)));
        assert_eq!(touched, self.model.touch(key, lifespan), "whether key {key} was touched");
        self.met("touch", [touched.into(), 0, 0]);
        if touched {
            self.learn_end(key, lifespan.ttl);
        }
    }

    fn run_pending(&mut self, key: u8) {
        let left = self.memory.run_pending(hash(key));
        assert!(left.len() <= PENDING_STEP, "{} entries at once", left.len());
        self.all_leave_expired("run_pending", left);
    }

    fn count_load(&mut self, key: u8, nanos: u64, failed: bool) {
        self.memory.count_load(hash(key), owner(key), nanos, failed);
        let counts = self.model.counts_of(key);
        counts.load_nanos += nanos;
        *if failed { &mut counts.load_errors } else { &mut counts.loads } += 1;
    }

    fn advance(&mut self, by: Tick) {
        self.clock.advance(duration(by));
        self.model.now += by;
    }

    fn sweep(&mut self) {
        let left = self.memory.sweep();
        self.all_leave_expired("sweep", left);
        assert!(!self.model.entries.values().any(|held| self.model.is_over(held)), "a sweep left something behind");
    }

    fn pop_victim(&mut self) {
        let removed = self.memory.pop_victim();
        assert_eq!(removed.is_none(), self.model.entries.is_empty(), "whether there was a victim");
        let mut left = Removals::nothing();
        left.extend(removed);
        self.all_leave("pop_victim", left, Cause::Invalidated);
    }

    fn clear(&mut self) {
        let left = self.memory.clear();
        self.all_leave("clear", left, Cause::Cleared);
        assert!(self.model.entries.is_empty(), "{:?} stayed", self.model.entries.keys());
    }

    fn clear_owner(&mut self, number: u32) {
        let left = self.memory.clear_owner(number);
        assert!(left.iter().all(|removed| removed.key.owner == number), "something of another owner left");
        self.all_leave("clear_owner", left, Cause::Cleared);
        assert!(!self.model.entries.keys().any(|&key| owner(key) == number), "something of the owner stayed");
    }

    fn resize(&mut self, max_entries: u64, max_weight: u64) {
        let left = self.memory.resize(max_entries, max_weight);
        self.model.resize(max_entries, max_weight);
        self.all_leave("resize", left, Cause::Evicted);
    }

    fn enable(&mut self, on: bool) {
        let left = self.memory.enable(on);
        self.model.enabled = on;
        self.all_leave("enable", left, Cause::Cleared);
        assert!(on || self.model.entries.is_empty(), "what is switched off holds something");
    }

    fn add_owner(&mut self) {
        let number = self.model.owners.len() as u32;
        assert_eq!(self.memory.add_owner(may_leave(number)), number);
        self.model.owners.push(OwnerCounts::default());
    }

    fn replace_owner(&mut self, number: u32) {
        let left = self.memory.remove_owner(number);
        self.all_leave("remove_owner", left, Cause::Cleared);
        assert!(!self.model.entries.keys().any(|&key| owner(key) == number), "something of the owner stayed");
        assert_eq!(self.memory.add_owner(may_leave(number)), number, "the number of who has left");
        self.model.departed.add(&std::mem::take(&mut self.model.owners[number as usize]));
    }

    fn reset_owner(&mut self, number: u32) {
        self.memory.reset_owner(number);
        let counts = &mut self.model.owners[number as usize];
        *counts = OwnerCounts { entries: counts.entries, ..OwnerCounts::default() };
    }

    fn all_leave(&mut self, name: &str, left: Removals<Key, Value>, usual: Cause) {
        self.met(name, [digest(&left), 0, 0]);
        left.into_iter().for_each(|removed| self.model.leave(&removed, usual));
    }

    fn all_leave_expired(&mut self, name: &str, left: Removals<Key, Value>) {
        assert!(left.iter().all(|removed| removed.cause == Cause::Expired), "something left before its time");
        self.all_leave(name, left, Cause::Expired);
        assert_eq!(self.memory.len(), self.model.entries.len() as u64);
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn met(&mut self, what: &str, details: [u64; 3]) {
        let place = (self.config.policy, self.config.shards, self.config.jitter > 0.0);
        self.features.insert(BuildHasherDefault::<DefaultHasher>::default().hash_one((place, what, details)));
    }

    /// Panics unless memory and model agree in everything that can be asked.
    fn check(&self) {
        self.memory.validate();
        self.check_counts();
        self.check_walk();
        (0..KEYS).for_each(|key| self.check_key(key));
        assert!(!self.model.is_over_bounds(), "the bounds do not hold");
        assert_eq!(self.memory.is_enabled(), self.model.enabled);
        assert_eq!(self.memory.policy(), self.config.policy);
    }

    fn check_counts(&self) {
        let mut expected = Counts { removed: self.model.removed, weight: self.model.weight(), ..Counts::default() };
        self.model.owners.iter().chain([&self.model.departed]).for_each(|counts| expected.total.add(counts));
        assert_eq!(self.memory.counts(), expected);
        for (number, counts) in (0..).zip(&self.model.owners) {
            assert_eq!(self.memory.owner_counts(number), *counts, "owner {number}");
        }
        let held = self.model.entries.len();
        assert_eq!(self.memory.len(), held as u64, "entries");
        assert_eq!(self.memory.is_empty(), held == 0);
        assert_eq!(expected.total.entries, held as u64, "entries of all owners");
    }

    /// A walk meets what is fresh, and a collector everything, each once.
    fn check_walk(&self) {
        let mut cursor = Cursor::default();
        let mut met = HashMap::new();
        while let Some((number, key, value)) =
            self.memory.next(&mut cursor, |key, value| (key.number, key.serial, value.serial))
        {
            assert_eq!(met.insert(number, (key, value)), None, "key {number} was met twice");
        }
        let fresh = self.model.entries.iter().filter(|(_, held)| !self.model.is_over(held));
        assert_eq!(met, fresh.map(|(&number, held)| (number, (held.key_serial, held.value_serial))).collect());
        let mut visited = 0;
        let mut count = |_: &Key, _: &Value| {
            visited += 1;
            Ok::<_, std::convert::Infallible>(())
        };
        let Ok(()) = self.memory.visit(&mut count);
        for owner in 0..self.model.owners.len() as u32 {
            let Ok(()) = self.memory.visit_owner(owner, &mut count);
        }
        assert_eq!(visited, self.model.entries.len(), "what a collector sees");
    }

    fn check_key(&self, key: u8) {
        let fresh = self.model.fresh(key);
        let probe = &mut Doubtful { number: key, doubts: 0 };
        let peeked = self.memory.peek(hash(key), probe, |value| (value.content, value.serial)).expect("no doubts");
        assert_eq!(peeked, fresh.map(|held| (held.content, held.value_serial)), "key {key}");
        let tags = |info: EntryInfo| (info.freshness == Freshness::Fresh).then_some(info.tags.len());
        let tags = self.memory.inspect(hash(key), probe, |_, info| tags(info)).expect("no doubts");
        assert_eq!(tags.flatten(), fresh.map(|held| held.tags.into()), "tags of key {key}");
        let left = |deadline: Tick| if deadline == NEVER { NEVER } else { deadline - self.model.now };
        assert_eq!(self.remaining(key), fresh.map(|held| left(held.deadline)), "time left to key {key}");
    }

    /// Nothing is dropped twice or kept where nobody can see it.
    fn finish(self) -> Features {
        let held = self.model.entries.len() as i64;
        assert_eq!(self.census.alive(), 2 * held, "keys and values alive");
        drop(self.memory);
        assert_eq!(self.census.alive(), 0, "keys and values alive after the memory");
        self.features
    }
}

fn details(writing: &Writing) -> Details {
    let tags = (0..writing.tags).map(|number| Arc::from(format!("tag {number}"))).collect();
    Details { lifespan: writing.lifespan, weight: writing.weight, tags, ..Details::default() }
}

fn condition<'a>(when: When, equal: &'a dyn Fn(&Value) -> bool) -> Condition<'a, Value> {
    match when {
        When::Always => Condition::Always,
        When::Absent => Condition::IfAbsent,
        When::Present => Condition::IfPresent,
        When::Holds(_) => Condition::IfValue(equal),
    }
}

/// How many left, roughly, and for which causes.
fn digest(left: &Removals<Key, Value>) -> u64 {
    const FEW: RangeInclusive<usize> = 0..=3;
    let many = left.len().min(*FEW.end() + 1) as u64;
    left.iter().fold(many, |digest, removed| digest | 1 << (8 + removed.cause as u32))
}
