//! Bytes that are given away: an object that has a copy of what was stored, for arrays to be views of.

use crate::ffi::foreign::raised;
use std::mem::ManuallyDrop;
use std::ops::Range;

use pyo3::ffi;
use pyo3::prelude::*;

/// Bytes of which a part is shown to whoever asks for it, and may be written to.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct Given {
    /// Those of a `Vec` that was taken apart, so that nothing of Rust's refers to what others write to.
    start: *mut u8,
    length: usize,
    capacity: usize,
    /// What is shown.
    shown: Range<usize>,
}

// SAFETY: it is the only one that refers to them but for views, which are Python's to see to.
unsafe impl Send for Given {}
// SAFETY: as above.
unsafe impl Sync for Given {}

impl Given {
    /// Of bytes of which nobody else knows, and the part to show.
    pub(crate) fn new(bytes: Vec<u8>, shown: Range<usize>) -> Self {
        assert!(shown.start <= shown.end && shown.end <= bytes.len(), "a part of the bytes is shown");
        let mut bytes = ManuallyDrop::new(bytes);
        Self { start: bytes.as_mut_ptr(), length: bytes.len(), capacity: bytes.capacity(), shown }
    }

    /// What is shown.
    ///
    /// # Safety
    /// Nobody writes to it as long as this is in use.
    pub(super) unsafe fn shown(&self) -> &[u8] {
        // SAFETY: the part lies in the bytes, which are alive; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts(self.start.add(self.shown.start), self.shown.len()) }
    }
}

#[pymethods]
impl Given {
    /// Bytes that are kept alive.
    fn __len__(&self) -> usize {
        self.length
    }

    /// As [`Given::__len__`], with the object itself.
    fn __sizeof__(&self) -> usize {
        size_of::<ffi::PyObject>() + size_of::<Self>() + self.capacity
    }

    unsafe fn __getbuffer__(slf: &Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: std::ffi::c_int) -> PyResult<()> {
        let this = slf.get();
        // SAFETY: the view is the caller's to be filled, and refers to the object, which keeps the bytes where they are.
        let filled = unsafe {
            let start = this.start.add(this.shown.start).cast();
            ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, this.shown.len() as ffi::Py_ssize_t, 0, flags)
        };
        if filled == 0 { Ok(()) } else { Err(raised(slf.py())) }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        // SAFETY: they are those of the `Vec` that was taken apart, and every view of them has gone, since views keep this.
        drop(unsafe { Vec::from_raw_parts(self.start, self.length, self.capacity) });
    }
}
