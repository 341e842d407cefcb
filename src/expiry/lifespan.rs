//! How long an entry lives: fresh, then stale for its grace, then gone.

use crate::clock::{Clock, NEVER, Tick, ticks};
use std::time::Duration;

/// Below this length the precise clock decides when a time ends: 0.17 s.
const SHORT: Tick = 10_000;

/// How long an entry lives, and when a hit on it is to start a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifespan {
    /// Ticks that it is fresh, or [`NEVER`] for without an end.
    pub ttl: Tick,
    /// Ticks after its ttl in which it may be served stale.
    pub grace: Tick,
    /// Ticks that it may stay unread, or [`NEVER`].
    pub idle: Tick,
    /// The part of its ttl after which a hit starts a refresh.
    pub ahead: Part,
    /// How much earlier a hit starts a refresh, by how long the load took.
    pub early: Early,
}

impl Lifespan {
    /// A life without an end.
    pub const FOREVER: Self = Self { ttl: NEVER, grace: 0, idle: NEVER, ahead: Part::NONE, early: Early::NONE };

    /// Ticks until a hit starts a refresh, or until the ttl ends; `ttl` is its own or what jitter has left of it.
    #[inline]
    pub(crate) fn lead(&self, ttl: Tick) -> Tick {
        if self.ahead == Part::NONE || ttl == NEVER { ttl } else { self.ahead.of_ticks(ttl) }
    }

    /// When such a life begins: `now`, as the coarse clock has it, or the precise time for a short one.
    #[inline]
    pub(crate) fn start(&self, now: Tick, clock: &Clock) -> Tick {
        if self.ttl.min(self.idle) < SHORT { clock.precise() } else { now }
    }
}

/// A time so many ticks after another; [`NEVER`] stays so.
#[inline]
pub(crate) fn after(start: Tick, length: Tick) -> Tick {
    start.saturating_add(length).min(NEVER)
}

/// A part of a whole, between nothing and all, in 65,536ths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part(u16);

impl Part {
    /// No part.
    pub const NONE: Self = Self(0);

    /// The part that is this fraction; fractions that are not between 0 and 1 become the nearest part that is.
    #[must_use]
    pub fn of(fraction: f64) -> Self {
        Self((fraction * 65_536.0).round().clamp(1.0, 65_535.0) as u16)
    }

    fn of_ticks(self, ticks: Tick) -> Tick {
        // At most 48 bits by 16.
        ((ticks * u64::from(self.0)) >> 16).max(1)
    }
}

/// Probabilistic early refresh: before its ttl ends by so many times the time that its load took, times an exponentially
/// distributed random number.
///
/// After A. Vattani, F. Chierichetti, K. Lowenstein: Optimal Probabilistic Cache Stampede Prevention. PVLDB 8(8), 2015. There each
/// request draws; here each fill does, once, so that a hit compares no more than a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Early(u16);

impl Early {
    /// Not early.
    pub const NONE: Self = Self(0);

    /// With this factor, the paper's β: 1 is what it proves to be best, more is earlier. At most 255.
    #[must_use]
    pub fn of(factor: f64) -> Self {
        Self((factor * 256.0).round().clamp(1.0, 65_535.0) as u16)
    }

    /// How many ticks early, for a load that took so long and a random number between 0 and 1.
    pub(crate) fn by(self, load: Duration, random: f64) -> Tick {
        if self == Self::NONE {
            return 0;
        }
        let seconds = load.as_secs_f64() * f64::from(self.0) / 256.0 * -random.max(f64::MIN_POSITIVE).ln();
        Duration::try_from_secs_f64(seconds).map_or(NEVER, ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_ttl() {
        let life = Lifespan { ttl: 1000, ahead: Part::of(0.8), ..Lifespan::FOREVER };
        assert_eq!((life.lead(1000), life.lead(1), life.lead(NEVER)), (800, 1, NEVER));
        assert_eq!(Lifespan { ahead: Part::NONE, ..life }.lead(1000), 1000);
        assert_eq!((Part::of(-1.0), Part::of(7.0)), (Part::of(1.0 / 65_536.0), Part::of(65_535.0 / 65_536.0)));
    }

    #[test]
    fn early_is_exponential_with_the_load_time_as_its_mean() {
        let load = Duration::from_secs(10);
        let mean = |early: Early| {
            let draws = (0..10_000).map(|n| early.by(load, (f64::from(n) + 0.5) / 10_000.0));
            crate::clock::duration(draws.sum::<Tick>() / 10_000).as_secs_f64()
        };
        assert!((mean(Early::of(1.0)) - 10.0).abs() < 0.1, "{}", mean(Early::of(1.0)));
        assert!((mean(Early::of(2.5)) - 25.0).abs() < 0.2);
        assert_eq!(Early::NONE.by(load, 0.5), 0);
        assert!(Early::of(1.0).by(Duration::MAX, 0.0) == NEVER);
    }
}
