//! The store, with entries of a format of their own: when created, when gone, and anything.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod absent;
mod basics;
mod bound;
mod damage;
mod places;
mod processes;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Durability, Hooks, Options, Store};
use crate::codec::{Glimpse, Millis};
use crate::tier::Wait;

/// The time at which nothing is over that does not say so.
const NOW: Millis = 1_000_000;

/// A directory that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    /// In memory if there is a place for that, so that no test waits for a disk.
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::within(memory) } else { Self::within(&std::env::temp_dir()) }
    }

    fn within(folder: &Path) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("hotset-disk-{}-{number}", std::process::id()));
        _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn glimpse(entry: &[u8]) -> Option<Glimpse> {
    let number = |at: usize| entry.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    Some(Glimpse { clock: 0, created: number(0)?, gone_at: number(8)? })
}

fn hooks() -> Hooks {
    Hooks { glimpse, ..Hooks::default() }
}

fn small() -> Options {
    Options { max_bytes: 1 << 20, patience: Duration::from_secs(5), ..Options::default() }
}

fn powerful() -> Options {
    Options { durability: Durability::Power, ..small() }
}

fn open(path: &Path, options: Options) -> Store {
    Store::open(path, options, hooks()).unwrap()
}

/// As long as a test may wait, and never does.
fn soon() -> Wait {
    Wait::Until(Instant::now() + Duration::from_secs(10))
}

fn entry(created: Millis, gone_at: Millis, payload: &[u8]) -> Vec<u8> {
    [&created.to_le_bytes()[..], &gone_at.to_le_bytes(), payload].concat()
}

/// What the tests do with a store, in few words.
impl Store {
    fn set(&self, key: &[u8], payload: &[u8]) {
        self.set_until(key, payload, Millis::MAX);
    }

    fn set_until(&self, key: &[u8], payload: &[u8], gone_at: Millis) {
        let bytes = entry(NOW, gone_at, payload);
        self.change(soon(), NOW, &mut |change| change.put(key, &bytes)).unwrap();
    }

    fn payload(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut payload = None;
        self.get(key, soon(), &mut |bytes| payload = Some(bytes[16..].to_vec())).unwrap();
        payload
    }

    fn keys(&self, prefix: &[u8]) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        self.list(prefix, None, usize::MAX, soon(), &mut |key, _| keys.push(key.to_vec())).unwrap();
        keys
    }

    fn is_sound(&self) {
        self.check(soon()).unwrap();
    }
}
