//! The methods of a tier that a user has written, bound to it.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::foreign::Foreign;
use crate::ffi::object::Object;

/// A method, bound to its object.
pub(super) struct Method(Object);

impl Method {
    /// Calls it.
    pub(super) fn ask<'py, A>(&self, py: Python<'py>, args: A) -> PyResult<Bound<'py, PyAny>>
    where
        A: IntoPyObject<'py, Target = PyTuple>,
        A::Error: Into<PyErr>,
    {
        self.0.bind(py).ask(args)
    }

    /// Calls it with keywords too.
    pub(super) fn ask_with<'py, A>(
        &self,
        py: Python<'py>,
        args: A,
        keywords: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>>
    where
        A: IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>>,
        A::Error: Into<PyErr>,
    {
        self.0.bind(py).ask_with(&args.into_pyobject(py).map_err(Into::into)?, Some(keywords))
    }
}

/// What an object can do: `get`, `put` and `remove`, and more if it has more.
pub(super) struct Methods {
    pub(super) get: Method,
    pub(super) put: Method,
    pub(super) remove: Method,
    pub(super) get_many: Option<Method>,
    pub(super) put_many: Option<Method>,
    pub(super) exchange: Option<Method>,
    pub(super) increment: Option<Method>,
    pub(super) keys: Option<Method>,
}

impl Methods {
    pub(super) fn of(tier: &Bound<'_, PyAny>) -> PyResult<Self> {
        let find = |name: &str| -> PyResult<Option<Method>> {
            let found = tier.getattr_opt(name)?.filter(|method| !method.is_none());
            Ok(found.map(|method| Method(Object::from(method))))
        };
        let needed = |name: &str| {
            find(name)?.ok_or_else(|| {
                let class = tier.get_type().qualname().map_or_else(|_| "object".to_owned(), |name| name.to_string());
                PyTypeError::new_err(format!("a {class} is no tier, because it has no {name}()"))
            })
        };
        Ok(Self {
            get: needed("get")?,
            put: needed("put")?,
            remove: needed("remove")?,
            get_many: find("get_many")?,
            put_many: find("put_many")?,
            exchange: find("exchange")?,
            increment: find("increment")?,
            keys: find("keys")?,
        })
    }

    pub(super) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Self { get, put, remove, get_many, put_many, exchange, increment, keys } = self;
        let needed = [get, put, remove].into_iter();
        let more = [get_many, put_many, exchange, increment, keys].into_iter().flatten();
        needed.chain(more).try_for_each(|method| method.0.visit(visit))
    }
}
