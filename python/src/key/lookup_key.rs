//! A key that is looked for, with what keeps its parts alive.

use pyo3::prelude::*;
use smallvec::SmallVec;

use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::key::part::Part;
use crate::key::probe::{Probe, Rule};
use crate::key::{Key, Tag};

/// A key as it was given: of the mapping, or of a call.
pub(crate) struct LookupKey {
    pub(crate) tag: Tag,
    pub(crate) rule: Rule,
    /// Whether the key has one part, which is stored as it is.
    pub(crate) single: bool,
    pub(crate) parts: SmallVec<[Object; 1]>,
}

impl LookupKey {
    #[inline]
    pub(crate) fn probe(&self) -> Probe<'_> {
        Probe::new(self.tag, self.rule, self.single, Live::all(&self.parts))
    }

    /// A key that is stored, or is to be, of an owner whose keys compare by this rule.
    pub(crate) fn of_stored(py: Python<'_>, rule: Rule, key: &Key) -> PyResult<Self> {
        let several = key.part.parts().filter(|_| rule != Rule::Mapping);
        let single = several.is_none();
        let parts = several.unwrap_or(std::slice::from_ref(&key.part));
        let parts = parts.iter().map(|part| part.to_object(py)).collect::<PyResult<_>>()?;
        Ok(Self { tag: key.tag, rule, single, parts })
    }

    /// What to store of a key of the mapping, or of a call's that has come through the mapping.
    pub(crate) fn stored(&self) -> Part {
        match &*self.parts {
            [part] if self.single => Part::from(part.clone()),
            parts => Part::several(parts.iter().map(|part| Part::from(part.clone()))),
        }
    }
}

/// A key that a value is sought for: to look for, and to store.
pub(crate) struct LoadKey {
    pub(crate) lookup_key: LookupKey,
    pub(crate) stored: Part,
}

impl LoadKey {
    pub(crate) fn key(&self) -> Key {
        Key { part: self.stored.clone(), tag: self.lookup_key.tag }
    }
}
