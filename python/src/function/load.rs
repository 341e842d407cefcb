//! A call of a decorated function that the hot path has not answered, from the arguments to the value.

use std::sync::Arc;

use hotset::flight::{Landed, Stopwatch, Ticket};
use hotset::memory::{Details, More};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::duration::ticks;
use crate::ffi::call_args::Call;
use crate::ffi::foreign::{raised, uncounted, vectorcall};
use crate::ffi::guard::{attached, guard};
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::flight::attempt::{Attempt, Purpose};
use crate::flight::fate::{Decider, Fate, can_be_read_once, is_over};
use crate::flight::lead::{KnownTags, Lead, Recheck};
use crate::flight::load::{Load, load_here};
use crate::flight::load_stack::LoadStack;
use crate::function::decorated::Decorated;
use crate::function::handles::FunctionRef;
use crate::function::owned_call::OwnedCall;
use crate::function::prepared_key::PreparedKey;
use crate::function::signature::{Mismatch, mismatch_error};
use crate::function::storability::{details, fate, known_tags};
use crate::hooks;
use crate::interrupt;
use crate::key::exact::keyed_by_address;
use crate::key::part::Part;
use crate::key::probe::{Probe, Rule};
use crate::key::{Key, Tag};
use crate::missing::is_missing;
use crate::state::CacheState;

