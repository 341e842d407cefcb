//! A small pseudo-random generator: SplitMix64.
//!
//! One word of state, any seed is good, a few cycles a number. Steele, Lea and Flood, "Fast splittable pseudorandom
//! number generators", OOPSLA 2014. It decides who leaves, never what is secret.

const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// The same numbers for the same seed.
#[derive(Clone, Debug)]
pub struct Generator {
    state: u64,
}

impl Generator {
    /// A generator that begins at `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    #[inline]
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound` - 1; 0 for a bound of 0.
    #[inline]
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.draw()) * bound as u128) >> u64::BITS) as usize
    }
}
