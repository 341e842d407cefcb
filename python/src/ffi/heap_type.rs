//! Types that are made by hand, slot by slot, as C extensions do.

use std::ffi::{CStr, c_int, c_uint, c_ulong, c_void};
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::ffi::Pointer;
use crate::ffi::live::Live;
use crate::ffi::object::Object;

/// What a slot is called with, made of what C hands over.
pub(crate) trait FromSlot {
    type Raw;

    /// # Safety
    /// CPython has called a slot with this that is for such a thing, and it is used during that call only.
    unsafe fn from_slot(raw: Self::Raw) -> Self;
}

impl FromSlot for Live<'_> {
    type Raw = Pointer;
    unsafe fn from_slot(raw: Pointer) -> Self {
        // SAFETY: by the caller's promise.
        unsafe { Self::new(raw) }
    }
}

impl FromSlot for Option<Live<'_>> {
    type Raw = Pointer;
    unsafe fn from_slot(raw: Pointer) -> Self {
        // SAFETY: by the caller's promise.
        unsafe { Live::or_null(raw) }
    }
}

impl FromSlot for c_int {
    type Raw = Self;
    unsafe fn from_slot(raw: Self) -> Self {
        raw
    }
}

/// Shows objects, of which some may be null, to a garbage collection, and the class first.
///
/// # Safety
/// CPython has called `tp_traverse` of the object with the function and the argument.
pub(crate) unsafe fn show<const N: usize>(
    object: Pointer,
    reached: [Pointer; N],
    visit: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: it is alive.
    let class = unsafe { ffi::Py_TYPE(object) };
    let reached = std::iter::once(class.cast()).chain(reached).filter(|reached| !reached.is_null());
    // SAFETY: by the caller's promise.
    let mut shown = reached.map(|reached| unsafe { visit(reached, argument) });
    shown.find(|&result| result != 0).unwrap_or(0)
}

/// Hides an object from collections of garbage, and ends the weak references to it.
///
/// # Safety
/// CPython has called `tp_dealloc` of the object, and this is what it has at the offset of weak references.
pub(crate) unsafe fn leave(object: Pointer, weak_references: Pointer) {
    // SAFETY: by the caller's promise.
    unsafe {
        ffi::PyObject_GC_UnTrack(object.cast());
        if !weak_references.is_null() {
            ffi::PyObject_ClearWeakRefs(object);
        }
    }
}

/// Frees an object whose class was made by hand and that nobody refers to.
///
/// # Safety
/// CPython has called `tp_dealloc` of the object, and it is empty and not tracked any more.
pub(crate) unsafe fn free(object: Pointer) {
    // SAFETY: by the caller's promise; the object was the class's.
    unsafe {
        let class = ffi::Py_TYPE(object);
        ffi::PyObject_GC_Del(object.cast());
        ffi::Py_DECREF(class.cast());
    }
}

/// The name that an attribute table has for a getter.
pub(crate) struct AttributeName(*mut c_void);

impl AttributeName {
    /// The attribute of an object that has this name.
    pub(crate) fn of(&self, object: &Bound<'_, PyAny>) -> PyResult<Object> {
        // SAFETY: tables have texts.
        unsafe { Object::from_result(object.py(), ffi::PyObject_GetAttrString(object.as_ptr(), self.0.cast())) }
    }
}

impl FromSlot for AttributeName {
    type Raw = *mut c_void;
    unsafe fn from_slot(raw: *mut c_void) -> Self {
        Self(raw)
    }
}

/// Functions for slots, which C calls: each is given what its slot is for, and returns an object or an error.
macro_rules! slots {
    ($($(#[$meta:meta])* $visible:vis fn $name:ident($py:ident $(, $given:ident: $kind:ty)* $(,)?) $action:block)*) => {$(
        $(#[$meta])*
        $visible unsafe extern "C" fn $name(
            $($given: <$kind as $crate::ffi::heap_type::FromSlot>::Raw),*
        ) -> $crate::ffi::Pointer {
            // SAFETY: CPython calls a slot with what it is for, alive during the call.
            let ($($given,)*) = unsafe { ($(<$kind as $crate::ffi::heap_type::FromSlot>::from_slot($given),)*) };
            $crate::ffi::object::Object::give($crate::ffi::guard::guard(|$py| $action))
        }
    )*};
}

pub(crate) use slots;

/// A type to be made.
pub(crate) struct NewType<'py> {
    pub(crate) name: &'static CStr,
    pub(crate) base: Option<Bound<'py, PyType>>,
    /// Bytes of an object; 0 for those of the base.
    pub(crate) size: usize,
    pub(crate) flags: c_ulong,
    pub(crate) slots: Vec<ffi::PyType_Slot>,
}

impl NewType<'_> {
    pub(crate) fn make(mut self, py: Python<'_>) -> PyResult<Py<PyType>> {
        self.slots.push(slot(0, ptr::null()));
        let mut spec = ffi::PyType_Spec {
            name: self.name.as_ptr(),
            basicsize: self.size as c_int,
            itemsize: 0,
            flags: self.flags as c_uint,
            slots: self.slots.as_mut_ptr(),
        };
        let base = self.base.map_or(ptr::null_mut(), |base| base.as_ptr());
        // SAFETY: the spec is complete, and what it points to that has to stay has been leaked or is static.
        let class = unsafe { Object::from_result(py, ffi::PyType_FromSpecWithBases(&raw mut spec, base))? };
        Ok(class.into_bound(py).cast_into::<PyType>()?.unbind())
    }
}

pub(crate) fn slot(slot: c_int, pfunc: *const c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot, pfunc: pfunc.cast_mut() }
}

/// A special member that tells where in an object something is.
pub(crate) fn offset(name: &'static CStr, offset: usize) -> ffi::PyMemberDef {
    ffi::PyMemberDef {
        name: name.as_ptr(),
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset as ffi::Py_ssize_t,
        flags: ffi::Py_READONLY,
        doc: ptr::null(),
    }
}

/// A member table with its end.
pub(crate) fn members<const N: usize>(members: [ffi::PyMemberDef; N]) -> Vec<ffi::PyMemberDef> {
    let end = ffi::PyMemberDef { name: ptr::null(), type_code: 0, offset: 0, flags: 0, doc: ptr::null() };
    members.into_iter().chain([end]).collect()
}

/// An attribute table with its end.
pub(crate) fn attributes(attributes: impl IntoIterator<Item = ffi::PyGetSetDef>) -> Vec<ffi::PyGetSetDef> {
    let end = ffi::PyGetSetDef { name: ptr::null(), get: None, set: None, doc: ptr::null(), closure: ptr::null_mut() };
    attributes.into_iter().chain([end]).collect()
}

/// A method table with its end.
pub(crate) fn methods(methods: impl Iterator<Item = ffi::PyMethodDef>) -> Vec<ffi::PyMethodDef> {
    methods.chain([ffi::PyMethodDef::zeroed()]).collect()
}

/// A table that types point to for ever.
pub(crate) fn leaked<T>(table: Vec<T>) -> *const T {
    Box::leak(table.into_boxed_slice()).as_ptr()
}
