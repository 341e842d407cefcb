//! Least recently used: the entry that was neither read nor written for longest leaves.
//!
//! The order is exact: every hit moves its entry to the head of one list. This is the policy to take when the name
//! has to promise the order, and for keys whose only pattern is recency. Belady, "A study of replacement algorithms
//! for a virtual-storage computer", IBM Systems Journal 5(2), 1966, has it among the first; Mattson, Gecsei, Slutz and
//! Traiger, "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2), 1970, show why a larger one
//! never does worse.

use super::list::List;
use super::{ALL_HITS, Nodes, Policy, Slot};

/// One list, the most recently used entry at its head.
#[derive(Debug, Default)]
pub struct Lru {
    entries: List,
}

impl Policy for Lru {
    fn hit_filter(&self) -> u32 {
        ALL_HITS
    }

    fn new(_capacity: u64, _seed: u64) -> Self {
        Self::default()
    }

    #[inline]
    fn insert<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.entries.push_front(nodes, slot);
    }

    #[inline]
    fn hit<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.entries.move_to_front(nodes, slot);
    }

    #[inline]
    fn reweigh<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, before: u64) {
        self.entries.reweigh(before, nodes.weight(slot));
    }

    #[inline]
    fn remove<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.entries.remove(nodes, slot);
    }

    #[inline]
    fn evict<N: Nodes>(&mut self, nodes: &mut N) -> Option<Slot> {
        self.entries.pop_back(nodes)
    }

    fn clear(&mut self) {
        self.entries.clear();
    }

    fn resize(&mut self, _capacity: u64) {}

    #[cfg(any(test, feature = "validate"))]
    fn validate<N: Nodes>(&self, nodes: &N, live: &[Slot]) {
        super::list::assert_same_slots(self.entries.validate(nodes), live);
    }
}
