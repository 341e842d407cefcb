//! Which loads the running code is part of: those that its thread runs, and those that its context was made in.

use std::cell::RefCell;
use std::sync::Arc;

use hotset::flight::Ticket;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use smallvec::SmallVec;

use crate::ffi::foreign::Foreign;
use crate::flight::load_context::LoadContext;
use crate::hooks;
use crate::promise::Leader;
use crate::state::CacheState;

thread_local! {
    /// The loads that this thread runs, the innermost last.
    static STACK: RefCell<Vec<Running>> = const { RefCell::new(Vec::new()) };
}

/// A load that a thread runs.
#[derive(Clone, Copy)]
struct Running {
    number: u64,
    hash: u32,
    /// Whose load it is; null for one of several that run as one.
    cache: *const CacheState,
}

/// Numbers of flights.
pub(crate) type Numbers = SmallVec<[u64; 4]>;

/// The loads that this thread runs, found once for several uses: to find what is local to a thread takes longer than to use it.
#[derive(Clone, Copy)]
pub(crate) struct LoadStack(*const RefCell<Vec<Running>>);

impl LoadStack {
    #[inline]
    pub(crate) fn find() -> Self {
        Self(STACK.with(std::ptr::from_ref))
    }

    /// A number for this thread, which no other has that lives.
    #[inline]
    pub(crate) fn thread(self) -> usize {
        self.0 as usize
    }

    /// The load of a ticket's key begins to run on this thread, where this was found.
    #[inline]
    pub(crate) fn enter(self, ticket: &Ticket, cache: &Arc<CacheState>) -> LoadScope {
        self.push(Running { number: ticket.number(), hash: ticket.hash(), cache: Arc::as_ptr(cache) })
    }

    #[inline]
    fn push(self, running: Running) -> LoadScope {
        // SAFETY: it is not sent to another thread, and the thread runs, so that what is local to it lives.
        unsafe { &*self.0 }.borrow_mut().push(running);
        LoadScope { number: running.number, stack: self.0 }
    }
}

/// A number for this thread, which no other has that lives.
pub(crate) fn thread() -> usize {
    LoadStack::find().thread()
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
        Self { thread: 0, home: thread() }
    }
}

/// The thread runs the load of a flight until this is dropped, on the same thread.
pub(crate) struct LoadScope {
    number: u64,
    stack: *const RefCell<Vec<Running>>,
}

impl LoadScope {
    /// The load of a ticket's key begins to run.
    #[inline]
    pub(crate) fn enter(ticket: &Ticket, cache: &Arc<CacheState>) -> Self {
        LoadStack::find().enter(ticket, cache)
    }

    /// One of several loads that run as one.
    pub(crate) fn enter_with_others(number: u64) -> Self {
        LoadStack::find().push(Running { number, hash: 0, cache: std::ptr::null() })
    }
}

/// How many loads this thread is within.
#[pyfunction]
pub(crate) fn depth() -> usize {
    STACK.with_borrow(Vec::len)
}

/// The context of the innermost load that this thread runs, None if it is one of several, or has ended.
#[pyfunction]
pub(crate) fn innermost(py: Python<'_>) -> PyResult<Option<LoadContext>> {
    let Some(Running { number, hash, cache }) = STACK.with_borrow(|stack| stack.last().copied()) else {
        return Ok(None);
    };
    if cache.is_null() {
        return Ok(None);
    }
    // SAFETY: who entered the load holds the cache until it has left it, which it does on this thread.
    let cache = unsafe {
        Arc::increment_strong_count(cache);
        Arc::from_raw(cache)
    };
    LoadContext::new(py, &cache, hash, number)
}

impl Drop for LoadScope {
    fn drop(&mut self) {
        // SAFETY: a pointer is not sent to another thread, and the thread runs, so that what is local to it lives.
        let mut stack = unsafe { &*self.stack }.borrow_mut();
        if stack.last().is_some_and(|last| last.number == self.number) {
            stack.pop();
        } else if let Some(place) = stack.iter().rposition(|running| running.number == self.number) {
            // A thread may switch between stacks of calls.
            stack.remove(place);
        }
    }
}

/// The flights that wait for the running code: those of its thread, and the one that its context was made for. Whoever waits for that has a
/// wait of its own.
pub(crate) fn enclosing(py: Python<'_>) -> PyResult<Numbers> {
    let mut numbers: Numbers = STACK.with_borrow(|stack| stack.iter().map(|running| running.number).collect());
    let context = hooks::ENCLOSING.get(py)?.ask_method(intern!(py, "get"), ())?;
    for number in context.getattr(intern!(py, "numbers"))?.cast::<PyTuple>()? {
        numbers.push(number.extract()?);
    }
    Ok(numbers)
}
