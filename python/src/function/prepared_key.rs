//! The key of one call: its parts, what had to be made for them, and their hash.

use hotset::hash;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use smallvec::SmallVec;

use crate::ffi::foreign::Foreign;
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::function::decorated::Decorated;
use crate::function::signature::{FEW, Parts};
use crate::key::Tag;
use crate::key::exact::{address_hash, keyed_by_address, typed_hash};
use crate::key::freeze::{FreezeRule, Unkeyable, Writer, by_identity, hash_of, is_hashable, is_written_down};
use crate::key::frozen::Frozen;
use crate::key::identity::WeakIdentity;
use crate::key::judged::{Described, Judged, describe, judged, unmasked};
use crate::key::lookup_key::{LoadKey, LookupKey};
use crate::key::part::Part;
use crate::key::probe::{Probe, Rule};

/// A key that can be looked for and stored.
pub(crate) struct PreparedKey<'a> {
    parts: Parts<'a>,
    /// What the parts point to that the call does not keep alive.
    made: SmallVec<[Object; 2]>,
    pub(crate) tag: Tag,
    rule: Rule,
    single: bool,
}

impl<'a> PreparedKey<'a> {
    /// Hashes the parts of a call, after writing down those that could change.
    pub(crate) fn new(py: Python<'_>, decorated: &Decorated, parts: Parts<'a>) -> PyResult<Self> {
        let mut key = Self {
            parts,
            made: SmallVec::new(),
            tag: Tag::new(decorated.owner, 0),
            rule: decorated.rule,
            single: decorated.single,
        };
        key.hash(py, decorated)?;
        Ok(key)
    }

    /// As [`PreparedKey::new`], of what was made for the call and is the whole key.
    pub(crate) fn of_made(py: Python<'_>, decorated: &Decorated, made: Object) -> PyResult<Self> {
        let mut key = Self::new(py, decorated, Parts::new())?;
        let part = key.hold(made);
        key.parts.push(part);
        key.hash(py, decorated)?;
        Ok(key)
    }

    fn hash(&mut self, py: Python<'_>, decorated: &Decorated) -> PyResult<()> {
        let seed = decorated.state().memory().seed();
        let mut state = decorated.salt;
        for number in 0..self.parts.len() {
            let by_identity = number == 0 && decorated.first_by_identity();
            let (word, made) = hash_part(py, decorated, self.parts[number], by_identity)
                .map_err(|error| explain(py, decorated, number, error))?;
            if let Some(made) = made {
                self.parts[number] = self.hold(made);
            }
            state = seed.mix(state, word);
        }
        self.tag = Tag::new(decorated.owner, hash::shorten(state));
        Ok(())
    }

    /// Holds what was made for a part, which nobody gets but with the key.
    fn hold(&mut self, made: Object) -> Live<'a> {
        // SAFETY: it lives as long as the key, out of which nothing is taken.
        let part = unsafe { Live::new(made.as_ptr()) };
        self.made.push(made);
        part
    }

    #[inline]
    pub(crate) fn probe(&self) -> Probe<'_> {
        Probe::new(self.tag, self.rule, self.single, &self.parts)
    }

    /// What to store: what can die is replaced by its identity.
    pub(crate) fn stored(&self, py: Python<'_>, decorated: &Decorated) -> PyResult<Part> {
        let part = |number: usize| {
            stored_part(py, decorated, self.parts[number], number == 0 && decorated.first_by_identity())
        };
        if self.single {
            return part(0).map(Part::from);
        }
        let parts = (0..self.parts.len()).map(|number| part(number).map(Part::from));
        Ok(Part::several(parts.collect::<PyResult<SmallVec<[Part; FEW]>>>()?.into_iter()))
    }

    /// The key, to outlive the call.
    pub(crate) fn keep(&self, py: Python<'_>, decorated: &Decorated) -> PyResult<LoadKey> {
        let parts = self.parts.iter().map(|part| part.to_object()).collect();
        let lookup_key = LookupKey { tag: self.tag, rule: self.rule, single: self.single, parts };
        Ok(LoadKey { lookup_key, stored: self.stored(py, decorated)? })
    }
}

