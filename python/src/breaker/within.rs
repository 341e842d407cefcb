//! Which calls the running code is within, the innermost first: a context variable, so that tasks and threads have their own.

use crate::ffi::foreign::raised;
use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::BreakerVerbs;
use super::permit::Permit;
use crate::ffi::object::Object;

static VARIABLE: PyOnceLock<Object> = PyOnceLock::new();

fn variable(py: Python<'_>) -> PyResult<&Object> {
    VARIABLE.get_or_try_init(py, || {
        // SAFETY: the name is a C string; the result is new.
        unsafe { Object::from_result(py, ffi::PyContextVar_New(c"hotset.breakers".as_ptr(), null_mut())) }
    })
}

fn innermost(py: Python<'_>) -> PyResult<Option<Bound<'_, Permit>>> {
    let mut value = null_mut();
    // SAFETY: the variable is one, and the value is new, or null where there is none.
    unsafe {
        if ffi::PyContextVar_Get(variable(py)?.as_ptr(), null_mut(), &raw mut value) != 0 {
            return Err(raised(py));
        }
        let value = Bound::from_owned_ptr_or_opt(py, value);
        Ok(value.filter(|value| !value.is_none()).map(|value| value.cast_into_unchecked()))
    }
}

fn set(py: Python<'_>, permit: Option<&Bound<'_, Permit>>) -> PyResult<()> {
    // SAFETY: the variable is one, the value is alive, and the token is new.
    unsafe {
        let value = permit.map_or_else(|| ffi::Py_None(), Bound::as_ptr);
        Object::from_result(py, ffi::PyContextVar_Set(variable(py)?.as_ptr(), value)).map(drop)
    }
}

/// The call of a permit begins.
pub(super) fn enter(permit: &Bound<'_, Permit>) -> PyResult<()> {
    permit.get().enter(innermost(permit.py())?);
    set(permit.py(), Some(permit))
}

/// The call of a permit is over.
pub(super) fn leave(permit: &Bound<'_, Permit>) -> PyResult<()> {
    permit.get().leave();
    match innermost(permit.py())? {
        Some(innermost) if innermost.is(permit) => set_outer(permit),
        _ => Ok(()),
    }
}

/// The innermost call of a breaker that the running code is within is over: its permit.
pub(super) fn leave_innermost_of<'py>(breaker: &Bound<'py, BreakerVerbs>) -> PyResult<Option<Bound<'py, Permit>>> {
    let py = breaker.py();
    let Some(innermost) = innermost(py)? else { return Ok(None) };
    if innermost.get().is_inside() && innermost.get().is_of(breaker) {
        innermost.get().leave();
        set_outer(&innermost)?;
        return Ok(Some(innermost));
    }
    let found = around(py, Some(innermost)).find(|permit| permit.get().is_of(breaker));
    found.iter().for_each(|permit| permit.get().leave());
    Ok(found)
}

/// Whether the running code is part of a probe of a breaker.
pub(super) fn is_probing(breaker: &Bound<'_, BreakerVerbs>) -> PyResult<bool> {
    let py = breaker.py();
    Ok(around(py, innermost(py)?).any(|permit| permit.get().is_of(breaker) && permit.get().is_awaited()))
}

/// The innermost call is over, and the one around it is the innermost.
fn set_outer(left: &Bound<'_, Permit>) -> PyResult<()> {
    let py = left.py();
    set(py, around(py, left.get().take_outer(py)).next().as_ref())
}

/// A permit and those around it, but for those whose calls are over.
fn around<'py>(py: Python<'py>, first: Option<Bound<'py, Permit>>) -> impl Iterator<Item = Bound<'py, Permit>> {
    let all = std::iter::successors(first, move |permit| permit.get().outer(py));
    all.filter(|permit| permit.get().is_inside())
}
