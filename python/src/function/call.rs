//! A call of a decorated function, from the arguments to the value. The first half of this file is the hot path.

use std::ffi::CStr;

use hotset::flight::Flight;
use hotset::hash;
use hotset::memory::{Condition, Details, Probe as CoreProbe, Unsure};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::arguments::tag_names;
use crate::function::body::Body;
use crate::function::prepared::Prepared;
use crate::function::signature::{Call, FEW, Mismatch, mismatch_error, pack};
use crate::guard::{guard, vectorcall};
use crate::key::exact::{Pointer, address_hash, keyed_by_address, typed_hash};
use crate::key::part::{Part, Word};
use crate::key::probe::{Probe, QuickProbe, QuickProbeOfOne, Rule};
use crate::key::{Key, Tag};
use crate::object::Object;

/// Room for the parts of a call that has to be bound.
pub(crate) type Bound = std::mem::MaybeUninit<[Pointer; FEW]>;

/// What the shortest path came to.
pub(crate) enum Quick {
    Hit(Object),
    /// The lookup of this key is done and counted.
    Miss(Tag),
    /// The lookup has to be done in the usual way.
    Unsuited,
}

/// Looks up a call without leaving this function for usual arguments.
///
/// # Safety
/// The arguments are alive and the thread is attached.
#[inline(always)]
pub(crate) unsafe fn look_up_quickly<'a>(
    body: &Body,
    call: Call,
    bound: &'a mut Bound,
    parts: &mut &'a [Pointer],
) -> Quick {
    let memory = &body.inner().memory;
    if !body.quick || !memory.is_enabled() {
        return Quick::Unsuited;
    }
    if let Some(all) = body.signature.in_order(call) {
        *parts = all;
    } else {
        let bound = bound.write([std::ptr::null_mut(); FEW]);
        let Some(count) = body.signature.bind_quickly(call, bound) else { return Quick::Unsuited };
        *parts = &bound[..count];
    }
    // SAFETY: arguments are alive.
    unsafe {
        match **parts {
            [part] if body.single => look_up_one(body, part),
            [first, second] => look_up_several(body, [first, second]),
            [first, second, third] => look_up_several(body, [first, second, third]),
            ref parts => look_up_many(body, parts),
        }
    }
}

/// Looks up a key of several parts.
///
/// # Safety
/// As for [`look_up_quickly`].
#[inline(always)]
unsafe fn look_up_several<const N: usize>(body: &Body, parts: [Pointer; N]) -> Quick {
    let mut words = [Word::of_other(std::ptr::null_mut()); N];
    // SAFETY: by the caller's promise.
    match unsafe { hash_parts(body, &parts, &mut words) } {
        Some(tag) => look_up(body, tag, &mut QuickProbe { tag, words }),
        None => Quick::Unsuited,
    }
}

/// As [`look_up_several`], for any number of parts up to [`FEW`].
#[inline(never)]
unsafe fn look_up_many(body: &Body, parts: &[Pointer]) -> Quick {
    let mut words = [Word::of_other(std::ptr::null_mut()); FEW];
    // SAFETY: by the caller's promise.
    match unsafe { hash_parts(body, parts, &mut words) } {
        Some(tag) => look_up(body, tag, &mut QuickProbe { tag, words: &words[..parts.len()] }),
        None => Quick::Unsuited,
    }
}

/// Hashes parts and turns them into words, if all are of types for which that can be done here.
///
/// # Safety
/// As for [`look_up_quickly`]; there are not more parts than words.
#[inline(always)]
unsafe fn hash_parts(body: &Body, parts: &[Pointer], words: &mut [Word]) -> Option<Tag> {
    let (seed, mut state) = (body.inner().memory.seed(), body.salt);
    let mut by_identity = body.first_by_identity();
    for (&part, place) in parts.iter().zip(words) {
        let identity = (address_hash(part), Word::of_other(part));
        // SAFETY: by the caller's promise.
        let (hash, word) = if by_identity { identity } else { unsafe { typed_hash(part)? } };
        state = seed.mix(state, hash);
        *place = word;
        by_identity = false;
    }
    Some(Tag::new(body.owner, hash::shorten(state)))
}

/// Reads what a probe looks for.
#[inline(always)]
fn look_up(body: &Body, tag: Tag, probe: &mut impl CoreProbe<Key>) -> Quick {
    match body.inner().memory.read(tag.hash(), body.owner, probe, Object::clone) {
        Ok(read) => {
            if read.due {
                body.inner().tend_attached(tag.hash());
            }
            read.found.map_or(Quick::Miss(tag), Quick::Hit)
        }
        Err(_) => Quick::Unsuited,
    }
}

/// Looks up a call with one positional argument of a function that has one parameter.
///
/// # Safety
/// The argument is alive and the thread is attached; the function's keys are typed and have that argument as their only part.
#[inline(always)]
pub(crate) unsafe fn look_up_one(body: &Body, part: Pointer) -> Quick {
    let memory = &body.inner().memory;
    if !memory.is_enabled() {
        return Quick::Unsuited;
    }
    let mut words = [Word::of_other(part)];
    // SAFETY: by the caller's promise.
    match unsafe { hash_parts(body, &[part], &mut words) } {
        Some(tag) => look_up(body, tag, &mut QuickProbeOfOne { tag, rule: Rule::Typed, word: words[0] }),
        None => Quick::Unsuited,
    }
}

