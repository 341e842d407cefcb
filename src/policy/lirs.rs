//! LIRS: what was used twice within a short while stays, whenever its last use was.
//!
//! Jiang and Zhang, "LIRS: an efficient low inter-reference recency set replacement policy to improve buffer cache performance",
//! SIGMETRICS 2002. Nearly all of the cache is for the *hot* (LIR in the paper), a hundredth is a queue of the *cold* (resident HIR) on
//! their way out. A cold key that is asked for again before the hot one that was not used for longest (so it is still in the paper's
//! stack S) is hotter than that, and they change places.
//!
//! The stack is not kept: each key has the stamp of its last use, and is in the stack as long as that is later than the one of the hot
//! entry at its bottom. So a hot entry is in one list and a cold one in the other, and to prune the stack costs nothing. Keys of the
//! stack that have left are ghosts; stack and queue together have at most twice as many keys as the cache, as in the authors' later code.

use super::ghosts::Ghosts;
use super::list::List;
use super::{ALL_HITS, NONE, Nodes, Policy, Slot};

/// One part of so many is for the cold.
const COLD_PART: u64 = 100;
/// Keys that are known, whether here or not, as a multiple of the capacity.
const KNOWN_PER_CAPACITY: u64 = 2;

/// The zone of what stays: by last use, the latest at the head.
const HOT: u8 = 0;
/// The zone of what is on its way out: a queue.
const COLD: u8 = 1;
/// The one list of ghosts.
const GONE: u8 = 0;

/// Two lists, ghosts, and when each slot was last used.
#[derive(Debug)]
pub struct Lirs {
    lists: [List; 2],
    ghosts: Ghosts<1>,
    /// By slot.
    stamps: Vec<u64>,
    now: u64,
    capacity: u64,
    hot_share: u64,
    newcomer: Slot,
}

impl Lirs {
    #[inline]
    fn enter<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, zone: u8) {
        nodes.set_zone(slot, zone);
        self.lists[zone as usize].push_front(nodes, slot);
    }

    #[inline]
    fn transfer<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, zone: u8) {
        self.lists[nodes.zone(slot) as usize].remove(nodes, slot);
        self.enter(nodes, slot, zone);
    }

    #[inline]
    fn stamp(&mut self, slot: Slot) {
        self.now += 1;
        self.stamps[slot as usize] = self.now;
    }

    /// Whether a key of this last use is in the stack.
    #[inline]
    fn is_in_stack(&self, stamp: u64) -> bool {
        self.lists[HOT as usize].tail().is_none_or(|bottom| stamp > self.stamps[bottom as usize])
    }

    /// Puts an entry among the hot, and as many as there is no room for among the cold.
    fn heat<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.enter(nodes, slot, HOT);
        while self.lists[HOT as usize].weight() > self.hot_share
            && let Some(bottom) = self.lists[HOT as usize].tail()
        {
            self.transfer(nodes, bottom, COLD);
            if bottom == slot {
                break;
            }
        }
    }

    /// The end of a list that is not the newcomer.
    fn oldest<N: Nodes>(&self, nodes: &N, zone: u8) -> Option<Slot> {
        let tail = self.lists[zone as usize].tail()?;
        let other = if tail == self.newcomer { nodes.links(tail).prev } else { tail };
        Some(other).filter(|&slot| slot != NONE)
    }

    fn forget_ghosts(&mut self) {
        let entries = self.lists[HOT as usize].weight().saturating_add(self.lists[COLD as usize].weight());
        let most = self.capacity.saturating_mul(KNOWN_PER_CAPACITY).saturating_sub(entries);
        // There is a stamp for each entry that there has been room for: however little ghosts weigh, they are no more than that.
        let is_too_much = |ghosts: &Ghosts<1>| ghosts.weight(GONE) > most || ghosts.len_of(GONE) > self.stamps.len();
        while is_too_much(&self.ghosts) && self.ghosts.pop(GONE).is_some() {}
    }
}

impl Policy for Lirs {
    fn new(capacity: u64, _seed: u64) -> Self {
        let mut policy = Self {
            lists: [List::new(), List::new()],
            ghosts: Ghosts::new(),
            stamps: Vec::new(),
            now: 0,
            capacity,
            hot_share: 0,
            newcomer: NONE,
        };
        policy.resize(capacity);
        policy
    }

    fn hit_filter(&self) -> u32 {
        ALL_HITS
    }

    fn insert<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        if self.stamps.len() <= slot as usize {
            self.stamps.resize(slot as usize + 1, 0);
        }
        let ghost = self.ghosts.take(nodes.hash(slot));
        self.newcomer = slot;
        let was_in_stack = ghost.is_some_and(|ghost| self.is_in_stack(ghost.stamp));
        let there_is_room = self.lists[HOT as usize].weight().saturating_add(nodes.weight(slot)) <= self.hot_share;
        self.stamp(slot);
        if was_in_stack || there_is_room {
            self.heat(nodes, slot);
        } else {
            self.enter(nodes, slot, COLD);
        }
    }

    fn hit<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.newcomer = NONE;
        let zone = nodes.zone(slot);
        let was_in_stack = self.is_in_stack(self.stamps[slot as usize]);
        self.stamp(slot);
        if zone == COLD && was_in_stack {
            self.lists[COLD as usize].remove(nodes, slot);
            self.heat(nodes, slot);
        } else {
            self.lists[zone as usize].move_to_front(nodes, slot);
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
            self.newcomer = NONE;
        }
    }

    fn evict<N: Nodes>(&mut self, nodes: &mut N) -> Option<Slot> {
        let other = self.oldest(nodes, COLD).or_else(|| self.oldest(nodes, HOT));
        let slot = other.or(Some(self.newcomer).filter(|&slot| slot != NONE))?;
        let stamp = self.stamps[slot as usize];
        if nodes.zone(slot) == COLD && self.capacity != u64::MAX && self.is_in_stack(stamp) {
            self.ghosts.push(nodes.hash(slot), GONE, nodes.weight(slot), stamp);
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
        self.hot_share = capacity - (capacity / COLD_PART).max(1).min(capacity);
        self.forget_ghosts();
    }

    #[cfg(any(test, feature = "validate"))]
    fn validate<N: Nodes>(&self, nodes: &N, live: &[Slot]) {
        super::list::assert_zones(&self.lists, nodes, live);
        assert!(self.ghosts.len_of(GONE) <= self.stamps.len(), "more ghosts than there were entries");
        let hot = self.lists[HOT as usize].validate(nodes);
        let stamps: Vec<u64> = hot.iter().map(|&slot| self.stamps[slot as usize]).collect();
        assert!(
            stamps.is_sorted_by(|later, earlier| later > earlier),
            "the hot are not in the order of their last use"
        );
    }
}
