//! The lock of a shard.
//!
//! Where there is a GIL, attached threads exclude each other already, and no lock is ever held across Python code or a
//! detach (design: "No Python under a lock"). So a flag is enough, and it is there to find those who break the rule.

#[cfg(Py_GIL_DISABLED)]
pub(crate) type AttachedLock = hotset::sync::ThreadLock;

#[cfg(not(Py_GIL_DISABLED))]
pub(crate) use flag::AttachedLock;

#[cfg(not(Py_GIL_DISABLED))]
mod flag {
    use std::cell::Cell;

    use hotset::sync::{GuardNoSend, RawMutex};

    /// A lock for data that only threads that hold the GIL touch.
    pub(crate) struct AttachedLock(Cell<bool>);

    // SAFETY: the flag is only read and written by threads that hold the GIL.
    unsafe impl Sync for AttachedLock {}

    // SAFETY: a lock that is taken twice stops the process instead of giving two threads the data.
    unsafe impl RawMutex for AttachedLock {
        const INIT: Self = Self(Cell::new(false));

        type Guard = GuardNoSend;

        #[inline(always)]
        fn lock(&self) -> Self::Guard {
            if self.0.replace(true) {
                taken_twice();
            }
            GuardNoSend::new()
        }

        #[inline(always)]
        fn try_lock(&self) -> Option<Self::Guard> {
            (!self.0.replace(true)).then_some(GuardNoSend::new())
        }

        #[inline(always)]
        unsafe fn unlock(&self, _guard: Self::Guard) {
            self.0.set(false);
        }

        fn is_locked(&self) -> bool {
            self.0.get()
        }
    }

    #[cold]
    #[inline(never)]
    fn taken_twice() -> ! {
        eprintln!("hotset: Python code ran while a cache's lock was held; please report this");
        std::process::abort();
    }
}

/// How many shards a cache has.
pub(crate) const SHARDS: usize = if cfg!(Py_GIL_DISABLED) { 16 } else { 1 };
