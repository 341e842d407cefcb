//! Jitter shortens lives by a random part, so that what was stored together does not expire together.

use crate::clock::{NEVER, Tick};
use crate::hash::fold;

/// Shortens a ttl by up to a fraction of it.
#[derive(Debug)]
pub struct Jitter {
    fraction: f64,
    state: u64,
}

impl Jitter {
    /// Lives become shorter by up to `fraction` (0 to 1) of their length; the same `seed` repeats the same lives.
    #[must_use]
    pub fn new(fraction: f64, seed: u64) -> Self {
        Self { fraction: fraction.clamp(0.0, 1.0), state: seed }
    }

    /// The ttl, shortened.
    #[inline]
    pub fn shorten(&mut self, ttl: Tick) -> Tick {
        if self.fraction == 0.0 || ttl == NEVER { ttl } else { self.draw(ttl) }
    }

    fn draw(&mut self, ttl: Tick) -> Tick {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let random = fold(self.state, 0xE703_7ED1_A0B4_28DB) >> 11;
        let unit = random as f64 / (1_u64 << 53) as f64;
        ttl - (ttl as f64 * self.fraction * unit) as Tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_lie_between_the_shortest_and_the_ttl() {
        let mut jitter = Jitter::new(0.25, 1);
        let lives: Vec<Tick> = (0..10_000).map(|_| jitter.shorten(1_000_000)).collect();
        assert!(lives.iter().all(|life| (750_000..=1_000_000).contains(life)));
        assert!(lives.iter().any(|&life| life < 760_000) && lives.iter().any(|&life| life > 990_000));
    }

    #[test]
    fn no_jitter_and_no_end_change_nothing() {
        assert_eq!(Jitter::new(0.0, 1).shorten(5), 5);
        assert_eq!(Jitter::new(0.5, 1).shorten(NEVER), NEVER);
    }
}
