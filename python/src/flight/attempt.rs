//! One caller's way to a value in steps, for `hotset._flights`: to begin or to join, to load, to land.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hotset::clock::{self, Clock, NEVER, Tick};
use hotset::expiry::Lifespan;
use hotset::flight::Ticket;
use hotset::memory::{Details, Facts, More, Standing};
use hotset::sync::Mutex;
use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::call_args::Call;
use crate::ffi::foreign::{Foreign, vectorcall};
use crate::ffi::guard::{attached, is_finalizing};
use crate::ffi::object::Object;
use crate::flight::circles::Wait;
use crate::flight::context::{LoadContext, Wishes};
use crate::flight::current::{Within, enclosing, thread};
use crate::flight::facts::{facts_for_python, seconds_from};
use crate::flight::fate::{Fate, LoadedCall, is_over};
use crate::flight::lead::{KnownTags, Lead, Look, Way, abandon, handled, land, land_as, own_error, raised_again};
use crate::flight::meeting::{Came, Flight, Leader, Outcome, Shared, name};
use crate::flight::timing::Timing;
use crate::hooks;
use crate::inner::Inner;
use crate::key::probe::Probe;
use crate::key::wanted::Sought;
use crate::tier::behind::Pulled;

/// What a value is loaded for.
pub(crate) enum Purpose {
    /// A call of a decorated function.
    Call(Box<dyn LoadedCall>),
    /// A key of the mapping, with what is to be stored with the value.
    Key(Details),
}

/// A load that is led: its ticket, and what times it.
type Claim = (Ticket, Timing);

fn claim_of(lead: Lead<'_>) -> Claim {
    let (ticket, watch) = lead.into_claim();
    (ticket, Timing::Counted(watch))
}

