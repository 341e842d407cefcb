//! The arguments of a call, as CPython hands them over to a vectorcall slot.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::ffi::Pointer;
use crate::ffi::object::borrow;

/// The arguments of a call, as vectorcall hands them over.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) args: *const Pointer,
    pub(crate) flagged_count: usize,
    pub(crate) names: Pointer,
}

impl Call {
    /// How many positional arguments there are.
    #[inline(always)]
    pub(crate) fn count(self) -> usize {
        // SAFETY: it only takes a flag off.
        unsafe { ffi::PyVectorcall_NARGS(self.flagged_count) as usize }
    }

    /// The positional argument of this number.
    ///
    /// # Safety
    /// There is such an argument.
    #[inline(always)]
    pub(crate) unsafe fn arg(self, number: usize) -> Pointer {
        // SAFETY: by the caller's promise.
        unsafe { *self.args.add(number) }
    }

    /// How many keyword arguments there are.
    #[inline(always)]
    pub(crate) fn keyword_count(self) -> usize {
        // SAFETY: the names are null or a tuple.
        if self.names.is_null() { 0 } else { unsafe { ffi::PyTuple_GET_SIZE(self.names) as usize } }
    }

    /// Name and value of the keyword argument of this number.
    ///
    /// # Safety
    /// There is such an argument.
    #[inline(always)]
    pub(crate) unsafe fn keyword(self, number: usize) -> (Pointer, Pointer) {
        // SAFETY: values of keyword arguments follow the positional ones.
        unsafe { (ffi::PyTuple_GET_ITEM(self.names, number as ffi::Py_ssize_t), *self.args.add(self.count() + number)) }
    }

    /// The values of all arguments, for as long as the call lasts.
    #[inline(always)]
    pub(crate) fn values<'a>(self) -> &'a [Pointer] {
        let total = self.count() + self.keyword_count();
        if total == 0 {
            return &[];
        }
        // SAFETY: there are that many.
        unsafe { std::slice::from_raw_parts(self.args, total) }
    }

    /// The positional arguments, for as long as the call lasts.
    #[inline(always)]
    pub(crate) fn positional<'a>(self) -> &'a [Pointer] {
        if self.count() == 0 {
            return &[];
        }
        // SAFETY: there are that many.
        unsafe { std::slice::from_raw_parts(self.args, self.count()) }
    }
}

/// The arguments of a call as a tuple and a dict or null.
pub(crate) fn pack<'py>(
    py: Python<'py>,
    call: Call,
) -> PyResult<(Bound<'py, PyTuple>, Option<Bound<'py, pyo3::types::PyDict>>)> {
    // SAFETY: the arguments are alive during the call.
    let args = call.positional().iter().map(|&argument| unsafe { borrow(py, argument).to_owned() });
    let args = PyTuple::new(py, args.collect::<Vec<_>>())?;
    if call.keyword_count() == 0 {
        return Ok((args, None));
    }
    let kwargs = pyo3::types::PyDict::new(py);
    for number in 0..call.keyword_count() {
        // SAFETY: there are that many, alive during the call.
        unsafe {
            let (name, value) = call.keyword(number);
            kwargs.set_item(borrow(py, name), borrow(py, value))?;
        }
    }
    Ok((args, Some(kwargs)))
}
