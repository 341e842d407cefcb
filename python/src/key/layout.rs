//! What is read directly from the memory of built-in objects, because asking through a call costs more than the rest of a hit.

use pyo3::ffi;

use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::ffi::{Pointer, class};

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

/// An object that is exactly an `int`.
#[derive(Clone, Copy)]
pub(crate) struct IntRef<'a>(Live<'a>);

impl<'a> IntRef<'a> {
    #[inline(always)]
    pub(crate) fn of(object: Live<'a>) -> Option<Self> {
        object.is_exactly(class!(PyLong_Type)).then_some(Self(object))
    }

    #[inline(always)]
    fn layout(self) -> *const Int {
        self.0.as_ptr().cast()
    }

    /// Its value, if it has one or two digits, and so is below 2^60.
    #[inline(always)]
    pub(crate) fn small(self) -> Option<i64> {
        let (count, negative) = measure(self.size());
        if count <= 1 {
            let sign = if cfg!(Py_3_12) { 1 - (self.size() & 3) } else { self.size() };
            return Some(sign as i64 * self.digit(0));
        }
        let value = self.digit(0) | self.digit(1) << DIGIT;
        (count == 2).then_some(if negative { -value } else { value })
    }

    #[inline(always)]
    fn size(self) -> isize {
        // SAFETY: every int has this layout.
        unsafe { (*self.layout()).size }
    }

    /// One of the first two digits; the second is only asked for where there are two.
    #[inline(always)]
    fn digit(self, number: usize) -> i64 {
        debug_assert!(number == 0 || measure(self.size()).0 > number);
        // SAFETY: every int has this layout, with as many digits as it says, and one at least.
        unsafe { i64::from(*(&raw const (*self.layout()).digits).cast::<u32>().add(number)) }
    }

    /// Its digits, the lowest first.
    #[inline(always)]
    pub(crate) fn digits(self) -> &'a [u32] {
        // SAFETY: every int has this layout, with as many digits as it says.
        unsafe {
            std::slice::from_raw_parts((&raw const (*self.layout()).digits).cast::<u32>(), measure(self.size()).0)
        }
    }

    /// Its hash, as Python has it.
    pub(crate) fn hash(self) -> u64 {
        // SAFETY: hashing an exact int runs no Python code and cannot fail.
        unsafe { ffi::PyObject_Hash(self.0.as_ptr()) as u64 }
    }
}

impl PartialEq for IntRef<'_> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.size() == other.size() && self.digits() == other.digits()
    }
}

/// An object that is exactly a `float`.
pub(crate) struct FloatRef<'a>(Live<'a>);

impl<'a> FloatRef<'a> {
    #[inline(always)]
    pub(crate) fn of(object: Live<'a>) -> Option<Self> {
        object.is_exactly(class!(PyFloat_Type)).then_some(Self(object))
    }

    #[inline(always)]
    pub(crate) fn value(self) -> f64 {
        // SAFETY: it is a float.
        unsafe { ffi::PyFloat_AS_DOUBLE(self.0.as_ptr()) }
    }
}

/// An object that is exactly a tuple.
#[derive(Clone, Copy)]
pub(crate) struct TupleRef<'a>(Live<'a>);

impl<'a> TupleRef<'a> {
    #[inline(always)]
    pub(crate) fn of(object: Live<'a>) -> Option<Self> {
        object.is_exactly(class!(PyTuple_Type)).then_some(Self(object))
    }

    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        // SAFETY: it is a tuple.
        unsafe { ffi::PyTuple_GET_SIZE(self.0.as_ptr()) as usize }
    }

    #[inline(always)]
    pub(crate) fn items(self) -> impl Iterator<Item = Live<'a>> {
        // SAFETY: items of a live tuple are alive, and there are that many.
        (0..self.len()).map(move |n| unsafe { Live::new(ffi::PyTuple_GET_ITEM(self.0.as_ptr(), n as ffi::Py_ssize_t)) })
    }
}

/// Whether a garbage collection goes on that has found an object to be garbage, and a finalizer uses it. Where there is no GIL it is not
/// known.
pub(crate) fn is_being_collected(object: Live<'_>) -> bool {
    /// What comes before an object that a collection can see, a word each: the next such object with flags, the one before with flags.
    const BEFORE: isize = -1;
    const COLLECTING: usize = 1 << 1;
    // SAFETY: an object that a collection can see has such a head.
    unsafe {
        !cfg!(Py_GIL_DISABLED)
            && object.is_collected()
            && *object.as_ptr().cast::<usize>().offset(BEFORE) & COLLECTING != 0
    }
}

