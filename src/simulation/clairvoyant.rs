//! The cache that knows what comes: it evicts what is asked for again last, and no policy has more hits.
//!
//! Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966; that nothing is better is
//! shown by Mattson, Gecsei, Slutz and Traiger, "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2), 1970.
//!
//! An entry is the number of the request that asks for its key next. The entries are then a set of numbers, the next hit is its
//! least, and who leaves is its greatest: a set of bits, with a bit above for every word that is not empty, finds that in a few steps.

/// The key is not asked for again.
pub const NEVER: u32 = u32::MAX;

/// For each request the number of the one that asks for the same key next, or [`NEVER`]. Keys are numbers from 0 to `unique` - 1, and
/// there are fewer than [`NEVER`] requests.
pub fn next_uses(keys: &[u32], unique: usize) -> Vec<u32> {
    let mut next_of_key = vec![NEVER; unique];
    let mut next = vec![NEVER; keys.len()];
    for (request, &key) in keys.iter().enumerate().rev() {
        next[request] = std::mem::replace(&mut next_of_key[key as usize], request as u32);
    }
    next
}

/// A cache of entries of weight 1 that knows the requests to come. It stores every key that is asked for, as a cache does.
#[derive(Debug)]
pub struct Clairvoyant {
    capacity: usize,
    /// By the request that asks for them next.
    entries: Requests,
    /// How many entries there are whose keys are not asked for again.
    done: usize,
    len: usize,
    hits: u64,
    /// The number of the request that comes now.
    now: u32,
}

impl Clairvoyant {
    /// An empty cache of `capacity` entries, for so many requests.
    pub fn new(capacity: usize, requests: usize) -> Self {
        Self { capacity, entries: Requests::below(requests), done: 0, len: 0, hits: 0, now: 0 }
    }

    /// Asks for the next key, whose next use is `next`: that of [`next_uses`]. Whether it was a hit.
    #[inline]
    pub fn request(&mut self, next: u32) -> bool {
        let hit = self.entries.remove(self.now);
        self.now += 1;
        if hit {
            self.hits += 1;
            self.len -= 1;
        } else if self.len == self.capacity && !self.evict() {
            return false;
        }
        self.store(next);
        hit
    }

    /// How many requests were hits.
    pub fn hits(&self) -> u64 {
        self.hits
    }

    #[inline]
    fn store(&mut self, next: u32) {
        self.len += 1;
        if next == NEVER {
            self.done += 1;
        } else {
            self.entries.insert(next);
        }
    }

    /// Whether there was an entry to evict.
    #[inline]
    fn evict(&mut self) -> bool {
        if self.len == 0 {
            return false;
        }
        self.len -= 1;
        if self.done > 0 {
            self.done -= 1;
        } else {
            self.entries.pop_last();
        }
        true
    }
}

/// Bits of a word.
const BITS: u32 = u64::BITS;

/// Numbers of requests.
#[derive(Debug)]
struct Requests {
    /// The first level has a bit for each number, each other one a bit for each word of the one before; the last has one word.
    levels: Vec<Vec<u64>>,
}

impl Requests {
    fn below(end: usize) -> Self {
        let mut levels = Vec::new();
        let mut bits = end;
        loop {
            bits = bits.div_ceil(BITS as usize).max(1);
            levels.push(vec![0; bits]);
            if bits == 1 {
                return Self { levels };
            }
        }
    }

    #[inline]
    fn insert(&mut self, number: u32) {
        let mut place = number;
        for level in &mut self.levels {
            let word = &mut level[(place / BITS) as usize];
            let was_empty = *word == 0;
            *word |= 1 << (place % BITS);
            if !was_empty {
                return;
            }
            place /= BITS;
        }
    }

    /// Whether it was there.
    #[inline]
    fn remove(&mut self, number: u32) -> bool {
        let there = self.levels[0][(number / BITS) as usize] >> (number % BITS) & 1 == 1;
        if there {
            self.clear(number);
        }
        there
    }

    #[inline]
    fn clear(&mut self, number: u32) {
        let mut place = number;
        for level in &mut self.levels {
            let word = &mut level[(place / BITS) as usize];
            *word &= !(1 << (place % BITS));
            if *word != 0 {
                return;
            }
            place /= BITS;
        }
    }

    /// Takes out the greatest, which there is.
    #[inline]
    fn pop_last(&mut self) {
        let below = |place: u32, level: &Vec<u64>| place * BITS + level[place as usize].ilog2();
        let last = self.levels.iter().rev().fold(0, below);
        self.clear(last);
    }
}
