//! The arguments of a call, as CPython hands them over to a vectorcall slot.

use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::ffi::Pointer;
use crate::ffi::live::Live;

/// The arguments of a call, as vectorcall hands them over: they are alive for as long as it may be used.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    /// The positional ones, then the values of those that have names. Null is allowed where there are none.
    args: *const Live<'a>,
    /// How many positional ones there are, with a flag for whom they are handed on to.
    flagged_count: usize,
    /// A tuple, if there are any.
    names: Option<Live<'a>>,
}

impl<'a> Call<'a> {
    /// # Safety
    /// These are the arguments that CPython gave to a vectorcall slot, and the call goes on as long as this may be used.
    #[inline(always)]
    pub(crate) unsafe fn from_slot(args: *const Pointer, flagged_count: usize, names: Pointer) -> Self {
        // SAFETY: what CPython hands over is alive.
        Self { args: args.cast(), flagged_count, names: unsafe { Live::or_null(names) } }
    }

    /// A call with these values, of which the last have these names, if there are any: a tuple.
    ///
    /// # Panics
    /// If there are more names than values, or they are no tuple.
    #[inline(always)]
    pub(crate) fn of(values: &'a [Live<'a>], names: Option<Live<'a>>) -> Self {
        let call = Self { args: values.as_ptr(), flagged_count: 0, names };
        assert!(names.is_none_or(|names| names.has_feature(ffi::Py_TPFLAGS_TUPLE_SUBCLASS)), "names are a tuple");
        assert!(call.keyword_count() <= values.len(), "each name has a value");
        Self { flagged_count: values.len() - call.keyword_count(), ..call }
    }

    /// The first positional argument, and a call with the others.
    pub(crate) fn split_first(self) -> Option<(Live<'a>, Self)> {
        let (&first, rest) = self.values().split_first().filter(|_| self.count() > 0)?;
        Some((first, Self { args: rest.as_ptr(), flagged_count: self.count() - 1, names: self.names }))
    }

    /// How many positional arguments there are.
    #[inline(always)]
    pub(crate) fn count(self) -> usize {
        // SAFETY: it only takes a flag off.
        unsafe { ffi::PyVectorcall_NARGS(self.flagged_count) as usize }
    }

    /// The names of keyword arguments, if there are any.
    #[inline(always)]
    pub(crate) fn names(self) -> Option<Live<'a>> {
        self.names
    }

    /// How many keyword arguments there are.
    #[inline(always)]
    pub(crate) fn keyword_count(self) -> usize {
        // SAFETY: the names are a tuple.
        self.names.map_or(0, |names| unsafe { ffi::PyTuple_GET_SIZE(names.as_ptr()) as usize })
    }

    /// Names and values of the keyword arguments.
    #[inline(always)]
    pub(crate) fn keywords(self) -> impl Iterator<Item = (Live<'a>, Live<'a>)> {
        let (given, names) = (self.count(), self.names.map_or(null_mut(), Live::as_ptr));
        (0..self.keyword_count()).map(move |number| {
            // SAFETY: there are that many names, and their values follow the positional arguments.
            unsafe {
                let name = ffi::PyTuple_GET_ITEM(names, number as ffi::Py_ssize_t);
                (Live::new(name), *self.args.add(given + number))
            }
        })
    }

    /// The values of all arguments.
    #[inline(always)]
    pub(crate) fn values(self) -> &'a [Live<'a>] {
        self.first(self.count() + self.keyword_count())
    }

    /// The positional arguments.
    #[inline(always)]
    pub(crate) fn positional(self) -> &'a [Live<'a>] {
        self.first(self.count())
    }

    /// So many values, which there have to be.
    #[inline(always)]
    fn first(self, count: usize) -> &'a [Live<'a>] {
        // SAFETY: there are that many, alive during the call.
        if count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(self.args, count) } }
    }

    /// As `PyObject_Vectorcall` wants them.
    #[inline(always)]
    pub(super) fn into_raw(self) -> (*const Pointer, usize, Pointer) {
        (self.args.cast(), self.flagged_count, self.names.map_or(null_mut(), Live::as_ptr))
    }
}

/// The arguments of a call as a tuple and a dict, if any have names.
pub(crate) fn pack<'py>(
    py: Python<'py>,
    call: Call<'_>,
) -> PyResult<(Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>)> {
    let args = call.positional().iter().map(|argument| argument.bind(py).to_owned());
    let args = PyTuple::new(py, args.collect::<Vec<_>>())?;
    if call.keyword_count() == 0 {
        return Ok((args, None));
    }
    let kwargs = PyDict::new(py);
    for (name, value) in call.keywords() {
        kwargs.set_item(name.bind(py), value.bind(py))?;
    }
    Ok((args, Some(kwargs)))
}
