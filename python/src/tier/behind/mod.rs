//! The way from a cache to what lies behind its memory, and back.

mod changing;
mod copied;
mod leasing;
mod listing;
mod reading;
mod storing;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hotset::clock::{Clock, NEVER, Tick};
use hotset::codec::{Compression, Format, Protection, Secrets};
use hotset::expiry::{Jitter, Lifespan};
use hotset::memory::Owner;
use hotset::stack::{Back, BreakerOptions, Front, What};
use hotset::sync::Mutex;
use hotset::tier::plain::Plain;
use hotset::tier::{Fault, Mark, Wait};
use pyo3::exceptions::PyRecursionError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::{PyTraverseError, PyVisit};
use smallvec::SmallVec;

use crate::breaker::BreakerVerbs;
use crate::errors::raised;
use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::guard::is_finalizing;
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::hooks;
use crate::interrupt;
use crate::key::MAPPING;
use crate::key::freeze::{FreezeRule, Writer};
use crate::key::probe::{Probe, Rule};
use crate::state::CacheState;
use crate::state::behind::{Behind, Named};
use crate::stats::TierStats;
use crate::tier::codec::Codec;
use crate::tier::handle::TierHandle;
use crate::tier::own::{Own, take_interruption};
use crate::tier::spelling::{Prefix, Spelled, namespace_mark, tag_mark};
use crate::tier::wall::Wall;

/// For how long a tier is left alone at most that does not come back.
const MOST_OPEN: Duration = Duration::from_secs(10);

/// What a cache is told of its tier when it is made.
pub(crate) struct Settings {
    pub(crate) namespace: String,
    pub(crate) codec: Arc<Codec>,
    /// How errors do that are kept.
    pub(crate) errors: Arc<Codec>,
    /// How long memory trusts what it keeps, [`NEVER`] if the tier tells of changes.
    pub(crate) memory_ttl: Tick,
    /// How long what is loaded is good while the tier is away.
    pub(crate) outage_ttl: Tick,
    /// How long an entry may live in the tier that has no end.
    pub(crate) max_life: Tick,
    /// How long a call may wait.
    pub(crate) patience: Duration,
    pub(crate) jitter: f64,
    /// Whether values that cannot be encoded, and faults of the tier, are raised.
    pub(crate) strict: bool,
    pub(crate) raises: bool,
    /// Stands in keys of calls between positional and keyword arguments.
    pub(crate) keywords: Object,
}

/// A function that keeps its results in the tier.
#[derive(Clone)]
struct Known {
    /// How its keys begin.
    prefix: Arc<Prefix>,
    named: Arc<Named>,
    /// How its results become bytes, if not as those of the cache do.
    codec: Option<Arc<Codec>>,
}

/// A tier behind a cache.
pub(crate) struct TierBehind {
    pub(crate) back: Back,
    /// The tier, if a user has written it.
    own: Option<Arc<Plain<Own>>>,
    front: Option<Front<AttachedLock>>,
    settings: Settings,
    jitter: Jitter,
    mapping: Arc<Prefix>,
    functions: Mutex<AttachedLock, Vec<Option<Known>>>,
    wall: Wall,
    /// Whether it was said that it is full.
    is_known_full: AtomicBool,
}

impl Settings {
    /// As `hotset._tiers.settings` has them.
    fn read(settings: &Bound<'_, PyAny>, jitter: f64) -> PyResult<Self> {
        let object = |name: &str| settings.getattr(name).map(Object::from);
        let length = |name: &str| -> PyResult<Option<Duration>> {
            let seconds: Option<f64> = settings.getattr(name)?.extract()?;
            Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)))
        };
        let ticks = |name: &str| length(name).map(|length| length.map_or(NEVER, hotset::clock::ticks));
        Ok(Self {
            namespace: settings.getattr("namespace")?.extract()?,
            codec: Arc::new(Codec::new(&settings.getattr("codec")?)?),
            errors: Arc::new(Codec::new(&settings.getattr("errors")?)?),
            memory_ttl: ticks("memory_ttl")?,
            outage_ttl: ticks("outage_ttl")?,
            max_life: ticks("max_life")?,
            patience: length("patience")?.unwrap_or(Duration::from_secs(3600)),
            jitter,
            strict: settings.getattr("strict")?.extract()?,
            raises: settings.getattr("raises")?.extract()?,
            keywords: object("keywords")?,
        })
    }
}

/// How envelopes are written and read, as `hotset._tiers.settings` has it.
fn format_of(settings: &Bound<'_, PyAny>) -> PyResult<Format> {
    let compression = match settings.getattr("compression")?.extract::<Option<PyBackedStr>>()?.as_deref() {
        None => Compression::None,
        Some("lz4") => Compression::Lz4,
        Some(_) => Compression::Zstd { level: settings.getattr("level")?.extract()? },
    };
    let secrets: Vec<Vec<u8>> = settings.getattr("secrets")?.extract()?;
    let protection = if secrets.is_empty() {
        Protection::Checksum
    } else {
        let secrets = Secrets::new(&secrets).map_err(|error| raised(&error))?;
        if settings.getattr("encrypts")?.extract()? {
            Protection::Encrypted(secrets)
        } else {
            Protection::Signed(secrets)
        }
    };
    let compress_from = settings.getattr("compress_from")?.extract()?;
    Ok(Format { compression, compress_from, protection, ..Format::default() })
}

