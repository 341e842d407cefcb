//! Least frequently used: the entry with the fewest reads since it came leaves; of equals, the one used longest ago.
//!
//! The count is exact, is kept only while the entry is in the cache, and never ages, so an entry that was hot once
//! stays long. (For frequency that ages and outlives the entry, see `tinylfu`.)
//!
//! Every operation is constant, after Shah, Mitra and Matani, "An O(1) algorithm for implementing the LFU cache
//! eviction scheme", 2010: entries of one frequency share a *rank*, ranks form a list in ascending frequency, and a
//! hit moves its entry to the rank above, which is made if it is not there. In a rank the last used is at the head.

use super::list::List;
use super::{ALL_HITS, NONE, Nodes, Policy, Slot};

/// The place of a rank in the column of ranks.
type RankIndex = u32;

/// No rank: the end of the list of ranks.
const NO_RANK: RankIndex = RankIndex::MAX;

/// All entries of one frequency.
#[derive(Debug)]
struct Rank {
    frequency: u64,
    entries: List,
    below: RankIndex,
    above: RankIndex,
}

/// Ranks in ascending frequency, and the rank of each slot.
#[derive(Debug)]
pub struct Lfu {
    ranks: Vec<Rank>,
    vacant: Vec<RankIndex>,
    lowest: RankIndex,
    rank_of: Vec<RankIndex>,
    newcomer: Slot,
}

impl Lfu {
    fn rank(&self, index: RankIndex) -> Option<&Rank> {
        self.ranks.get(index as usize)
    }

    /// The rank of `frequency` above `below`; it is made if it is not there.
    fn rank_above(&mut self, below: RankIndex, frequency: u64) -> RankIndex {
        let above = self.rank(below).map_or(self.lowest, |rank| rank.above);
        match self.rank(above) {
            Some(rank) if rank.frequency == frequency => above,
            _ => self.make_rank(Rank { frequency, entries: List::new(), below, above }),
        }
    }

    fn make_rank(&mut self, rank: Rank) -> RankIndex {
        let (below, above) = (rank.below, rank.above);
        let index = match self.vacant.pop() {
            Some(index) => {
                self.ranks[index as usize] = rank;
                index
            }
            None => {
                self.ranks.push(rank);
                (self.ranks.len() - 1) as RankIndex
            }
        };
        self.join(below, index);
        self.join(index, above);
        index
    }

    /// Makes two ranks, or a rank and an end, neighbours.
    fn join(&mut self, below: RankIndex, above: RankIndex) {
        match self.ranks.get_mut(below as usize) {
            Some(rank) => rank.above = above,
            None => self.lowest = above,
        }
        if let Some(rank) = self.ranks.get_mut(above as usize) {
            rank.below = below;
        }
    }

    fn enter<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, index: RankIndex) {
        self.ranks[index as usize].entries.push_front(nodes, slot);
        self.rank_of[slot as usize] = index;
    }

    fn leave<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, index: RankIndex) {
        let rank = &mut self.ranks[index as usize];
        rank.entries.remove(nodes, slot);
        if rank.entries.is_empty() {
            let (below, above) = (rank.below, rank.above);
            self.join(below, above);
            self.vacant.push(index);
        }
    }

    /// The least used entry that is not the newcomer, or else the newcomer.
    fn least_used(&self) -> Option<Slot> {
        let lowest = self.rank(self.lowest)?;
        let slot = lowest.entries.tail()?;
        if slot != self.newcomer {
            return Some(slot);
        }
        self.rank(lowest.above).map_or(Some(slot), |rank| rank.entries.tail())
    }
}

impl Policy for Lfu {
    fn followed(&self) -> u32 {
        ALL_HITS
    }

    fn new(_capacity: u64, _seed: u64) -> Self {
        Self { ranks: Vec::new(), vacant: Vec::new(), lowest: NO_RANK, rank_of: Vec::new(), newcomer: NONE }
    }

    fn insert<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        if self.rank_of.len() <= slot as usize {
            self.rank_of.resize(slot as usize + 1, NO_RANK);
        }
        let index = self.rank_above(NO_RANK, 1);
        self.enter(nodes, slot, index);
        self.newcomer = slot;
    }

    fn hit<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        let index = self.rank_of[slot as usize];
        let frequency = self.ranks[index as usize].frequency + 1;
        let above = self.rank_above(index, frequency);
        self.leave(nodes, slot, index);
        self.enter(nodes, slot, above);
        self.newcomer = NONE;
    }

    fn reweigh<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, before: u64) {
        let index = self.rank_of[slot as usize];
        self.ranks[index as usize].entries.reweigh(before, nodes.weight(slot));
    }

    fn remove<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.leave(nodes, slot, self.rank_of[slot as usize]);
        if self.newcomer == slot {
            self.newcomer = NONE;
        }
    }

    fn evict<N: Nodes>(&mut self, nodes: &mut N) -> Option<Slot> {
        let slot = self.least_used()?;
        self.remove(nodes, slot);
        Some(slot)
    }

    fn clear(&mut self) {
        *self = Self::new(0, 0);
    }

    fn resize(&mut self, _capacity: u64) {}

    #[cfg(any(test, feature = "validate"))]
    fn validate<N: Nodes>(&self, nodes: &N, live: &[Slot]) {
        let mut known = Vec::new();
        let (mut below, mut index, mut count, mut frequency) = (NO_RANK, self.lowest, 0, 0);
        while let Some(rank) = self.rank(index) {
            assert!(!rank.entries.is_empty(), "a rank is empty");
            assert!(rank.frequency > frequency, "ranks do not ascend");
            assert_eq!(rank.below, below, "a rank does not link back to its neighbour");
            let slots = rank.entries.validate(nodes);
            assert!(slots.iter().all(|&slot| self.rank_of[slot as usize] == index), "a slot is in another rank");
            known.extend(slots);
            (below, index, count, frequency) = (index, rank.above, count + 1, rank.frequency);
        }
        assert_eq!(count + self.vacant.len(), self.ranks.len(), "a rank is lost");
        super::list::assert_same_slots(known, live);
    }
}
