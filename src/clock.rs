//! Time, as a cache needs it: monotonic, cheap to read, and replaceable by a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A point in time or a length of it, in units of 2^14 ns (about 16 µs).
///
/// 48 bits of it are 146 years, so that a deadline and 16 bits of something else fit in one word.
pub type Tick = u64;

/// Later than any point in time.
pub const NEVER: Tick = (1 << 48) - 1;

/// Binary logarithm of the nanoseconds in a tick.
const TICK_SHIFT: u32 = 14;

/// How far the coarse clock may be behind the precise one: 10 ms, the longest timer period of a Linux kernel.
pub const COARSE_LAG: Tick = 10_000_000 >> TICK_SHIFT;

/// The whole ticks in a duration, at least one; what is longer than 146 years is [`NEVER`].
#[must_use]
pub fn ticks(duration: Duration) -> Tick {
    let whole = duration.as_nanos() >> TICK_SHIFT;
    Tick::try_from(whole).unwrap_or(NEVER).clamp(1, NEVER)
}

/// The duration of so many ticks.
#[must_use]
pub fn duration(ticks: Tick) -> Duration {
    Duration::from_nanos(ticks << TICK_SHIFT)
}

/// Where a cache reads the time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The monotonic clock of the system.
    #[default]
    System,
    /// A clock that moves when it is told to.
    Manual(Arc<ManualClock>),
}

impl Clock {
    /// Now, or up to [`COARSE_LAG`] earlier.
    #[inline(always)]
    #[must_use]
    pub fn coarse(&self) -> Tick {
        match self {
            Self::System => system::coarse_nanos() >> TICK_SHIFT,
            Self::Manual(clock) => clock.now(),
        }
    }

    /// Now.
    #[inline]
    #[must_use]
    pub fn precise(&self) -> Tick {
        match self {
            Self::System => system::precise_nanos() >> TICK_SHIFT,
            Self::Manual(clock) => clock.now(),
        }
    }

    /// Whether `deadline` has come; reads the precise clock only where the coarse one cannot tell.
    #[inline]
    #[must_use]
    pub fn has_come(&self, deadline: Tick) -> bool {
        let now = self.coarse();
        deadline <= now + COARSE_LAG && (deadline <= now || deadline <= self.precise())
    }
}

/// A clock that moves when it is told to.
#[derive(Debug, Default)]
pub struct ManualClock {
    nanos: AtomicU64,
}

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::SeqCst);
    }

    /// The time since the clock was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::SeqCst))
    }

    fn now(&self) -> Tick {
        self.nanos.load(Ordering::SeqCst) >> TICK_SHIFT
    }
}

/// The monotonic nanoseconds of the system, for measuring how long something took.
#[inline]
#[must_use]
pub fn nanos() -> u64 {
    system::precise_nanos()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::mem::MaybeUninit;

    #[inline]
    pub(super) fn coarse_nanos() -> u64 {
        read(libc::CLOCK_MONOTONIC_COARSE)
    }

    #[inline]
    pub(super) fn precise_nanos() -> u64 {
        read(libc::CLOCK_MONOTONIC)
    }

    #[inline]
    fn read(clock: libc::clockid_t) -> u64 {
        let mut time = MaybeUninit::<libc::timespec>::uninit();
        // SAFETY: `time` is a valid place to write to; both clocks exist since Linux 2.6.32, so the call cannot fail.
        let time = unsafe {
            libc::clock_gettime(clock, time.as_mut_ptr());
            time.assume_init()
        };
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use std::sync::OnceLock;
    use std::time::Instant;

    static START: OnceLock<Instant> = OnceLock::new();

    #[inline]
    pub(super) fn coarse_nanos() -> u64 {
        precise_nanos()
    }

    #[inline]
    pub(super) fn precise_nanos() -> u64 {
        START.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarse_clock_is_never_ahead_and_little_behind() {
        let clock = Clock::System;
        for _ in 0..100_000 {
            let coarse = clock.coarse();
            let precise = clock.precise();
            assert!(coarse <= precise, "{coarse} is after {precise}");
        }
    }

    #[test]
    fn a_deadline_comes_exactly_after_its_time() {
        let manual = Arc::new(ManualClock::default());
        let clock = Clock::Manual(manual.clone());
        let deadline = clock.precise() + ticks(Duration::from_secs(1));
        manual.advance(Duration::from_millis(999));
        assert!(!clock.has_come(deadline));
        manual.advance(Duration::from_millis(1));
        assert!(clock.has_come(deadline));
    }

    #[test]
    fn a_duration_too_long_for_the_clock_is_forever() {
        assert_eq!(ticks(Duration::MAX), NEVER);
        assert_eq!(ticks(Duration::ZERO), 1);
    }
}
