//! A store as a tier: what is stored is stamped by the clock that lies beside it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::{Begun, Durability, Found, Hooks, OpenError, Options, Store};
use crate::codec::{Glimpse, Millis};
use crate::tier::shared::{Identity, Shared, Sizes};
use crate::tier::{
    Change, Fault, Features, Heard, Item, Judgement, Lease, Mark, Number, Purpose, Put, Tier, TierStats, To, Wait,
    Watch,
};

/// The file beside a store through which its users agree.
const SHARED: &str = "shared";

/// A store as a tier.
pub struct Disk {
    store: Store,
    shared: Attached,
}

impl Disk {
    /// Opens the store in a directory, and what lies beside it.
    ///
    /// # Errors
    /// [`OpenError`]: what is wrong with the directory, and what to do.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let store = Store::open(path, options, Hooks { glimpse: Glimpse::of, begin, end })?;
        let beside = store.path().join(SHARED);
        let shared = Attached::new(beside).map_err(|fault| OpenError::beside(store.path(), &fault))?;
        Ok(Self { store, shared })
    }

    /// The store itself.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What a store can do that is written to so.
    pub(super) fn features_with(durability: Durability) -> Features {
        Features {
            fences: true,
            versions: true,
            watch: true,
            leases: true,
            keys: true,
            expires: true,
            batches: true,
            blocks: durability == Durability::Power,
        }
    }

    fn is_durable(&self) -> bool {
        self.store.options().durability == Durability::Power
    }

    /// Stores one entry with the clock that it is valid from, if that is to be.
    fn put_one(
        &self,
        change: &mut super::Change<'_>,
        shared: &Shared,
        item: &mut Item<'_>,
        clock: Number,
    ) -> Result<bool, Fault> {
        let is_overtaken = |fence: Number| shared.judge(fence, item.marks) != Judgement::Valid;
        let refused = match item.purpose {
            Purpose::Set => false,
            Purpose::Fill(fence) => is_overtaken(fence),
            Purpose::Exchange(expected, fence) => is_overtaken(fence) || change.get(item.key)? != expected,
        };
        if refused {
            return Ok(false);
        }
        change.put(item.key, item.envelope.stamp(clock)).map(|()| true)
    }

    /// Takes out what is invalid since a change, unless that has to be waited for: what is left there only takes room. What was set
    /// since is left.
    fn take_out(&self, key: &[u8], number: Number) {
        let is_older = |bytes: &[u8]| Glimpse::of(bytes).is_none_or(|there| there.clock < number);
        let removed = self.store.change(Wait::Not, now(), &mut |change| {
            if change.get(key)?.is_some_and(is_older) {
                change.remove(key)?;
            }
            Ok(())
        });
        drop(removed);
    }

    /// Waits until changes are on the disk, if that was asked for.
    fn sync(&self, shared: &Shared, marks: impl Iterator<Item = Mark>) -> Result<(), Fault> {
        if self.is_durable() {
            for mark in marks {
                shared.sync_change(mark)?;
            }
        }
        Ok(())
    }
}

/// What is done for a directory by who is alone in it.
fn begin(begun: &Begun<'_>) -> io::Result<()> {
    let [low, high] = begun.boot;
    let boot = u128::from(high) << 64 | u128::from(low);
    let identity = Identity { boot, pid_ns: begun.pid_namespace, store: begun.store };
    let beside = begun.path.join(SHARED);
    let is_kept = match begun.found {
        Found::Closed | Found::InUse => true,
        // After a crash of the machine it may be older than the store, unless it was synced with every change.
        Found::Sound { rebooted } => !rebooted || begun.options.durability == Durability::Power,
        Found::Nothing | Found::Damaged { .. } => false,
    };
    let there = if is_kept { Shared::attach(&beside).ok() } else { None };
    match there {
        Some(shared) if !shared.is_retired() => shared.adopt(identity),
        // Entries that are there were stamped by a clock that is gone, and are invalid by a new one.
        _ => {
            let sizes = Sizes::of_store(begun.options.max_bytes);
            drop(Shared::create(&beside, sizes, identity, 0).map_err(io::Error::other)?);
        }
    }
    Ok(())
}

/// What is done by who was the last to use a directory: what lies there is to be found after a restart of the machine.
fn end(path: &Path) {
    if let Ok(shared) = Shared::attach(&path.join(SHARED)) {
        // What cannot be synced is not found to be newer than it is.
        _ = shared.sync();
    }
}

fn now() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as Millis)
}

/// Milliseconds since the machine was started, which no adjustment of its clock changes.
fn uptime() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is ours, and this clock is there.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    time.tv_sec as u64 * 1_000 + time.tv_nsec as u64 / 1_000_000
}

impl Tier for Disk {
    fn features(&self) -> Features {
        Self::features_with(self.store.options().durability)
    }

    fn get(&self, key: &[u8], wait: Wait, see: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        self.store.get(key, wait, see)
    }

    fn get_many(&self, keys: &[&[u8]], wait: Wait, see: &mut dyn FnMut(usize, &[u8])) -> Result<(), Fault> {
        self.store.get_many(keys, wait, see)
    }

