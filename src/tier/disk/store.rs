//! A store: entries under keys in a directory, which processes share.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::error::{OpenError, Reason};
use super::fork::{self, PerProcess};
use super::place::Place;
use super::session::Session;
use super::write::{Change, Writer};
use super::{Found, Hooks, LEAST_BYTES, Options, check, page_bytes};
use crate::codec::Millis;
use crate::tier::{Fault, TierStats, Wait, stored_key};

/// Looks of [`Store::tend`], in one transaction.
const TEND_LOOKS: usize = 512;

/// The stores that this process has open, by device and inode: LMDB allows one environment for each.
static OPEN: PerProcess<Mutex<HashMap<(u64, u64), Entry>>> = PerProcess::empty();

struct Entry {
    session: Arc<Session>,
    handles: usize,
}

fn open_stores() -> &'static Mutex<HashMap<(u64, u64), Entry>> {
    OPEN.get().unwrap_or_else(|| OPEN.put(Mutex::new(HashMap::new())))
}

/// Held by who opens what this process has inherited.
fn again() -> &'static Mutex<()> {
    static AGAIN: PerProcess<Mutex<()>> = PerProcess::empty();
    AGAIN.get().unwrap_or_else(|| AGAIN.put(Mutex::new(())))
}

/// A directory in which entries are stored. Threads share it; a child that is forked opens its own at its next use.
pub struct Store {
    path: PathBuf,
    options: Options,
    hooks: Hooks,
    session: PerProcess<Arc<Session>>,
    is_closed: AtomicBool,
}

impl Store {
    /// Opens the store in a directory, which is created for the user alone if there is none.
    ///
    /// # Errors
    /// [`OpenError`]: what is wrong with the directory, and what to do.
    pub fn open(path: &Path, options: Options, hooks: Hooks) -> Result<Self, OpenError> {
        fork::watch();
        let failed = |reason| OpenError { path: path.to_owned(), reason };
        if options.max_bytes < LEAST_BYTES {
            return Err(failed(Reason::TooSmall { max_bytes: options.max_bytes, least: LEAST_BYTES }));
        }
        let options = options.whole_pages();
        let session = join(path, options, hooks).map_err(failed)?;
        let store = Self {
            path: session.place.path.clone(),
            options: options.beside(session.options.max_bytes),
            hooks,
            session: PerProcess::empty(),
            is_closed: AtomicBool::new(false),
        };
        store.session.put(session);
        Ok(store)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it was opened.
    #[must_use]
    pub fn options(&self) -> Options {
        self.options
    }

    /// The number of the store that is in use, which moves when another takes its place.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn number(&self) -> Result<u64, Fault> {
        self.session(self.patiently()).map(|session| session.header().store.load(Ordering::Acquire))
    }

