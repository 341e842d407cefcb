//! A strong reference that costs what one costs in C.
//!
//! `pyo3::Py` asks a thread-local at each drop whether the thread is attached to the interpreter. Everything in this crate
//! runs on attached threads and the core starts none, so the answer is known.

use std::ptr::{NonNull, null_mut};

use pyo3::prelude::*;
use pyo3::{BoundObject, PyTraverseError, PyVisit, ffi};

use crate::ffi::Pointer;
use crate::ffi::foreign::{give_back, raised};
use crate::ffi::live::Live;

/// A strong reference to an object, cloned and dropped by attached threads only.
#[repr(transparent)]
pub(crate) struct Object(NonNull<ffi::PyObject>);

// SAFETY: the counts of references are only changed by attached threads, which exclude each other or count atomically.
unsafe impl Send for Object {}
// SAFETY: as above; nothing else of an `Object` can change.
unsafe impl Sync for Object {}

impl Object {
    /// Takes over a reference.
    ///
    /// # Safety
    /// The pointer is a reference that the caller owns and gives away.
    #[inline]
    pub(crate) unsafe fn from_owned(pointer: Pointer) -> Self {
        debug_assert!(!pointer.is_null());
        // SAFETY: an owned reference is never null.
        Self(unsafe { NonNull::new_unchecked(pointer) })
    }

    /// Takes over a reference, if there is one.
    ///
    /// # Safety
    /// The pointer is what a C API call returned as a new reference, or null.
    #[inline]
    pub(crate) unsafe fn or_null(pointer: Pointer) -> Option<Self> {
        NonNull::new(pointer).map(Self)
    }

    /// What C is to have: the reference is given away, or there is none and an exception is set.
    #[inline]
    pub(crate) fn give(object: Option<Self>) -> Pointer {
        object.map_or(null_mut(), Self::into_ptr)
    }

    /// Takes over a new reference, or the exception that is set if it is null.
    ///
    /// # Safety
    /// The pointer is what a C API call returned as a new reference.
    #[inline]
    pub(crate) unsafe fn from_result(py: Python<'_>, pointer: Pointer) -> PyResult<Self> {
        // SAFETY: by the caller's promise.
        unsafe { Self::or_null(pointer) }.ok_or_else(|| raised(py))
    }

    /// Makes another reference to a borrowed object.
    ///
    /// # Safety
    /// The pointer is that of a live object.
    #[inline]
    pub(crate) unsafe fn from_borrowed(pointer: Pointer) -> Self {
        // SAFETY: the object is alive.
        unsafe {
            ffi::Py_INCREF(pointer);
            Self::from_owned(pointer)
        }
    }

    /// A reference to what a `Bound` is bound to.
    #[inline]
    pub(crate) fn of<T>(bound: &Bound<'_, T>) -> Self {
        Live::bound(bound).to_object()
    }

    #[inline]
    pub(crate) fn as_ptr(&self) -> Pointer {
        self.0.as_ptr()
    }

    #[inline(always)]
    pub(crate) fn as_non_null(&self) -> NonNull<ffi::PyObject> {
        self.0
    }

    /// Gives the reference away.
    #[inline]
    pub(crate) fn into_ptr(self) -> Pointer {
        let pointer = self.as_ptr();
        std::mem::forget(self);
        pointer
    }

    #[inline]
    pub(crate) fn bind<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        // SAFETY: the object is alive.
        unsafe { Bound::from_borrowed_ptr(py, self.as_ptr()) }
    }

    #[inline]
    pub(crate) fn into_bound(self, py: Python<'_>) -> Bound<'_, PyAny> {
        // SAFETY: the reference is given away.
        unsafe { Bound::from_owned_ptr(py, self.into_ptr()) }
    }

    /// As [`Object::into_bound`], not bound to the thread.
    #[inline]
    pub(crate) fn into_py(self, py: Python<'_>) -> Py<PyAny> {
        self.into_bound(py).unbind()
    }

    /// Shows the object to a garbage collection.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        Live::of(self).visit(visit)
    }
}

impl Clone for Object {
    #[inline]
    fn clone(&self) -> Self {
        Live::of(self).to_object()
    }
}

impl Drop for Object {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the reference is owned, and the thread is attached.
        unsafe { give_back(self.as_ptr()) };
    }
}

impl<'py, T> From<Bound<'py, T>> for Object {
    #[inline]
    fn from(bound: Bound<'py, T>) -> Self {
        // SAFETY: the reference of `bound` is given away.
        unsafe { Self::from_owned(bound.into_ptr()) }
    }
}

/// A borrowed pointer as what PyO3 works with.
///
/// # Safety
/// The pointer is that of a live object that outlives the result.
#[inline]
pub(crate) unsafe fn borrow<'a, 'py>(py: Python<'py>, pointer: Pointer) -> Borrowed<'a, 'py, PyAny> {
    // SAFETY: by the caller's promise.
    unsafe { Borrowed::from_ptr(py, pointer) }
}

/// Whatever turns into an object, as a reference.
pub(crate) fn object_from<'py, T: IntoPyObject<'py>>(py: Python<'py>, value: T) -> PyResult<Object> {
    let bound = value.into_pyobject(py).map_err(Into::into)?;
    Ok(Object::from(bound.into_any().into_bound()))
}
