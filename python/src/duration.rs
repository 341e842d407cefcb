//! Durations as Python people give them: text, a number of seconds, or a `timedelta`.

use std::time::Duration;

use hotset::clock::{self, NEVER, Tick};
use hotset::expiry::duration::{from_seconds, parse};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDelta, PyDeltaAccess, PyFloat, PyInt, PyString};

use crate::errors::invalid;

const INSTEAD: &str = "write \"90s\", \"30m\", \"1h30m\", a number of seconds above 0, a timedelta, or None for no end";

/// Ticks from a duration; None is for ever. `name` is that of the argument, for the error.
pub(crate) fn ticks(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Tick> {
    Ok(duration(name, value)?.map_or(NEVER, clock::ticks))
}

/// The ticks of what is over already: no duration that is given has none.
pub(crate) const OVER: Tick = 0;

/// As [`ticks`], for a duration that was computed, as what is left of something is: [`OVER`] if nothing is.
pub(crate) fn computed_ticks(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Tick> {
    if is_over(value) { Ok(OVER) } else { ticks(name, value) }
}

/// Whether something is a number of seconds, or a `timedelta`, that is not above 0.
fn is_over(value: &Bound<'_, PyAny>) -> bool {
    if is_number(value) {
        return value.extract::<f64>().is_ok_and(|seconds| seconds <= 0.0);
    }
    value.cast::<PyDelta>().is_ok_and(|delta| {
        delta.get_days() < 0 || delta.get_days() == 0 && delta.get_seconds() == 0 && delta.get_microseconds() == 0
    })
}

/// Whether something can be a number of seconds. To be asked before whether it is a `timedelta`, which imports `datetime`.
fn is_number(value: &Bound<'_, PyAny>) -> bool {
    (value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>()) && !value.is_instance_of::<PyBool>()
}

/// A duration as it was given; None is for ever.
pub(crate) fn duration(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<Duration>> {
    if value.is_none() {
        return Ok(None);
    }
    let py = value.py();
    let duration = if let Ok(text) = value.cast::<PyString>() {
        parse(&text.to_string_lossy()).map_err(|error| PyValueError::new_err(format!("{name}: {error}")))?
    } else if is_number(value) {
        let seconds = value.extract().unwrap_or(f64::INFINITY);
        from_seconds(seconds).map_err(|_| PyValueError::new_err(describe(name, value)))?
    } else if let Ok(delta) = value.cast::<PyDelta>() {
        let seconds = f64::from(delta.get_days()) * 86_400.0 + f64::from(delta.get_seconds());
        let micros = f64::from(delta.get_microseconds()) / 1e6;
        from_seconds(seconds + micros).map_err(|_| PyValueError::new_err(describe(name, value)))?
    } else {
        return Err(invalid(py, name, value, INSTEAD));
    };
    Ok(Some(duration))
}

/// Seconds from a duration, None for no end. `name` is that of the argument, for the error.
#[pyfunction]
pub(crate) fn seconds(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    Ok(duration(name, value)?.map(|duration| duration.as_secs_f64()))
}

fn describe(name: &str, value: &Bound<'_, PyAny>) -> String {
    format!("{name}={value}: {INSTEAD}")
}
