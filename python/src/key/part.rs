//! Parts of keys as they are stored, each in one word: an object, a small `int` as itself, or several parts together.
//!
//! The lowest bits of a word say which: objects and allocations are aligned to more. An `int` that is stored as itself takes no
//! object, and is compared without looking anywhere else.

use std::alloc::Layout;
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;

use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit, ffi, prelude::*};

use crate::ffi::Pointer;
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::key::layout::IntRef;

const KIND: usize = 0b11;
const OBJECT: usize = 0b00;
const INT: usize = 0b01;
/// Two kinds: this bit, and the lowest one if the allocation is not Python's.
const SEVERAL: usize = 0b10;
const FOREIGN: usize = 0b01;
/// Bits of the kind, above which an `int` has its place.
const SHIFT: u32 = 2;

/// A borrowed object, or a small `int`, in a word. Equal words are the same part by every rule.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(usize);

/// What a [`Word`] is.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Object(Pointer),
    Int(i64),
    Several,
}

impl Word {
    #[inline(always)]
    pub(crate) fn of(object: Live<'_>) -> Self {
        let int = IntRef::of(object).and_then(IntRef::small);
        int.and_then(Self::of_int).unwrap_or(Self(object.as_ptr() as usize))
    }

    /// The word of an `int`, if it has room there: on 64 bits every [`IntRef::small`] has.
    #[inline(always)]
    pub(crate) fn of_int(value: i64) -> Option<Self> {
        let shifted = (value as isize) << SHIFT;
        let fits = cfg!(target_pointer_width = "64") || (shifted >> SHIFT) as i64 == value;
        fits.then_some(Self(shifted as usize | INT))
    }

    /// The word of any object, `int` or not, that is known not to be a small `int`.
    #[inline(always)]
    pub(crate) fn of_other(object: Pointer) -> Self {
        Self(object as usize)
    }

    #[inline(always)]
    pub(crate) fn bits(self) -> u64 {
        self.0 as u64
    }

    #[inline(always)]
    pub(crate) fn kind(self) -> Kind {
        match self.0 & KIND {
            OBJECT => Kind::Object(self.0 as Pointer),
            INT => Kind::Int((self.0 as isize >> SHIFT) as i64),
            _ => Kind::Several,
        }
    }
}

/// A stored part, which owns what it refers to. Used by attached threads only.
///
/// An `int` that fits in a word is always stored so.
#[repr(transparent)]
pub(crate) struct Part(NonZeroUsize);

/// Several parts in one allocation: of Python's, which has the least overhead, or where that refuses of the system's.
#[repr(C)]
struct Several {
    length: usize,
    parts: [Part; 0],
}

/// Bytes of so many parts together.
fn size_of_several(length: usize) -> usize {
    size_of::<Several>() + length * size_of::<Part>()
}

fn layout_of_several(length: usize) -> Layout {
    Layout::from_size_align(size_of_several(length), align_of::<Several>()).unwrap_or(Layout::new::<Several>())
}

/// Memory for so many parts from where everything else of Rust's comes from, which ends the process if it has none.
#[cold]
fn system_malloc(length: usize) -> *mut Several {
    let layout = layout_of_several(length);
    // SAFETY: the layout is not empty.
    let several = unsafe { std::alloc::alloc(layout) };
    if several.is_null() { std::alloc::handle_alloc_error(layout) } else { several.cast() }
}

impl Part {
    /// A new reference to a borrowed object, or the `int` that it is.
    #[inline]
    pub(crate) fn of(object: Live<'_>) -> Self {
        // SAFETY: no word of an object or an int is zero.
        unsafe {
            let word = Word::of(object);
            if let Kind::Object(object) = word.kind() {
                ffi::Py_INCREF(object);
            }
            Self(NonZeroUsize::new_unchecked(word.0))
        }
    }

