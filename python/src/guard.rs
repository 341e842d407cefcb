//! The way from C into Rust and back: a panic or an error becomes an exception, and a thread that the interpreter has left behind stops.

use std::ffi::c_void;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::ffi;
use pyo3::panic::PanicException;
use pyo3::prelude::*;

use crate::function::Call;
use crate::key::exact::Pointer;
use crate::object::Object;

/// Runs what a C slot does; null and an exception if it fails.
pub(crate) fn guard(action: impl FnOnce(Python<'_>) -> PyResult<Object>) -> Pointer {
    attached(|py| {
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

/// Runs something on a thread that is known to be attached, also while the interpreter ends.
pub(crate) fn attached<T>(action: impl FnOnce(Python<'_>) -> T) -> T {
    // SAFETY: CPython has called us, so there is an interpreter and the thread is attached to it.
    unsafe { Python::attach_unchecked(action) }
}

/// Stops its thread for ever if it is dropped by an unwinding that is no panic.
///
/// When the interpreter ends, CPython before 3.14 makes daemon threads that ask for the GIL end by unwinding their stacks, and the
/// drops on the way would touch objects without the GIL. From 3.14 on it stops them for ever itself.
struct StopsForEver;

impl Drop for StopsForEver {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            loop {
                std::thread::park();
            }
        }
    }
}

// Functions of CPython's that unwind so. Called through pointers that the compiler cannot see through, since it is told elsewhere
// that they never unwind.
type Vectorcall = unsafe extern "C-unwind" fn(Pointer, *const Pointer, usize, Pointer) -> Pointer;
type IterSend = unsafe extern "C-unwind" fn(Pointer, Pointer, *mut Pointer) -> ffi::PySendResult;

/// Calls what may be anybody's code, from frames that a thread may be left behind in.
///
/// # Safety
/// As for `PyObject_Vectorcall`.
#[inline(always)]
pub(crate) unsafe fn vectorcall(callable: Pointer, call: Call) -> Pointer {
    let stop = StopsForEver;
    // SAFETY: the pointer is that of the function, and the rest is the caller's promise.
    let result = unsafe {
        let function: Vectorcall = std::mem::transmute(black_box(ffi::PyObject_Vectorcall as *const c_void));
        function(callable, call.args, call.flagged_count, call.names)
    };
    std::mem::forget(stop);
    result
}

/// Sends to what may be anybody's coroutine.
///
/// # Safety
/// As for `PyIter_Send`.
pub(crate) unsafe fn iter_send(iterator: Pointer, sent: Pointer, result: *mut Pointer) -> ffi::PySendResult {
    let stop = StopsForEver;
    // SAFETY: the pointer is that of the function, and the rest is the caller's promise.
    let step = unsafe {
        let function: IterSend = std::mem::transmute(black_box(ffi::PyIter_Send as *const c_void));
        function(iterator, sent, result)
    };
    std::mem::forget(stop);
    step
}

/// Whether the interpreter is ending, when modules may be gone.
pub(crate) fn is_finalizing() -> bool {
    #[cfg(not(Py_3_13))]
    unsafe extern "C" {
        #[link_name = "_Py_IsFinalizing"]
        fn Py_IsFinalizing() -> std::ffi::c_int;
    }
    #[cfg(Py_3_13)]
    use ffi::Py_IsFinalizing;
    // SAFETY: it only reads a flag.
    unsafe { Py_IsFinalizing() != 0 }
}
