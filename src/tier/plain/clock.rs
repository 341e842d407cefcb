//! The clock of a shelf: a counter, or, where the shelf has none, a number that is exchanged for a larger one.
//!
//! A clock that is gone begins anew at the microseconds since 1970, which is more than it has counted as long as it counts less than a
//! million changes a second. Where a shelf can neither count nor exchange, each change takes that time, or the number after the last.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::MOST_TRIES;
use super::record::{CLOCK, read, written};
use super::shelf::{Shelf, Stored};
use crate::tier::{Fault, Number, Wait};

/// How many microseconds the wall clock of another machine may be ahead: an hour.
const AHEAD: u64 = 3_600_000_000;

/// The largest number that this process has seen.
static LATEST: AtomicU64 = AtomicU64::new(0);

/// The clock, for a load that is about to begin.
pub(super) fn now(shelf: &dyn Shelf, wait: Wait) -> Result<Number, Fault> {
    if shelf.abilities().increment {
        return shelf.increment(CLOCK, 0, fresh(), wait).map(seen);
    }
    let present = shelf.get(CLOCK, wait)?;
    number(present.as_deref()).map_or_else(|| advance(shelf, 1, wait), |number| Ok(seen(number)))
}

/// The number of the last of so many changes that are about to be made.
pub(super) fn advance(shelf: &dyn Shelf, changes: u64, wait: Wait) -> Result<Number, Fault> {
    if shelf.abilities().increment {
        return shelf.increment(CLOCK, changes, fresh(), wait).map(seen);
    }
    raise(shelf, changes, 0, wait)
}

/// Has a clock that was set back, or was lost where wall clocks differ, go on from here.
pub(super) fn catch_up(shelf: &dyn Shelf, least: Number, wait: Wait) -> Result<(), Fault> {
    let present = now(shelf, wait)?;
    if present >= least {
        return Ok(());
    }
    if shelf.abilities().increment {
        shelf.increment(CLOCK, least - present, fresh(), wait).map(seen)?;
    } else {
        raise(shelf, 1, least, wait)?;
    }
    Ok(())
}

fn raise(shelf: &dyn Shelf, changes: u64, least: Number, wait: Wait) -> Result<Number, Fault> {
    for _ in 0..MOST_TRIES {
        let present = shelf.get(CLOCK, wait)?;
        let next = match number(present.as_deref()) {
            // Without an exchange two changes may have one number, or the lower one last: by the time that is as rare as may be.
            Some(number) if shelf.abilities().exchange => number.saturating_add(changes),
            Some(number) => after(number.saturating_add(changes - 1)),
            None => fresh(),
        };
        let next = next.max(least);
        let value = written(CLOCK, &[next]);
        if shelf.replace(present.as_deref(), Stored { key: CLOCK, value: &value, life: None }, wait)? {
            return Ok(seen(next));
        }
    }
    Err(Fault::Busy)
}

fn number(bytes: Option<&[u8]>) -> Option<Number> {
    match read(CLOCK, bytes?)?[..] {
        [number] => Some(number),
        _ => None,
    }
}

/// A number that no clock has had, as far as this process knows.
fn fresh() -> Number {
    after(0)
}

/// Whether a clock can have come to this number. One that was lost, or another place's, may have been ahead of the time.
pub(super) fn is_possible(number: Number) -> bool {
    number <= micros().saturating_add(AHEAD)
}

fn micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// A number that no clock has had, larger than this one; each is given once.
fn after(number: Number) -> Number {
    let (micros, mut given) = (micros(), 0);
    // The closure always gives a number, so this cannot fail.
    _ = LATEST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |latest| {
        given = micros.max(latest.max(number).saturating_add(1));
        Some(given)
    });
    given
}

fn seen(number: Number) -> Number {
    LATEST.fetch_max(number, Ordering::Relaxed);
    number
}
