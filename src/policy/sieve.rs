//! SIEVE: a queue with a hand, which takes the first entry that was not read since it last came by.
//!
//! Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is simpler than LRU: an efficient turn-key eviction algorithm for web caches",
//! NSDI 2024. A hit is a count in the entry. The hand goes from the entry that came first towards the one that came last, and entries
//! that were read stay where they are: what is new is sifted quickly, and what is read often stays. It cannot withstand scans, and
//! what comes again and again in the same order passes through.

use super::list::List;
use super::{NONE, Nodes, Policy, Slot};

/// One list, the entry that came last at its head.
#[derive(Debug)]
pub struct Sieve {
    entries: List,
    /// Where the hand goes on, or [`NONE`] for the tail.
    hand: Slot,
    newcomer: Slot,
}

impl Sieve {
    /// Where the hand is after this entry.
    #[inline]
    fn before<N: Nodes>(nodes: &N, slot: Slot) -> Slot {
        nodes.links(slot).prev
    }

    fn forget<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        if self.hand == slot {
            self.hand = Self::before(nodes, slot);
        }
        // A newcomer comes in only after the hand has moved.
        if self.hand == self.newcomer {
            self.hand = NONE;
        }
        if self.newcomer == slot {
            self.newcomer = NONE;
        }
        self.entries.remove(nodes, slot);
    }
}

impl Policy for Sieve {
    fn new(_capacity: u64, _seed: u64) -> Self {
        Self { entries: List::new(), hand: NONE, newcomer: NONE }
    }

    #[inline]
    fn insert<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.entries.push_front(nodes, slot);
        self.newcomer = slot;
    }

    #[inline]
    fn reweigh<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, before: u64) {
        self.entries.reweigh(before, nodes.weight(slot));
    }

    #[inline]
    fn remove<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.forget(nodes, slot);
    }

    #[inline]
    fn evict<N: Nodes>(&mut self, nodes: &mut N) -> Option<Slot> {
        let tail = self.entries.tail()?;
        let alone = self.entries.len() == 1;
        let mut slot = self.hand;
        loop {
            if slot == NONE {
                slot = tail;
            }
            let is_newcomer = slot == self.newcomer && !alone;
            if !is_newcomer && nodes.take_reads(slot) == 0 {
                break;
            }
            slot = Self::before(nodes, slot);
        }
        self.hand = slot;
        self.forget(nodes, slot);
        Some(slot)
    }

    fn clear(&mut self) {
        *self = Self::new(0, 0);
    }

    fn resize(&mut self, _capacity: u64) {}

    #[cfg(any(test, feature = "validate"))]
    fn validate<N: Nodes>(&self, nodes: &N, live: &[Slot]) {
        let known = self.entries.validate(nodes);
        assert!(self.hand == NONE || known.contains(&self.hand), "the hand is at an entry that is not there");
        super::list::assert_same_slots(known, live);
    }
}
