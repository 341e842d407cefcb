//! Circuit breakers: what becomes of Python's calls, told to the breaker of the core.
//!
//! - [`options`], [`stats`]: what it is told when it is made, and what it tells
//! - [`permit`]: the right to make one call
//! - [`within`]: which calls the running code is part of
//!
//! What is done for each call is here. What is done when one fails, is refused or changes the state is Python, in `hotset/_breaker.py`.

mod options;
mod permit;
mod stats;
mod within;

use std::time::Duration;

use hotset::clock::Clock;
use hotset::stack::{self, Breaker, BreakerOptions, Moved, Refused, State};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::breaker::options::Given;
use crate::breaker::permit::Permit;
use crate::breaker::stats::BreakerStats;
pub(crate) use crate::breaker::stats::name_of;
use crate::clock::ManualClock;
use crate::ffi::foreign::Foreign;
use crate::ffi::live::Live;
use crate::hooks;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<BreakerVerbs>()?;
    module.add_class::<BreakerStats>()?;
    module.add_class::<Permit>()
}

/// The verbs of a circuit breaker.
#[pyclass(frozen, subclass, module = "hotset._core")]
pub(crate) struct BreakerVerbs {
    breaker: Breaker,
}

impl BreakerVerbs {
    /// What it was made with: for a cache that makes breakers of its own like it.
    pub(crate) fn options(&self) -> BreakerOptions {
        self.breaker.options().clone()
    }

    /// Tells those who want to hear of it that the state has changed, and why.
    fn tell(&self, slf: &Bound<'_, Self>, moved: Option<Moved>, why: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let Some(Moved { from, to }) = moved else { return Ok(()) };
        slf.ask_method(intern!(slf.py(), "_changed"), (name_of(from), name_of(to), why)).map(drop)
    }
}

#[pymethods]
impl BreakerVerbs {
    #[new]
    fn new(given: Given<'_>, clock: Option<&Bound<'_, ManualClock>>) -> PyResult<Self> {
        let clock = clock.map_or(Clock::System, |clock| Clock::Manual(clock.get().shared()));
        Ok(Self { breaker: Breaker::new(given.options()?, clock) })
    }

    #[getter]
    fn state(&self) -> &'static str {
        name_of(self.breaker.state())
    }

    /// When it opens, in words.
    #[getter]
    fn _bounds(&self) -> String {
        let BreakerOptions { failures, rate, least_calls, window, .. } = self.options();
        let row = (failures < u32::MAX).then(|| format!("{failures} in a row"));
        let within = if window == Duration::MAX { String::new() } else { format!(" within {window:?}") };
        let part = rate.is_finite().then(|| format!("{} % of {least_calls} or more{within}", rate * 100.0));
        row.into_iter().chain(part).collect::<Vec<_>>().join(" or at ")
    }

    fn stats(&self) -> BreakerStats {
        self.breaker.stats().into()
    }

    fn reset(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().tell(slf, slf.get().breaker.reset(), None)
    }

    #[pyo3(signature = (why = None))]
    fn trip(slf: &Bound<'_, Self>, why: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let why = why.unwrap_or(intern!(slf.py(), "a call of trip()"));
        slf.get().tell(slf, slf.get().breaker.trip(), Some(why))
    }

    #[pyo3(signature = (function, /, *args, **kwargs))]
    fn call<'py>(
        slf: &Bound<'py, Self>,
        function: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Some(permit) = let_through(slf)? else { return function.ask_with(args, kwargs) };
        if permit.is_probe() {
            return probe(slf, permit, || function.ask_with(args, kwargs));
        }
        let result = function.ask_with(args, kwargs);
        ended(slf, permit, result)
    }

    fn allow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Permit>> {
        Permit::new(slf, let_through(slf)?)
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Permit>> {
        let permit = Permit::new(slf, let_through(slf)?)?;
        within::enter(&permit)?;
        Ok(permit)
    }

    #[pyo3(signature = (_kind, error, _traceback))]
    fn __exit__(
        slf: &Bound<'_, Self>,
        _kind: Option<&Bound<'_, PyType>>,
        error: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        match within::leave_innermost_of(slf)? {
            Some(permit) => Permit::end(&permit, error)?,
            None => told_elsewhere(slf, error)?,
        }
        Ok(false)
    }
}

