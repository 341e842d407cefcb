//! Arguments that are containers, keyed by their content as it was at the call.
//!
//! A container is written down as bytes in which nothing can be told apart that a typed key does not tell apart: each value
//! with its exact type, dicts and sets in the order of their written items. Above a size the bytes are replaced by their
//! BLAKE3 digest. What cannot be written down (an object that compares by its own rules) is kept as a part and
//! compared after the bytes.

use std::sync::atomic::{AtomicPtr, Ordering};

use hotset::memory::Verdict;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::live::{KnownClass, Live};
use crate::ffi::object::Object;
use crate::key::exact::{all_same, typed_same};

static CLASS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());

/// The most bytes that are kept as they are; from there on a digest is kept.
pub(crate) const LONGEST: usize = 256;

/// A container as it was.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct Frozen {
    kind: &'static str,
    bytes: Box<[u8]>,
    parts: Box<[Object]>,
    hash: u64,
}

// SAFETY: that is what `prepare` stores there.
unsafe impl KnownClass for Frozen {
    #[inline(always)]
    fn class() -> *mut ffi::PyTypeObject {
        CLASS.load(Ordering::Relaxed)
    }
}

impl Frozen {
    pub(crate) fn prepare(py: Python<'_>) {
        CLASS.store(py.get_type::<Self>().as_type_ptr(), Ordering::Relaxed);
    }

    /// What was written down, and the parts that could not be.
    pub(crate) fn new(kind: &'static str, bytes: &[u8], parts: Vec<Object>) -> Self {
        let digest = blake3::hash(bytes);
        let hash = digest.as_bytes().first_chunk().map_or(0, |head| u64::from_le_bytes(*head));
        let kept = if bytes.len() > LONGEST { digest.as_bytes().as_slice() } else { bytes };
        Self { kind, bytes: kept.into(), parts: parts.into(), hash }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// What was written down, or its digest.
    pub(crate) fn written(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn parts(&self) -> &[Object] {
        &self.parts
    }

    /// Bytes of what was written down and of the references to the parts.
    pub(crate) fn written_bytes(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.parts)
    }

    /// What an object holds if it is a frozen container.
    #[inline]
    pub(crate) fn of(object: Live<'_>) -> Option<&Self> {
        object.get()
    }

    /// Whether two frozen containers are one key.
    pub(crate) fn same(&self, sought: &Self) -> Verdict {
        if self.bytes != sought.bytes || self.parts.len() != sought.parts.len() {
            return Verdict::Different;
        }
        let pairs = self.parts.iter().zip(&sought.parts);
        all_same(pairs.map(|(left, right)| typed_same(Live::of(left), Live::of(right))))
    }
}

#[pymethods]
impl Frozen {
    fn __repr__(&self) -> String {
        format!("<{} as it was>", self.kind)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.parts.iter().try_for_each(|part| part.visit(&visit))
    }
}
