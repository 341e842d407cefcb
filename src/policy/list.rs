//! An intrusive doubly linked list: the order in which a policy keeps its entries.
//!
//! The links lie in the entries themselves ([`Linked::links`]), so a list is four words however long it is, and every
//! step is constant. The list also keeps the sum of the weights of what it holds, which is what a policy that divides
//! its capacity compares with a share.

use super::{Linked, Links, NONE, Slot, UNLINKED};

/// Entries from head (came or was touched last) to tail.
#[derive(Clone, Debug)]
pub struct List {
    head: Slot,
    tail: Slot,
    len: usize,
    weight: u64,
}

impl List {
    /// A list of nothing.
    pub const fn new() -> Self {
        Self { head: NONE, tail: NONE, len: 0, weight: 0 }
    }

    /// The number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The sum of the entries' weights.
    #[inline]
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// The entry at the head.
    #[inline]
    pub fn head(&self) -> Option<Slot> {
        (self.head != NONE).then_some(self.head)
    }

    /// The entry at the tail.
    #[inline]
    pub fn tail(&self) -> Option<Slot> {
        (self.tail != NONE).then_some(self.tail)
    }

    /// Puts an entry that is in no list at the head.
    #[inline]
    pub fn push_front<N: Linked>(&mut self, nodes: &mut N, slot: Slot) {
        self.link_front(nodes, slot);
        self.len += 1;
        self.weight += nodes.weight(slot);
    }

    /// Takes out an entry of this list.
    #[inline]
    pub fn remove<N: Linked>(&mut self, nodes: &mut N, slot: Slot) {
        self.unlink(nodes, slot);
        nodes.set_links(slot, UNLINKED);
        self.len -= 1;
        self.weight -= nodes.weight(slot);
    }

    /// Moves an entry of this list to the head.
    #[inline]
    pub fn move_to_front<N: Linked>(&mut self, nodes: &mut N, slot: Slot) {
        if self.head != slot {
            self.unlink(nodes, slot);
            self.link_front(nodes, slot);
        }
    }

    /// Takes out the entry at the tail.
    #[inline]
    pub fn pop_back<N: Linked>(&mut self, nodes: &mut N) -> Option<Slot> {
        let slot = self.tail()?;
        self.remove(nodes, slot);
        Some(slot)
    }

    /// An entry of this list weighed `before` and now weighs `after`.
    #[inline]
    pub fn reweigh(&mut self, before: u64, after: u64) {
        self.weight = self.weight - before + after;
    }

    /// Forgets all entries without touching them.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// The entries from head to tail.
    pub fn iter<N: Linked>(&self, nodes: &N) -> impl Iterator<Item = Slot> {
        let following = |slot: Slot| (slot != NONE).then_some(slot);
        std::iter::successors(following(self.head), move |&slot| following(nodes.links(slot).next))
    }

    #[inline]
    fn link_front<N: Linked>(&mut self, nodes: &mut N, slot: Slot) {
        nodes.set_links(slot, Links { prev: NONE, next: self.head });
        if self.head == NONE {
            self.tail = slot;
        } else {
            let after = nodes.links(self.head).next;
            nodes.set_links(self.head, Links { prev: slot, next: after });
        }
        self.head = slot;
    }

    #[inline]
    fn unlink<N: Linked>(&mut self, nodes: &mut N, slot: Slot) {
        let Links { prev, next } = nodes.links(slot);
        if prev == NONE {
            self.head = next;
        } else {
            let before = nodes.links(prev).prev;
            nodes.set_links(prev, Links { prev: before, next });
        }
        if next == NONE {
            self.tail = prev;
        } else {
            let after = nodes.links(next).next;
            nodes.set_links(next, Links { prev, next: after });
        }
    }
}

impl Default for List {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(any(test, feature = "validate"))]
impl List {
    /// The entries from head to tail; panics unless the links are closed both ways and the sums are true.
    pub fn validate<N: Linked>(&self, nodes: &N) -> Vec<Slot> {
        let slots: Vec<Slot> = self.iter(nodes).take(self.len + 1).collect();
        assert_eq!(slots.len(), self.len, "a list's length is not the number of its entries");
        assert_eq!(slots.last().copied().unwrap_or(NONE), self.tail, "a list does not end at its tail");
        let weight: u64 = slots.iter().map(|&slot| nodes.weight(slot)).sum();
        assert_eq!(weight, self.weight, "a list's weight is not the sum of its entries' weights");
        let mut prev = NONE;
        for &slot in &slots {
            assert_eq!(nodes.links(slot).prev, prev, "slot {slot} does not link back to its neighbour");
            prev = slot;
        }
        slots
    }
}

/// Panics unless the lists are closed, each holds the entries of the zone of its number, and together they hold the live slots, each once.
#[cfg(any(test, feature = "validate"))]
pub fn assert_zones<N: super::Nodes>(lists: &[List], nodes: &N, live: &[Slot]) {
    let mut known = Vec::new();
    for (zone, list) in (0..).zip(lists) {
        let slots = list.validate(nodes);
        assert!(slots.iter().all(|&slot| nodes.zone(slot) == zone), "an entry is in another zone than it says");
        known.extend(slots);
    }
    assert_same_slots(known, live);
}

/// Panics unless `known` and `live` are the same slots, each once.
#[cfg(any(test, feature = "validate"))]
pub fn assert_same_slots(mut known: Vec<Slot>, live: &[Slot]) {
    let mut live = live.to_vec();
    known.sort_unstable();
    live.sort_unstable();
    assert!(live.windows(2).all(|pair| pair[0] < pair[1]), "a slot is live twice");
    assert_eq!(known, live, "the policy does not know exactly the live slots");
}
