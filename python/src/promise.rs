//! What a leader and its followers share: who waits, and what the load came to.

use hotset::flight;
use hotset::sync::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;

use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::foreign::Foreign;
use crate::ffi::object::Object;
use crate::interrupt;

/// Who leads a flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leader {
    /// The thread that runs the load, or 0 for a coroutine's.
    pub(crate) thread: usize,
    /// The thread whose event loop a coroutine's load needs, or 0.
    pub(crate) home: usize,
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

    /// Has `waiter.wake()` called when the flight lands, if the waiter still lives; a token, or `None` if it has landed.
    pub(crate) fn subscribe(&self, waiter: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
        let reference = Object::from(PyWeakrefReference::new(waiter)?);
        let mut state = self.state.lock();
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
    pub(crate) fn unsubscribe(&self, token: u64) -> bool {
        let mut state = self.state.lock();
        let place = state.waiters.iter().position(|(known, _)| *known == token);
        let reference = place.map(|place| state.waiters.swap_remove(place));
        drop(state);
        reference.is_some()
    }

    /// Whether the load has ended.
    pub(crate) fn has_landed(&self) -> bool {
        self.state.lock().outcome.is_some()
    }

    /// Whether somebody waits for it.
    pub(crate) fn has_waiters(&self) -> bool {
        !self.state.lock().waiters.is_empty()
    }

    /// What Python knows of a coroutine's load.
    pub(crate) fn home(&self) -> Option<Object> {
        self.state.lock().home.clone()
    }

    pub(crate) fn set_home(&self, home: Object) {
        let before = self.state.lock().home.replace(home);
        drop(before);
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

fn wake(reference: &Bound<'_, PyAny>) -> PyResult<()> {
    let waiter = reference.ask(())?;
    if waiter.is_none() { Ok(()) } else { waiter.ask_method(intern!(reference.py(), "wake"), ()).map(drop) }
}