/// Lets a call through; None if it is a part of a probe that is being made.
fn let_through<'a>(slf: &'a Bound<'_, BreakerVerbs>) -> PyResult<Option<stack::Permit<'a>>> {
    let this = slf.get();
    if this.breaker.state() != State::Closed && within::is_probing(slf)? {
        return Ok(None);
    }
    match this.breaker.allow() {
        Ok(permit) => {
            this.tell(slf, permit.moved(), None)?;
            Ok(Some(permit))
        }
        Err(refused) => Err(refusal(slf, refused)),
    }
}

#[cold]
fn refusal(slf: &Bound<'_, BreakerVerbs>, refused: Refused) -> PyErr {
    let error = slf.ask_method(intern!(slf.py(), "_refusal"), (refused.retry_in.as_secs_f64(),));
    error.map_or_else(|error| error, PyErr::from_value)
}

/// Makes a call that others may be made in, as parts of it.
#[cold]
fn probe<'py>(
    slf: &Bound<'py, BreakerVerbs>,
    permit: stack::Permit<'_>,
    call: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let permit = Permit::new(slf, Some(permit))?;
    within::enter(&permit)?;
    let result = call();
    within::leave(&permit)?;
    match permit.get().take() {
        Some(permit) => ended(slf, permit, result),
        None => result,
    }
}

/// A call has returned or raised, and that is told unless it is still to be awaited.
fn ended<'py>(
    slf: &Bound<'py, BreakerVerbs>,
    permit: stack::Permit<'_>,
    result: PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    match result {
        Ok(result) if Live::bound(&result).is_awaitable() => {
            let permit = Permit::new(slf, Some(permit))?;
            hooks::UNDER_PERMIT.ask(slf.py(), (permit, result))
        }
        Ok(result) => told(slf, permit, None).map(|()| result),
        Err(error) => {
            told(slf, permit, Some(error.value(slf.py()).as_any()))?;
            Err(error)
        }
    }
}

/// Tells what came of a call; an error is what it raised.
fn told(slf: &Bound<'_, BreakerVerbs>, permit: stack::Permit<'_>, error: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    match verdict(slf, error)? {
        Verdict::Success => slf.get().tell(slf, permit.succeeded(), None),
        Verdict::Failure => slf.get().tell(slf, permit.failed(), error),
        Verdict::Neither => Ok(()),
    }
}

/// Tells what came of a call that has begun in another context, where its permit is.
#[cold]
fn told_elsewhere(slf: &Bound<'_, BreakerVerbs>, error: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let verdict = verdict(slf, error)?;
    let Some(permit) = slf.get().breaker.assume() else { return Ok(()) };
    let moved = match verdict {
        Verdict::Success => permit.succeeded(),
        Verdict::Failure => permit.failed(),
        // A probe that was let through may be another: it is not to be made again.
        Verdict::Neither => {
            _ = permit.lay_aside();
            None
        }
    };
    slf.get().tell(slf, moved, error)
}

/// What a call says of those to come.
enum Verdict {
    Success,
    Failure,
    Neither,
}

fn verdict(slf: &Bound<'_, BreakerVerbs>, error: Option<&Bound<'_, PyAny>>) -> PyResult<Verdict> {
    let Some(error) = error else { return Ok(Verdict::Success) };
    let fails: Option<bool> = slf.ask_method(intern!(slf.py(), "_is_failure"), (error,))?.extract()?;
    Ok(match fails {
        Some(true) => Verdict::Failure,
        Some(false) => Verdict::Success,
        None => Verdict::Neither,
    })
}
