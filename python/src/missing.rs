//! `MISSING`: what stands for a value that is not there.

use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::ffi::live::Live;
use crate::ffi::object::Object;

static MISSING: PyOnceLock<Py<Missing>> = PyOnceLock::new();

/// The type of `MISSING`, which is its only object.
#[pyclass(frozen, module = "hotset")]
pub(crate) struct Missing;

/// Where that object is.
static ADDRESS: AtomicPtr<ffi::PyObject> = AtomicPtr::new(std::ptr::null_mut());

/// The only object of its type.
pub(crate) fn missing(py: Python<'_>) -> PyResult<Object> {
    let missing = MISSING.get_or_try_init(py, || Py::new(py, Missing))?;
    ADDRESS.store(missing.as_ptr(), Ordering::Relaxed);
    Ok(Object::of(missing.bind(py)))
}

/// Whether an object is `MISSING`, which is no value.
#[inline(always)]
pub(crate) fn is_missing(object: Live<'_>) -> bool {
    object.as_ptr() == ADDRESS.load(Ordering::Relaxed)
}

/// Refuses to store what says that there is nothing.
pub(crate) fn refuse(value: Live<'_>) -> PyResult<()> {
    if is_missing(value) {
        return Err(PyValueError::new_err(
            "MISSING says that there is nothing, so it cannot be stored: store None, or an object of your own that says so",
        ));
    }
    Ok(())
}

#[pymethods]
impl Missing {
    fn __repr__(&self) -> &'static str {
        "hotset.MISSING"
    }

    fn __bool__(&self) -> bool {
        false
    }

    fn __reduce__(&self) -> &'static str {
        "MISSING"
    }
}
