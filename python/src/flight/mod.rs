//! Loads in progress, as threads and tasks meet in them.
//!
//! - [`load_stack`]: which loads the running code is part of
//! - [`wait_graph`]: who waits for whom, so that no circle of waits is closed
//! - [`load_context`]: what a loader may ask of its load, and say of what it returns
//! - [`fate`]: what a load calls, and what becomes of its result
//! - [`lead`]: who makes a load, until its end; [`load`]: all of it, on the thread that asks
//! - [`handle`]: a load that was joined, as Python sees it
//! - [`attempt`]: the same in [`step`]s, for `hotset._loading`, which waits, in threads and in tasks; [`entry_info`]: what it tells of an entry

pub(crate) mod attempt;
mod entry_info;
pub(crate) mod fate;
mod handle;
pub(crate) mod lead;
pub(crate) mod load;
pub(crate) mod load_context;
pub(crate) mod load_stack;
pub(crate) mod step;
mod timing;
mod wait_graph;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::ffi::foreign::{Foreign, import};
use crate::forks;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<handle::Flight>()?;
    module.add_class::<attempt::Attempt>()?;
    module.add_class::<entry_info::PyEntryInfo>()?;
    step::register(module)?;
    module.add_class::<load_context::LoadContext>()?;
    module.add_function(wrap_pyfunction!(load_stack::depth, module)?)?;
    module.add_function(wrap_pyfunction!(load_stack::innermost, module)?)?;
    let hook = wrap_pyfunction!(forked, module)?;
    let os = import(module.py(), intern!(module.py(), "os"))?;
    if os.hasattr("register_at_fork")? {
        let options = pyo3::types::PyDict::new(module.py());
        options.set_item("after_in_child", hook)?;
        os.getattr("register_at_fork")?.ask_with(&PyTuple::empty(module.py()), Some(&options))?;
    }
    Ok(())
}

/// This process has just been forked: its parent's loads are none of it.
#[pyfunction]
fn forked() {
    forks::count();
    wait_graph::forget();
    load_context::forget();
}
