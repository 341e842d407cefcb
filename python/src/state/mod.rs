//! What a cache is behind its Python face: a memory, and what belongs to it alone.

pub(crate) mod behind;
mod reading;
mod removal;
pub(crate) mod writing;

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use hotset::Memory;
use hotset::clock::Tick;
use hotset::expiry::Lifespan;
use hotset::flight::Fenced;
use hotset::memory::{Owner, Removals};
use hotset::stats::Cause;
use hotset::sync::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::{PyTraverseError, PyVisit};

use crate::duration::{computed_ticks, ticks};
use crate::ffi::Pointer;
use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::foreign::Foreign;
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::forks::forks;
use crate::hooks;
use crate::interrupt;
use crate::key::call_key::CallKey;
use crate::key::holder::Holder;
use crate::key::identity::Identities;
use crate::key::ownership::{Known, Ownership};
use crate::key::probe::Rule;
use crate::key::{Key, MAPPING};
use crate::promise::Promise;
use crate::state::behind::Behind;

/// How entries are weighed.
pub(crate) enum Weigher {
    /// By a function of key and value.
    Function(Object),
    /// By the bytes that they take.
    Bytes,
}

/// What `hotset._aliasing` does with values.
pub(crate) struct Aliasing {
    pub(crate) mode: Object,
    /// Whether what is kept is not what callers get.
    pub(crate) serves: bool,
}

pub(crate) struct CacheState {
    /// The entries, and the loads in progress.
    pub(crate) store: Fenced<Key, Object, Promise, AttachedLock>,
    /// What [`forks`] was when the flights were begun.
    forks: AtomicU64,
    pub(crate) identities: Identities,
    /// How long entries live that say nothing of it.
    pub(crate) lifespan: Lifespan,
    /// Classes of values by name, and how long those are fresh.
    ttls: Vec<(String, Tick)>,
    pub(crate) weigher: Option<Weigher>,
    pub(crate) listener: Option<Object>,
    /// What callers get of a value, where that is not the value itself.
    pub(crate) aliasing: Option<Aliasing>,
    pub(crate) name: Object,
    /// By number: the mapping, and functions.
    owners: Mutex<AttachedLock, Vec<Known>>,
    has_evicted: AtomicBool,
    /// What lies behind the memory, if anything does.
    pub(crate) behind: Option<Box<dyn Behind>>,
}

impl CacheState {
    #[expect(clippy::too_many_arguments, reason = "they are those of the Python class")]
    pub(crate) fn new(
        store: Fenced<Key, Object, Promise, AttachedLock>,
        lifespan: Lifespan,
        ttls: Vec<(String, Tick)>,
        weigher: Option<Weigher>,
        listener: Option<Object>,
        aliasing: Option<Aliasing>,
        name: Object,
        behind: Option<Box<dyn Behind>>,
    ) -> Self {
        Self {
            store,
            forks: AtomicU64::new(forks()),
            identities: Mutex::default(),
            lifespan,
            ttls,
            weigher,
            listener,
            aliasing,
            owners: Mutex::new(vec![Known { name: name.clone(), rule: Rule::Mapping, ownership: Weak::new() }]),
            name,
            has_evicted: AtomicBool::new(false),
            behind,
        }
    }

    /// The entries, to read from; what writes goes through the store.
    #[inline(always)]
    pub(crate) fn memory(&self) -> &Memory<Key, Object, AttachedLock> {
        self.store.memory()
    }

    /// Whether there is something behind the memory.
    #[inline]
    pub(crate) fn has_tier(&self) -> bool {
        self.behind.is_some()
    }

    /// Whether the memory may answer at once: it is on, and has heard of all changes elsewhere.
    #[inline(always)]
    pub(crate) fn answers_quickly(&self) -> bool {
        self.memory().is_enabled() && self.behind.as_ref().is_none_or(|behind| behind.is_current())
    }

    /// Has the memory hear of changes elsewhere.
    #[inline]
    pub(crate) fn catch_up(self: &Arc<Self>, py: Python<'_>) {
        if let Some(behind) = &self.behind
            && !behind.is_current()
        {
            behind.hear(py, self);
        }
    }

