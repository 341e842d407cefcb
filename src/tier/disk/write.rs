//! Writing: one writer of all processes at a time, in transactions that make room for what they store.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::header::Header;
use super::lmdb::{Failure, Used, Writing};
use super::lock::Held;
use super::map::allocate;
use super::session::{Session, Shared};
use super::{Durability, page_bytes, place};
use crate::codec::Millis;
use crate::tier::{Fault, Wait, stored_key};

/// Parts of a store that stay free, so that what is deleted or rewritten finds pages: one of these, but for small stores.
const SLACK_PART: u64 = 16;
const LEAST_SLACK_PAGES: u64 = 32;

/// The part of a store that one entry may take at most.
const ENTRY_PART: u64 = 8;

/// How often room is made for a transaction that found none, each time twice as much.
const ROUNDS: u32 = 6;

/// Stretches that are thinned out for one entry that is stored, and for each page that it takes: few, so that storing has a bounded cost.
const STRETCHES: u64 = 2;

/// How long to wait for readers when no room can be made, the first time; each time twice as long.
const PAUSE: Duration = Duration::from_millis(1);

/// Pages for which room is made in the transaction that needs it; for more, in others before it.
const FEW_PAGES: u64 = 4;

/// What is stored and removed so that there are two more transactions: a key that no namespace has.
const TICK: &[u8] = b"\0";

/// Every so many transactions, one looks at so many entries for those whose time is over.
const TEND_EVERY: u64 = 16;
const TEND_LOOKS: usize = 32;

/// The right to write, which one thread of all processes has.
pub struct Writer<'a> {
    session: &'a Session,
    _held: Held<'a>,
    wait: Wait,
}

