//! The right to load, across processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hotset::hash::Seed;
use hotset::tier::Lease;
use pyo3::prelude::*;

use crate::interrupt;
use crate::key::probe::Probe;
use crate::state::CacheState;
use crate::state::behind::LeaseBehind;
use crate::tier::behind::TierBehind;

static HOLDERS: AtomicU64 = AtomicU64::new(0);

/// A number that no other holder has, in this process or, as far as chance goes, in others.
fn new_holder() -> u64 {
    let number = HOLDERS.fetch_add(1, Ordering::Relaxed);
    Seed::random().mix(number, u64::from(std::process::id())) | 1
}

impl LeaseBehind for TierBehind {
    fn lease(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        probe: &Probe<'_>,
        length: Duration,
    ) -> PyResult<Result<u64, Duration>> {
        if !self.back.features().leases {
            return Ok(Ok(0));
        }
        let (mark, holder) = (self.spell(py, state, probe)?.marks[0], new_holder());
        match self.call(py, |wait| self.back.lease(mark, holder, length, wait)) {
            Ok(Lease::Granted) => Ok(Ok(holder)),
            Ok(Lease::Held(left)) => Ok(Err(left)),
            Err(fault) => self.failed(py, state, "grant a lease", &fault).map(|()| Ok(0)),
        }
    }

    fn release(&self, py: Python<'_>, state: &Arc<CacheState>, probe: &Probe<'_>, holder: u64) {
        if !self.back.features().leases {
            return;
        }
        let released = self.spell(py, state, probe).and_then(|spelled| {
            match self.call(py, |wait| self.back.release(spelled.marks[0], holder, wait)) {
                Ok(()) => Ok(()),
                Err(fault) => self.failed(py, state, "release a lease", &fault),
            }
        });
        if let Err(error) = released {
            interrupt::report(py, error, None);
        }
    }
}
