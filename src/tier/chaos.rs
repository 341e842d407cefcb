//! A tier with trouble: slow, failing, hanging, corrupting, losing, as a test's script says.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::{Change, Fault, Features, Item, Judgement, Lease, Mark, Number, Put, Tier, TierStats, Wait, Watch};
use crate::hash::fold;

const MIXER: u64 = 0x9E37_79B9_7F4A_7C15;

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    /// It takes so long; where the caller waits for less, it takes that, and is busy.
    Slow(Duration),
    /// It fails, and does nothing.
    Fails(fn() -> Fault),
    /// It fails after it has done what it was asked to.
    FailsAfter(fn() -> Fault),
    /// It takes as long as the caller waits, and is busy.
    Hangs,
    /// It does not come back until it recovers, whatever the caller says.
    HangsForEver,
    /// One byte of what it reads is another.
    Corrupts,
    /// It says that it has stored what it has not.
    Loses,
}

/// Which calls have trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// All.
    All,
    /// Those that read entries.
    Reads,
    /// Those that store entries.
    Puts,
    /// Changes.
    Changes,
    /// All others: the clock, judgements, leases, housekeeping.
    Others,
}

/// How often they have it.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// Always.
    Always,
    /// The next so many.
    Next(u64),
    /// One of so many.
    Each(u64),
    /// This part of them, from 0 to 1, by a seed.
    Sometimes(f64, u64),
}

impl When {
    /// Whether it is the turn of the call of this number, from 0 on.
    fn is_now(self, number: u64) -> bool {
        match self {
            Self::Always => true,
            Self::Next(calls) => number < calls,
            Self::Each(calls) => number % calls.max(1) == calls.max(1) - 1,
            Self::Sometimes(part, seed) => (draw(seed, number) as f64) < part * (1_u64 << 32) as f64,
        }
    }
}

/// 32 random bits.
fn draw(seed: u64, number: u64) -> u64 {
    fold(fold(seed ^ MIXER, MIXER) ^ number, MIXER) >> 32
}

struct Rule {
    calls: Calls,
    when: When,
    trouble: Trouble,
    seen: u64,
}

/// What a call is to suffer.
#[derive(Default)]
struct Suffering {
    fails_after: Option<fn() -> Fault>,
    corrupts: Option<u64>,
    loses: bool,
}

/// A tier with trouble.
pub struct Chaos<T> {
    tier: T,
    rules: Mutex<Vec<Rule>>,
    recovered: Condvar,
    sleep: Box<dyn Fn(Duration) + Send + Sync>,
}

impl<T: Tier> Chaos<T> {
    /// A tier without trouble as yet.
    pub fn new(tier: T) -> Self {
        Self::with_sleeper(tier, thread::sleep)
    }

    /// As [`Chaos::new`], but waiting is left to this.
    pub fn with_sleeper(tier: T, sleep: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self { tier, rules: Mutex::default(), recovered: Condvar::new(), sleep: Box::new(sleep) }
    }

    /// The tier itself, which has no trouble.
    pub fn inner(&self) -> &T {
        &self.tier
    }

    /// From now on, these calls have this trouble so often. Of several troubles, a call has all.
    pub fn has(&self, trouble: Trouble, calls: Calls, when: When) {
        self.rules.lock().push(Rule { calls, when, trouble, seen: 0 });
    }

    /// Ends all trouble. What hangs goes on.
    pub fn recovers(&self) {
        self.rules.lock().clear();
        self.recovered.notify_all();
    }

    /// A call, with what it suffers on its way in and out.
    fn call<R>(&self, calls: Calls, wait: Wait, call: impl FnOnce(&Suffering) -> Result<R, Fault>) -> Result<R, Fault> {
        let suffering = self.suffer(calls, wait)?;
        let done = call(&suffering)?;
        suffering.fails_after.map_or(Ok(done), |fault| Err(fault()))
    }

    fn suffer(&self, calls: Calls, wait: Wait) -> Result<Suffering, Fault> {
        let mut suffering = Suffering::default();
        for (trouble, seen) in self.turn(calls) {
            match trouble {
                Trouble::Slow(length) => self.dawdle(length, wait)?,
                Trouble::Hangs => self.dawdle(Duration::MAX, wait)?,
                Trouble::HangsForEver => self.hang(),
                Trouble::Fails(fault) => return Err(fault()),
                Trouble::FailsAfter(fault) => suffering.fails_after = Some(fault),
                Trouble::Corrupts => suffering.corrupts = Some(seen),
                Trouble::Loses => suffering.loses = true,
            }
        }
        Ok(suffering)
    }

