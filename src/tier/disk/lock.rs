//! A lock that processes share: who waits for it waits for so long and no longer, and a holder that dies leaves it to the next.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant, SystemTime};

use crate::tier::{Fault, Wait};

/// The longest sleep before the time is looked at again: the kernel counts by a clock that can be set back.
const NAP: Duration = Duration::from_millis(100);

/// A robust mutex of POSIX threads, in memory that processes share.
#[repr(transparent)]
pub(super) struct SharedLock(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: it is made to be used by all threads of all processes that map it.
unsafe impl Sync for SharedLock {}

/// The lock, held by this thread until it is dropped.
pub(super) struct Held<'a> {
    lock: &'a SharedLock,
    /// Whether the one who held it before died with it.
    pub(super) was_left: bool,
    /// Only the thread that took it can give it back.
    here: PhantomData<*mut ()>,
}

impl<'a> Held<'a> {
    fn new(lock: &'a SharedLock, was_left: bool) -> Self {
        Self { lock, was_left, here: PhantomData }
    }
}

impl SharedLock {
    /// Makes it a lock that is free, whatever it was before: nobody else may be using it.
    pub(super) fn begin(&self) -> Result<(), Fault> {
        let mut kind = MaybeUninit::uninit();
        // SAFETY: `kind` is made before it is used; the memory of the lock is ours, and nobody uses it.
        let codes = unsafe {
            libc::pthread_mutexattr_init(kind.as_mut_ptr());
            let shared = libc::pthread_mutexattr_setpshared(kind.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED);
            let robust = libc::pthread_mutexattr_setrobust(kind.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST);
            self.0.get().write_bytes(0, 1);
            let made = libc::pthread_mutex_init(self.0.get(), kind.as_ptr());
            libc::pthread_mutexattr_destroy(kind.as_mut_ptr());
            [shared, robust, made]
        };
        match codes.into_iter().find(|&code| code != 0) {
            None => Ok(()),
            Some(code) => Err(Fault::Away(format!("the system gives no lock that processes share (error {code})"))),
        }
    }

    /// Waits for the lock, for as long as may be.
    ///
    /// # Errors
    /// [`Fault::Busy`]; [`Fault::Damaged`] if it is no lock.
    #[inline]
    pub(super) fn lock(&self, wait: Wait) -> Result<Held<'_>, Fault> {
        // SAFETY: it was made by `begin`, and no thread of this process that holds it asks again.
        match unsafe { libc::pthread_mutex_trylock(self.0.get()) } {
            0 => Ok(Held::new(self, false)),
            libc::EBUSY => self.lock_later(wait),
            code => self.taken(code),
        }
    }

    #[cold]
    fn lock_later(&self, wait: Wait) -> Result<Held<'_>, Fault> {
        let Wait::Until(end) = wait else { return Err(Fault::Busy) };
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Fault::Busy);
            }
            let until = in_real_time(left.min(NAP));
            // SAFETY: as for `pthread_mutex_trylock`; `until` is a time.
            match unsafe { libc::pthread_mutex_timedlock(self.0.get(), &raw const until) } {
                libc::ETIMEDOUT => {}
                code => return self.taken(code),
            }
        }
    }

    fn taken(&self, code: i32) -> Result<Held<'_>, Fault> {
        match code {
            0 => Ok(Held::new(self, false)),
            libc::EOWNERDEAD => {
                // SAFETY: this thread has the lock, and what it protects is put in order by who holds it.
                unsafe { libc::pthread_mutex_consistent(self.0.get()) };
                Ok(Held::new(self, true))
            }
            _ => Err(Fault::Damaged(format!("a lock that processes share cannot be had (error {code})"))),
        }
    }
}

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: this thread has it: `Held` does not leave the thread.
        unsafe { libc::pthread_mutex_unlock(self.lock.0.get()) };
    }
}

/// So long from now, by the clock that the kernel counts by.
fn in_real_time(left: Duration) -> libc::timespec {
    let end = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() + left;
    libc::timespec { tv_sec: end.as_secs() as libc::time_t, tv_nsec: end.subsec_nanos().into() }
}
