//! A load that was joined, for `hotset._loading`.

use std::sync::{Arc, Weak};

use hotset::clock::{self, COARSE_LAG, Clock, NEVER};
use pyo3::prelude::*;

use crate::ffi::object::Object;
use crate::flight::step::{Failed, Found, NotShareable, Retry};
use crate::promise::{Came, LoadResult, Promise};
use crate::state::CacheState;

/// A flight that was joined, for `hotset._loading`.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct Flight {
    pub(crate) promise: Arc<Promise>,
    cache: Weak<CacheState>,
    hash: u32,
    came: Came,
}

impl Flight {
    pub(crate) fn new(promise: Arc<Promise>, cache: &Arc<CacheState>, hash: u32, came: Came) -> Self {
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
        self.promise.has_landed()
    }

    /// Whether somebody waits for it.
    #[getter]
    fn waiting(&self) -> bool {
        self.promise.has_waiters()
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
    fn subscribe(&self, waiter: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
        self.promise.subscribe(waiter)
    }

    /// Waits no longer; whether it did.
    fn unsubscribe(&self, token: u64) -> bool {
        self.promise.unsubscribe(token)
    }

    #[getter]
    fn home(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.promise.home().map(|home| home.into_py(py))
    }

    #[setter]
    fn set_home(&self, home: &Bound<'_, PyAny>) {
        self.promise.set_home(Object::of(home));
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
