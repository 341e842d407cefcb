//! Small caches of nothing but hashes, which show how rules would do.
//!
//! Each follows a rule of its own over a sample of the keys, chosen by hash, and is as much smaller than the cache as the sample is
//! smaller than all: its hit ratio is then close to that of the whole cache under that rule. Waldspurger, Park, Garthwaite and
//! Ahmad, "Efficient MRC construction with SHARDS", FAST 2015, and, for other policies than LRU, Waldspurger, Saemundsson, Ahmad and
//! Park, "Cache modeling and optimization using miniature simulations", USENIX ATC 2017.

use super::segments::{Rule, Segments};
use super::worth::Worth;
use super::{Linked, Links, NONE, Nodes, Slot};

/// A shadow has one entry for so many of the cache, within bounds.
const ENTRIES_PER_ENTRY: u64 = 16;
/// The same where that makes it smaller than is enough to tell rules apart; more of the requests would cost too much.
const ENTRIES_PER_ENTRY_OF_SMALL: u64 = 8;
/// Entries that are enough.
const ENOUGH: u64 = 64;
/// Entries of the smallest shadow.
const FEWEST: u64 = 32;
/// Entries of the largest shadow.
const MOST: u64 = 128;
/// The most reads that an entry counts, as in the cache.
const MOST_READS: u8 = 3;

/// No slot, among slots of eight bits.
const NOWHERE: u8 = u8::MAX;

/// What a shadow knows of an entry, in four bytes.
#[derive(Clone, Copy, Debug)]
struct Node {
    prev: u8,
    next: u8,
    /// Zone (2 bits) and reads (2).
    state: u8,
    note: u8,
    worth: Worth,
}

const READS_SHIFT: u32 = 2;
const ZONE: u8 = 0b11;

/// The entries of a shadow.
#[derive(Debug)]
struct Entries {
    /// By slot, apart from the rest, so that few cache lines are looked through.
    hashes: Vec<u32>,
    nodes: Vec<Node>,
    /// Whether some are worth more than others.
    are_unequal: bool,
    /// A slot that has been left and may be used.
    vacant: Option<Slot>,
}

impl Linked for Entries {
    fn weight(&self, _slot: Slot) -> u64 {
        1
    }
    fn links(&self, slot: Slot) -> Links {
        let Node { prev, next, .. } = self.nodes[slot as usize];
        Links { prev: wide(prev), next: wide(next) }
    }
    fn set_links(&mut self, slot: Slot, links: Links) {
        let node = &mut self.nodes[slot as usize];
        (node.prev, node.next) = (narrow(links.prev), narrow(links.next));
    }
}

impl Nodes for Entries {
    fn hash(&self, slot: Slot) -> u32 {
        self.hashes[slot as usize]
    }
    fn zone(&self, slot: Slot) -> u8 {
        self.nodes[slot as usize].state & ZONE
    }
    fn set_zone(&mut self, slot: Slot, zone: u8) {
        let state = &mut self.nodes[slot as usize].state;
        *state = *state & !ZONE | zone;
    }
    fn reads(&self, slot: Slot) -> u8 {
        self.nodes[slot as usize].state >> READS_SHIFT
    }
    fn take_reads(&mut self, slot: Slot) -> u8 {
        let reads = self.reads(slot);
        self.nodes[slot as usize].state &= ZONE;
        reads
    }
    fn use_read(&mut self, slot: Slot) -> bool {
        let used = self.reads(slot) > 0;
        self.nodes[slot as usize].state -= u8::from(used) << READS_SHIFT;
        used
    }
    fn note(&self, slot: Slot) -> u8 {
        self.nodes[slot as usize].note
    }
    fn set_note(&mut self, slot: Slot, note: u8) {
        self.nodes[slot as usize].note = note;
    }
    fn are_unequal(&self) -> bool {
        self.are_unequal
    }
    fn worth(&self, slot: Slot) -> Worth {
        self.nodes[slot as usize].worth
    }
}

fn wide(slot: u8) -> Slot {
    if slot == NOWHERE { NONE } else { Slot::from(slot) }
}

fn narrow(slot: Slot) -> u8 {
    if slot == NONE { NOWHERE } else { slot as u8 }
}

impl Entries {
    fn with_capacity(entries: usize) -> Self {
        Self {
            hashes: Vec::with_capacity(entries),
            nodes: Vec::with_capacity(entries),
            are_unequal: false,
            vacant: None,
        }
    }