/// An object that is exactly a `str`.
#[derive(Clone, Copy)]
pub(crate) struct TextRef<'a>(Live<'a>);

impl<'a> TextRef<'a> {
    #[inline(always)]
    pub(crate) fn of(object: Live<'a>) -> Option<Self> {
        object.is_exactly(class!(PyUnicode_Type)).then_some(Self(object))
    }

    #[inline(always)]
    pub(crate) fn as_ptr(self) -> Pointer {
        self.0.as_ptr()
    }

    /// Another reference to it.
    pub(crate) fn to_object(self) -> Object {
        self.0.to_object()
    }

    /// Its hash, as Python has it.
    #[inline(always)]
    pub(crate) fn hash(self) -> u64 {
        // SAFETY: every `str` begins with this struct, and its hash is -1 until it is first asked for; hashing an exact str runs no Python
        // code and cannot fail.
        unsafe {
            let hash = (*self.as_ptr().cast::<ffi::PyASCIIObject>()).hash;
            (if hash == -1 { ffi::PyObject_Hash(self.as_ptr()) } else { hash }) as u64
        }
    }

    /// How many characters it has.
    #[inline(always)]
    pub(crate) fn length(self) -> usize {
        // SAFETY: it is a str.
        unsafe { ffi::PyUnicode_GET_LENGTH(self.as_ptr()) as usize }
    }

    #[inline(always)]
    pub(crate) fn state(self) -> TextState {
        // SAFETY: every `str` begins with this struct.
        unsafe {
            if cfg!(any(Py_GIL_DISABLED, target_endian = "big")) {
                // The bits lie otherwise there: what can be asked for is that of a text that is not in one piece.
                return TextState((ffi::PyUnicode_KIND(self.as_ptr()) as u32) << 2);
            }
            TextState((*self.as_ptr().cast::<ffi::PyASCIIObject>()).state)
        }
    }

    /// Where its characters are.
    #[inline(always)]
    fn data(self) -> *const u8 {
        let (state, text) = (self.state(), self.as_ptr());
        // SAFETY: the characters of one in one piece lie behind its head, which is longer where they are not ASCII.
        unsafe {
            if !state.is_compact() {
                ffi::PyUnicode_DATA(text).cast()
            } else if state.is_ascii() {
                text.cast::<ffi::PyASCIIObject>().add(1).cast()
            } else {
                text.cast::<ffi::PyCompactUnicodeObject>().add(1).cast()
            }
        }
    }

    /// Its characters, of which each takes so many bytes, all of them of this kind.
    #[inline(always)]
    pub(crate) fn characters<T>(self) -> &'a [T] {
        debug_assert_eq!(size_of::<T>(), self.state().width());
        self.slice(self.length())
    }

    /// Its bytes, where each character takes so many.
    #[inline(always)]
    fn bytes(self, width: usize) -> &'a [u8] {
        debug_assert_eq!(width, self.state().width());
        self.slice(self.length() * width)
    }

    /// What lies at its characters: so many, which is all of them.
    #[inline(always)]
    fn slice<T>(self, length: usize) -> &'a [T] {
        // SAFETY: a str has as many characters of its kind as it says, and never changes.
        unsafe { std::slice::from_raw_parts(self.data().cast(), length) }
    }

    /// It as UTF-8, which it keeps; `None` if it has none, or there is no memory.
    pub(crate) fn utf8(self) -> Option<&'a [u8]> {
        let mut length = 0;
        // SAFETY: it is a str, whose UTF-8 lives as long; what is raised is taken back.
        unsafe {
            let text = ffi::PyUnicode_AsUTF8AndSize(self.as_ptr(), &raw mut length);
            if text.is_null() {
                ffi::PyErr_Clear();
                return None;
            }
            Some(std::slice::from_raw_parts(text.cast(), length as usize))
        }
    }
}

impl PartialEq for TextRef<'_> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        let width = self.state().width();
        self.length() == other.length() && width == other.state().width() && self.bytes(width) == other.bytes(width)
    }
}

/// What the head of a `str` says of it, in the bits of `PyASCIIObject.state`, which have lain so from Python 3.11 to 3.15.
#[derive(Clone, Copy)]
pub(crate) struct TextState(u32);

impl TextState {
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
