//! What processes that share a store can rely on.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod files;
mod judging;
mod leases;
mod log;
pub(super) mod model;
mod processes;
mod region;
mod schedules;
mod stale;
mod threads;
mod versions;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::word::Word;
use super::{Identity, Shared, Sizes};
use crate::tier::Mark;

/// A folder that goes with the test.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("hotset-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

const IDENTITY: Identity = Identity { boot: 7 << 64 | 9, pid_ns: 4_026_531_836, store: 3 };

fn small() -> Sizes {
    Sizes::of_store(0)
}

fn create(path: &Path) -> Shared {
    Shared::create(path, small(), IDENTITY, 0).unwrap()
}

/// A shared file that nobody else finds: its folder is gone as soon as it is mapped.
struct Fresh(Shared);

impl Fresh {
    fn new(name: &str) -> Self {
        Self(create(&Folder::new(name).file("shared")))
    }
}

impl std::ops::Deref for Fresh {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

fn words(count: usize) -> Vec<Word> {
    std::iter::repeat_with(Word::default).take(count).collect()
}

/// Marks that lie in one bucket of any table.
fn neighbour(number: u64) -> Mark {
    Mark::from_bits((number + 1) << 50 | 5)
}
