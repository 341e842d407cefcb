//! Storing: what callers give and loads return, weighed, in memory and behind it.

use std::sync::Arc;

use hotset::flight::Ticket;
use hotset::memory::{Condition, Details, Stored};
use hotset::stats::Cause;
use pyo3::prelude::*;

use crate::errors::invalid;
use crate::ffi::foreign::Foreign;
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::footprint::entry_bytes;
use crate::key::identity::{WeakIdentity, identities_in};
use crate::key::lookup_key::LookupKey;
use crate::key::part::Part;
use crate::key::probe::Probe;
use crate::key::{Key, Tag};
use crate::missing;
use crate::state::behind::Filled;
use crate::state::{CacheState, Weigher};

/// The most that an entry may weigh, so that no sum of weights overflows.
const HEAVIEST: u64 = 1 << 40;

/// What is to be stored: under which key, and how.
pub(crate) struct NewEntry {
    pub(crate) key: Part,
    pub(crate) value: Object,
    pub(crate) details: Details,
}

impl CacheState {
    /// Stores an entry; whether it was stored.
    pub(crate) fn write(
        self: &Arc<Self>,
        py: Python<'_>,
        mut entry: NewEntry,
        condition: &Condition<'_, Object>,
        probe: &mut Probe<'_>,
    ) -> PyResult<bool> {
        missing::refuse(Live::of(&entry.value))?;
        let Some(behind) = self.behind_if_on() else {
            self.invalidate_behind(py, probe)?;
            return self.write_here(py, entry, condition, probe);
        };
        self.catch_up(py);
        if !behind.set(py, self, probe, &entry.value, &mut entry.details, condition)? {
            return Ok(false);
        }
        self.write_or_remove(py, entry, probe)?;
        Ok(true)
    }

    /// Stores pairs of keys of the mapping with values, in one write of the tier.
    pub(crate) fn write_many(
        self: &Arc<Self>,
        py: Python<'_>,
        entries: Vec<(&LookupKey, Object)>,
        details: &Details,
    ) -> PyResult<()> {
        let Some(behind) = self.behind_if_on() else {
            return entries.iter().try_for_each(|(lookup_key, _)| self.invalidate_behind(py, &lookup_key.probe()));
        };
        self.catch_up(py);
        let stored = behind.set_many(py, self, &entries, details)?;
        for ((lookup_key, value), details) in entries.into_iter().zip(stored) {
            let entry = NewEntry { key: lookup_key.stored(), value, details };
            self.write_or_remove(py, entry, &mut lookup_key.probe())?;
        }
        Ok(())
    }

    /// A cache that is off stores nothing; what the tier has is not to be found when it is on again.
    pub(super) fn invalidate_behind(self: &Arc<Self>, py: Python<'_>, probe: &Probe<'_>) -> PyResult<()> {
        self.behind.as_ref().map_or(Ok(()), |behind| behind.change_key(py, self, probe, false))
    }

    /// Stores in memory what was stored in the tier. If something has changed since, or there is no room, what was here is not to stay.
    fn write_or_remove(self: &Arc<Self>, py: Python<'_>, entry: NewEntry, probe: &mut Probe<'_>) -> PyResult<()> {
        if !self.write_here(py, entry, &Condition::Always, probe)? {
            let left = probe.settle(py, |probe| self.store.remove(probe.tag().hash(), probe, Cause::Replaced))?;
            self.finish(py, left);
        }
        Ok(())
    }

    /// As [`CacheState::write`], in memory only.
    fn write_here(
        self: &Arc<Self>,
        py: Python<'_>,
        entry: NewEntry,
        condition: &Condition<'_, Object>,
        probe: &mut Probe<'_>,
    ) -> PyResult<bool> {
        let (tag, NewEntry { key, value, details }) = (probe.tag(), entry);
        let (kept, mut details) = self.prepared(py, Some(&key), value, tag, details)?;
        let mut pair = Some((Key { part: key, tag }, kept));
        let Stored { stored, left } =
            probe.settle(py, |probe| self.store.write(&mut pair, &mut details, condition, probe))?;
        drop(pair);
        self.finish(py, left);
        Ok(stored)
    }

    /// As [`CacheState::write`], for a key that may have identities as parts.
    pub(crate) fn fill(
        self: &Arc<Self>,
        py: Python<'_>,
        entry: NewEntry,
        condition: &Condition<'_, Object>,
        probe: &mut Probe<'_>,
    ) -> PyResult<bool> {
        let tag = probe.tag();
        let identities = identities_in(&entry.key);
        let stored = self.write(py, entry, condition, probe)?;
        if stored {
            self.note_each(&identities, tag.hash());
        }
        Ok(stored)
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

    /// Notes with every identity that a stored key is made of that there is an entry under this hash.
    pub(crate) fn note_identities(self: &Arc<Self>, stored: &Part, hash: u32) {
        self.note_each(&identities_in(stored), hash);
    }

    fn note_each(self: &Arc<Self>, identities: &[Object], hash: u32) {
        let identities = identities.iter().filter_map(|identity| WeakIdentity::of_stored(Live::of(identity)));
        identities.for_each(|identity| identity.note(hash, self));
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
}
