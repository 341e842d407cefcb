//! Texts, read and made without a copy in between.

use hotset::codec::value::Text;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::ffi::object::Object;
use crate::key::layout::TextRef;

/// The characters of a text.
pub(super) enum Characters<'a> {
    /// ASCII.
    Plain(&'a [u8]),
    /// One byte each, up to U+00FF.
    One(&'a [u8]),
    /// Two bytes each.
    Two(&'a [u16]),
    /// Four bytes each.
    Four(&'a [u32]),
}

impl<'a> Characters<'a> {
    /// Those of a text.
    #[inline]
    pub(super) fn of(text: TextRef<'a>) -> Self {
        let state = text.state();
        match state.width() {
            1 if state.is_ascii() => Self::Plain(text.characters()),
            1 => Self::One(text.characters()),
            2 => Self::Two(text.characters()),
            _ => Self::Four(text.characters()),
        }
    }

    /// The text as UTF-8, which is put into `scratch` if it is not there already; `None` if it has none.
    #[inline]
    pub(super) fn utf8<'b>(&self, scratch: &'b mut String) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        scratch.clear();
        match self {
            Self::Plain(bytes) => return Some(bytes),
            Self::One(bytes) => scratch.extend(bytes.iter().map(|&byte| char::from(byte))),
            Self::Two(units) => extend(scratch, units.iter().map(|&unit| u32::from(unit)))?,
            Self::Four(units) => extend(scratch, units.iter().copied())?,
        }
        Some(scratch.as_bytes())
    }

    /// The code points of a text that has no UTF-8.
    pub(super) fn points(&self) -> Vec<u32> {
        match self {
            Self::Plain(bytes) | Self::One(bytes) => bytes.iter().map(|&byte| u32::from(byte)).collect(),
            Self::Two(units) => units.iter().map(|&unit| u32::from(unit)).collect(),
            Self::Four(units) => units.to_vec(),
        }
    }
}

fn extend(text: &mut String, points: impl Iterator<Item = u32>) -> Option<()> {
    for point in points {
        text.push(char::from_u32(point)?);
    }
    Some(())
}

/// A text.
#[inline]
pub(super) fn make(py: Python<'_>, text: Text<'_>) -> PyResult<Object> {
    let bytes = text.as_bytes();
    let length = bytes.len() as ffi::Py_ssize_t;
    // SAFETY: a new text has room for the characters that it is made for, and nobody else has it yet.
    unsafe {
        // Shorter ones are there already.
        if length > 1 && matches!(text, Text::Plain(_)) {
            let made = Object::from_result(py, ffi::PyUnicode_New(length, 127))?;
            // Behind the head, as in all that are ASCII.
            let data = made.as_ptr().cast::<ffi::PyASCIIObject>().add(1).cast::<u8>();
            data.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            return Ok(made);
        }
        Object::from_result(py, ffi::PyUnicode_DecodeUTF8(bytes.as_ptr().cast(), length, std::ptr::null()))
    }
}

/// The text of code points of four bytes; `None` if one of them is none.
pub(super) fn from_points(py: Python<'_>, bytes: &[u8]) -> Option<PyResult<Object>> {
    let points: Vec<u32> = bytes.as_chunks().0.iter().map(|&four| u32::from_le_bytes(four)).collect();
    if points.iter().any(|&point| point > u32::from(char::MAX)) {
        return None;
    }
    let kind = ffi::PyUnicode_4BYTE_KIND as i32;
    let (points, count) = (points.as_ptr().cast(), points.len() as ffi::Py_ssize_t);
    // SAFETY: there are as many points, all of which are in range; what is made is new, or null.
    Some(unsafe { Object::from_result(py, ffi::PyUnicode_FromKindAndData(kind, points, count)) })
}
