//! What is read directly from the memory of built-in objects, because asking through a call costs more than the rest of a hit.

use pyo3::ffi;

use crate::exact::Pointer;

#[cfg(Py_3_12)]
#[repr(C)]
struct Int {
    head: ffi::PyObject,
    /// Number of digits from bit 3 on; the lowest two bits are 0, 1 or 2 for positive, zero and negative.
    tag: usize,
    digit: u32,
}

/// The value of an `int` of one digit.
///
/// # Safety
/// The object is exactly an `int` and alive.
#[cfg(Py_3_12)]
#[inline(always)]
pub(crate) unsafe fn small_int(number: Pointer) -> Option<i64> {
    const TWO_DIGITS: usize = 2 << 3;
    // SAFETY: since Python 3.12 every int has this layout, with room for one digit at least.
    let int = unsafe { &*number.cast::<Int>() };
    (int.tag < TWO_DIGITS).then(|| (1 - (int.tag & 3) as i64) * i64::from(int.digit))
}

#[cfg(not(Py_3_12))]
#[repr(C)]
struct Int {
    head: ffi::PyVarObject,
    digit: u32,
}

/// The value of an `int` of one digit.
///
/// # Safety
/// The object is exactly an `int` and alive.
#[cfg(not(Py_3_12))]
#[inline(always)]
pub(crate) unsafe fn small_int(number: Pointer) -> Option<i64> {
    // SAFETY: before Python 3.12 every int has this layout; the size is negative for negative numbers and 0 for zero, which has
    // a digit all the same.
    let int = unsafe { &*number.cast::<Int>() };
    let size = int.head.ob_size as i64;
    (-1..=1).contains(&size).then(|| size * i64::from(int.digit))
}

/// The hash of a `str` if it has been asked for before.
///
/// # Safety
/// The object is exactly a `str` and alive.
#[inline(always)]
pub(crate) unsafe fn cached_text_hash(text: Pointer) -> Option<ffi::Py_hash_t> {
    // SAFETY: every `str` begins with this struct, and its hash is -1 until it is first asked for.
    let hash = unsafe { (*text.cast::<ffi::PyASCIIObject>()).hash };
    (hash != -1).then_some(hash)
}