/// Loads and stores what a quick lookup has missed, where nothing has to be asked about the result; an exception is set if the function
/// raises. The parts are among the arguments, or defaults.
pub(crate) fn load_quickly(function: FunctionRef<'_>, call: Call<'_>, tag: Tag, parts: &[Live<'_>]) -> Option<Object> {
    // Whoever calls may only borrow it, and the load may make it the last to do so.
    let _held = function.to_object();
    let decorated = function.decorated();
    let (state, memory) = (decorated.state(), decorated.state().memory());
    let part =
        if decorated.single { Part::of(parts[0]) } else { Part::several(parts.iter().map(|&part| Part::of(part))) };
    let mut probe = Probe::new(tag, Rule::Typed, decorated.single, parts);
    let watch = Stopwatch::begin_uncritical(memory, tag.hash(), decorated.owner);
    let here = LoadStack::find();
    let Some(ticket) = state.begin_quickly(Key { part, tag }, watch.began(memory), here, &mut probe) else {
        return guard(|py| self::call(py, function, call, Some(More::Nothing)));
    };
    let result = {
        let _within = here.enter(&ticket, state);
        vectorcall(Live::of(&decorated.function), call)
    };
    land_quickly(decorated, tag, parts, ticket, watch, result)
}

/// Ends a load of [`load_quickly`] with what the function returned. Not a part of that, whose frame is to be small: calls may be deep.
#[inline(never)]
fn land_quickly(
    decorated: &Decorated,
    tag: Tag,
    parts: &[Live<'_>],
    ticket: Ticket,
    watch: Stopwatch,
    result: Option<Object>,
) -> Option<Object> {
    let (state, memory) = (decorated.state(), decorated.state().memory());
    let Some(result) = result else {
        attached(|py| Lead::new(state, ticket, Some(watch)).fail_raised(py));
        return None;
    };
    let mut probe = Probe::new(tag, Rule::Typed, decorated.single, parts);
    let Landed { now, nanos } = watch.landed(memory);
    let lead = Lead::new(state, ticket, None);
    let mut details = Details { lifespan: decorated.lifespan, nanos, ..Details::default() };
    let skips = lead.overrides().is_some_and(|overrides| {
        overrides.change(&mut details);
        overrides.skips() || is_over(&details)
    });
    if skips || is_missing(Live::of(&result)) || can_be_read_once(Live::of(&result)) {
        return guard(|py| {
            let fate = fate(py, decorated, &result.bind(py), 0)?;
            lead.end(py, if skips { fate.at_most_shared() } else { fate }.outcome(&result));
            Ok(result)
        });
    }
    match lead.fill_quickly(&result, &mut details, now, &mut probe) {
        Ok(()) => Some(result),
        Err(lead) => guard(|py| {
            lead.fill(py, &result, details, &mut probe)?;
            Ok(result)
        }),
    }
}

/// Whether parts can be stored as they are.
pub(crate) fn are_storable(parts: &[Live<'_>]) -> bool {
    parts.iter().all(|&part| !keyed_by_address(part))
}

/// Calls a synchronous function through its cache.
pub(crate) fn call(
    py: Python<'_>,
    function: FunctionRef<'_>,
    call: Call<'_>,
    looked_up: Option<More>,
) -> PyResult<Object> {
    // Whoever calls may only borrow it.
    let _held = function.to_object();
    let decorated = function.decorated();
    if !decorated.state().memory().is_enabled() {
        return call_uncached(py, decorated, call);
    }
    match prepare_and_look_up(py, decorated, call, looked_up)? {
        Lookup::Found(value) => Ok(value),
        Lookup::Refreshes(value) => {
            refresh_later(py, function, call);
            Ok(value)
        }
        Lookup::Missing(prepared, More::Nothing) if decorated.options.loads_here => {
            load(py, decorated, call, &prepared, true)
        }
        Lookup::Missing(prepared, _) => obtain(py, function, call, &prepared, true),
        Lookup::Misfit => call_uncached(py, decorated, call),
    }
}

/// A way to the result of a call.
pub(crate) fn attempt(
    py: Python<'_>,
    function: FunctionRef<'_>,
    call: Call<'_>,
    prepared: &PreparedKey<'_>,
) -> PyResult<Attempt> {
    let decorated = function.decorated();
    let kept = Py::new(py, OwnedCall::new(function, call))?;
    let (load_key, load_policy) = (prepared.keep(py, decorated)?, decorated.options.load_policy.clone());
    Ok(Attempt::new(decorated.state().clone(), load_key, Purpose::Call(Box::new(kept)), load_policy))
}

/// A way to the result of a call of a decorated function, by a caller who accepts no value that is older; None if the arguments do
/// not fit.
#[pyfunction]
pub(crate) fn attempt_of(
    py: Python<'_>,
    function: &Bound<'_, PyAny>,
    args: &Bound<'_, PyTuple>,
    kwargs: &Bound<'_, PyDict>,
    max_age: &Bound<'_, PyAny>,
) -> PyResult<Option<Attempt>> {
    let Some(function) = FunctionRef::of(py, function) else {
        return Err(PyTypeError::new_err("attempt_of() takes a cached function"));
    };
    let mut values: Vec<Object> = args.iter().map(Object::from).collect();
    values.extend(kwargs.values().iter().map(Object::from));
    let names = PyTuple::new(py, kwargs.keys())?;
    let call = Call::of(Live::all(&values), (!kwargs.is_empty()).then(|| Live::bound(&names)));
    let Ok(prepared) = function.decorated().prepare(py, call)? else { return Ok(None) };
    let attempt = attempt(py, function, call, &prepared)?;
    Ok(Some(attempt.by_who_accepts(ticks("max_age", max_age)?)))
}

/// Comes to the result of a synchronous function's call in the general way: it may be stale, or loaded by another thread. Not a part of
/// [`call`], whose frame is to be small: calls may be deep.
#[inline(never)]
pub(crate) fn obtain(
    py: Python<'_>,
    function: FunctionRef<'_>,
    call: Call<'_>,
    prepared: &PreparedKey<'_>,
    looks: bool,
) -> PyResult<Object> {
    let attempt = attempt(py, function, call, prepared)?;
    uncounted(py, || hooks::LOAD_HERE.ask(py, (attempt, py.None(), looks))).map(Object::from)
}

/// Has the result of a call loaded anew, by somebody else and later. What goes wrong with that is not the caller's.
#[cold]
pub(crate) fn refresh_later(py: Python<'_>, function: FunctionRef<'_>, call: Call<'_>) {
    let decorated = function.decorated();
    let begin = || {
        let Ok(prepared) = decorated.prepare(py, call)? else { return Ok(()) };
        let attempt = attempt(py, function, call, &prepared)?;
        hooks::REFRESH_LATER.ask(py, (attempt, py.None(), decorated.is_coroutine)).map(drop)
    };
    if let Err(error) = begin() {
        interrupt::report(py, error, Some(&decorated.function.bind(py)));
    }
}

/// What a lookup in the usual way came to.
pub(crate) enum Lookup<'a> {
    Found(Object),
    /// Found, and to be refreshed.
    Refreshes(Object),
    Missing(PreparedKey<'a>, More),
    /// The arguments do not fit: the function itself will say so best.
    Misfit,
}

/// Looks a call up, unless that has been done, and came to nothing but this.
pub(crate) fn prepare_and_look_up<'a>(
    py: Python<'_>,
    decorated: &'a Decorated,
    call: Call<'a>,
    looked_up: Option<More>,
) -> PyResult<Lookup<'a>> {
    let Ok(prepared) = decorated.prepare(py, call)? else { return Ok(Lookup::Misfit) };
    let (found, more) = match looked_up {
        None => decorated.state().read(py, &mut prepared.probe())?,
        Some(more) if decorated.state().has_tier() => decorated.state().pull_more(py, &mut prepared.probe(), more)?,
        Some(more) => (None, more),
    };
    Ok(match (found, more) {
        (Some(value), More::Refresh) => Lookup::Refreshes(value),
        (Some(value), _) => Lookup::Found(value),
        (None, more) => Lookup::Missing(prepared, more),
    })
}

/// Calls the function itself.
pub(crate) fn call_uncached(py: Python<'_>, decorated: &Decorated, call: Call<'_>) -> PyResult<Object> {
    vectorcall(Live::of(&decorated.function), call).ok_or_else(|| raised(py))
}

/// Loads a missing value and stores it, or waits for somebody who does.
pub(crate) fn load(
    py: Python<'_>,
    decorated: &Decorated,
    call: Call<'_>,
    prepared: &PreparedKey<'_>,
    looks: bool,
) -> PyResult<Object> {
    let look = if looks { Recheck::ForFresh } else { Recheck::Nowhere };
    load_here(py, &RunningCall { decorated, call, prepared }, || call_uncached(py, decorated, call), look)
}

/// A call that is being made.
struct RunningCall<'a, 'b> {
    decorated: &'a Decorated,
    call: Call<'a>,
    prepared: &'a PreparedKey<'b>,
}

impl Decider for RunningCall<'_, '_> {
    fn fate(&self, py: Python<'_>, result: &Bound<'_, PyAny>, nanos: u64) -> PyResult<Fate> {
        fate(py, self.decorated, result, nanos)
    }

    fn details(&self, py: Python<'_>, result: &Bound<'_, PyAny>, nanos: u64) -> PyResult<Details> {
        details(py, self.decorated, self.call, result, nanos)
    }
}

impl Load for RunningCall<'_, '_> {
    fn cache(&self) -> &Arc<CacheState> {
        self.decorated.state()
    }

    fn probe(&self) -> Probe<'_> {
        self.prepared.probe()
    }

    fn stored(&self, py: Python<'_>) -> PyResult<Part> {
        self.prepared.stored(py, self.decorated)
    }

    fn known_tags(&self, py: Python<'_>) -> PyResult<KnownTags> {
        known_tags(py, self.decorated, self.call)
    }

    fn load_policy(&self) -> Option<&Object> {
        self.decorated.options.keeps_errors.then_some(&self.decorated.options.load_policy)
    }
}

