//! Statistics as users see them.

use hotset::stack::BackCounts;
use hotset::stats::{Cause, Counts};
use pyo3::prelude::*;

use crate::arguments::shown;
use crate::breaker::name_of;

#[pyclass(frozen, get_all, eq, module = "hotset")]
#[derive(PartialEq, Clone)]
pub(crate) struct Stats {
    hits: u64,
    misses: u64,
    stale: u64,
    loads: u64,
    load_errors: u64,
    load_seconds: f64,
    refused: u64,
    expired: u64,
    evicted: u64,
    replaced: u64,
    invalidated: u64,
    cleared: u64,
    entries: u64,
    weight: u64,
    bytes: Option<u64>,
    max_bytes: Option<u64>,
    tier: Option<TierStats>,
}

/// What happened at the tier of a cache, and what the tier holds for all of its users.
#[pyclass(frozen, get_all, eq, module = "hotset", name = "TierStats", from_py_object)]
#[derive(PartialEq, Clone)]
pub(crate) struct TierStats {
    hits: u64,
    misses: u64,
    unreadable: u64,
    stored: u64,
    overtaken: u64,
    faults: u64,
    entries: Option<u64>,
    bytes: Option<u64>,
    max_bytes: Option<u64>,
    evicted: u64,
    expired: u64,
    busy: u64,
    refused: u64,
    breaker: Option<&'static str>,
    store_breaker: Option<&'static str>,
}

impl TierStats {
    pub(crate) fn new(counts: &BackCounts, held: &hotset::tier::TierStats) -> Self {
        Self {
            hits: counts.hits,
            misses: counts.misses,
            unreadable: counts.unreadable,
            stored: counts.fills,
            overtaken: counts.overtaken,
            faults: counts.faults,
            entries: held.entries,
            bytes: held.bytes,
            max_bytes: held.max_bytes,
            evicted: held.evicted,
            expired: held.expired,
            busy: held.busy,
            refused: [counts.access, counts.storing].iter().flatten().map(|breaker| breaker.refused).sum(),
            breaker: counts.access.map(|breaker| name_of(breaker.state)),
            store_breaker: counts.storing.map(|breaker| name_of(breaker.state)),
        }
    }

    pub(crate) fn max_bytes(&self) -> Option<u64> {
        self.max_bytes
    }
}

#[pymethods]
impl TierStats {
    fn __repr__(&self) -> String {
        let holds = self.entries.map(|entries| format!(", {entries} entries")).unwrap_or_default();
        let bytes = self.bytes.zip(self.max_bytes).map(|(bytes, most)| format!(", {bytes} of {most} bytes"));
        format!(
            "<TierStats {} hits, {} misses ({} unreadable), {} stored, {} overtaken, {} faults{holds}{}, {} evicted, {} expired, {} busy>",
            self.hits,
            self.misses,
            self.unreadable,
            self.stored,
            self.overtaken,
            self.faults,
            bytes.unwrap_or_default(),
            self.evicted,
            self.expired,
            self.busy,
        )
    }
}

impl Stats {
    /// Statistics of a cache; with its bound if it weighs entries by the bytes that they take.
    pub(crate) fn new(counts: &Counts, max_bytes: Option<u64>, tier: Option<TierStats>) -> Self {
        let total = counts.total;
        let removed = |cause: Cause| counts.removed[cause as usize];
        Self {
            hits: total.hits,
            misses: total.misses,
            stale: total.stale,
            loads: total.loads,
            load_errors: total.load_errors,
            load_seconds: total.load_nanos as f64 / 1e9,
            refused: total.refused,
            expired: removed(Cause::Expired),
            evicted: removed(Cause::Evicted),
            replaced: removed(Cause::Replaced),
            invalidated: removed(Cause::Invalidated),
            cleared: removed(Cause::Cleared),
            entries: total.entries,
            weight: counts.weight,
            bytes: max_bytes.map(|_| counts.weight),
            max_bytes: max_bytes.and_then(shown),
            tier,
        }
    }
}

#[pymethods]
impl Stats {
    #[getter]
    fn requests(&self) -> u64 {
        self.hits + self.misses
    }

    #[getter]
    fn hit_ratio(&self) -> f64 {
        if self.requests() == 0 { 0.0 } else { self.hits as f64 / self.requests() as f64 }
    }

    fn __repr__(&self) -> String {
        let tier = self.tier.as_ref().map(|tier| format!(", tier: {}", tier.__repr__())).unwrap_or_default();
        format!(
            "<Stats {:.1} % of {} requests hit, {} misses answered stale, {} loads ({} failed) took {:.3} s, {} refused, {} entries, removed: \
             {} expired, {} evicted, {} replaced, {} invalidated, {} cleared{tier}>",
            self.hit_ratio() * 100.0,
            self.requests(),
            self.stale,
            self.loads,
            self.load_errors,
            self.load_seconds,
            self.refused,
            self.entries,
            self.expired,
            self.evicted,
            self.replaced,
            self.invalidated,
            self.cleared,
        )
    }
}
