//! The locks of the core: which one is used is a type parameter, so that a caller who already has a lock pays for no second.

pub use lock_api::{GuardNoSend, Mutex, RawMutex};

use crate::fork::Section;

/// The lock for callers on several threads.
pub type ThreadLock = parking_lot::RawMutex;

/// The lock for callers on several threads that a forked child finds free, whoever held it. It is held for a few instructions, and
/// never two of them.
pub struct ForkLock(ThreadLock);

// SAFETY: it excludes as the lock does that it consists of.
unsafe impl RawMutex for ForkLock {
    const INIT: Self = Self(ThreadLock::INIT);

    type Guard = (Section, <ThreadLock as RawMutex>::Guard);

    #[inline]
    fn lock(&self) -> Self::Guard {
        let section = Section::enter();
        (section, self.0.lock())
    }

    #[inline]
    fn try_lock(&self) -> Option<Self::Guard> {
        let section = Section::enter();
        self.0.try_lock().map(|guard| (section, guard))
    }

    #[inline]
    unsafe fn unlock(&self, (section, guard): Self::Guard) {
        // SAFETY: as our caller promises.
        unsafe { self.0.unlock(guard) };
        drop(section);
    }

    fn is_locked(&self) -> bool {
        self.0.is_locked()
    }
}
