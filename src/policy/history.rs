//! What left lately: how often it was asked for, and from which segment it left.
//!
//! A ghost list, as ARC has (Megiddo and Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003), in four bytes an
//! entry and without links: buckets of one cache line, each a ring, in which an entry is told by 16 bits of its hash. What left longer ago than as many entries as the history reaches back is not known any more.

/// Words of a bucket, which is one cache line.
const WORDS: usize = 16;
/// Places of a bucket: the words but one.
const PLACES: usize = WORDS - 1;
/// The word that says which place is taken next.
const NEXT: usize = PLACES;
/// A stamp counts departures in units of this part of the reach.
const UNITS: u32 = 64;

const FREQUENCY_SHIFT: u32 = 16;
const AGEING_SHIFT: u32 = 20;
const WINDOW_SHIFT: u32 = 22;
const STAMP_SHIFT: u32 = 23;
/// Stamps come again after so many units.
const STAMPS: u32 = 1 << (u32::BITS - STAMP_SHIFT);
/// A place where nothing is remembered: no fingerprint is 0.
const VACANT: u32 = 0;

/// An odd number without a pattern, by which hashes are multiplied.
const MIXING_FACTOR: u64 = 0xA076_1D64_78BD_642F;

/// What is remembered of an entry that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Past {
    /// Its frequency then, from 0 to 15.
    pub(super) frequency: u8,
    /// The number of the ageing up to which the frequency is, from 0 to 3.
    pub(super) ageing: u8,
    /// Whether it left from the window.
    pub(super) from_window: bool,
}

/// A bucket: fingerprint (16 bits), frequency (4), ageing (2), whether from the window (1), stamp (9) of each place.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Bucket([u32; WORDS]);

impl Bucket {
    /// The places with this fingerprint, as a mask.
    #[inline]
    fn with_fingerprint(&self, fingerprint: u16) -> u32 {
        let equal = self.0.map(|place| u32::from(place as u16 == fingerprint));
        equal.into_iter().take(PLACES).enumerate().fold(0, |mask, (place, equal)| mask | equal << place)
    }
}

/// What left lately, by hash.
#[derive(Clone, Debug)]
pub(super) struct History {
    buckets: Vec<Bucket>,
    /// How many departures ago is too long.
    reach: u32,
    departures: u32,
    seed: u64,
}

impl History {
    /// A history that remembers nothing until it is told how far to reach back.
    pub(super) fn new(seed: u64) -> Self {
        Self { buckets: Vec::new(), reach: 0, departures: 0, seed }
    }

    /// How many departures it reaches back.
    #[inline]
    pub(super) fn reach(&self) -> usize {
        self.reach as usize
    }

    /// Lets it reach so far back. What it remembers is forgotten if it is too small for that.
    #[cold]
    pub(super) fn reach_back(&mut self, entries: usize) {
        let entries = entries.min(u32::MAX as usize / WORDS);
        let buckets = entries.div_ceil(WORDS);
        if buckets > self.buckets.len() {
            self.buckets = vec![Bucket([VACANT; WORDS]); buckets];
        }
        self.reach = entries as u32;
    }

    /// Remembers an entry that leaves.
    pub(super) fn add(&mut self, hash: u32, past: Past) {
        if self.buckets.is_empty() {
            return;
        }
        self.departures = self.departures.wrapping_add(1);
        let now = self.stamp();
        let (index, fingerprint) = self.place(hash);
        let Bucket(words) = &mut self.buckets[index];
        let place = words[NEXT] as usize % PLACES;
        words[NEXT] = place as u32 + 1;
        words[place] = u32::from(fingerprint)
            | u32::from(past.frequency) << FREQUENCY_SHIFT
            | u32::from(past.ageing) << AGEING_SHIFT
            | u32::from(past.from_window) << WINDOW_SHIFT
            | now << STAMP_SHIFT;
    }

