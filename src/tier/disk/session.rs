//! A store as one process has it open.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{MappedRwLockReadGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::begin::{allocate_store, begin, file_bytes, first_bytes, join, new_number};
use super::error::Reason;
use super::fork;
use super::header::{CLOSED, Header};
use super::lmdb::{Env, Failure, LOCK_FILE_BYTES, Opening, Reading};
use super::lock::Held;
use super::map::{Map, allocate};
use super::place::{self, Place, Users};
use super::reads::Reads;
use super::{Begun, Durability, Found, Hooks, Options};
use crate::tier::{Fault, Wait};

/// How often a read may find that the store has changed its place or size before it gives up.
const TRIES: usize = 8;

/// Writes before it is tried again to make a store larger.
const WRITES_STUCK: u64 = 1024;

/// The names of LMDB's files in a store's folder.
pub(super) const DATA: &str = "data.mdb";
const LOCK: &str = "lock.mdb";

/// A store as this process has it open.
pub(super) struct Session {
    generation: u64,
    pub(super) place: Place,
    pub(super) users: Users,
    map: Map,
    pub(super) options: Options,
    pub(super) hooks: Hooks,
    pub(super) found: Found,
    /// Shared by whoever has a transaction; had alone for changing the map, during which there must be none.
    live: RwLock<Option<Live>>,
    is_shut: AtomicBool,
    /// Writes of this process.
    pub(super) writes: AtomicU64,
    /// The write until which it is not tried again to make the store larger, since there was no room on the disk.
    stuck_until: AtomicU64,
}

/// LMDB's part of a store.
pub(super) struct Live {
    /// The number of the store.
    store: u64,
    pub(super) env: Env,
    pub(super) map_bytes: u64,
    /// Whether LMDB refuses to go on with it.
    is_broken: AtomicBool,
}

/// The store, which stays as it is for as long as this is held.
pub(super) type Shared<'a> = MappedRwLockReadGuard<'a, Live>;

impl Session {
    /// Opens what is in a directory; who is alone there looks after it first.
    pub(super) fn open(place: Place, options: Options, hooks: Hooks) -> Result<Self, Reason> {
        let users = Users::of(&place)?;
        let alone = users.join(options.patience)?;
        let file = place.file(place::HEADER)?;
        let (map, found) = if alone { begin(&place, &file, options)? } else { (join(&file, options)?, Found::InUse) };
        let options = options.beside(map.header().max_bytes.load(Ordering::Relaxed));
        let session = Self {
            generation: fork::generation(),
            place,
            users,
            map,
            options,
            hooks,
            found,
            live: RwLock::new(None),
            is_shut: AtomicBool::new(false),
            writes: AtomicU64::new(0),
            stuck_until: AtomicU64::new(0),
        };
        session.start(alone)?;
        Ok(session)
    }

    fn start(&self, alone: bool) -> Result<(), Reason> {
        let patience = Wait::Until(Instant::now() + self.options.patience);
        let table = self.header().table.lock(patience).map_err(|_| Reason::Busy)?;
        let live = self.open_live()?;
        if alone {
            self.allocate_first()?;
            _ = live.env.clear_dead_readers();
            let begun = Begun {
                path: &self.place.path,
                found: &self.found,
                store: live.store,
                boot: place::boot(),
                pid_namespace: place::pid_namespace(),
                options: self.options,
            };
            (self.hooks.begin)(&begun).map_err(|error| Reason::of("preparing what lies beside the store", error))?;
        }
        *self.live.write() = Some(live);
        drop(table);
        if alone { self.users.admit() } else { Ok(()) }
    }

    /// Allocates what the map is written through: a full disk is met here, and not by who writes.
    fn allocate_first(&self) -> Result<(), Reason> {
        if self.options.durability == Durability::Power {
            return Ok(());
        }
        let bytes = self.header().allocated.load(Ordering::Acquire);
        allocate_store(&self.data_path(), bytes).map_err(|error| Reason::Full { bytes, error })
    }

    pub(super) fn data_path(&self) -> std::path::PathBuf {
        self.place.store(self.header().store.load(Ordering::Acquire)).join(DATA)
    }

    /// Opens the present store. The caller has the lock of the table, and this process has not got it open.
    fn open_live(&self) -> Result<Live, Reason> {
        let store = self.header().store.load(Ordering::Acquire);
        let folder = self.place.store(store);
        let through_map = self.options.durability == Durability::Process;
        let map_bytes = match self.options.durability {
            Durability::Process => self.header().allocated.load(Ordering::Acquire),
            Durability::Power => self.options.max_bytes,
        };
        let lock = place::open(&folder.join(LOCK)).and_then(|file| allocate(&file, LOCK_FILE_BYTES));
        lock.map_err(|error| Reason::of("allocating the table of readers", error))?;
        let env = Env::open(&folder, Opening { map_bytes, through_map })
            .map_err(|failure| Reason::of("opening the store", failure.into_io()))?;
        Ok(Live { store, env, map_bytes, is_broken: AtomicBool::new(false) })
    }

