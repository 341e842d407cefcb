//! What a policy sees of entries that have no values.

use super::Request;
use crate::clock::Tick;
use crate::policy::worth::{Cost, Optimize, Worth, worth};
use crate::policy::{Linked, Links, Nodes, Slot, UNLINKED};

/// The most reads that an entry counts.
const MOST_READS: u8 = 3;

/// An entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) key: u64,
    pub(super) weight: u64,
    /// When its life ends.
    pub(super) end: Tick,
    links: Links,
    hash: u32,
    zone: u8,
    reads: u8,
    note: u8,
    cost: Cost,
}

impl Node {
    pub(super) fn new(hash: u32, &Request { key, weight, cost, end, .. }: &Request) -> Self {
        Self { key, weight, end, cost, links: UNLINKED, hash, zone: 0, reads: 0, note: 0 }
    }
}

/// Entries in a vector, and the slots that have been left.
#[derive(Debug, Default)]
pub(super) struct Entries {
    nodes: Vec<Node>,
    vacant: Vec<Slot>,
    /// Whether entries are worth more or less than each other, and for what.
    pub(super) by_worth: Option<Optimize>,
    #[cfg(test)]
    pub(super) links_set: usize,
}

impl Entries {
    #[inline]
    pub(super) fn node(&self, slot: Slot) -> &Node {
        &self.nodes[slot as usize]
    }

    #[inline]
    pub(super) fn node_mut(&mut self, slot: Slot) -> &mut Node {
        &mut self.nodes[slot as usize]
    }

    #[inline]
    pub(super) fn place(&mut self, node: Node) -> Slot {
        if let Some(slot) = self.vacant.pop() {
            *self.node_mut(slot) = node;
            return slot;
        }
        self.nodes.push(node);
        (self.nodes.len() - 1) as Slot
    }

    #[inline]
    pub(super) fn leave(&mut self, slot: Slot) {
        self.vacant.push(slot);
    }

    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.vacant.clear();
    }

    /// Counts a read.
    #[inline]
    pub(super) fn read(&mut self, slot: Slot) {
        let reads = &mut self.node_mut(slot).reads;
        *reads = (*reads + 1).min(MOST_READS);
    }
}

impl Linked for Entries {
    fn weight(&self, slot: Slot) -> u64 {
        self.node(slot).weight
    }
    fn links(&self, slot: Slot) -> Links {
        self.node(slot).links
    }
    fn set_links(&mut self, slot: Slot, links: Links) {
        #[cfg(test)]
        {
            self.links_set += 1;
        }
        self.node_mut(slot).links = links;
    }
}

impl Nodes for Entries {
    fn hash(&self, slot: Slot) -> u32 {
        self.node(slot).hash
    }
    fn zone(&self, slot: Slot) -> u8 {
        self.node(slot).zone
    }
    fn set_zone(&mut self, slot: Slot, zone: u8) {
        debug_assert!(zone < 4, "a zone has two bits");
        self.node_mut(slot).zone = zone;
    }
    fn reads(&self, slot: Slot) -> u8 {
        self.node(slot).reads
    }
    fn take_reads(&mut self, slot: Slot) -> u8 {
        std::mem::take(&mut self.node_mut(slot).reads)
    }
    fn use_read(&mut self, slot: Slot) -> bool {
        let used = self.reads(slot) > 0;
        self.node_mut(slot).reads -= u8::from(used);
        used
    }
    fn note(&self, slot: Slot) -> u8 {
        self.node(slot).note
    }
    fn set_note(&mut self, slot: Slot, note: u8) {
        debug_assert!(note < 64, "a note has six bits");
        self.node_mut(slot).note = note;
    }
    #[inline]
    fn are_unequal(&self) -> bool {
        self.by_worth.is_some()
    }
    #[inline]
    fn worth(&self, slot: Slot) -> Worth {
        let Node { cost, weight, .. } = *self.node(slot);
        worth(if self.by_worth == Some(Optimize::Time) { cost } else { 0 }, weight)
    }
}
