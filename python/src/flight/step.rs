//! What the steps of a load come to, as `hotset._loading` takes them: classes that a type checker can tell apart.

use pyo3::prelude::*;
use pyo3::types::PyBool;
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::object::Object;
use crate::flight::handle::Flight;

/// Classes of a few fields, of which those that are `shown` refer to objects.
macro_rules! steps {
    ($($(#[$doc:meta])* $class:ident { $($field:ident: $kind:ty),* } shows $($shown:ident)*;)*) => {
        $($(#[$doc])*
        #[pyclass(frozen, get_all, module = "hotset._core")]
        pub(crate) struct $class {
            $(pub(crate) $field: $kind,)*
        }

        #[pymethods]
        impl $class {
            #[new]
            fn new($($field: $kind),*) -> Self {
                Self { $($field),* }
            }

            #[classattr]
            fn __match_args__(py: Python<'_>) -> PyResult<Bound<'_, pyo3::types::PyTuple>> {
                pyo3::types::PyTuple::new(py, [$(stringify!($field)),*])
            }

            fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
                $(visit.call(&self.$shown)?;)*
                Ok(())
            }
        })*

        pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_class::<$class>()?;)*
            module.add_class::<Retry>()?;
            module.add_class::<NotShareable>()
        }
    };
}

steps! {
    /// A lookup found a value, which is to be loaded anew by whoever asked if it `refreshes`.
    Hit { value: Py<PyAny>, refreshes: Py<PyBool> } shows value;

    /// A value that a lookup found, and that is to be loaded anew by whoever asked.
    Due { value: Py<PyAny> } shows value;

    /// There is a value that will do.
    Found { value: Py<PyAny> } shows value;

    /// The load has begun, and is its caller's to make. There is no flight where nobody but this caller runs it.
    Leads { flight: Option<Py<Flight>> } shows flight;

    /// Somebody else makes the load.
    Joins { flight: Py<Flight> } shows flight;

    /// The load raised, with this traceback or `None`.
    Failed { error: Py<PyAny>, traceback: Py<PyAny> } shows error traceback;
}

impl Hit {
    /// What a lookup found, if anything.
    pub(crate) fn of(py: Python<'_>, found: Option<Object>, refreshes: bool) -> Option<Self> {
        found.map(|value| Self { value: value.into_py(py), refreshes: PyBool::new(py, refreshes).to_owned().unbind() })
    }
}

/// The load came to nothing: somebody has to begin another.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct Retry;

#[pymethods]
impl Retry {
    #[new]
    fn new() -> Self {
        Self
    }
}

/// What a load comes to is its caller's alone: everybody loads.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct NotShareable;

#[pymethods]
impl NotShareable {
    #[new]
    fn new() -> Self {
        Self
    }
}
