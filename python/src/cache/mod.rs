//! The class beneath `hotset.Cache`: every verb on one key, and what concerns all of them.

mod access;
mod bulk;
mod iterator;
mod quick;

use std::sync::Arc;

use hotset::clock::{Clock, NEVER, Tick};
use hotset::expiry::Lifespan;
use hotset::expiry::duration::parse;
use hotset::flight::Fenced;
use hotset::memory::{Condition, Cursor, Details, Freshness, More, Options, Removals, Sampling};
use hotset::policy::worth::Optimize;
use hotset::stats::Cause;
use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::arguments::{Given, bound, bound_in_bytes, callable, shown, tag_names};
use crate::cache::iterator::{CacheIterator, Shows};
use crate::clock::ManualClock;
use crate::duration::{seconds, ticks};
use crate::errors::{invalid, raised};
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::flight::attempt::{Attempt, Purpose};
use crate::flight::step::Due;
use crate::key::MAPPING;
use crate::key::lookup_key::LoadKey;
use crate::lifespan;
use crate::missing::missing;
use crate::state::behind::{Behind, Keys};
use crate::state::writing::NewEntry;
use crate::state::{Aliasing, CacheState, Weigher};
use crate::stats::Stats;
use crate::tier::behind::TierBehind;

/// Makes the classes and adds them to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.py().get_type::<CacheIterator>();
    module.add_class::<CacheVerbs>()?;
    module.add_function(wrap_pyfunction!(bulk::prefetch, module)?)?;
    quick::register(module)
}

/// Hits and requests of the cache while samples were taken, how many were simulated, and sizes with hit ratios.
type Samples = (u64, u64, u64, Vec<(u64, f64)>);

#[pyclass(frozen, subclass, weakref, generic, module = "hotset._core", name = "CacheVerbs")]
pub(crate) struct CacheVerbs {
    pub(crate) state: Arc<CacheState>,
    /// What its loads are to do, for `hotset._loading.policy`.
    load_policy: Object,
    /// As they were given, for those who ask and for copies of the cache.
    given: Py<PyDict>,
    ttls: Py<PyDict>,
    clock: Option<Py<ManualClock>>,
    /// What `hotset._tiers.settings` was told of the tier, if there is one.
    tier: Option<Object>,
}

impl CacheVerbs {
    /// Details from the arguments that the verbs which store have in common.
    fn details(&self, life: Life<'_>, tags: Option<&Bound<'_, PyAny>>) -> PyResult<Details> {
        let tags = tags.map_or_else(|| Ok(Box::default()), tag_names)?;
        Ok(Details { lifespan: life.changes(&self.state, self.state.lifespan)?, tags, ..Details::default() })
    }

    /// A duration as it was given, in seconds.
    fn given_seconds(&self, py: Python<'_>, name: &str) -> PyResult<Option<f64>> {
        let given = self.given.bind(py).get_item(name)?;
        given.map_or(Ok(None), |value| seconds(name, &value))
    }

    /// Details for an entry that says nothing of its life.
    #[inline]
    pub(crate) fn usual(&self) -> Details {
        Details { lifespan: self.state.lifespan, ..Details::default() }
    }
}

/// What a verb says of the life of an entry.
struct Life<'py> {
    ttl: Given<'py>,
    grace: Given<'py>,
    idle: Given<'py>,
}

impl Life<'_> {
    /// A lifespan with what is said of it.
    fn changes(&self, cache: &CacheState, mut lifespan: Lifespan) -> PyResult<Lifespan> {
        for (name, given) in [("ttl", &self.ttl), ("grace", &self.grace), ("idle", &self.idle)] {
            if let Given::Something(value) = given {
                lifespan::change(&mut lifespan, name, value, |name, value| cache.ttl(name, value))?;
            }
        }
        Ok(lifespan)
    }
}

/// How the entries of a cache live, by how much jitter shortens that, and how old a load may become.
fn deadlines(given: &Bound<'_, PyDict>) -> PyResult<(Lifespan, f64, Tick)> {
    let (mut lifespan, mut jitter, mut load_age) = (Lifespan::FOREVER, 0.0, NEVER);
    for (name, value) in given {
        match name.cast::<PyString>()?.to_str()? {
            "jitter" => jitter = fraction_of_ttl(&value)?,
            "load_age" => load_age = ticks("load_age", &value)?,
            other => {
                if !lifespan::change(&mut lifespan, other, &value, ticks)? {
                    return Err(PyTypeError::new_err(format!("a cache has no option {other}")));
                }
            }
        }
    }
    Ok((lifespan, jitter, load_age))
}

