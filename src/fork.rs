//! What a forked child finds: no lock held by a thread that only its parent has.
//!
//! A fork waits until nobody is in a [`Section`], and nobody enters one meanwhile: from when [`watch`] was called.

use std::hint;
use std::marker::PhantomData;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

/// How often it is looked again at once, before others are let run.
const SPINS: u32 = 64;

static INSIDE: AtomicU32 = AtomicU32::new(0);
static IS_FORKING: AtomicBool = AtomicBool::new(false);

/// A few instructions within which no other thread forks. They wait for nothing that takes long, and begin no second section.
#[derive(Debug)]
pub struct Section(PhantomData<*const ()>);

impl Section {
    /// Begins one.
    #[inline]
    pub fn enter() -> Self {
        loop {
            // Sequentially consistent, as in `begin`: one of the two sees the other.
            INSIDE.fetch_add(1, Ordering::SeqCst);
            if !IS_FORKING.load(Ordering::SeqCst) {
                return Self(PhantomData);
            }
            INSIDE.fetch_sub(1, Ordering::SeqCst);
            wait_while(|| IS_FORKING.load(Ordering::SeqCst));
        }
    }
}

impl Drop for Section {
    #[inline]
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cold]
fn wait_while(condition: impl Fn() -> bool) {
    let mut times = 0;
    while condition() {
        times += 1;
        if times < SPINS { hint::spin_loop() } else { thread::yield_now() }
    }
}

extern "C" fn begin() {
    IS_FORKING.store(true, Ordering::SeqCst);
    wait_while(|| INSIDE.load(Ordering::SeqCst) != 0);
}

extern "C" fn end() {
    IS_FORKING.store(false, Ordering::SeqCst);
}

/// In the child, where those are not who had begun to enter.
extern "C" fn end_in_child() {
    INSIDE.store(0, Ordering::SeqCst);
    end();
}

/// Has forks wait from now on. To be called once where nobody else forks.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[cfg(unix)]
        // SAFETY: the functions use atomics only, which is allowed in a child of a process with threads.
        unsafe {
            libc::pthread_atfork(Some(begin), Some(end), Some(end_in_child));
        }
    });
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::thread;

    use crate::sync::{ForkLock, Mutex};

    /// Whether a child finds the lock free. It does nothing else that is not allowed there.
    fn a_child_finds_it_free(lock: &Mutex<ForkLock, u64>) -> bool {
        // SAFETY: the child tries a lock and exits.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::_exit(i32::from(lock.try_lock().is_none()));
            }
            let mut status = 0;
            assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
            libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
        }
    }

    #[test]
    fn a_child_finds_every_lock_free() {
        super::watch();
        let (lock, is_over) = (Mutex::<ForkLock, u64>::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Relaxed) {
                        *lock.lock() += 1;
                    }
                });
            }
            let found = (0..300).filter(|_| a_child_finds_it_free(&lock)).count();
            is_over.store(true, Relaxed);
            assert_eq!(found, 300);
        });
    }
}
