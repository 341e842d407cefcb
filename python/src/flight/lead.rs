//! A load from its beginning to its end.

use std::sync::Arc;

use hotset::clock::{self, Tick};
use hotset::flight::{Begun, Landing, Stopwatch, Ticket};
use hotset::memory::{Details, EntryInfo, Freshness, Stored, Unsure};
use pyo3::exceptions::PyException;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::errors::raised_again;
use crate::ffi::foreign::{ask_quickly, raised};
use crate::ffi::guard::{attached, is_finalizing};
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::flight::fate::{Decider, Fate, is_over};
use crate::flight::handle::Flight;
use crate::flight::load_context::LoadOverrides;
use crate::flight::load_stack::{LoadScope, LoadStack, enclosing, thread};
use crate::flight::timing::Timing;
use crate::flight::wait_graph::WaitEdge;
use crate::hooks;
use crate::interrupt;
use crate::key::Key;
use crate::key::part::Part;
use crate::key::probe::Probe;
use crate::promise::{Came, Leader, LoadResult, Promise};
use crate::state::CacheState;

/// A load that this caller leads. Dropped before it has landed it leaves the load to a follower.
pub(crate) struct Lead<'a> {
    cache: &'a Arc<CacheState>,
    ticket: Option<Ticket>,
    /// `None` once the load has been counted.
    timing: Option<Timing>,
}

/// What makes a lead, without the cache.
pub(super) type Claim = (Ticket, Timing);

/// The tags that a result will carry, if that is known before it is there.
pub(crate) type KnownTags = Option<Box<[Arc<str>]>>;

/// Whether what others have loaded meanwhile will do.
#[derive(Clone, Copy)]
pub(crate) enum Recheck {
    Nowhere,
    ForFresh,
    /// If it is fresh and not older than that.
    ForYoung(Tick),
}

/// Whether an entry is fresh and not older than that.
pub(crate) fn is_young(info: &EntryInfo, age: Tick) -> bool {
    info.freshness == Freshness::Fresh && info.now - info.deadlines.created <= age
}

/// How to come to a value that is not there.
pub(crate) enum LoadStart<'a> {
    Found(Object),
    Lead(Lead<'a>),
    /// A load that somebody else leads.
    Join(Arc<Promise>),
}

impl CacheState {
    /// Begins a load that nobody else is at; `None` where [`CacheState::begin`] has to look.
    #[inline]
    pub(crate) fn begin_quickly(&self, key: Key, now: Tick, here: LoadStack, probe: &mut Probe<'_>) -> Option<Ticket> {
        self.forget_flights_of_parent();
        let hash = key.tag.hash();
        // With the GIL nothing can have come between the miss and this.
        let look = |probe: &mut Probe<'_>| {
            if cfg!(Py_GIL_DISABLED) { self.memory().peek_outcome(hash, probe, |_, _| ()) } else { Ok(None) }
        };
        let mut gave_up = false;
        let tags = || Some(Box::default());
        match self.store.begin(&mut Some(key), probe, || Leader::of_thread(here), now, &mut gave_up, tags, look) {
            Ok(Begun::Leads(ticket)) => {
                if gave_up {
                    attached(|py| self.log_given_up(py));
                }
                Some(ticket)
            }
            _ => None,
        }
    }

    /// Looks for a value once more, and begins a load or finds the one that is in progress. Its result will carry these tags. An error
    /// that is kept since the first look is raised.
    pub(crate) fn begin(
        self: &Arc<Self>,
        py: Python<'_>,
        key: Key,
        probe: &mut Probe<'_>,
        leader: Leader,
        tags: &KnownTags,
        looks: Recheck,
    ) -> PyResult<LoadStart<'_>> {
        self.forget_flights_of_parent();
        // A load that a change elsewhere has overtaken is not joined.
        self.catch_up(py);
        let (tag, now) = (key.tag, self.memory().clock().coarse());
        let (mut key, mut gave_up) = (Some(key), false);
        let begun = probe.settle_read(py, |probe| {
            let look = |probe: &mut Probe<'_>| match looks {
                Recheck::Nowhere => Ok(None),
                Recheck::ForFresh => {
                    self.memory().peek_outcome(tag.hash(), probe, |value, is_error| (value.clone(), is_error))
                }
                Recheck::ForYoung(age) => {
                    let outcome = |value: &Object, info: EntryInfo| {
                        let is_error = info.freshness == Freshness::Error;
                        (is_error || is_young(&info, age)).then(|| (value.clone(), is_error))
                    };
                    self.memory().inspect(tag.hash(), probe, outcome).map(Option::flatten)
                }
            };
            self.store.begin(&mut key, probe, || leader, now, &mut gave_up, || tags.clone(), look)
        })?;
        if gave_up {
            self.log_given_up(py);
        }
        Ok(match begun {
            Begun::Found((error, true)) => {
                return Err(raised_again(py, &error, &Object::from(py.None().into_bound(py))));
            }
            Begun::Found((kept, false)) => LoadStart::Found(self.served(py, kept)?),
            Begun::Joins(promise) => LoadStart::Join(promise),
            Begun::Leads(ticket) => {
                let lead = Lead::new(self, ticket, Some(Stopwatch::begin(tag.hash(), tag.owner())));
                if let (Some(behind), Some(ticket)) = (&self.behind, &lead.ticket) {
                    behind.begin(py, self, probe, ticket, matches!(looks, Recheck::Nowhere))?;
                }
                LoadStart::Lead(lead)
            }
        })
    }

    #[cold]
    pub(crate) fn log_given_up(&self, py: Python<'_>) {
        let age = clock::duration(self.store.load_age()).as_secs_f64();
        let log = hooks::EMIT.ask(py, ("LoadGivenUp", self.name.bind(py), age));
        if let Err(error) = log {
            interrupt::report(py, error, None);
        }
    }
}

