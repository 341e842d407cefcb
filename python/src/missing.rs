//! `MISSING`: what stands for a value that is not there.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::object::Object;

static MISSING: PyOnceLock<Py<Missing>> = PyOnceLock::new();

/// The type of `MISSING`, which is its only object.
#[pyclass(frozen, module = "hotset")]
pub(crate) struct Missing;

/// The only object of its type.
pub(crate) fn missing(py: Python<'_>) -> PyResult<Object> {
    let missing = MISSING.get_or_try_init(py, || Py::new(py, Missing))?;
    Ok(Object::of(missing.bind(py)))
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
