//! What lies behind a memory: a tier, whose entries are opened, judged by their ends and versions, and given up on when it fails.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::breaker::{BreakerOptions, BreakerStats};
use super::guard::Guard;
use super::list::{Part, named};
use crate::clock::Clock;
use crate::codec::{Format, Header, Millis, Sealed};
use crate::error::Error;
use crate::sync::{ForkLock, Mutex};
use crate::tier::{
    Change, Fault, Features, Item, Judgement, Lease, Mark, Number, Purpose, Put, Tier, TierStats, To, Wait, stored_key,
};

/// How far in the future an entry may have been made, by a clock that goes a little before ours.
pub(super) const CLOCKS_DIFFER: Millis = 1_000;

/// The most changes that are kept for a tier that is away; more of them are one change of everything.
const MOST_UNDELIVERED: usize = 10_000;

/// Where an entry is in a tier, and what invalidates it besides its tags.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// What it is stored under.
    pub key: &'a [u8],
    /// The mark of its key, and those of what it belongs to.
    pub marks: &'a [Mark],
}

impl<'a> Address<'a> {
    /// The change of its key that makes what is there invalid.
    fn invalidated(self) -> Option<Change<'a>> {
        self.marks.first().map(|&mark| Change { mark, key: Some(self.key), to: To::Invalid })
    }
}

/// What a tier holds for a key.
#[derive(Debug)]
pub struct Kept<'a> {
    /// The value as bytes.
    pub payload: Cow<'a, [u8]>,
    /// What was stored with it, and its ends as they are by now.
    pub header: Header,
    /// Whether its ttl has ended.
    pub stale: bool,
}

/// What is offered to a tier.
#[derive(Clone, Copy, Debug)]
pub struct Offered<'a> {
    /// The value as bytes.
    pub payload: &'a [u8],
    /// What is stored with it.
    pub header: &'a Header,
    /// The marks of its tags.
    pub tags: &'a [Mark],
}

impl<'a> Offered<'a> {
    /// All that invalidates it there.
    fn marks(self, at: Address<'a>) -> Cow<'a, [Mark]> {
        if self.tags.is_empty() { at.marks.into() } else { [at.marks, self.tags].concat().into() }
    }
}

/// What has become of what a caller gave.
#[derive(Debug)]
pub struct Given {
    /// The changes that this was, as far as the tier has heard of them: what was there is invalid since.
    pub numbers: Vec<Number>,
    /// Why it is not stored, if it is not.
    pub fault: Option<Fault>,
}

/// A change that could not be delivered.
struct Undelivered {
    mark: Mark,
    key: Option<Box<[u8]>>,
    to: To,
}

impl Undelivered {
    fn change(&self) -> Change<'_> {
        Change { mark: self.mark, key: self.key.as_deref(), to: self.to }
    }
}

/// What happened at a tier, as its users count it.
#[derive(Debug, Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    unreadable: AtomicU64,
    fills: AtomicU64,
    overtaken: AtomicU64,
}

/// What happened at a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackCounts {
    /// Reads that found an entry that is fresh or stale.
    pub hits: u64,
    /// Reads that found nothing that will do.
    pub misses: u64,
    /// Of those, reads that found what could not be read: damaged, of another version or signed by somebody else.
    pub unreadable: u64,
    /// Values that were stored.
    pub fills: u64,
    /// Values that a change had overtaken.
    pub overtaken: u64,
    /// Calls that failed.
    pub faults: u64,
    /// What the breaker does that reads, changes and leases go through; `None` where there is none.
    pub access: Option<BreakerStats>,
    /// What the breaker does that values go through which are to be stored.
    pub storing: Option<BreakerStats>,
}

/// A tier behind a memory.
pub struct Back {
    tier: Arc<dyn Tier>,
    features: Features,
    pub(super) format: Format,
    everything: Mark,
    undelivered: Mutex<ForkLock, Vec<Undelivered>>,
    owes: AtomicBool,
    counters: Counters,
    /// What stands before reads, changes and leases.
    access: Guard,
    /// What stands before values that are to be stored: they may have to wait for others where the rest need not.
    storing: Guard,
}

impl fmt::Debug for Back {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Back({:?})", self.tier)
    }
}

impl Back {
    /// What lies behind the memory of a namespace, of which this is the mark; with breakers of these options, if there are to be any.
    pub fn new(
        tier: Arc<dyn Tier>,
        format: Format,
        everything: Mark,
        breaker: Option<BreakerOptions>,
        clock: Clock,
    ) -> Self {
        Self {
            features: tier.features(),
            tier,
            format,
            everything,
            undelivered: Mutex::default(),
            owes: AtomicBool::new(false),
            counters: Counters::default(),
            access: Guard::new(breaker.clone(), clock.clone()),
            storing: Guard::new(breaker, clock),
        }
    }

