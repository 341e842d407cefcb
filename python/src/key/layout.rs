//! What is read directly from the memory of built-in objects, because asking through a call costs more than the rest of a hit.

use pyo3::ffi;

use crate::key::exact::Pointer;

#[repr(C)]
struct Int {
    head: ffi::PyObject,
    /// Since Python 3.12 the number of digits from bit 3 on, and 0, 1 or 2 in the lowest bits for positive, zero and negative; before, the
    /// number of digits, negative for negative numbers.
    size: isize,
    /// 30 bits each, the lowest first. There is room for one at least, which can be read where the number is zero.
    digits: [u32; 1],
}

/// Bits of a digit.
const DIGIT: u32 = 30;

/// The number of digits, and whether the number is negative.
#[inline(always)]
fn measure(size: isize) -> (usize, bool) {
    if cfg!(Py_3_12) { (size as usize >> 3, size & 3 == 2) } else { (size.unsigned_abs(), size < 0) }
}

/// The value of an `int` of one or two digits, which is below 2^60.
///
/// # Safety
/// The object is exactly an `int` and alive.
#[inline(always)]
pub(crate) unsafe fn small_int(number: Pointer) -> Option<i64> {
    // SAFETY: every int has this layout, with as many digits as it says, and one at least.
    unsafe {
        let int = number.cast::<Int>();
        let size = (*int).size;
        let digits = (&raw const (*int).digits).cast::<u32>();
        let (count, negative) = measure(size);
        if count <= 1 {
            let sign = if cfg!(Py_3_12) { 1 - (size & 3) } else { size };
            return Some(sign as i64 * i64::from(*digits));
        }
        let value = i64::from(*digits) | i64::from(*digits.add(1)) << DIGIT;
        (count == 2).then_some(if negative { -value } else { value })
    }
}

/// The digits of an `int`, the lowest first.
///
/// # Safety
/// The object is exactly an `int` and outlives the result.
pub(crate) unsafe fn digits<'a>(number: Pointer) -> &'a [u32] {
    // SAFETY: every int has this layout, with as many digits as it says.
    unsafe {
        let int = number.cast::<Int>();
        std::slice::from_raw_parts((&raw const (*int).digits).cast::<u32>(), measure((*int).size).0)
    }
}

/// Whether two `int`s are equal.
///
/// # Safety
/// Both are exactly an `int` and alive.
#[inline(always)]
pub(crate) unsafe fn equal_ints(left: Pointer, right: Pointer) -> bool {
    // SAFETY: every int has this layout, with as many digits as it says.
    unsafe { (*left.cast::<Int>()).size == (*right.cast::<Int>()).size && digits(left) == digits(right) }
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

/// Whether two `str`s are equal.
///
/// # Safety
/// Both are exactly a `str` and alive.
#[inline(always)]
pub(crate) unsafe fn equal_texts(left: Pointer, right: Pointer) -> bool {
    // SAFETY: a str has as many characters of its kind as it says.
    unsafe {
        let length = ffi::PyUnicode_GET_LENGTH(left);
        let kind = ffi::PyUnicode_KIND(left);
        if length != ffi::PyUnicode_GET_LENGTH(right) || kind != ffi::PyUnicode_KIND(right) {
            return false;
        }
        let bytes = length as usize * kind as usize;
        let data = |text: Pointer| std::slice::from_raw_parts(ffi::PyUnicode_DATA(text).cast::<u8>(), bytes);
        data(left) == data(right)
    }
}
