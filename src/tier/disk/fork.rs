//! What a process has of its own: a child that was forked begins anew, and leaves alone what it inherited.

use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

static FORKS: AtomicU64 = AtomicU64::new(0);

extern "C" fn count() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Moves in a child, so that what was made before is known to be its parent's. Cheaper than to ask the kernel for the process.
#[inline]
pub(super) fn generation() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// Begins to count.
pub(super) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: `count` only adds to an atomic, which is allowed in a child of a process with threads.
        unsafe { libc::pthread_atfork(None, None, Some(count)) };
    });
}

struct Own<T> {
    generation: u64,
    value: T,
}

/// A place for something that belongs to one process. What a child finds in it is neither used nor dropped.
pub(super) struct PerProcess<T>(AtomicPtr<Own<T>>);

impl<T> PerProcess<T> {
    pub(super) const fn empty() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// What this process has.
    #[inline]
    pub(super) fn get(&self) -> Option<&T> {
        Self::own(self.0.load(Ordering::Acquire))
    }

    /// What its parent had, if this process has nothing of its own yet.
    pub(super) fn inherited(&self) -> Option<&T> {
        let there = self.0.load(Ordering::Acquire);
        // SAFETY: what was put here stays for as long as `self`.
        unsafe { there.as_ref() }.filter(|own| own.generation != generation()).map(|own| &own.value)
    }

    /// Puts it there for this process, unless there is something meanwhile; what there is.
    pub(super) fn put(&self, value: T) -> &T {
        let before = self.0.load(Ordering::Acquire);
        if let Some(there) = Self::own(before) {
            return there;
        }
        let own = Box::into_raw(Box::new(Own { generation: generation(), value }));
        match self.0.compare_exchange(before, own, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: it was just made, and stays for as long as `self`.
            Ok(_) => unsafe { &(*own).value },
            Err(there) => {
                // SAFETY: it was just made, and nobody saw it; what is there was put there by this process meanwhile.
                unsafe {
                    drop(Box::from_raw(own));
                    &(*there).value
                }
            }
        }
    }

    #[inline]
    fn own<'a>(there: *mut Own<T>) -> Option<&'a T> {
        // SAFETY: what was put here stays for as long as the place, which the callers' `self` outlives.
        unsafe { there.as_ref() }.filter(|own| own.generation == generation()).map(|own| &own.value)
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        if self.get().is_some() {
            // SAFETY: it is this process's, and nobody borrows it.
            drop(unsafe { Box::from_raw(*self.0.get_mut()) });
        }
    }
}
