//! How long entries live, as arguments say it: the same for caches, functions and verbs.

use hotset::clock::{self, Tick};
use hotset::expiry::{Early, Lifespan, Part};
use pyo3::prelude::*;
use pyo3::types::PyBool;

use crate::duration::{duration, ticks};
use crate::errors::invalid;
use crate::ffi::foreign::Foreign;
use crate::ffi::live::Live;
use crate::missing::is_missing;

/// Notes in a lifespan what an argument says of it, unless it is `MISSING`; whether there is an argument of that name. `ttl` reads one
/// that may be a class of values.
pub(crate) fn change(
    lifespan: &mut Lifespan,
    name: &str,
    value: &Bound<'_, PyAny>,
    ttl: impl FnOnce(&str, &Bound<'_, PyAny>) -> PyResult<Tick>,
) -> PyResult<bool> {
    let is_given = !is_missing(Live::bound(value));
    match name {
        "ttl" if is_given => lifespan.ttl = ttl(name, value)?,
        "grace" if is_given => lifespan.grace = grace(value)?,
        "idle" if is_given => lifespan.idle = ticks(name, value)?,
        "refresh_ahead" if is_given => lifespan.ahead = refresh_ahead(value)?,
        "early_refresh" if is_given => lifespan.early = early_refresh(value)?,
        _ => return Ok(!is_given),
    }
    Ok(true)
}

/// How long after its ttl an entry may be served stale; None is not at all.
pub(crate) fn grace(value: &Bound<'_, PyAny>) -> PyResult<Tick> {
    Ok(duration("grace", value)?.map_or(0, clock::ticks))
}

/// `refresh_ahead`: a part of the ttl.
pub(crate) fn refresh_ahead(value: &Bound<'_, PyAny>) -> PyResult<Part> {
    if value.is_none() {
        return Ok(Part::NONE);
    }
    let fraction = value.extract::<f64>().ok().filter(|fraction| *fraction > 0.0 && *fraction < 1.0);
    let instead = "write the part of the ttl after which a hit starts a refresh, between 0 and 1 as in 0.8, or None";
    fraction.map(Part::of).ok_or_else(|| invalid(value.py(), "refresh_ahead", value, instead))
}

/// `early_refresh`: whether, or a factor.
pub(crate) fn early_refresh(value: &Bound<'_, PyAny>) -> PyResult<Early> {
    if value.is_none() {
        return Ok(Early::NONE);
    }
    if value.is_instance_of::<PyBool>() {
        return Ok(if value.ask_truth()? { Early::of(1.0) } else { Early::NONE });
    }
    let factor = value.extract::<f64>().ok().filter(|factor| *factor > 0.0 && *factor <= 255.0);
    let instead = "write True, False, or a factor above 0 and up to 255 by which to be earlier than with True";
    factor.map(Early::of).ok_or_else(|| invalid(value.py(), "early_refresh", value, instead))
}
