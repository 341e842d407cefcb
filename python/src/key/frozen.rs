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

use crate::ffi::Pointer;
use crate::ffi::object::{Object, borrow};
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

impl Frozen {
    /// The type object, to recognise frozen containers by.
    #[inline(always)]
    pub(crate) fn class() -> *mut ffi::PyTypeObject {
        CLASS.load(Ordering::Relaxed)
    }

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

    /// What an object holds that is known to be a frozen container.
    ///
    /// # Safety
    /// The object is alive, exactly of this class, and the thread is attached.
    pub(crate) unsafe fn get<'a>(object: Pointer) -> &'a Self {
        // SAFETY: by the caller's promise; a frozen class is only ever borrowed.
        unsafe {
            let py = Python::assume_attached();
            let frozen: *const Self = borrow(py, object).cast_unchecked::<Self>().get();
            &*frozen
        }
    }

    /// Whether two frozen containers are one key.
    ///
    /// # Safety
    /// Both are alive, exactly of this class, and the thread is attached.
    pub(crate) unsafe fn same(stored: Pointer, sought: Pointer) -> Verdict {
        // SAFETY: by the caller's promise.
        let (stored, sought) = unsafe { (Self::get(stored), Self::get(sought)) };
        if stored.bytes != sought.bytes || stored.parts.len() != sought.parts.len() {
            return Verdict::Different;
        }
        let pairs = stored.parts.iter().zip(&sought.parts);
        // SAFETY: parts of live objects are alive.
        all_same(pairs.map(|(left, right)| unsafe { typed_same(left.as_ptr(), right.as_ptr()) }))
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