/// A way to the value of one key. At most one caller goes it at a time.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct Attempt {
    cache: Arc<Inner>,
    sought: Sought,
    purpose: Purpose,
    /// What its load is to do, for `hotset._loading`.
    loading: Object,
    /// How old a value may be that its caller accepts, or [`NEVER`].
    max_age: Tick,
    claim: Mutex<AttachedLock, Option<Claim>>,
    /// What its caller was handling when it began to load.
    handled: Mutex<AttachedLock, Option<Object>>,
    /// Whether it has joined a load: any other begins after its caller asked.
    has_joined: AtomicBool,
    wait: Mutex<AttachedLock, Option<Wait>>,
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
    pub(crate) fn new(cache: Arc<Inner>, sought: Sought, purpose: Purpose, loading: Object) -> Self {
        Self {
            cache,
            sought,
            purpose,
            loading,
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

    pub(crate) fn cache(&self) -> &Arc<Inner> {
        &self.cache
    }

    pub(crate) fn probe(&self) -> Probe<'_> {
        self.sought.wanted.probe()
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
            Some(Some(pulled)) if pulled.standing == Standing::Fresh && more != More::Error => {
                Ok((Some(self.cache.found(py, &probe, pulled.value)?), More::Nothing))
            }
            // Where memory has it too, it has been counted.
            Some(Some(pulled)) if pulled.standing == Standing::Error && self.kept_error(py)?.is_none() => {
                let error = self.cache.found_error(py, &probe, &pulled.value);
                if loads { Err(error) } else { Ok((None, more)) }
            }
            Some(_) => Ok((None, more)),
        }
    }

    /// What the tier has for the key, brought into memory unless that was just done.
    fn brought(&self, py: Python<'_>) -> PyResult<Option<(Object, Facts)>> {
        if self.brought.lock().is_none() {
            let pulled = self.cache.bring_all(py, &mut self.probe())?;
            let is_fresh = pulled.as_ref().is_some_and(|pulled| pulled.standing == Standing::Fresh);
            self.from_tier.store(is_fresh, Ordering::Relaxed);
            self.was_brought(pulled);
        }
        let now = self.cache.memory().clock().precise();
        let brought = self.brought.lock();
        Ok(brought.iter().flatten().find_map(|pulled| Some((pulled.value.clone(), pulled.facts(now)?))))
    }

    fn look(&self, looks: bool) -> Look {
        match (looks, self.max_age) {
            (false, _) => Look::Nowhere,
            (true, NEVER) => Look::ForFresh,
            (true, age) => Look::ForYoung(age),
        }
    }

    fn hash(&self) -> u32 {
        self.sought.wanted.tag.hash()
    }

    /// Gives the right to load back, across processes, if it has it.
    fn release(&self, py: Python<'_>) {
        let holder = self.lease.swap(0, Ordering::Relaxed);
        if holder != 0 {
            self.cache.release(py, &self.probe(), holder);
        }
    }

    /// Ends a load that another process has made.
    fn land_found(&self, py: Python<'_>, number: Option<u64>, outcome: Outcome) {
        let Some((ticket, _)) = self.take_claim(number) else { return };
        self.release(py);
        abandon(py, &self.cache, &ticket, outcome);
    }

    /// Ends a load that stores nothing.
    fn end(&self, py: Python<'_>, number: Option<u64>, failed: bool, outcome: Outcome) {
        let Some((ticket, timing)) = self.take_claim(number) else { return };
        self.release(py);
        if failed {
            timing.failed(&self.cache);
        } else {
            timing.returned(&self.cache);
        }
        abandon(py, &self.cache, &ticket, outcome);
    }

    /// Takes the claim to the flight with this number, or to any.
    fn take_claim(&self, number: Option<u64>) -> Option<Claim> {
        let mut claim = self.claim.lock();
        let is_it = claim.as_ref().is_some_and(|(ticket, _)| number.is_none_or(|number| ticket.number() == number));
        if is_it { claim.take() } else { None }
    }

    /// The number of the flight that it leads.
    fn number(&self) -> Option<u64> {
        self.claim.lock().as_ref().map(|(ticket, _)| ticket.number())
    }

    fn flight<'py>(&self, py: Python<'py>, shared: Arc<Shared>, came: Came) -> PyResult<Bound<'py, PyAny>> {
        Ok(Bound::new(py, Flight::new(shared, &self.cache, self.hash(), came))?.into_any())
    }

    /// The tags that the result will carry, as far as that is known.
    fn known_tags(&self, py: Python<'_>) -> PyResult<KnownTags> {
        match &self.purpose {
            Purpose::Call(call) => call.known_tags(py),
            Purpose::Key(details) => Ok(Some(details.tags.clone())),
        }
    }

    /// Whether and how what was loaded is stored.
    fn fate(&self, py: Python<'_>, value: &Bound<'_, PyAny>, nanos: u64) -> PyResult<(Fate, Details)> {
        match &self.purpose {
            Purpose::Call(call) => call.fate(py, value, nanos),
            Purpose::Key(details) => Ok((Fate::of_key(value), Details { nanos, ..details.clone() })),
        }
    }

    /// Notes that the load raised, so that it is not repeated at once; whether the error is kept, to be raised for a while.
    fn note_failure(&self, py: Python<'_>, error: &Bound<'_, PyAny>, number: Option<u64>) -> PyResult<bool> {
        if self.loading.bind(py).ask_method(intern!(py, "keeps"), (error,))?.ask_truth()? {
            return self.keep_error(py, error, number);
        }
        let (base, hash) = (self.error_ttl(py)?, self.hash());
        self.sought.wanted.probe().settle(py, |probe| self.cache.memory().rest(hash, probe, base))?;
        Ok(false)
    }

    /// Ends the load by storing its error; false if this leads another one by now.
    fn keep_error(&self, py: Python<'_>, error: &Bound<'_, PyAny>, number: Option<u64>) -> PyResult<bool> {
        let mut details = Details {
            lifespan: Lifespan { ttl: self.error_ttl(py)?, ..Lifespan::FOREVER },
            tags: self.known_tags(py)?.unwrap_or_default(),
            is_error: true,
            ..Details::default()
        };
        let kept = hooks::KEPT_ERROR.ask(py, (error,))?;
        let outcome = Outcome::of_error(py, &PyErr::from_value(error.clone()));
        let Some((ticket, timing)) = self.take_claim(number) else { return Ok(false) };
        timing.failed(&self.cache);
        Wishes::take(ticket.number()).iter().for_each(|wishes| wishes.add_tags(&mut details));
        let mut probe = self.sought.wanted.probe();
        let stored = Some(&self.sought.stored);
        land_as(py, &self.cache, &ticket, stored, &Object::from(kept), details, Some(outcome), &mut probe)?;
        Ok(true)
    }

    fn error_ttl(&self, py: Python<'_>) -> PyResult<Tick> {
        let seconds: f64 = self.loading.bind(py).getattr(intern!(py, "error_ttl"))?.extract()?;
        Ok(clock::ticks(std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default()))
    }

    /// Stores what was loaded, if that is to be; what its leader gets.
    fn fill(&self, py: Python<'_>, ticket: &Ticket, value: &Bound<'_, PyAny>, nanos: u64) -> PyResult<Object> {
        let wishes = Wishes::take(ticket.number());
        let (fate, mut details) = self.fate(py, value, nanos)?;
        match fate.as_wished(wishes.as_deref()) {
            Fate::Stored => {
                wishes.iter().for_each(|wishes| wishes.change(&mut details));
                if is_over(&details) {
                    abandon(py, &self.cache, ticket, Outcome::Value(Object::of(value)));
                    return Ok(Object::of(value));
                }
                let mut probe = self.sought.wanted.probe();
                let stored = Some(&self.sought.stored);
                let kept = land(py, &self.cache, ticket, stored, &Object::of(value), details, &mut probe)?;
                self.cache.served(py, kept)
            }
            fate => {
                abandon(py, &self.cache, ticket, fate.outcome(&Object::of(value)));
                Ok(Object::of(value))
            }
        }
    }
}