/// Why a transaction has to be tried again.
enum Stop {
    /// It found no room for so many pages.
    Room(u64),
    Resized,
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl<'a> Writer<'a> {
    pub(super) fn begin(session: &'a Session, wait: Wait) -> Result<Self, Fault> {
        let header = session.header();
        let held = header.writer.lock(wait).inspect_err(|fault| count_busy(header, fault))?;
        if held.was_left {
            header.was_left.store(1, Ordering::Relaxed);
        }
        let writer = Self { session, _held: held, wait };
        if header.was_left.load(Ordering::Relaxed) != 0 {
            writer.recover()?;
        }
        Ok(writer)
    }

    /// Lets LMDB put its own locks in order after the death of a writer, while nobody takes that of readers.
    #[cold]
    fn recover(&self) -> Result<(), Fault> {
        let header = self.session.header();
        drop(self.session.live(self.wait)?);
        let _table = header.table.lock(self.wait)?;
        let live = self.session.present()?;
        match live.env.begin_write() {
            Ok(_nothing) => {}
            Err(failure) if failure.is_resized() => {}
            Err(failure) => return Err(self.session.failed(&live, failure)),
        }
        header.was_left.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Makes changes in one transaction: all of them, or none if this fails. `work` may be called several times, each time on what was there
    /// before. The time is that by which entries are over.
    ///
    /// # Errors
    /// [`Fault`]; what `work` failed with.
    pub fn change(&self, now: Millis, work: &mut dyn FnMut(&mut Change<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        for round in 0..ROUNDS {
            match self.attempt(now, work) {
                Ok(()) => return Ok(()),
                Err(Stop::Fault(fault)) => return Err(fault),
                Err(Stop::Resized) => self.session.adopt(self.wait)?,
                Err(Stop::Room(pages)) => match self.make_room(pages << round, now) {
                    // Who reads keeps what was there when it began, and may have been put aside by the scheduler.
                    Err(Fault::Full(_)) => self.pause(PAUSE * (1 << round)),
                    made => made?,
                },
            }
        }
        Err(self.full())
    }

    /// Does something for each number below `count`, in as few transactions as there are pages for; each is as for [`Writer::change`].
    ///
    /// # Errors
    /// As for [`Writer::change`]. What was done in earlier transactions remains.
    pub fn each(
        &self,
        now: Millis,
        count: usize,
        work: &mut dyn FnMut(&mut Change<'_>, usize) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut done = 0;
        while done < count {
            let mut next = done;
            self.change(now, &mut |change| {
                next = done;
                while next < count && (next == done || !change.is_large()) {
                    work(change, next)?;
                    next += 1;
                }
                Ok(())
            })?;
            done = next;
        }
        Ok(())
    }

    fn pause(&self, pause: Duration) {
        if let Wait::Until(end) = self.wait {
            std::thread::sleep(pause.min(end.saturating_duration_since(Instant::now())));
        }
    }

    /// No room was made. Who may not wait has not waited for readers, and may have it by waiting.
    fn full(&self) -> Fault {
        if matches!(self.wait, Wait::Not) {
            return Fault::Busy;
        }
        Fault::Full(format!("{}: no room could be made in {ROUNDS} rounds", self.session.place.path.display()))
    }

    fn attempt(&self, now: Millis, work: &mut dyn FnMut(&mut Change<'_>) -> Result<(), Fault>) -> Result<(), Stop> {
        let live = self.live()?;
        let mut change = Change::begin(self.session, &live, now)?;
        let worked = work(&mut change);
        if let Some(pages) = change.lacks {
            return Err(Stop::Room(pages));
        }
        worked?;
        if self.session.writes.fetch_add(1, Ordering::Relaxed).is_multiple_of(TEND_EVERY) {
            change.tend(TEND_LOOKS).map_err(Stop::Fault)?;
        }
        change.commit()
    }

    /// The store, mapped as far as it is allocated.
    fn live(&self) -> Result<Shared<'a>, Stop> {
        let live = self.session.live(self.wait)?;
        let is_whole = self.session.options.durability == Durability::Power
            || live.map_bytes == self.session.header().allocated.load(Ordering::Acquire);
        if is_whole { Ok(live) } else { Err(Stop::Resized) }
    }

    /// Makes the store larger, or else removes entries.
    #[cold]
    fn make_room(&self, pages: u64, now: Millis) -> Result<(), Fault> {
        if self.grow()? {
            return Ok(());
        }
        self.clear_dead_readers()?;
        // A page that one transaction frees is used by the second after it.
        let mut target = None;
        // In small transactions, which themselves find pages in what stays free.
        for _ in 0..(pages + STRETCHES) * 4 {
            let mut left = 0;
            self.alone(now, |change| {
                let target = *target.get_or_insert(change.used.pages.saturating_sub(pages));
                change.evict(change.used.pages.saturating_sub(target), STRETCHES)?;
                left = change.used.pages.saturating_sub(target);
                Ok(())
            })?;
            if left == 0 {
                break;
            }
        }
        self.alone(now, |change| change.txn.put(TICK, b"").map_err(|failure| change.lacking(1, failure)))?;
        self.alone(now, |change| change.txn.remove(TICK).map(drop).map_err(|failure| change.lacking(1, failure)))
    }

    /// Does something in a transaction that is not tried again.
    fn alone(&self, now: Millis, work: impl FnOnce(&mut Change<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        let live = self.live().map_err(|_| Fault::Busy)?;
        let mut change = Change::begin(self.session, &live, now).map_err(|_| Fault::Busy)?;
        work(&mut change)?;
        change.commit().map_err(|_| self.full())
    }

    fn clear_dead_readers(&self) -> Result<(), Fault> {
        let _table = self.session.header().table.lock(self.wait)?;
        let live = self.session.present()?;
        live.env.clear_dead_readers().map_err(|failure| self.session.failed(&live, failure))
    }

    /// Allocates twice as much as there is, up to the bound; whether that was done.
    fn grow(&self) -> Result<bool, Fault> {
        let header = self.session.header();
        let before = header.allocated.load(Ordering::Acquire);
        let most = self.session.options.max_bytes;
        if self.session.options.durability == Durability::Power || before >= most || self.session.is_stuck() {
            return Ok(false);
        }
        let table = header.table.lock(self.wait)?;
        let bytes = before.saturating_mul(2).min(most);
        let grown = place::open(&self.session.data_path()).and_then(|file| allocate(&file, bytes));
        if grown.is_err() {
            self.session.get_stuck();
            return Ok(false);
        }
        header.allocated.store(bytes, Ordering::Release);
        self.session.resize(&table, self.wait)?;
        Ok(true)
    }
}

fn count_busy(header: &Header, fault: &Fault) {
    if matches!(fault, Fault::Busy) {
        header.busy.fetch_add(1, Ordering::Relaxed);
    }
}

/// A transaction that writes.
pub struct Change<'a> {
    pub(super) session: &'a Session,
    live: &'a Shared<'a>,
    pub(super) txn: Writing<'a>,
    pub(super) now: Millis,
    pub(super) used: Used,
    pub(super) evicted: u64,
    pub(super) expired: u64,
    /// Pages that were written, about.
    pub(super) touched: u64,
    /// Pages that were not to be had, so that all of it begins anew when there are.
    lacks: Option<u64>,
}

impl<'a> Change<'a> {
    fn begin(session: &'a Session, live: &'a Shared<'a>, now: Millis) -> Result<Self, Stop> {
        let txn = live.env.begin_write().map_err(|failure| match failure {
            _ if failure.is_resized() => Stop::Resized,
            _ => Stop::Fault(session.failed(live, failure)),
        })?;
        let used = txn.used().map_err(|failure| session.failed(live, failure))?;
        Ok(Self { session, live, txn, now, used, evicted: 0, expired: 0, touched: 0, lacks: None })
    }

    /// What is stored under a key.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn get(&self, key: &[u8]) -> Result<Option<&[u8]>, Fault> {
        self.txn.get(&stored_key(key)).map_err(|failure| self.session.failed(self.live, failure))
    }

    /// Stores an entry, after removing others if that is needed to make room.
    ///
    /// # Errors
    /// [`Fault::TooLarge`]; [`Fault::Full`], after which nothing more can be done in this transaction.
    pub fn put(&mut self, key: &[u8], entry: &[u8]) -> Result<(), Fault> {
        let most = self.session.options.max_bytes / ENTRY_PART;
        if entry.len() as u64 > most {
            return Err(Fault::TooLarge { bytes: entry.len() as u64, most });
        }
        let pages = entry.len() as u64 / page_bytes() + 1;
        self.touched += pages + 1;
        self.have_room(pages)?;
        let key = stored_key(key);
        self.session.reads().note_stored(&key);
        self.txn.put(&key, entry).map_err(|failure| self.lacking(pages, failure))?;
        self.measure()
    }

    /// Removes an entry; whether there was one.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn remove(&mut self, key: &[u8]) -> Result<bool, Fault> {
        let removed = self.txn.remove(&stored_key(key)).map_err(|failure| self.lacking(1, failure))?;
        self.measure().map(|()| removed)
    }

    /// Whether it has written so many pages that there may soon be none for more: a page that it rewrites is not free until it has ended.
    fn is_large(&self) -> bool {
        self.touched > slack(self.live.map_bytes / page_bytes()) / 4
    }

    fn have_room(&mut self, pages: u64) -> Result<(), Fault> {
        let total = self.live.map_bytes / page_bytes();
        let room = total.saturating_sub(slack(total));
        let over = (self.used.pages + pages).saturating_sub(room);
        if over == 0 {
            return Ok(());
        }
        let can_grow = self.session.options.durability == Durability::Process
            && self.live.map_bytes < self.session.options.max_bytes;
        if over > FEW_PAGES || can_grow && !self.session.is_stuck() {
            self.lacks = Some(over);
            return Err(Fault::Full("room is made first, and then this is tried again".into()));
        }
        self.evict(over, STRETCHES + over)
    }

    /// The failure of something that needs pages.
    pub(super) fn lacking(&mut self, pages: u64, failure: Failure) -> Fault {
        if failure.is_full() {
            self.lacks = Some(pages);
        }
        self.session.failed(self.live, failure)
    }

    pub(super) fn measure(&mut self) -> Result<(), Fault> {
        self.used = self.txn.used().map_err(|failure| self.session.failed(self.live, failure))?;
        Ok(())
    }

    fn commit(self) -> Result<(), Stop> {
        let Self { session, live, txn, evicted, expired, .. } = self;
        txn.commit().map_err(|failure| match failure {
            _ if failure.is_full() || failure.is_cut_short() => Stop::Room(1),
            _ => Stop::Fault(session.failed(live, failure)),
        })?;
        if evicted + expired > 0 {
            session.header().evicted.fetch_add(evicted, Ordering::Relaxed);
            session.header().expired.fetch_add(expired, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Pages that stay free of so many.
fn slack(pages: u64) -> u64 {
    (pages / SLACK_PART).max(LEAST_SLACK_PAGES)
}
