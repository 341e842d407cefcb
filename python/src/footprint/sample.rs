//! Which of many things are looked at, where one does not look at all.

/// A small generator of random numbers: splitmix64 (Steele, Lea, Flood, OOPSLA 2014). It always begins in the same way, so that a
/// value is always estimated in the same way.
pub(super) struct Generator(u64);

impl Generator {
    pub(super) fn new() -> Self {
        Self(0)
    }

    /// A number below `bound`, which is below 2^32.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((mixed >> 32) * bound as u64) >> 32) as usize
    }
}

/// The numbers of `taken` of `count` things, ascending: one of each of as many stretches of equal length, at random, so that no pattern
/// of what is measured can fall in with them.
pub(super) struct Picks<'a> {
    count: usize,
    taken: usize,
    next: usize,
    generator: &'a mut Generator,
}

impl<'a> Picks<'a> {
    pub(super) fn new(count: usize, taken: usize, generator: &'a mut Generator) -> Self {
        Self { count, taken: taken.min(count), next: 0, generator }
    }

    fn start(&self, stretch: usize) -> usize {
        (stretch as u128 * self.count as u128 / self.taken as u128) as usize
    }
}

impl Iterator for Picks<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.next == self.taken {
            return None;
        }
        let (start, end) = (self.start(self.next), self.start(self.next + 1));
        self.next += 1;
        Some(start + self.generator.below(end - start))
    }
}