impl<'a> Lead<'a> {
    pub(crate) fn new(cache: &'a Arc<CacheState>, ticket: Ticket, watch: Option<Stopwatch>) -> Self {
        Self { cache, ticket: Some(ticket), timing: watch.map(Timing::Counted) }
    }

    /// What [`Lead::into_claim`] has put aside.
    pub(super) fn from_claim(cache: &'a Arc<CacheState>, (ticket, timing): Claim) -> Self {
        Self { cache, ticket: Some(ticket), timing: Some(timing) }
    }

    /// Takes the claim to the load away, for who will land it later.
    pub(super) fn into_claim(mut self) -> Claim {
        match (self.ticket.take(), self.timing.take()) {
            (Some(ticket), Some(timing)) => (ticket, timing),
            _ => unreachable!("a load that has just begun is timed and has a ticket"),
        }
    }

    /// What the loader has said of what it returned.
    #[inline]
    pub(crate) fn overrides(&self) -> Option<Arc<LoadOverrides>> {
        self.ticket.as_ref().and_then(|ticket| LoadOverrides::take(ticket.number()))
    }

    /// Runs a load on this thread.
    pub(super) fn run<T>(&self, load: impl FnOnce() -> T) -> T {
        let _within = self.ticket.as_ref().map(|ticket| LoadScope::enter(ticket, self.cache));
        load()
    }

    /// The load returned; the nanoseconds that it took.
    pub(crate) fn returned(&mut self) -> u64 {
        self.timing.take().map_or(0, |timing| timing.returned(self.cache))
    }

    /// The load raised.
    fn count_failure(&mut self) {
        if let Some(timing) = self.timing.take() {
            timing.failed(self.cache);
        }
    }

    /// The load returned: stores the value if it may be, and tells those who wait; what its caller gets.
    ///
    /// `stored` is what the key stores, where it may weigh something or have identities as parts.
    pub(super) fn land(
        mut self,
        py: Python<'_>,
        value: &Object,
        decider: &impl Decider,
        stored: Option<&Part>,
        probe: &mut Probe<'_>,
    ) -> PyResult<Object> {
        let (nanos, overrides) = (self.returned(), self.overrides());
        let landed = self.decided(py, value, decider, nanos, overrides.as_deref()).and_then(|details| match details {
            Some(details) => {
                let kept = self.store(py, stored, value, details, None, probe)?;
                self.cache.served(py, kept)
            }
            None => Ok(value.clone()),
        });
        if let Err(error) = &landed {
            self.tell(py, LoadResult::of_error(py, error));
        }
        landed
    }

    /// With what a value is to be stored; those who wait are told here if it is not.
    fn decided(
        &mut self,
        py: Python<'_>,
        value: &Object,
        decider: &impl Decider,
        nanos: u64,
        overrides: Option<&LoadOverrides>,
    ) -> PyResult<Option<Details>> {
        let bound = value.bind(py);
        let fate = decider.fate(py, &bound, nanos)?.as_overridden(overrides);
        if fate == Fate::Stored {
            let mut details = decider.details(py, &bound, nanos)?;
            overrides.iter().for_each(|overrides| overrides.change(&mut details));
            if !is_over(&details) {
                return Ok(Some(details));
            }
        }
        self.tell(py, fate.outcome(value));
        Ok(None)
    }

