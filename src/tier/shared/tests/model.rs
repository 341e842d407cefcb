//! Schedules of a model: each use of a shared word is a place where another thread may go on.

use std::cell::Cell;

thread_local! {
    static RUNS: Cell<bool> = const { Cell::new(false) };
}

/// Before each use of a word. All threads of a model run on one thread of the system.
pub(in crate::tier::shared) fn step() {
    if RUNS.get() {
        shuttle::thread::yield_now();
    }
}

/// Runs a history in so many random schedules.
pub(super) fn check(schedules: usize, history: impl Fn() + Send + Sync + 'static) {
    RUNS.set(true);
    shuttle::check_random(history, schedules);
    RUNS.set(false);
}
