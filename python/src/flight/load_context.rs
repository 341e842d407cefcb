//! What a loader may ask of its load, and say of what it returns.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Weak};

use hotset::clock::{self, Tick};
use hotset::memory::{Details, EntryInfo, Freshness};
use hotset::sync::Mutex;
use pyo3::exceptions::PyLookupError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};

use crate::arguments::tag_names;
use crate::duration::computed_ticks;
use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::object::Object;
use crate::key::Key;
use crate::key::lookup_key::LookupKey;
use crate::missing::missing;
use crate::state::CacheState;

/// How many contexts there are, so that a load whose loader has not asked for one looks no further.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// By the numbers of their flights.
static CONTEXTS: LazyLock<Mutex<AttachedLock, HashMap<u64, Arc<LoadOverrides>>>> = LazyLock::new(Mutex::default);

/// What a loader has said of what it will return.
#[derive(Default)]
pub(crate) struct LoadOverrides {
    said: Mutex<AttachedLock, Overrides>,
}

#[derive(Default)]
struct Overrides {
    ttl: Option<Tick>,
    tags: Vec<Arc<str>>,
    skip: bool,
}

impl LoadOverrides {
    /// What the loader of a flight has said, for who ends that. Nothing can be said any more then.
    #[inline]
    pub(crate) fn take(number: u64) -> Option<Arc<Self>> {
        if ASKED.load(Ordering::Relaxed) == 0 { None } else { Self::take_slowly(number) }
    }

    #[cold]
    fn take_slowly(number: u64) -> Option<Arc<Self>> {
        let taken = CONTEXTS.lock().remove(&number);
        if taken.is_some() {
            ASKED.fetch_sub(1, Ordering::Relaxed);
        }
        taken
    }

    fn of(number: u64) -> Arc<Self> {
        let mut contexts = CONTEXTS.lock();
        let known = contexts.get(&number).cloned();
        known.unwrap_or_else(|| {
            ASKED.fetch_add(1, Ordering::Relaxed);
            contexts.entry(number).or_default().clone()
        })
    }

    /// Whether the value is not to be stored.
    pub(crate) fn skips(&self) -> bool {
        self.said.lock().skip
    }

    /// Details as they were said to be.
    pub(crate) fn change(&self, details: &mut Details) {
        let ttl = self.said.lock().ttl;
        if let Some(ttl) = ttl {
            details.lifespan.ttl = ttl;
        }
        self.add_tags(details);
    }

    /// Details with the tags that were said, besides those that are known.
    pub(crate) fn add_tags(&self, details: &mut Details) {
        let said = self.said.lock().tags.clone();
        if !said.is_empty() {
            let known = std::mem::take(&mut details.tags);
            let others = said.into_iter().filter(|tag| !known.contains(tag)).collect::<Vec<_>>();
            details.tags = known.into_vec().into_iter().chain(others).collect();
        }
    }
}

/// Forgets what loaders of the parent have said: in a forked child.
pub(super) fn forget() {
    std::mem::forget(std::mem::take(&mut *CONTEXTS.lock()));
    ASKED.store(0, Ordering::Relaxed);
}

/// The running load, as its loader sees it.
#[pyclass(frozen, module = "hotset")]
pub(crate) struct LoadContext {
    /// Not kept alive by it: it may be kept by a value of that cache, which a collection could not see.
    cache: Weak<CacheState>,
    lookup_key: LookupKey,
    number: u64,
    overrides: Arc<LoadOverrides>,
}

impl LoadContext {
    /// Of the load of a flight that is in progress.
    pub(crate) fn new(py: Python<'_>, cache: &Arc<CacheState>, hash: u32, number: u64) -> PyResult<Option<Self>> {
        let key = cache.store.flights().key(hash, number, Key::clone);
        key.map(|key| {
            let lookup_key = LookupKey::of_stored(py, cache.owner(key.tag.owner()).1, &key)?;
            Ok(Self { cache: Arc::downgrade(cache), lookup_key, number, overrides: LoadOverrides::of(number) })
        })
        .transpose()
    }

    /// The entry that is there although it is not fresh, or is to be refreshed.
    fn before(&self, py: Python<'_>) -> PyResult<Option<(Object, EntryInfo)>> {
        let Some(cache) = self.cache.upgrade() else { return Ok(None) };
        let found = cache.inspect(py, &mut self.lookup_key.probe())?;
        Ok(found.filter(|(_, info)| matches!(info.freshness, Freshness::Fresh | Freshness::Stale)))
    }

    fn served(&self, py: Python<'_>, value: Object) -> PyResult<Object> {
        match self.cache.upgrade() {
            Some(cache) => cache.served(py, value),
            None => Ok(value),
        }
    }

    fn add(&self, tags: &[Arc<str>]) {
        self.overrides.said.lock().tags.extend_from_slice(tags);
        if let Some(cache) = self.cache.upgrade() {
            cache.store.flights().add_tags(self.lookup_key.tag.hash(), self.number, tags);
        }
    }
}

#[pymethods]
impl LoadContext {
    /// The value that is to be replaced, if it is there still.
    #[getter]
    fn stale(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let value = match self.before(py)? {
            Some((value, _)) => self.served(py, value)?,
            None => missing(py)?,
        };
        Ok(value.into_py(py))
    }

    /// Its age in seconds.
    #[getter]
    fn age(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        let before = self.before(py)?;
        let age = |info: EntryInfo| clock::duration(info.now.saturating_sub(info.deadlines.created)).as_secs_f64();
        Ok(before.map(|(_, info)| age(info)))
    }

    fn set_ttl(&self, ttl: &Bound<'_, PyAny>) -> PyResult<()> {
        let ttl = match self.cache.upgrade() {
            Some(cache) => cache.computed_ttl("ttl", ttl)?,
            None => computed_ticks("ttl", ttl)?,
        };
        self.overrides.said.lock().ttl = Some(ttl);
        Ok(())
    }

    #[pyo3(signature = (*tags))]
    fn add_tags(&self, tags: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.add(&tag_names(tags)?);
        Ok(())
    }

    fn skip(&self) {
        self.overrides.said.lock().skip = true;
    }

    fn not_modified(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Some((value, info)) = self.before(py)? else {
            return Err(PyLookupError::new_err(
                "not_modified(): no value is there to keep; look at `stale` first, and load where it is MISSING",
            ));
        };
        self.add(&info.tags);
        Ok(self.served(py, value)?.into_py(py))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.lookup_key.parts.iter().try_for_each(|part| part.visit(&visit))
    }
}