/// The ttls of classes of values, by name.
fn classes(ttls: &Bound<'_, PyDict>) -> PyResult<Vec<(String, Tick)>> {
    let class = |(name, ttl): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        let text =
            name.cast::<PyString>().map_err(|_| invalid(name.py(), "ttls", &name, "a class has a text as its name"))?;
        if parse(&text.to_string_lossy()).is_ok() {
            let message = format!("ttls: {} is a duration: give the class another name", name.repr()?);
            return Err(PyValueError::new_err(message));
        }
        let name = text.to_string_lossy().into_owned();
        let ttl = ticks(&format!("ttls[{name:?}]"), &ttl)?;
        Ok((name, ttl))
    };
    ttls.iter().map(class).collect()
}

fn fraction_of_ttl(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    let fraction = value.extract::<f64>().ok().filter(|fraction| (0.0..=1.0).contains(fraction));
    fraction.ok_or_else(|| invalid(value.py(), "jitter", value, "write a fraction of the ttl from 0 to 1"))
}

/// The names of what can be optimized.
const HITS: &str = "hits";
const TIME: &str = "time";

/// What is to be as much as possible, by name, under a policy that can see to it.
fn optimized(value: &Bound<'_, PyAny>, policy: &str) -> PyResult<Optimize> {
    match value.extract::<PyBackedStr>().ok().as_deref() {
        Some(HITS) => Ok(Optimize::Hits),
        Some(TIME) if policy == hotset::policy::DEFAULT => Ok(Optimize::Time),
        Some(TIME) => Err(PyValueError::new_err(format!(
            "optimize=\"time\": policy=\"{policy}\" does not look at what loads cost; leave out policy, or optimize"
        ))),
        _ => Err(PyValueError::new_err(format!("optimize={}: write \"hits\" or \"time\"", value.repr()?))),
    }
}

#[pymethods]
impl CacheVerbs {
    #[new]
    #[pyo3(signature = (name, maxsize, maxweight, max_bytes, weigher, policy, optimize, on_remove, clock, aliasing, load_policy, ttls, behind = None, **given))]
    #[expect(clippy::too_many_arguments, reason = "they are those of the Python class")]
    fn new(
        py: Python<'_>,
        name: &Bound<'_, PyString>,
        maxsize: &Bound<'_, PyAny>,
        maxweight: &Bound<'_, PyAny>,
        max_bytes: &Bound<'_, PyAny>,
        weigher: Option<Bound<'_, PyAny>>,
        policy: String,
        optimize: &Bound<'_, PyAny>,
        on_remove: Option<Bound<'_, PyAny>>,
        clock: Option<&Bound<'_, ManualClock>>,
        aliasing: Option<Bound<'_, PyAny>>,
        load_policy: &Bound<'_, PyAny>,
        ttls: &Bound<'_, PyDict>,
        behind: Option<&Bound<'_, PyAny>>,
        given: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let given = given.cloned().unwrap_or_else(|| PyDict::new(py));
        let (lifespan, jitter, load_age) = deadlines(&given)?;
        let weighs_bytes = !max_bytes.is_none();
        let options = Options {
            max_entries: bound("maxsize", maxsize)?,
            max_weight: if weighs_bytes {
                bound_in_bytes("max_bytes", max_bytes)?
            } else {
                bound("maxweight", maxweight)?
            },
            optimize: optimized(optimize, &policy)?,
            policy,
            jitter,
            clock: clock.map_or(Clock::System, |clock| Clock::Manual(clock.get().shared())),
            shards: crate::ffi::attached_lock::SHARDS,
            ..Options::default()
        };
        let store = Fenced::with_load_age(options, load_age).map_err(|error| raised(&error))?;
        store.memory().add_usual(lifespan);
        let weigher =
            if weighs_bytes { Some(Weigher::Bytes) } else { callable("weigher", weigher)?.map(Weigher::Function) };
        let listener = callable("on_remove", on_remove)?;
        let tier = behind.map(Object::of);
        let behind = behind.map(|settings| TierBehind::from_settings(settings, jitter, store.memory().clock().clone()));
        let behind = behind.transpose()?.map(|behind| Box::new(behind) as Box<dyn Behind>);
        let clock = clock.map(|clock| clock.clone().unbind());
        let aliasing = aliasing
            .map(|mode| mode.getattr("serves")?.extract().map(|serves| Aliasing { mode: Object::from(mode), serves }))
            .transpose()?;
        Ok(Self {
            load_policy: Object::of(load_policy),
            given: given.unbind(),
            ttls: ttls.copy()?.unbind(),
            clock,
            tier,
            state: Arc::new(CacheState::new(
                store,
                lifespan,
                classes(ttls)?,
                weigher,
                listener,
                aliasing,
                Object::of(name),
                behind,
            )),
        })
    }