    /// What lies behind the memory, unless the cache is off.
    fn behind_if_on(&self) -> Option<&dyn Behind> {
        self.behind.as_deref().filter(|_| self.memory().is_enabled())
    }

    /// In a forked child, forgets the loads that its parent's threads are at.
    #[inline]
    pub(crate) fn forget_flights_of_parent(&self) {
        if self.forks.load(Ordering::Relaxed) != forks() && self.forks.swap(forks(), Ordering::SeqCst) != forks() {
            // What they refer to may be in use by threads that are gone.
            std::mem::forget(self.store.flights().forget());
        }
    }

    /// A number for a function that keeps its results here. It and they leave with the function if `may_leave`.
    pub(crate) fn add_owner(self: &Arc<Self>, name: Object, rule: Rule, may_leave: bool) -> Arc<Ownership> {
        let ownership = Ownership::new(self, self.memory().add_owner(may_leave), may_leave);
        let known = Known { name, rule, ownership: Arc::downgrade(&ownership) };
        let mut owners = self.owners.lock();
        let before = match owners.get_mut(ownership.owner() as usize) {
            Some(place) => Some(std::mem::replace(place, known)),
            None => {
                owners.push(known);
                None
            }
        };
        drop(owners);
        drop(before);
        ownership
    }

    /// The name of an owner, and how its keys compare.
    pub(crate) fn owner(&self, owner: Owner) -> (Object, Rule) {
        let owners = self.owners.lock();
        let known = owners.get(owner as usize).map(|known| (known.name.clone(), known.rule));
        known.unwrap_or_else(|| (self.name.clone(), Rule::Typed))
    }

    /// What keeps the number of an owner from being given to another.
    pub(crate) fn ownership(&self, owner: Owner) -> Option<Arc<Ownership>> {
        self.owners.lock().get(owner as usize).and_then(|known| known.ownership.upgrade())
    }

    /// Removes what a function has here that is no more, without telling anybody.
    pub(crate) fn abandon_owner(&self, owner: Owner) {
        drop(self.store.clear_owner(owner));
    }

