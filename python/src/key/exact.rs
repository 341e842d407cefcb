//! What can be said of objects of exactly the built-in types without running any Python code, which is why it may be said
//! under a lock.

use hotset::hash::Seed;
use hotset::memory::Verdict;
use pyo3::ffi;

use crate::ffi::class;
use crate::ffi::live::Live;
use crate::key::frozen::Frozen;
use crate::key::identity::WeakIdentity;
use crate::key::layout::{FloatRef, IntRef, TextRef, TupleRef};
use crate::key::part::{Kind, Word};

/// The most levels of tuples that are looked into here.
const DEPTH: usize = 16;

/// Whether equality is identity to an object.
#[inline]
pub(crate) fn is_itself(object: Live<'_>) -> bool {
    // SAFETY: types are initialised, and this slot is never written while it is read by an attached thread.
    let (own, plain) = unsafe { ((*object.class()).tp_richcompare, (*class!(PyBaseObject_Type)).tp_richcompare) };
    own.map(|slot| slot as usize) == plain.map(|slot| slot as usize)
}

/// The hash of an address.
#[inline]
pub(crate) fn address_hash(object: Live<'_>) -> u64 {
    (object.as_ptr() as u64).rotate_right(4)
}

/// The hash, as Python has it, and the word of an object of the most usual types: `str` and `int`.
#[inline(always)]
pub(crate) fn quick_hash(object: Live<'_>) -> Option<(u64, Word<'_>)> {
    let other = Word::of_other(object);
    if let Some(text) = TextRef::of(object) {
        return Some((text.hash(), other));
    }
    let int = IntRef::of(object)?;
    match int.small() {
        Some(small) => Some((small_hash(small), Word::of_int(small).unwrap_or(other))),
        None => Some((int.hash(), other)),
    }
}

/// The hash and the word of an object as a part of a typed key, if it is of a type that hashes here.
#[inline(always)]
pub(crate) fn typed_hash(object: Live<'_>, seed: Seed) -> Option<(u64, Word<'_>)> {
    let word = Word::of(object);
    if let Kind::Int(_) = word.kind() {
        Some((word.bits(), word))
    } else if let Some(text) = TextRef::of(object) {
        Some((text.hash(), word))
    } else {
        Some((typed_hash_of_others(object, seed, 0)?, word))
    }
}

/// Not the hash of CPython, which is that of other numbers too, as anybody can tell.
#[inline(always)]
fn number_hash(number: IntRef<'_>, seed: Seed) -> u64 {
    let mixed = || number.digits().iter().fold(0, |state, &digit| seed.mix(state, digit.into()));
    number.small().map_or_else(mixed, small_hash)
}

/// Small numbers are their own hash, but for -1.
#[inline(always)]
fn small_hash(small: i64) -> u64 {
    (if small == -1 { -2 } else { small }) as u64
}

#[inline(never)]
fn typed_hash_of_others(object: Live<'_>, seed: Seed, depth: usize) -> Option<u64> {
    if let Some(int) = IntRef::of(object) {
        Some(number_hash(int, seed))
    } else if let Some(float) = FloatRef::of(object) {
        Some(float.value().to_bits())
    } else if let Some(tuple) = TupleRef::of(object) {
        tuple_hash(tuple, seed, depth)
    } else if object.is_exactly(class!(PyBytes_Type)) {
        // SAFETY: hashing exact bytes runs no Python code and cannot fail.
        Some(unsafe { ffi::PyObject_Hash(object.as_ptr()) } as u64)
    } else if object.is_exactly(class!(PyBool_Type)) || is_itself(object) {
        Some(address_hash(object))
    } else {
        None
    }
}

fn tuple_hash(tuple: TupleRef<'_>, seed: Seed, depth: usize) -> Option<u64> {
    let mut state = tuple.len() as u64;
    for item in tuple.items() {
        if depth == DEPTH || keyed_by_address(item) {
            return None;
        }
        let hash = if let Some(text) = TextRef::of(item) {
            text.hash()
        } else if let Some(int) = IntRef::of(item) {
            number_hash(int, seed)
        } else {
            typed_hash_of_others(item, seed, depth + 1)?
        };
        state = seed.mix(state, hash);
    }
    Some(state)
}

/// Whether an object would be keyed by its address, so that a key has to notice when it dies.
#[inline]
pub(crate) fn keyed_by_address(object: Live<'_>) -> bool {
    !object.is_exactly(class!(PyBool_Type)) && !object.is_none() && !object.is_ellipsis() && is_itself(object)
}

/// Whether a stored part of a typed key is the one that is sought.
#[inline(always)]
pub(crate) fn typed_same(stored: Live<'_>, sought: Live<'_>) -> Verdict {
    if stored.as_ptr() == sought.as_ptr() {
        return Verdict::Same;
    }
    quick_equal(stored, sought).map_or_else(|| typed_equal(stored, sought), verdict)
}

