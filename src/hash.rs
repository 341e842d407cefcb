//! Hashes of keys: mixed once with a secret of the process, at the boundary.
//!
//! The mixing is a folded multiplication (the step of wyhash): both halves of a 64 × 64 bit product, xor-ed.
//! Without the secret nobody can choose keys that fall into one place.

use std::hash::{BuildHasher, RandomState};

const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A secret for hashes.
#[derive(Clone, Copy, Debug)]
pub struct Seed {
    number: u64,
    factor: u64,
}

impl Seed {
    /// A new random secret.
    #[must_use]
    pub fn random() -> Self {
        Self::fixed(RandomState::new().hash_one(0_u8))
    }

    /// A chosen secret, for tests that have to repeat.
    #[must_use]
    pub const fn fixed(seed: u64) -> Self {
        let number = seed | 1;
        Self { number, factor: ODD ^ number.rotate_left(32) }
    }

    /// The secret as a number, to seed something else.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.number
    }

    /// Takes one more word into a hash.
    #[inline]
    #[must_use]
    pub const fn mix(self, state: u64, word: u64) -> u64 {
        fold(state ^ word ^ self.number, self.factor)
    }
}

/// Both halves of the product, xor-ed.
#[inline]
#[must_use]
pub const fn fold(left: u64, right: u64) -> u64 {
    let product = left as u128 * right as u128;
    (product as u64) ^ (product >> 64) as u64
}

/// The 32 bits of a mixed hash that an entry keeps.
#[inline]
#[must_use]
pub const fn shorten(hash: u64) -> u32 {
    (hash ^ (hash >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn consecutive_numbers_spread_over_all_bits() {
        let seed = Seed::fixed(7);
        let hashes: HashSet<u32> = (0..100_000).map(|n| shorten(seed.mix(0, n))).collect();
        assert!(hashes.len() > 99_990, "{} of 100,000 hashes differ", hashes.len());
        for bit in 0..32 {
            let ones = hashes.iter().filter(|&&hash| hash >> bit & 1 == 1).count();
            assert!((45_000..55_000).contains(&ones), "bit {bit} is set in {ones}");
        }
    }
}
