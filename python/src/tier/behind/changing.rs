//! What callers invalidate and expire, in a tier too.

use std::sync::Arc;

use hotset::memory::Owner;
use hotset::tier::{Change, Number, To};
use pyo3::prelude::*;

use crate::inner::Inner;
use crate::key::probe::Probe;
use crate::tier::behind::Behind;
use crate::tier::behind::storing::changing;
use crate::tier::spelling::namespace_mark;

impl Behind {
    pub(super) fn note_own(&self, numbers: &[Number]) {
        if let Some(front) = &self.front {
            numbers.iter().for_each(|&number| front.note_own(number));
        }
    }

    fn change(&self, py: Python<'_>, inner: &Inner, changes: &[Change<'_>]) -> PyResult<()> {
        let (made, _) = changing(inner, || self.call(py, |wait| self.back.change(changes, wait)));
        match made {
            Ok(last) => {
                let first = last + 1 - changes.len() as u64;
                self.note_own(&(first..=last).collect::<Vec<_>>());
                Ok(())
            }
            Err(fault) => self.failed(py, inner, "invalidate", &fault),
        }
    }

    /// What is stored under a key is invalid, or stale, from now on.
    pub(crate) fn change_key(
        &self,
        py: Python<'_>,
        inner: &Arc<Inner>,
        probe: &Probe<'_>,
        stale: bool,
    ) -> PyResult<()> {
        let spelled = self.spell(py, inner, probe)?;
        let to = if stale { To::Stale(self.wall.now().millis) } else { To::Invalid };
        self.change(py, inner, &[Change { mark: spelled.marks[0], key: Some(&spelled.bytes), to }])
    }

    /// What carries one of these tags is invalid, or stale, from now on.
    pub(crate) fn change_tags(&self, py: Python<'_>, inner: &Inner, tags: &[Arc<str>], stale: bool) -> PyResult<()> {
        let to = if stale { To::Stale(self.wall.now().millis) } else { To::Invalid };
        let marks = self.tag_marks(tags);
        let changes: Vec<Change<'_>> = marks.into_iter().map(|mark| Change { mark, key: None, to }).collect();
        if changes.is_empty() { Ok(()) } else { self.change(py, inner, &changes) }
    }

    /// Everything of an owner is invalid from now on; of the cache itself, everything.
    pub(crate) fn change_all(&self, py: Python<'_>, inner: &Inner, owner: Option<Owner>) -> PyResult<()> {
        let mark = owner.map_or_else(
            || namespace_mark(&self.settings.namespace),
            |owner| {
                self.prefix(owner).marks().last().copied().unwrap_or_else(|| namespace_mark(&self.settings.namespace))
            },
        );
        self.change(py, inner, &[Change { mark, key: None, to: To::Invalid }])
    }
}
