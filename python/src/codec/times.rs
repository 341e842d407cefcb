//! Dates and times, as a payload has them and as Python does.

use hotset::codec::value::{Clock, Day, Span};
use pyo3::prelude::*;
use pyo3::types::{
    PyDate, PyDateAccess, PyDateTime, PyDelta, PyDeltaAccess, PyTime, PyTimeAccess, PyTzInfo, PyTzInfoAccess,
};

use crate::ffi::object::Object;

/// The date of what has one.
pub(super) fn day_of(object: &impl PyDateAccess) -> Day {
    Day { year: object.get_year() as u16, month: object.get_month(), day: object.get_day() }
}

/// The time of what has one.
pub(super) fn clock_of(object: &impl PyTimeAccess) -> Clock {
    Clock {
        hour: object.get_hour(),
        minute: object.get_minute(),
        second: object.get_second(),
        micro: object.get_microsecond(),
        fold: object.get_fold(),
    }
}

/// A span of time.
pub(super) fn span_of(delta: &Bound<'_, PyDelta>) -> Span {
    Span { days: delta.get_days(), seconds: delta.get_seconds(), micros: delta.get_microseconds() }
}

/// The time zone of what may have one; `None` is that of Python's.
pub(super) fn zone_of<'py>(object: &impl PyTzInfoAccess<'py>, py: Python<'py>) -> Object {
    object.get_tzinfo().map_or_else(|| Object::of(&py.None().into_bound(py)), |zone| zone.into_any().into())
}

/// The time zone UTC, if this is it.
pub(super) fn is_utc(zone: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(PyTzInfo::utc(zone.py())?.is(zone))
}

pub(super) fn utc(py: Python<'_>) -> PyResult<Object> {
    Ok(PyTzInfo::utc(py)?.to_owned().into_any().into())
}

pub(super) fn make_day(py: Python<'_>, day: Day) -> PyResult<Object> {
    Ok(PyDate::new(py, day.year.into(), day.month, day.day)?.into_any().into())
}

pub(super) fn make_moment(zone: &Bound<'_, PyAny>, day: Day, clock: Clock) -> PyResult<Object> {
    let Clock { hour, minute, second, micro, fold } = clock;
    let (year, py) = (day.year.into(), zone.py());
    let zone = zone_in(zone)?;
    let made =
        PyDateTime::new_with_fold(py, year, day.month, day.day, hour, minute, second, micro, zone.as_ref(), fold)?;
    Ok(made.into_any().into())
}

pub(super) fn make_clock(zone: &Bound<'_, PyAny>, clock: Clock) -> PyResult<Object> {
    let Clock { hour, minute, second, micro, fold } = clock;
    let made = PyTime::new_with_fold(zone.py(), hour, minute, second, micro, zone_in(zone)?.as_ref(), fold)?;
    Ok(made.into_any().into())
}

pub(super) fn make_span(py: Python<'_>, span: Span) -> PyResult<Object> {
    Ok(PyDelta::new(py, span.days, span.seconds, span.micros, true)?.into_any().into())
}

fn zone_in<'py>(zone: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyTzInfo>>> {
    Ok(if zone.is_none() { None } else { Some(zone.clone().cast_into::<PyTzInfo>()?) })
}
