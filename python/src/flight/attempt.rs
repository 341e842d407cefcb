//! One caller's way to a value in steps, for `hotset._loading`: to begin or to join, to load, to land.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hotset::clock::{self, Clock, NEVER, Tick};
use hotset::memory::{Details, EntryInfo, Freshness, More};
use hotset::sync::Mutex;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::errors::raised_again;
use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::foreign::ask_quickly;
use crate::ffi::guard::{attached, is_finalizing};
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::flight::entry_info::PyEntryInfo;
use crate::flight::fate::{Decider, Fate, LoadedCall};
use crate::flight::handle::Flight;
use crate::flight::lead::{Claim, KnownTags, Lead, LoadStart, Recheck, handled, own_error};
use crate::flight::load::{Load, end_raised, load_here};
use crate::flight::load_context::LoadContext;
use crate::flight::load_stack::{LoadScope, enclosing, thread};
use crate::flight::step::{Found, Hit, Joins, Leads, NotShareable};
use crate::flight::timing::Timing;
use crate::flight::wait_graph::WaitEdge;
use crate::key::lookup_key::LoadKey;
use crate::key::part::Part;
use crate::key::probe::Probe;
use crate::promise::{Came, Leader, LoadResult, Promise};
use crate::state::CacheState;
use crate::state::behind::Pulled;

/// What a value is loaded for.
pub(crate) enum Purpose {
    /// A call of a decorated function.
    Call(Box<dyn LoadedCall>),
    /// A key of the mapping, with what is to be stored with the value.
    Key(Details),
}

/// A way to the value of one key. At most one caller goes it at a time.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct Attempt {
    cache: Arc<CacheState>,
    load_key: LoadKey,
    purpose: Purpose,
    /// What its load is to do, for `hotset._loading.policy`.
    load_policy: Object,
    /// How old a value may be that its caller accepts, or [`NEVER`].
    max_age: Tick,
    claim: Mutex<AttachedLock, Option<Claim>>,
    /// What its caller was handling when it began to load.
    handled: Mutex<AttachedLock, Option<Object>>,
    /// Whether it has joined a load: any other begins after its caller asked.
    has_joined: AtomicBool,
    wait: Mutex<AttachedLock, Option<WaitEdge>>,
    /// What the tier had for the key when it was brought into memory, which may have had no room; for one read.
    brought: Mutex<AttachedLock, Option<Option<Pulled>>>,
    /// Whether the tier had a fresh value.
    from_tier: AtomicBool,
    /// Under which number it has the right to load, across processes; 0 if it has not.
    lease: AtomicU64,
    /// Since when another process may have loaded what will do; 0 if whatever is fresh will.
    since: AtomicU64,
}

impl Attempt {
    pub(crate) fn new(cache: Arc<CacheState>, load_key: LoadKey, purpose: Purpose, load_policy: Object) -> Self {
        Self {
            cache,
            load_key,
            purpose,
            load_policy,
            max_age: NEVER,
            claim: Mutex::new(None),
            handled: Mutex::new(None),
            has_joined: AtomicBool::new(false),
            wait: Mutex::new(None),
            brought: Mutex::new(None),
            from_tier: AtomicBool::new(false),
            lease: AtomicU64::new(0),
            since: AtomicU64::new(0),
        }
    }

    /// The same for a caller who accepts no value that is older.
    pub(crate) fn by_who_accepts(mut self, max_age: Tick) -> Self {
        self.max_age = max_age;
        self
    }

    /// The tier was asked for the key just now.
    pub(crate) fn was_brought(&self, pulled: Option<Pulled>) {
        let before = self.brought.lock().replace(pulled);
        drop(before);
    }

    /// What the tier has for the key that memory was found not to have, counted as found.
    fn read_behind(&self, py: Python<'_>, more: More, loads: bool) -> PyResult<(Option<Object>, More)> {
        let (mut probe, brought) = (self.probe(), self.brought.lock().take());
        match brought {
            None if loads => self.cache.pull_more(py, &mut probe, more),
            None => Ok((self.cache.pull(py, &mut probe)?, more)),
            Some(Some(pulled)) if pulled.freshness == Freshness::Fresh && more != More::Error => {
                Ok((Some(self.cache.found(py, &probe, pulled.value)?), More::Nothing))
            }
            // Where memory has it too, it has been counted.
            Some(Some(pulled)) if pulled.freshness == Freshness::Error && !self.has_kept_error(py)? => {
                let error = self.cache.found_error(py, &probe, &pulled.value);
                if loads { Err(error) } else { Ok((None, more)) }
            }
            Some(_) => Ok((None, more)),
        }
    }

