//! Taking out: what callers remove and invalidate, in memory and behind it, and telling listeners of what left.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hotset::expiry::Lifespan;
use hotset::memory::{Owner, Removals};
use hotset::stats::Cause;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::ffi::foreign::Foreign;
use crate::ffi::guard::{attached, is_finalizing};
use crate::ffi::object::Object;
use crate::hooks;
use crate::interrupt;
use crate::key::Key;
use crate::key::probe::Probe;
use crate::state::CacheState;

impl CacheState {
    /// What is loaded for a key from now on is refused, unless the load begins after this.
    pub(crate) fn overtake(&self, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<()> {
        probe.settle(py, |probe| self.store.flights().overtake(probe.tag().hash(), probe))
    }

    /// Takes an entry out; what it held, if it was there and fresh.
    pub(crate) fn remove(
        self: &Arc<Self>,
        py: Python<'_>,
        probe: &mut Probe<'_>,
        cause: Cause,
    ) -> PyResult<Option<Object>> {
        self.catch_up(py);
        let behind = self.behind_if_on();
        let there = behind.map(|behind| behind.peek(py, self, probe)).transpose()?.flatten();
        self.invalidate_behind(py, probe)?;
        let left = probe.settle(py, |probe| self.store.remove(probe.tag().hash(), probe, cause))?;
        let fresh = left.iter().find(|removed| removed.fresh).map(|removed| removed.value.clone());
        self.finish(py, left);
        Ok(fresh.or(there))
    }

    /// As [`CacheState::remove`], for who wants what it held, and to be the only one who has it.
    pub(crate) fn take(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<Option<Object>> {
        let Some(behind) = self.behind_if_on() else { return self.remove(py, probe, Cause::Invalidated) };
        let there = behind.take(py, self, probe)?;
        // After this memory has nothing that somebody else has taken.
        self.catch_up(py);
        let left = probe.settle(py, |probe| self.store.remove(probe.tag().hash(), probe, Cause::Invalidated))?;
        let fresh = left.iter().find(|removed| removed.fresh).map(|removed| removed.value.clone());
        self.finish(py, left);
        Ok(there.or(fresh))
    }

    /// Makes an entry stale, or takes it out if it has no grace; whether it was there and fresh.
    pub(crate) fn expire(self: &Arc<Self>, py: Python<'_>, probe: &mut Probe<'_>) -> PyResult<bool> {
        self.catch_up(py);
        let behind = self.behind_if_on();
        let there = behind.map(|behind| behind.peek(py, self, probe)).transpose()?.flatten().is_some();
        if let Some(behind) = &self.behind {
            behind.change_key(py, self, probe, true)?;
        }
        let (fresh, left) = probe.settle(py, |probe| self.store.expire(probe.tag().hash(), probe))?;
        self.finish(py, left);
        Ok(fresh || there)
    }

    /// Gives an entry a new life, changed from the one it was given; whether it was there and fresh.
    pub(crate) fn touch(
        self: &Arc<Self>,
        py: Python<'_>,
        probe: &mut Probe<'_>,
        changed: &dyn Fn(Lifespan) -> PyResult<Lifespan>,
    ) -> PyResult<bool> {
        if let Some(behind) = self.behind_if_on() {
            return behind.touch(py, self, probe, changed);
        }
        let Some((_, info)) = self.inspect(py, probe)? else { return Ok(false) };
        let lifespan = Some(changed(info.lifespan)?);
        probe.settle(py, |probe| self.memory().touch(probe.tag().hash(), probe, lifespan))
    }

    /// Removes everything, behind the memory too.
    pub(crate) fn clear(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        if let Some(behind) = &self.behind {
            behind.change_all(py, self, None)?;
        }
        self.finish(py, self.store.clear());
        Ok(())
    }

    /// Removes everything of one owner, behind the memory too.
    pub(crate) fn clear_owner(self: &Arc<Self>, py: Python<'_>, owner: Owner) -> PyResult<()> {
        if let Some(behind) = &self.behind {
            behind.change_all(py, self, Some(owner))?;
        }
        self.finish(py, self.store.clear_owner(owner));
        Ok(())
    }

    /// Makes what carries one of these tags unreadable, or stale if it [`Cause::Expired`], behind the memory too.
    pub(crate) fn change_tags(self: &Arc<Self>, py: Python<'_>, tags: &[Arc<str>], cause: Cause) -> PyResult<()> {
        if let Some(behind) = &self.behind {
            behind.change_tags(py, self, tags, cause == Cause::Expired)?;
        }
        self.store.invalidate_tags(tags, cause);
        Ok(())
    }

    #[cold]
    pub(crate) fn run_pending(self: &Arc<Self>, py: Python<'_>, hash: u32) {
        self.finish(py, self.memory().run_pending(hash));
    }

    /// As [`CacheState::run_pending`], from where the hot path knows only that the thread is attached.
    #[cold]
    #[inline(never)]
    pub(crate) fn run_pending_attached(self: &Arc<Self>, hash: u32) {
        attached(|py| self.run_pending(py, hash));
    }

    /// Drops what left, after telling the listener.
    #[inline]
    pub(crate) fn finish(self: &Arc<Self>, py: Python<'_>, left: Removals<Key, Object>) {
        if !left.is_empty() {
            self.see_off(py, left);
        }
    }

    /// Drops what left, from where the hot path knows only that the thread is attached.
    #[inline]
    pub(crate) fn finish_attached(self: &Arc<Self>, left: Removals<Key, Object>) {
        if left.is_empty() {
            return;
        }
        let evicts = || left.iter().any(|removed| removed.cause == Cause::Evicted);
        if self.listener.is_none() && (self.has_evicted.load(Ordering::Relaxed) || !evicts()) {
            drop(left);
        } else {
            attached(|py| self.see_off(py, left));
        }
    }

    fn see_off(self: &Arc<Self>, py: Python<'_>, left: Removals<Key, Object>) {
        if !self.has_evicted.load(Ordering::Relaxed) && left.iter().any(|removed| removed.cause == Cause::Evicted) {
            self.has_evicted.store(true, Ordering::Relaxed);
            self.log_first_eviction(py);
        }
        let Some(listener) = &self.listener else { return };
        for removed in left.into_iter().filter(|removed| !removed.is_error) {
            let told = self.face(py, &removed.key).and_then(|key| {
                let cause = PyString::intern(py, removed.cause.name());
                let value = self.served(py, removed.value)?;
                listener.bind(py).ask((key.bind(py), value.bind(py), cause))
            });
            if let Err(error) = told {
                interrupt::report(py, error, Some(&listener.bind(py)));
            }
        }
    }

    fn log_first_eviction(&self, py: Python<'_>) {
        let (entries, weight) = (self.memory().max_entries(), self.memory().max_weight());
        let unit = if self.weighs_bytes() { intern!(py, "max_bytes") } else { intern!(py, "maxweight") };
        let logged = hooks::EMIT.ask(py, ("CacheFull", self.name.bind(py), entries, weight, unit));
        if let Err(error) = logged
            && !is_finalizing()
        {
            interrupt::report(py, error, None);
        }
    }
}
