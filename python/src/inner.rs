//! What a cache is behind its Python face: a memory, and what belongs to it alone.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use hotset::Memory;
use hotset::clock::Tick;
use hotset::expiry::Lifespan;
use hotset::flight::{Fenced, Ticket};
use hotset::memory::{Condition, Details, EntryInfo, Freshness, More, Owner, Removals, Stored};
use hotset::stats::Cause;
use hotset::sync::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::{PyTraverseError, PyVisit};

use crate::duration::{computed_ticks, ticks};
use crate::errors::invalid;
use crate::ffi::Pointer;
use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::foreign::Foreign;
use crate::ffi::guard::{attached, is_finalizing};
use crate::ffi::object::Object;
use crate::flight::forks;
use crate::flight::lead::raised_again;
use crate::flight::promise::Promise;
use crate::footprint::entry_bytes;
use crate::hooks;
use crate::interrupt;
use crate::key::call_key::CallKey;
use crate::key::holder::Holder;
use crate::key::identity::{Identities, WeakIdentity, identities_in};
use crate::key::ownership::{Known, Ownership};
use crate::key::part::Part;
use crate::key::probe::{Probe, Rule};
use crate::key::wanted::Wanted;
use crate::key::{Key, MAPPING, Tag};
use crate::missing;
use crate::tier::behind::{Behind, Filled, Keys, Pulled};

/// The most that an entry may weigh, so that no sum of weights overflows.
const HEAVIEST: u64 = 1 << 40;

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

pub(crate) struct Inner {
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
    pub(crate) behind: Option<Box<Behind>>,
}

