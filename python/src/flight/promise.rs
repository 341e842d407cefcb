//! What a leader and its followers share: who waits, and what the load came to.

use std::sync::{Arc, Weak};

use hotset::clock::{self, COARSE_LAG, Clock, NEVER};
use hotset::flight;
use hotset::sync::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;

use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::foreign::Foreign;
use crate::ffi::object::Object;
use crate::flight::load_stack::{self, LoadStack};
use crate::flight::step::{Failed, Found, NotShareable, Retry};
use crate::inner::Inner;
use crate::interrupt;

/// Who leads a flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leader {
    /// The thread that runs the load, or 0 for a coroutine's.
    pub(crate) thread: usize,
    /// The thread whose event loop a coroutine's load needs, or 0.
    pub(crate) home: usize,
}

impl Leader {
    /// This thread.
    pub(crate) fn thread() -> Self {
        Self::of_thread(LoadStack::find())
    }

    /// The thread where this was found.
    #[inline]
    pub(crate) fn of_thread(here: LoadStack) -> Self {
        Self { thread: here.thread(), home: 0 }
    }

    /// A thread that is not known yet: what it runs is known by its context.
    pub(crate) fn pool() -> Self {
        Self { thread: 0, home: 0 }
    }

    /// A task of the event loop that runs on this thread.
    pub(crate) fn task() -> Self {
        Self { thread: 0, home: load_stack::thread() }
    }
}

/// What a load came to.
#[derive(Clone)]
pub(crate) enum LoadResult {
    Value(Object),
    /// It raised this `Exception`, with this traceback or `None`.
    Error(Object, Object),
    /// Its leader left: somebody else has to load.
    Retry,
    /// What it returned is the leader's alone: everybody loads.
    NotShareable,
}

/// When somebody who waits for a load asked for its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Came {
    /// Before the load began: whatever it came to will do.
    Before,
    /// While it was in progress: it will not do if it turns out to have been overtaken by then.
    After,
}

/// Where the followers of one flight meet.
pub(crate) struct Promise {
    pub(crate) number: u64,
    pub(crate) leader: Leader,
    state: Mutex<AttachedLock, State>,
}

struct State {
    outcome: Option<LoadResult>,
    /// Whether the load is too old for those who came after it had begun.
    is_behind: bool,
    /// Who is to be woken when the flight has landed, by token: weak references, so that a garbage collection sees all that refers
    /// to a waiter.
    waiters: Vec<(u64, Object)>,
    tokens: u64,
    /// What Python knows of a coroutine's load, by a weak reference.
    home: Option<Object>,
}

impl flight::Promise for Promise {
    type Leader = Leader;

    fn new(number: u64, leader: &Leader) -> Self {
        let state = State { outcome: None, is_behind: false, waiters: Vec::new(), tokens: 0, home: None };
        Self { number, leader: *leader, state: Mutex::new(state) }
    }
}

impl Promise {
    /// Tells everybody who waits, and whether the load is too old for those who came after it had begun. Only the first outcome counts.
    pub(crate) fn land(&self, py: Python<'_>, outcome: LoadResult, is_behind: bool) {
        let (waiters, home) = {
            let mut state = self.state.lock();
            if state.outcome.is_some() {
                drop(state);
                return drop(outcome);
            }
            (state.outcome, state.is_behind) = (Some(outcome), is_behind);
            (std::mem::take(&mut state.waiters), state.home.take())
        };
        drop(home);
        for (_, reference) in waiters {
            let reference = reference.bind(py);
            // What interrupts the first try is no reason to leave somebody waiting, and not lost.
            let Err(error) = wake(&reference) else { continue };
            if let Err(again) = wake(&reference) {
                interrupt::report(py, again, Some(&reference));
            } else {
                interrupt::raise_later(py, error);
            }
        }
    }

    /// What the load came to, if it is over, for who came at this time.
    pub(crate) fn outcome(&self, came: Came) -> Option<LoadResult> {
        let state = self.state.lock();
        if state.is_behind && came == Came::After {
            return state.outcome.as_ref().map(|_| LoadResult::Retry);
        }
        state.outcome.clone()
    }
}

/// A flight that was joined, for `hotset._loading`.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct Flight {
    pub(crate) promise: Arc<Promise>,
    cache: Weak<Inner>,
    hash: u32,
    came: Came,
}

impl Flight {
    pub(crate) fn new(promise: Arc<Promise>, cache: &Arc<Inner>, hash: u32, came: Came) -> Self {
        Self { promise, cache: Arc::downgrade(cache), hash, came }
    }
}

#[pymethods]
impl Flight {
    #[getter]
    fn number(&self) -> u64 {
        self.promise.number
    }