    /// A ttl from an argument: a duration, or the name of a class of values.
    pub(crate) fn ttl(&self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<Tick> {
        let Some(class) = value.cast::<PyString>().ok().filter(|_| !self.ttls.is_empty()) else {
            return ticks(name, value);
        };
        let class = class.to_string_lossy();
        if let Some((_, ttl)) = self.ttls.iter().find(|(known, _)| *known == class) {
            return Ok(*ttl);
        }
        ticks(name, value).map_err(|error| {
            let known: Vec<&str> = self.ttls.iter().map(|(known, _)| known.as_str()).collect();
            PyValueError::new_err(format!(
                "{}, or one of the ttls of the cache: {}",
                error.value(value.py()),
                known.join(", ")
            ))
        })
    }

    /// As [`CacheState::ttl`], of one that was computed: [`OVER`](crate::duration::OVER) if nothing is left of it.
    pub(crate) fn computed_ttl(&self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<Tick> {
        if value.is_instance_of::<PyString>() { self.ttl(name, value) } else { computed_ticks(name, value) }
    }

    /// What is kept of a value.
    pub(crate) fn kept(&self, py: Python<'_>, value: Object) -> PyResult<Object> {
        let Some(aliasing) = &self.aliasing else { return Ok(value) };
        Ok(Object::from(aliasing.mode.bind(py).ask_method(intern!(py, "store"), (value.bind(py),))?))
    }

    /// Whether callers get something else than what is kept.
    #[inline]
    pub(crate) fn serves(&self) -> bool {
        self.aliasing.as_ref().is_some_and(|aliasing| aliasing.serves)
    }

    /// What a caller gets of what is kept.
    pub(crate) fn served(&self, py: Python<'_>, kept: Object) -> PyResult<Object> {
        let Some(aliasing) = self.aliasing.as_ref().filter(|aliasing| aliasing.serves) else { return Ok(kept) };
        Ok(Object::from(aliasing.mode.bind(py).ask_method(intern!(py, "serve"), (kept.bind(py),))?))
    }

    /// Whether entries are weighed by the bytes that they take.
    pub(crate) fn weighs_bytes(&self) -> bool {
        matches!(self.weigher, Some(Weigher::Bytes))
    }

    /// The function that weighs entries.
    pub(crate) fn weigher(&self) -> Option<&Object> {
        match &self.weigher {
            Some(Weigher::Function(function)) => Some(function),
            Some(Weigher::Bytes) | None => None,
        }
    }

    /// Says once that what a function returned cannot be kept outside the process.
    pub(crate) fn log_unencodable(&self, py: Python<'_>, owner: Owner, error: &PyErr) {
        let name = self.owner(owner).0;
        let log = hooks::TIER_UNENCODABLE.ask(py, (name.bind(py), error.value(py)));
        if let Err(error) = log {
            interrupt::report(py, error, None);
        }
    }

    /// Says once for each kind of error that a user's codec cannot read what is stored.
    #[cold]
    pub(crate) fn log_undecodable(&self, py: Python<'_>, error: &PyErr) {
        let log = hooks::TIER_UNDECODABLE.ask(py, (self.name.bind(py), error.value(py)));
        if let Err(error) = log {
            interrupt::report(py, error, None);
        }
    }

    /// Says which part of a key an error is about.
    pub(crate) fn explain_part(&self, py: Python<'_>, owner: Owner, part: usize, error: PyErr) -> PyErr {
        let name = self.behind.as_ref().map(|behind| behind.part_name(owner, part));
        let explained = hooks::TIER_EXPLAINED.ask(py, (self.owner(owner).0.bind(py), name, error.value(py)));
        explained.map_or_else(|error| error, PyErr::from_value)
    }

    /// A stored key as users see it.
    pub(crate) fn face(self: &Arc<Self>, py: Python<'_>, key: &Key) -> PyResult<Object> {
        if key.tag.owner() == MAPPING {
            return key.part.to_object(py);
        }
        let owner = key.tag.owner();
        let cache: Weak<Self> = Arc::downgrade(self);
        Ok(Bound::new(py, CallKey::new(py, cache, self.owner(owner), self.ownership(owner), key)?)?.into())
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.memory().visit(|key, value| key.part.visit(visit).and_then(|()| value.visit(visit)))?;
        let mut seen = Ok(());
        self.store.flights().visit(|key, _, _, _| {
            if seen.is_ok() {
                seen = key.part.visit(visit);
            }
        });
        seen?;
        self.identities.lock().values().try_for_each(|identity| identity.visit(visit))?;
        let aliasing = self.aliasing.iter().map(|aliasing| &aliasing.mode);
        self.behind.iter().try_for_each(|behind| behind.visit(visit))?;
        self.weigher().into_iter().chain(&self.listener).chain(aliasing).try_for_each(|callable| callable.visit(visit))
    }

    /// Shows the objects that a function has here to a garbage collection, where the function is to.
    pub(crate) fn visit_owner(&self, owner: Owner, visit: impl Fn(Pointer) -> Result<(), c_int>) -> Result<(), c_int> {
        self.memory().visit_owner(owner, |key, value| {
            key.part.objects().map(Live::as_ptr).try_for_each(&visit)?;
            visit(value.as_ptr())
        })
    }

    /// Forgets everything, without telling anybody: for a garbage collection.
    pub(crate) fn abandon(self: &Arc<Self>) {
        drop(self.store.clear());
        let identities = std::mem::take(&mut *self.identities.lock());
        drop(identities);
    }
}

impl Holder for CacheState {
    fn identities(&self) -> &Identities {
        &self.identities
    }

    fn has_entry(&self, hash: u32, is_one: &mut dyn FnMut(&Key) -> bool) -> bool {
        self.memory().peek(hash, &mut |key: &Key| is_one(key), |_| ()).is_ok_and(|found| found.is_some())
    }

    fn remove_entries(self: Arc<Self>, py: Python<'_>, hashes: &[u32], is_one: &mut dyn FnMut(&Key) -> bool) {
        let mut all = Removals::nothing();
        for &hash in hashes {
            while let Ok(left) = self.memory().remove(hash, &mut |key: &Key| is_one(key), Cause::Invalidated)
                && !left.is_empty()
            {
                all.extend(left);
            }
        }
        self.finish(py, all);
    }

    fn remove_owner(&self, owner: Owner) {
        drop(self.store.remove_owner(owner));
    }
}
