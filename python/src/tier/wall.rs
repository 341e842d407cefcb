//! The time that other processes see: milliseconds since the beginning of 1970.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hotset::clock::{self, Clock, NEVER, Tick};
use hotset::codec::Millis;
use hotset::memory::Deadlines;

/// What manual clocks show that were not advanced: the same for all, so that caches of one clock agree to the millisecond.
static BEGINNING: OnceLock<Millis> = OnceLock::new();
/// How far manual clocks are ahead, in milliseconds: a century. A store clears away what is over by the wall clock, however long ago
/// a manual clock began, and so nothing of a manual clock.
const AHEAD: Millis = 100 * 365 * 24 * 3_600 * 1_000;

/// The wall clock, or a manual clock that shows a time far ahead of it, and as much more as it was advanced.
pub(crate) struct Wall {
    clock: Clock,
    base: Millis,
}

/// Now, by both clocks.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    pub(crate) millis: Millis,
    pub(crate) tick: Tick,
}

impl Wall {
    pub(crate) fn new(clock: Clock) -> Self {
        let base = match &clock {
            Clock::System => 0,
            Clock::Manual(_) => *BEGINNING.get_or_init(|| system() + AHEAD),
        };
        Self { clock, base }
    }

    pub(crate) fn now(&self) -> Now {
        let tick = self.clock.precise();
        let millis = match &self.clock {
            Clock::System => system(),
            Clock::Manual(manual) => self.base + millis_in(manual.elapsed()),
        };
        Now { millis, tick }
    }
}

impl Now {
    /// When something ends that begins now and lasts so long.
    fn after(self, length: Tick) -> Millis {
        if length == NEVER { Millis::MAX } else { self.millis.saturating_add(millis_in(clock::duration(length))) }
    }

    /// When the ttl of an entry ends that begins now, and when its grace does.
    pub(crate) fn ends(self, ttl: Tick, grace: Tick) -> (Millis, Millis) {
        if ttl == NEVER {
            let grace = if grace == NEVER { Millis::MAX } else { millis_in(clock::duration(grace)) };
            return (Millis::MAX - grace.min(Millis::MAX / 4), Millis::MAX);
        }
        (self.after(ttl), self.after(ttl.saturating_add(grace).min(NEVER)))
    }

    /// A time of the wall clock, in ticks.
    fn tick_at(self, at: Millis) -> Tick {
        if is_endless(at) {
            return NEVER;
        }
        let ticks = |millis| clock::ticks(Duration::from_millis(millis));
        match at.cmp(&self.millis) {
            std::cmp::Ordering::Greater => (self.tick + ticks(at - self.millis)).min(NEVER - 1),
            std::cmp::Ordering::Equal => self.tick,
            std::cmp::Ordering::Less => self.tick.saturating_sub(ticks(self.millis - at)).max(1),
        }
    }

    /// The deadlines of an entry with these ends.
    pub(crate) fn deadlines(self, created: Millis, fresh_until: Millis, gone_at: Millis) -> Deadlines {
        Deadlines {
            created: self.tick_at(created).min(self.tick),
            fresh_until: self.tick_at(fresh_until),
            gone_at: self.tick_at(gone_at),
        }
    }
}

/// Whether a time is so late that it means no end. How far it is from [`Millis::MAX`] says how long the grace of an entry without an end
/// is, which begins when it is expired.
pub(crate) fn is_endless(at: Millis) -> bool {
    at > Millis::MAX / 2
}

/// Ticks between two times of the wall clock.
pub(crate) fn ticks_between(from: Millis, to: Millis) -> Tick {
    if is_endless(to) { NEVER } else { clock::ticks(Duration::from_millis(to.saturating_sub(from))) }
}

fn system() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis_in)
}

fn millis_in(duration: Duration) -> Millis {
    u64::try_from(duration.as_millis()).unwrap_or(Millis::MAX - 1)
}
