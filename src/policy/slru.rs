//! Segmented LRU: what was read a second time is protected from what was not.
//!
//! Karedla, Love and Wherry, "Caching strategies to improve disk system performance", IEEE Computer 27(3), 1994. Two lists in exact
//! order of use: newcomers are on *probation*, what is hit there comes into the *protected* list, and what that has no room for goes
//! back to the head of the probation. What leaves is the least recently used on probation, so a scan takes nothing from the protected
//! list.

use super::list::List;
use super::{ALL_HITS, NONE, Nodes, Policy, Slot};

/// Percent of the capacity that is protected.
const PROTECTED_PERCENT: u64 = 80;

/// The zone of what was not read since it came, or was sent back.
const PROBATION: u8 = 0;
/// The zone of what was read on probation.
const PROTECTED: u8 = 1;

/// Two lists, one a zone, the most recently used entry at the head of each.
#[derive(Debug)]
pub struct Slru {
    lists: [List; 2],
    protected_share: u64,
    newcomer: Slot,
}

impl Slru {
    #[inline]
    fn list(&mut self, zone: u8) -> &mut List {
        &mut self.lists[zone as usize]
    }

    #[inline]
    fn transfer<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, zone: u8) {
        self.list(nodes.zone(slot)).remove(nodes, slot);
        nodes.set_zone(slot, zone);
        self.list(zone).push_front(nodes, slot);
    }

    /// Sends back what the protected list has no room for.
    #[inline]
    fn demote<N: Nodes>(&mut self, nodes: &mut N) {
        while self.lists[PROTECTED as usize].weight() > self.protected_share
            && let Some(slot) = self.lists[PROTECTED as usize].tail()
        {
            self.transfer(nodes, slot, PROBATION);
        }
    }

    /// The least recently used entry of a zone that is not the newcomer.
    #[inline]
    fn oldest(&self, zone: u8) -> Option<Slot> {
        self.lists[zone as usize].tail().filter(|&slot| slot != self.newcomer)
    }
}

impl Policy for Slru {
    fn new(capacity: u64, _seed: u64) -> Self {
        let mut policy = Self { lists: [List::new(), List::new()], protected_share: 0, newcomer: NONE };
        policy.resize(capacity);
        policy
    }

    fn hit_filter(&self) -> u32 {
        ALL_HITS
    }

    #[inline]
    fn insert<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        nodes.set_zone(slot, PROBATION);
        self.list(PROBATION).push_front(nodes, slot);
        self.newcomer = slot;
    }

    #[inline]
    fn hit<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.newcomer = NONE;
        if nodes.zone(slot) == PROTECTED {
            self.list(PROTECTED).move_to_front(nodes, slot);
        } else {
            self.transfer(nodes, slot, PROTECTED);
            self.demote(nodes);
        }
    }

    #[inline]
    fn reweigh<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, before: u64) {
        self.list(nodes.zone(slot)).reweigh(before, nodes.weight(slot));
    }

    #[inline]
    fn remove<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.list(nodes.zone(slot)).remove(nodes, slot);
        if self.newcomer == slot {
            self.newcomer = NONE;
        }
    }

    #[inline]
    fn evict<N: Nodes>(&mut self, nodes: &mut N) -> Option<Slot> {
        let slot = self.oldest(PROBATION).or_else(|| self.oldest(PROTECTED)).or(self.list(PROBATION).tail())?;
        self.remove(nodes, slot);
        Some(slot)
    }

    fn clear(&mut self) {
        self.lists.iter_mut().for_each(List::clear);
        self.newcomer = NONE;
    }

    fn resize(&mut self, capacity: u64) {
        self.protected_share = (u128::from(capacity) * u128::from(PROTECTED_PERCENT) / 100) as u64;
    }

    #[cfg(any(test, feature = "validate"))]
    fn validate<N: Nodes>(&self, nodes: &N, live: &[Slot]) {
        super::list::assert_zones(&self.lists, nodes, live);
    }
}