/// Whether two objects of exactly the same of the two most usual types are equal, where that is told without a call.
#[inline(always)]
fn quick_equal(stored: Live<'_>, sought: Live<'_>) -> Option<bool> {
    if let (Some(stored), Some(sought)) = (IntRef::of(stored), IntRef::of(sought)) {
        return Some(stored.small()? == sought.small()?);
    }
    Some(TextRef::of(stored)? == TextRef::of(sought)?)
}

#[inline(never)]
fn typed_equal(stored: Live<'_>, sought: Live<'_>) -> Verdict {
    if let Some(identity) = WeakIdentity::of_stored(stored) {
        return verdict(identity.referent() == sought.as_ptr());
    }
    let class = stored.class();
    if class != sought.class() {
        return Verdict::Different;
    }
    if let (Some(stored), Some(sought)) = (IntRef::of(stored), IntRef::of(sought)) {
        verdict(stored == sought)
    } else if class == class!(PyUnicode_Type) || class == class!(PyBytes_Type) {
        verdict(equal_scalars(stored, sought))
    } else if let (Some(stored), Some(sought)) = (FloatRef::of(stored), FloatRef::of(sought)) {
        verdict(stored.value().to_bits() == sought.value().to_bits())
    } else if let (Some(stored), Some(sought)) = (TupleRef::of(stored), TupleRef::of(sought)) {
        equal_tuples(stored, sought)
    } else if let (Some(stored), Some(sought)) = (Frozen::of(stored), Frozen::of(sought)) {
        stored.same(sought)
    } else if is_itself(stored) {
        Verdict::Different
    } else {
        Verdict::Unknown
    }
}

fn equal_tuples(stored: TupleRef<'_>, sought: TupleRef<'_>) -> Verdict {
    if stored.len() != sought.len() {
        return Verdict::Different;
    }
    all_same(stored.items().zip(sought.items()).map(|(stored, sought)| typed_same(stored, sought)))
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
#[inline(always)]
pub(crate) fn mapping_same(stored: Live<'_>, sought: Live<'_>) -> Verdict {
    if stored.as_ptr() == sought.as_ptr() {
        return Verdict::Same;
    }
    quick_equal(stored, sought).map_or_else(|| mapping_equal(stored, sought), verdict)
}

#[inline(never)]
fn mapping_equal(stored: Live<'_>, sought: Live<'_>) -> Verdict {
    let (left, right) = (stored.class(), sought.class());
    if let (Some(stored), Some(sought)) = (IntRef::of(stored), IntRef::of(sought)) {
        verdict(stored == sought)
    } else if is_scalar(left) && is_scalar(right) {
        let texts = |class| class == class!(PyUnicode_Type) || class == class!(PyBytes_Type);
        verdict((left == right || !texts(left) && !texts(right)) && equal_scalars(stored, sought))
    } else if left == right && is_itself(stored) {
        Verdict::Different
    } else {
        Verdict::Unknown
    }
}

/// Whether a small `int` and an object that is none are equal, by the rules of a dict.
#[inline(never)]
pub(crate) fn int_same(int: i64, other: Live<'_>) -> Verdict {
    if let Some(float) = FloatRef::of(other) {
        let float = float.value();
        verdict(float == int as f64 && float as i64 == int)
    } else if other.is_exactly(class!(PyBool_Type)) {
        verdict(int == i64::from(other.is_true()))
    } else if is_scalar(other.class()) || is_itself(other) {
        Verdict::Different
    } else {
        Verdict::Unknown
    }
}

fn is_scalar(class: *mut ffi::PyTypeObject) -> bool {
    class == class!(PyUnicode_Type)
        || class == class!(PyLong_Type)
        || class == class!(PyFloat_Type)
        || class == class!(PyBytes_Type)
        || class == class!(PyBool_Type)
}

/// Whether scalars of exactly a built-in type are equal, which are both numbers or both of one type.
#[inline]
fn equal_scalars(left: Live<'_>, right: Live<'_>) -> bool {
    debug_assert!(is_scalar(left.class()) && is_scalar(right.class()));
    equal_by(left, right).or_else(|| equal_by(right, left)).unwrap_or(false)
}

/// What the type of the first says of that; `None` if it does not know the other.
fn equal_by(left: Live<'_>, right: Live<'_>) -> Option<bool> {
    // SAFETY: the comparison of such objects returns one of two immortal objects or says that it does not apply.
    unsafe {
        let result = (*left.class()).tp_richcompare?(left.as_ptr(), right.as_ptr(), ffi::Py_EQ);
        if !result.is_null() {
            ffi::Py_DECREF(result);
        }
        (result != ffi::Py_NotImplemented()).then(|| result == ffi::Py_True())
    }
}

#[inline(always)]
pub(crate) fn verdict(same: bool) -> Verdict {
    if same { Verdict::Same } else { Verdict::Different }
}
