//! What a tier has for keys, brought into memory.

use std::sync::Arc;
use std::time::Duration;

use hotset::clock::{self, NEVER};
use hotset::codec::Header;
use hotset::expiry::Lifespan;
use hotset::memory::{Condition, Details, Freshness, Owner};
use hotset::stack::{Address, Kept};
use hotset::stats::Cause;
use pyo3::prelude::*;

use crate::ffi::object::Object;
use crate::key::Key;
use crate::key::probe::Probe;
use crate::state::CacheState;
use crate::state::behind::{Pulled, ReadBehind};
use crate::tier::behind::TierBehind;
use crate::tier::behind::copied::Copied;
use crate::tier::spelling::{Spelled, tag_mark};
use crate::tier::wall::{Now, is_endless, ticks_between};

impl TierBehind {
    /// What the tier has for a key.
    fn fetch(&self, py: Python<'_>, state: &CacheState, owner: Owner, spelled: &Spelled) -> PyResult<Option<Pulled>> {
        let read = self.call(py, |wait| {
            let mut copied = None;
            self.back.get(&spelled.bytes, wait, &mut |stored| copied = Some(Copied::of(stored, &self.back)))?;
            Ok(copied)
        });
        let copied = match read {
            Ok(Some(copied)) => copied,
            Ok(None) => {
                self.back.count_miss();
                return Ok(None);
            }
            Err(fault) => return self.failed(py, state, "read", &fault).map(|()| None),
        };
        self.opened(py, state, owner, spelled, copied)
    }

    pub(super) fn opened(
        &self,
        py: Python<'_>,
        state: &CacheState,
        owner: Owner,
        spelled: &Spelled,
        copied: Copied,
    ) -> PyResult<Option<Pulled>> {
        let at = Address { key: &spelled.bytes, marks: &spelled.marks };
        let now = self.wall.now();
        let mark = |tag: &str| tag_mark(&self.settings.namespace, tag);
        let opened = self.call(py, |wait| self.back.open(at, copied.envelope(), now.millis, mark, wait));
        let Kept { payload, header, stale } = match opened {
            Ok(Some(kept)) => kept,
            Ok(None) => return Ok(None),
            Err(fault) => return self.failed(py, state, "read", &fault).map(|()| None),
        };
        let codec = if header.errors > 0 { self.settings.errors.clone() } else { self.codec(spelled.owner) };
        let payload = copied.place(payload);
        let value = match copied.decode(py, &codec, header.codec, payload)? {
            Ok(value) => value,
            Err(reason) => {
                self.back.count_undecodable();
                reason.iter().filter(|_| codec.is_own()).for_each(|error| state.log_undecodable(py, error));
                return Ok(None);
            }
        };
        let freshness = match (header.errors > 0, stale) {
            (false, false) => Freshness::Fresh,
            (false, true) => Freshness::Stale,
            (true, false) => Freshness::Error,
            (true, true) => Freshness::Gone(Cause::Expired),
        };
        Ok(Some(Pulled { value, details: self.details(state, owner, spelled, header, now), freshness }))
    }

    /// What is stored in memory with what was read from the tier.
    fn details(&self, state: &CacheState, owner: Owner, spelled: &Spelled, header: Header, now: Now) -> Details {
        let Header { created, fresh_until, gone_at, load_nanos, errors, tags, .. } = header;
        let ttl = ticks_between(created, fresh_until);
        let grace = if is_endless(gone_at) && !is_endless(fresh_until) {
            NEVER
        } else {
            clock::ticks(Duration::from_millis(gone_at.saturating_sub(fresh_until)))
        };
        let mut deadlines = now.deadlines(created, fresh_until, gone_at);
        if self.settings.memory_ttl != NEVER && deadlines.fresh_until > now.tick {
            let trusted = now.tick + self.settings.memory_ttl;
            deadlines.fresh_until = deadlines.fresh_until.min(trusted);
            deadlines.gone_at = deadlines.gone_at.min(trusted);
        }
        Details {
            lifespan: Lifespan { ttl, grace, ..self.usual(state, owner) },
            deadlines: Some(deadlines),
            tags: tags.into_iter().map(Arc::from).collect(),
            nanos: load_nanos,
            is_error: errors > 0,
            failures: errors,
            mark: spelled.marks[0].part(),
            ..Details::default()
        }
    }

