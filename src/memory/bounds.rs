//! What a memory may hold.

use std::sync::atomic::{AtomicU64, Ordering};

/// What all shards together may hold and do hold. The totals are kept only if there are several.
#[derive(Debug)]
pub(super) struct Bounds {
    pub(super) max_entries: AtomicU64,
    pub(super) max_weight: AtomicU64,
    pub(super) entries: AtomicU64,
    pub(super) weight: AtomicU64,
}

impl Bounds {
    #[inline]
    pub(super) fn charge(&self, sharded: bool, entries: u64, weight: u64) {
        if sharded {
            self.entries.fetch_add(entries, Ordering::SeqCst);
            self.weight.fetch_add(weight, Ordering::SeqCst);
        }
    }

    pub(super) fn discharge(&self, gone: bool, weight: u64) {
        self.entries.fetch_sub(u64::from(gone), Ordering::SeqCst);
        self.weight.fetch_sub(weight, Ordering::SeqCst);
    }

    pub(super) fn totals(&self) -> (u64, u64) {
        (self.entries.load(Ordering::SeqCst), self.weight.load(Ordering::SeqCst))
    }
}
