//! What there is to know of a circuit breaker, as users see it.

use hotset::stack::{self, State};
use pyo3::prelude::*;

#[pyclass(frozen, get_all, eq, module = "hotset")]
#[derive(PartialEq)]
pub(crate) struct BreakerStats {
    state: &'static str,
    for_so_long: f64,
    opened: u64,
    refused: u64,
    calls: u64,
    failed: u64,
    in_a_row: u32,
}

impl From<stack::BreakerStats> for BreakerStats {
    fn from(stats: stack::BreakerStats) -> Self {
        Self {
            state: name_of(stats.state),
            for_so_long: stats.for_so_long.as_secs_f64(),
            opened: stats.opened,
            refused: stats.refused,
            calls: stats.calls,
            failed: stats.failed,
            in_a_row: stats.in_a_row,
        }
    }
}

#[pymethods]
impl BreakerStats {
    fn __repr__(&self) -> String {
        format!(
            "<BreakerStats {} for {:.3} s, {} of {} calls failed, {} in a row, opened {} times, {} refused>",
            self.state, self.for_so_long, self.failed, self.calls, self.in_a_row, self.opened, self.refused
        )
    }
}

/// The name of a state.
pub(crate) fn name_of(state: State) -> &'static str {
    match state {
        State::Closed => "closed",
        State::Open => "open",
        State::HalfOpen => "half-open",
    }
}