    /// Keeps in memory what was read from the tier, unless something has changed since; its value is then what is kept.
    fn keep(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        probe: &mut Probe<'_>,
        pulled: &mut Pulled,
        moves: u64,
    ) -> PyResult<()> {
        if matches!(pulled.freshness, Freshness::Gone(_)) {
            return Ok(());
        }
        if self.settings.memory_ttl == 0 || state.memory().max_entries() == 0 {
            if !pulled.details.is_error {
                pulled.value = state.kept(py, pulled.value.clone())?;
            }
            return Ok(());
        }
        self.learn_tags(state, &pulled.details.tags);
        let (tag, part) = (probe.tag(), probe.stored());
        let details = Details { moves: Some(moves), ..pulled.details.clone() };
        let (kept, mut details) = state.prepared(py, Some(&part), pulled.value.clone(), tag, details)?;
        pulled.value = kept.clone();
        let mut pair = Some((Key { part, tag }, kept));
        let written =
            probe.settle(py, |probe| state.memory().write(&mut pair, &mut details, &Condition::Always, probe))?;
        drop(pair);
        state.finish(py, written.left);
        Ok(())
    }
}

impl ReadBehind for TierBehind {
    fn pull(&self, py: Python<'_>, state: &Arc<CacheState>, probe: &mut Probe<'_>) -> PyResult<Option<Pulled>> {
        let moves = state.memory().moves();
        let spelled = self.spell(py, state, probe)?;
        let Some(mut pulled) = self.fetch(py, state, probe.tag().owner(), &spelled)? else { return Ok(None) };
        self.keep(py, state, probe, &mut pulled, moves)?;
        Ok(Some(pulled))
    }

    fn pull_many(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        probes: &mut [Probe<'_>],
    ) -> PyResult<Vec<Option<Pulled>>> {
        let moves = state.memory().moves();
        let spelled = probes.iter().map(|probe| self.spell(py, state, probe)).collect::<PyResult<Vec<_>>>()?;
        let keys: Vec<&[u8]> = spelled.iter().map(|spelled| &*spelled.bytes).collect();
        let read = self.call(py, |wait| {
            let mut stored: Vec<Option<Copied>> = keys.iter().map(|_| None).collect();
            self.back.get_many(&keys, wait, &mut |place, bytes| stored[place] = Some(Copied::of(bytes, &self.back)))?;
            Ok(stored)
        });
        let stored = match read {
            Ok(stored) => stored,
            Err(fault) => {
                return self.failed(py, state, "read", &fault).map(|()| probes.iter().map(|_| None).collect());
            }
        };
        let mut found = Vec::with_capacity(probes.len());
        for ((probe, spelled), copied) in probes.iter_mut().zip(&spelled).zip(stored) {
            let Some(copied) = copied else {
                self.back.count_miss();
                found.push(None);
                continue;
            };
            let mut pulled = self.opened(py, state, probe.tag().owner(), spelled, copied)?;
            if let Some(pulled) = &mut pulled {
                self.keep(py, state, probe, pulled, moves)?;
            }
            found.push(pulled);
        }
        Ok(found)
    }

    fn peek(&self, py: Python<'_>, state: &Arc<CacheState>, probe: &Probe<'_>) -> PyResult<Option<Object>> {
        let spelled = self.spell(py, state, probe)?;
        let pulled = self.fetch(py, state, probe.tag().owner(), &spelled)?;
        let fresh = pulled.filter(|pulled| pulled.freshness == Freshness::Fresh);
        fresh.map(|pulled| state.kept(py, pulled.value)).transpose()
    }
}