    /// What was there when this process opened it.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn found(&self) -> Result<Found, Fault> {
        self.session(self.patiently()).map(|session| session.found.clone())
    }

    /// For as long as it may take to open it.
    fn patiently(&self) -> Wait {
        Wait::Until(Instant::now() + self.options.patience)
    }

    #[inline]
    fn session(&self, wait: Wait) -> Result<&Arc<Session>, Fault> {
        match self.session.get() {
            Some(session) if !self.is_closed.load(Ordering::Acquire) => Ok(session),
            Some(_) => Err(Fault::Closed),
            None => self.open_again(wait),
        }
    }

    /// Opens what this process has inherited for itself.
    #[cold]
    fn open_again(&self, wait: Wait) -> Result<&Arc<Session>, Fault> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(Fault::Closed);
        }
        let Wait::Until(end) = wait else { return Err(Fault::Busy) };
        let failed = |reason| Fault::Away(OpenError { path: self.path.clone(), reason }.to_string());
        // One thread of this process at a time: what another put there meanwhile is found.
        let _opening = again().try_lock_until(end).ok_or(Fault::Busy)?;
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        if let Some(inherited) = self.session.inherited() {
            inherited.users.abandon();
        }
        let patience = end.saturating_duration_since(Instant::now()).min(self.options.patience);
        let options = Options { patience, ..self.options };
        join(&self.path, options, self.hooks).map(|session| self.session.put(session)).map_err(failed)
    }

    /// Shows what is stored under a key; whether there is anything. `see` only copies.
    ///
    /// # Errors
    /// [`Fault`]: nothing is known of the key.
    #[inline]
    pub fn get(&self, key: &[u8], wait: Wait, see: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        let session = self.session(wait)?;
        let key = stored_key(key);
        session.read(wait, |reading| {
            let entry = reading.get(&key)?;
            if let Some(entry) = entry {
                see(entry);
                session.reads().note_read(&key);
            }
            Ok(entry.is_some())
        })
    }

    /// As [`Store::get`], for several keys in one transaction; what is shown comes with the place of its key.
    ///
    /// # Errors
    /// [`Fault`]: nothing more is known of keys that were not shown.
    pub fn get_many(&self, keys: &[&[u8]], wait: Wait, see: &mut dyn FnMut(usize, &[u8])) -> Result<(), Fault> {
        let session = self.session(wait)?;
        session.read(wait, |reading| {
            for (place, key) in keys.iter().enumerate() {
                let key = stored_key(key);
                if let Some(entry) = reading.get(&key)? {
                    see(place, entry);
                    session.reads().note_read(&key);
                }
            }
            Ok(())
        })
    }

    /// Takes the right to write, until it is dropped.
    ///
    /// # Errors
    /// [`Fault::Busy`]: somebody else has it for longer than may be.
    #[inline]
    pub fn writer(&self, wait: Wait) -> Result<Writer<'_>, Fault> {
        Writer::begin(self.session(wait)?, wait)
    }

    /// Makes changes in one transaction, as [`Writer::change`].
    ///
    /// # Errors
    /// [`Fault`]: none was made.
    pub fn change(
        &self,
        wait: Wait,
        now: Millis,
        work: &mut dyn FnMut(&mut Change<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.writer(wait)?.change(now, work)
    }

    /// Shows keys that begin with a prefix, in order, with what is stored under them, after this one and at most so many. What is shown of a long key is
    /// its [`stored_key`].
    ///
    /// # Errors
    /// [`Fault`].
    pub fn list(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
        wait: Wait,
        see: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), Fault> {
        let after = after.map(stored_key);
        self.session(wait)?.read(wait, |reading| {
            let mut cursor = reading.cursor()?;
            let start = after.as_deref().map_or(prefix, |after| after.max(prefix));
            let mut place = cursor.seek(start)?;
            if place.is_some_and(|(key, _)| after.as_deref() == Some(key)) {
                place = cursor.next()?;
            }
            for _ in 0..most {
                match place {
                    Some((key, entry)) if key.starts_with(prefix) => see(key, entry),
                    _ => break,
                }
                place = cursor.next()?;
            }
            Ok(())
        })
    }

    /// Removes entries whose time is over, of the next few hundred that it looks at.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn tend(&self, wait: Wait, now: Millis) -> Result<(), Fault> {
        self.change(wait, now, &mut |change| change.tend(TEND_LOOKS))
    }

    /// Whether entries have had to leave for others.
    #[must_use]
    pub fn evicts(&self) -> bool {
        self.session.get().is_some_and(|session| session.header().evicted.load(Ordering::Relaxed) > 0)
    }

    /// What it has done, and holds. The pages of entries are counted whole.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn stats(&self, wait: Wait) -> Result<TierStats, Fault> {
        let session = self.session(wait)?;
        let used = session.read(wait, |reading| reading.used())?;
        let header = session.header();
        Ok(TierStats {
            entries: Some(used.entries),
            bytes: Some(used.pages * page_bytes()),
            max_bytes: Some(self.options.max_bytes),
            evicted: header.evicted.load(Ordering::Relaxed),
            expired: header.expired.load(Ordering::Relaxed),
            busy: header.busy.load(Ordering::Relaxed),
        })
    }

    /// Waits until all that was written is on the disk.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn sync(&self, wait: Wait) -> Result<(), Fault> {
        let session = self.session(wait)?;
        let live = session.live(wait)?;
        live.env.sync().map_err(|failure| session.fault(failure))
    }

    /// Writes the entries anew without gaps, if no other process uses the store; whether that was done.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn compact(&self, wait: Wait) -> Result<bool, Fault> {
        self.session(wait)?.compact(wait)
    }

    /// Looks at every page, while nobody writes.
    ///
    /// # Errors
    /// [`Fault::Damaged`], with what is wrong; other faults if it could not be looked at.
    pub fn check(&self, wait: Wait) -> Result<check::Report, Fault> {
        let session = self.session(wait)?;
        let _writer = session.header().writer.lock(wait)?;
        check::file(&session.data_path()).map_err(|damage| Fault::Damaged(damage.to_string()))
    }

    /// Ends the use of it, after which all calls fail with [`Fault::Closed`].
    pub fn close(&self) {
        let is_own = self.session.get();
        if let Some(session) = is_own
            && !self.is_closed.swap(true, Ordering::AcqRel)
        {
            leave(session.place.identity);
        }
        self.is_closed.store(true, Ordering::Release);
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Store").field("path", &self.path).field("options", &self.options).finish_non_exhaustive()
    }
}

/// The session of this process for a directory, which is opened if it has none.
fn join(path: &Path, options: Options, hooks: Hooks) -> Result<Arc<Session>, Reason> {
    let place = Place::prepare(path, options.private)?;
    let mut open = open_stores().lock();
    if let Some(entry) = open.get_mut(&place.identity) {
        let Options { patience, keeps_bound, .. } = options;
        let there = Options { patience, keeps_bound, ..entry.session.options };
        let given = options.beside(there.max_bytes);
        if there != given {
            return Err(Reason::Differs { there, given });
        }
        entry.handles += 1;
        return Ok(entry.session.clone());
    }
    let identity = place.identity;
    let session = Arc::new(Session::open(place, options, hooks)?);
    open.insert(identity, Entry { session: session.clone(), handles: 1 });
    Ok(session)
}

/// Ends the use of all stores that this process has open, because it is about to end. Who is at one is waited for no longer than that.
pub fn close_all(patience: Duration) {
    let Some(mut open) = OPEN.get().and_then(|open| open.try_lock_for(patience)) else { return };
    open.drain().for_each(|(_, entry)| entry.session.shut_within(patience));
}

/// Ends one use of a session. What opens the directory again waits until the last has ended.
fn leave(identity: (u64, u64)) {
    let mut open = open_stores().lock();
    let Some(entry) = open.get_mut(&identity) else { return };
    entry.handles -= 1;
    if entry.handles == 0 {
        entry.session.shut();
        open.remove(&identity);
    }
}
