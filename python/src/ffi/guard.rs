//! The way from C into Rust and back: a panic or an error becomes an exception.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::panic::PanicException;
use pyo3::prelude::*;

use crate::ffi::object::Object;

/// Runs what a C slot does; an exception is set if it fails.
pub(crate) fn guard(action: impl FnOnce(Python<'_>) -> PyResult<Object>) -> Option<Object> {
    attached(|py| {
        // An exception is made when it is raised, which can fail for want of memory.
        let done = catch_unwind(AssertUnwindSafe(|| action(py).map_err(|error| error.restore(py)).ok()));
        done.unwrap_or_else(|_| {
            raise_panic(py);
            None
        })
    })
}

/// Raises what says that there was a panic, or that there is no memory: then most of PyO3 panics.
#[cold]
fn raise_panic(py: Python<'_>) {
    // SAFETY: the thread is attached. Setting an exception that cannot be made sets another.
    unsafe {
        if pyo3::ffi::PyErr_Occurred().is_null() {
            let class = py.get_type::<PanicException>();
            let message = c"a bug in hotset, or no memory: if there was some, please report it";
            pyo3::ffi::PyErr_SetString(class.as_ptr(), message.as_ptr());
        }
    }
}

/// Runs something on a thread that is known to be attached, also while the interpreter ends.
pub(crate) fn attached<T>(action: impl FnOnce(Python<'_>) -> T) -> T {
    // SAFETY: CPython has called us, so there is an interpreter and the thread is attached to it.
    unsafe { Python::attach_unchecked(action) }
}

/// Has something run when the interpreter has ended, after all that is Python's is gone.
pub(crate) fn when_the_interpreter_has_ended(_py: Python<'_>, run: extern "C" fn()) {
    // SAFETY: the thread is attached, and what is run calls nothing of Python. It is not run where there are too many of its kind.
    unsafe { pyo3::ffi::Py_AtExit(Some(run)) };
}

/// Whether the interpreter is ending, when modules may be gone.
pub(crate) fn is_finalizing() -> bool {
    #[cfg(not(Py_3_13))]
    unsafe extern "C" {
        #[link_name = "_Py_IsFinalizing"]
        fn Py_IsFinalizing() -> std::ffi::c_int;
    }
    #[cfg(Py_3_13)]
    use pyo3::ffi::Py_IsFinalizing;
    // SAFETY: it only reads a flag.
    unsafe { Py_IsFinalizing() != 0 }
}
