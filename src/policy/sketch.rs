//! A count-min sketch of 4-bit counters: an estimate of how often each of very many keys was asked for lately.
//!
//! After Einziger, Friedman and Manes, "TinyLFU: a highly efficient cache admission policy", ACM Transactions on
//! Storage 13(4), 2017, on the count-min sketch of Cormode and Muthukrishnan, Journal of Algorithms 55(1), 2005.
//!
//! - A key has one counter in each of four rows, and its estimate is the smallest: others can only have raised it. Only
//!   counters below the new estimate are raised (Estan and Varghese, SIGCOMM 2002), so they disturb others less.
//! - All four lie in one block, which is one cache line (Putze, Sanders and Singler, "Cache-, hash- and space-efficient
//!   Bloom filters", 2007), so an access costs one miss of the processor's cache.
//! - What was asked for long ago is forgotten: once the sample is ten times the entries, all counters are halved.
//! - The table follows the number of entries. The block of a key is the low bits of its mixed hash, so when the table
//!   doubles, each half begins as a copy of the old table and every estimate stays what it was.
//! - The hash is mixed with a seed, so that who knows the hashes still does not know which keys share counters.

/// Entries for which the table has one block.
const ENTRIES_PER_BLOCK: usize = 16;
/// The most that a counter counts.
const MAX_COUNT: u64 = 15;
/// Accesses that are counted, for each entry, before all counters are halved.
const SAMPLE_PER_ENTRY: u64 = 10;
/// Rows of the sketch.
const ROWS: usize = 4;
/// Words of a row in a block.
const WORDS_PER_ROW: usize = WORDS / ROWS;
/// Words of a block.
const WORDS: usize = 8;
/// Bits of a counter.
const COUNTER_WIDTH: u32 = 4;
/// Counters in a word.
const COUNTERS_PER_WORD: u32 = u64::BITS / COUNTER_WIDTH;
/// Bits of a hash that choose a counter in a row: one for the word, four for the counter in it.
const BITS_PER_ROW: u32 = 5;
/// The lowest of the bits that choose counters; those below it choose the block.
const COUNTER_BITS: u32 = u64::BITS - ROWS as u32 * BITS_PER_ROW;
/// All bits of each counter but its highest.
const HALVED: u64 = 0x7777_7777_7777_7777;

/// An odd number without a pattern, by which hashes are multiplied.
const MIXING_FACTOR: u64 = 0xA076_1D64_78BD_642F;

/// One cache line of counters.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Block([u64; WORDS]);

/// The word and the shift of a key's counter in each row.
type Counters = [(usize, u32); ROWS];

/// Frequencies of keys, by their hashes.
#[derive(Clone, Debug)]
pub struct Sketch {
    blocks: Vec<Block>,
    entries: usize,
    additions: u64,
    seed: u64,
}

impl Sketch {
    /// A sketch that has no table yet, counts nothing and estimates 0.
    pub fn new(seed: u64) -> Self {
        Self { blocks: Vec::new(), entries: 0, additions: 0, seed }
    }

    /// Makes the table large enough for `entries`. Estimates stay as they are.
    #[inline]
    pub fn reserve(&mut self, entries: usize) {
        if entries > self.entries {
            self.entries = entries;
            if entries > self.blocks.len() * ENTRIES_PER_BLOCK {
                self.grow();
            }
        }
    }

    /// Lets the sample be no longer than `entries` ask for.
    pub fn limit(&mut self, entries: usize) {
        self.entries = self.entries.min(entries);
    }

    /// Counts `count` accesses.
    #[inline]
    pub fn add(&mut self, hash: u32, count: u8) {
        let mixed = self.mix(hash);
        let Some(index) = self.block_index(mixed) else { return };
        let Block(block) = &mut self.blocks[index];
        let counters = counters(mixed);
        let present = counters.map(|(word, shift)| block[word] >> shift & MAX_COUNT);
        let before = smallest(present);
        let after = (before + u64::from(count)).min(MAX_COUNT);
        if after > before {
            for ((word, shift), present) in counters.into_iter().zip(present) {
                block[word] += after.saturating_sub(present) << shift;
            }
            self.count_additions(after - before);
        }
    }

    /// How often the key was asked for lately: never too low but for ageing, and at most 15.
    #[inline]
    pub fn estimate(&self, hash: u32) -> u8 {
        let mixed = self.mix(hash);
        let Some(index) = self.block_index(mixed) else { return 0 };
        let Block(block) = &self.blocks[index];
        smallest(counters(mixed).map(|(word, shift)| block[word] >> shift & MAX_COUNT)) as u8
    }

    /// Forgets everything and gives the table back.
    pub fn clear(&mut self) {
        *self = Self::new(self.seed);
    }

    /// The bytes of the table.
    pub fn bytes(&self) -> usize {
        size_of_val(self.blocks.as_slice())
    }

    #[cold]
    fn grow(&mut self) {
        let wanted = self.entries.div_ceil(ENTRIES_PER_BLOCK).next_power_of_two();
        if self.blocks.is_empty() {
            self.blocks.resize(wanted, Block([0; WORDS]));
        }
        while self.blocks.len() < wanted {
            self.blocks.extend_from_within(..);
        }
    }

    #[inline]
    fn count_additions(&mut self, count: u64) {
        self.additions += count;
        if self.additions >= SAMPLE_PER_ENTRY * self.entries as u64 {
            self.age();
        }
    }

    /// Halves all counters.
    #[cold]
    fn age(&mut self) {
        for word in self.blocks.iter_mut().flat_map(|block| &mut block.0) {
            *word = (*word >> 1) & HALVED;
        }
        self.additions /= 2;
    }

    /// All 64 bits depend on the hash and on the seed: the halves of a long product, folded.
    #[inline]
    fn mix(&self, hash: u32) -> u64 {
        let product = u128::from(self.seed ^ u64::from(hash)) * u128::from(MIXING_FACTOR);
        product as u64 ^ (product >> u64::BITS) as u64
    }

    #[inline]
    fn block_index(&self, mixed: u64) -> Option<usize> {
        let mask = self.blocks.len().checked_sub(1)?;
        Some(mixed as usize & mask)
    }
}

#[inline]
fn counters(mixed: u64) -> Counters {
    let chosen = mixed >> COUNTER_BITS;
    std::array::from_fn(|row| {
        let bits = chosen >> (row as u32 * BITS_PER_ROW);
        let word = row * WORDS_PER_ROW + (bits as usize & (WORDS_PER_ROW - 1));
        (word, (bits >> 1) as u32 % COUNTERS_PER_WORD * COUNTER_WIDTH)
    })
}

#[inline]
fn smallest(counts: [u64; ROWS]) -> u64 {
    counts.into_iter().fold(MAX_COUNT, u64::min)
}
