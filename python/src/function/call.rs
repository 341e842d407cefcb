//! A call of a decorated function, from the arguments to the value. The first half of this file is the hot path.

use hotset::flight::Flight;
use hotset::hash;
use hotset::memory::{Condition, Details};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::cache::tag_names;
use crate::exact::{Pointer, address_hash, typed_hash};
use crate::function::body::Body;
use crate::function::prepared::Prepared;
use crate::function::signature::{Call, FEW, Mismatch, mismatch_error, pack};
use crate::key::Tag;
use crate::object::Object;
use crate::probe::{Probe, Rule};

/// What the shortest path came to.
pub(crate) enum Quick {
    Hit(Object),
    /// The lookup is done and counted.
    Miss,
    /// The lookup has to be done in the usual way.
    Unsuited,
}

/// Looks up a call without leaving this function for usual arguments.
///
/// # Safety
/// The arguments are alive and the thread is attached.
#[inline(always)]
pub(crate) unsafe fn look_up_quickly(body: &Body, call: Call) -> Quick {
    let memory = &body.inner().memory;
    if !body.quick || !memory.is_enabled() {
        return Quick::Unsuited;
    }
    let mut bound = [std::ptr::null_mut(); FEW];
    let parts: &[Pointer] = if body.signature.plain && call.names.is_null() && call.count() == body.signature.count() {
        // SAFETY: there are that many arguments.
        unsafe { std::slice::from_raw_parts(call.args, call.count()) }
    } else {
        let Some(count) = body.signature.bind_quickly(call, &mut bound) else { return Quick::Unsuited };
        &bound[..count]
    };
    let (seed, mut state) = (memory.seed(), body.salt);
    let mut by_identity = body.first_by_identity();
    for &part in parts {
        // SAFETY: arguments are alive.
        let word = if by_identity { Some(address_hash(part)) } else { unsafe { typed_hash(part) } };
        let Some(word) = word else { return Quick::Unsuited };
        state = seed.mix(state, word);
        by_identity = false;
    }
    let tag = Tag::new(body.owner, hash::shorten(state));
    let mut probe = Probe::new(tag, Rule::Typed, body.single, parts);
    match memory.read(tag.hash(), body.owner, &mut probe, Object::clone) {
        Ok(read) => {
            if read.due {
                tend(body, tag);
            }
            read.found.map_or(Quick::Miss, Quick::Hit)
        }
        Err(_) => Quick::Unsuited,
    }
}

#[cold]
#[inline(never)]
fn tend(body: &Body, tag: Tag) {
    Python::attach(|py| body.inner().tend(py, tag.hash()));
}

/// Calls a synchronous function through its cache.
pub(crate) fn call(py: Python<'_>, body: &Body, call: Call, looked_up: bool) -> PyResult<Object> {
    if !body.inner().memory.is_enabled() {
        return call_uncached(py, body, call);
    }
    match prepare_and_look_up(py, body, call, looked_up)? {
        Lookup::Found(value) => Ok(value),
        Lookup::Missing(prepared) => load(py, body, call, &prepared),
        Lookup::Misfit => call_uncached(py, body, call),
    }
}

/// What a lookup in the usual way came to.
pub(crate) enum Lookup {
    Found(Object),
    Missing(Prepared),
    /// The arguments do not fit: the function itself will say so best.
    Misfit,
}

pub(crate) fn prepare_and_look_up(py: Python<'_>, body: &Body, call: Call, looked_up: bool) -> PyResult<Lookup> {
    let Ok(prepared) = body.prepare(py, call)? else { return Ok(Lookup::Misfit) };
    if !looked_up && let Some(value) = body.inner().read(py, &mut prepared.probe())? {
        return Ok(Lookup::Found(value));
    }
    Ok(Lookup::Missing(prepared))
}

/// Calls the function itself.
pub(crate) fn call_uncached(py: Python<'_>, body: &Body, call: Call) -> PyResult<Object> {
    // SAFETY: the arguments are those of our own call, handed on as they are.
    unsafe {
        let result = ffi::PyObject_Vectorcall(body.function.as_ptr(), call.args, call.flagged_count, call.names);
        Object::from_result(py, result)
    }
}

/// Loads a missing value and stores it.
pub(crate) fn load(py: Python<'_>, body: &Body, call: Call, prepared: &Prepared) -> PyResult<Object> {
    let stored = prepared.stored(py, body)?;
    let flight = Flight::begin(prepared.tag.hash(), body.owner);
    match call_uncached(py, body, call) {
        Ok(result) => {
            let nanos = flight.landed(&body.inner().memory);
            fill(py, body, call, prepared, stored, &result, nanos)?;
            Ok(result)
        }
        Err(error) => {
            flight.failed(&body.inner().memory);
            Err(error)
        }
    }
}

/// Stores what a load returned, unless the function or the result says otherwise.
pub(crate) fn fill(
    py: Python<'_>,
    body: &Body,
    call: Call,
    prepared: &Prepared,
    stored: Object,
    result: &Object,
    nanos: u64,
) -> PyResult<bool> {
    let bound = result.bind(py);
    if !is_wanted(py, body, &bound, nanos)? {
        return Ok(false);
    }
    let details = details(py, body, call, &bound)?;
    body.inner().fill(py, stored, result.clone(), details, &Condition::Always, &mut prepared.probe())
}

fn is_wanted(py: Python<'_>, body: &Body, result: &Bound<'_, PyAny>, nanos: u64) -> PyResult<bool> {
    // SAFETY: the result is alive.
    if unsafe { can_be_read_once(result.as_ptr()) } {
        body.inner().memory.count_refused(0, body.owner);
        if body.warn_once() {
            let class = result.get_type().qualname()?.to_string();
            py.import("hotset._log")?.call_method1("read_once", (body.name(py), class))?;
        }
        return Ok(false);
    }
    match &body.options.should_cache {
        None => Ok(true),
        Some(decide) => decide.bind(py).call1((result, nanos as f64 / 1e9))?.is_truthy(),
    }
}

pub(crate) fn details(py: Python<'_>, body: &Body, call: Call, result: &Bound<'_, PyAny>) -> PyResult<Details> {
    let tags = match &body.options.tags {
        None => Box::default(),
        Some(render) => {
            let (args, kwargs) = pack(py, call)?;
            tag_names(&render.bind(py).call1((args, kwargs, result))?)?
        }
    };
    Ok(Details { lifespan: body.lifespan(py, result)?, weight: 1, tags })
}

/// Whether a result is used up by reading it: an iterator, an open file, a coroutine.
///
/// # Safety
/// The object is alive.
pub(crate) unsafe fn can_be_read_once(object: Pointer) -> bool {
    // SAFETY: types are initialised, and their slots are only read.
    unsafe {
        let class = ffi::Py_TYPE(object);
        if ffi::PyIter_Check(object) != 0 {
            return true;
        }
        let methods = (*class).tp_as_async;
        !methods.is_null() && ((*methods).am_await.is_some() || (*methods).am_anext.is_some())
    }
}

/// The key of a call for a verb, which has to fit.
pub(crate) fn key_for(py: Python<'_>, body: &Body, call: Call, verb: &str) -> PyResult<Prepared> {
    let misfit = |mismatch: Mismatch| mismatch_error(&body.function.bind(py), verb, &mismatch);
    body.prepare(py, call)?.map_err(misfit)
}

/// A `TypeError` for a verb that wants a value first.
pub(crate) fn value_is_missing() -> PyErr {
    PyTypeError::new_err("set() takes the value first and then the arguments of the call: f.set(value, *args)")
}