    #[getter]
    fn name(&self, py: Python<'_>) -> Py<PyAny> {
        self.state.name.bind(py).unbind()
    }

    #[getter]
    fn maxsize(&self) -> Option<u64> {
        shown(self.state.memory().max_entries())
    }

    #[getter]
    fn maxweight(&self) -> Option<u64> {
        shown(self.state.memory().max_weight()).filter(|_| !self.state.weighs_bytes())
    }

    #[getter]
    fn max_bytes(&self) -> Option<u64> {
        shown(self.state.memory().max_weight()).filter(|_| self.state.weighs_bytes())
    }

    #[getter]
    fn optimize(&self) -> &'static str {
        match self.state.memory().optimize() {
            Optimize::Hits => HITS,
            Optimize::Time => TIME,
        }
    }

    #[getter]
    fn policy(&self) -> &'static str {
        self.state.memory().policy()
    }

    #[getter]
    fn ttl(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.given_seconds(py, "ttl")
    }

    #[getter]
    fn grace(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.given_seconds(py, "grace")
    }

    #[getter]
    fn idle(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.given_seconds(py, "idle")
    }

    #[getter]
    fn load_age(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.given_seconds(py, "load_age")
    }

    /// What `hotset._tiers.settings` was told of the tier, None if there is none.
    #[getter]
    fn _tier(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.tier.as_ref().map(|tier| tier.bind(py).unbind())
    }

    /// Whether there is a tier behind the memory.
    #[getter]
    fn _has_tier(&self) -> bool {
        self.state.has_tier()
    }

    /// How many loads are in progress.
    #[getter]
    fn _loads_in_progress(&self) -> usize {
        self.state.store.flights().len()
    }

    #[getter]
    fn _ttls<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.ttls.bind(py).copy()
    }

    #[getter]
    fn _aliasing(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state.aliasing.as_ref().map(|aliasing| aliasing.mode.bind(py).unbind())
    }

    #[getter]
    fn _load_policy(&self, py: Python<'_>) -> Py<PyAny> {
        self.load_policy.bind(py).unbind()
    }

    /// The lives of its entries as they were given, for copies.
    #[getter]
    fn _given<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.given.bind(py).copy()
    }

    #[getter]
    fn _weigher(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state.weigher().map(|weigher| weigher.bind(py).unbind())
    }

    #[getter]
    fn _weighs_bytes(&self) -> bool {
        self.state.weighs_bytes()
    }

    #[getter]
    fn _on_remove(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state.listener.as_ref().map(|listener| listener.bind(py).unbind())
    }

    #[getter]
    fn _clock(&self, py: Python<'_>) -> Option<Py<ManualClock>> {
        self.clock.as_ref().map(|clock| clock.clone_ref(py))
    }

    #[getter]
    fn enabled(&self) -> bool {
        self.state.memory().is_enabled()
    }

    #[setter]
    fn set_enabled(&self, py: Python<'_>, on: bool) {
        self.state.finish(py, self.state.store.enable(on));
    }

    #[getter]
    fn sampling(&self) -> bool {
        self.state.memory().is_sampled()
    }

    #[setter]
    fn set_sampling(&self, on: bool) -> PyResult<()> {
        let sampling = if on { Sampling::InBounds } else { Sampling::Off };
        self.state.memory().sample(sampling).map_err(|error| raised(&error))
    }

    fn _what_if(&self) -> Option<Samples> {
        let estimate = self.state.memory().what_if()?;
        Some((estimate.present.hits, estimate.present.requests, estimate.sampled, estimate.sizes))
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let lookup_key = self.lookup_key(key.py(), Live::bound(key))?;
        self.state.holds(key.py(), &mut lookup_key.probe())
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.state.catch_up(py);
        self.state.finish(py, self.state.memory().sweep());
        self.state.memory().fresh_len() as usize
    }

    fn __bool__(&self, py: Python<'_>) -> bool {
        self.__len__(py) > 0
    }

    fn __iter__(slf: Bound<'_, Self>) -> CacheIterator {
        CacheIterator::new(slf.unbind(), Shows::Keys)
    }

    #[pyo3(name = "_iterate")]
    fn iterate(slf: Bound<'_, Self>, shows: &str) -> CacheIterator {
        let shows = if shows == "values" { Shows::Values } else { Shows::Items };
        CacheIterator::new(slf.unbind(), shows)
    }

    #[pyo3(signature = (key, value, *, ttl = Given::Nothing, grace = Given::Nothing, idle = Given::Nothing, tags = None))]
    fn set(
        &self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Given<'_>,
        grace: Given<'_>,
        idle: Given<'_>,
        tags: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.store(key, value, self.details(Life { ttl, grace, idle }, tags)?, &Condition::Always).map(drop)
    }

    #[pyo3(signature = (key, value, *, ttl = Given::Nothing, grace = Given::Nothing, idle = Given::Nothing, tags = None))]
    fn add(
        &self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Given<'_>,
        grace: Given<'_>,
        idle: Given<'_>,
        tags: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        self.store(key, value, self.details(Life { ttl, grace, idle }, tags)?, &Condition::IfAbsent)
    }

    #[pyo3(signature = (key, value, *, ttl = Given::Nothing, grace = Given::Nothing, idle = Given::Nothing, tags = None))]
    fn replace(
        &self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Given<'_>,
        grace: Given<'_>,
        idle: Given<'_>,
        tags: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        self.store(key, value, self.details(Life { ttl, grace, idle }, tags)?, &Condition::IfPresent)
    }

    #[pyo3(signature = (key, *default))]
    fn pop(&self, key: &Bound<'_, PyAny>, default: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
        if default.len() > 1 {
            let count = default.len() + 1;
            return Err(PyTypeError::new_err(format!("pop() takes a key and a default, not {count} arguments")));
        }
        let lookup_key = self.lookup_key(key.py(), Live::bound(key))?;
        match self.state.take(key.py(), &mut lookup_key.probe())? {
            Some(value) => Ok(self.state.served(key.py(), value)?.into_bound(key.py()).unbind()),
            None if default.is_empty() => Err(PyKeyError::new_err((key.clone().unbind(),))),
            None => Ok(default.get_item(0)?.unbind()),
        }
    }

    fn popitem(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, Py<PyAny>)> {
        self.state.catch_up(py);
        self.state.finish(py, self.state.memory().sweep());
        let removed = loop {
            let Some(removed) = self.state.store.pop_victim() else {
                return Err(PyKeyError::new_err("popitem(): the cache is empty"));
            };
            if removed.fresh {
                break removed;
            }
            self.state.finish(py, Removals::of(removed));
        };
        let key = self.state.face(py, &removed.key)?.into_py(py);
        let value = self.state.served(py, removed.value.clone())?.into_py(py);
        self.state.finish(py, Removals::of(removed));
        Ok((key, value))
    }

    fn delete(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.take_out(key)?.is_some())
    }

    fn expire(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let lookup_key = self.lookup_key(key.py(), Live::bound(key))?;
        self.state.expire(key.py(), &mut lookup_key.probe())
    }

    #[pyo3(signature = (key, *, ttl = Given::Nothing, grace = Given::Nothing, idle = Given::Nothing))]
    fn touch(&self, key: &Bound<'_, PyAny>, ttl: Given<'_>, grace: Given<'_>, idle: Given<'_>) -> PyResult<bool> {
        let py = key.py();
        let life = Life { ttl, grace, idle };
        let lookup_key = self.lookup_key(py, Live::bound(key))?;
        life.changes(&self.state, self.state.lifespan)?;
        self.state.touch(py, &mut lookup_key.probe(), &|lifespan| life.changes(&self.state, lifespan))
    }

    /// Copies the entries of the mapping to another cache, with the rest of their lives and their tags.
    #[pyo3(name = "_copy_to")]
    fn copy_to(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<()> {
        let (source, target) = (&self.state, &other.get().state);
        let mut cursor = Cursor::default();
        while let Some((key, value)) = source.memory().next(&mut cursor, |key, value| (key.clone(), value.clone())) {
            if key.tag.owner() != MAPPING {
                continue;
            }
            let key = key.part.to_object(py)?;
            let lookup_key = self.lookup_key(py, Live::of(&key))?;
            let Some((_, info)) = source.inspect(py, &mut lookup_key.probe())? else { continue };
            let details = Details {
                lifespan: info.lifespan,
                deadlines: Some(info.deadlines),
                tags: info.tags.into(),
                ..Details::default()
            };
            let value = source.served(py, value)?;
            let copied = other.get().lookup_key(py, Live::of(&key))?;
            let mut probe = copied.probe();
            let entry = NewEntry { key: copied.stored(), value, details };
            target.write(py, entry, &Condition::Always, &mut probe)?;
        }
        Ok(())
    }

    /// Lets time pass for all entries.
    #[pyo3(name = "_age")]
    fn age(&self, duration: &Bound<'_, PyAny>) -> PyResult<()> {
        self.state.memory().advance_by(ticks("duration", duration)?);
        Ok(())
    }

    /// The tags of an entry, None where there is none.
    #[pyo3(name = "_tags")]
    fn tags(&self, key: &Bound<'_, PyAny>) -> PyResult<Option<Vec<String>>> {
        let lookup_key = self.lookup_key(key.py(), Live::bound(key))?;
        let found = self.state.inspect(key.py(), &mut lookup_key.probe())?;
        let fresh = found.filter(|(_, info)| info.freshness == Freshness::Fresh);
        Ok(fresh.map(|(_, info)| info.tags.iter().map(|tag| tag.to_string()).collect()))
    }

    /// Stores a value if the present one is still this object; whether it did. The entry's life goes on unchanged.
    #[pyo3(name = "_exchange")]
    fn exchange(&self, key: &Bound<'_, PyAny>, present: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let (py, present) = (key.py(), Object::of(present));
        let is_present = |stored: &Object| {
            stored.as_ptr() == present.as_ptr()
                || self.state.behind.as_ref().is_some_and(|behind| behind.is_same(py, stored, &present))
        };
        self.store(key, value, self.usual(), &Condition::IfValue(&is_present))
    }

    #[pyo3(signature = (key, default = None))]
    fn peek(&self, key: &Bound<'_, PyAny>, default: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        let lookup_key = self.lookup_key(key.py(), Live::bound(key))?;
        let found = self.state.peek(key.py(), &mut lookup_key.probe())?;
        let absent = || default.map_or_else(|| key.py().None(), |default| default.clone().unbind());
        Ok(found.map_or_else(absent, |value| value.into_bound(key.py()).unbind()))
    }

    /// A way to the value of a key, whose load is stored with these options.
    #[pyo3(name = "_attempt", signature = (key, load_policy = None, max_age = None, *, ttl = Given::Nothing, grace = Given::Nothing, idle = Given::Nothing, tags = None))]
    #[expect(clippy::too_many_arguments, reason = "they are those of the verbs that load")]
    fn attempt(
        &self,
        key: &Bound<'_, PyAny>,
        load_policy: Option<&Bound<'_, PyAny>>,
        max_age: Option<&Bound<'_, PyAny>>,
        ttl: Given<'_>,
        grace: Given<'_>,
        idle: Given<'_>,
        tags: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Attempt> {
        let details = self.details(Life { ttl, grace, idle }, tags)?;
        let lookup_key = self.lookup_key(key.py(), Live::bound(key))?;
        let stored = lookup_key.stored();
        let load_policy = load_policy.map_or_else(|| self.load_policy.clone(), Object::of);
        let max_age = max_age.map_or(Ok(NEVER), |age| ticks("max_age", age))?;
        let load_key = LoadKey { lookup_key, stored };
        Ok(Attempt::new(self.state.clone(), load_key, Purpose::Key(details), load_policy).by_who_accepts(max_age))
    }

    /// Looks a key up and counts that: the value, as a [`Due`] if it is to be refreshed, or `MISSING`.
    #[pyo3(name = "_look_up")]
    fn look_up(&self, key: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = key.py();
        let lookup_key = self.lookup_key(py, Live::bound(key))?;
        match self.state.read(py, &mut lookup_key.probe())? {
            (Some(value), More::Refresh) => Ok(Py::new(py, Due { value: value.into_py(py) })?.into_any()),
            (Some(value), _) => Ok(value.into_py(py)),
            (None, _) => Ok(missing(py)?.into_py(py)),
        }
    }

    /// What is there of keys, where a tier is asked for all of them at once.
    #[pyo3(name = "_get_many")]
    fn get_many<'py>(&self, keys: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyDict>> {
        self.find_many(keys)
    }

    /// The next keys of the tier that are texts and begin so, and what those after them come after.
    #[pyo3(name = "_page", signature = (prefix, after = None))]
    fn page<'py>(&self, py: Python<'py>, prefix: &str, after: Option<&[u8]>) -> PyResult<Keys<'py>> {
        self.state.page(py, prefix, after)
    }

    /// Stores pairs, where a tier is given all of them at once.
    #[pyo3(name = "_set_many", signature = (pairs, *, ttl = Given::Nothing, grace = Given::Nothing, idle = Given::Nothing, tags = None))]
    fn set_many(
        &self,
        pairs: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)>,
        ttl: Given<'_>,
        grace: Given<'_>,
        idle: Given<'_>,
        tags: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.store_many(&pairs, &self.details(Life { ttl, grace, idle }, tags)?)
    }

    /// Counts a load under a key.
    #[pyo3(name = "_count_load")]
    fn count_load(&self, seconds: f64, failed: bool) {
        self.state.memory().count_load(0, MAPPING, (seconds * 1e9) as u64, failed);
    }

    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.state.clear(py)
    }

    #[pyo3(signature = (*tags))]
    fn invalidate_tags(&self, tags: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.state.change_tags(tags.py(), &tag_names(tags)?, Cause::Invalidated)
    }

    #[pyo3(signature = (*tags))]
    fn expire_tags(&self, tags: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.state.change_tags(tags.py(), &tag_names(tags)?, Cause::Expired)
    }

    fn sweep(&self, py: Python<'_>) -> usize {
        let left = self.state.memory().sweep();
        let count = left.len();
        self.state.finish(py, left);
        count
    }

    #[pyo3(signature = (*, maxsize = Given::Nothing, maxweight = Given::Nothing, max_bytes = Given::Nothing))]
    fn resize(&self, py: Python<'_>, maxsize: Given<'_>, maxweight: Given<'_>, max_bytes: Given<'_>) -> PyResult<()> {
        let memory = self.state.memory();
        let entries = match maxsize {
            Given::Nothing => memory.max_entries(),
            Given::Something(value) => bound("maxsize", &value)?,
        };
        let mut weight = memory.max_weight();
        if let Given::Something(value) = maxweight {
            let asked = bound("maxweight", &value)?;
            if self.state.weigher().is_some() {
                weight = asked;
            } else if asked != u64::MAX {
                return Err(PyValueError::new_err("maxweight needs a weigher, which a cache is given when it is made"));
            }
        }
        if let Given::Something(value) = max_bytes {
            let asked = bound_in_bytes("max_bytes", &value)?;
            if self.state.weighs_bytes() {
                weight = asked;
            } else if asked != u64::MAX {
                return Err(PyValueError::new_err("max_bytes can be changed of a cache that was made with max_bytes"));
            }
        }
        self.state.finish(py, memory.resize(entries, weight));
        Ok(())
    }

    fn stats(&self, py: Python<'_>) -> Stats {
        let memory = self.state.memory();
        let tier = self.state.behind.as_ref().map(|behind| behind.stats(py));
        Stats::new(&memory.counts(), self.state.weighs_bytes().then(|| memory.max_weight()), tier)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.load_policy.visit(&visit)?;
        self.tier.iter().try_for_each(|tier| tier.visit(&visit))?;
        visit.call(&self.given)?;
        visit.call(&self.ttls)?;
        self.state.traverse(&visit)
    }

    fn __clear__(&self) {
        self.state.abandon();
    }
}

/// Checks every structural invariant of a cache; panics if one is broken.
#[cfg(feature = "validate")]
#[pyfunction]
pub(crate) fn validate(cache: &Bound<'_, CacheVerbs>) {
    cache.get().state.memory().validate();
}
