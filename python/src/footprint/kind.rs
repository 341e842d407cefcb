//! What can be said of an object by its type, without a call: what it takes, and whether there is more to it.

use pyo3::ffi;

use crate::ffi::live::Live;
use crate::ffi::{Pointer, class};
use crate::footprint::own::{GC_HEAD_BYTES, WORD_BYTES};
use crate::key::layout::{IntRef, TextRef};

/// Bits of a digit of an `int`, and the bytes that it takes.
const DIGIT: u32 = 30;
const DIGIT_BYTES: usize = 4;
/// The `int`s that CPython makes once.
const SMALL: std::ops::RangeInclusive<i64> = -5..=256;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is there as long as the interpreter, or as anything that has the same text.
    Eternal,
    /// It takes so much and refers to nothing.
    Plain(usize),
    /// A built-in container, which takes so much where that is known.
    Container(Option<usize>),
    /// Anything else.
    Other,
}

impl Kind {
    /// # Safety
    /// The object is alive.
    #[inline]
    pub(super) unsafe fn of(object: Pointer) -> Self {
        // SAFETY: each layout is read of an object of exactly that type.
        unsafe {
            let class = ffi::Py_TYPE(object);
            let basic = (*class).tp_basicsize as usize;
            if class == class!(PyUnicode_Type) {
                of_text(object)
            } else if let Some(int) = IntRef::of(Live::new(object)) {
                int.small().map_or(Self::Other, |value| of_int(basic, value))
            } else if class == class!(PyFloat_Type) || class == class!(PyComplex_Type) {
                Self::Plain(basic)
            } else if class == class!(PyList_Type) {
                let allocated = (*object.cast::<ffi::PyListObject>()).allocated as usize;
                Self::Container(Some(GC_HEAD_BYTES + basic + allocated * WORD_BYTES))
            } else if class == class!(PyTuple_Type) {
                match ffi::PyTuple_GET_SIZE(object) as usize {
                    0 => Self::Eternal,
                    length => Self::Container(Some(GC_HEAD_BYTES + basic + length * WORD_BYTES)),
                }
            } else if class == class!(PyDict_Type) || class == class!(PySet_Type) || class == class!(PyFrozenSet_Type) {
                Self::Container(None)
            } else if class == class!(PyBytes_Type) {
                Self::Plain(basic + ffi::Py_SIZE(object) as usize)
            } else if is_immortal(object) {
                Self::Eternal
            } else {
                Self::Other
            }
        }
    }
}

fn of_int(basic: usize, value: i64) -> Kind {
    if SMALL.contains(&value) {
        return Kind::Eternal;
    }
    let digits = if value.unsigned_abs() < 1 << DIGIT { 1 } else { 2 };
    Kind::Plain(basic + digits * DIGIT_BYTES)
}

/// A text takes its head, its characters and, if somebody has asked for it, its UTF-8.
///
/// # Safety
/// The object is exactly a `str` and alive.
unsafe fn of_text(text: Pointer) -> Kind {
    // SAFETY: by the caller's promise; a compact text that is not ASCII has the longer head.
    unsafe {
        let Some(state) = TextRef::of(Live::new(text)).map(TextRef::state) else { return Kind::Other };
        if state.is_interned() {
            return Kind::Eternal;
        }
        let characters = (ffi::PyUnicode_GET_LENGTH(text) as usize + 1) * state.width();
        if !state.is_compact() {
            return Kind::Other;
        }
        if state.is_ascii() {
            return Kind::Plain(size_of::<ffi::PyASCIIObject>() + characters);
        }
        let compact = text.cast::<ffi::PyCompactUnicodeObject>();
        let utf8 = if (*compact).utf8.is_null() { 0 } else { (*compact).utf8_length as usize + 1 };
        Kind::Plain(size_of::<ffi::PyCompactUnicodeObject>() + characters + utf8)
    }
}

#[cfg(Py_3_12)]
unsafe fn is_immortal(object: Pointer) -> bool {
    // SAFETY: the object is alive.
    unsafe { (ffi::Py_REFCNT(object) as i32) < 0 }
}

#[cfg(not(Py_3_12))]
unsafe fn is_immortal(object: Pointer) -> bool {
    // SAFETY: these are there as long as the interpreter.
    unsafe {
        let singletons =
            [ffi::Py_None(), ffi::Py_True(), ffi::Py_False(), ffi::Py_Ellipsis(), ffi::Py_NotImplemented()];
        singletons.contains(&object)
    }
}
