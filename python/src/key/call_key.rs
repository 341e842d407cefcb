//! The key of one call of a decorated function, as users see it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Weak};

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyTypeInfo, PyVisit};
use smallvec::SmallVec;

use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::key::holder::Holder;
use crate::key::ownership::Ownership;
use crate::key::part::Part;
use crate::key::probe::{Probe, Rule};
use crate::key::{Key, Tag};

/// The key of one call.
#[pyclass(frozen, module = "hotset", name = "CallKey")]
pub(crate) struct CallKey {
    /// Not alive necessarily, but as long as it is referred to its address is its own.
    cache: Weak<dyn Holder>,
    function: Object,
    parts: SmallVec<[Object; 1]>,
    /// Whether the key has one part, which is stored as it is.
    single: bool,
    tag: Tag,
    rule: Rule,
    /// As long as there is the key, its number is of no other function.
    _ownership: Option<Arc<Ownership>>,
}

impl CallKey {
    /// Of a function of this name, whose keys compare by this rule.
    pub(crate) fn new(
        py: Python<'_>,
        cache: Weak<dyn Holder>,
        (function, rule): (Object, Rule),
        ownership: Option<Arc<Ownership>>,
        key: &Key,
    ) -> PyResult<Self> {
        let stored = key.part.parts();
        let single = stored.is_none();
        let stored = stored.unwrap_or(std::slice::from_ref(&key.part));
        let parts = stored.iter().map(|part| part.to_object(py)).collect::<PyResult<_>>()?;
        Ok(Self { cache, function, parts, single, tag: key.tag, rule, _ownership: ownership })
    }

    /// Whether the key is one of this cache.
    pub(crate) fn is_of<C: Holder>(&self, cache: &Arc<C>) -> bool {
        std::ptr::addr_eq(self.cache.as_ptr(), Arc::as_ptr(cache))
    }

    pub(crate) fn tag(&self) -> Tag {
        self.tag
    }

    pub(crate) fn objects(&self) -> SmallVec<[Object; 1]> {
        self.parts.iter().cloned().collect()
    }

    /// Whether it has one part, which is stored as it is.
    pub(crate) fn is_single(&self) -> bool {
        self.single
    }

    pub(crate) fn rule(&self) -> Rule {
        self.rule
    }

    fn same(&self, py: Python<'_>, other: &Self) -> PyResult<bool> {
        if !self.cache.ptr_eq(&other.cache) || self.tag != other.tag {
            return Ok(false);
        }
        let probe = Probe::new(self.tag, self.rule, self.single, Live::all(&self.parts));
        let others = other.parts.iter().map(|part| Part::from(Object::clone(part)));
        probe.is_same(py, &Part::several(others))
    }
}

#[pymethods]
impl CallKey {
    /// The qualified name of the function.
    #[getter]
    fn function(&self, py: Python<'_>) -> Py<PyAny> {
        self.function.bind(py).unbind()
    }

    /// What of the arguments is part of the key.
    #[getter]
    fn arguments<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.parts.iter().map(|part| part.bind(py)))
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        other.cast::<Self>().map_or(Ok(false), |other| self.same(py, other.get()))
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.cache.as_ptr().addr(), self.tag.owner(), self.tag.hash()).hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut text = format!("<CallKey {}(", self.function.bind(py).str()?);
        for (number, part) in self.arguments(py)?.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            text += &format!("{comma}{}", part.repr()?);
        }
        Ok(text + ")>")
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.parts.iter().try_for_each(|part| part.visit(&visit))
    }
}

/// The key of a call that an object is, if it is one.
pub(crate) fn as_call_key<'a>(py: Python<'_>, object: Live<'a>) -> Option<&'a CallKey> {
    // SAFETY: the class has been looked at.
    object.is_exactly(CallKey::type_object_raw(py)).then(|| unsafe { object.get_unchecked() })
}