    /// Whether the load has ended.
    #[getter]
    fn landed(&self) -> bool {
        self.promise.state.lock().outcome.is_some()
    }

    /// Whether somebody waits for it.
    #[getter]
    fn waiting(&self) -> bool {
        !self.promise.state.lock().waiters.is_empty()
    }

    /// Whether the load is a coroutine's.
    #[getter]
    fn is_task(&self) -> bool {
        self.promise.leader.home != 0
    }

    /// What the load came to: [`Found`], [`Failed`], [`Retry`] or [`NotShareable`]. `None` while it is in progress.
    fn outcome(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let Some(outcome) = self.promise.outcome(self.came) else { return Ok(None) };
        Ok(Some(match outcome {
            LoadResult::Value(kept) => {
                let cache = self.cache.upgrade();
                let value = cache.map_or_else(|| Ok(kept.clone()), |cache| cache.served(py, kept.clone()))?;
                Py::new(py, Found { value: value.into_py(py) })?.into_any()
            }
            LoadResult::Error(error, traceback) => {
                Py::new(py, Failed { error: error.into_py(py), traceback: traceback.into_py(py) })?.into_any()
            }
            LoadResult::Retry => Py::new(py, Retry)?.into_any(),
            LoadResult::NotShareable => Py::new(py, NotShareable)?.into_any(),
        }))
    }

    /// Has `waiter.wake()` called when the flight lands, if the waiter still lives; a token, or None if it has landed.
    fn join(&self, waiter: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
        let reference = Object::from(PyWeakrefReference::new(waiter)?);
        let mut state = self.promise.state.lock();
        if state.outcome.is_some() {
            drop(state);
            return Ok(None);
        }
        state.tokens += 1;
        let token = state.tokens;
        state.waiters.push((token, reference));
        Ok(Some(token))
    }

    /// Waits no longer; whether it did.
    fn leave(&self, token: u64) -> bool {
        let mut state = self.promise.state.lock();
        let place = state.waiters.iter().position(|(known, _)| *known == token);
        let reference = place.map(|place| state.waiters.swap_remove(place));
        drop(state);
        reference.is_some()
    }

    #[getter]
    fn home(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let home = self.promise.state.lock().home.clone();
        home.map(|home| home.into_py(py))
    }

    #[setter]
    fn set_home(&self, home: &Bound<'_, PyAny>) {
        let before = self.promise.state.lock().home.replace(Object::of(home));
        drop(before);
    }

    /// How many seconds ago at least the load began, by the clock of the cache; 0 if that does not matter any more.
    #[getter]
    fn age(&self) -> f64 {
        let Some(cache) = self.cache.upgrade() else { return 0.0 };
        let began = cache.store.flights().began(self.hash, self.promise.number);
        let (now, lag) = match cache.memory().clock() {
            clock @ Clock::System => (clock.precise(), COARSE_LAG),
            clock @ Clock::Manual(_) => (clock.precise(), 0),
        };
        began.map_or(0.0, |began| clock::duration(now.saturating_sub(began + lag)).as_secs_f64())
    }

    /// In how many seconds the load is too old to be waited for; None if that never happens.
    #[getter]
    fn until_old(&self) -> Option<f64> {
        let cache = self.cache.upgrade()?;
        let age = Some(cache.store.load_age()).filter(|&age| age != NEVER)?;
        let began = cache.store.flights().began(self.hash, self.promise.number)?;
        let now = cache.memory().clock().coarse();
        Some(clock::duration((began + age).saturating_sub(now)).as_secs_f64())
    }

    /// Gives the load up if it is too old; whether that was so. Who waits is told also if others have given it up, or overtaken it.
    fn give_up_if_old(&self, py: Python<'_>) -> bool {
        let Some(cache) = self.cache.upgrade() else { return false };
        let (age, now) = (cache.store.load_age(), cache.memory().clock().coarse());
        let began = cache.store.flights().began(self.hash, self.promise.number);
        let old = age != NEVER && began.is_some_and(|began| began + age <= now);
        let first = old && cache.store.flights().strand(self.hash, self.promise.number);
        if old {
            self.promise.land(py, LoadResult::Retry, false);
        }
        if first {
            cache.log_given_up(py);
        }
        old
    }

    /// Gives up a load that will not end: nobody joins it any more, and a follower takes over.
    fn strand(&self, py: Python<'_>) {
        if let Some(cache) = self.cache.upgrade() {
            cache.store.flights().strand(self.hash, self.promise.number);
        }
        self.promise.land(py, LoadResult::Retry, false);
    }
}

fn wake(reference: &Bound<'_, PyAny>) -> PyResult<()> {
    let waiter = reference.ask(())?;
    if waiter.is_none() { Ok(()) } else { waiter.ask_method(intern!(reference.py(), "wake"), ()).map(drop) }
}