    /// Several parts as one.
    pub(crate) fn several(parts: impl ExactSizeIterator<Item = Self>) -> Self {
        let length = parts.len();
        let parts = parts.take(length);
        // SAFETY: the allocation has room for the length and as many parts, which are all written.
        unsafe {
            let mut several = ffi::PyMem_Malloc(size_of_several(length)).cast::<Several>();
            let mut kind = SEVERAL;
            if several.is_null() {
                several = system_malloc(length);
                kind |= FOREIGN;
            }
            (*several).length = 0;
            let all = Self(NonZeroUsize::new_unchecked(several as usize | kind));
            for part in parts {
                let place = (&raw mut (*several).parts).cast::<Self>();
                place.add((*several).length).write(part);
                (*several).length += 1;
            }
            all
        }
    }

    /// The part as a word.
    #[inline(always)]
    pub(crate) fn word(&self) -> Word {
        Word(self.0.get())
    }

    /// The parts that it is made of, if there are several.
    #[inline(always)]
    pub(crate) fn parts(&self) -> Option<&[Self]> {
        if self.0.get() & SEVERAL == 0 {
            return None;
        }
        // SAFETY: a word of this kind points to an allocation that lives as long as the part.
        unsafe {
            let several = (self.0.get() & !KIND) as *const Several;
            Some(std::slice::from_raw_parts((&raw const (*several).parts).cast::<Self>(), (*several).length))
        }
    }

    /// All objects in it, borrowed.
    pub(crate) fn objects(&self) -> impl Iterator<Item = Pointer> {
        let parts = self.parts().unwrap_or(std::slice::from_ref(self));
        parts.iter().filter_map(|part| if let Kind::Object(object) = part.word().kind() { Some(object) } else { None })
    }

    /// As [`Part::objects`], as long as this lives.
    pub(crate) fn lives(&self) -> impl Iterator<Item = Live<'_>> {
        // SAFETY: a part keeps its objects alive.
        self.objects().map(|object| unsafe { Live::new(object) })
    }

    /// The part as an object: itself, an `int`, or a tuple of several parts.
    pub(crate) fn to_object(&self, py: Python<'_>) -> PyResult<Object> {
        // SAFETY: the part keeps its object alive.
        unsafe {
            match self.word().kind() {
                Kind::Object(object) => Ok(Object::from_borrowed(object)),
                Kind::Int(value) => Object::from_result(py, ffi::PyLong_FromLongLong(value)),
                Kind::Several => {
                    let parts = self.parts().unwrap_or_default().iter().map(|part| part.to_object(py));
                    let parts: Vec<_> =
                        parts.map(|part| part.map(|part| part.into_bound(py))).collect::<Result<_, _>>()?;
                    Ok(Object::from(PyTuple::new(py, parts)?))
                }
            }
        }
    }

    /// Shows its objects to a garbage collection.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.objects().try_for_each(|object| {
            // SAFETY: the part keeps its objects alive; they are only borrowed.
            let object = unsafe { ManuallyDrop::new(Object::from_owned(object)) };
            object.visit(visit)
        })
    }
}

impl From<Object> for Part {
    fn from(object: Object) -> Self {
        Self::of(Live::of(&object))
    }
}

impl PartialEq for Part {
    /// Whether both hold the very same objects.
    fn eq(&self, other: &Self) -> bool {
        match (self.parts(), other.parts()) {
            (Some(parts), Some(others)) => parts == others,
            _ => self.word() == other.word(),
        }
    }
}

impl Clone for Part {
    fn clone(&self) -> Self {
        if let Some(parts) = self.parts() {
            return Self::several(parts.iter().cloned());
        }
        if let Kind::Object(object) = self.word().kind() {
            // SAFETY: the part keeps its object alive.
            unsafe { ffi::Py_INCREF(object) };
        }
        Self(self.0)
    }
}

impl Drop for Part {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the reference is owned; several parts are dropped one by one, each once, before their allocation.
        unsafe {
            match self.word().kind() {
                Kind::Object(object) => ffi::Py_DECREF(object),
                Kind::Int(_) => {}
                Kind::Several => {
                    let several = (self.0.get() & !KIND) as *mut Several;
                    let length = (*several).length;
                    for number in 0..length {
                        (&raw mut (*several).parts).cast::<Self>().add(number).drop_in_place();
                    }
                    if self.0.get() & FOREIGN == 0 {
                        ffi::PyMem_Free(several.cast());
                    } else {
                        std::alloc::dealloc(several.cast(), layout_of_several(length));
                    }
                }
            }
        }
    }
}
