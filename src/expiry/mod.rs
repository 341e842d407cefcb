//! WHEN entries leave: how long they live, and a wheel that finds those whose time is over.

pub mod duration;
mod jitter;
mod wheel;

pub use jitter::Jitter;
pub(crate) use wheel::{TimerLinks, Wheel};

use crate::clock::{Clock, NEVER, Tick};

/// Below this length of life the precise clock decides when it ends: 0.17 s.
const SHORT: Tick = 10_000;

/// How long an entry lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifespan {
    /// Ticks that it is fresh, or [`NEVER`] for without an end.
    pub ttl: Tick,
    /// Ticks that it may stay unread, or [`NEVER`].
    pub idle: Tick,
}

impl Lifespan {
    /// A life without an end.
    pub const FOREVER: Self = Self { ttl: NEVER, idle: NEVER };

    /// The end of a life of this length that begins at `now`, as the coarse clock has it; short ones are measured by the precise one.
    #[inline]
    pub(crate) fn end(length: Tick, now: Tick, clock: &Clock) -> Tick {
        match length {
            NEVER => NEVER,
            SHORT.. => (now + length).min(NEVER),
            _ => clock.precise() + length,
        }
    }
}