    /// What is remembered of an entry that comes again, and for how many percent of the reach. It is forgotten then.
    pub(super) fn take(&mut self, hash: u32) -> Option<(Past, u32)> {
        if self.buckets.is_empty() {
            return None;
        }
        let now = self.stamp();
        let (index, fingerprint) = self.place(hash);
        let bucket = &mut self.buckets[index];
        let mut places = bucket.with_fingerprint(fingerprint);
        let place = loop {
            let place = places.trailing_zeros() as usize;
            let bits = *bucket.0.get(place)?;
            if age(bits, now) <= UNITS {
                break place;
            }
            places &= places - 1;
        };
        let bits = std::mem::replace(&mut bucket.0[place], VACANT);
        let past = Past {
            frequency: (bits >> FREQUENCY_SHIFT) as u8 & 0b1111,
            ageing: (bits >> AGEING_SHIFT) as u8 & 0b11,
            from_window: bits >> WINDOW_SHIFT & 1 == 1,
        };
        Some((past, age(bits, now) * 100 / UNITS))
    }

    /// Forgets everything and gives the memory back.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.seed);
    }

    /// The bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.buckets.as_slice())
    }

    #[inline]
    fn stamp(&self) -> u32 {
        let unit = (self.reach / UNITS).max(1);
        self.departures / unit % STAMPS
    }

    /// The bucket and the fingerprint of a hash, which is never 0. The hash is mixed with a seed, so that who knows hashes still
    /// does not know which keys are taken for one another.
    #[inline]
    fn place(&self, hash: u32) -> (usize, u16) {
        let product = u128::from(self.seed ^ u64::from(hash)) * u128::from(MIXING_FACTOR);
        let mixed = product as u64 ^ (product >> u64::BITS) as u64;
        let index = ((mixed >> u32::BITS) * self.buckets.len() as u64) >> u32::BITS;
        (index as usize, (mixed as u16).max(1))
    }
}

/// How many units ago a place was taken.
#[inline]
fn age(place: u32, now: u32) -> u32 {
    now.wrapping_sub(place >> STAMP_SHIFT) % STAMPS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(frequency: u8) -> Past {
        Past { frequency, ageing: frequency % 4, from_window: frequency % 2 == 1 }
    }

    fn hash(number: u32) -> u32 {
        number.wrapping_mul(0x9E37_79B9)
    }

    #[test]
    fn what_left_is_known_once_and_for_as_long_as_it_reaches_back() {
        let mut history = History::new(7);
        assert_eq!(history.take(hash(1)), None);
        history.reach_back(1024);
        history.add(hash(1), past(5));
        assert_eq!(history.take(hash(1)), Some((past(5), 0)));
        assert_eq!(history.take(hash(1)), None);
        history.add(hash(2), past(15));
        (10_000..10_512).for_each(|number| history.add(hash(number), past(1)));
        assert_eq!(history.take(hash(2)).map(|(_, percent)| percent / 10), Some(5));
        history.add(hash(3), past(1));
        (20_000..21_100).for_each(|number| history.add(hash(number), past(1)));
        assert_eq!(history.take(hash(3)), None);
    }

    #[test]
    fn nearly_all_within_its_reach_are_known_and_nearly_none_of_the_others() {
        let mut history = History::new(7);
        history.reach_back(16_384);
        (0..200_000).for_each(|number| history.add(hash(number), past(3)));
        let known = (184_000..200_000).filter(|&number| history.clone_take(hash(number))).count();
        let strangers = (1_000_000..1_100_000).filter(|&number| history.clone_take(hash(number))).count();
        assert!(known > 14_000, "{known} of 16,000");
        assert!(strangers < 100, "{strangers} of 100,000");
        assert!(history.bytes() <= 4 * 16_384);
    }

    impl History {
        fn clone_take(&mut self, hash: u32) -> bool {
            let taken = self.take(hash);
            if let Some((past, _)) = taken {
                let departures = self.departures;
                self.add(hash, past);
                self.departures = departures;
            }
            taken.is_some()
        }
    }
}
