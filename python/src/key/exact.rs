//! What can be said of objects of exactly the built-in types without running any Python code, which is why it may be said
//! under a lock.

use hotset::hash::Seed;
use hotset::memory::Verdict;
use pyo3::ffi;

use crate::ffi::{Pointer, class, is_exactly};
use crate::key::frozen::Frozen;
use crate::key::identity::WeakIdentity;
use crate::key::layout::{cached_text_hash, digits, equal_ints, equal_texts, small_int};
use crate::key::part::{Kind, Word};

/// The most levels of tuples that are looked into here.
const DEPTH: usize = 16;

/// Whether equality of the type's objects is identity.
///
/// # Safety
/// The type is alive.
#[inline]
pub(crate) unsafe fn compares_by_identity(class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: types are initialised, and this slot is never written while it is read by an attached thread.
    let (own, plain) = unsafe { ((*class).tp_richcompare, (*class!(PyBaseObject_Type)).tp_richcompare) };
    own.map(|slot| slot as usize) == plain.map(|slot| slot as usize)
}

/// The hash of an address.
#[inline]
pub(crate) fn address_hash(object: Pointer) -> u64 {
    (object as u64).rotate_right(4)
}

/// The hash, as Python has it, and the word of an object of the most usual types: `str` and `int`.
///
/// # Safety
/// The object is alive and the thread is attached.
#[inline(always)]
pub(crate) unsafe fn quick_hash(object: Pointer) -> Option<(u64, Word)> {
    // SAFETY: hashing these types runs no Python code and cannot fail.
    unsafe {
        if is_exactly(object, class!(PyUnicode_Type)) {
            Some((text_hash(object), Word::of_other(object)))
        } else if is_exactly(object, class!(PyLong_Type)) {
            match small_int(object) {
                Some(small) => Some((small_hash(small), Word::of_int(small).unwrap_or(Word::of_other(object)))),
                None => Some((ffi::PyObject_Hash(object) as u64, Word::of_other(object))),
            }
        } else {
            None
        }
    }
}

/// The hash and the word of an object as a part of a typed key, if it is of a type that hashes here.
///
/// # Safety
/// The object is alive and the thread is attached.
#[inline(always)]
pub(crate) unsafe fn typed_hash(object: Pointer, seed: Seed) -> Option<(u64, Word)> {
    // SAFETY: the types that are asked for a hash run no Python code for it.
    unsafe {
        let word = Word::of(object);
        if let Kind::Int(_) = word.kind() {
            Some((word.bits(), word))
        } else if is_exactly(object, class!(PyUnicode_Type)) {
            Some((text_hash(object), word))
        } else {
            Some((typed_hash_of_others(object, seed, 0)?, word))
        }
    }
}

/// # Safety
/// The object is exactly a `str`, alive, and the thread is attached.
#[inline(always)]
pub(crate) unsafe fn text_hash(text: Pointer) -> u64 {
    // SAFETY: hashing an exact str runs no Python code and cannot fail.
    unsafe { cached_text_hash(text).unwrap_or_else(|| ffi::PyObject_Hash(text)) as u64 }
}

/// # Safety
/// The object is exactly an `int`, alive, and the thread is attached.
#[inline(always)]
unsafe fn number_hash(number: Pointer, seed: Seed) -> u64 {
    // SAFETY: by the caller's promise. The hash of CPython would be that of other numbers, which anybody can tell.
    unsafe {
        small_int(number)
            .map_or_else(|| digits(number).iter().fold(0, |state, &digit| seed.mix(state, digit.into())), small_hash)
    }
}

/// Small numbers are their own hash, but for -1.
#[inline(always)]
fn small_hash(small: i64) -> u64 {
    (if small == -1 { -2 } else { small }) as u64
}

/// # Safety
/// The object is alive and the thread is attached.
#[inline(never)]
unsafe fn typed_hash_of_others(object: Pointer, seed: Seed, depth: usize) -> Option<u64> {
    // SAFETY: each type's own layout or hash is used, none of which runs Python code.
    unsafe {
        let class = ffi::Py_TYPE(object);
        if class == class!(PyLong_Type) {
            Some(number_hash(object, seed))
        } else if class == class!(PyFloat_Type) {
            Some(ffi::PyFloat_AS_DOUBLE(object).to_bits())
        } else if class == class!(PyTuple_Type) {
            tuple_hash(object, seed, depth)
        } else if class == class!(PyBytes_Type) {
            Some(ffi::PyObject_Hash(object) as u64)
        } else if class == class!(PyBool_Type) || compares_by_identity(class) {
            Some(address_hash(object))
        } else {
            None
        }
    }
}

