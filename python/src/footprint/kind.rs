//! What can be said of an object by its type, without a call: what it takes, and whether there is more to it.

use pyo3::ffi;

use crate::ffi::class;
use crate::ffi::live::Live;
use crate::footprint::own::{GC_HEAD_BYTES, WORD_BYTES};
use crate::key::layout::{IntRef, TextRef, TupleRef};

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
    #[inline]
    pub(super) fn of(object: Live<'_>) -> Self {
        let (class, basic) = (object.class(), object.basic_size());
        if let Some(text) = TextRef::of(object) {
            of_text(text)
        } else if let Some(int) = IntRef::of(object) {
            int.small().map_or(Self::Other, |value| of_int(basic, value))
        } else if class == class!(PyFloat_Type) || class == class!(PyComplex_Type) {
            Self::Plain(basic)
        } else if class == class!(PyList_Type) {
            // SAFETY: it is a list.
            let allocated = unsafe { (*object.as_ptr().cast::<ffi::PyListObject>()).allocated as usize };
            Self::Container(Some(GC_HEAD_BYTES + basic + allocated * WORD_BYTES))
        } else if let Some(tuple) = TupleRef::of(object) {
            match tuple.len() {
                0 => Self::Eternal,
                length => Self::Container(Some(GC_HEAD_BYTES + basic + length * WORD_BYTES)),
            }
        } else if class == class!(PyDict_Type) || class == class!(PySet_Type) || class == class!(PyFrozenSet_Type) {
            Self::Container(None)
        } else if class == class!(PyBytes_Type) {
            // SAFETY: it is of bytes.
            Self::Plain(basic + unsafe { ffi::Py_SIZE(object.as_ptr()) } as usize)
        } else if is_immortal(object) {
            Self::Eternal
        } else {
            Self::Other
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
fn of_text(text: TextRef<'_>) -> Kind {
    let state = text.state();
    if state.is_interned() {
        return Kind::Eternal;
    }
    let characters = (text.length() + 1) * state.width();
    if !state.is_compact() {
        return Kind::Other;
    }
    if state.is_ascii() {
        return Kind::Plain(size_of::<ffi::PyASCIIObject>() + characters);
    }
    let compact = text.as_ptr().cast::<ffi::PyCompactUnicodeObject>();
    // SAFETY: a compact text that is not ASCII has the longer head.
    let (utf8, length) = unsafe { ((*compact).utf8, (*compact).utf8_length) };
    let utf8 = if utf8.is_null() { 0 } else { length as usize + 1 };
    Kind::Plain(size_of::<ffi::PyCompactUnicodeObject>() + characters + utf8)
}

#[cfg(Py_3_12)]
fn is_immortal(object: Live<'_>) -> bool {
    (object.references() as i32) < 0
}

#[cfg(not(Py_3_12))]
fn is_immortal(object: Live<'_>) -> bool {
    object.is_none() || object.is_ellipsis() || object.is_exactly(class!(PyBool_Type)) || object.is_not_implemented()
}
