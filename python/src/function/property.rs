//! What `hotset.cached_property` is beneath: reading one costs a call of its function, and no frame of Python's.

use hotset::sync::Mutex;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::foreign::ask_quickly;
use crate::ffi::live::Live;
use crate::ffi::object::Object;

/// A property whose values are those of a decorated function.
#[pyclass(subclass, frozen, module = "hotset._core")]
pub(crate) struct PropertyBase {
    function: Mutex<AttachedLock, Option<Object>>,
}

impl PropertyBase {
    fn function(&self) -> PyResult<Object> {
        let function = self.function.lock().clone();
        function.ok_or_else(|| PyTypeError::new_err("cached_property(...) is a decorator: put it above a method"))
    }
}

#[pymethods]
impl PropertyBase {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyAny>>) -> Self {
        Self { function: Mutex::new(None) }
    }

    /// The decorated function behind the property, with all its verbs: a :class:`hotset.CachedFunction`.
    #[getter(function)]
    fn get_function(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.function()?.into_py(py))
    }

    fn _set_function(&self, function: &Bound<'_, PyAny>) {
        let before = self.function.lock().replace(Object::of(function));
        drop(before);
    }

    fn __get__(
        slf: &Bound<'_, Self>,
        instance: Option<&Bound<'_, PyAny>>,
        _owner: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let Some(instance) = instance else { return Ok(slf.clone().into_any().unbind()) };
        let function = slf.get().function()?;
        ask_quickly(slf.py(), Live::of(&function), &[Live::bound(instance)]).map(|value| value.into_py(slf.py()))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.function.lock().iter().try_for_each(|function| function.visit(&visit))
    }

    fn __clear__(&self) {
        let function = self.function.lock().take();
        drop(function);
    }
}
