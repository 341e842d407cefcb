//! What is known of an entry, as Python sees it.

use hotset::clock::{self, NEVER, Tick};
use hotset::memory::{Facts, Standing};
use hotset::stats::Cause;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::object::Object;

/// All that is known of an entry at a time; times are seconds from then.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct EntryInfo {
    /// The value, or the error that is kept.
    #[pyo3(get)]
    value: Py<PyAny>,
    facts: Facts,
}

impl EntryInfo {
    pub(super) fn new(py: Python<'_>, value: Object, facts: Facts) -> Self {
        Self { value: value.into_py(py), facts }
    }

    /// The seconds until a time, `None` if that never comes.
    fn ahead(&self, tick: Tick) -> Option<f64> {
        (tick != NEVER).then(|| seconds_from(self.facts.now, tick))
    }
}

#[pymethods]
impl EntryInfo {
    /// `"fresh"`, `"stale"`, `"error"`, or `"expired"` or `"invalidated"` and not taken out yet.
    #[getter]
    fn standing(&self) -> &'static str {
        match self.facts.standing {
            Standing::Fresh => "fresh",
            Standing::Stale => "stale",
            Standing::Error => "error",
            Standing::Over(Cause::Expired) => "expired",
            Standing::Over(_) => "invalidated",
        }
    }

    /// Since when it has been there.
    #[getter]
    fn age(&self) -> f64 {
        seconds_from(self.facts.course.created, self.facts.now)
    }

    #[getter]
    fn fresh_for(&self) -> Option<f64> {
        self.ahead(self.facts.course.fresh_until)
    }

    /// For how long it has been stale, below 0 if it is fresh for so long still.
    #[getter]
    fn stale_for(&self) -> f64 {
        seconds_from(self.facts.course.fresh_until, self.facts.now)
    }

    #[getter]
    fn gone_in(&self) -> Option<f64> {
        self.ahead(self.facts.course.gone_at.min(self.facts.idle_until))
    }

    #[getter]
    fn refresh_in(&self) -> Option<f64> {
        self.ahead(self.facts.refresh_at)
    }

    /// Until when no load is made because one has failed.
    #[getter]
    fn retry_in(&self) -> f64 {
        seconds_from(self.facts.now, self.facts.retry_at.max(self.facts.now))
    }

    /// How many loads have failed in a row.
    #[getter]
    fn failures(&self) -> u8 {
        self.facts.failures
    }

    #[getter]
    fn tags(&self) -> Vec<String> {
        self.facts.tags.iter().map(|tag| tag.to_string()).collect()
    }

    /// The tag that has made it stale or unreadable.
    #[getter]
    fn invalidated_by(&self) -> Option<&str> {
        self.facts.killer.as_deref()
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
