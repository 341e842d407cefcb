//! What ends a program or a task, and came up inside a tier: `KeyboardInterrupt`, `SystemExit` and the like.
//!
//! The core knows faults only. So the exception waits beside the fault until the thread is back where exceptions are raised.

use std::cell::Cell;

use pyo3::PyErr;

thread_local! {
    static INTERRUPTION: Cell<Option<PyErr>> = const { Cell::new(None) };
}

/// Has an exception be raised in this thread when the present call of a tier is over.
pub(super) fn interrupt(error: PyErr) {
    INTERRUPTION.set(Some(error));
}

/// What is to be raised in this thread instead of what a fault would come to.
pub(crate) fn take_interruption() -> Option<PyErr> {
    INTERRUPTION.take()
}