/// # Safety
/// The object is exactly a tuple, alive, and the thread is attached.
unsafe fn tuple_hash(tuple: Pointer, seed: Seed, depth: usize) -> Option<u64> {
    // SAFETY: items of a live tuple are alive.
    unsafe {
        let length = ffi::PyTuple_GET_SIZE(tuple);
        let mut state = length as u64;
        for number in 0..length {
            let item = ffi::PyTuple_GET_ITEM(tuple, number);
            if depth == DEPTH || keyed_by_address(item) {
                return None;
            }
            let hash = if is_exactly(item, class!(PyUnicode_Type)) {
                text_hash(item)
            } else if is_exactly(item, class!(PyLong_Type)) {
                number_hash(item, seed)
            } else {
                typed_hash_of_others(item, seed, depth + 1)?
            };
            state = seed.mix(state, hash);
        }
        Some(state)
    }
}

/// Whether an object would be keyed by its address, so that a key has to notice when it dies.
///
/// # Safety
/// The object is alive.
#[inline]
pub(crate) unsafe fn keyed_by_address(object: Pointer) -> bool {
    // SAFETY: by the caller's promise.
    unsafe {
        let class = ffi::Py_TYPE(object);
        class != class!(PyBool_Type)
            && object != ffi::Py_None()
            && object != ffi::Py_Ellipsis()
            && compares_by_identity(class)
    }
}

/// Whether a stored part of a typed key is the one that is sought.
///
/// # Safety
/// Both objects are alive and the thread is attached.
#[inline(always)]
pub(crate) unsafe fn typed_same(stored: Pointer, sought: Pointer) -> Verdict {
    if stored == sought {
        return Verdict::Same;
    }
    // SAFETY: by the caller's promise.
    unsafe {
        match quick_equal(stored, sought) {
            Some(same) => verdict(same),
            None => typed_equal(stored, sought),
        }
    }
}

/// Whether two objects of exactly the same of the two most usual types are equal, where that is told without a call.
///
/// # Safety
/// Both objects are alive.
#[inline(always)]
unsafe fn quick_equal(stored: Pointer, sought: Pointer) -> Option<bool> {
    // SAFETY: the types were just checked.
    unsafe {
        let class = ffi::Py_TYPE(stored);
        if class != ffi::Py_TYPE(sought) {
            None
        } else if class == class!(PyLong_Type) {
            Some(small_int(stored)? == small_int(sought)?)
        } else if class == class!(PyUnicode_Type) {
            Some(equal_texts(stored, sought))
        } else {
            None
        }
    }
}

/// # Safety
/// Both objects are alive and the thread is attached.
unsafe fn typed_equal(stored: Pointer, sought: Pointer) -> Verdict {
    // SAFETY: objects of exactly these types are compared by their own means.
    unsafe {
        let class = ffi::Py_TYPE(stored);
        if class == WeakIdentity::class() {
            return verdict(WeakIdentity::get(stored).referent() == sought);
        }
        if class != ffi::Py_TYPE(sought) {
            return Verdict::Different;
        }
        if class == class!(PyLong_Type) {
            verdict(equal_ints(stored, sought))
        } else if class == class!(PyUnicode_Type) || class == class!(PyBytes_Type) {
            verdict(equal_by_type(stored, sought))
        } else if class == class!(PyFloat_Type) {
            verdict(ffi::PyFloat_AS_DOUBLE(stored).to_bits() == ffi::PyFloat_AS_DOUBLE(sought).to_bits())
        } else if class == class!(PyTuple_Type) {
            equal_tuples(stored, sought)
        } else if class == Frozen::class() {
            Frozen::same(stored, sought)
        } else if compares_by_identity(class) {
            Verdict::Different
        } else {
            Verdict::Unknown
        }
    }
}

/// # Safety
/// Both objects are alive tuples and the thread is attached.
unsafe fn equal_tuples(stored: Pointer, sought: Pointer) -> Verdict {
    // SAFETY: items of live tuples are alive.
    unsafe {
        let length = ffi::PyTuple_GET_SIZE(stored);
        if length != ffi::PyTuple_GET_SIZE(sought) {
            return Verdict::Different;
        }
        let items = (0..length).map(|n| typed_same(ffi::PyTuple_GET_ITEM(stored, n), ffi::PyTuple_GET_ITEM(sought, n)));
        all_same(items)
    }
}

