//! Loads that are made on the thread that asks for them, from the beginning to the end; and the end of any load that raised.

use std::sync::Arc;

use hotset::clock;
use hotset::expiry::Lifespan;
use hotset::memory::Details;
use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;

use crate::errors::raised_again;
use crate::ffi::foreign::Foreign;
use crate::ffi::guard::is_finalizing;
use crate::ffi::object::Object;
use crate::flight::fate::Decider;
use crate::flight::lead::{KnownTags, Lead, LoadStart, Recheck, follow, handled, own_error};
use crate::hooks;
use crate::key::Key;
use crate::key::part::Part;
use crate::key::probe::Probe;
use crate::promise::{Came, Leader, LoadResult};
use crate::state::CacheState;

/// What a value is loaded for: a key, and what becomes of its value or of an error.
pub(crate) trait Load: Decider {
    fn cache(&self) -> &Arc<CacheState>;

    fn probe(&self) -> Probe<'_>;

    /// What the key stores.
    fn stored(&self, py: Python<'_>) -> PyResult<Part>;

    /// The tags that the result will carry, as far as that is known.
    fn known_tags(&self, py: Python<'_>) -> PyResult<KnownTags>;

    /// The `hotset._loading.policy.LoadPolicy` that says which errors are kept; `None` if nothing is to be noted of any.
    fn load_policy(&self) -> Option<&Object>;
}

/// Loads a value on this thread and stores it, or waits for somebody who does, for as long as that takes.
pub(crate) fn load_here(
    py: Python<'_>,
    load: &impl Load,
    run: impl Fn() -> PyResult<Object>,
    look: Recheck,
) -> PyResult<Object> {
    let (cache, mut came) = (load.cache(), Came::After);
    // What else there is to a load is Python's, whose modules lose their names while the interpreter ends.
    if (load.load_policy().is_some() || cache.aliasing.is_some()) && is_finalizing() {
        return run();
    }
    loop {
        let stored = load.stored(py)?;
        let mut probe = load.probe();
        let key = Key { part: stored.clone(), tag: probe.tag() };
        match cache.begin(py, key, &mut probe, Leader::thread(), &load.known_tags(py)?, look)? {
            LoadStart::Found(value) => return Ok(value),
            LoadStart::Lead(lead) => {
                return match lead.run(&run) {
                    Ok(result) => land(py, load, lead, &stored, &result),
                    Err(error) => {
                        fail(py, load, lead, &error)?;
                        Err(error)
                    }
                };
            }
            LoadStart::Join(promise) => match follow(py, cache, &promise, probe.tag().hash(), came)? {
                LoadResult::Value(value) => return cache.served(py, value),
                LoadResult::Error(error, traceback) => return Err(raised_again(py, &error, &traceback)),
                LoadResult::NotShareable => return run(),
                // Any other load begins after this caller asked.
                LoadResult::Retry => came = Came::Before,
            },
        }
    }
}

/// Ends a load of [`load_here`] that returned. Not a part of that, whose frame is to be small: calls may be deep.
#[inline(never)]
fn land(py: Python<'_>, load: &impl Load, lead: Lead<'_>, stored: &Part, result: &Object) -> PyResult<Object> {
    lead.land(py, result, load, Some(stored), &mut load.probe())
}

/// Ends a load of [`load_here`] that raised.
#[inline(never)]
fn fail(py: Python<'_>, load: &impl Load, lead: Lead<'_>, error: &PyErr) -> PyResult<()> {
    let own = own_error(py, error, handled().as_ref());
    if load.load_policy().is_some() {
        end_raised(py, load, lead, &own).map(drop)
    } else {
        lead.fail(py, &own);
        Ok(())
    }
}

/// Ends a load that raised; whether the error is kept, to be raised for a while. Else the load is not repeated at once, where there is a
/// stale value.
pub(super) fn end_raised(py: Python<'_>, load: &impl Load, lead: Lead<'_>, own: &PyErr) -> PyResult<bool> {
    let outcome = LoadResult::of_error(py, own);
    let is_error = own.is_instance_of::<PyException>(py);
    match if is_error { kept(py, load, own) } else { Ok(None) } {
        Ok(Some((kept, details))) => {
            lead.keep(py, &kept, details, outcome, &load.stored(py)?, &mut load.probe())?;
            Ok(true)
        }
        // Whatever was raised meanwhile, those who wait are not to wait for ever.
        noted => {
            lead.fail_as(py, outcome);
            noted.map(|_| false)
        }
    }
}

/// What is stored of an error, if it is to be kept.
fn kept(py: Python<'_>, load: &impl Load, error: &PyErr) -> PyResult<Option<(Object, Details)>> {
    let Some(policy) = load.load_policy() else { return Ok(None) };
    let (policy, value) = (policy.bind(py), error.value(py));
    let seconds: f64 = policy.getattr(intern!(py, "error_ttl"))?.extract()?;
    let ttl = clock::ticks(std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default());
    if policy.ask_method(intern!(py, "keeps"), (value,))?.ask_truth()? {
        let details = Details {
            lifespan: Lifespan { ttl, ..Lifespan::FOREVER },
            tags: load.known_tags(py)?.unwrap_or_default(),
            is_error: true,
            ..Details::default()
        };
        return Ok(Some((Object::from(hooks::KEPT_ERROR.ask(py, (value,))?), details)));
    }
    let hash = load.probe().tag().hash();
    load.probe().settle(py, |probe| load.cache().memory().back_off(hash, probe, ttl))?;
    Ok(None)
}