    fn put(&self, item: &mut Item<'_>, wait: Wait) -> Result<Put, Fault> {
        let mut puts = self.put_many(std::slice::from_mut(item), wait)?;
        Ok(puts.pop().unwrap_or(Put::Overtaken))
    }

    fn put_many(&self, items: &mut [Item<'_>], wait: Wait) -> Result<Vec<Put>, Fault> {
        let shared = self.shared.get()?;
        let writer = self.store.writer(wait)?;
        shared.take_over();
        let are_fills = items.iter().all(|item| matches!(item.purpose, Purpose::Fill(_)));
        let set = if are_fills { 0 } else { shared.begin_set() };
        let mut stored = vec![false; items.len()];
        let written = writer.each(now(), items.len(), &mut |change, place| {
            let item = &mut items[place];
            let clock = if let Purpose::Fill(fence) = item.purpose { fence } else { set };
            stored[place] = self.put_one(change, shared, item, clock)?;
            Ok(())
        });
        let mut puts = Vec::with_capacity(items.len());
        for (item, &stored) in items.iter().zip(&stored) {
            puts.push(match (item.purpose, stored) {
                (_, false) => Put::Overtaken,
                (Purpose::Fill(_), true) => Put::Stored(None),
                (_, true) => Put::Stored(Some(shared.has_set(set, item.marks[0]))),
            });
        }
        if !are_fills {
            shared.end_set(set);
        }
        drop(writer);
        written?;
        self.sync(shared, items.iter().map(|item| item.marks[0]))?;
        Ok(puts)
    }

    fn change(&self, changes: &[Change<'_>], _wait: Wait) -> Result<Number, Fault> {
        let shared = self.shared.get()?;
        let mut last = 0;
        for change in changes {
            last = shared.change(change.mark, change.to);
            if let (Some(key), To::Invalid) = (change.key, change.to) {
                self.take_out(key, last);
            }
        }
        self.sync(shared, changes.iter().map(|change| change.mark))?;
        Ok(last)
    }

    fn clock(&self, _wait: Wait) -> Result<Number, Fault> {
        Ok(self.shared.get()?.fence())
    }

    fn judge(&self, clock: Number, marks: &[Mark], _wait: Wait) -> Result<Judgement, Fault> {
        Ok(self.shared.get()?.judge(clock, marks))
    }

    fn lease(&self, mark: Mark, holder: u64, length: Duration, _wait: Wait) -> Result<Lease, Fault> {
        Ok(self.shared.get()?.lease(mark, holder, length, uptime()))
    }

    fn release(&self, mark: Mark, holder: u64, _wait: Wait) -> Result<(), Fault> {
        self.shared.get()?.release(mark, holder);
        Ok(())
    }

    fn watch(&self) -> Option<&dyn Watch> {
        Some(&self.shared)
    }

    fn list(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
        wait: Wait,
        see: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), Fault> {
        self.store.list(prefix, after, most, wait, see)
    }

    fn tend(&self, wait: Wait) -> Result<(), Fault> {
        self.store.tend(wait, now())
    }

    fn evicts(&self) -> bool {
        self.store.evicts()
    }

    fn stats(&self, wait: Wait) -> Result<TierStats, Fault> {
        self.store.stats(wait)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Disk({:?})", self.store.path())
    }
}

/// What lies beside the store, which is mapped anew when it was replaced.
struct Attached {
    path: PathBuf,
    present: AtomicPtr<Shared>,
    /// All that were mapped: who looks at one that was replaced still may.
    #[expect(clippy::vec_box, reason = "who looks at one is not to find it moved")]
    mapped: Mutex<Vec<Box<Shared>>>,
}

impl Attached {
    fn new(path: PathBuf) -> Result<Self, Fault> {
        let shared = Box::new(Shared::attach(&path)?);
        let present = AtomicPtr::new((&raw const *shared).cast_mut());
        Ok(Self { path, present, mapped: Mutex::new(vec![shared]) })
    }

    #[inline]
    fn present(&self) -> &Shared {
        // SAFETY: it points to one of those that are mapped, which stay for as long as `self`, and is only read through.
        unsafe { &*self.present.load(Ordering::Acquire) }
    }

    /// What lies beside the store now.
    #[inline]
    fn get(&self) -> Result<&Shared, Fault> {
        let present = self.present();
        if present.is_retired() { self.attach_again() } else { Ok(present) }
    }

    #[cold]
    fn attach_again(&self) -> Result<&Shared, Fault> {
        let mut mapped = self.mapped.lock();
        if self.present().is_retired() {
            let shared = Box::new(Shared::attach(&self.path)?);
            self.present.store((&raw const *shared).cast_mut(), Ordering::Release);
            mapped.push(shared);
        }
        drop(mapped);
        Ok(self.present())
    }
}

impl Watch for Attached {
    #[inline]
    fn word(&self) -> &AtomicU64 {
        self.present().word()
    }

    fn changes(&self, after: Number, see: &mut dyn FnMut(Number, u64)) -> Heard {
        let heard = self.present().changes(after, see);
        if !self.present().is_retired() {
            return heard;
        }
        match self.attach_again() {
            Ok(shared) => Heard::Lost(shared.last()),
            Err(_) => heard,
        }
    }
}
