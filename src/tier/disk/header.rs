//! What the users of a store keep in common beside it: which one it is, how large, its locks, and where eviction goes on.

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use super::lock::SharedLock;
use crate::tier::LONGEST;

/// The bytes before the counts of reads: a page.
pub(super) const HEADER_BYTES: usize = 4096;

/// What the file begins with.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"hotsetD\n");

/// The version of what is written here, and of how the store is used.
pub(super) const VERSION: u32 = 1;

/// What the locks and the rest look like in this build; others cannot share them.
pub(super) const LAYOUT: u32 = size_of::<Header>() as u32 | (cfg!(target_env = "musl") as u32) << 16;

/// Found in [`Header::closed`] if the last user closed the store.
pub(super) const CLOSED: u64 = 0x436C_6F73_6564_2121;

/// The first page of the file.
#[repr(C)]
pub(super) struct Header {
    pub(super) magic: AtomicU64,
    pub(super) version: AtomicU32,
    pub(super) layout: AtomicU32,
    /// Which store is in use: the folder has its number. Moves when another takes its place.
    pub(super) store: AtomicU64,
    /// The bytes of the store's file that are allocated, where it is written through the map: it is never smaller. Once it
    /// was closed, those that it has.
    pub(super) allocated: AtomicU64,
    /// The bound that its users gave.
    pub(super) max_bytes: AtomicU64,
    /// The [`super::Durability`] that its users gave.
    pub(super) durability: AtomicU32,
    /// Whether a writer died, so that LMDB's own locks are put in order by the next.
    pub(super) was_left: AtomicU32,
    /// [`CLOSED`], or something else while it is in use.
    pub(super) closed: AtomicU64,
    /// The boot of the machine during which it was used last.
    pub(super) boot: [AtomicU64; 2],
    /// The PID namespace of its users: record locks and mutexes name processes.
    pub(super) pid_namespace: AtomicU64,
    pub(super) evicted: AtomicU64,
    pub(super) expired: AtomicU64,
    pub(super) busy: AtomicU64,
    /// Held by who writes.
    pub(super) writer: SharedLock,
    /// Held by who takes a slot for readers, opens the store or changes its size, after `writer` if both are.
    pub(super) table: SharedLock,
    /// Where eviction goes on; under `writer`.
    pub(super) hand: Hand,
}

const _: () = assert!(size_of::<Header>() <= HEADER_BYTES);

/// A key, at which eviction goes on. A writer that was killed may have left any bytes.
#[repr(C)]
pub(super) struct Hand {
    length: AtomicU16,
    key: [AtomicU8; LONGEST],
}

impl Hand {
    pub(super) fn key(&self) -> Vec<u8> {
        let bytes = self.key.iter().take(self.length.load(Ordering::Relaxed).into());
        bytes.map(|byte| byte.load(Ordering::Relaxed)).collect()
    }

    pub(super) fn put(&self, key: &[u8]) {
        self.key.iter().zip(key).for_each(|(place, &byte)| place.store(byte, Ordering::Relaxed));
        self.length.store(key.len().min(LONGEST) as u16, Ordering::Relaxed);
    }
}
