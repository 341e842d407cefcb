//! Arguments of caches: what was given, and whether it makes sense.

use std::sync::Arc;

use hotset::size::parse;
use pyo3::exceptions::{PyMemoryError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyString};

use crate::errors::invalid;
use crate::ffi::foreign::Foreign;
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::missing::is_missing;

/// An argument that may be left out, or `MISSING`, where None means something.
pub(crate) enum Given<'py> {
    Nothing,
    Something(Bound<'py, PyAny>),
}

impl<'py> FromPyObject<'_, 'py> for Given<'py> {
    type Error = std::convert::Infallible;
    fn extract(value: Borrowed<'_, 'py, PyAny>) -> Result<Self, Self::Error> {
        Ok(if is_missing(Live::bound(&value)) { Self::Nothing } else { Self::Something(value.to_owned()) })
    }
}

/// Tags from a list of names.
pub(crate) fn tag_names(tags: &Bound<'_, PyAny>) -> PyResult<Box<[Arc<str>]>> {
    let no_list = || no_tags(tags, "write a list of names, as in tags=[\"user:7\"]");
    if tags.is_instance_of::<PyString>() {
        return Err(no_list());
    }
    let names =
        tags.try_iter().map_err(|error| if is_want_of_memory(tags.py(), &error) { error } else { no_list() })?;
    names
        .map(|name| {
            let name = name?;
            let text = name
                .cast::<PyString>()
                .map_err(|_| no_tags(&name, "a tag is a text; write a list of names, as in tags=[\"user:7\"]"))?;
            match text.to_str() {
                Ok(text) => Ok(Arc::from(text)),
                // A lone surrogate, which anybody can send as JSON. Two tags that become one are invalidated together.
                Err(error) if is_want_of_memory(name.py(), &error) => Err(error),
                Err(_) => {
                    let encoded = name.ask_method(intern!(name.py(), "encode"), ("utf-8", "backslashreplace"))?;
                    Ok(Arc::from(String::from_utf8_lossy(encoded.cast::<PyBytes>()?.as_bytes())))
                }
            }
        })
        .collect()
}

/// Whether there is no memory, for another exception either.
fn is_want_of_memory(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyMemoryError>(py)
}

fn no_tags(given: &Bound<'_, PyAny>, instead: &str) -> PyErr {
    let shown = given.repr().map_or_else(|_| "…".to_owned(), |text| text.to_string());
    PyTypeError::new_err(format!("tags={shown}: {instead}"))
}

/// A bound from an argument: a whole number, or None for without one.
pub(crate) fn bound(name: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    whole_number(name, value, "write a whole number from 0 to 2**62, or None for no bound")
}

/// A bound in bytes from an argument: a whole number, a text as `"256MB"`, or None for without one.
pub(crate) fn bound_in_bytes(name: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    let Ok(text) = value.cast::<PyString>() else {
        let instead =
            "write \"256MB\", \"256MiB\", \"1.5GB\", a whole number of bytes from 0 to 2**62, or None for no bound";
        return whole_number(name, value, instead);
    };
    parse(&text.to_string_lossy()).map_err(|error| PyValueError::new_err(format!("{name}: {error}")))
}

fn whole_number(name: &str, value: &Bound<'_, PyAny>, instead: &str) -> PyResult<u64> {
    if value.is_none() {
        return Ok(u64::MAX);
    }
    if value.is_instance_of::<PyBool>() {
        return Err(invalid(value.py(), name, value, instead));
    }
    match value.extract::<u64>() {
        Ok(number) if number <= 1 << 62 => Ok(number),
        _ => Err(invalid(value.py(), name, value, instead)),
    }
}

/// A bound as users see it.
pub(crate) fn shown(bound: u64) -> Option<u64> {
    (bound != u64::MAX).then_some(bound)
}

pub(crate) fn callable(name: &str, value: Option<Bound<'_, PyAny>>) -> PyResult<Option<Object>> {
    match value {
        Some(value) if !value.is_callable() => {
            Err(PyTypeError::new_err(format!("{name}={}: write a function", value.repr()?)))
        }
        value => Ok(value.map(Object::from)),
    }
}
