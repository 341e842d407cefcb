//! Statistics as users see them.

use hotset::stats::{Cause, Counts};
use pyo3::prelude::*;

use crate::arguments::shown;

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
}

impl Stats {
    /// Statistics of a cache; with its bound if it weighs entries by the bytes that they take.
    pub(crate) fn new(counts: &Counts, max_bytes: Option<u64>) -> Self {
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
        format!(
            "<Stats {:.1} % of {} requests hit, {} misses answered stale, {} loads ({} failed) took {:.3} s, {} refused, {} entries, removed: \
             {} expired, {} evicted, {} replaced, {} invalidated, {} cleared>",
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