/// When the tier is left alone: as a breaker says that was given, or never if that is false. If nothing was, a call that took as long
/// as it may has failed, even if it came back with something.
fn breaker_of(settings: &Bound<'_, PyAny>, patience: Duration) -> PyResult<Option<BreakerOptions>> {
    let given = settings.getattr("breaker")?;
    if given.is_none() {
        let usual = BreakerOptions { most_open: MOST_OPEN, slow: Some(patience), ..BreakerOptions::default() };
        return Ok(Some(usual));
    }
    Ok(given.cast::<BreakerVerbs>().ok().map(|breaker| breaker.get().options()))
}

/// What could not be logged. Where a tier uses its own cache without end, that is said further up.
fn untold(py: Python<'_>, error: PyErr) {
    if !error.is_instance_of::<PyRecursionError>(py) {
        interrupt::report(py, error, None);
    }
}

impl TierBehind {
    /// What lies behind a cache, as `hotset._tiers.settings` has planned it.
    pub(crate) fn from_settings(settings: &Bound<'_, PyAny>, jitter: f64, clock: Clock) -> PyResult<Self> {
        let handle = settings.getattr("handle")?.cast_into::<TierHandle>()?;
        let (format, given) = (format_of(settings)?, settings);
        let mut settings = Settings::read(given, jitter)?;
        let breaker = breaker_of(given, settings.patience)?;
        let (tier, own) = handle.get().open(handle.py())?;
        let back = Back::new(tier, format, namespace_mark(&settings.namespace), breaker, clock.clone());
        if handle.get().is_away() {
            back.note_absence();
        }
        if !back.features().watch && settings.memory_ttl == NEVER {
            settings.memory_ttl = 0;
        }
        Ok(Self::new(back, own, settings, Wall::new(clock)))
    }

    fn new(back: Back, own: Option<Arc<Plain<Own>>>, settings: Settings, wall: Wall) -> Self {
        let front = back.tier().watch().map(|watch| {
            let front = Front::new(watch);
            front.learn(namespace_mark(&settings.namespace), What::Everything);
            front
        });
        Self {
            mapping: Arc::new(Prefix::of_mapping(&settings.namespace)),
            functions: Mutex::new(vec![None]),
            jitter: Jitter::new(settings.jitter, 0),
            back,
            own,
            front,
            settings,
            wall,
            is_known_full: AtomicBool::new(false),
        }
    }

    fn named(&self, owner: Owner) -> Option<Arc<Named>> {
        if owner == MAPPING {
            return None;
        }
        self.functions.lock().get(owner as usize)?.as_ref().map(|known| known.named.clone())
    }

    /// How the values of an owner become bytes.
    fn codec(&self, owner: Owner) -> Arc<Codec> {
        let functions = self.functions.lock();
        let own = functions.get(owner as usize).and_then(Option::as_ref).and_then(|known| known.codec.clone());
        own.unwrap_or_else(|| self.settings.codec.clone())
    }

    /// How long what an owner keeps lives that says nothing of it.
    fn usual(&self, state: &CacheState, owner: Owner) -> Lifespan {
        self.named(owner).map_or(state.lifespan, |named| named.lifespan)
    }

    fn prefix(&self, owner: Owner) -> Arc<Prefix> {
        let functions = self.functions.lock();
        let known = functions.get(owner as usize).and_then(Option::as_ref);
        known.map_or_else(|| self.mapping.clone(), |known| known.prefix.clone())
    }

    /// Calls the tier: at once where nobody has to be waited for, else without the GIL. What a user has written is Python, and lets go of
    /// it where it waits.
    fn call<T: Send>(&self, py: Python<'_>, call: impl Fn(Wait) -> Result<T, Fault> + Sync + Send) -> Result<T, Fault> {
        if !self.back.features().blocks {
            match call(Wait::Not) {
                Err(Fault::Busy) if !is_finalizing() => {}
                done => return self.noticed(py, done),
            }
        }
        let wait = Wait::Until(Instant::now() + self.settings.patience);
        let done = if self.own.is_some() { call(wait) } else { py.detach(|| call(wait)) };
        self.noticed(py, done)
    }

    #[inline]
    fn noticed<T>(&self, py: Python<'_>, done: Result<T, Fault>) -> Result<T, Fault> {
        let (accessible, storing) = self.back.take_recoveries();
        if accessible || storing {
            self.tell_of_recovery(py, accessible, storing);
        }
        done
    }

    #[cold]
    fn tell_of_recovery(&self, py: Python<'_>, accessible: bool, storing: bool) {
        let told = hooks::TIER_RECOVERED.ask(py, (&self.settings.namespace, accessible, storing));
        if let Err(error) = told {
            untold(py, error);
        }
    }

