//! ARC: what was used once and what was used again share the cache as those that came back too late say they should.
//!
//! Megiddo and Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003. Two lists in exact order of use: of what was
//! asked for once (T1 in the paper) and more than once (T2), and behind each the ghosts of what left it (B1, B2). A ghost of the first
//! that is asked for says that the first should be longer, one of the second that the second should.
//!
//! Here an entry comes in before room is made for it, so the lists are compared without the newcomer. With weights, what the paper counts
//! is weighed.

use super::ghosts::Ghosts;
use super::list::List;
use super::{ALL_HITS, NONE, Nodes, Policy, Slot};

/// The zone, and the list of ghosts, of what was asked for once.
const ONCE: u8 = 0;
/// The zone, and the list of ghosts, of what was asked for again.
const AGAIN: u8 = 1;

/// Two lists, their ghosts, and how long the first should be.
#[derive(Debug)]
pub struct Arc {
    lists: [List; 2],
    ghosts: Ghosts<2>,
    capacity: u64,
    /// The most entries that there have been at a time.
    most_entries: usize,
    /// How much of the capacity is for what was asked for once: p in the paper.
    target: f64,
    newcomer: Slot,
    /// Of which list the newcomer was a ghost.
    ghost_of: Option<u8>,
}

impl Arc {
    #[inline]
    fn enter<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, zone: u8) {
        nodes.set_zone(slot, zone);
        self.lists[zone as usize].push_front(nodes, slot);
        self.most_entries = self.most_entries.max(self.lists[0].len() + self.lists[1].len());
    }

    /// What was asked for once, without the newcomer.
    fn settled<N: Nodes>(&self, nodes: &N) -> u64 {
        let newcomer = Some(self.newcomer).filter(|&slot| slot != NONE && nodes.zone(slot) == ONCE);
        self.lists[ONCE as usize].weight() - newcomer.map_or(0, |slot| nodes.weight(slot))
    }

    /// The least recently used entry of a list that is not the newcomer.
    fn oldest(&self, zone: u8) -> Option<Slot> {
        self.lists[zone as usize].tail().filter(|&slot| slot != self.newcomer)
    }

    /// A ghost has come back: its list should be longer, the more so the shorter the list of its ghosts is.
    fn learn(&mut self, list: u8, weight: u64) {
        let ghosts = self.ghosts.weight(list) + weight;
        let step = (self.ghosts.weight(1 - list) as f64 / ghosts as f64).max(1.0) * weight as f64;
        self.target = match list {
            ONCE => (self.target + step).min(self.capacity as f64),
            _ => (self.target - step).max(0.0),
        };
    }

    /// Forgets the ghosts that are too many: the first list and its ghosts are no more than the capacity, and all together no more than
    /// twice that. However little they weigh, there are no more of them than there were entries.
    fn forget_ghosts(&mut self) {
        let (once, again) = (self.lists[ONCE as usize].weight(), self.lists[AGAIN as usize].weight());
        let most = self.capacity.saturating_sub(once);
        while self.ghosts.weight(ONCE) > most && self.ghosts.pop(ONCE).is_some() {}
        let most = self.capacity.saturating_mul(2).saturating_sub(once.saturating_add(again));
        while self.ghosts.weight(ONCE) + self.ghosts.weight(AGAIN) > most && self.ghosts.pop(AGAIN).is_some() {}
        while self.ghosts.len() > self.most_entries {
            let longer = if self.ghosts.len_of(ONCE) > self.ghosts.len_of(AGAIN) { ONCE } else { AGAIN };
            self.ghosts.pop(longer);
        }
    }

    /// The list from which an entry leaves: REPLACE in the paper.
    fn choose<N: Nodes>(&mut self, nodes: &N) -> u8 {
        let once = self.settled(nodes) as f64;
        let is_longer = once > self.target || once == self.target && self.ghost_of == Some(AGAIN);
        if once > 0.0 && is_longer { ONCE } else { AGAIN }
    }
}

impl Policy for Arc {
    fn new(capacity: u64, _seed: u64) -> Self {
        let lists = [List::new(), List::new()];
        let ghosts = Ghosts::new();
        Self { lists, ghosts, capacity, most_entries: 0, target: 0.0, newcomer: NONE, ghost_of: None }
    }

    fn hit_filter(&self) -> u32 {
        ALL_HITS
    }

    #[inline]
    fn insert<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        let ghost = self.ghosts.take(nodes.hash(slot));
        if let Some(ghost) = ghost {
            self.learn(ghost.list, ghost.weight);
        }
        self.newcomer = slot;
        self.ghost_of = ghost.map(|ghost| ghost.list);
        self.enter(nodes, slot, if ghost.is_some() { AGAIN } else { ONCE });
    }

    #[inline]
    fn hit<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        (self.newcomer, self.ghost_of) = (NONE, None);
        if nodes.zone(slot) == AGAIN {
            self.lists[AGAIN as usize].move_to_front(nodes, slot);
        } else {
            self.lists[ONCE as usize].remove(nodes, slot);
            self.enter(nodes, slot, AGAIN);
        }
    }

    #[inline]
    fn reweigh<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, before: u64) {
        self.lists[nodes.zone(slot) as usize].reweigh(before, nodes.weight(slot));
    }

    #[inline]
    fn remove<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.lists[nodes.zone(slot) as usize].remove(nodes, slot);
        if self.newcomer == slot {
            (self.newcomer, self.ghost_of) = (NONE, None);
        }
    }

    fn evict<N: Nodes>(&mut self, nodes: &mut N) -> Option<Slot> {
        let zone = self.choose(nodes);
        let other = self.oldest(zone).or_else(|| self.oldest(1 - zone));
        let slot = other.or(Some(self.newcomer).filter(|&slot| slot != NONE))?;
        if self.capacity != u64::MAX {
            self.ghosts.push(nodes.hash(slot), nodes.zone(slot), nodes.weight(slot), 0);
        }
        self.remove(nodes, slot);
        self.forget_ghosts();
        Some(slot)
    }

    fn clear(&mut self) {
        *self = Self::new(self.capacity, 0);
    }

    fn resize(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.target = self.target.min(capacity as f64);
        self.forget_ghosts();
    }

    #[cfg(any(test, feature = "validate"))]
    fn validate<N: Nodes>(&self, nodes: &N, live: &[Slot]) {
        assert!(self.target <= self.capacity as f64, "more is wanted of one list than there is room for");
        assert!(self.ghosts.len() <= self.most_entries, "more ghosts than there were entries");
        super::list::assert_zones(&self.lists, nodes, live);
    }
}