    /// Stores what was loaded where nobody has to be asked and nobody waits; else gives itself back for [`Lead::fill`].
    #[inline]
    pub(crate) fn fill_quickly(
        mut self,
        value: &Object,
        details: &mut Details,
        now: Tick,
        probe: &mut Probe<'_>,
    ) -> Result<(), Self> {
        let Some(ticket) = self.ticket.take() else { return Ok(()) };
        let (mut taken, owner) = (Some(value.clone()), probe.tag().owner());
        match self.cache.store.fill(&ticket, owner, &mut taken, details, now, probe) {
            Ok(landing) if landing.promise.is_none() => {
                self.cache.finish_attached(landing.written.left);
                Ok(())
            }
            Ok(landing) => {
                attached(|py| settle(py, self.cache, landing, LoadResult::Value(value.clone())));
                Ok(())
            }
            Err(Unsure) => {
                self.ticket = Some(ticket);
                Err(self)
            }
        }
    }

    /// Stores what was loaded, unless that was overtaken; what is kept of it. Followers get that in any case, unless they are to get
    /// something else.
    pub(super) fn store(
        &mut self,
        py: Python<'_>,
        stored: Option<&Part>,
        value: &Object,
        details: Details,
        outcome: Option<LoadResult>,
        probe: &mut Probe<'_>,
    ) -> PyResult<Object> {
        let Some(ticket) = self.ticket.take() else { return Ok(value.clone()) };
        store(py, self.cache, &ticket, stored, value, details, outcome, probe)
    }

    /// Stores what was loaded quickly, where [`Lead::fill_quickly`] cannot.
    pub(crate) fn fill(
        mut self,
        py: Python<'_>,
        value: &Object,
        details: Details,
        probe: &mut Probe<'_>,
    ) -> PyResult<()> {
        self.store(py, None, value, details, None, probe).map(drop)
    }

    /// Ends a load that returned, and stores nothing.
    pub(crate) fn end(mut self, py: Python<'_>, outcome: LoadResult) {
        self.returned();
        self.tell(py, outcome);
    }

    fn tell(&mut self, py: Python<'_>, outcome: LoadResult) {
        if let Some(ticket) = self.ticket.take() {
            abandon(py, self.cache, &ticket, outcome);
        }
    }

    /// Ends a load that raised this, without what its caller was handling.
    pub(super) fn fail(self, py: Python<'_>, own: &PyErr) {
        self.fail_as(py, LoadResult::of_error(py, own));
    }

    /// Ends a load that raised, or that nobody makes.
    pub(super) fn fail_as(mut self, py: Python<'_>, outcome: LoadResult) {
        self.count_failure();
        self.tell(py, outcome);
    }

    /// Ends a load that raised what is kept, to be raised for a while.
    pub(super) fn keep(
        mut self,
        py: Python<'_>,
        error: &Object,
        mut details: Details,
        outcome: LoadResult,
        stored: &Part,
        probe: &mut Probe<'_>,
    ) -> PyResult<()> {
        self.count_failure();
        self.overrides().iter().for_each(|overrides| overrides.add_tags(&mut details));
        self.store(py, Some(stored), error, details, Some(outcome), probe).map(drop)
    }

    /// Ends a load that another process has made.
    pub(super) fn end_found(mut self, py: Python<'_>, outcome: LoadResult) {
        self.timing = None;
        self.tell(py, outcome);
    }

    /// Ends a load that raised the exception that is set, and stays so.
    pub(crate) fn fail_raised(self, py: Python<'_>) {
        let error = raised(py);
        self.fail(py, &own_error(py, &error, handled().as_ref()));
        error.restore(py);
    }
}