    /// Looks, after something was stored, whether others have had to leave for it: that is logged once.
    #[inline]
    fn notice_eviction(&self, py: Python<'_>, state: &CacheState) {
        if !self.is_known_full.load(Ordering::Relaxed) && self.back.tier().evicts() {
            self.tell_that_it_is_full(py, state);
        }
    }

    #[cold]
    fn tell_that_it_is_full(&self, py: Python<'_>, state: &CacheState) {
        self.is_known_full.store(true, Ordering::Relaxed);
        let max_bytes = self.stats(py).max_bytes();
        let told = hooks::EMIT.ask(py, ("TierFull", state.name.bind(py), max_bytes));
        if let Err(error) = told {
            untold(py, error);
        }
    }

    /// A key as bytes.
    pub(crate) fn spell(&self, py: Python<'_>, state: &Arc<CacheState>, probe: &Probe<'_>) -> PyResult<Spelled> {
        let owner = probe.tag().owner();
        if owner == MAPPING {
            return self.mapping.spell_key(py, probe.parts()[0]);
        }
        let prefix = self.prefix(owner);
        let way = FreezeRule { loose: probe.rule() == Rule::Loose, everywhere: true };
        prefix.spell_call(py, probe.parts(), Live::of(&self.settings.keywords), way.loose, |number, value| {
            Writer::freeze(value, state, way).map_err(|error| state.explain_part(py, owner, number, error))
        })
    }

    fn tag_marks(&self, tags: &[Arc<str>]) -> SmallVec<[Mark; 4]> {
        tags.iter().map(|tag| tag_mark(&self.settings.namespace, tag)).collect()
    }

    fn learn_tags(&self, state: &CacheState, tags: &[Arc<str>]) {
        if let Some(front) = &self.front {
            let mark = |tag: &str| tag_mark(&self.settings.namespace, tag);
            front.learn_tags(tags, mark, |tag| state.memory().carries(tag));
        }
    }

    /// Something went wrong with the tier: raised if that is wanted, else logged once until it works again.
    fn failed(&self, py: Python<'_>, state: &CacheState, what: &str, fault: &Fault) -> PyResult<()> {
        if let Some(error) = take_interruption() {
            return Err(error);
        }
        let args = (state.name.bind(py), what, fault.kind(), fault.to_string(), self.settings.raises);
        let told = hooks::TIER_FAILED.ask(py, args);
        match told {
            Err(error) if self.settings.raises => Err(error),
            Err(error) => {
                untold(py, error);
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }
}

impl Behind for TierBehind {
    fn owner_of(&self, named: &Named) -> Option<Owner> {
        let functions = self.functions.lock();
        let place = functions.iter().rposition(|known| {
            known.as_ref().is_some_and(|Known { named: known, .. }| {
                (&known.name, known.rule, known.single, &known.parts)
                    == (&named.name, named.rule, named.single, &named.parts)
            })
        })?;
        Owner::try_from(place).ok()
    }

    fn add_function(&self, owner: Owner, named: Named, codec: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let codec = codec.map(|codec| Codec::new(codec).map(Arc::new)).transpose()?;
        let prefix = Prefix::of_function(owner, &self.settings.namespace, &named.name);
        if let (Some(front), Some(&mark)) = (&self.front, prefix.marks().last()) {
            front.learn(mark, What::Owner(owner));
        }
        let mut functions = self.functions.lock();
        let length = functions.len().max(owner as usize + 1);
        functions.resize(length, None);
        functions[owner as usize] = Some(Known { prefix: Arc::new(prefix), named: Arc::new(named), codec });
        Ok(())
    }

    fn part_name(&self, owner: Owner, part: usize) -> String {
        let name = self.named(owner).and_then(|named| named.parts.get(part).cloned());
        name.unwrap_or_else(|| "*args or **kwargs".to_owned())
    }

    #[inline]
    fn is_current(&self) -> bool {
        match (&self.front, self.back.tier().watch()) {
            (Some(front), Some(watch)) => front.is_current(watch.word()),
            _ => true,
        }
    }

    #[cold]
    fn hear(&self, py: Python<'_>, state: &Arc<CacheState>) {
        if let (Some(front), Some(watch)) = (&self.front, self.back.tier().watch()) {
            state.finish(py, front.hear(watch, &state.store));
        }
    }

    fn stats(&self, py: Python<'_>) -> TierStats {
        let held = self.call(py, |wait| self.back.stats(wait)).unwrap_or_default();
        TierStats::new(&self.back.counts(), &held)
    }

    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.own.iter().try_for_each(|own| own.shelf().visit(visit))?;
        self.settings.codec.visit(visit)?;
        self.settings.errors.visit(visit)?;
        self.functions
            .lock()
            .iter()
            .flatten()
            .filter_map(|known| known.codec.as_ref())
            .try_for_each(|codec| codec.visit(visit))?;
        self.settings.keywords.visit(visit)
    }
}