impl Inner {
    #[expect(clippy::too_many_arguments, reason = "they are those of the Python class")]
    pub(crate) fn new(
        store: Fenced<Key, Object, Promise, AttachedLock>,
        lifespan: Lifespan,
        ttls: Vec<(String, Tick)>,
        weigher: Option<Weigher>,
        listener: Option<Object>,
        aliasing: Option<Aliasing>,
        name: Object,
        behind: Option<Box<Behind>>,
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
    fn behind_if_on(&self) -> Option<&Behind> {
        self.behind.as_deref().filter(|_| self.memory().is_enabled())
    }

    /// What was counted as a miss is in the tier, fresh: the value, which is in memory then too if that has room.
    pub(crate) fn pull(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<Option<Object>> {
        match self.bring_all(py, probe)? {
            Some(pulled) if pulled.freshness == Freshness::Fresh => self.found(py, probe, pulled.value).map(Some),
            _ => Ok(None),
        }
    }

    /// What was counted as a miss was found in the tier: what a caller gets of it.
    pub(crate) fn found(&self, py: Python<'_>, probe: &Probe<'_>, kept: Object) -> PyResult<Object> {
        self.memory().count_found(probe.tag().hash(), probe.tag().owner());
        self.served(py, kept)
    }

    /// What was counted as a miss was found in the tier to be an error that is kept: what a caller raises.
    #[cold]
    pub(crate) fn found_error(&self, py: Python<'_>, probe: &Probe<'_>, error: &Object) -> PyErr {
        self.memory().count_found(probe.tag().hash(), probe.tag().owner());
        raised_again(py, error, &Object::from(py.None().into_bound(py)))
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

    /// As [`Inner::ttl`], of one that was computed: [`OVER`](crate::duration::OVER) if nothing is left of it.
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

    /// Reads a value, and what else there is to it; counts a hit or a miss.
    pub(crate) fn read(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<(Option<Object>, More)> {
        match self.read_here(py, probe)? {
            (None, more) if self.has_tier() => self.pull_more(py, probe, more),
            found => Ok(found),
        }
    }

    /// As [`Inner::read`], in memory only.
    pub(crate) fn read_here(
        self: &Arc<Self>,
        py: Python<'_>,
        probe: &mut Probe<'_>,
    ) -> PyResult<(Option<Object>, More)> {
        if !self.memory().is_enabled() {
            return Ok((None, More::Nothing));
        }
        self.catch_up(py);
        let tag = probe.tag();
        let read = probe.settle_read(py, |probe| self.memory().read(tag.hash(), tag.owner(), probe, Object::clone))?;
        if read.due {
            self.run_pending(py, tag.hash());
        }
        Ok((read.found.map(|kept| self.served(py, kept)).transpose()?, read.more))
    }

    /// As [`Inner::pull`], for who can load; what else there is to it where it is not fresh. An error that is kept is raised.
    pub(crate) fn pull_more(
        self: &Arc<Self>,
        py: Python<'_>,
        probe: &mut Probe<'_>,
        more: More,
    ) -> PyResult<(Option<Object>, More)> {
        if more == More::Error {
            return Ok((None, more));
        }
        match self.bring_all(py, probe)? {
            Some(pulled) if pulled.freshness == Freshness::Fresh => {
                return Ok((Some(self.found(py, probe, pulled.value)?), More::Nothing));
            }
            Some(pulled) if pulled.freshness == Freshness::Error => {
                return Err(self.found_error(py, probe, &pulled.value));
            }
            _ => {}
        }
        let stale = self.inspect(py, probe)?.is_some_and(|(_, info)| info.freshness == Freshness::Stale);
        Ok((None, if stale { More::Stale } else { more }))
    }

    /// Reads a value for who cannot load it; counts a hit or a miss.
    pub(crate) fn look(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<Option<Object>> {
        match self.look_here(py, probe)? {
            None => self.pull(py, probe),
            found => Ok(found),
        }
    }

    /// As [`Inner::look`], in memory only.
    pub(crate) fn look_here(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<Option<Object>> {
        if !self.memory().is_enabled() {
            return Ok(None);
        }
        self.catch_up(py);
        let tag = probe.tag();
        let read = probe.settle_read(py, |probe| {
            self.memory().read_without_refresh(tag.hash(), tag.owner(), probe, Object::clone)
        })?;
        if read.due {
            self.run_pending(py, tag.hash());
        }
        read.found.map(|kept| self.served(py, kept)).transpose()
    }

    /// What the tier has for a key, a fresh value or an error, not older than that, brought into memory. Nothing is counted.
    pub(crate) fn bring(
        self: &Arc<Self>,
        py: Python<'_>,
        probe: &mut Probe<'_>,
        since: Tick,
    ) -> PyResult<Option<Pulled>> {
        let will_do = |pulled: &Pulled| {
            matches!(pulled.freshness, Freshness::Fresh | Freshness::Error) && pulled.created() >= since
        };
        Ok(self.bring_all(py, probe)?.filter(will_do))
    }

    /// What the tier has for a key, brought into memory. Nothing is counted.
    pub(crate) fn bring_all(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<Option<Pulled>> {
        self.behind_if_on().map_or(Ok(None), |behind| behind.pull(py, self, probe))
    }

    /// The right to load a key for so long, across processes, if nobody else has it: a number to give it back with, or for how long
    /// somebody else may have it.
    pub(crate) fn lease(
        self: &Arc<Self>,
        py: Python<'_>,
        probe: &Probe<'_>,
        length: Duration,
    ) -> PyResult<Result<u64, Duration>> {
        self.behind_if_on().map_or(Ok(Ok(0)), |behind| behind.lease(py, self, probe, length))
    }

    /// Gives that right back.
    pub(crate) fn release(self: &Arc<Self>, py: Python<'_>, probe: &Probe<'_>, holder: u64) {
        if let Some(behind) = &self.behind {
            behind.release(py, self, probe, holder);
        }
    }

    /// As [`Inner::pull`], for several keys in one read of the tier.
    pub(crate) fn pull_many(
        self: &Arc<Self>,
        py: Python<'_>,
        probes: &mut [Probe<'_>],
    ) -> PyResult<Vec<Option<Object>>> {
        let found = self.bring_many(py, probes)?;
        let mut values = Vec::with_capacity(found.len());
        for (probe, pulled) in probes.iter().zip(found) {
            let fresh = pulled.filter(|pulled| pulled.freshness == Freshness::Fresh);
            if fresh.is_some() {
                self.memory().count_found(probe.tag().hash(), probe.tag().owner());
            }
            values.push(fresh.map(|pulled| self.served(py, pulled.value)).transpose()?);
        }
        Ok(values)
    }

    /// As [`Inner::pull_many`], without counting; what the tier had.
    pub(crate) fn bring_many(
        self: &Arc<Self>,
        py: Python<'_>,
        probes: &mut [Probe<'_>],
    ) -> PyResult<Vec<Option<Pulled>>> {
        match self.behind_if_on() {
            Some(behind) if !probes.is_empty() => behind.pull_many(py, self, probes),
            _ => Ok(probes.iter().map(|_| None).collect()),
        }
    }

    /// The next keys of the tier that are texts and begin so.
    pub(crate) fn page<'py>(&self, py: Python<'py>, prefix: &str, after: Option<&[u8]>) -> PyResult<Keys<'py>> {
        self.behind_if_on().map_or_else(|| Ok((Vec::new(), None)), |behind| behind.page(py, prefix, after))
    }

    /// What is known of an entry that is there, with its value, without any effect.
    pub(crate) fn inspect(
        self: &Arc<Self>,
        py: Python<'_>,
        probe: &mut Probe<'_>,
    ) -> PyResult<Option<(Object, EntryInfo)>> {
        self.catch_up(py);
        let hash = probe.tag().hash();
        probe.settle_read(py, |probe| self.memory().inspect(hash, probe, |value, info| (value.clone(), info)))
    }

    #[cold]
    pub(crate) fn run_pending(self: &Arc<Self>, py: Python<'_>, hash: u32) {
        self.finish(py, self.memory().run_pending(hash));
    }

    /// As [`Inner::tend`], from where the hot path knows only that the thread is attached.
    #[cold]
    #[inline(never)]
    pub(crate) fn run_pending_attached(self: &Arc<Self>, hash: u32) {
        attached(|py| self.run_pending(py, hash));
    }

    /// Drops what left, from where the hot path knows only that the thread is attached.
    #[inline]
    pub(crate) fn finish_attached(self: &Arc<Self>, left: Removals<Key, Object>) {
        if left.is_empty() {
            return;
        }
        let evicts = || left.iter().any(|removed| removed.cause == Cause::Evicted);
        if self.listener.is_none() && (self.has_evicted.load(Ordering::Relaxed) || !evicts()) {
            drop(left);
        } else {
            attached(|py| self.see_off(py, left));
        }
    }

    /// Reads a value without any effect.
    pub(crate) fn peek(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<Option<Object>> {
        self.catch_up(py);
        let kept = probe.settle_read(py, |probe| self.memory().peek(probe.tag().hash(), probe, Object::clone))?;
        match (kept, self.behind_if_on()) {
            (Some(kept), _) => self.served(py, kept).map(Some),
            (None, Some(behind)) => match behind.peek(py, self, probe)? {
                Some(value) => self.served(py, value).map(Some),
                None => Ok(None),
            },
            (None, None) => Ok(None),
        }
    }

    /// Whether there is a fresh value.
    pub(crate) fn holds(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<bool> {
        match self.behind_if_on() {
            Some(behind) if !self.holds_here(py, probe)? => behind.peek(py, self, probe).map(|value| value.is_some()),
            _ => self.holds_here(py, probe),
        }
    }

    /// As [`Inner::holds`], in memory only.
    pub(crate) fn holds_here(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<bool> {
        self.catch_up(py);
        let found = probe.settle_read(py, |probe| self.memory().peek(probe.tag().hash(), probe, |_| ()))?;
        Ok(found.is_some())
    }

    /// Stores a pair; whether it was stored.
    pub(crate) fn write(
        self: &Arc<Self>,
        py: Python<'_>,
        key: Part,
        value: Object,
        details: Details,
        condition: &Condition<'_, Object>,
        probe: &mut Probe<'_>,
    ) -> PyResult<bool> {
        missing::refuse(value.as_ptr())?;
        let mut details = details;
        let Some(behind) = self.behind_if_on() else {
            self.invalidate_behind(py, probe)?;
            return self.write_here(py, key, value, details, condition, probe);
        };
        self.catch_up(py);
        if !behind.set(py, self, probe, &value, &mut details, condition)? {
            return Ok(false);
        }
        self.write_or_remove(py, key, value, details, probe)?;
        Ok(true)
    }

    /// Stores pairs of keys of the mapping with values, in one write of the tier.
    pub(crate) fn write_many(
        self: &Arc<Self>,
        py: Python<'_>,
        entries: Vec<(&Wanted, Object)>,
        details: &Details,
    ) -> PyResult<()> {
        let Some(behind) = self.behind_if_on() else {
            return entries.iter().try_for_each(|(wanted, _)| self.invalidate_behind(py, &wanted.probe()));
        };
        self.catch_up(py);
        let stored = behind.set_many(py, self, &entries, details)?;
        for ((wanted, value), details) in entries.into_iter().zip(stored) {
            self.write_or_remove(py, wanted.stored(), value, details, &mut wanted.probe())?;
        }
        Ok(())
    }

    /// A cache that is off stores nothing; what the tier has is not to be found when it is on again.
    fn invalidate_behind(self: &Arc<Self>, py: Python<'_>, probe: &Probe<'_>) -> PyResult<()> {
        self.behind.as_ref().map_or(Ok(()), |behind| behind.change_key(py, self, probe, false))
    }

    /// Stores in memory what was stored in the tier. If something has changed since, or there is no room, what was here is not to stay.
    fn write_or_remove(
        self: &Arc<Self>,
        py: Python<'_>,
        key: Part,
        value: Object,
        details: Details,
        probe: &mut Probe<'_>,
    ) -> PyResult<()> {
        if !self.write_here(py, key, value, details, &Condition::Always, probe)? {
            let left = probe.settle(py, |probe| self.store.remove(probe.tag().hash(), probe, Cause::Replaced))?;
            self.finish(py, left);
        }
        Ok(())
    }

    /// As [`Inner::write`], in memory only.
    fn write_here(
        self: &Arc<Self>,
        py: Python<'_>,
        key: Part,
        value: Object,
        details: Details,
        condition: &Condition<'_, Object>,
        probe: &mut Probe<'_>,
    ) -> PyResult<bool> {
        let tag = probe.tag();
        let (kept, mut details) = self.prepared(py, Some(&key), value, tag, details)?;
        let mut pair = Some((Key { part: key, tag }, kept));
        let Stored { stored, left } =
            probe.settle(py, |probe| self.store.write(&mut pair, &mut details, condition, probe))?;
        drop(pair);
        self.finish(py, left);
        Ok(stored)
    }

    /// As [`Inner::write`], for a key that may have identities as parts.
    pub(crate) fn fill(
        self: &Arc<Self>,
        py: Python<'_>,
        key: Part,
        value: Object,
        details: Details,
        condition: &Condition<'_, Object>,
        probe: &mut Probe<'_>,
    ) -> PyResult<bool> {
        let tag = probe.tag();
        let identities = identities_in(&key);
        let stored = self.write(py, key, value, details, condition, probe)?;
        if stored {
            self.note_each(&identities, tag.hash());
        }
        Ok(stored)
    }

    /// Notes with every identity that a stored key is made of that there is an entry under this hash.
    pub(crate) fn note_identities(self: &Arc<Self>, stored: &Part, hash: u32) {
        self.note_each(&identities_in(stored), hash);
    }

    fn note_each(self: &Arc<Self>, identities: &[Object], hash: u32) {
        // SAFETY: what was collected are identities.
        identities.iter().for_each(|identity| unsafe { WeakIdentity::get(identity.as_ptr()) }.note(hash, self));
    }

    /// What is kept of a value, and details with the weight of its entry. An error is kept as it is, and no function is asked about it.
    #[inline]
    pub(crate) fn prepared(
        self: &Arc<Self>,
        py: Python<'_>,
        key: Option<&Part>,
        value: Object,
        tag: Tag,
        mut details: Details,
    ) -> PyResult<(Object, Details)> {
        let weigher = self.weigher.as_ref().zip(key);
        if let Some((Weigher::Function(function), key)) = weigher
            && !details.is_error
        {
            details.weight = self.asked(py, function, &Key { part: key.clone(), tag }, &value)?;
        }
        let kept = if details.is_error { value } else { self.kept(py, value)? };
        if let Some((Weigher::Bytes, key)) = weigher {
            details.weight = entry_bytes(py, key, &kept, details.tags.len())?.min(HEAVIEST);
        }
        Ok((kept, details))
    }

    /// The weight that a function says an entry has.
    fn asked(self: &Arc<Self>, py: Python<'_>, function: &Object, key: &Key, value: &Object) -> PyResult<u64> {
        let weight = function.bind(py).ask((self.face(py, key)?.bind(py), value.bind(py)))?;
        match weight.extract::<u64>() {
            Ok(number) if number <= HEAVIEST => Ok(number),
            _ => Err(invalid(py, "weigher", &weight, "return a whole number from 0 to 2**40")),
        }
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

    /// What is loaded for a key from now on is refused, unless the load begins after this.
    pub(crate) fn overtake(&self, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<()> {
        probe.settle(py, |probe| self.store.flights().overtake(probe.tag().hash(), probe))
    }

    /// Takes an entry out; what it held, if it was there and fresh.
    pub(crate) fn remove(
        self: &Arc<Self>,
        py: Python<'_>,
        probe: &mut Probe<'_>,
        cause: Cause,
    ) -> PyResult<Option<Object>> {
        self.catch_up(py);
        let behind = self.behind_if_on();
        let there = behind.map(|behind| behind.peek(py, self, probe)).transpose()?.flatten();
        self.invalidate_behind(py, probe)?;
        let left = probe.settle(py, |probe| self.store.remove(probe.tag().hash(), probe, cause))?;
        let fresh = left.iter().find(|removed| removed.fresh).map(|removed| removed.value.clone());
        self.finish(py, left);
        Ok(fresh.or(there))
    }

    /// As [`Inner::remove`], for who wants what it held, and to be the only one who has it.
    pub(crate) fn take(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<Option<Object>> {
        let Some(behind) = self.behind_if_on() else { return self.remove(py, probe, Cause::Invalidated) };
        let there = behind.take(py, self, probe)?;
        // After this memory has nothing that somebody else has taken.
        self.catch_up(py);
        let left = probe.settle(py, |probe| self.store.remove(probe.tag().hash(), probe, Cause::Invalidated))?;
        let fresh = left.iter().find(|removed| removed.fresh).map(|removed| removed.value.clone());
        self.finish(py, left);
        Ok(there.or(fresh))
    }

    /// Makes an entry stale, or takes it out if it has no grace; whether it was there and fresh.
    pub(crate) fn expire(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<bool> {
        self.catch_up(py);
        let behind = self.behind_if_on();
        let there = behind.map(|behind| behind.peek(py, self, probe)).transpose()?.flatten().is_some();
        if let Some(behind) = &self.behind {
            behind.change_key(py, self, probe, true)?;
        }
        let (fresh, left) = probe.settle(py, |probe| self.store.expire(probe.tag().hash(), probe))?;
        self.finish(py, left);
        Ok(fresh || there)
    }

    /// Gives an entry a new life, changed from the one it was given; whether it was there and fresh.
    pub(crate) fn touch(
        self: &Arc<Self>,
        py: Python<'_>,
        probe: &mut Probe<'_>,
        changed: &dyn Fn(Lifespan) -> PyResult<Lifespan>,
    ) -> PyResult<bool> {
        if let Some(behind) = self.behind_if_on() {
            return behind.touch(py, self, probe, changed);
        }
        let Some((_, info)) = self.inspect(py, probe)? else { return Ok(false) };
        let lifespan = Some(changed(info.lifespan)?);
        probe.settle(py, |probe| self.memory().touch(probe.tag().hash(), probe, lifespan))
    }

    /// Removes everything, behind the memory too.
    pub(crate) fn clear(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        if let Some(behind) = &self.behind {
            behind.change_all(py, self, None)?;
        }
        self.finish(py, self.store.clear());
        Ok(())
    }

    /// Removes everything of one owner, behind the memory too.
    pub(crate) fn clear_owner(self: &Arc<Self>, py: Python<'_>, owner: Owner) -> PyResult<()> {
        if let Some(behind) = &self.behind {
            behind.change_all(py, self, Some(owner))?;
        }
        self.finish(py, self.store.clear_owner(owner));
        Ok(())
    }

    /// Makes what carries one of these tags unreadable, or stale if it [`Cause::Expired`], behind the memory too.
    pub(crate) fn change_tags(self: &Arc<Self>, py: Python<'_>, tags: &[Arc<str>], cause: Cause) -> PyResult<()> {
        if let Some(behind) = &self.behind {
            behind.change_tags(py, self, tags, cause == Cause::Expired)?;
        }
        self.store.invalidate_tags(tags, cause);
        Ok(())
    }

    /// Stores in the tier what a load returned; whether it may be kept in memory.
    pub(crate) fn fill_behind(
        self: &Arc<Self>,
        py: Python<'_>,
        ticket: &Ticket,
        value: &Object,
        details: &mut Details,
        probe: &mut Probe<'_>,
    ) -> PyResult<bool> {
        let Some(behind) = self.behind_if_on() else { return Ok(true) };
        Ok(behind.fill(py, self, probe, ticket, value, details)? == Filled::There)
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

    /// Drops what left, after telling the listener.
    #[inline]
    pub(crate) fn finish(self: &Arc<Self>, py: Python<'_>, left: Removals<Key, Object>) {
        if !left.is_empty() {
            self.see_off(py, left);
        }
    }

    fn see_off(self: &Arc<Self>, py: Python<'_>, left: Removals<Key, Object>) {
        if !self.has_evicted.load(Ordering::Relaxed) && left.iter().any(|removed| removed.cause == Cause::Evicted) {
            self.has_evicted.store(true, Ordering::Relaxed);
            self.log_first_eviction(py);
        }
        let Some(listener) = &self.listener else { return };
        for removed in left.into_iter().filter(|removed| !removed.is_error) {
            let told = self.face(py, &removed.key).and_then(|key| {
                let cause = PyString::intern(py, removed.cause.name());
                let value = self.served(py, removed.value)?;
                listener.bind(py).ask((key.bind(py), value.bind(py), cause))
            });
            if let Err(error) = told {
                interrupt::report(py, error, Some(&listener.bind(py)));
            }
        }
    }

    fn log_first_eviction(&self, py: Python<'_>) {
        let (entries, weight) = (self.memory().max_entries(), self.memory().max_weight());
        let unit = if self.weighs_bytes() { intern!(py, "max_bytes") } else { intern!(py, "maxweight") };
        let logged = hooks::LOG_FIRST_EVICTION.ask(py, (self.name.bind(py), entries, weight, unit));
        if let Err(error) = logged
            && !is_finalizing()
        {
            interrupt::report(py, error, None);
        }
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
            key.part.objects().try_for_each(&visit)?;
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

impl Holder for Inner {
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
