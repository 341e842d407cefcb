//! Parts of keys as they are stored, each in one word: an object, a small `int` as itself, or several parts together.
//!
//! The lowest bits of a word say which: objects and allocations are aligned to more. An `int` that is stored as itself takes no
//! object, and is compared without looking anywhere else.

use std::alloc::Layout;
use std::marker::PhantomData;
use std::mem::forget;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit, ffi, prelude::*};

use crate::ffi::Pointer;
use crate::ffi::live::Live;
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::key::layout::IntRef;

const KIND: usize = 0b11;
const OBJECT: usize = 0b00;
const INT: NonZeroUsize = NonZeroUsize::MIN;
/// Two kinds: this bit, and the lowest one if the allocation is not Python's.
const SEVERAL: usize = 0b10;
const FOREIGN: usize = 0b01;
/// Bits of the kind, above which an `int` has its place.
const SHIFT: u32 = 2;

/// A borrowed object, or a small `int`, in a word. Equal words are the same part by every rule.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word<'a>(NonZeroUsize, PhantomData<Live<'a>>);

/// What a [`Word`] is.
#[derive(Clone, Copy)]
pub(crate) enum Kind<'a> {
    Object(Live<'a>),
    Int(i64),
    Several,
}

impl<'a> Word<'a> {
    /// The `int` 0, where there is to be something.
    pub(crate) const ZERO: Self = Self(INT, PhantomData);

    #[inline(always)]
    pub(crate) fn of(object: Live<'a>) -> Self {
        let int = IntRef::of(object).and_then(IntRef::small);
        int.and_then(Self::of_int).unwrap_or(Self::of_other(object))
    }

    /// The word of an `int`, if it has room there: on 64 bits every [`IntRef::small`] has.
    #[inline(always)]
    pub(crate) fn of_int(value: i64) -> Option<Self> {
        let shifted = (value as isize) << SHIFT;
        let fits = cfg!(target_pointer_width = "64") || (shifted >> SHIFT) as i64 == value;
        fits.then_some(Self(INT | shifted as usize, PhantomData))
    }

    /// The word of any object, `int` or not, that is known not to be a small `int`.
    #[inline(always)]
    pub(crate) fn of_other(object: Live<'a>) -> Self {
        Self(object.as_non_null().expose_provenance(), PhantomData)
    }

    #[inline(always)]
    pub(crate) fn bits(self) -> u64 {
        self.0.get() as u64
    }

    #[inline(always)]
    pub(crate) fn kind(self) -> Kind<'a> {
        let word = self.0.get();
        match word & KIND {
            // SAFETY: a word of this kind was made of an object that is alive as long as the word may be used.
            OBJECT => Kind::Object(unsafe { Live::new(word as Pointer) }),
            kind if kind == INT.get() => Kind::Int((word as isize >> SHIFT) as i64),
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
fn system_malloc(length: usize) -> NonNull<Several> {
    let layout = layout_of_several(length);
    // SAFETY: the layout is not empty.
    let several = NonNull::new(unsafe { std::alloc::alloc(layout) });
    several.map_or_else(|| std::alloc::handle_alloc_error(layout), NonNull::cast)
}

impl Part {
    /// A new reference to a borrowed object, or the `int` that it is.
    #[inline]
    pub(crate) fn of(object: Live<'_>) -> Self {
        Self::of_word(Word::of(object))
    }

    /// What a word says, with a reference to the object that it may be; not several parts.
    #[inline]
    fn of_word(word: Word<'_>) -> Self {
        if let Kind::Object(object) = word.kind() {
            forget(object.to_object());
        }
        Self(word.0)
    }

    /// Several parts as one.
    pub(crate) fn several(parts: impl ExactSizeIterator<Item = Self>) -> Self {
        let length = parts.len();
        // SAFETY: it may be asked for any size.
        let several = unsafe { ffi::PyMem_Malloc(size_of_several(length)) };
        let (several, kind) = match NonNull::new(several.cast::<Several>()) {
            Some(several) => (several, SEVERAL),
            None => (system_malloc(length), SEVERAL | FOREIGN),
        };
        let (all, several) = (Self(several.expose_provenance() | kind), several.as_ptr());
        // SAFETY: the allocation has room for the length and as many parts; those that count have been written.
        unsafe {
            (*several).length = 0;
            for part in parts.take(length) {
                (&raw mut (*several).parts).cast::<Self>().add((*several).length).write(part);
                (*several).length += 1;
            }
        }
        all
    }

    /// The part as a word.
    #[inline(always)]
    pub(crate) fn word(&self) -> Word<'_> {
        Word(self.0, PhantomData)
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

    /// All objects in it, which live as long as it does.
    pub(crate) fn objects(&self) -> impl Iterator<Item = Live<'_>> {
        let parts = self.parts().unwrap_or(std::slice::from_ref(self));
        parts.iter().filter_map(|part| if let Kind::Object(object) = part.word().kind() { Some(object) } else { None })
    }

    /// The part as an object: itself, an `int`, or a tuple of several parts.
    pub(crate) fn to_object(&self, py: Python<'_>) -> PyResult<Object> {
        match self.word().kind() {
            Kind::Object(object) => Ok(object.to_object()),
            Kind::Int(value) => make::int(py, value),
            Kind::Several => {
                let parts = self.parts().unwrap_or_default().iter().map(|part| part.to_object(py));
                let parts: Vec<_> = parts.map(|part| part.map(|part| part.into_bound(py))).collect::<Result<_, _>>()?;
                Ok(Object::from(PyTuple::new(py, parts)?))
            }
        }
    }

    /// Shows its objects to a garbage collection.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.objects().try_for_each(|object| object.visit(visit))
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
        self.parts().map_or_else(|| Self::of_word(self.word()), |parts| Self::several(parts.iter().cloned()))
    }
}

impl Drop for Part {
    #[inline]
    fn drop(&mut self) {
        match self.word().kind() {
            // SAFETY: the reference is owned.
            Kind::Object(object) => unsafe { ffi::Py_DECREF(object.as_ptr()) },
            Kind::Int(_) => {}
            Kind::Several => self.free_several(),
        }
    }
}

impl Part {
    /// Drops several parts, and frees their allocation: what they are is over then.
    #[inline]
    fn free_several(&mut self) {
        let several = (self.0.get() & !KIND) as *mut Several;
        // SAFETY: it has so many parts, which are dropped once, before the allocation; that is of Python's, or of the system's.
        unsafe {
            let parts = (&raw mut (*several).parts).cast::<Self>();
            let length = (*several).length;
            std::ptr::slice_from_raw_parts_mut(parts, length).drop_in_place();
            if self.0.get() & FOREIGN == 0 {
                ffi::PyMem_Free(several.cast());
            } else {
                std::alloc::dealloc(several.cast(), layout_of_several(length));
            }
        }
    }
}
