//! What a decorated function knows.

use std::ffi::{c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hotset::clock::Tick;
use hotset::expiry::{Early, Lifespan};
use hotset::memory::Owner;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::cache::CacheVerbs;
use crate::duration::ticks;
use crate::ffi::call_args::{Call, pack};
use crate::ffi::foreign::Foreign;
use crate::ffi::guard::is_finalizing;
use crate::ffi::object::Object;
use crate::function::prepared_key::PreparedKey;
use crate::function::signature::{FEW, Mismatch, Signature};
use crate::interrupt;
use crate::key::ownership::Ownership;
use crate::key::probe::Rule;
use crate::lifespan;
use crate::state::CacheState;
use crate::state::behind::Named;

/// The state of a decorated function. What a hit needs comes first.
#[repr(C)]
pub(crate) struct Decorated {
    state: Arc<CacheState>,
    ownership: Arc<Ownership>,
    pub(crate) salt: u64,
    pub(crate) owner: Owner,
    pub(crate) rule: Rule,
    /// Whether keys have one part, which is stored as it is.
    pub(crate) single: bool,
    /// Whether the first argument is an object whose method this is.
    first_by_identity: AtomicBool,
    /// Whether the usual way of calling may take the shortest path.
    pub(crate) quick: bool,
    /// Whether results are stored without asking anybody.
    pub(crate) fills_quickly: bool,
    /// How long a result lives if that depends on nothing.
    pub(crate) lifespan: Lifespan,
    pub(crate) signature: Signature,
    pub(crate) function: Object,
    /// What has the code and the defaults: the function itself, or the one beneath a partial.
    pub(crate) innermost: Object,
    pub(crate) cache: Object,
    pub(crate) options: Options,
    pub(crate) is_coroutine: bool,
    /// Whether the first argument has to be a class.
    pub(crate) expects_class: bool,
    warned: AtomicBool,
}

/// What happens to results.
pub(crate) struct Options {
    /// Called with the result; gives how long it is fresh.
    pub(crate) ttl: Option<Object>,
    /// How long results are fresh that say that there is nothing.
    pub(crate) negative: Option<Negative>,
    /// Called with the arguments and the result; gives names.
    pub(crate) tags: Option<Object>,
    /// Whether only the result tells which tags it carries.
    pub(crate) tags_need_result: bool,
    /// Called with the result and the seconds that it took; whether to store.
    pub(crate) should_cache: Option<Object>,
    /// Called with the arguments; gives the key.
    pub(crate) key: Option<Object>,
    /// What loads are to do, for `hotset._loading.policy`.
    pub(crate) load_policy: Object,
    /// Whether they are made where they are asked for, and waited for as long as they take.
    pub(crate) loads_here: bool,
    /// Whether errors may be kept.
    pub(crate) keeps_errors: bool,
}

/// Results that say that there is nothing.
pub(crate) struct Negative {
    pub(crate) ttl: Tick,
    /// Called with the result; by default None says so.
    pub(crate) is_negative: Option<Object>,
}

impl Decorated {
    pub(crate) fn from_spec(
        function: &Bound<'_, PyAny>,
        cache: &Bound<'_, CacheVerbs>,
        spec: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let state = cache.get().state.clone();
        let signature = Signature::from_spec(spec)?;
        let options = Options::from_spec(spec)?;
        let lifespan = lifespan_from_spec(spec, &state)?;
        state.memory().add_usual(lifespan);
        let typed: bool = spec.getattr("typed")?.extract()?;
        let rule = if typed { Rule::Typed } else { Rule::Loose };
        let has_key = options.key.is_some();
        let single = has_key || signature.single;
        let name = Object::from(spec.getattr("name")?);
        let ownership = match &state.behind {
            None => state.add_owner(name, rule, spec.getattr("shares_cache")?.extract()?),
            Some(behind) => {
                let parts =
                    if has_key { vec!["key=".to_owned()] } else { signature.part_names(function.py()).collect() };
                let codec = Some(spec.getattr("codec")?).filter(|codec| !codec.is_none());
                let named = Named { name: spec.getattr("outside")?.extract()?, rule, single, parts, lifespan };
                let known = behind.owner_of(&named).map(|owner| Ownership::new(&state, owner, false));
                let ownership = known.unwrap_or_else(|| state.add_owner(name, rule, false));
                behind.add_function(ownership.owner(), named, codec.as_ref())?;
                ownership
            }
        };
        let owner = ownership.owner();
        Ok(Self {
            salt: state.memory().seed().mix(u64::from(owner), 0x5EED),
            owner,
            ownership,
            rule,
            single,
            first_by_identity: AtomicBool::new(spec.getattr("is_method")?.extract()?),
            quick: rule == Rule::Typed && !has_key && signature.count() <= FEW && !state.serves(),
            fills_quickly: options.asks_nobody()
                && !state.has_tier()
                && state.aliasing.is_none()
                && lifespan.early == Early::NONE
                && state.weigher.is_none()
                && state.listener.is_none(),
            lifespan,
            signature,
            function: Object::from(function.clone()),
            innermost: Object::from(spec.getattr("innermost")?),
            cache: Object::from(cache.clone().into_any()),
            options,
            expects_class: spec.getattr("expects_class")?.extract()?,
            is_coroutine: spec.getattr("is_coroutine")?.extract()?,
            warned: AtomicBool::new(false),
            state,
        })
    }

    #[inline(always)]
    pub(crate) fn state(&self) -> &Arc<CacheState> {
        &self.state
    }

    pub(crate) fn arc(&self) -> &Arc<CacheState> {
        &self.state
    }

    #[inline(always)]
    pub(crate) fn first_by_identity(&self) -> bool {
        self.first_by_identity.load(Ordering::Relaxed)
    }

    /// Whether the key of a usual call is its only argument.
    pub(crate) fn takes_one(&self) -> bool {
        self.quick && self.single && self.signature.takes_one_by_position()
    }

    /// The function turns out to be a method.
    pub(crate) fn become_method(&self) {
        if self.options.key.is_none() && self.signature.keeps_first() {
            self.first_by_identity.store(true, Ordering::Relaxed);
        }
    }

    /// Whether this is the first time that there is something to warn of.
    pub(crate) fn warn_once(&self) -> bool {
        !self.warned.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn name(&self, py: Python<'_>) -> String {
        self.state.owner(self.owner).0.bind(py).to_string()
    }

    pub(crate) fn part_name(&self, py: Python<'_>, part: usize) -> String {
        if self.options.key.is_some() { "key=".to_owned() } else { self.signature.part_name(py, part) }
    }

    /// The key of a call; a mismatch if the arguments do not fit.
    pub(crate) fn prepare<'a>(&'a self, py: Python<'_>, call: Call<'a>) -> PyResult<Result<PreparedKey<'a>, Mismatch>> {
        let parts = match self.signature.bind(py, call) {
            Ok(parts) => parts,
            Err(mismatch) => return Ok(Err(mismatch)),
        };
        let Some(key) = &self.options.key else { return PreparedKey::new(py, self, parts).map(Ok) };
        let (args, kwargs) = pack(py, call)?;
        let key = Object::from(key.bind(py).ask_with(&args, kwargs.as_ref())?);
        PreparedKey::of_made(py, self, key).map(Ok)
    }

    /// How long a result lives.
    pub(crate) fn lifespan_of(&self, py: Python<'_>, result: &Bound<'_, PyAny>) -> PyResult<Lifespan> {
        if let Some(negative) = &self.options.negative
            && negative.says(py, result)?
        {
            // Nothing is not to be served for longer than a value would be that has come meanwhile.
            let grace = self.lifespan.grace.min(negative.ttl);
            return Ok(Lifespan { ttl: negative.ttl, grace, ..self.lifespan });
        }
        let Some(decide) = &self.options.ttl else { return Ok(self.lifespan) };
        Ok(Lifespan {
            ttl: self.state.computed_ttl("the result of ttl()", &decide.bind(py).ask((result,))?)?,
            ..self.lifespan
        })
    }

    /// Shows every object it refers to to a garbage collection.
    ///
    /// # Safety
    /// The arguments are those that CPython gave to `tp_traverse`.
    pub(crate) unsafe fn traverse(&self, visit: ffi::visitproc, argument: *mut c_void) -> c_int {
        let referred = [&self.function, &self.innermost, &self.cache, &self.options.load_policy].into_iter();
        for object in referred.chain(self.signature.defaults()).chain(self.options.callables()) {
            // SAFETY: by the caller's promise.
            let result = unsafe { visit(object.as_ptr(), argument) };
            if result != 0 {
                return result;
            }
        }
        if !self.ownership.may_leave() {
            return 0;
        }
        let shown = self.state.visit_owner(self.owner, |object| {
            // SAFETY: by the caller's promise.
            match unsafe { visit(object, argument) } {
                0 => Ok(()),
                stopped => Err(stopped),
            }
        });
        shown.err().unwrap_or(0)
    }

    /// Forgets the results that nobody can ask for any more, since the function dies and others go on using its cache.
    pub(crate) fn die(&self, py: Python<'_>) {
        if self.ownership.may_leave()
            && !is_finalizing()
            && let Err(error) = self.state.clear_owner(py, self.owner)
        {
            interrupt::report(py, error, None);
        }
    }

    /// As [`Decorated::die`], where what results are made of may be half gone: nobody is told.
    pub(crate) fn abandon(&self) {
        if self.ownership.may_leave() {
            self.state.abandon_owner(self.owner);
        }
    }
}

