//! Keys as they are given to a cache, and what is stored under one: quickly where the key is of a usual type and nobody has to
//! be asked, and in general.

use hotset::hash;
use hotset::memory::{Condition, Details};
use hotset::stats::Cause;
use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use smallvec::SmallVec;

use crate::cache::CacheVerbs;
use crate::ffi::foreign::Foreign;
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::key::call_key::as_call_key;
use crate::key::exact::quick_hash;
use crate::key::judged::unmasked;
use crate::key::lookup_key::LookupKey;
use crate::key::part::{Part, Word};
use crate::key::probe::{QuickProbeOfOne, Rule};
use crate::key::{Key, MAPPING, Tag};
use crate::missing::is_missing;
use crate::state::writing::NewEntry;

/// What a quick look at memory came to.
pub(super) enum Glance {
    Found(Object),
    Missing,
    /// Memory does not have it, which is counted; the tier may.
    Behind,
    /// [`CacheVerbs::find_slowly`] has to look.
    Unsuited,
}

impl CacheVerbs {
    #[inline]
    pub(super) fn lookup_key(&self, py: Python<'_>, key: Live<'_>) -> PyResult<LookupKey> {
        if let Some(call) = as_call_key(py, key)
            && call.is_of(&self.state)
        {
            let (tag, rule, single) = (call.tag(), call.rule(), call.is_single());
            return Ok(LookupKey { tag, rule, single, parts: call.objects() });
        }
        refuse_pretender(py, key)?;
        let tag = self.tag_of(python_hash(py, key)?);
        let parts = SmallVec::from_buf([key.to_object()]);
        Ok(LookupKey { tag, rule: Rule::Mapping, single: true, parts })
    }

    /// What is stored under a key of the most usual types.
    #[inline(always)]
    pub(super) fn find_quickly(&self, key: Live<'_>) -> Glance {
        let Some((tag, word)) = self.quick_tag(key) else { return Glance::Unsuited };
        let mut probe = QuickProbeOfOne { tag, rule: Rule::Mapping, word };
        let Ok(read) = self.state.memory().read_without_refresh(tag.hash(), MAPPING, &mut probe, Object::clone) else {
            return Glance::Unsuited;
        };
        if read.due {
            self.state.run_pending_attached(tag.hash());
        }
        match read.found {
            Some(value) => Glance::Found(value),
            None if self.state.has_tier() => Glance::Behind,
            None => Glance::Missing,
        }
    }

    /// Tag and word of a key of the most usual types, while the cache is on.
    #[inline(always)]
    fn quick_tag<'a>(&self, key: Live<'a>) -> Option<(Tag, Word<'a>)> {
        let (hash, word) = quick_hash(key)?;
        (self.state.answers_quickly() && !self.state.serves()).then(|| (self.tag_of(hash), word))
    }

    #[inline(always)]
    fn tag_of(&self, hash: u64) -> Tag {
        Tag::new(MAPPING, hash::shorten(self.state.memory().seed().mix(0, hash)))
    }

    /// What the tier has for a key that memory was found not to have.
    #[inline(never)]
    pub(super) fn find_behind(&self, py: Python<'_>, key: Live<'_>) -> PyResult<Option<Object>> {
        let lookup_key = self.lookup_key(py, key)?;
        self.state.pull(py, &mut lookup_key.probe())
    }

    #[inline(never)]
    pub(super) fn find_slowly(&self, py: Python<'_>, key: Live<'_>) -> PyResult<Option<Object>> {
        let lookup_key = self.lookup_key(py, key)?;
        self.state.look(py, &mut lookup_key.probe())
    }

    /// Stores a pair with a key of the most usual types where nobody has to be asked; whether it is done.
    #[inline(always)]
    pub(super) fn store_quickly(&self, key: Live<'_>, value: Live<'_>) -> bool {
        if is_missing(value) || self.state.weigher.is_some() || self.state.aliasing.is_some() || self.state.has_tier() {
            return false;
        }
        let Some((tag, word)) = self.quick_tag(key) else { return false };
        let mut probe = QuickProbeOfOne { tag, rule: Rule::Mapping, word };
        let mut pair = Some((Key { part: Part::of(key), tag }, value.to_object()));
        let mut details = self.usual();
        let Ok(written) = self.state.store.write(&mut pair, &mut details, &Condition::Always, &mut probe) else {
            return false;
        };
        self.state.finish_attached(written.left);
        true
    }

    /// `cache[key] = value`
    pub(super) fn store_item(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.store(key, value, self.usual(), &Condition::Always).map(drop)
    }

    /// `del cache[key]`
    pub(super) fn delete_item(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        self.take_out(key)?.map(drop).ok_or_else(|| PyKeyError::new_err((key.clone().unbind(),)))
    }

    pub(super) fn store(
        &self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        details: Details,
        condition: &Condition<'_, Object>,
    ) -> PyResult<bool> {
        let py = key.py();
        let lookup_key = self.lookup_key(py, Live::bound(key))?;
        let mut probe = lookup_key.probe();
        let entry = NewEntry { key: lookup_key.stored(), value: Object::of(value), details };
        if lookup_key.rule == Rule::Mapping {
            return self.state.write(py, entry, condition, &mut probe);
        }
        self.state.fill(py, entry, condition, &mut probe)
    }

    pub(super) fn take_out(&self, key: &Bound<'_, PyAny>) -> PyResult<Option<Object>> {
        let lookup_key = self.lookup_key(key.py(), Live::bound(key))?;
        self.state.remove(key.py(), &mut lookup_key.probe(), Cause::Invalidated)
    }
}

/// The hash that Python computes.
#[inline]
fn python_hash(py: Python<'_>, object: Live<'_>) -> PyResult<u64> {
    let object = object.bind(py);
    object.ask_hash().map_err(|error| unhashable(&object, error))
}

#[cold]
fn unhashable(object: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyTypeError>(object.py()) || object.getattr("__hash__").is_ok_and(|hash| !hash.is_none())
    {
        return error;
    }
    let class = object.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!(
        "a {class} cannot be a key because it is not hashable: use a str, a number or a tuple of them, as for a dict"
    ))
}

/// Refuses a key that stands for another object: what it is equal to may change while it is stored.
fn refuse_pretender(py: Python<'_>, key: Live<'_>) -> PyResult<()> {
    // Classes that the interpreter comes with do not pretend, but for weak proxies, which have no hash.
    if !key.has_feature(ffi::Py_TPFLAGS_HEAPTYPE) {
        return Ok(());
    }
    let key = key.bind(py);
    let class = key.get_type();
    match unmasked(&key) {
        Ok(None) => Ok(()),
        Err(error) if !error.is_instance_of::<PyTypeError>(py) => Err(error),
        _ => Err(PyTypeError::new_err(format!(
            "a {} cannot be a key: it stands for another object, and may for another one later. Take the object itself",
            class.qualname()?
        ))),
    }
}