    /// The tier could not be opened: when it answers, that is a recovery.
    pub fn note_absence(&self) {
        self.access.note_absence();
    }

    /// The tier itself.
    pub fn tier(&self) -> &dyn Tier {
        &*self.tier
    }

    /// What the tier can do.
    pub fn features(&self) -> Features {
        self.features
    }

    /// What has happened so far.
    pub fn counts(&self) -> BackCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { hits, misses, unreadable, fills, overtaken } = &self.counters;
        BackCounts {
            hits: of(hits),
            misses: of(misses),
            unreadable: of(unreadable),
            fills: of(fills),
            overtaken: of(overtaken),
            faults: self.access.faults() + self.storing.faults(),
            access: self.access.stats(),
            storing: self.storing.stats(),
        }
    }

    /// Shows the bytes that are stored under a key; whether there are any.
    ///
    /// # Errors
    /// [`Fault`]: nothing is known of it.
    pub fn get(&self, key: &[u8], wait: Wait, see: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        self.guarded(&self.access, wait, || self.tier.get(key, wait, see))
    }

    /// As [`Back::get`], for several keys at once.
    ///
    /// # Errors
    /// [`Fault`]: nothing more is known of keys that were not shown.
    pub fn get_many(&self, keys: &[&[u8]], wait: Wait, see: &mut dyn FnMut(usize, &[u8])) -> Result<(), Fault> {
        self.guarded(&self.access, wait, || self.tier.get_many(keys, wait, see))
    }

    /// What bytes are that were stored under a key, if they will do: fresh, or stale within their grace. Counted.
    ///
    /// # Errors
    /// [`Fault`]: it is not known whether they will do.
    pub fn open<'a>(
        &self,
        at: Address<'_>,
        bytes: &'a [u8],
        now: Millis,
        tag_mark: impl Fn(&str) -> Mark,
        wait: Wait,
    ) -> Result<Option<Kept<'a>>, Fault> {
        let Ok(opened) = self.format.open(named(at.key, &stored_key(at.key)), bytes) else {
            count(&self.counters.unreadable);
            count(&self.counters.misses);
            return Ok(None);
        };
        let (clock, mut header) = (opened.clock, opened.header());
        if header.created > now.saturating_add(CLOCKS_DIFFER) || header.gone_at <= now {
            count(&self.counters.misses);
            return Ok(None);
        }
        let judgement = if header.tags.is_empty() {
            self.judge(clock, at.marks, wait)?
        } else {
            let marks: Vec<Mark> =
                at.marks.iter().copied().chain(header.tags.iter().map(|tag| tag_mark(tag))).collect();
            self.judge(clock, &marks, wait)?
        };
        if !suits(&mut header, judgement, now) {
            count(&self.counters.misses);
            return Ok(None);
        }
        let stale = header.fresh_until <= now;
        // An error that is over is not raised any more: only those that follow are told by it from a first.
        count(if stale && header.errors > 0 { &self.counters.misses } else { &self.counters.hits });
        Ok(Some(Kept { payload: opened.payload, stale, header }))
    }

    /// What bytes say that they were stored with, if they can be read. Nothing is counted.
    pub fn header(&self, at: Address<'_>, bytes: &[u8]) -> Option<Header> {
        self.format.open(named(at.key, &stored_key(at.key)), bytes).ok().map(|opened| opened.header())
    }

    /// Where in such bytes the value lies, if it is there as it is. They are not checked.
    pub fn payload_at(&self, bytes: &[u8]) -> Option<usize> {
        self.format.payload_at(bytes)
    }

    /// Counts that what would have done is of no value that can be read: what was a hit is a miss.
    pub fn count_undecodable(&self) {
        self.counters.hits.fetch_sub(1, Ordering::Relaxed);
        count(&self.counters.misses);
        count(&self.counters.unreadable);
    }

    /// Counts that nothing is stored under a key.
    pub fn count_miss(&self) {
        count(&self.counters.misses);
    }

    /// Stores what a load returned that began when the clock was this, unless a change has overtaken it; whether it is stored.
    ///
    /// # Errors
    /// [`Fault`]: it is not.
    pub fn fill(&self, at: Address<'_>, offered: Offered<'_>, fence: Number, wait: Wait) -> Result<bool, Fault> {
        let envelope = self.seal(at, offered)?;
        self.put(at, offered, envelope, Purpose::Fill(fence), wait).map(|put| matches!(put, Put::Stored(_)))
    }

    /// Stores what a caller gave, or, given what was there when the clock was this, does so only if it still is and nothing has changed
    /// since: `None` if that is not so. What cannot be stored makes invalid what was there all the same.
    ///
    /// # Errors
    /// [`Fault::Busy`]: nothing was done, and the caller may wait longer.
    pub fn set(
        &self,
        at: Address<'_>,
        offered: Offered<'_>,
        present: Option<(Option<&[u8]>, Number)>,
        wait: Wait,
    ) -> Result<Option<Given>, Fault> {
        let purpose = present.map_or(Purpose::Set, |(bytes, fence)| Purpose::Exchange(bytes, fence));
        match self.seal(at, offered).and_then(|envelope| self.put(at, offered, envelope, purpose, wait)) {
            Ok(Put::Stored(number)) => Ok(Some(Given { numbers: Vec::from_iter(number), fault: None })),
            Ok(Put::Overtaken) => Ok(None),
            Err(fault) => self.not_stored(at.invalidated().as_slice(), fault, wait).map(Some),
        }
    }

    /// As [`Back::set`], for several entries in one write.
    ///
    /// # Errors
    /// [`Fault::Busy`]: nothing was done, and the caller may wait longer.
    pub fn set_many(&self, entries: &[(Address<'_>, Offered<'_>)], wait: Wait) -> Result<Given, Fault> {
        match self.put_many(entries, wait) {
            Ok(puts) => {
                let number = |put| if let Put::Stored(number) = put { number } else { None };
                Ok(Given { numbers: puts.into_iter().filter_map(number).collect(), fault: None })
            }
            Err(fault) => {
                let changes: Vec<_> = entries.iter().filter_map(|(at, _)| at.invalidated()).collect();
                self.not_stored(&changes, fault, wait)
            }
        }
    }

    fn put_many(&self, entries: &[(Address<'_>, Offered<'_>)], wait: Wait) -> Result<Vec<Put>, Fault> {
        let seal = |&(at, offered): &(Address<'_>, Offered<'_>)| self.seal(at, offered);
        let mut sealed = entries.iter().map(seal).collect::<Result<Vec<_>, Fault>>()?;
        let marks: Vec<_> = entries.iter().map(|&(at, offered)| offered.marks(at)).collect();
        let mut items = Vec::with_capacity(entries.len());
        for (((at, _), marks), envelope) in entries.iter().zip(&marks).zip(&mut sealed) {
            items.push(Item { key: at.key, marks, envelope, purpose: Purpose::Set });
        }
        let puts = self.guarded(&self.storing, wait, || self.tier.put_many(&mut items, wait))?;
        self.counters.fills.fetch_add(puts.len() as u64, Ordering::Relaxed);
        Ok(puts)
    }

    /// What was to be replaced must not be read again.
    #[cold]
    fn not_stored(&self, changes: &[Change<'_>], fault: Fault, wait: Wait) -> Result<Given, Fault> {
        let made = match fault {
            Fault::Busy if matches!(wait, Wait::Not) => return Err(fault),
            // The same tier would be waited for in vain once more.
            Fault::Away(_) | Fault::Interrupted => {
                self.owe(changes);
                None
            }
            _ => self.change(changes, wait).ok(),
        };
        let numbers = made.map_or_else(Vec::new, |last| (last + 1 - changes.len() as u64..=last).collect());
        Ok(Given { numbers, fault: Some(fault) })
    }

    fn put(
        &self,
        at: Address<'_>,
        offered: Offered<'_>,
        mut envelope: Sealed,
        purpose: Purpose<'_>,
        wait: Wait,
    ) -> Result<Put, Fault> {
        let marks = offered.marks(at);
        let mut item = Item { key: at.key, marks: &marks, envelope: &mut envelope, purpose };
        let put = self.guarded(&self.storing, wait, || self.tier.put(&mut item, wait))?;
        count(if put == Put::Overtaken { &self.counters.overtaken } else { &self.counters.fills });
        Ok(put)
    }

    fn seal(&self, at: Address<'_>, offered: Offered<'_>) -> Result<Sealed, Fault> {
        self.format.seal(named(at.key, &stored_key(at.key)), offered.header, offered.payload).map_err(|error| {
            match error {
                Error::TooLarge { size, most, .. } => Fault::TooLarge { bytes: size, most },
                other => Fault::Away(other.to_string()),
            }
        })
    }

    /// Makes changes: at once in this process, and in the tier before anything is read from it again.
    ///
    /// # Errors
    /// [`Fault`]: they are owed to the tier, unless the caller may wait longer.
    pub fn change(&self, changes: &[Change<'_>], wait: Wait) -> Result<Number, Fault> {
        let made = self.guarded(&self.access, wait, || self.tier.change(changes, wait));
        match &made {
            Err(Fault::Busy) if matches!(wait, Wait::Not) => {}
            Err(_) => self.owe(changes),
            Ok(_) => {}
        }
        made
    }

    /// The clock, for a load that is about to begin.
    ///
    /// # Errors
    /// [`Fault`]: what it returns cannot be stored in the tier.
    pub fn clock(&self, wait: Wait) -> Result<Number, Fault> {
        self.guarded(&self.access, wait, || self.tier.clock(wait))
    }

    /// Shows what the tier lists.
    ///
    /// # Errors
    /// [`Fault`].
    pub(super) fn list(
        &self,
        part: Part<'_>,
        prefix: &[u8],
        wait: Wait,
        see: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), Fault> {
        self.guarded(&self.access, wait, || self.tier.list(prefix, part.after, part.most, wait, see))
    }

    /// How something stands that is valid from this clock and has these marks.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn judge(&self, clock: Number, marks: &[Mark], wait: Wait) -> Result<Judgement, Fault> {
        self.guarded(&self.access, wait, || self.tier.judge(clock, marks, wait))
    }

    /// The right to load something for so long, if nobody else has it.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn lease(&self, mark: Mark, holder: u64, length: Duration, wait: Wait) -> Result<Lease, Fault> {
        self.guarded(&self.access, wait, || self.tier.lease(mark, holder, length, wait))
    }

    /// Gives that right back.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn release(&self, mark: Mark, holder: u64, wait: Wait) -> Result<(), Fault> {
        self.guarded(&self.access, wait, || self.tier.release(mark, holder, wait))
    }

    /// What the tier holds.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn stats(&self, wait: Wait) -> Result<TierStats, Fault> {
        self.tier.stats(wait)
    }

    /// Whether reads, and what is to be stored, go well again since this was last asked.
    #[inline]
    pub fn take_recoveries(&self) -> (bool, bool) {
        (self.access.take_recovery(), self.storing.take_recovery())
    }

    /// Whether there are changes that the tier has not heard of.
    pub fn owes(&self) -> bool {
        self.owes.load(Ordering::Acquire)
    }

    fn owe(&self, changes: &[Change<'_>]) {
        let mut undelivered = self.undelivered.lock();
        for &Change { mark, key, to } in changes {
            if undelivered.len() == MOST_UNDELIVERED {
                undelivered.clear();
                undelivered.push(Undelivered { mark: self.everything, key: None, to: To::Invalid });
            }
            if !undelivered.iter().any(|other| other.mark == self.everything) {
                undelivered.push(Undelivered { mark, key: key.map(Into::into), to });
            }
        }
        self.owes.store(!undelivered.is_empty(), Ordering::Release);
    }

    /// Delivers what is owed. Nobody is called under a lock: who comes meanwhile finds the tier busy.
    #[cold]
    fn deliver(&self, wait: Wait) -> Result<(), Fault> {
        let owed = std::mem::take(&mut *self.undelivered.lock());
        if owed.is_empty() {
            return if self.owes() { Err(Fault::Busy) } else { Ok(()) };
        }
        let changes: Vec<Change<'_>> = owed.iter().map(Undelivered::change).collect();
        let made = self.access.call(wait, || self.tier.change(&changes, wait));
        let mut undelivered = self.undelivered.lock();
        if made.is_err() {
            undelivered.extend(owed);
        }
        self.owes.store(!undelivered.is_empty(), Ordering::Release);
        made.map(drop)
    }

    /// A call of the tier, before which it hears of what it is owed.
    fn guarded<T>(&self, guard: &Guard, wait: Wait, call: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        if self.owes() {
            self.deliver(wait)?;
        }
        guard.call(wait, call)
    }
}

/// Whether an entry will do by a judgement, which may have ended its ttl.
pub(super) fn suits(header: &mut Header, judgement: Judgement, now: Millis) -> bool {
    match judgement {
        Judgement::Valid => true,
        Judgement::Invalid => false,
        Judgement::Stale(since) => {
            let grace = header.gone_at.saturating_sub(header.fresh_until);
            if since < header.fresh_until {
                header.fresh_until = since;
                header.gone_at = header.gone_at.min(since.saturating_add(grace));
            }
            header.gone_at > now
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
#[path = "tests/back.rs"]
mod tests;
