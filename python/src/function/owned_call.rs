//! A call that outlives the moment in which it was made.

use hotset::memory::Details;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::call_args::Call;
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::flight::fate::{Decider, Fate, LoadedCall};
use crate::flight::lead::KnownTags;
use crate::function::decorated::Decorated;
use crate::function::handles::FunctionRef;
use crate::function::load::call_uncached;
use crate::function::storability::{details, fate, known_tags};

/// A decorated function and the arguments that it was called with.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct OwnedCall {
    function: Object,
    values: Vec<Object>,
    names: Option<Object>,
}

impl OwnedCall {
    pub(crate) fn new(function: FunctionRef<'_>, call: Call<'_>) -> Self {
        let values = call.values().iter().map(|value| value.to_object()).collect();
        Self { function: function.to_object(), values, names: call.names().map(Live::to_object) }
    }

    pub(crate) fn function(&self) -> &Object {
        &self.function
    }

    pub(crate) fn decorated(&self) -> &Decorated {
        // SAFETY: it is a function, which `self` keeps alive.
        unsafe { FunctionRef::new(self.function.as_ptr()) }.decorated()
    }

    pub(crate) fn call(&self) -> Call<'_> {
        Call::of(Live::all(&self.values), self.names.as_ref().map(Live::of))
    }

    /// Calls the function itself.
    pub(crate) fn run(&self, py: Python<'_>) -> PyResult<Object> {
        call_uncached(py, self.decorated(), self.call())
    }
}

impl Decider for Py<OwnedCall> {
    fn fate(&self, py: Python<'_>, result: &Bound<'_, PyAny>, nanos: u64) -> PyResult<Fate> {
        fate(py, self.get().decorated(), result, nanos)
    }

    fn details(&self, py: Python<'_>, result: &Bound<'_, PyAny>, nanos: u64) -> PyResult<Details> {
        details(py, self.get().decorated(), self.get().call(), result, nanos)
    }
}

impl LoadedCall for Py<OwnedCall> {
    fn run(&self, py: Python<'_>) -> PyResult<Object> {
        self.get().run(py)
    }

    fn known_tags(&self, py: Python<'_>) -> PyResult<KnownTags> {
        known_tags(py, self.get().decorated(), self.get().call())
    }

    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(self)
    }
}

#[pymethods]
impl OwnedCall {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.function.visit(&visit)?;
        self.values.iter().try_for_each(|value| value.visit(&visit))
    }
}
