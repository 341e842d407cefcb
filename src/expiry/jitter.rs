//! Jitter shortens lives by a random part, so that what was stored together does not expire together.

use crate::clock::{NEVER, Tick};
use crate::hash::fold;

/// Shortens a ttl by up to a fraction of it; by the same part whenever the same key is stored.
#[derive(Debug)]
pub struct Jitter {
    fraction: f64,
    seed: u64,
}

impl Jitter {
    /// Lives become shorter by up to `fraction` (0 to 1) of their length.
    #[must_use]
    pub fn new(fraction: f64, seed: u64) -> Self {
        Self { fraction: fraction.clamp(0.0, 1.0), seed }
    }

    /// The ttl of an entry whose key has this hash, shortened.
    #[inline]
    #[must_use]
    pub fn shorten(&self, ttl: Tick, hash: u32) -> Tick {
        if self.fraction == 0.0 || ttl == NEVER { ttl } else { self.shortened(ttl, hash) }
    }

    fn shortened(&self, ttl: Tick, hash: u32) -> Tick {
        let random = fold(self.seed ^ u64::from(hash), 0xE703_7ED1_A0B4_28DB);
        ttl - (ttl as f64 * self.fraction * unit(random)) as Tick
    }
}

/// A number from 0 up to 1, of random bits.
pub(crate) fn unit(random: u64) -> f64 {
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{Seed, shorten};

    #[test]
    fn lives_lie_between_the_shortest_and_the_ttl() {
        let jitter = Jitter::new(0.25, 1);
        let lives: Vec<Tick> =
            (0..10_000).map(|key| jitter.shorten(1_000_000, shorten(Seed::fixed(1).mix(0, key)))).collect();
        assert!(lives.iter().all(|life| (750_000..=1_000_000).contains(life)));
        assert!(lives.iter().any(|&life| life < 760_000) && lives.iter().any(|&life| life > 990_000));
        let mean = lives.iter().sum::<Tick>() / 10_000;
        assert!((870_000..880_000).contains(&mean), "{mean}");
    }

    #[test]
    fn no_jitter_and_no_end_change_nothing() {
        assert_eq!(Jitter::new(0.0, 1).shorten(5, 7), 5);
        assert_eq!(Jitter::new(0.5, 1).shorten(NEVER, 7), NEVER);
    }
}
