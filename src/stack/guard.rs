//! What stands before the calls of one kind that a tier gets: a breaker, and what has become of them of late.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::breaker::{Breaker, BreakerOptions, BreakerStats, State};
use crate::clock::{Clock, NEVER, Tick, ticks};
use crate::sync::{ForkLock, Mutex};
use crate::tier::{Fault, Wait};

/// A guard of calls.
pub(super) struct Guard {
    breaker: Option<Breaker>,
    clock: Clock,
    /// For so long no call may have failed until it is said that calls go well again.
    calm: Tick,
    is_troubled: AtomicBool,
    failed_at: AtomicU64,
    recovered: AtomicBool,
    faults: AtomicU64,
    reason: Mutex<ForkLock, String>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Guard({:?})", self.breaker)
    }
}

impl Guard {
    /// A guard with such a breaker, or one that lets every call through.
    pub(super) fn new(options: Option<BreakerOptions>, clock: Clock) -> Self {
        Self {
            calm: options.as_ref().map_or(0, |options| ticks(options.window)),
            breaker: options.map(|options| Breaker::new(options, clock.clone())),
            clock,
            is_troubled: AtomicBool::new(false),
            failed_at: AtomicU64::new(0),
            recovered: AtomicBool::new(false),
            faults: AtomicU64::new(0),
            reason: Mutex::default(),
        }
    }

    /// Makes a call, unless calls are refused for now.
    ///
    /// # Errors
    /// Those of the call, and [`Fault::Refused`].
    #[inline]
    pub(super) fn call<T>(&self, wait: Wait, call: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        let permit = match &self.breaker {
            None => None,
            Some(breaker) => Some(breaker.allow().map_err(|refused| self.refused(refused.retry_in))?),
        };
        let done = call();
        match &done {
            Err(fault) if is_cancelled(fault, wait) => drop(permit),
            Err(fault) if is_failure(fault) => {
                self.note(fault);
                permit.map(super::breaker::Permit::failed);
            }
            // It has answered that it does not do this.
            Ok(_) | Err(_) => {
                let moved = permit.and_then(super::breaker::Permit::succeeded);
                if self.is_troubled.load(Ordering::Relaxed) {
                    self.calm_down(moved.is_some_and(|moved| moved.to == State::Closed));
                }
            }
        }
        done
    }

    #[cold]
    fn refused(&self, retry_in: Duration) -> Fault {
        Fault::Refused { retry_in, reason: self.reason.lock().clone() }
    }

    #[cold]
    fn note(&self, fault: &Fault) {
        self.faults.fetch_add(1, Ordering::Relaxed);
        self.failed_at.store(self.clock.coarse().max(1), Ordering::Relaxed);
        self.is_troubled.store(true, Ordering::Relaxed);
        *self.reason.lock() = fault.to_string();
    }

    /// What is called is known not to be there: when it answers, that is a recovery.
    pub(super) fn note_absence(&self) {
        self.is_troubled.store(true, Ordering::Relaxed);
    }

    #[cold]
    fn calm_down(&self, has_closed: bool) {
        let failed_at = self.failed_at.load(Ordering::Relaxed);
        let since = if failed_at == 0 { NEVER } else { self.clock.coarse().saturating_sub(failed_at) };
        let is_calm = has_closed || since >= self.calm;
        if is_calm && self.is_troubled.swap(false, Ordering::Relaxed) {
            self.recovered.store(true, Ordering::Relaxed);
        }
    }

    /// Whether calls go well again since this was last asked.
    #[inline]
    pub(super) fn take_recovery(&self) -> bool {
        self.recovered.load(Ordering::Relaxed) && self.recovered.swap(false, Ordering::Relaxed)
    }

    /// Calls that failed.
    pub(super) fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// What its breaker does, if it has one.
    pub(super) fn stats(&self) -> Option<BreakerStats> {
        self.breaker.as_ref().map(Breaker::stats)
    }
}

/// Whether a call has come to nothing through no fault of the tier: who does not wait is not to blame it.
fn is_cancelled(fault: &Fault, wait: Wait) -> bool {
    matches!((fault, wait), (Fault::Busy, Wait::Not) | (Fault::Interrupted, _))
}

fn is_failure(fault: &Fault) -> bool {
    !matches!(fault, Fault::Unsupported(_) | Fault::TooLarge { .. })
}

#[cfg(test)]
#[path = "tests/guard.rs"]
mod tests;