/// Stores what a load returned and tells followers, who may get something else; what is kept of it. If storing raises, followers get that
/// error.
#[expect(clippy::too_many_arguments, reason = "all of them are of one load")]
fn store(
    py: Python<'_>,
    cache: &Arc<CacheState>,
    ticket: &Ticket,
    stored: Option<&Part>,
    value: &Object,
    details: Details,
    outcome: Option<LoadResult>,
    probe: &mut Probe<'_>,
) -> PyResult<Object> {
    let (now, tag, mut details) = (cache.memory().clock().coarse(), probe.tag(), details);
    match cache.fill_behind(py, ticket, value, &mut details, probe) {
        Ok(true) => {}
        Ok(false) => {
            cache.memory().count_refused(tag.hash(), tag.owner());
            // What has overtaken it in the tier may have been heard of before a follower came.
            tell(py, cache, ticket, outcome.unwrap_or_else(|| LoadResult::Value(value.clone())), true);
            return Ok(value.clone());
        }
        Err(error) => {
            abandon(py, cache, ticket, LoadResult::of_error(py, &error));
            return Err(error);
        }
    }
    let written = cache.prepared(py, stored, value.clone(), tag, details).and_then(|(kept, mut details)| {
        let mut taken = Some(kept.clone());
        let fill = |probe: &mut Probe<'_>| cache.store.fill(ticket, tag.owner(), &mut taken, &mut details, now, probe);
        Ok((kept, probe.settle(py, fill)?))
    });
    // What deciders have asked for in the meantime is of no use any more.
    drop(LoadOverrides::take(ticket.number()));
    match written {
        Ok((kept, landing)) => {
            let is_stored = settle(py, cache, landing, outcome.unwrap_or_else(|| LoadResult::Value(kept.clone())));
            if let Some(stored) = stored.filter(|_| is_stored) {
                cache.note_identities(stored, tag.hash());
            }
            Ok(kept)
        }
        Err(error) => {
            abandon(py, cache, ticket, LoadResult::of_error(py, &error));
            Err(error)
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            attached(|py| abandon(py, self.cache, &ticket, LoadResult::Retry));
        }
    }
}

/// What this thread is handling.
pub(super) fn handled() -> Option<Object> {
    // SAFETY: the thread is attached; the result is a new reference or null.
    let handled = unsafe { Object::or_null(ffi::PyErr_GetHandledException()) };
    handled.filter(|handled| !Live::of(handled).is_none())
}

/// An error without what its caller was handling when the load began that raised it: that is nobody else's.
pub(super) fn own_error(py: Python<'_>, error: &PyErr, handled: Option<&Object>) -> PyErr {
    let Some(handled) = handled.filter(|_| error.is_instance_of::<PyException>(py)) else { return error.clone_ref(py) };
    let own = hooks::OWN_ERROR.ask(py, (error.value(py), handled.bind(py)));
    own.map_or_else(|_| error.clone_ref(py), PyErr::from_value)
}

impl LoadResult {
    /// What an error means to followers: what is no `Exception` stays with the leader.
    pub(crate) fn of_error(py: Python<'_>, error: &PyErr) -> Self {
        if !error.is_instance_of::<PyException>(py) {
            return Self::Retry;
        }
        let traceback = error.traceback(py).map_or_else(|| Object::from(py.None().into_bound(py)), Object::from);
        Self::Error(Object::from(error.value(py).clone().into_any()), traceback)
    }
}

/// Drops what left, and tells followers; whether the value was stored.
fn settle(
    py: Python<'_>,
    cache: &Arc<CacheState>,
    landing: Landing<Key, Promise, Stored<Key, Object>>,
    outcome: LoadResult,
) -> bool {
    if let Some(promise) = landing.promise {
        promise.land(py, outcome, landing.is_behind);
    }
    drop(landing.key);
    cache.finish(py, landing.written.left);
    landing.written.stored
}

/// Ends a flight that stores nothing, and tells followers.
fn abandon(py: Python<'_>, cache: &CacheState, ticket: &Ticket, outcome: LoadResult) {
    tell(py, cache, ticket, outcome, false);
}

/// As [`abandon`], of a load that may be known to be behind.
fn tell(py: Python<'_>, cache: &CacheState, ticket: &Ticket, outcome: LoadResult, is_behind: bool) {
    drop(LoadOverrides::take(ticket.number()));
    let landing = cache.store.abandon(ticket);
    if let Some(promise) = landing.promise {
        promise.land(py, outcome, is_behind || landing.is_behind);
    }
    drop(landing.key);
}

/// Waits on this thread for a load that somebody else leads; `Alone` where waiting would never end.
pub(super) fn follow(
    py: Python<'_>,
    cache: &Arc<CacheState>,
    promise: &Arc<Promise>,
    hash: u32,
    came: Came,
) -> PyResult<LoadResult> {
    if is_finalizing() {
        return Ok(LoadResult::NotShareable);
    }
    let Some(wait) = WaitEdge::begin(promise, enclosing(py)?, Some(thread())) else {
        return Ok(LoadResult::NotShareable);
    };
    let flight = Bound::new(py, Flight::new(promise.clone(), cache, hash, came))?;
    let waiter = hooks::WAIT_IN_THREAD.get(py)?;
    let waited = ask_quickly(py, Live::bound(&waiter), &[Live::bound(&flight)]);
    drop(wait);
    waited?;
    Ok(promise.outcome(came).unwrap_or(LoadResult::Retry))
}
