//! What lies behind the memory of a cache, as the cache sees it: the seam that tiers are behind.

use std::sync::Arc;
use std::time::Duration;

use hotset::clock::{NEVER, Tick};
use hotset::expiry::Lifespan;
use hotset::flight::Ticket;
use hotset::memory::{Condition, Details, EntryInfo, Freshness, Owner};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::object::Object;
use crate::key::lookup_key::LookupKey;
use crate::key::probe::{Probe, Rule};
use crate::state::CacheState;
use crate::stats::TierStats;

/// A function that keeps its results behind the memory.
pub(crate) struct Named {
    /// Its name there.
    pub(crate) name: String,
    pub(crate) rule: Rule,
    /// Whether its keys have one part, which is stored as it is.
    pub(crate) single: bool,
    /// What the parts of its keys are called.
    pub(crate) parts: Vec<String>,
    /// How long a result lives if that depends on nothing.
    pub(crate) lifespan: Lifespan,
}

/// What was behind the memory for a key.
pub(crate) struct Pulled {
    pub(crate) value: Object,
    pub(crate) details: Details,
    pub(crate) freshness: Freshness,
}

impl Pulled {
    /// What would be known of it if memory had kept it, unless it is over by now.
    pub(crate) fn info(&self, now: Tick) -> Option<EntryInfo> {
        let deadlines = self.details.deadlines?;
        let info = EntryInfo {
            freshness: self.freshness,
            deadlines,
            lifespan: self.details.lifespan,
            refresh_at: NEVER,
            idle_until: NEVER,
            retry_at: 0,
            failures: self.details.failures,
            tags: self.details.tags.to_vec(),
            invalidated_by: None,
            now,
        };
        (now < deadlines.gone_at).then_some(info)
    }

    /// When it was loaded or set.
    pub(crate) fn created(&self) -> Tick {
        self.details.deadlines.map_or(0, |deadlines| deadlines.created)
    }
}

/// Where a value was stored that a load returned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filled {
    /// Behind the memory, or it could not be for a reason that does not concern memory.
    There,
    /// It was overtaken, and must be kept nowhere.
    Overtaken,
}

/// Keys, and what the next page comes after, if there is one.
pub(crate) type Keys<'py> = (Vec<Bound<'py, PyString>>, Option<Bound<'py, PyBytes>>);

/// Places where values are kept behind memory.
pub(crate) trait Behind:
    ReadBehind + StoreBehind + ChangeBehind + LeaseBehind + ListBehind + Send + Sync + 'static
{
    /// The owner that has the keys of such a function already: one that this replaces, of which something may still be in use.
    fn owner_of(&self, named: &Named) -> Option<Owner>;

    /// A function keeps its results under this name, as bytes as this object makes them, if not as those of the cache.
    fn add_function(&self, owner: Owner, named: Named, codec: Option<&Bound<'_, PyAny>>) -> PyResult<()>;

    /// What a part of an owner's keys is called.
    fn part_name(&self, owner: Owner, part: usize) -> String;

    /// Whether memory has heard of all changes elsewhere.
    fn is_current(&self) -> bool;

    /// Has memory hear of changes elsewhere.
    fn hear(&self, py: Python<'_>, state: &Arc<CacheState>);

    /// What happened at the tier, and what it holds.
    fn stats(&self, py: Python<'_>) -> TierStats;

    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;
}

/// Reading what is there.
pub(crate) trait ReadBehind {
    /// Brings what the tier has for a key into memory; what it had.
    fn pull(&self, py: Python<'_>, state: &Arc<CacheState>, probe: &mut Probe<'_>) -> PyResult<Option<Pulled>>;

    /// As [`ReadBehind::pull`], for several keys in one read of the tier.
    fn pull_many(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        probes: &mut [Probe<'_>],
    ) -> PyResult<Vec<Option<Pulled>>>;

    /// The fresh value that the tier has for a key, which is not brought into memory.
    fn peek(&self, py: Python<'_>, state: &Arc<CacheState>, probe: &Probe<'_>) -> PyResult<Option<Object>>;
}

/// Storing what callers give and loads return.
pub(crate) trait StoreBehind {
    /// Notes when a load begins, by the clock of the tier.
    fn begin(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        probe: &Probe<'_>,
        ticket: &Ticket,
        tells: bool,
    ) -> PyResult<()>;

    /// Stores in the tier what a load returned; `details` are those for memory.
    fn fill(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        probe: &mut Probe<'_>,
        ticket: &Ticket,
        value: &Object,
        details: &mut Details,
    ) -> PyResult<Filled>;

    /// Stores in the tier what a caller gave, if the condition holds; whether it did.
    fn set(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        probe: &mut Probe<'_>,
        value: &Object,
        details: &mut Details,
        condition: &Condition<'_, Object>,
    ) -> PyResult<bool>;

    /// Stores in the tier what a caller gave, in one write; what memory is to store with each.
    fn set_many(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        entries: &[(&LookupKey, Object)],
        details: &Details,
    ) -> PyResult<Vec<Details>>;

    /// Takes out what is there: of all who do so at once, in whatever process, one has it.
    fn take(&self, py: Python<'_>, state: &Arc<CacheState>, probe: &Probe<'_>) -> PyResult<Option<Object>>;

    /// Gives an entry a new life, changed from the one it was given; whether it was there and fresh.
    fn touch(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        probe: &mut Probe<'_>,
        changed: &dyn Fn(Lifespan) -> PyResult<Lifespan>,
    ) -> PyResult<bool>;

    /// Whether two values are the same outside the process.
    fn is_same(&self, py: Python<'_>, one: &Object, other: &Object) -> bool;
}

/// Invalidating, for everybody.
pub(crate) trait ChangeBehind {
    /// What is stored under a key is invalid, or stale, from now on.
    fn change_key(&self, py: Python<'_>, state: &Arc<CacheState>, probe: &Probe<'_>, stale: bool) -> PyResult<()>;

    /// What carries one of these tags is invalid, or stale, from now on.
    fn change_tags(&self, py: Python<'_>, state: &CacheState, tags: &[Arc<str>], stale: bool) -> PyResult<()>;

    /// Everything of an owner is invalid from now on; of the cache itself, everything.
    fn change_all(&self, py: Python<'_>, state: &CacheState, owner: Option<Owner>) -> PyResult<()>;
}

/// The right to load, across processes.
pub(crate) trait LeaseBehind {
    /// The right to load a key for so long: a number to give it back with, or for how long somebody else may have it. Where the tier
    /// cannot say, everybody has it.
    fn lease(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        probe: &Probe<'_>,
        length: Duration,
    ) -> PyResult<Result<u64, Duration>>;

    /// Gives that right back.
    fn release(&self, py: Python<'_>, state: &Arc<CacheState>, probe: &Probe<'_>, holder: u64);
}

/// The keys that are there.
pub(crate) trait ListBehind {
    /// The next keys of the mapping that are texts and begin so.
    fn page<'py>(&self, py: Python<'py>, prefix: &str, after: Option<&[u8]>) -> PyResult<Keys<'py>>;
}
