//! How often the process has been forked.

use std::sync::atomic::{AtomicU64, Ordering};

/// Of this process, or of one that it was forked from.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// A number that is another one in a forked child.
pub(crate) fn forks() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// This process has just been forked.
pub(crate) fn count() {
    FORKS.fetch_add(1, Ordering::SeqCst);
}
