//! What is known of an entry, as Python sees it.

use hotset::clock::{self, NEVER, Tick};
use hotset::memory::{Facts, Standing};
use hotset::stats::Cause;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::ffi::object::Object;

/// All that is known of an entry, by name; times are seconds from now.
pub(super) fn facts_for_python<'py>(py: Python<'py>, facts: &Facts, value: Object) -> PyResult<Bound<'py, PyDict>> {
    let ahead = |tick: Tick| (tick != NEVER).then(|| seconds_from(facts.now, tick));
    let dict = PyDict::new(py);
    let standing = match facts.standing {
        Standing::Fresh => "fresh",
        Standing::Stale => "stale",
        Standing::Error => "error",
        Standing::Over(Cause::Expired) => "expired",
        Standing::Over(_) => "invalidated",
    };
    dict.set_item("standing", standing)?;
    dict.set_item("value", value.into_bound(py))?;
    dict.set_item("age", seconds_from(facts.course.created, facts.now))?;
    dict.set_item("fresh_for", ahead(facts.course.fresh_until))?;
    dict.set_item("gone_in", ahead(facts.course.gone_at.min(facts.idle_until)))?;
    dict.set_item("refresh_in", ahead(facts.refresh_at))?;
    dict.set_item("retry_in", seconds_from(facts.now, facts.retry_at.max(facts.now)))?;
    dict.set_item("failures", facts.failures)?;
    dict.set_item("tags", facts.tags.iter().map(|tag| tag.to_string()).collect::<Vec<_>>())?;
    dict.set_item("killer", facts.killer.as_ref().map(|tag| tag.to_string()))?;
    Ok(dict)
}

/// The seconds from one time to another, below 0 if that has passed.
pub(super) fn seconds_from(now: Tick, then: Tick) -> f64 {
    let apart = clock::duration(then.abs_diff(now)).as_secs_f64();
    if then < now { -apart } else { apart }
}
