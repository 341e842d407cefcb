//! CPython, spoken to directly where PyO3's way there costs too much: references, calls, types made by hand, and the ways into Rust and
//! back. It knows nothing of the rest.

pub(crate) mod attached_lock;
pub(crate) mod call_args;
pub(crate) mod foreign;
pub(crate) mod guard;
pub(crate) mod heap_type;
pub(crate) mod live;
pub(crate) mod make;
pub(crate) mod object;

use pyo3::ffi;

pub(crate) type Pointer = *mut ffi::PyObject;

macro_rules! class {
    ($name:ident) => {
        (&raw mut pyo3::ffi::$name)
    };
}
pub(crate) use class;
