//! Objects that are known to be alive, for code that has no token of the interpreter and cannot afford to count references.

use std::marker::PhantomData;

use pyo3::ffi;
use pyo3::prelude::*;

use crate::ffi::Pointer;
use crate::ffi::object::{Object, borrow};

/// An object that is alive, on a thread that is attached, as long as this may be used.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Live<'a>(Pointer, PhantomData<&'a ()>);

impl<'a> Live<'a> {
    /// # Safety
    /// The object is alive, and the thread attached, as long as this may be used.
    #[inline(always)]
    pub(crate) unsafe fn new(object: Pointer) -> Self {
        Self(object, PhantomData)
    }

    /// One that is held.
    #[inline(always)]
    pub(crate) fn of(held: &'a Object) -> Self {
        Self(held.as_ptr(), PhantomData)
    }

    /// One that is bound.
    #[inline(always)]
    pub(crate) fn bound<T>(bound: &'a Bound<'_, T>) -> Self {
        Self(bound.as_ptr(), PhantomData)
    }

    #[inline(always)]
    pub(crate) fn as_ptr(self) -> Pointer {
        self.0
    }

    /// Its class.
    #[inline(always)]
    pub(crate) fn class(self) -> *mut ffi::PyTypeObject {
        // SAFETY: it is alive.
        unsafe { ffi::Py_TYPE(self.0) }
    }

    /// Whether it is of exactly this class.
    #[inline(always)]
    pub(crate) fn is_exactly(self, class: *mut ffi::PyTypeObject) -> bool {
        self.class() == class
    }

    /// Whether its class has a flag.
    #[inline]
    pub(crate) fn has_feature(self, flag: std::ffi::c_ulong) -> bool {
        // SAFETY: the class of a live object is alive.
        unsafe { ffi::PyType_HasFeature(self.class(), flag) != 0 }
    }

    /// Whether its class is this one, or a subclass.
    #[inline]
    pub(crate) fn is_of(self, class: *mut ffi::PyTypeObject) -> bool {
        // SAFETY: likewise, and whoever asks has a class that is.
        unsafe { ffi::PyType_IsSubtype(self.class(), class) != 0 }
    }

    /// Whether a collection of garbage can see it.
    #[inline]
    pub(crate) fn is_collected(self) -> bool {
        // SAFETY: it is alive.
        unsafe { ffi::PyObject_IS_GC(self.0) != 0 }
    }

    /// Bytes that every object of its class has.
    #[inline]
    pub(crate) fn basic_size(self) -> usize {
        // SAFETY: the class of a live object is alive.
        unsafe { (*self.class()).tp_basicsize as usize }
    }

    pub(crate) fn bind<'py>(self, py: Python<'py>) -> Borrowed<'a, 'py, PyAny> {
        // SAFETY: it is alive.
        unsafe { borrow(py, self.0) }
    }

    /// Another reference to it.
    #[inline]
    pub(crate) fn to_object(self) -> Object {
        // SAFETY: it is alive.
        unsafe { Object::from_borrowed(self.0) }
    }

    #[inline(always)]
    pub(crate) fn is_none(self) -> bool {
        // SAFETY: it is there as long as the interpreter.
        self.0 == unsafe { ffi::Py_None() }
    }

    #[inline(always)]
    pub(crate) fn is_ellipsis(self) -> bool {
        // SAFETY: likewise.
        self.0 == unsafe { ffi::Py_Ellipsis() }
    }

    #[inline(always)]
    pub(crate) fn is_true(self) -> bool {
        // SAFETY: likewise.
        self.0 == unsafe { ffi::Py_True() }
    }
}