/// The key of a call for a verb, which has to fit.
pub(crate) fn key_for<'a>(
    py: Python<'_>,
    decorated: &'a Decorated,
    call: Call<'a>,
    verb: &str,
) -> PyResult<PreparedKey<'a>> {
    let is_class = |argument: &Live<'_>| argument.has_feature(ffi::Py_TPFLAGS_TYPE_SUBCLASS);
    if decorated.expects_class && !call.positional().first().is_some_and(is_class) {
        return Err(class_is_missing(py, decorated, verb));
    }
    let misfit = |mismatch: Mismatch| mismatch_error(&decorated.function.bind(py), verb, &mismatch);
    decorated.prepare(py, call)?.map_err(misfit)
}

fn class_is_missing(py: Python<'_>, decorated: &Decorated, verb: &str) -> PyErr {
    let name = decorated.name(py);
    PyTypeError::new_err(format!(
        "{name}.{verb}(): from Python 3.13 on a verb cannot know through which class it was reached if @classmethod stands above \
         @cache_result: put it beneath, or pass the class first"
    ))
}

/// A `TypeError` for a verb that wants a value first.
pub(crate) fn value_is_missing() -> PyErr {
    PyTypeError::new_err("set() takes the value first and then the arguments of the call: f.set(value, *args)")
}
