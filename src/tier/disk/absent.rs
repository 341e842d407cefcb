//! A store whose directory could not be used when it was asked for: away, and tried again from time to time.

use std::fmt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::fork::{self, PerProcess};
use super::{Disk, OpenError, Options};
use crate::tier::{
    Change, Fault, Features, Heard, Item, Judgement, Lease, Mark, Number, Put, Tier, TierStats, Wait, Watch,
};

/// The number of the last change for as long as there is no store: no clock comes so far.
const UNOPENED: Number = u64::MAX / 2;

/// A store that could not be opened. All calls fail with [`Fault::Away`], and every so often one of them opens it, if that is possible by then.
pub struct Absent {
    path: PathBuf,
    options: Options,
    /// How long to leave it alone after each try.
    pause: Duration,
    /// Why it could not be opened at first.
    reason: String,
    trying: PerProcess<Mutex<Trying>>,
    /// Null until it is opened; from then on it stays.
    opened: AtomicPtr<Disk>,
    unopened: AtomicU64,
}

/// What one process tries.
struct Trying {
    next: Instant,
    reason: String,
}

impl Absent {
    /// A store that could not be opened for this reason, and is tried again after each pause.
    #[must_use]
    pub fn new(path: &Path, options: Options, error: &OpenError, pause: Duration) -> Self {
        fork::watch();
        let absent = Self {
            path: path.to_owned(),
            options,
            pause,
            reason: error.to_string(),
            trying: PerProcess::empty(),
            opened: AtomicPtr::new(ptr::null_mut()),
            unopened: AtomicU64::new(UNOPENED),
        };
        absent.trying();
        absent
    }

    /// Of this process: who held the lock when it was forked is not here to give it back.
    fn trying(&self) -> &Mutex<Trying> {
        self.trying.get().unwrap_or_else(|| {
            self.trying.put(Mutex::new(Trying { next: Instant::now() + self.pause, reason: self.reason.clone() }))
        })
    }

    #[inline]
    fn opened(&self) -> Option<&Disk> {
        // SAFETY: it is null, or points to what was opened, which stays for as long as `self`.
        unsafe { self.opened.load(Ordering::Acquire).as_ref() }
    }

    /// The store, which is opened if it is time to try that.
    #[inline]
    fn disk(&self, wait: Wait) -> Result<&Disk, Fault> {
        self.opened().map_or_else(|| self.try_again(wait), Ok)
    }

    #[cold]
    fn try_again(&self, wait: Wait) -> Result<&Disk, Fault> {
        let Some(mut trying) = self.trying().try_lock() else { return Err(Fault::Away(self.reason.clone())) };
        if let Some(disk) = self.opened() {
            return Ok(disk);
        }
        let now = Instant::now();
        if now < trying.next {
            return Err(Fault::Away(trying.reason.clone()));
        }
        let Wait::Until(end) = wait else { return Err(Fault::Busy) };
        let patience = end.saturating_duration_since(now).min(self.options.patience);
        match Disk::open(&self.path, Options { patience, ..self.options }) {
            Ok(disk) => Ok(self.publish(disk)),
            Err(error) => {
                trying.reason = error.to_string();
                trying.next = Instant::now() + self.pause;
                Err(Fault::Away(trying.reason.clone()))
            }
        }
    }

    /// Called by who holds the lock.
    fn publish(&self, disk: Disk) -> &Disk {
        let disk = Box::into_raw(Box::new(disk));
        self.opened.store(disk, Ordering::Release);
        // SAFETY: it was just made, and stays for as long as `self`.
        unsafe { &*disk }
    }
}

impl Drop for Absent {
    fn drop(&mut self) {
        let disk = *self.opened.get_mut();
        if !disk.is_null() {
            // SAFETY: it came from a box, and nobody borrows it any more.
            drop(unsafe { Box::from_raw(disk) });
        }
    }
}

impl fmt::Debug for Absent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.opened() {
            Some(disk) => disk.fmt(out),
            None => write!(out, "Absent({:?})", self.path),
        }
    }
}

impl Watch for Absent {
    fn word(&self) -> &AtomicU64 {
        self.opened().and_then(Disk::watch).map_or(&self.unopened, Watch::word)
    }

    fn changes(&self, after: Number, see: &mut dyn FnMut(Number, u64)) -> Heard {
        match self.opened().and_then(Disk::watch) {
            // What others have changed while it was away, nobody here has heard of.
            Some(watch) if after == UNOPENED => Heard::Lost(watch.word().load(Ordering::Acquire)),
            Some(watch) => watch.changes(after, see),
            None => Heard::All(after),
        }
    }
}

impl Tier for Absent {
    fn features(&self) -> Features {
        Disk::features_with(self.options.durability)
    }

    fn get(&self, key: &[u8], wait: Wait, see: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        self.disk(wait)?.get(key, wait, see)
    }

    fn get_many(&self, keys: &[&[u8]], wait: Wait, see: &mut dyn FnMut(usize, &[u8])) -> Result<(), Fault> {
        self.disk(wait)?.get_many(keys, wait, see)
    }

    fn put(&self, item: &mut Item<'_>, wait: Wait) -> Result<Put, Fault> {
        self.disk(wait)?.put(item, wait)
    }

    fn put_many(&self, items: &mut [Item<'_>], wait: Wait) -> Result<Vec<Put>, Fault> {
        self.disk(wait)?.put_many(items, wait)
    }

    fn change(&self, changes: &[Change<'_>], wait: Wait) -> Result<Number, Fault> {
        self.disk(wait)?.change(changes, wait)
    }

    fn clock(&self, wait: Wait) -> Result<Number, Fault> {
        self.disk(wait)?.clock(wait)
    }

    fn judge(&self, clock: Number, marks: &[Mark], wait: Wait) -> Result<Judgement, Fault> {
        self.disk(wait)?.judge(clock, marks, wait)
    }

    fn lease(&self, mark: Mark, holder: u64, length: Duration, wait: Wait) -> Result<Lease, Fault> {
        self.disk(wait)?.lease(mark, holder, length, wait)
    }

    fn release(&self, mark: Mark, holder: u64, wait: Wait) -> Result<(), Fault> {
        self.disk(wait)?.release(mark, holder, wait)
    }

    fn watch(&self) -> Option<&dyn Watch> {
        Some(self)
    }

    fn list(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
        wait: Wait,
        see: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), Fault> {
        self.disk(wait)?.list(prefix, after, most, wait, see)
    }

    fn tend(&self, wait: Wait) -> Result<(), Fault> {
        self.disk(wait)?.tend(wait)
    }

    fn evicts(&self) -> bool {
        self.opened().is_some_and(Disk::evicts)
    }

    fn stats(&self, wait: Wait) -> Result<TierStats, Fault> {
        self.disk(wait)?.stats(wait)
    }
}
