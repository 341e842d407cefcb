//! hotset for Python: converts, calls the core, converts back.
//!
//! - [`function`]: decorated functions, the hot path
//! - [`cache`]: the classes beneath `hotset.Cache`
//! - [`flight`]: loads in progress, as threads and tasks meet in them
//! - [`state`]: what a cache is behind both; [`promise`]: what a leader and its followers share; [`footprint`]: how many bytes entries take
//! - [`key`]: what a key is, and when two are one
//! - [`codec`]: values as bytes, and back
//! - [`breaker`]: circuit breakers
//! - [`ffi`]: CPython, spoken to directly: references, calls, types made by hand, the way from C into Rust, and calls of code that is not
//!   ours
//! - [`tier`]: what lies behind the memory of a cache
//! - [`trace`]: recorded requests, and how caches would do on them
//! - [`interrupt`]: exceptions that come where nobody can raise them
//! - [`places`]: places that are given back when whoever has them is gone; [`forks`]: how often the process was forked
//! - [`arguments`], [`clock`], [`duration`], [`lifespan`], [`errors`], [`missing`], [`stats`]: small conversions

mod arguments;
mod breaker;
mod cache;
mod clock;
mod codec;
mod duration;
mod errors;
mod ffi;
mod flight;
mod footprint;
mod forks;
mod function;
mod hooks;
mod interrupt;
mod key;
mod lifespan;
mod missing;
mod places;
mod promise;
mod state;
mod stats;
mod tier;
mod trace;

use crate::ffi::foreign::{Foreign, import};
use pyo3::exceptions::PyImportError;
use pyo3::intern;
use pyo3::prelude::*;

/// The compiled half of hotset.
#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    only_the_main_interpreter()?;
    hotset::fork::watch();
    key::register(module)?;
    breaker::register(module)?;
    cache::register(module)?;
    module.add_class::<clock::ManualClock>()?;
    module.add_class::<missing::Missing>()?;
    module.add_class::<places::Places>()?;
    module.add_class::<places::Place>()?;
    module.add_class::<stats::Stats>()?;
    module.add_class::<stats::TierStats>()?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("MISSING", missing::missing(py)?.into_bound(py))?;
    module.add_function(wrap_pyfunction!(duration::seconds, module)?)?;
    module.add_function(wrap_pyfunction!(footprint::estimate_bytes, module)?)?;
    codec::register(module)?;
    flight::register(module)?;
    function::register(module)?;
    tier::handle::register(module)?;
    trace::register(module)?;
    register_coroutines(py)?;
    #[cfg(feature = "validate")]
    module.add_function(wrap_pyfunction!(cache::validate, module)?)?;
    module.add_function(wrap_pyfunction!(hooks::find_hooks, module)?)?;
    Ok(())
}

/// Refuses every interpreter of the process but the main one: a thread is attached to that where nobody says to which, and classes, names
/// and what is remembered are the process's.
fn only_the_main_interpreter() -> PyResult<()> {
    // SAFETY: the thread is attached.
    let is_main = unsafe { pyo3::ffi::PyInterpreterState_Get() == pyo3::ffi::PyInterpreterState_Main() };
    if is_main {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "hotset works in the main interpreter of a process only. Under mod_wsgi, have applications run there: \
         WSGIApplicationGroup %{GLOBAL}",
    ))
}

/// Makes what calls of coroutine functions return pass for coroutines.
fn register_coroutines(py: Python<'_>) -> PyResult<()> {
    // Where `collections.abc` has it from, which takes long to import.
    let coroutine = import(py, intern!(py, "_collections_abc"))?.getattr("Coroutine")?;
    function::awaitables(py)?
        .iter()
        .try_for_each(|class| coroutine.ask_method(intern!(py, "register"), (class,)).map(drop))
}