/// Loads and stores what a quick lookup has missed, where nothing has to be asked about the result; null and an exception if
/// the function raises.
///
/// # Safety
/// The arguments are alive, the parts are among them or defaults of the function, and the thread is attached.
pub(crate) unsafe fn load_quickly(body: &Body, call: Call, tag: Tag, parts: &[Pointer]) -> Pointer {
    let memory = &body.inner().memory;
    // SAFETY: by the caller's promise.
    unsafe {
        let stored =
            if body.single { Part::of(parts[0]) } else { Part::several(parts.iter().map(|&part| Part::of(part))) };
        let flight = Flight::begin_uncritical(memory, tag.hash(), body.owner);
        let result = vectorcall(body.function.as_ptr(), call);
        if result.is_null() {
            flight.failed(memory);
            return result;
        }
        let now = flight.landed(memory).now;
        let result = Object::from_owned(result);
        if can_be_read_once(result.as_ptr()) {
            return guard(|py| is_wanted(py, body, &result.bind(py), 0).map(|_| result.clone()));
        }
        let mut pair = Some((Key { part: stored, tag }, result.clone()));
        let mut details = Details { lifespan: body.fixed_lifespan(), ..Details::default() };
        let mut probe = Probe::new(tag, Rule::Typed, body.single, parts);
        let written = memory.write_at(now, &mut pair, &mut details, &Condition::Always, &mut probe);
        match written {
            Ok(stored) => {
                body.inner().finish_attached(stored.left);
                result.into_ptr()
            }
            Err(Unsure) => write_slowly(body, pair, details, &mut probe, result),
        }
    }
}

/// Stores what could not be stored without comparing outside the lock.
#[cold]
fn write_slowly(
    body: &Body,
    mut pair: Option<(Key, Object)>,
    mut details: Details,
    probe: &mut Probe<'_>,
    result: Object,
) -> Pointer {
    guard(|py| {
        let memory = &body.inner().memory;
        let write = |probe: &mut Probe<'_>| memory.write(&mut pair, &mut details, &Condition::Always, probe);
        let written = probe.settle(py, write)?;
        body.inner().finish(py, written.left);
        Ok(result)
    })
}

/// Whether parts can be stored as they are.
///
/// # Safety
/// They are alive and the thread is attached.
pub(crate) unsafe fn are_storable(parts: &[Pointer]) -> bool {
    // SAFETY: by the caller's promise.
    parts.iter().all(|&part| !unsafe { keyed_by_address(part) })
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
        let result = vectorcall(body.function.as_ptr(), call);
        Object::from_result(py, result)
    }
}

/// Loads a missing value and stores it.
pub(crate) fn load(py: Python<'_>, body: &Body, call: Call, prepared: &Prepared) -> PyResult<Object> {
    let stored = prepared.stored(py, body)?;
    let flight = Flight::begin(prepared.tag.hash(), body.owner);
    match call_uncached(py, body, call) {
        Ok(result) => {
            let nanos = flight.landed(&body.inner().memory).nanos;
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
    stored: Part,
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

fn is_wanted(py: Python<'_>, body: &Body, result: &pyo3::Bound<'_, PyAny>, nanos: u64) -> PyResult<bool> {
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

pub(crate) fn details(py: Python<'_>, body: &Body, call: Call, result: &pyo3::Bound<'_, PyAny>) -> PyResult<Details> {
    let tags = match &body.options.tags {
        None => Box::default(),
        Some(render) => {
            let (args, kwargs) = pack(py, call)?;
            tag_names(&render.bind(py).call1((args, kwargs, result))?)?
        }
    };
    Ok(Details { lifespan: body.lifespan(py, result)?, tags, ..Details::default() })
}

/// Whether a result is used up by reading it: an iterator, an open file, a coroutine.
///
/// # Safety
/// The object is alive.
pub(crate) unsafe fn can_be_read_once(object: Pointer) -> bool {
    // SAFETY: types are initialised, and their slots are only read.
    unsafe {
        let class = ffi::Py_TYPE(object);
        if (*class).tp_iternext.is_some() && ffi::PyIter_Check(object) != 0 {
            return true;
        }
        if CStr::from_ptr((*class).tp_name) == c"_TemporaryFileWrapper" {
            return true;
        }
        let methods = (*class).tp_as_async;
        !methods.is_null() && ((*methods).am_await.is_some() || (*methods).am_anext.is_some())
    }
}

/// The key of a call for a verb, which has to fit.
pub(crate) fn key_for(py: Python<'_>, body: &Body, call: Call, verb: &str) -> PyResult<Prepared> {
    // SAFETY: the arguments are alive during the call.
    if body.expects_class && (call.count() == 0 || unsafe { ffi::PyType_Check(call.arg(0)) } == 0) {
        return Err(class_is_missing(py, body, verb));
    }
    let misfit = |mismatch: Mismatch| mismatch_error(&body.function.bind(py), verb, &mismatch);
    body.prepare(py, call)?.map_err(misfit)
}

fn class_is_missing(py: Python<'_>, body: &Body, verb: &str) -> PyErr {
    let name = body.name(py);
    PyTypeError::new_err(format!(
        "{name}.{verb}(): from Python 3.13 on a verb cannot know through which class it was reached if @classmethod stands above \
         @cache_result: put it beneath, or pass the class first"
    ))
}

/// A `TypeError` for a verb that wants a value first.
pub(crate) fn value_is_missing() -> PyErr {
    PyTypeError::new_err("set() takes the value first and then the arguments of the call: f.set(value, *args)")
}
