//! Random replacement: an entry drawn by lot leaves.
//!
//! Hits cost nothing, there is no order that a scan could flush or an adversary could play, and the hit ratio is near
//! that of FIFO. Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal 5(2),
//! 1966.
//!
//! The slots lie densely in one column, so that a draw is an index; a second column, indexed by slot, says where
//! each one lies, so that an entry that leaves by itself is found at once. A gap is filled by the last slot.

use super::generator::Generator;
use super::{NONE, Nodes, Policy, Slot};

/// A dense column of slots, and where each slot lies in it.
#[derive(Debug)]
pub struct Random {
    slots: Vec<Slot>,
    positions: Vec<u32>,
    newcomer: Slot,
    generator: Generator,
}

impl Random {
    fn forget(&mut self, slot: Slot) {
        let position = self.positions[slot as usize];
        self.slots.swap_remove(position as usize);
        if let Some(&moved) = self.slots.get(position as usize) {
            self.positions[moved as usize] = position;
        }
        if self.newcomer == slot {
            self.newcomer = NONE;
        }
    }

    /// Draws among all but the last one, which stands in for the newcomer.
    fn draw(&mut self) -> Option<Slot> {
        let (&last, others) = self.slots.split_last()?;
        let drawn = self.generator.below(self.slots.len() - usize::from(self.newcomer != NONE));
        match others.get(drawn) {
            Some(&slot) if slot != self.newcomer => Some(slot),
            _ => Some(last),
        }
    }
}

impl Policy for Random {
    fn new(_capacity: u64, seed: u64) -> Self {
        Self { slots: Vec::new(), positions: Vec::new(), newcomer: NONE, generator: Generator::new(seed) }
    }

    #[inline]
    fn insert<N: Nodes>(&mut self, _nodes: &mut N, slot: Slot) {
        if self.positions.len() <= slot as usize {
            self.positions.resize(slot as usize + 1, NONE);
        }
        self.positions[slot as usize] = self.slots.len() as u32;
        self.slots.push(slot);
        self.newcomer = slot;
    }

    #[inline]
    fn remove<N: Nodes>(&mut self, _nodes: &mut N, slot: Slot) {
        self.forget(slot);
    }

    #[inline]
    fn evict<N: Nodes>(&mut self, _nodes: &mut N) -> Option<Slot> {
        let slot = self.draw()?;
        self.forget(slot);
        Some(slot)
    }

    fn clear(&mut self) {
        self.slots = Vec::new();
        self.positions = Vec::new();
        self.newcomer = NONE;
    }

    fn resize(&mut self, _capacity: u64) {}

    #[cfg(any(test, feature = "validate"))]
    fn validate<N: Nodes>(&self, _nodes: &N, live: &[Slot]) {
        for (position, &slot) in self.slots.iter().enumerate() {
            assert_eq!(self.positions[slot as usize] as usize, position, "slot {slot} lies elsewhere");
        }
        assert!(self.newcomer == NONE || self.slots.contains(&self.newcomer), "the newcomer has left");
        super::list::assert_same_slots(self.slots.clone(), live);
    }
}