/// The hash of a part, and what stands for it if not itself.
fn hash_part(
    py: Python<'_>,
    decorated: &Decorated,
    part: Live<'_>,
    by_identity: bool,
) -> PyResult<(u64, Option<Object>)> {
    if by_identity {
        return Ok((address_hash(part), None));
    }
    let value = part.bind(py);
    if decorated.rule == Rule::Loose {
        return hash_loosely(py, decorated, &value);
    }
    if let Some((hash, _)) = typed_hash(part, decorated.state().memory().seed()) {
        return Ok((hash, None));
    }
    if is_written_down(part) {
        return frozen(py, Writer::freeze(&value, decorated.arc(), way(decorated, false)));
    }
    match describe(&value)? {
        Described::Own => Ok((hash_of(&value)?, None)),
        described => frozen(py, Writer::freeze_described(&value, described, decorated.arc(), way(decorated, false))),
    }
}

fn hash_loosely(py: Python<'_>, decorated: &Decorated, value: &Bound<'_, PyAny>) -> PyResult<(u64, Option<Object>)> {
    if keyed_by_address(Live::bound(value)) {
        return Ok((address_hash(Live::bound(value)), None));
    }
    let freeze = || frozen(py, Writer::freeze(value, decorated.arc(), way(decorated, true)));
    if unmasked(value)?.is_some() {
        return freeze();
    }
    let is_content = || Ok::<_, PyErr>(is_written_down(Live::bound(value)) || !matches!(judged(value)?, Judged::Own));
    if !is_hashable(value) && is_content()? {
        return freeze();
    }
    match hash_of(value) {
        // A tuple of lists says only now that it has no hash.
        Err(error) if error.is_instance_of::<PyTypeError>(py) && value.is_instance_of::<PyTuple>() => freeze(),
        hash => Ok((hash?, None)),
    }
}

/// How arguments of a function are written down.
fn way(decorated: &Decorated, loose: bool) -> FreezeRule {
    FreezeRule { loose, everywhere: decorated.state().has_tier() }
}

fn frozen(py: Python<'_>, frozen: PyResult<Frozen>) -> PyResult<(u64, Option<Object>)> {
    let frozen = Bound::new(py, frozen?)?;
    Ok((frozen.get().hash(), Some(Object::from(frozen))))
}

fn stored_part(py: Python<'_>, decorated: &Decorated, part: Live<'_>, first_by_identity: bool) -> PyResult<Object> {
    let value = part.bind(py);
    if first_by_identity {
        return WeakIdentity::of(py, decorated.arc(), part)
            .map_err(|error| no_weak_references(py, decorated, &value, error));
    }
    if keyed_by_address(part) { by_identity(&value, decorated.arc()) } else { Ok(part.to_object()) }
}

fn no_weak_references(py: Python<'_>, decorated: &Decorated, value: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyTypeError>(py) {
        return error;
    }
    let (name, class) =
        (decorated.name(py), value.get_type().qualname().map_or_else(|_| String::new(), |name| name.to_string()));
    PyTypeError::new_err(format!(
        "{name}() cannot be cached for a {class}: its instances cannot be referred to weakly, so the cache would keep them \
         alive. Add \"__weakref__\" to the __slots__ of {class} (weakref_slot=True for a dataclass), or pass key= to \
         cache_result"
    ))
}

/// Says which parameter an error is about.
fn explain(py: Python<'_>, decorated: &Decorated, part: usize, error: PyErr) -> PyErr {
    let (name, parameter) = (decorated.name(py), decorated.part_name(py, part));
    if !error.is_instance_of::<Unkeyable>(py) {
        // It is the value's own, and says nothing of where it came from.
        if error.is_instance_of::<PyTypeError>(py) {
            let note = format!("{name}() is cached, and its argument {parameter:?} is to be part of a key");
            let noted = error.value(py).ask_method(intern!(py, "add_note"), (note,));
            drop(noted);
        }
        return error;
    }
    PyTypeError::new_err(format!(
        "{name}() cannot be cached: its argument {parameter:?} cannot be part of a key ({}). Leave it out with \
         ignore=[{parameter:?}], or say what it stands for with key=",
        error.value(py)
    ))
}
