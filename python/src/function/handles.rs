//! Our own objects as C hands them over: whatever is made of a pointer once may be used without further promises.

use std::marker::PhantomData;
use std::ptr::NonNull;

use pyo3::prelude::*;

use crate::ffi::Pointer;
use crate::ffi::heap_type::FromSlot;
use crate::ffi::object::{Object, borrow};
use crate::function::decorated::Decorated;
use crate::function::{FunctionObject, is_function};

/// A decorated function that is alive as long as this may be used.
#[derive(Clone, Copy)]
pub(crate) struct FunctionRef<'a>(NonNull<FunctionObject>, PhantomData<&'a FunctionObject>);

impl<'a> FunctionRef<'a> {
    /// # Safety
    /// The pointer is that of an object of one of the two types, alive as long as this may be used.
    #[inline(always)]
    pub(crate) unsafe fn new(function: Pointer) -> Self {
        // SAFETY: by the caller's promise.
        Self(unsafe { NonNull::new_unchecked(function.cast()) }, PhantomData)
    }

    /// The decorated function that an object is, if it is one.
    pub(crate) fn of(py: Python<'_>, object: &'a Bound<'_, PyAny>) -> Option<Self> {
        // SAFETY: it has been looked at, and lives as long as it is borrowed.
        is_function(py, object).then(|| unsafe { Self::new(object.as_ptr()) })
    }

    /// What the function knows.
    #[inline(always)]
    pub(crate) fn decorated(self) -> &'a Decorated {
        // SAFETY: it is alive, and nothing of that is changed before it dies.
        unsafe { &(*self.0.as_ptr()).decorated }
    }

    #[inline(always)]
    pub(crate) fn as_ptr(self) -> Pointer {
        self.0.as_ptr().cast()
    }

    /// Another reference to it.
    #[inline]
    pub(crate) fn to_object(self) -> Object {
        // SAFETY: it is alive.
        unsafe { Object::from_borrowed(self.as_ptr()) }
    }

    pub(crate) fn bind<'py>(self, py: Python<'py>) -> Borrowed<'a, 'py, PyAny> {
        // SAFETY: it is alive.
        unsafe { borrow(py, self.as_ptr()) }
    }
}

impl FromSlot for FunctionRef<'_> {
    type Raw = Pointer;
    unsafe fn from_slot(raw: Pointer) -> Self {
        // SAFETY: by the caller's promise.
        unsafe { Self::new(raw) }
    }
}
