//! Most recently used: the entry that was read or written last leaves, apart from the one that has just come.
//!
//! The opposite of `lru`, for what comes again and again in the same order over more keys than there is room for: the entry that was
//! used last is then the one whose turn is farthest away. Chou and DeWitt, "An evaluation of buffer management strategies for
//! relational database systems", VLDB 1985. On anything else it does badly.

use super::list::List;
use super::{ALL_HITS, NONE, Nodes, Policy, Slot};

/// One list, the most recently used entry at its head.
#[derive(Debug)]
pub struct Mru {
    entries: List,
    newcomer: Slot,
}

impl Policy for Mru {
    fn new(_capacity: u64, _seed: u64) -> Self {
        Self { entries: List::new(), newcomer: NONE }
    }

    fn hit_filter(&self) -> u32 {
        ALL_HITS
    }

    #[inline]
    fn insert<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.entries.push_front(nodes, slot);
        self.newcomer = slot;
    }

    #[inline]
    fn hit<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.entries.move_to_front(nodes, slot);
        self.newcomer = NONE;
    }

    #[inline]
    fn reweigh<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, before: u64) {
        self.entries.reweigh(before, nodes.weight(slot));
    }

    #[inline]
    fn remove<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.entries.remove(nodes, slot);
        if self.newcomer == slot {
            self.newcomer = NONE;
        }
    }

    #[inline]
    fn evict<N: Nodes>(&mut self, nodes: &mut N) -> Option<Slot> {
        let head = self.entries.head()?;
        let other = Some(nodes.links(head).next).filter(|&slot| head == self.newcomer && slot != NONE);
        let slot = other.unwrap_or(head);
        self.remove(nodes, slot);
        Some(slot)
    }

    fn clear(&mut self) {
        *self = Self::new(0, 0);
    }

    fn resize(&mut self, _capacity: u64) {}

    #[cfg(any(test, feature = "validate"))]
    fn validate<N: Nodes>(&self, nodes: &N, live: &[Slot]) {
        super::list::assert_same_slots(self.entries.validate(nodes), live);
    }
}