    /// What the tier has for the key, brought into memory unless that was just done.
    fn brought(&self, py: Python<'_>) -> PyResult<Option<(Object, EntryInfo)>> {
        if self.brought.lock().is_none() {
            let pulled = self.cache.bring_all(py, &mut self.probe())?;
            let is_fresh = pulled.as_ref().is_some_and(|pulled| pulled.freshness == Freshness::Fresh);
            self.from_tier.store(is_fresh, Ordering::Relaxed);
            self.was_brought(pulled);
        }
        let now = self.cache.memory().clock().precise();
        let brought = self.brought.lock();
        Ok(brought.iter().flatten().find_map(|pulled| Some((pulled.value.clone(), pulled.info(now)?))))
    }

    /// Whether memory has an error that is to be raised instead of loading.
    fn has_kept_error(&self, py: Python<'_>) -> PyResult<bool> {
        let found = self.cache.inspect(py, &mut self.probe())?;
        Ok(found.is_some_and(|(_, info)| info.freshness == Freshness::Error))
    }

    fn look(&self, looks: bool) -> Recheck {
        match (looks, self.max_age) {
            (false, _) => Recheck::Nowhere,
            (true, NEVER) => Recheck::ForFresh,
            (true, age) => Recheck::ForYoung(age),
        }
    }

    fn hash(&self) -> u32 {
        self.load_key.lookup_key.tag.hash()
    }

    /// Gives the right to load back, across processes, if it has it.
    fn release(&self, py: Python<'_>) {
        let holder = self.lease.swap(0, Ordering::Relaxed);
        if holder != 0 {
            self.cache.release(py, &self.probe(), holder);
        }
    }

    /// Takes the lead of the flight with this number, or of any.
    fn take_lead(&self, number: Option<u64>) -> Option<Lead<'_>> {
        let mut claim = self.claim.lock();
        let is_it = claim.as_ref().is_some_and(|(ticket, _)| number.is_none_or(|number| ticket.number() == number));
        let taken = if is_it { claim.take() } else { None };
        drop(claim);
        taken.map(|claim| Lead::from_claim(&self.cache, claim))
    }

    /// The number of the flight that it leads.
    fn number(&self) -> Option<u64> {
        self.claim.lock().as_ref().map(|(ticket, _)| ticket.number())
    }

    fn flight(&self, py: Python<'_>, promise: Arc<Promise>, came: Came) -> PyResult<Py<Flight>> {
        Py::new(py, Flight::new(promise, &self.cache, self.hash(), came))
    }

    /// Calls the function itself, or `loader`.
    fn call(&self, py: Python<'_>, loader: Option<&Bound<'_, PyAny>>) -> PyResult<Object> {
        match (loader, &self.purpose) {
            (Some(loader), _) => ask_quickly(py, Live::bound(loader), &[]),
            (None, Purpose::Call(call)) => call.run(py),
            (None, Purpose::Key(_)) => Ok(Object::from(py.None().into_bound(py))),
        }
    }

    /// Ends a load that another process has made.
    fn end_found(&self, py: Python<'_>, number: Option<u64>, outcome: LoadResult) {
        let Some(lead) = self.take_lead(number) else { return };
        self.release(py);
        lead.end_found(py, outcome);
    }

    /// Ends a load that raised, or that nobody makes.
    fn fail_as(&self, py: Python<'_>, number: Option<u64>, outcome: LoadResult) {
        let Some(lead) = self.take_lead(number) else { return };
        self.release(py);
        lead.fail_as(py, outcome);
    }
}

impl Decider for Attempt {
    fn fate(&self, py: Python<'_>, value: &Bound<'_, PyAny>, nanos: u64) -> PyResult<Fate> {
        match &self.purpose {
            Purpose::Call(call) => call.fate(py, value, nanos),
            Purpose::Key(_) => Ok(Fate::of_key(value)),
        }
    }

    fn details(&self, py: Python<'_>, value: &Bound<'_, PyAny>, nanos: u64) -> PyResult<Details> {
        match &self.purpose {
            Purpose::Call(call) => call.details(py, value, nanos),
            Purpose::Key(details) => Ok(Details { nanos, ..details.clone() }),
        }
    }
}

impl Load for Attempt {
    fn cache(&self) -> &Arc<CacheState> {
        &self.cache
    }

