//! Our own objects as C hands them over: whatever is made of a pointer once may be used without further promises.

use pyo3::prelude::*;

use crate::ffi::Pointer;
use crate::ffi::heap_type::FromSlot;
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::function::decorated::Decorated;
use crate::function::{FunctionObject, is_function};

/// A decorated function that is alive as long as this may be used.
#[derive(Clone, Copy)]
pub(crate) struct FunctionRef<'a>(Live<'a>);

impl<'a> FunctionRef<'a> {
    /// # Safety
    /// The pointer is that of an object of one of the two types, alive as long as this may be used.
    #[inline(always)]
    pub(crate) unsafe fn new(function: Pointer) -> Self {
        // SAFETY: by the caller's promise.
        Self(unsafe { Live::new(function) })
    }

    /// The decorated function that an object is, if it is one.
    pub(crate) fn of(py: Python<'_>, object: &'a Bound<'_, PyAny>) -> Option<Self> {
        is_function(py, object).then_some(Self(Live::bound(object)))
    }

    /// What the function knows.
    #[inline(always)]
    pub(crate) fn decorated(self) -> &'a Decorated {
        // SAFETY: it is alive, and nothing of that is changed before it dies.
        unsafe { &(*self.0.as_ptr().cast::<FunctionObject>()).decorated }
    }

    #[inline(always)]
    pub(crate) fn live(self) -> Live<'a> {
        self.0
    }

    /// Another reference to it.
    #[inline]
    pub(crate) fn to_object(self) -> Object {
        self.0.to_object()
    }

    pub(crate) fn bind<'py>(self, py: Python<'py>) -> Borrowed<'a, 'py, PyAny> {
        self.0.bind(py)
    }
}

impl FromSlot for FunctionRef<'_> {
    type Raw = Pointer;
    unsafe fn from_slot(raw: Pointer) -> Self {
        // SAFETY: by the caller's promise.
        unsafe { Self::new(raw) }
    }
}
