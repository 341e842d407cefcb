//! Objects that are known to be alive, for code that has no token of the interpreter and cannot afford to count references.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::NonNull;

use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::{PyClass, PyTraverseError, PyVisit, ffi};

use crate::ffi::Pointer;
use crate::ffi::object::{Object, borrow};

/// A class of ours that its objects are told by, without a call of PyO3's for that.
///
/// # Safety
/// `class` is its type object, or null while there is none.
pub(crate) unsafe trait KnownClass: PyClass<Frozen = True> + Sync {
    fn class() -> *mut ffi::PyTypeObject;
}

/// An object that is alive, on a thread that is attached, as long as this may be used.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Live<'a>(NonNull<ffi::PyObject>, PhantomData<&'a ()>);

impl<'a> Live<'a> {
    /// # Safety
    /// The object is alive, and the thread attached, as long as this may be used.
    #[inline(always)]
    pub(crate) unsafe fn new(object: Pointer) -> Self {
        debug_assert!(!object.is_null());
        // SAFETY: what is alive is somewhere.
        Self(unsafe { NonNull::new_unchecked(object) }, PhantomData)
    }

    /// One that may be null.
    ///
    /// # Safety
    /// As for [`Live::new`], unless it is null.
    #[inline(always)]
    pub(crate) unsafe fn or_null(object: Pointer) -> Option<Self> {
        NonNull::new(object).map(|object| Self(object, PhantomData))
    }

    /// One that is held.
    #[inline(always)]
    pub(crate) fn of(held: &'a Object) -> Self {
        Self(held.as_non_null(), PhantomData)
    }

    /// Those that are held.
    #[inline(always)]
    pub(crate) fn all(held: &'a [Object]) -> &'a [Self] {
        // SAFETY: both are a pointer to an object, which lives as long as what holds it.
        unsafe { std::slice::from_raw_parts(held.as_ptr().cast(), held.len()) }
    }

    /// One that is bound.
    #[inline(always)]
    pub(crate) fn bound<T>(bound: &'a Bound<'_, T>) -> Self {
        // SAFETY: it is, for as long as it is borrowed.
        unsafe { Self::new(bound.as_ptr()) }
    }

    #[inline(always)]
    pub(crate) fn as_ptr(self) -> Pointer {
        self.0.as_ptr()
    }

    #[inline(always)]
    pub(crate) fn as_non_null(self) -> NonNull<ffi::PyObject> {
        self.0
    }

    /// Its class.
    #[inline(always)]
    pub(crate) fn class(self) -> *mut ffi::PyTypeObject {
        // SAFETY: it is alive.
        unsafe { ffi::Py_TYPE(self.as_ptr()) }
    }

    /// Whether it is of exactly this class.
    #[inline(always)]
    pub(crate) fn is_exactly(self, class: *mut ffi::PyTypeObject) -> bool {
        self.class() == class
    }

    /// What it holds, if it is of exactly this class.
    #[inline(always)]
    pub(crate) fn get<T: KnownClass>(self) -> Option<&'a T> {
        // SAFETY: the class has been looked at; a frozen class is only ever borrowed.
        self.is_exactly(T::class()).then(|| unsafe { self.get_unchecked() })
    }

    /// What it holds.
    ///
    /// # Safety
    /// It is of this class, or of a subclass.
    #[inline(always)]
    pub(crate) unsafe fn get_unchecked<T: PyClass<Frozen = True> + Sync>(self) -> &'a T {
        // SAFETY: by the caller's promise. Whoever has a live object is attached.
        unsafe {
            let object: *const T = self.bind(Python::assume_attached()).cast_unchecked::<T>().get();
            &*object
        }
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
        unsafe { ffi::PyObject_IS_GC(self.as_ptr()) != 0 }
    }

    /// Bytes that every object of its class has.
    #[inline]
    pub(crate) fn basic_size(self) -> usize {
        // SAFETY: the class of a live object is alive.
        unsafe { (*self.class()).tp_basicsize as usize }
    }

    /// The name of its class.
    pub(crate) fn class_name(self) -> &'a CStr {
        // SAFETY: the class of a live object is alive, and has a name.
        unsafe { CStr::from_ptr((*self.class()).tp_name) }
    }

    /// Whether it is an iterator.
    #[inline]
    pub(crate) fn is_iterator(self) -> bool {
        // SAFETY: it is alive; types are initialised, and their slots are only read.
        unsafe { (*self.class()).tp_iternext.is_some() && ffi::PyIter_Check(self.as_ptr()) != 0 }
    }

    /// Whether it can be awaited.
    #[inline]
    pub(crate) fn is_awaitable(self) -> bool {
        self.async_methods().is_some_and(|methods| methods.am_await.is_some())
    }

    /// Whether it is an asynchronous iterator.
    #[inline]
    pub(crate) fn is_async_iterator(self) -> bool {
        self.async_methods().is_some_and(|methods| methods.am_anext.is_some())
    }

    #[inline(always)]
    fn async_methods(self) -> Option<&'a ffi::PyAsyncMethods> {
        // SAFETY: types are initialised, and their slots are only read.
        unsafe { (*self.class()).tp_as_async.as_ref() }
    }

    /// How many references there are to it.
    #[inline]
    pub(crate) fn references(self) -> isize {
        // SAFETY: it is alive.
        unsafe { ffi::Py_REFCNT(self.as_ptr()) }
    }

    #[inline]
    pub(crate) fn bind<'py>(self, py: Python<'py>) -> Borrowed<'a, 'py, PyAny> {
        // SAFETY: it is alive.
        unsafe { borrow(py, self.as_ptr()) }
    }

    /// Another reference to it.
    #[inline]
    pub(crate) fn to_object(self) -> Object {
        // SAFETY: it is alive.
        unsafe { Object::from_borrowed(self.as_ptr()) }
    }

    /// Shows it to a garbage collection.
    pub(crate) fn visit(self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // SAFETY: `Py` has the same layout, a pointer to a live object, and is only borrowed.
        let object: &Py<PyAny> = unsafe { &*std::ptr::from_ref(&self.0).cast() };
        visit.call(object)
    }

    #[inline(always)]
    pub(crate) fn is_none(self) -> bool {
        self.is(ffi::Py_None)
    }

    #[inline(always)]
    pub(crate) fn is_ellipsis(self) -> bool {
        self.is(ffi::Py_Ellipsis)
    }

    #[inline(always)]
    pub(crate) fn is_true(self) -> bool {
        self.is(ffi::Py_True)
    }

    #[inline(always)]
    pub(crate) fn is_false(self) -> bool {
        self.is(ffi::Py_False)
    }

    #[inline(always)]
    #[cfg_attr(Py_3_12, expect(dead_code, reason = "there objects say themselves that they are there for ever"))]
    pub(crate) fn is_not_implemented(self) -> bool {
        self.is(ffi::Py_NotImplemented)
    }

    /// Whether it is what CPython has one of.
    #[inline(always)]
    fn is(self, only: unsafe fn() -> Pointer) -> bool {
        // SAFETY: these only say where it is, and it is there as long as the interpreter.
        self.as_ptr() == unsafe { only() }
    }
}
