//! A tier in this process, over plain maps: exact in everything, and what others are compared with.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::{
    Change, Fault, Features, Heard, Item, Judgement, Lease, Mark, Number, Purpose, Put, Tier, TierStats, To, Wait,
    Watch,
};
use crate::codec::{Glimpse, Millis};

/// The time when a heap is made: one second of 1970.
const BEGINNING: Millis = 1000;

/// A tier in this process, whose time moves when it is told to.
#[derive(Debug, Default)]
pub struct Heap {
    state: Mutex<State>,
    last: AtomicU64,
}

#[derive(Debug)]
struct State {
    entries: BTreeMap<Box<[u8]>, Box<[u8]>>,
    /// All changes there were, of which the first has the number 1.
    log: Vec<Mark>,
    versions: HashMap<Mark, Vec<(Number, To)>>,
    leases: HashMap<Mark, (u64, Millis)>,
    now: Millis,
    expired: u64,
}

impl Default for State {
    fn default() -> Self {
        let (entries, log, versions, leases) = Default::default();
        Self { entries, log, versions, leases, now: BEGINNING, expired: 0 }
    }
}

impl Heap {
    /// Moves its time forward.
    pub fn advance(&self, by: Duration) {
        self.state.lock().now += by.as_millis() as Millis;
    }

    /// Its time.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.state.lock().now
    }

    /// Replaces what is stored under a key, as a fault of a disk would.
    pub fn damage(&self, key: &[u8], bytes: &[u8]) {
        self.state.lock().entries.insert(key.into(), bytes.into());
    }
}

impl State {
    fn last(&self) -> Number {
        self.log.len() as Number
    }

    fn change(&mut self, mark: Mark, to: To) -> Number {
        self.log.push(mark);
        let number = self.last();
        self.versions.entry(mark).or_default().push((number, to));
        number
    }

    fn judge(&self, clock: Number, marks: &[Mark]) -> Judgement {
        let versions = marks.iter().filter_map(|mark| self.versions.get(mark)).flatten();
        let later = || versions.clone().filter(|(number, _)| *number > clock);
        if clock > self.last() || later().any(|(_, to)| *to == To::Invalid) {
            return Judgement::Invalid;
        }
        let times = later().filter_map(|(_, to)| if let To::Stale(since) = to { Some(*since) } else { None });
        times.min().map_or(Judgement::Valid, Judgement::Stale)
    }

    fn shown(&self, key: &[u8]) -> Option<&[u8]> {
        self.entries.get(key).map(|bytes| &**bytes).filter(|bytes| !self.is_gone(bytes))
    }

    fn is_gone(&self, bytes: &[u8]) -> bool {
        Glimpse::of(bytes).is_some_and(|glimpse| glimpse.gone_at <= self.now)
    }

    /// The clock that something is to be stamped with, and the number of its change.
    fn accept(&mut self, item: &Item<'_>) -> Option<(Number, Option<Number>)> {
        match item.purpose {
            Purpose::Fill(fence) => (self.judge(fence, item.marks) == Judgement::Valid).then_some((fence, None)),
            Purpose::Exchange(expected, fence)
                if self.shown(item.key) != expected || self.judge(fence, item.marks) != Judgement::Valid =>
            {
                None
            }
            Purpose::Set | Purpose::Exchange(..) => {
                let number = item.marks.first().map_or(self.last(), |&mark| self.change(mark, To::Invalid));
                Some((number, Some(number)))
            }
        }
    }
}

impl Tier for Heap {
    fn features(&self) -> Features {
        Features {
            fences: true,
            versions: true,
            watch: true,
            leases: true,
            keys: true,
            expires: true,
            batches: true,
            blocks: false,
        }
    }

    fn get(&self, key: &[u8], _wait: Wait, see: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        Ok(self.state.lock().shown(key).map(see).is_some())
    }

    fn put(&self, item: &mut Item<'_>, _wait: Wait) -> Result<Put, Fault> {
        let mut state = self.state.lock();
        let Some((clock, number)) = state.accept(item) else { return Ok(Put::Overtaken) };
        state.entries.insert(item.key.into(), item.envelope.stamp(clock).into());
        self.last.store(state.last(), Ordering::Release);
        Ok(Put::Stored(number))
    }

    fn change(&self, changes: &[Change<'_>], _wait: Wait) -> Result<Number, Fault> {
        let mut state = self.state.lock();
        for change in changes {
            state.change(change.mark, change.to);
            if let (Some(key), To::Invalid) = (change.key, change.to) {
                state.entries.remove(key);
            }
        }
        self.last.store(state.last(), Ordering::Release);
        Ok(state.last())
    }

    fn clock(&self, _wait: Wait) -> Result<Number, Fault> {
        Ok(self.state.lock().last())
    }

    fn judge(&self, clock: Number, marks: &[Mark], _wait: Wait) -> Result<Judgement, Fault> {
        Ok(self.state.lock().judge(clock, marks))
    }

    fn lease(&self, mark: Mark, holder: u64, length: Duration, _wait: Wait) -> Result<Lease, Fault> {
        let mut state = self.state.lock();
        let now = state.now;
        match state.leases.get(&mark) {
            Some(&(other, end)) if other != holder && end > now => {
                return Ok(Lease::Held(Duration::from_millis(end - now)));
            }
            _ => {}
        }
        let length = Millis::try_from(length.as_millis()).unwrap_or(Millis::MAX);
        state.leases.insert(mark, (holder, now.saturating_add(length)));
        Ok(Lease::Granted)
    }

    fn release(&self, mark: Mark, holder: u64, _wait: Wait) -> Result<(), Fault> {
        let mut state = self.state.lock();
        if state.leases.get(&mark).is_some_and(|(by, _)| *by == holder) {
            state.leases.remove(&mark);
        }
        Ok(())
    }

    fn watch(&self) -> Option<&dyn Watch> {
        Some(self)
    }

    fn list(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
        _wait: Wait,
        see: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), Fault> {
        let state = self.state.lock();
        let from = state
            .entries
            .range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix));
        let shown = from.filter(|(key, bytes)| after.is_none_or(|after| &***key > after) && !state.is_gone(bytes));
        shown.take(most).for_each(|(key, bytes)| see(key, bytes));
        Ok(())
    }

    fn tend(&self, _wait: Wait) -> Result<(), Fault> {
        let mut state = self.state.lock();
        let (before, now) = (state.entries.len(), state.now);
        state.entries.retain(|_, bytes| Glimpse::of(bytes).is_none_or(|glimpse| glimpse.gone_at > now));
        state.expired += (before - state.entries.len()) as u64;
        Ok(())
    }

    fn stats(&self, _wait: Wait) -> Result<TierStats, Fault> {
        let state = self.state.lock();
        let bytes = state.entries.iter().map(|(key, bytes)| key.len() + bytes.len()).sum::<usize>() as u64;
        let entries = Some(state.entries.len() as u64);
        Ok(TierStats { entries, bytes: Some(bytes), expired: state.expired, ..TierStats::default() })
    }
}

impl Watch for Heap {
    fn word(&self) -> &AtomicU64 {
        &self.last
    }

    fn changes(&self, after: Number, see: &mut dyn FnMut(Number, u64)) -> Heard {
        let log = self.state.lock().log.clone();
        let last = log.len() as Number;
        if after > last {
            return Heard::Lost(last);
        }
        (1..).zip(&log).skip(after as usize).for_each(|(number, mark)| see(number, mark.part()));
        Heard::All(last)
    }
}
