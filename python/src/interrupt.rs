//! Exceptions that come where nobody can raise them: they are told to `sys.unraisablehook`, but for interrupts, which are raised later.

use hotset::sync::Mutex;
use pyo3::exceptions::PyException;
use pyo3::ffi;
use pyo3::prelude::*;
use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::object::Object;
use crate::hooks;

/// What the main thread is to raise as soon as it can.
static LATER: Mutex<AttachedLock, VecDeque<Object>> = Mutex::new(VecDeque::new());

/// Reports an exception that cannot be raised here. What is no `Exception` (Ctrl-C, an exit) is not that of the code that it came out of: it is
/// raised later.
pub(crate) fn report(py: Python<'_>, error: PyErr, object: Option<&Bound<'_, PyAny>>) {
    if error.is_instance_of::<PyException>(py) {
        error.write_unraisable(py, object);
    } else {
        raise_later(py, error);
    }
}

/// Raises an exception between two of the next steps of this thread: for what came in the middle of something that has to be ended.
pub(crate) fn raise_later(py: Python<'_>, error: PyErr) {
    if is_main_thread(py) {
        LATER.lock().push_back(Object::from(error.value(py).clone().into_any()));
        // SAFETY: the function is one of ours, and is called by the main thread.
        if unsafe { ffi::Py_AddPendingCall(Some(raise), null_mut()) } == 0 {
            return;
        }
        let error = LATER.lock().pop_back();
        drop(error);
    }
    // SAFETY: both are alive; the class is called by the thread itself.
    unsafe { ffi::PyThreadState_SetAsyncExc(ffi::PyThread_get_thread_ident() as _, error.get_type(py).as_ptr()) };
}

extern "C" fn raise(_nothing: *mut c_void) -> c_int {
    let error = LATER.lock().pop_front();
    let Some(error) = error else { return 0 };
    crate::ffi::guard::attached(|py| PyErr::from_value(error.into_bound(py)).restore(py));
    -1
}

/// Whether this is the thread in which signal handlers run.
fn is_main_thread(py: Python<'_>) -> bool {
    let ident = |thread: Bound<'_, PyAny>| thread.getattr(pyo3::intern!(py, "ident"))?.extract::<u64>();
    // SAFETY: it only asks.
    let this = unsafe { ffi::PyThread_get_thread_ident() } as u64;
    hooks::MAIN_THREAD.ask(py, ()).and_then(ident).is_ok_and(|main| main == this)
}
