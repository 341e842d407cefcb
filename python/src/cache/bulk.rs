//! Verbs on many keys of a cache with a tier, which is asked once for all of them.

use std::sync::Arc;

use hotset::memory::Details;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::cache::CacheVerbs;
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::flight::attempt::Attempt;
use crate::flight::load::Load;
use crate::key::lookup_key::LookupKey;
use crate::key::probe::Probe;
use crate::state::CacheState;

impl CacheVerbs {
    /// What is there of keys, in their order.
    pub(super) fn find_many<'py>(&self, keys: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyDict>> {
        let py = keys.py();
        let found = PyDict::new(py);
        let mut missing: Vec<(usize, LookupKey)> = Vec::new();
        let mut values: Vec<Option<Object>> = Vec::with_capacity(keys.len());
        self.state.catch_up(py);
        for (place, key) in keys.iter().enumerate() {
            let lookup_key = self.lookup_key(py, Live::bound(&key))?;
            let value = self.state.look_here(py, &mut lookup_key.probe())?;
            if value.is_none() {
                missing.push((place, lookup_key));
            }
            values.push(value);
        }
        let mut probes: Vec<Probe<'_>> = missing.iter().map(|(_, lookup_key)| lookup_key.probe()).collect();
        for (&(place, _), value) in missing.iter().zip(self.state.pull_many(py, &mut probes)?) {
            values[place] = value;
        }
        for (key, value) in keys.iter().zip(values) {
            if let Some(value) = value {
                found.set_item(key, value.into_bound(py))?;
            }
        }
        Ok(found)
    }

    /// Stores pairs, in one write of the tier.
    pub(super) fn store_many(&self, pairs: &[(Bound<'_, PyAny>, Bound<'_, PyAny>)], details: &Details) -> PyResult<()> {
        let Some((first, _)) = pairs.first() else { return Ok(()) };
        let lookup_key: Vec<LookupKey> =
            pairs.iter().map(|(key, _)| self.lookup_key(key.py(), Live::bound(key))).collect::<PyResult<_>>()?;
        let entries =
            lookup_key.iter().zip(pairs).map(|(lookup_key, (_, value))| (lookup_key, Object::of(value))).collect();
        self.state.write_many(first.py(), entries, details)
    }
}

/// Brings into memory what the tier has for the keys of these attempts, in one read.
#[pyfunction]
pub(crate) fn prefetch(py: Python<'_>, attempts: Vec<Bound<'_, Attempt>>) -> PyResult<()> {
    let Some(cache) = attempts.first().map(|attempt| attempt.get().cache().clone()) else { return Ok(()) };
    let absent = |attempt: &&Bound<'_, Attempt>| is_absent(py, &cache, attempt.get());
    let missing: Vec<&Bound<'_, Attempt>> = attempts.iter().filter(absent).collect();
    if !cache.has_tier() || missing.is_empty() {
        return Ok(());
    }
    let mut probes: Vec<Probe<'_>> = missing.iter().map(|attempt| attempt.get().probe()).collect();
    let brought = cache.bring_many(py, &mut probes)?;
    missing.iter().zip(brought).for_each(|(attempt, pulled)| attempt.get().was_brought(pulled));
    Ok(())
}

fn is_absent(py: Python<'_>, cache: &Arc<CacheState>, attempt: &Attempt) -> bool {
    !cache.holds_here(py, &mut attempt.probe()).unwrap_or(true)
}
