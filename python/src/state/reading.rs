//! Reading: from memory, and from what lies behind it.

use std::sync::Arc;
use std::time::Duration;

use hotset::clock::Tick;
use hotset::memory::{EntryInfo, Freshness, More};
use pyo3::prelude::*;

use crate::errors::raised_again;
use crate::ffi::object::Object;
use crate::key::probe::Probe;
use crate::state::CacheState;
use crate::state::behind::{Keys, Pulled};

impl CacheState {
    /// Reads a value, and what else there is to it; counts a hit or a miss.
    pub(crate) fn read(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<(Option<Object>, More)> {
        match self.read_here(py, probe)? {
            (None, more) if self.has_tier() => self.pull_more(py, probe, more),
            found => Ok(found),
        }
    }

    /// As [`CacheState::read`], in memory only.
    pub(crate) fn read_here(
        self: &Arc<Self>,
        py: Python<'_>,
        probe: &mut Probe<'_>,
    ) -> PyResult<(Option<Object>, More)> {
        if !self.memory().is_enabled() {
            return Ok((None, More::Nothing));
        }
        self.catch_up(py);
        let tag = probe.tag();
        let read = probe.settle_read(py, |probe| self.memory().read(tag.hash(), tag.owner(), probe, Object::clone))?;
        if read.due {
            self.run_pending(py, tag.hash());
        }
        Ok((read.found.map(|kept| self.served(py, kept)).transpose()?, read.more))
    }

    /// What was counted as a miss is in the tier, fresh: the value, which is in memory then too if that has room.
    pub(crate) fn pull(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<Option<Object>> {
        match self.bring_all(py, probe)? {
            Some(pulled) if pulled.freshness == Freshness::Fresh => self.found(py, probe, pulled.value).map(Some),
            _ => Ok(None),
        }
    }

    /// As [`CacheState::pull`], for who can load; what else there is to it where it is not fresh. An error that is kept is raised.
    pub(crate) fn pull_more(
        self: &Arc<Self>,
        py: Python<'_>,
        probe: &mut Probe<'_>,
        more: More,
    ) -> PyResult<(Option<Object>, More)> {
        if more == More::Error {
            return Ok((None, more));
        }
        match self.bring_all(py, probe)? {
            Some(pulled) if pulled.freshness == Freshness::Fresh => {
                return Ok((Some(self.found(py, probe, pulled.value)?), More::Nothing));
            }
            Some(pulled) if pulled.freshness == Freshness::Error => {
                return Err(self.found_error(py, probe, &pulled.value));
            }
            _ => {}
        }
        let stale = self.inspect(py, probe)?.is_some_and(|(_, info)| info.freshness == Freshness::Stale);
        Ok((None, if stale { More::Stale } else { more }))
    }

    /// What was counted as a miss was found in the tier: what a caller gets of it.
    pub(crate) fn found(&self, py: Python<'_>, probe: &Probe<'_>, kept: Object) -> PyResult<Object> {
        self.memory().count_found(probe.tag().hash(), probe.tag().owner());
        self.served(py, kept)
    }

    /// What was counted as a miss was found in the tier to be an error that is kept: what a caller raises.
    #[cold]
    pub(crate) fn found_error(&self, py: Python<'_>, probe: &Probe<'_>, error: &Object) -> PyErr {
        self.memory().count_found(probe.tag().hash(), probe.tag().owner());
        raised_again(py, error, &Object::from(py.None().into_bound(py)))
    }

    /// Reads a value for who cannot load it; counts a hit or a miss.
    pub(crate) fn look(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<Option<Object>> {
        match self.look_here(py, probe)? {
            None => self.pull(py, probe),
            found => Ok(found),
        }
    }

    /// As [`CacheState::look`], in memory only.
    pub(crate) fn look_here(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<Option<Object>> {
        if !self.memory().is_enabled() {
            return Ok(None);
        }
        self.catch_up(py);
        let tag = probe.tag();
        let read = probe.settle_read(py, |probe| {
            self.memory().read_without_refresh(tag.hash(), tag.owner(), probe, Object::clone)
        })?;
        if read.due {
            self.run_pending(py, tag.hash());
        }
        read.found.map(|kept| self.served(py, kept)).transpose()
    }

    /// What the tier has for a key, a fresh value or an error, not older than that, brought into memory. Nothing is counted.
    pub(crate) fn bring(
        self: &Arc<Self>,
        py: Python<'_>,
        probe: &mut Probe<'_>,
        since: Tick,
    ) -> PyResult<Option<Pulled>> {
        let will_do = |pulled: &Pulled| {
            matches!(pulled.freshness, Freshness::Fresh | Freshness::Error) && pulled.created() >= since
        };
        Ok(self.bring_all(py, probe)?.filter(will_do))
    }

    /// What the tier has for a key, brought into memory. Nothing is counted.
    pub(crate) fn bring_all(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<Option<Pulled>> {
        self.behind_if_on().map_or(Ok(None), |behind| behind.pull(py, self, probe))
    }

    /// As [`CacheState::pull`], for several keys in one read of the tier.
    pub(crate) fn pull_many(
        self: &Arc<Self>,
        py: Python<'_>,
        probes: &mut [Probe<'_>],
    ) -> PyResult<Vec<Option<Object>>> {
        let found = self.bring_many(py, probes)?;
        let mut values = Vec::with_capacity(found.len());
        for (probe, pulled) in probes.iter().zip(found) {
            let fresh = pulled.filter(|pulled| pulled.freshness == Freshness::Fresh);
            if fresh.is_some() {
                self.memory().count_found(probe.tag().hash(), probe.tag().owner());
            }
            values.push(fresh.map(|pulled| self.served(py, pulled.value)).transpose()?);
        }
        Ok(values)
    }

    /// As [`CacheState::pull_many`], without counting; what the tier had.
    pub(crate) fn bring_many(
        self: &Arc<Self>,
        py: Python<'_>,
        probes: &mut [Probe<'_>],
    ) -> PyResult<Vec<Option<Pulled>>> {
        match self.behind_if_on() {
            Some(behind) if !probes.is_empty() => behind.pull_many(py, self, probes),
            _ => Ok(probes.iter().map(|_| None).collect()),
        }
    }

    /// The next keys of the tier that are texts and begin so.
    pub(crate) fn page<'py>(&self, py: Python<'py>, prefix: &str, after: Option<&[u8]>) -> PyResult<Keys<'py>> {
        self.behind_if_on().map_or_else(|| Ok((Vec::new(), None)), |behind| behind.page(py, prefix, after))
    }

    /// What is known of an entry that is there, with its value, without any effect.
    pub(crate) fn inspect(
        self: &Arc<Self>,
        py: Python<'_>,
        probe: &mut Probe<'_>,
    ) -> PyResult<Option<(Object, EntryInfo)>> {
        self.catch_up(py);
        let hash = probe.tag().hash();
        probe.settle_read(py, |probe| self.memory().inspect(hash, probe, |value, info| (value.clone(), info)))
    }

    /// Reads a value without any effect.
    pub(crate) fn peek(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<Option<Object>> {
        self.catch_up(py);
        let kept = probe.settle_read(py, |probe| self.memory().peek(probe.tag().hash(), probe, Object::clone))?;
        match (kept, self.behind_if_on()) {
            (Some(kept), _) => self.served(py, kept).map(Some),
            (None, Some(behind)) => match behind.peek(py, self, probe)? {
                Some(value) => self.served(py, value).map(Some),
                None => Ok(None),
            },
            (None, None) => Ok(None),
        }
    }

    /// Whether there is a fresh value.
    pub(crate) fn holds(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<bool> {
        match self.behind_if_on() {
            Some(behind) if !self.holds_here(py, probe)? => behind.peek(py, self, probe).map(|value| value.is_some()),
            _ => self.holds_here(py, probe),
        }
    }

    /// As [`CacheState::holds`], in memory only.
    pub(crate) fn holds_here(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<bool> {
        self.catch_up(py);
        let found = probe.settle_read(py, |probe| self.memory().peek(probe.tag().hash(), probe, |_| ()))?;
        Ok(found.is_some())
    }

    /// The right to load a key for so long, across processes, if nobody else has it: a number to give it back with, or for how long
    /// somebody else may have it.
    pub(crate) fn lease(
        self: &Arc<Self>,
        py: Python<'_>,
        probe: &Probe<'_>,
        length: Duration,
    ) -> PyResult<Result<u64, Duration>> {
        self.behind_if_on().map_or(Ok(Ok(0)), |behind| behind.lease(py, self, probe, length))
    }

    /// Gives that right back.
    pub(crate) fn release(self: &Arc<Self>, py: Python<'_>, probe: &Probe<'_>, holder: u64) {
        if let Some(behind) = &self.behind {
            behind.release(py, self, probe, holder);
        }
    }
}
