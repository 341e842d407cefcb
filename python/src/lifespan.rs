//! How long entries live, as arguments say it: the same for caches, functions and verbs.

use hotset::clock::Tick;
use hotset::expiry::Lifespan;
use pyo3::prelude::*;

use crate::arguments::{early_refresh, grace, refresh_ahead};
use crate::duration::ticks;
use crate::missing::is_missing;

/// Notes in a lifespan what an argument says of it, unless it is `MISSING`; whether there is an argument of that name. `ttl` reads one
/// that may be a class of values.
pub(crate) fn change(
    lifespan: &mut Lifespan,
    name: &str,
    value: &Bound<'_, PyAny>,
    ttl: impl FnOnce(&str, &Bound<'_, PyAny>) -> PyResult<Tick>,
) -> PyResult<bool> {
    let is_given = !is_missing(value.as_ptr());
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
