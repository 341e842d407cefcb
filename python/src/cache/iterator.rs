//! Iterators that survive what others do to the cache meanwhile.

use std::mem::ManuallyDrop;

use hotset::memory::Cursor;
use hotset::sync::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};

use crate::cache::CacheVerbs;
use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::object::Object;

/// What an iterator shows of each entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    Keys,
    Values,
    Items,
}

/// Walks over the fresh entries of a cache.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct CacheIterator {
    /// Given up by hand, so that caches that hold iterators over caches can be nested as deeply as anybody likes.
    cache: ManuallyDrop<Py<CacheVerbs>>,
    shows: Shows,
    cursor: Mutex<AttachedLock, Cursor>,
}

impl CacheIterator {
    pub(crate) fn new(cache: Py<CacheVerbs>, shows: Shows) -> Self {
        Self { cache: ManuallyDrop::new(cache), shows, cursor: Mutex::new(Cursor::default()) }
    }
}

#[pymethods]
impl CacheIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.cache.get().state.catch_up(py);
        let mut cursor = *self.cursor.lock();
        let next = self.cache.get().state.memory().next(&mut cursor, |key, value| (key.clone(), value.clone()));
        *self.cursor.lock() = cursor;
        let Some((key, value)) = next else { return Ok(None) };
        if self.shows == Shows::Values {
            return Ok(Some(self.cache.get().state.served(py, value)?.into_py(py)));
        }
        let face: Object = self.cache.get().state.face(py, &key)?;
        if self.shows == Shows::Keys {
            return Ok(Some(face.into_py(py)));
        }
        let value = self.cache.get().state.served(py, value)?;
        let pair = PyTuple::new(py, [face.into_bound(py), value.into_bound(py)])?;
        Ok(Some(pair.into_any().unbind()))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&*self.cache)
    }
}

impl Drop for CacheIterator {
    fn drop(&mut self) {
        // SAFETY: nothing follows; the reference is ours, and the thread is attached, as whoever drops an object is.
        drop(unsafe { Object::from_owned(ManuallyDrop::take(&mut self.cache).into_ptr()) });
    }
}
