//! How far long work is, as others see it, and the wish that it ends.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::Error;

/// Shared by who works, who watches and who may want it to end.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    stopped: AtomicBool,
}

impl Progress {
    /// So many steps more are done.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] if the work is to end.
    pub fn advance(&self, steps: u64) -> Result<(), Error> {
        self.done.fetch_add(steps, Relaxed);
        if self.stopped.load(Relaxed) { Err(Error::Stopped) } else { Ok(()) }
    }

    /// How many steps are done.
    pub fn done(&self) -> u64 {
        self.done.load(Relaxed)
    }

    /// Has the work end at its next step.
    pub fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }
}