    fn probe(&self) -> Probe<'_> {
        self.load_key.lookup_key.probe()
    }

    fn stored(&self, _py: Python<'_>) -> PyResult<Part> {
        Ok(self.load_key.stored.clone())
    }

    fn known_tags(&self, py: Python<'_>) -> PyResult<KnownTags> {
        match &self.purpose {
            Purpose::Call(call) => call.known_tags(py),
            Purpose::Key(details) => Ok(Some(details.tags.clone())),
        }
    }

    fn load_policy(&self) -> Option<&Object> {
        Some(&self.load_policy)
    }
}

#[pymethods]
impl Attempt {
    /// The context of a load that it led or leads, None if that is not in progress any more.
    fn context(&self, py: Python<'_>, number: u64) -> PyResult<Option<LoadContext>> {
        LoadContext::new(py, &self.cache, self.hash(), number)
    }

    /// What its load is to do.
    #[getter]
    fn policy(&self, py: Python<'_>) -> Py<PyAny> {
        self.load_policy.bind(py).unbind()
    }

    /// The name of the cache or function that it is for.
    #[getter]
    fn name(&self, py: Python<'_>) -> Py<PyAny> {
        self.cache.owner(self.load_key.lookup_key.tag.owner()).0.into_py(py)
    }

    /// Seconds by the clock of the cache, from any beginning.
    fn now(&self) -> f64 {
        clock::duration(self.cache.memory().clock().precise()).as_secs_f64()
    }

    /// Whether that clock is moved by hand, so that nothing can wait for it.
    #[getter]
    fn is_timed_by_hand(&self) -> bool {
        matches!(self.cache.memory().clock(), Clock::Manual(_))
    }

    /// What is there in memory although it is not fresh: a stale value within its grace, or an error that is kept.
    fn not_fresh(&self, py: Python<'_>) -> PyResult<Option<PyEntryInfo>> {
        let Some((value, info)) = self.cache.inspect(py, &mut self.probe())? else { return Ok(None) };
        Ok(match info.freshness {
            Freshness::Stale => Some(PyEntryInfo::new(py, self.cache.served(py, value)?, info)),
            Freshness::Error => Some(PyEntryInfo::new(py, value, info)),
            _ => None,
        })
    }

    /// Looks up and counts, for a caller who `loads` what is not there or to be refreshed, or not; `None` if there is nothing fresh.
    fn read(&self, py: Python<'_>, loads: bool) -> PyResult<Option<Hit>> {
        let mut probe = self.probe();
        let (mut found, mut more) = if loads {
            self.cache.read_here(py, &mut probe)?
        } else {
            (self.cache.look_here(py, &mut probe)?, More::Nothing)
        };
        if found.is_none() && self.cache.has_tier() {
            (found, more) = self.read_behind(py, more, loads)?;
            self.from_tier.store(found.is_some(), Ordering::Relaxed);
        }
        Ok(Hit::of(py, found, more == More::Refresh))
    }

    /// Whether callers get something else than what is kept.
    #[getter]
    fn serves(&self) -> bool {
        self.cache.serves()
    }

    /// Counts that nothing was found that would do.
    fn count_miss(&self) {
        let tag = self.load_key.lookup_key.tag;
        self.cache.memory().count_miss(tag.hash(), tag.owner());
    }

    /// Whether the cache finds and stores anything.
    #[getter]
    fn is_enabled(&self) -> bool {
        self.cache.memory().is_enabled()
    }

    /// Whether the tier had a fresh value that memory did not have.
    #[getter(from_tier)]
    fn is_from_tier(&self) -> bool {
        self.from_tier.load(Ordering::Relaxed)
    }

    /// All that is known of the entry, without any effect but that it is brought into memory; `None` if there is none.
    fn inspect(&self, py: Python<'_>) -> PyResult<Option<PyEntryInfo>> {
        let brought = if self.cache.has_tier() && !self.cache.holds_here(py, &mut self.probe())? {
            self.brought(py)?
        } else {
            None
        };
        let known = self.cache.inspect(py, &mut self.probe())?;
        let Some((value, info)) = known.or(brought) else { return Ok(None) };
        let value = if info.freshness == Freshness::Error { value } else { self.cache.served(py, value)? };
        Ok(Some(PyEntryInfo::new(py, value, info)))
    }

