//! First in, first out: the entry that came first leaves, however often it was read.
//!
//! Hits and overwrites change nothing. It suits data that is worth less the older it is, and it is the measure that any
//! other policy has to beat. Belady, Nelson and Shedler, "An anomaly in space-time characteristics of certain programs
//! running in a paging machine", Communications of the ACM 12(6), 1969, show that a larger one can do worse.

use super::list::List;
use super::{Nodes, Policy, Slot};

/// One list, the entry that came last at its head.
#[derive(Debug, Default)]
pub struct Fifo {
    entries: List,
}

impl Policy for Fifo {
    fn new(_capacity: u64, _seed: u64) -> Self {
        Self::default()
    }

    #[inline]
    fn insert<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.entries.push_front(nodes, slot);
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
