//! One way from what was wrong to a Python exception.

use hotset::Error;
use pyo3::exceptions::{PyInterruptedError, PyOSError, PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::ffi::object::Object;
use crate::hooks;

/// The exception for an error of the core.
pub(crate) fn raised(error: &Error) -> PyErr {
    match error {
        Error::UnknownPolicy { .. }
        | Error::InvalidDuration { .. }
        | Error::InvalidSize { .. }
        | Error::InvalidTrace { .. }
        | Error::ShortSecret { .. }
        | Error::NoSecret
        | Error::TooLarge { .. }
        | Error::Unbounded => PyValueError::new_err(error.to_string()),
        Error::Stopped => PyInterruptedError::new_err(error.to_string()),
        Error::NoRandomness { .. } => PyOSError::new_err(error.to_string()),
        Error::TooManyEntries => PyOverflowError::new_err(error.to_string()),
    }
}

/// `ValueError` or `TypeError` for an argument: what was wrong, with what value, and what to write instead.
pub(crate) fn invalid(py: Python<'_>, name: &str, value: &Bound<'_, PyAny>, instead: &str) -> PyErr {
    let shown = value.repr().and_then(|text| text.extract::<String>()).unwrap_or_else(|_| "…".to_owned());
    let shown: String = shown.chars().take(80).collect();
    let message = format!("{name}={shown}: {instead}");
    let number = value.is_instance_of::<pyo3::types::PyInt>() || value.is_instance_of::<pyo3::types::PyFloat>();
    let _ = py;
    if number && !value.is_instance_of::<pyo3::types::PyBool>() {
        PyValueError::new_err(message)
    } else {
        PyTypeError::new_err(message)
    }
}

/// What a follower raises for an error that a load raised.
pub(crate) fn raised_again(py: Python<'_>, error: &Object, traceback: &Object) -> PyErr {
    let again = hooks::RAISED_AGAIN.ask(py, (error.bind(py), traceback.bind(py)));
    PyErr::from_value(again.unwrap_or_else(|_| error.bind(py)))
}