    /// Counts a read.
    fn read(&mut self, slot: Slot) {
        if self.reads(slot) < MOST_READS {
            self.nodes[slot as usize].state += 1 << READS_SHIFT;
        }
    }

    /// Where the entry of a hash is. A slot that has been left is taken again before the next look.
    #[inline]
    fn find(&self, hash: u32) -> Option<Slot> {
        let slot = self.hashes.iter().position(|&held| held == hash)? as Slot;
        (self.vacant != Some(slot)).then_some(slot)
    }

    fn place(&mut self, hash: u32, worth: Worth) -> Slot {
        let node = Node { prev: NOWHERE, next: NOWHERE, state: 0, note: 0, worth };
        if let Some(slot) = self.vacant.take() {
            self.hashes[slot as usize] = hash;
            self.nodes[slot as usize] = node;
            return slot;
        }
        self.hashes.push(hash);
        self.nodes.push(node);
        (self.hashes.len() - 1) as Slot
    }
}

/// A key that was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) hash: u32,
    /// What its entry is worth, where that differs.
    pub(super) worth: Option<Worth>,
    /// What a hit counts.
    pub(super) counts: f32,
}

/// One small cache.
#[derive(Debug)]
struct Shadow {
    segments: Segments,
    entries: Entries,
    /// Its hits, of which those of long ago count less.
    score: f32,
}

impl Shadow {
    fn access(&mut self, request: &Asked) {
        if let Some(slot) = self.entries.find(request.hash) {
            self.entries.read(slot);
            self.score += request.counts;
            return;
        }
        self.entries.are_unequal = request.worth.is_some();
        let slot = self.entries.place(request.hash, request.worth.unwrap_or_default());
        self.segments.insert(&mut self.entries, slot);
        if self.segments.len() as u64 > self.segments.capacity() {
            self.entries.vacant = self.segments.evict(&mut self.entries);
        }
    }
}

/// A shadow for each rule.
#[derive(Debug)]
pub(super) struct Shadows {
    shadows: Vec<Shadow>,
    /// Hashes up to this are the sample.
    highest: u32,
    /// The entries of the cache that they are shadows of.
    entries: u64,
}

impl Shadows {
    /// Shadows of a cache of so many entries.
    pub(super) fn of(entries: u64, rules: &[Rule], seed: u64) -> Self {
        let capacity = (entries / ENTRIES_PER_ENTRY_OF_SMALL)
            .clamp(FEWEST, ENOUGH)
            .max(entries / ENTRIES_PER_ENTRY)
            .min(MOST)
            .min(entries.max(1));
        let highest =
            ((u128::from(capacity) << u32::BITS) / u128::from(entries.max(1))).min(u128::from(u32::MAX)) as u32;
        let shadow = |(number, rule): (usize, &Rule)| Shadow {
            segments: Segments::new(capacity, *rule, seed.wrapping_add(number as u64)),
            entries: Entries::with_capacity(capacity as usize + 1),
            score: 0.0,
        };
        Self { shadows: rules.iter().enumerate().map(shadow).collect(), highest, entries }
    }

    /// Whether they are shadows of a cache that was at least twice as large or small.
    pub(super) fn are_of_another_size(&self, entries: u64) -> bool {
        entries > 2 * self.entries || entries < self.entries / 2
    }

    /// Hashes up to this are the sample.
    pub(super) fn sample(&self) -> u32 {
        self.highest
    }

    /// A key of this hash was asked for.
    #[inline]
    pub(super) fn access(&mut self, request: &Asked) {
        self.shadows.iter_mut().for_each(|shadow| shadow.access(request));
    }

    /// The number of the rule that does best, which is the present one unless another is better by this part; what was until now
    /// counts by so much less from now on.
    pub(super) fn best(&mut self, present: usize, better_by: f32, decay: f32) -> usize {
        let mut best = (present, self.shadows[present].score * (1.0 + better_by) + 1.0);
        for (number, shadow) in self.shadows.iter_mut().enumerate() {
            if shadow.score > best.1 {
                best = (number, shadow.score);
            }
            shadow.score *= decay;
        }
        best.0
    }

    /// The bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |shadow: &Shadow| {
            shadow.segments.bytes()
                + shadow.entries.hashes.capacity() * size_of::<u32>()
                + shadow.entries.nodes.capacity() * size_of::<Node>()
                + size_of::<Shadow>()
        };
        self.shadows.iter().map(bytes).sum()
    }
}