impl Negative {
    fn says(&self, py: Python<'_>, result: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.is_negative.as_ref().map_or_else(|| Ok(result.is_none()), |says| says.bind(py).ask((result,))?.ask_truth())
    }
}

/// How long results live, as the spec has it, or else the cache.
fn lifespan_from_spec(spec: &Bound<'_, PyAny>, cache: &CacheState) -> PyResult<Lifespan> {
    let mut lifespan = cache.lifespan;
    for (name, value) in spec.getattr("lifespan")?.cast::<PyDict>()? {
        let name = name.cast::<PyString>()?.to_str()?.to_owned();
        if name == "ttl" && value.is_callable() {
            continue;
        }
        if !lifespan::change(&mut lifespan, &name, &value, |name, value| cache.ttl(name, value))? {
            return Err(PyTypeError::new_err(format!("a function has no option {name}")));
        }
    }
    Ok(lifespan)
}

impl Options {
    fn from_spec(spec: &Bound<'_, PyAny>) -> PyResult<Self> {
        let callable = |name: &str| spec.getattr(name).map(|value| (!value.is_none()).then(|| Object::from(value)));
        let negative_ttl = spec.getattr("negative_ttl")?;
        let negative = if negative_ttl.is_none() {
            None
        } else {
            Some(Negative { ttl: ticks("negative_ttl", &negative_ttl)?, is_negative: callable("is_negative")? })
        };
        let load_policy = spec.getattr("load_policy")?;
        Ok(Self {
            ttl: spec
                .getattr("lifespan")?
                .cast::<PyDict>()?
                .get_item("ttl")?
                .filter(|ttl| ttl.is_callable())
                .map(Object::from),
            negative,
            loads_here: load_policy.getattr("is_patient")?.extract()?,
            keeps_errors: load_policy.getattr("cache_errors")?.ask_truth()?,
            load_policy: Object::from(load_policy),
            tags: callable("tags")?,
            tags_need_result: spec.getattr("tags_need_result")?.extract()?,
            should_cache: callable("should_cache")?,
            key: callable("key")?,
        })
    }

    fn asks_nobody(&self) -> bool {
        self.loads_here && !self.keeps_errors && self.callables().next().is_none() && self.negative.is_none()
    }

    fn callables(&self) -> impl Iterator<Item = &Object> {
        let is_negative = self.negative.iter().filter_map(|negative| negative.is_negative.as_ref());
        self.ttl.iter().chain(&self.tags).chain(&self.should_cache).chain(&self.key).chain(is_negative)
    }
}
