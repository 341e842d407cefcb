//! Types that are made by hand, slot by slot, as C extensions do.

use std::ffi::{CStr, c_int, c_uint, c_ulong, c_void};
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::ffi::object::Object;

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

/// A method table with its end.
pub(crate) fn methods(methods: impl Iterator<Item = ffi::PyMethodDef>) -> Vec<ffi::PyMethodDef> {
    methods.chain([ffi::PyMethodDef::zeroed()]).collect()
}

/// A table that types point to for ever.
pub(crate) fn leaked<T>(table: Vec<T>) -> *const T {
    Box::leak(table.into_boxed_slice()).as_ptr()
}
