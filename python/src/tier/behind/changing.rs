//! What callers invalidate and expire, in a tier too.

use std::sync::Arc;

use hotset::memory::Owner;
use hotset::tier::{Change, Number, To};
use pyo3::prelude::*;

use crate::key::probe::Probe;
use crate::state::CacheState;
use crate::state::behind::ChangeBehind;
use crate::tier::behind::TierBehind;
use crate::tier::behind::storing::changing;
use crate::tier::spelling::namespace_mark;

impl TierBehind {
    pub(super) fn note_own(&self, numbers: &[Number]) {
        if let Some(front) = &self.front {
            numbers.iter().for_each(|&number| front.note_own(number));
        }
    }

    fn change(&self, py: Python<'_>, state: &CacheState, changes: &[Change<'_>]) -> PyResult<()> {
        let (made, _) = changing(state, || self.call(py, |wait| self.back.change(changes, wait)));
        match made {
            Ok(last) => {
                let first = last + 1 - changes.len() as u64;
                self.note_own(&(first..=last).collect::<Vec<_>>());
                Ok(())
            }
            Err(fault) => self.failed(py, state, "invalidate", &fault),
        }
    }
}

impl ChangeBehind for TierBehind {
    fn change_key(&self, py: Python<'_>, state: &Arc<CacheState>, probe: &Probe<'_>, stale: bool) -> PyResult<()> {
        let spelled = self.spell(py, state, probe)?;
        let to = if stale { To::Stale(self.wall.now().millis) } else { To::Invalid };
        self.change(py, state, &[Change { mark: spelled.marks[0], key: Some(&spelled.bytes), to }])
    }

    fn change_tags(&self, py: Python<'_>, state: &CacheState, tags: &[Arc<str>], stale: bool) -> PyResult<()> {
        let to = if stale { To::Stale(self.wall.now().millis) } else { To::Invalid };
        let marks = self.tag_marks(tags);
        let changes: Vec<Change<'_>> = marks.into_iter().map(|mark| Change { mark, key: None, to }).collect();
        if changes.is_empty() { Ok(()) } else { self.change(py, state, &changes) }
    }

    fn change_all(&self, py: Python<'_>, state: &CacheState, owner: Option<Owner>) -> PyResult<()> {
        let mark = owner.map_or_else(
            || namespace_mark(&self.settings.namespace),
            |owner| {
                self.prefix(owner).marks().last().copied().unwrap_or_else(|| namespace_mark(&self.settings.namespace))
            },
        );
        self.change(py, state, &[Change { mark, key: None, to: To::Invalid }])
    }
}