impl Attempt {
    /// The error that is to be raised instead of loading, if there is one.
    pub(crate) fn kept_error(&self, py: Python<'_>) -> PyResult<Option<Object>> {
        let found = self.cache.examine(py, &mut self.sought.wanted.probe())?;
        Ok(found.filter(|(_, facts)| facts.standing == Standing::Error).map(|(error, _)| error))
    }

    /// Begins a load as part of the running code; the value if it is there after all. A load that somebody else leads is not waited for.
    pub(crate) fn begin_alone(&self, py: Python<'_>, looks: bool) -> PyResult<Option<Object>> {
        let mut probe = self.sought.wanted.probe();
        let tags = self.known_tags(py)?;
        match self.cache.begin(py, self.sought.key(), &mut probe, Leader::thread(), &tags, self.look(looks))? {
            Way::Found(value) => return Ok(Some(value)),
            Way::Lead(lead) => *self.claim.lock() = Some(claim_of(lead)),
            Way::Join(_) => {}
        }
        Ok(None)
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
    fn loading(&self, py: Python<'_>) -> Py<PyAny> {
        self.loading.bind(py).unbind()
    }

    /// The name of the cache or function that it is for.
    #[getter]
    fn name(&self, py: Python<'_>) -> Py<PyAny> {
        self.cache.owner(self.sought.wanted.tag.owner()).0.into_bound(py).unbind()
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

    /// What is there although it is not fresh: `("stale", value, resting, seconds, age)` within its grace, whether a load has just failed,
    /// for how long it is stale, and its age; or `("error", exception)`.
    fn standing<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Some((value, facts)) = self.cache.examine(py, &mut self.sought.wanted.probe())? else { return Ok(None) };
        Ok(match facts.standing {
            Standing::Stale => {
                let value = self.cache.served(py, value)?.into_bound(py);
                let resting = PyBool::new(py, facts.retry_at > facts.now).to_owned().into_any();
                let stale_for = seconds_from(facts.course.fresh_until, facts.now);
                let age = seconds_from(facts.course.created, facts.now);
                let numbers = [stale_for, age].map(|number| PyFloat::new(py, number).into_any());
                let [stale_for, age] = numbers;
                Some(PyTuple::new(py, [name!(py, "stale"), value, resting, stale_for, age])?)
            }
            Standing::Error => Some(PyTuple::new(py, [name!(py, "error"), value.into_bound(py)])?),
            _ => None,
        })
    }

    /// Looks up and counts: `("hit", value)`, `("refresh", value)` if it is to be loaded anew by this caller who `loads`, or
    /// `("miss",)`.
    fn read<'py>(&self, py: Python<'py>, loads: bool) -> PyResult<Bound<'py, PyTuple>> {
        let mut probe = self.sought.wanted.probe();
        let (mut found, mut more) = if loads {
            self.cache.read_here(py, &mut probe)?
        } else {
            (self.cache.look_here(py, &mut probe)?, More::Nothing)
        };
        if found.is_none() && self.cache.has_tier() {
            (found, more) = self.read_behind(py, more, loads)?;
            self.from_tier.store(found.is_some(), Ordering::Relaxed);
        }
        match found {
            Some(value) if more == More::Refresh => PyTuple::new(py, [name!(py, "refresh"), value.into_bound(py)]),
            Some(value) => PyTuple::new(py, [name!(py, "hit"), value.into_bound(py)]),
            None => PyTuple::new(py, [name!(py, "miss")]),
        }
    }

    /// Whether callers get something else than what is kept.
    #[getter]
    fn serves(&self) -> bool {
        self.cache.serves()
    }

    /// Counts that nothing was found that would do.
    fn count_miss(&self) {
        let tag = self.sought.wanted.tag;
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

    /// All that is known of the entry, without any effect but that it is brought into memory; times are seconds from now. None if there
    /// is none.
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let brought = if self.cache.has_tier() && !self.cache.holds_here(py, &mut self.probe())? {
            self.brought(py)?
        } else {
            None
        };
        let known = self.cache.examine(py, &mut self.sought.wanted.probe())?;
        let Some((value, facts)) = known.or(brought) else { return Ok(None) };
        let value = if facts.standing == Standing::Error { value } else { self.cache.served(py, value)? };
        Ok(Some(facts_for_python(py, &facts, value)?))
    }

    /// How many seconds ago the load of the key began that may be joined, None if there is none.
    fn load_in_progress(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        let (hash, flights) = (self.hash(), self.cache.store.flights());
        let began = self.sought.wanted.probe().settle_read(py, |probe| flights.in_progress(hash, probe))?;
        let now = self.cache.memory().clock().precise();
        Ok(began.map(|began| clock::duration(now.saturating_sub(began)).as_secs_f64()))
    }

    /// Counts that a stale value was served.
    fn count_stale(&self) {
        let tag = self.sought.wanted.tag;
        self.cache.memory().count_stale(tag.hash(), tag.owner());
    }

    /// Looks again, and begins a load or finds one: `("found", value)`, `("lead", flight)`, `("join", flight)` or `("alone",)`.
    ///
    /// The load is made `where` says: `"here"`, on this thread, whose caller does not wait and is given no flight; in the `"pool"`, by
    /// another thread; or by a `"task"` of the event loop that runs on this thread.
    fn begin<'py>(&self, py: Python<'py>, r#where: &str, looks: bool) -> PyResult<Bound<'py, PyTuple>> {
        if is_finalizing() {
            return PyTuple::new(py, [name!(py, "alone")]);
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
        let mut probe = self.sought.wanted.probe();
        match self.cache.begin(py, self.sought.key(), &mut probe, leader, &self.known_tags(py)?, self.look(looks))? {
            Way::Found(value) => PyTuple::new(py, [name!(py, "found"), value.into_bound(py)]),
            Way::Join(shared) => {
                let came = if self.has_joined.swap(true, Ordering::Relaxed) { Came::Before } else { Came::After };
                PyTuple::new(py, [name!(py, "join"), self.flight(py, shared, came)?])
            }
            Way::Lead(lead) => {
                let claim = Some(claim_of(lead));
                let joined = claim.as_ref().filter(|_| waits);
                let shared = joined.and_then(|(ticket, _)| self.cache.store.flights().meeting(ticket));
                let before = std::mem::replace(&mut *self.claim.lock(), claim);
                if let Some((given_up, _)) = before {
                    // It was given up, and whoever waits for it all the same is not to wait for ever.
                    abandon(py, &self.cache, &given_up, Outcome::Again);
                }
                let flight = |shared| self.flight(py, shared, Came::Before);
                let flight = shared.map_or_else(|| Ok(py.None().into_bound(py)), flight)?;
                PyTuple::new(py, [name!(py, "lead"), flight])
            }
        }
    }

    /// Notes that this caller waits for a flight, with its whole thread if it `blocks`; False if that would close a circle.
    fn wait_for(&self, py: Python<'_>, flight: &Bound<'_, Flight>, blocks: bool) -> PyResult<bool> {
        let wait = Wait::begin(&flight.get().shared, enclosing(py)?, blocks.then(thread));
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
        self.cache.overtake(py, &mut self.sought.wanted.probe())
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
        let _within: Vec<Within> = if others.is_empty() {
            let claim = self.claim.lock();
            claim.iter().map(|(ticket, _)| Within::enter(ticket, &self.cache)).collect()
        } else {
            let numbers = std::iter::once(self).chain(others.iter().map(Bound::get)).filter_map(Self::number);
            numbers.map(Within::enter_with_others).collect()
        };
        match (loader, &self.purpose) {
            (Some(loader), _) => {
                let call = Call { args: std::ptr::null(), flagged_count: 0, names: std::ptr::null_mut() };
                // SAFETY: the loader is alive; the result is new or null.
                unsafe { Object::from_result(py, vectorcall(loader.as_ptr(), call)) }
                    .map(|result| result.into_bound(py).unbind())
            }
            (None, Purpose::Call(call)) => call.run(py).map(|result| result.into_bound(py).unbind()),
            (None, Purpose::Key(_)) => Ok(py.None()),
        }
    }

    /// The load returned: stores the value if it may be, and tells those who wait; what the leader gets. As the others that end a load
    /// it does nothing if this leads another flight by now than the one with this `number`, which had been given up.
    #[pyo3(signature = (value, number = None))]
    pub(crate) fn land(&self, py: Python<'_>, value: &Bound<'_, PyAny>, number: Option<u64>) -> PyResult<Py<PyAny>> {
        let Some((ticket, timing)) = self.take_claim(number) else { return Ok(value.clone().unbind()) };
        let nanos = timing.returned(&self.cache);
        let filled = self.fill(py, &ticket, value, nanos);
        self.release(py);
        if let Err(error) = &filled {
            abandon(py, &self.cache, &ticket, Outcome::of_error(py, error));
        }
        filled.map(|value| value.into_bound(py).unbind())
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
            return Ok(crate::missing::missing(py)?.into_bound(py).unbind());
        };
        if found.standing == Standing::Error {
            let error = raised_again(py, &found.value, &Object::from(py.None().into_bound(py)));
            self.land_found(py, number, Outcome::of_error(py, &error));
            return Err(error);
        }
        let value = self.cache.served(py, found.value)?;
        self.land_found(py, number, Outcome::Value(value.clone()));
        Ok(value.into_bound(py).unbind())
    }

    /// The load raised: tells those who wait; whether the error is kept, to be raised for a while.
    #[pyo3(signature = (error, number = None))]
    pub(crate) fn fail(&self, py: Python<'_>, error: &Bound<'_, PyAny>, number: Option<u64>) -> PyResult<bool> {
        if self.number().is_none_or(|own| number.is_some_and(|number| number != own)) {
            return Ok(false);
        }
        let handled = self.handled.lock().take();
        let own = own_error(py, &PyErr::from_value(error.clone()), handled.as_ref());
        let is_error = error.is_instance_of::<PyException>();
        let noted = if is_error { self.note_failure(py, own.value(py), number) } else { Ok(false) };
        // Whatever that raised, those who wait are not to wait for ever. Where the error was kept the load has ended.
        self.end(py, number, true, Outcome::of_error(py, &own));
        noted
    }

    /// Leaves the load to a follower.
    #[pyo3(signature = (number = None))]
    pub(crate) fn quit(&self, py: Python<'_>, number: Option<u64>) {
        self.end(py, number, true, Outcome::Again);
    }

    /// The load has returned, without anything for this key.
    #[pyo3(signature = (number = None))]
    fn leave_out(&self, py: Python<'_>, number: Option<u64>) {
        self.end(py, number, false, Outcome::Again);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.visit(&visit)
    }
}

impl Attempt {
    /// Shows what it refers to to a garbage collection.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.sought.wanted.parts.iter().try_for_each(|part| part.visit(visit))?;
        self.sought.stored.visit(visit)?;
        self.loading.visit(visit)?;
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
        if let Some((ticket, _)) = self.claim.lock().take() {
            attached(|py| abandon(py, &self.cache, &ticket, Outcome::Again));
        }
    }
}
