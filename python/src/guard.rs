//! The way from C into Rust and back: a panic or an error becomes an exception.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::panic::PanicException;
use pyo3::prelude::*;

use crate::exact::Pointer;
use crate::object::Object;

/// Runs what a C slot does; null and an exception if it fails.
pub(crate) fn guard(action: impl FnOnce(Python<'_>) -> PyResult<Object>) -> Pointer {
    Python::attach(|py| {
        let result = catch_unwind(AssertUnwindSafe(|| action(py)))
            .unwrap_or_else(|_| Err(PanicException::new_err("a bug in hotset: please report it")));
        match result {
            Ok(object) => object.into_ptr(),
            Err(error) => {
                error.restore(py);
                std::ptr::null_mut()
            }
        }
    })
}