    /// The troubles whose turn it is.
    fn turn(&self, calls: Calls) -> Vec<(Trouble, u64)> {
        let mut rules = self.rules.lock();
        let concerned = rules.iter_mut().filter(|rule| rule.calls == Calls::All || rule.calls == calls);
        let turns = concerned.filter_map(|rule| {
            rule.seen += 1;
            rule.when.is_now(rule.seen - 1).then_some((rule.trouble, rule.seen))
        });
        turns.collect()
    }

    fn dawdle(&self, length: Duration, wait: Wait) -> Result<(), Fault> {
        let patience = match wait {
            Wait::Not => Duration::ZERO,
            Wait::Until(end) => end.saturating_duration_since(Instant::now()),
        };
        (self.sleep)(length.min(patience));
        if length > patience { Err(Fault::Busy) } else { Ok(()) }
    }

    fn hang(&self) {
        let mut rules = self.rules.lock();
        while rules.iter().any(|rule| matches!(rule.trouble, Trouble::HangsForEver)) {
            self.recovered.wait(&mut rules);
        }
    }
}

/// Shows bytes, one of which is another if they are to be corrupted.
fn show(suffering: &Suffering, bytes: &[u8], see: &mut dyn FnMut(&[u8])) {
    let Some(seed) = suffering.corrupts.filter(|_| !bytes.is_empty()) else { return see(bytes) };
    let mut bytes = bytes.to_vec();
    let random = draw(0, seed);
    let place = random as usize % bytes.len();
    bytes[place] ^= 1 << (random >> 29);
    see(&bytes);
}

impl<T: Tier> Tier for Chaos<T> {
    fn features(&self) -> Features {
        Features { blocks: true, ..self.tier.features() }
    }

    fn get(&self, key: &[u8], wait: Wait, see: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        self.call(Calls::Reads, wait, |suffering| self.tier.get(key, wait, &mut |bytes| show(suffering, bytes, see)))
    }

    fn get_many(&self, keys: &[&[u8]], wait: Wait, see: &mut dyn FnMut(usize, &[u8])) -> Result<(), Fault> {
        self.call(Calls::Reads, wait, |suffering| {
            self.tier.get_many(keys, wait, &mut |place, bytes| show(suffering, bytes, &mut |bytes| see(place, bytes)))
        })
    }

    fn put(&self, item: &mut Item<'_>, wait: Wait) -> Result<Put, Fault> {
        self.call(
            Calls::Puts,
            wait,
            |suffering| {
                if suffering.loses { Ok(Put::Stored(None)) } else { self.tier.put(item, wait) }
            },
        )
    }

    fn put_many(&self, items: &mut [Item<'_>], wait: Wait) -> Result<Vec<Put>, Fault> {
        self.call(Calls::Puts, wait, |suffering| {
            if suffering.loses { Ok(vec![Put::Stored(None); items.len()]) } else { self.tier.put_many(items, wait) }
        })
    }

    fn change(&self, changes: &[Change<'_>], wait: Wait) -> Result<Number, Fault> {
        self.call(Calls::Changes, wait, |_| self.tier.change(changes, wait))
    }

    fn clock(&self, wait: Wait) -> Result<Number, Fault> {
        self.call(Calls::Others, wait, |_| self.tier.clock(wait))
    }

    fn judge(&self, clock: Number, marks: &[Mark], wait: Wait) -> Result<Judgement, Fault> {
        self.call(Calls::Others, wait, |_| self.tier.judge(clock, marks, wait))
    }

    fn lease(&self, mark: Mark, holder: u64, length: Duration, wait: Wait) -> Result<Lease, Fault> {
        self.call(Calls::Others, wait, |_| self.tier.lease(mark, holder, length, wait))
    }

    fn release(&self, mark: Mark, holder: u64, wait: Wait) -> Result<(), Fault> {
        self.call(Calls::Others, wait, |_| self.tier.release(mark, holder, wait))
    }

    fn watch(&self) -> Option<&dyn Watch> {
        self.tier.watch()
    }

    fn list(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
        wait: Wait,
        see: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), Fault> {
        self.call(Calls::Reads, wait, |suffering| {
            let mut see = |key: &[u8], bytes: &[u8]| show(suffering, bytes, &mut |bytes| see(key, bytes));
            self.tier.list(prefix, after, most, wait, &mut see)
        })
    }

    fn tend(&self, wait: Wait) -> Result<(), Fault> {
        self.call(Calls::Others, wait, |_| self.tier.tend(wait))
    }

    fn evicts(&self) -> bool {
        self.tier.evicts()
    }

    fn stats(&self, wait: Wait) -> Result<TierStats, Fault> {
        self.call(Calls::Others, wait, |_| self.tier.stats(wait))
    }
}

impl<T: fmt::Debug> fmt::Debug for Chaos<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Chaos({:?})", self.tier)
    }
}