    #[inline]
    pub(super) fn header(&self) -> &Header {
        self.map.header()
    }

    #[inline]
    pub(super) fn reads(&self) -> Reads<'_> {
        Reads::new(self.map.counts())
    }

    /// The store that is in use now.
    #[inline]
    pub(super) fn live(&self, wait: Wait) -> Result<Shared<'_>, Fault> {
        for _ in 0..TRIES {
            let guard = match wait {
                Wait::Not => self.live.try_read(),
                Wait::Until(end) => self.live.try_read().or_else(|| self.live.try_read_until(end)),
            };
            let guard = guard.ok_or(Fault::Busy)?;
            let store = self.header().store.load(Ordering::Acquire);
            let is_present = |live: &Live| live.store == store && !live.is_broken.load(Ordering::Relaxed);
            if guard.as_ref().is_some_and(is_present) {
                return RwLockReadGuard::try_map(guard, Option::as_ref).map_err(|_| Fault::Closed);
            }
            drop(guard);
            self.renew(wait)?;
        }
        Err(Fault::Busy)
    }

    /// As [`Session::live`], for who holds the lock of the table, under which no other store can be opened.
    pub(super) fn present(&self) -> Result<Shared<'_>, Fault> {
        let guard = self.live.try_read().ok_or(Fault::Busy)?;
        RwLockReadGuard::try_map(guard, Option::as_ref).map_err(|_| Fault::Closed)
    }

    fn alone(&self, wait: Wait) -> Result<RwLockWriteGuard<'_, Option<Live>>, Fault> {
        match wait {
            Wait::Not => self.live.try_write(),
            Wait::Until(end) => self.live.try_write_until(end),
        }
        .ok_or(Fault::Busy)
    }

    /// Opens the store that has taken the place of the one that this process had open.
    #[cold]
    fn renew(&self, wait: Wait) -> Result<(), Fault> {
        let _table = self.header().table.lock(wait)?;
        let mut live = self.alone(wait)?;
        if self.is_shut.load(Ordering::Acquire) {
            return Err(Fault::Closed);
        }
        // Closed before it is opened: two in one process would drop each other's locks.
        *live = None;
        *live = Some(self.open_live().map_err(|reason| Fault::Away(self.told(reason)))?);
        Ok(())
    }

    fn told(&self, reason: Reason) -> String {
        super::OpenError { path: self.place.path.clone(), reason }.to_string()
    }

    /// Maps as much as the others do by now.
    #[cold]
    pub(super) fn adopt(&self, wait: Wait) -> Result<(), Fault> {
        let table = self.header().table.lock(wait)?;
        self.resize(&table, wait)
    }

    /// As [`Session::adopt`], where the lock of the table is held, so that the file grows no further meanwhile.
    pub(super) fn resize(&self, _table: &Held<'_>, wait: Wait) -> Result<(), Fault> {
        let mut live = self.alone(wait)?;
        let bytes = self.header().allocated.load(Ordering::Acquire);
        let Some(there) = live.as_mut() else { return Ok(()) };
        if there.map_bytes == bytes {
            return Ok(());
        }
        let resized = there.env.set_map_bytes(bytes);
        there.map_bytes = bytes;
        if resized.is_err() {
            *live = None;
        }
        resized.map_err(|failure| self.fault(failure))
    }

    /// Reads in a transaction.
    #[inline]
    pub(super) fn read<T>(
        &self,
        wait: Wait,
        work: impl FnOnce(&Reading<'_>) -> Result<T, Failure>,
    ) -> Result<T, Fault> {
        for _ in 0..TRIES {
            let live = self.live(wait)?;
            let refused = match live.env.spare_read() {
                Some(Ok(reading)) => return work(&reading).map_err(|failure| self.failed(&live, failure)),
                Some(Err(failure)) if !failure.is_resized() => return Err(self.failed(&live, failure)),
                refused => refused.is_some(),
            };
            drop(live);
            if refused { self.adopt(wait)? } else { self.add_reader(wait)? }
        }
        Err(Fault::Busy)
    }

    /// Makes another read transaction for this process.
    #[cold]
    fn add_reader(&self, wait: Wait) -> Result<(), Fault> {
        let table = self.header().table.lock(wait)?;
        let live = self.present()?;
        let begun = live.env.begin_read().map(drop);
        match begun {
            Err(failure) if failure.is_resized() => {
                drop(live);
                self.resize(&table, wait)
            }
            Err(failure) if failure.is_crowded() => {
                live.env.clear_dead_readers().map_err(|failure| self.fault(failure))?;
                live.env.begin_read().map(drop).map_err(|failure| self.fault(failure))
            }
            _ => begun.map_err(|failure| self.failed(&live, failure)),
        }
    }

    /// Whether the disk had no room for a larger store of late.
    pub(super) fn is_stuck(&self) -> bool {
        self.writes.load(Ordering::Relaxed) < self.stuck_until.load(Ordering::Relaxed)
    }

    /// Notes that the disk has no room for a larger store.
    pub(super) fn get_stuck(&self) {
        self.stuck_until.store(self.writes.load(Ordering::Relaxed) + WRITES_STUCK, Ordering::Relaxed);
    }

    /// What LMDB said, after which the store is opened anew if it cannot go on.
    pub(super) fn failed(&self, live: &Live, failure: Failure) -> Fault {
        if failure.is_fatal() {
            live.is_broken.store(true, Ordering::Relaxed);
        }
        self.fault(failure)
    }

    pub(super) fn fault(&self, failure: Failure) -> Fault {
        let text = format!("{}: {failure}", self.place.path.display());
        match failure {
            _ if failure.is_full() => Fault::Full(text),
            _ if failure.is_crowded() => Fault::Busy,
            _ if failure.is_fatal() => Fault::Damaged(text),
            _ => Fault::Away(text),
        }
    }

    /// Puts a copy without gaps in the place of the store, if nobody else uses it; whether that was so.
    pub(super) fn compact(&self, wait: Wait) -> Result<bool, Fault> {
        let _writer = self.header().writer.lock(wait)?;
        let _table = self.header().table.lock(wait)?;
        let away = |reason| Fault::Away(self.told(reason));
        if !self.users.is_alone().map_err(away)? {
            return Ok(false);
        }
        let done = self.replace(wait);
        self.users.admit().map_err(away)?;
        done.map(|()| true)
    }

    fn replace(&self, wait: Wait) -> Result<(), Fault> {
        let mut live = self.alone(wait)?;
        let Some(there) = live.as_ref() else { return Err(Fault::Closed) };
        let old = self.place.store(there.store);
        let number = new_number();
        let folder = self.place.store(number);
        let away = |error: io::Error| Fault::Away(self.told(Reason::of("compacting the store", error)));
        place::create_folder(&folder).map_err(away)?;
        let bytes = there.env.copy_compacted(&folder).map_err(Failure::into_io).and_then(|()| {
            let bytes = first_bytes(file_bytes(&folder.join(DATA)), self.options);
            if self.options.durability == Durability::Process {
                allocate_store(&folder.join(DATA), bytes)?;
            }
            Ok(bytes)
        });
        let bytes = bytes.inspect_err(|_| _ = fs::remove_dir_all(&folder)).map_err(away)?;
        *live = None;
        self.header().allocated.store(bytes, Ordering::Release);
        self.header().store.store(number, Ordering::Release);
        *live = Some(self.open_live().map_err(|reason| Fault::Away(self.told(reason)))?);
        _ = fs::remove_dir_all(old);
        Ok(())
    }

    /// Closes the store for this process, after whoever is at it; the last user of all leaves a note of that.
    pub(super) fn shut(&self) {
        self.finish(self.live.write());
    }

    /// As [`Session::shut`], unless somebody is at it for longer than that.
    pub(super) fn shut_within(&self, patience: Duration) {
        if let Some(live) = self.live.try_write_for(patience) {
            self.finish(live);
        }
    }

    fn finish(&self, mut live: RwLockWriteGuard<'_, Option<Live>>) {
        self.is_shut.store(true, Ordering::Release);
        let is_last = live.is_some() && self.users.is_alone().unwrap_or(false);
        if let Some(live) = live.take().filter(|_| is_last) {
            // So that it is whole whatever becomes of the machine.
            _ = live.env.sync();
        }
        if is_last {
            self.header().allocated.store(file_bytes(&self.data_path()), Ordering::Release);
            (self.hooks.end)(&self.place.path);
            self.header().closed.store(CLOSED, Ordering::Release);
        }
        _ = self.users.leave();
    }

    /// Whether this process opened it, and not one that it was forked from.
    pub(super) fn is_own(&self) -> bool {
        self.generation == fork::generation()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(live) = self.live.get_mut().take()
            && !self.is_own()
        {
            // To close what a parent has open would drop this process's own locks on the same files.
            std::mem::forget(live);
        }
    }
}
