//! Objects of built-in types, where PyO3 takes a want of memory for a bug: here it is an error as any other.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet};

use crate::ffi::Pointer;
use crate::ffi::live::Live;
use crate::ffi::object::Object;

/// `None`, on a thread that is attached.
#[inline(always)]
pub(crate) fn none() -> Object {
    // SAFETY: it is there as long as the interpreter.
    unsafe { Object::from_borrowed(ffi::Py_None()) }
}

/// A number.
#[inline]
pub(crate) fn int(py: Python<'_>, value: i64) -> PyResult<Object> {
    // SAFETY: it is new, or null.
    unsafe { Object::from_result(py, ffi::PyLong_FromLongLong(value)) }
}

/// A number.
#[inline]
pub(crate) fn float(py: Python<'_>, value: f64) -> PyResult<Object> {
    // SAFETY: it is new, or null.
    unsafe { Object::from_result(py, ffi::PyFloat_FromDouble(value)) }
}

/// A weak reference to an object, which calls this when that dies.
pub(crate) fn weak_reference(py: Python<'_>, object: Live<'_>, callback: Option<Live<'_>>) -> PyResult<Object> {
    let callback = callback.map_or(std::ptr::null_mut(), Live::as_ptr);
    // SAFETY: both are alive; what is made is new, or null.
    unsafe { Object::from_result(py, ffi::PyWeakref_NewRef(object.as_ptr(), callback)) }
}

/// Items that a new dict has room for anyway.
const ROOM: usize = 5;

/// A dict with room for so many items.
#[inline]
pub(crate) fn dict(py: Python<'_>, count: usize) -> PyResult<Bound<'_, PyDict>> {
    unsafe extern "C" {
        fn _PyDict_NewPresized(count: ffi::Py_ssize_t) -> Pointer;
    }
    // SAFETY: it is new, or null.
    let made = unsafe {
        let room = count as ffi::Py_ssize_t;
        Object::from_result(py, if count <= ROOM { ffi::PyDict_New() } else { _PyDict_NewPresized(room) })
    };
    Ok(made?.into_bound(py).cast_into::<PyDict>()?)
}

/// A frozenset of the elements of a set.
pub(crate) fn frozen_set(elements: &Bound<'_, PySet>) -> PyResult<Object> {
    // SAFETY: what is made is new, or null.
    unsafe { Object::from_result(elements.py(), ffi::PyFrozenSet_New(elements.as_ptr())) }
}