/// The verdict over several parts: different if one is, else unknown if one is.
#[inline(always)]
pub(crate) fn all_same(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    let mut all = Verdict::Same;
    for verdict in verdicts {
        match verdict {
            Verdict::Same => {}
            Verdict::Different => return Verdict::Different,
            Verdict::Unknown => all = Verdict::Unknown,
        }
    }
    all
}

/// Whether a stored key of the mapping is the one that is sought, by the rules of a dict.
///
/// # Safety
/// Both objects are alive and the thread is attached.
#[inline(always)]
pub(crate) unsafe fn mapping_same(stored: Pointer, sought: Pointer) -> Verdict {
    if stored == sought {
        return Verdict::Same;
    }
    // SAFETY: by the caller's promise.
    unsafe {
        match quick_equal(stored, sought) {
            Some(same) => verdict(same),
            None => mapping_equal(stored, sought),
        }
    }
}

/// # Safety
/// Both objects are alive and the thread is attached.
unsafe fn mapping_equal(stored: Pointer, sought: Pointer) -> Verdict {
    // SAFETY: built-in scalars compare with each other without running Python code.
    unsafe {
        let (left, right) = (ffi::Py_TYPE(stored), ffi::Py_TYPE(sought));
        if left == right && left == class!(PyUnicode_Type) {
            verdict(equal_by_type(stored, sought))
        } else if left == right && left == class!(PyLong_Type) {
            verdict(equal_ints(stored, sought))
        } else if is_scalar(left) && is_scalar(right) {
            let texts = |class| class == class!(PyUnicode_Type) || class == class!(PyBytes_Type);
            verdict((left == right || !texts(left) && !texts(right)) && equal_by_type(stored, sought))
        } else if left == right && compares_by_identity(left) {
            Verdict::Different
        } else {
            Verdict::Unknown
        }
    }
}

/// Whether a small `int` and an object that is none are equal, by the rules of a dict.
///
/// # Safety
/// The object is alive.
#[inline(never)]
pub(crate) unsafe fn int_same(int: i64, other: Pointer) -> Verdict {
    // SAFETY: the layouts of exactly these types are read.
    unsafe {
        let class = ffi::Py_TYPE(other);
        if class == class!(PyFloat_Type) {
            let float = ffi::PyFloat_AS_DOUBLE(other);
            verdict(float == int as f64 && float as i64 == int)
        } else if class == class!(PyBool_Type) {
            verdict(int == i64::from(other == ffi::Py_True()))
        } else if is_scalar(class) || compares_by_identity(class) {
            Verdict::Different
        } else {
            Verdict::Unknown
        }
    }
}

fn is_scalar(class: *mut ffi::PyTypeObject) -> bool {
    class == class!(PyUnicode_Type)
        || class == class!(PyLong_Type)
        || class == class!(PyFloat_Type)
        || class == class!(PyBytes_Type)
        || class == class!(PyBool_Type)
}

/// # Safety
/// Both are alive scalars of exactly a built-in type, either both numbers or both of one type; the thread is attached.
#[inline]
unsafe fn equal_by_type(left: Pointer, right: Pointer) -> bool {
    // SAFETY: the comparison of such objects returns one of two immortal objects or says that it does not apply.
    unsafe {
        let class = ffi::Py_TYPE(left);
        let Some(compare) = (*class).tp_richcompare else { return false };
        let result = compare(left, right, ffi::Py_EQ);
        let swapped = result == ffi::Py_NotImplemented() && class != ffi::Py_TYPE(right);
        if !result.is_null() {
            ffi::Py_DECREF(result);
        }
        if swapped { equal_the_other_way(right, left) } else { result == ffi::Py_True() }
    }
}

/// # Safety
/// As for [`equal_by_type`].
unsafe fn equal_the_other_way(left: Pointer, right: Pointer) -> bool {
    // SAFETY: as in `equal_by_type`.
    unsafe {
        let Some(compare) = (*ffi::Py_TYPE(left)).tp_richcompare else { return false };
        let result = compare(left, right, ffi::Py_EQ);
        if !result.is_null() {
            ffi::Py_DECREF(result);
        }
        result == ffi::Py_True()
    }
}

#[inline(always)]
pub(crate) fn verdict(same: bool) -> Verdict {
    if same { Verdict::Same } else { Verdict::Different }
}
