//! The locks of the core: which one is used is a type parameter, so that a caller who already has a lock pays for no second.

pub use lock_api::{GuardNoSend, Mutex, RawMutex};

/// The lock for callers on several threads.
pub type ThreadLock = parking_lot::RawMutex;
