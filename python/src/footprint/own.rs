//! What one object takes, without what it refers to: as `sys.getsizeof` says, without a call for the usual types.

use std::ffi::c_ulong;

use pyo3::ffi;
use pyo3::prelude::*;

use crate::ffi::foreign::ask_quickly;
use crate::ffi::live::Live;
use crate::hooks;
use crate::key::frozen::Frozen;

/// What the collector of garbage keeps before an object.
pub(super) const GC_HEAD_BYTES: usize = 16;
pub(super) const WORD_BYTES: usize = size_of::<usize>();
/// Objects of the class have a `__dict__` that is made when it is asked for; until then their attributes lie in a table of values.
const KEEPS_VALUES: c_ulong = if cfg!(Py_3_13) { INLINE_VALUES } else { 1 << 4 };
/// From Python 3.13 on, that table is a part of the object.
const INLINE_VALUES: c_ulong = 1 << 2;
/// The most attributes that such a table holds.
const MOST_VALUES: usize = 29;

/// Bytes of any object by its own `__sizeof__`.
pub(super) fn own_bytes(py: Python<'_>, object: Live<'_>) -> PyResult<usize> {
    let getsizeof = hooks::GETSIZEOF.get(py)?;
    ask_quickly(py, Live::bound(&getsizeof), &[object])?.bind(py).extract()
}

/// Bytes that an object of its type has at least.
pub(super) fn least_bytes(object: Live<'_>) -> usize {
    let head = if object.is_collected() { GC_HEAD_BYTES } else { 0 };
    head + object.basic_size()
}

/// Bytes of the table of an object's attributes, which `__sizeof__` leaves out: it has a byte for each beside the attribute itself.
/// It shows so many objects to a collection: its class and its attributes.
pub(super) fn attribute_bytes(object: Live<'_>, shown: usize) -> usize {
    let dict_bytes = if shown > 1 + MOST_VALUES { None } else { dict_bytes(object) };
    let Some(dict_bytes) = dict_bytes else { return 0 };
    let head = if cfg!(Py_3_13) { WORD_BYTES + shown } else { shown + 2 };
    dict_bytes + shown * WORD_BYTES + head.next_multiple_of(WORD_BYTES)
}

/// Bytes of the `__dict__` over an object's table of attributes, which a collection is not shown; None if there is no such table.
fn dict_bytes(object: Live<'_>) -> Option<usize> {
    if !object.has_feature(KEEPS_VALUES) {
        return None;
    }
    // SAFETY: objects of such classes have two words before the head of the collector. Before Python 3.13 a dict takes the place of the
    // table: in 3.11 the nearer word is the dict; in 3.12 it is either, and its lowest bit says that it is the table. From 3.13 on the
    // table is a part of the object, and the word is a dict that refers to it.
    unsafe {
        let dict = *object.as_ptr().cast::<usize>().sub(3);
        if cfg!(Py_3_13) {
            Some(if dict == 0 { 0 } else { GC_HEAD_BYTES + size_of::<ffi::PyDictObject>() })
        } else {
            (dict == 0 || cfg!(Py_3_12) && dict & 1 == 1).then_some(0)
        }
    }
}

/// Bytes that a frozen container of a key holds beside its parts.
pub(super) fn frozen_bytes(object: Live<'_>) -> usize {
    Frozen::of(object).map_or(0, Frozen::written_bytes)
}
