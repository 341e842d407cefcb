//! The right to make one call, as Python holds it.

use hotset::stack::{self, Aside};
use hotset::sync::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{PyTraverseError, PyVisit};

use super::{BreakerVerbs, told, within};
use crate::ffi::attached_lock::AttachedLock;

#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct Permit {
    breaker: Py<BreakerVerbs>,
    /// None if something was told of the call, or if the call is a part of another.
    aside: Mutex<AttachedLock, Option<Aside>>,
    place: Mutex<AttachedLock, Place>,
}

/// Where it is among those whose calls some code is within.
#[derive(Default)]
struct Place {
    is_inside: bool,
    outer: Option<Py<Permit>>,
}

impl Permit {
    pub(super) fn new<'py>(
        breaker: &Bound<'py, BreakerVerbs>,
        permit: Option<stack::Permit<'_>>,
    ) -> PyResult<Bound<'py, Self>> {
        let aside = Mutex::new(permit.map(stack::Permit::lay_aside));
        Bound::new(breaker.py(), Self { breaker: breaker.clone().unbind(), aside, place: Mutex::default() })
    }

    pub(super) fn is_of(&self, breaker: &Bound<'_, BreakerVerbs>) -> bool {
        self.breaker.is(breaker)
    }

    /// Whether its breaker was half-open.
    fn is_probe(&self) -> bool {
        self.aside.lock().as_ref().is_some_and(Aside::is_probe)
    }

    /// Whether the state of its breaker has not changed since, and nothing was told of the call.
    pub(super) fn is_awaited(&self) -> bool {
        self.aside.lock().as_ref().is_some_and(|aside| self.breaker.get().breaker.awaits(aside))
    }

    /// The permit as the core knows it, if nothing was told of the call.
    pub(super) fn take(&self) -> Option<stack::Permit<'_>> {
        let aside = self.aside.lock().take();
        aside.map(|aside| self.breaker.get().breaker.resume(aside))
    }

    /// The call is over; an error is what it raised.
    pub(super) fn end(slf: &Bound<'_, Self>, error: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let this = slf.get();
        this.take().map_or(Ok(()), |permit| told(this.breaker.bind(slf.py()), permit, error))
    }

    /// The permit of the call that this one is within.
    pub(super) fn outer<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Self>> {
        self.place.lock().outer.as_ref().map(|outer| outer.bind(py).clone())
    }

    pub(super) fn is_inside(&self) -> bool {
        self.place.lock().is_inside
    }

    pub(super) fn enter(&self, outer: Option<Bound<'_, Self>>) {
        let place = Place { is_inside: true, outer: outer.map(Bound::unbind) };
        let before = std::mem::replace(&mut *self.place.lock(), place);
        drop(before);
    }

    pub(super) fn leave(&self) {
        self.place.lock().is_inside = false;
    }

    /// Takes the permit around it away, where nobody looks for that any more.
    pub(super) fn take_outer<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Self>> {
        let outer = self.place.lock().outer.take();
        outer.map(|outer| outer.into_bound(py))
    }
}

#[pymethods]
impl Permit {
    fn succeeded(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::end(slf, None)
    }

    #[pyo3(signature = (why = None))]
    fn failed(slf: &Bound<'_, Self>, why: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let this = slf.get();
        let Some(permit) = this.take() else { return Ok(()) };
        let why = why.unwrap_or(intern!(slf.py(), "a failure"));
        this.breaker.get().tell(this.breaker.bind(slf.py()), permit.failed(), Some(why))
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        // A call that others are no part of need not be found.
        if slf.get().is_probe() {
            within::enter(slf)?;
        }
        Ok(slf.clone())
    }

    #[pyo3(signature = (_kind, error, _traceback))]
    fn __exit__(
        slf: &Bound<'_, Self>,
        _kind: Option<&Bound<'_, PyType>>,
        error: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        if slf.get().is_inside() {
            within::leave(slf)?;
        }
        Self::end(slf, error)?;
        Ok(false)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.breaker)?;
        self.place.lock().outer.iter().try_for_each(|outer| visit.call(outer))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        drop(self.take());
    }
}