    /// How many seconds ago the load of the key began that may be joined, None if there is none.
    fn load_in_progress(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        let (hash, flights) = (self.hash(), self.cache.store.flights());
        let began = self.load_key.lookup_key.probe().settle_read(py, |probe| flights.in_progress(hash, probe))?;
        let now = self.cache.memory().clock().precise();
        Ok(began.map(|began| clock::duration(now.saturating_sub(began)).as_secs_f64()))
    }

    /// Counts that a stale value was served.
    fn count_stale(&self) {
        let tag = self.load_key.lookup_key.tag;
        self.cache.memory().count_stale(tag.hash(), tag.owner());
    }

    /// Looks again, and begins a load or finds one: [`Found`], [`Leads`], [`Joins`] or [`NotShareable`].
    ///
    /// The load is made `where` says: `"here"`, on this thread, whose caller does not wait and is given no flight; in the `"pool"`, by
    /// another thread; or by a `"task"` of the event loop that runs on this thread.
    fn begin(&self, py: Python<'_>, r#where: &str, looks: bool) -> PyResult<Py<PyAny>> {
        if is_finalizing() {
            return Ok(Py::new(py, NotShareable)?.into_any());
        }
        let (leader, waits) = match r#where {
            "task" => (Leader::task(), true),
            "pool" => (Leader::pool(), true),
            _ => (Leader::thread(), false),
        };
        if !waits {
            let before = std::mem::replace(&mut *self.handled.lock(), handled());
            drop(before);
        }
        let since = if looks { 0 } else { self.cache.memory().clock().precise() };
        self.since.store(since, Ordering::Relaxed);
        let (mut probe, tags) = (self.probe(), self.known_tags(py)?);
        match self.cache.begin(py, self.load_key.key(), &mut probe, leader, &tags, self.look(looks))? {
            LoadStart::Found(value) => Ok(Py::new(py, Found { value: value.into_py(py) })?.into_any()),
            LoadStart::Join(promise) => {
                let came = if self.has_joined.swap(true, Ordering::Relaxed) { Came::Before } else { Came::After };
                Ok(Py::new(py, Joins { flight: self.flight(py, promise, came)? })?.into_any())
            }
            LoadStart::Lead(lead) => {
                let claim = lead.into_claim();
                let promise = if waits { self.cache.store.flights().promise(&claim.0) } else { None };
                // One that was given up, and whoever waits for it all the same is not to wait for ever.
                drop(self.take_lead(None));
                *self.claim.lock() = Some(claim);
                let flight = promise.map(|promise| self.flight(py, promise, Came::Before)).transpose()?;
                Ok(Py::new(py, Leads { flight })?.into_any())
            }
        }
    }

    /// Notes that this caller waits for a flight, with its whole thread if it `blocks`; False if that would close a circle.
    fn wait_for(&self, py: Python<'_>, flight: &Bound<'_, Flight>, blocks: bool) -> PyResult<bool> {
        let wait = WaitEdge::begin(&flight.get().promise, enclosing(py)?, blocks.then(thread));
        let may = wait.is_some();
        let before = std::mem::replace(&mut *self.wait.lock(), wait);
        drop(before);
        Ok(may)
    }

    /// The wait for a flight that was joined is over.
    fn waited(&self) {
        let wait = self.wait.lock().take();
        drop(wait);
    }

    /// What is loaded from now on is refused, unless the load begins after this.
    pub(crate) fn overtake(&self, py: Python<'_>) -> PyResult<()> {
        self.cache.overtake(py, &mut self.probe())
    }

    /// The load is part of one that is timed and counted elsewhere.
    fn untimed(&self) {
        if let Some((_, timing)) = &mut *self.claim.lock() {
            *timing = Timing::Part(clock::nanos());
        }
    }

    /// Calls the function itself, or `loader`, on this thread, as part of this load and those of `others`.
    #[pyo3(signature = (loader = None, others = Vec::new()))]
    fn run(
        &self,
        py: Python<'_>,
        loader: Option<&Bound<'_, PyAny>>,
        others: Vec<Bound<'_, Self>>,
    ) -> PyResult<Py<PyAny>> {
        let _within: Vec<LoadScope> = if others.is_empty() {
            let claim = self.claim.lock();
            claim.iter().map(|(ticket, _)| LoadScope::enter(ticket, &self.cache)).collect()
        } else {
            let numbers = std::iter::once(self).chain(others.iter().map(Bound::get)).filter_map(Self::number);
            numbers.map(LoadScope::enter_with_others).collect()
        };
        self.call(py, loader).map(|result| result.into_py(py))
    }

    /// All of a load on this thread, for a caller who waits as long as it takes and has nothing stale: the value, of `loader` or the
    /// function itself, or of somebody who loads it.
    fn load(&self, py: Python<'_>, loader: Option<&Bound<'_, PyAny>>, looks: bool) -> PyResult<Py<PyAny>> {
        load_here(py, self, || self.call(py, loader), self.look(looks)).map(|result| result.into_py(py))
    }

    /// The load returned: stores the value if it may be, and tells those who wait; what the leader gets. As the others that end a load
    /// it does nothing if this leads another flight by now than the one with this `number`, which had been given up.
    #[pyo3(signature = (value, number = None))]
    pub(crate) fn land(&self, py: Python<'_>, value: &Bound<'_, PyAny>, number: Option<u64>) -> PyResult<Py<PyAny>> {
        let Some(lead) = self.take_lead(number) else { return Ok(value.clone().unbind()) };
        let landed = lead.land(py, &Object::of(value), self, Some(&self.load_key.stored), &mut self.probe());
        self.release(py);
        landed.map(|value| value.into_py(py))
    }

    /// Has the right to load for so many seconds, across processes, if nobody else has it; else for how many seconds somebody else may.
    fn take_lease(&self, py: Python<'_>, seconds: f64) -> PyResult<Option<f64>> {
        let length = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Ok(match self.cache.lease(py, &self.probe(), length)? {
            Ok(holder) => {
                self.lease.store(holder, Ordering::Relaxed);
                None
            }
            Err(held) => Some(held.as_secs_f64()),
        })
    }

    /// What another process has loaded meanwhile, of which those who wait are told, and which is not stored again; `MISSING` if none has.
    /// An error that it keeps is raised.
    #[pyo3(signature = (number = None))]
    fn bring(&self, py: Python<'_>, number: Option<u64>) -> PyResult<Py<PyAny>> {
        let Some(found) = self.cache.bring(py, &mut self.probe(), self.since.load(Ordering::Relaxed))? else {
            return Ok(crate::missing::missing(py)?.into_py(py));
        };
        if found.freshness == Freshness::Error {
            let error = raised_again(py, &found.value, &Object::from(py.None().into_bound(py)));
            self.end_found(py, number, LoadResult::of_error(py, &error));
            return Err(error);
        }
        let value = self.cache.served(py, found.value)?;
        self.end_found(py, number, LoadResult::Value(value.clone()));
        Ok(value.into_py(py))
    }

    /// The load raised: tells those who wait; whether the error is kept, to be raised for a while.
    #[pyo3(signature = (error, number = None))]
    pub(crate) fn fail(&self, py: Python<'_>, error: &Bound<'_, PyAny>, number: Option<u64>) -> PyResult<bool> {
        if self.number().is_none_or(|own| number.is_some_and(|number| number != own)) {
            return Ok(false);
        }
        let handled = self.handled.lock().take();
        let own = own_error(py, &PyErr::from_value(error.clone()), handled.as_ref());
        let Some(lead) = self.take_lead(number) else { return Ok(false) };
        self.release(py);
        end_raised(py, self, lead, &own)
    }

    /// Leaves the load to a follower.
    #[pyo3(signature = (number = None))]
    pub(crate) fn quit(&self, py: Python<'_>, number: Option<u64>) {
        self.fail_as(py, number, LoadResult::Retry);
    }

    /// The load has returned, without anything for this key.
    #[pyo3(signature = (number = None))]
    fn leave_out(&self, py: Python<'_>, number: Option<u64>) {
        let Some(lead) = self.take_lead(number) else { return };
        self.release(py);
        lead.end(py, LoadResult::Retry);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.visit(&visit)
    }
}

impl Attempt {
    /// Shows what it refers to to a garbage collection.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.load_key.lookup_key.parts.iter().try_for_each(|part| part.visit(visit))?;
        self.load_key.stored.visit(visit)?;
        self.load_policy.visit(visit)?;
        self.handled.lock().iter().try_for_each(|handled| handled.visit(visit))?;
        self.brought.lock().iter().flatten().try_for_each(|pulled| pulled.value.visit(visit))?;
        match &self.purpose {
            Purpose::Call(call) => call.visit(visit),
            Purpose::Key(_) => Ok(()),
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.lease.load(Ordering::Relaxed) != 0 {
            attached(|py| self.release(py));
        }
        drop(self.take_lead(None));
    }
}
