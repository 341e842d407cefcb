//! What is known of an entry, as Python sees it.

use hotset::clock::{self, NEVER, Tick};
use hotset::memory::{EntryInfo, Freshness};
use hotset::stats::Cause;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::object::Object;

/// All that is known of an entry at a time; times are seconds from then.
#[pyclass(frozen, module = "hotset._core", name = "EntryInfo")]
pub(crate) struct PyEntryInfo {
    /// The value, or the error that is kept.
    #[pyo3(get)]
    value: Py<PyAny>,
    info: EntryInfo,
}

impl PyEntryInfo {
    pub(super) fn new(py: Python<'_>, value: Object, info: EntryInfo) -> Self {
        Self { value: value.into_py(py), info }
    }

    /// The seconds until a time, `None` if that never comes.
    fn ahead(&self, tick: Tick) -> Option<f64> {
        (tick != NEVER).then(|| seconds_from(self.info.now, tick))
    }
}

#[pymethods]
impl PyEntryInfo {
    /// `"fresh"`, `"stale"`, `"error"`, or `"expired"` or `"invalidated"` and not taken out yet.
    #[getter]
    fn freshness(&self) -> &'static str {
        match self.info.freshness {
            Freshness::Fresh => "fresh",
            Freshness::Stale => "stale",
            Freshness::Error => "error",
            Freshness::Gone(Cause::Expired) => "expired",
            Freshness::Gone(_) => "invalidated",
        }
    }

    /// Since when it has been there.
    #[getter]
    fn age(&self) -> f64 {
        seconds_from(self.info.deadlines.created, self.info.now)
    }

    #[getter]
    fn fresh_for(&self) -> Option<f64> {
        self.ahead(self.info.deadlines.fresh_until)
    }

    /// For how long it has been stale, below 0 if it is fresh for so long still.
    #[getter]
    fn stale_for(&self) -> f64 {
        seconds_from(self.info.deadlines.fresh_until, self.info.now)
    }

    #[getter]
    fn gone_in(&self) -> Option<f64> {
        self.ahead(self.info.deadlines.gone_at.min(self.info.idle_until))
    }

    #[getter]
    fn refresh_in(&self) -> Option<f64> {
        self.ahead(self.info.refresh_at)
    }

    /// Until when no load is made because one has failed.
    #[getter]
    fn retry_in(&self) -> f64 {
        seconds_from(self.info.now, self.info.retry_at.max(self.info.now))
    }

    /// How many loads have failed in a row.
    #[getter]
    fn failures(&self) -> u8 {
        self.info.failures
    }

    #[getter]
    fn tags(&self) -> Vec<String> {
        self.info.tags.iter().map(|tag| tag.to_string()).collect()
    }

    /// The tag that has made it stale or unreadable.
    #[getter]
    fn invalidated_by(&self) -> Option<&str> {
        self.info.invalidated_by.as_deref()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.value)
    }
}

/// The seconds from one time to another, below 0 if that has passed.
fn seconds_from(now: Tick, then: Tick) -> f64 {
    let apart = clock::duration(then.abs_diff(now)).as_secs_f64();
    if then < now { -apart } else { apart }
}
