//! What is read directly from the memory of built-in objects, because asking through a call costs more than the rest of a hit.

use pyo3::ffi;

use crate::ffi::Pointer;

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

/// Whether a garbage collection goes on that has found an object to be garbage, and a finalizer uses it. Where there is no GIL it is not
/// known.
///
/// # Safety
/// The object is alive and the thread is attached.
pub(crate) unsafe fn is_being_collected(object: Pointer) -> bool {
    /// What comes before an object that a collection can see, a word each: the next such object with flags, the one before with flags.
    const BEFORE: isize = -1;
    const COLLECTING: usize = 1 << 1;
    // SAFETY: an object that a collection can see has such a head.
    unsafe {
        !cfg!(Py_GIL_DISABLED)
            && ffi::PyObject_IS_GC(object) != 0
            && *object.cast::<usize>().offset(BEFORE) & COLLECTING != 0
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

/// What the head of a `str` says of it, in the bits of `PyASCIIObject.state`, which have lain so from Python 3.11 to 3.15.
#[derive(Clone, Copy)]
pub(crate) struct TextState(u32);

impl TextState {
    /// # Safety
    /// The object is exactly a `str` and alive.
    #[inline(always)]
    pub(crate) unsafe fn of(text: Pointer) -> Self {
        // SAFETY: every `str` begins with this struct.
        unsafe {
            if cfg!(any(Py_GIL_DISABLED, target_endian = "big")) {
                // The bits lie otherwise there: what can be asked for is that of a text that is not in one piece.
                return Self((ffi::PyUnicode_KIND(text) as u32) << 2);
            }
            Self((*text.cast::<ffi::PyASCIIObject>()).state)
        }
    }

    /// Whether the interpreter keeps it once, as it does names.
    #[inline]
    pub(crate) fn is_interned(self) -> bool {
        self.0 & 0b11 != 0
    }

    /// Bytes of a character: 1, 2 or 4.
    #[inline(always)]
    pub(crate) fn width(self) -> usize {
        (self.0 >> 2 & 0b111) as usize
    }

    /// Whether head and characters are in one piece.
    #[inline(always)]
    pub(crate) fn is_compact(self) -> bool {
        self.0 >> 5 & 1 != 0
    }

    /// Whether all characters are ASCII.
    #[inline(always)]
    pub(crate) fn is_ascii(self) -> bool {
        self.0 >> 6 & 1 != 0
    }
}

/// Where the characters of a `str` are.
///
/// # Safety
/// The object is exactly a `str` and alive.
#[inline(always)]
pub(crate) unsafe fn text_data(text: Pointer) -> *const u8 {
    // SAFETY: the characters of one in one piece lie behind its head, which is longer where they are not ASCII.
    unsafe {
        let state = TextState::of(text);
        if !state.is_compact() {
            ffi::PyUnicode_DATA(text).cast()
        } else if state.is_ascii() {
            text.cast::<ffi::PyASCIIObject>().add(1).cast()
        } else {
            text.cast::<ffi::PyCompactUnicodeObject>().add(1).cast()
        }
    }
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
        let width = TextState::of(left).width();
        if length != ffi::PyUnicode_GET_LENGTH(right) || width != TextState::of(right).width() {
            return false;
        }
        let bytes = length as usize * width;
        let data = |text: Pointer| std::slice::from_raw_parts(text_data(text), bytes);
        data(left) == data(right)
    }
}
