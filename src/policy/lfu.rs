//! Least frequently used, with ageing: the entry that was read least often leaves, where what was read long ago counts less.
//!
//! Without ageing, what was hot once stays for ever. Arlitt, Cherkasova, Dilley, Friedrich and Jin, "Evaluating content management
//! techniques for Web proxy caches", ACM SIGMETRICS Performance Evaluation Review 27(4), 2000, call this LFU with dynamic ageing: an
//! entry's *priority* is how often it was used plus the age of the cache when it was used last, and the age is the priority of what left
//! last. So time passes only as entries leave, and nothing has to be halved.
//!
//! Every operation is constant: entries of one priority are in one list, the last used at its head. A count goes up to 255, so that all
//! priorities that there are at a time lie in 256 consecutive ones, and their lists in a ring.

use super::list::List;
use super::{ALL_HITS, NONE, Nodes, Policy, Slot};

/// Lists in the ring, one for each priority that there may be at a time.
const LISTS: usize = 1 << u8::BITS;
/// Bits of a word of the map of lists that are not empty.
const BITS: usize = u64::BITS as usize;

/// How often an entry was used, up to 255, and its priority, of which the lowest bits suffice.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    frequency: u8,
    priority: u8,
}

/// A ring of lists by priority, and the use of each slot.
#[derive(Debug)]
pub struct Lfu {
    lists: Box<[List]>,
    /// A bit for each list: whether there is anything in it.
    occupied: [u64; LISTS / BITS],
    /// The priority below which there is nothing.
    age: u8,
    uses: Vec<Use>,
    newcomer: Slot,
}

impl Lfu {
    #[inline]
    fn list(&mut self, priority: u8) -> &mut List {
        &mut self.lists[priority as usize]
    }

    fn enter<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, frequency: u8) {
        let priority = self.age.wrapping_add(frequency);
        self.uses[slot as usize] = Use { frequency, priority };
        self.list(priority).push_front(nodes, slot);
        self.occupied[priority as usize / BITS] |= 1 << (priority as usize % BITS);
    }

    fn leave<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        let priority = self.uses[slot as usize].priority;
        let list = self.list(priority);
        list.remove(nodes, slot);
        if list.is_empty() {
            self.occupied[priority as usize / BITS] &= !(1 << (priority as usize % BITS));
        }
    }

    /// The lowest priority of an entry, from one on that is not above it, going round.
    fn lowest_from(&self, from: u8) -> Option<u8> {
        let (word, bit) = (from as usize / BITS, from as usize % BITS);
        let words = self.occupied.len();
        let in_first = self.occupied[word] & (u64::MAX << bit);
        let later = (1..=words).map(|step| ((word + step) % words, self.occupied[(word + step) % words]));
        let (word, bits) = std::iter::once((word, in_first)).chain(later).find(|&(_, bits)| bits != 0)?;
        Some((word * BITS + bits.trailing_zeros() as usize) as u8)
    }

    /// The least used entry that is not the newcomer, or else the newcomer.
    fn least_used(&self) -> Option<Slot> {
        let lowest = self.lowest_from(self.age)?;
        let slot = self.lists[lowest as usize].tail()?;
        if slot != self.newcomer {
            return Some(slot);
        }
        let above = self.lowest_from(lowest.wrapping_add(1))?;
        self.lists[above as usize].tail()
    }
}

impl Policy for Lfu {
    fn new(_capacity: u64, _seed: u64) -> Self {
        let lists = std::iter::repeat_n(List::new(), LISTS).collect();
        Self { lists, occupied: [0; LISTS / BITS], age: 0, uses: Vec::new(), newcomer: NONE }
    }

    fn hit_filter(&self) -> u32 {
        ALL_HITS
    }

    fn insert<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        if self.uses.len() <= slot as usize {
            self.uses.resize(slot as usize + 1, Use::default());
        }
        self.enter(nodes, slot, 1);
        self.newcomer = slot;
    }

    fn hit<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.leave(nodes, slot);
        self.enter(nodes, slot, self.uses[slot as usize].frequency.saturating_add(1));
        self.newcomer = NONE;
    }

    fn reweigh<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, before: u64) {
        self.list(self.uses[slot as usize].priority).reweigh(before, nodes.weight(slot));
    }

    fn remove<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.leave(nodes, slot);
        if self.newcomer == slot {
            self.newcomer = NONE;
        }
    }

    fn evict<N: Nodes>(&mut self, nodes: &mut N) -> Option<Slot> {
        let slot = self.least_used()?;
        self.age = self.lowest_from(self.age)?;
        self.remove(nodes, slot);
        Some(slot)
    }

    fn clear(&mut self) {
        *self = Self::new(0, 0);
    }

    fn resize(&mut self, _capacity: u64) {}

    #[cfg(any(test, feature = "validate"))]
    fn validate<N: Nodes>(&self, nodes: &N, live: &[Slot]) {
        let mut known = Vec::new();
        for (priority, list) in (0..=u8::MAX).zip(&self.lists) {
            let slots = list.validate(nodes);
            assert!(
                slots.iter().all(|&slot| self.uses[slot as usize].priority == priority),
                "a slot is in another list"
            );
            let occupied = self.occupied[priority as usize / BITS] >> (priority as usize % BITS) & 1 == 1;
            assert_eq!(occupied, !slots.is_empty(), "the map does not say whether there is anything in a list");
            known.extend(slots);
        }
        super::list::assert_same_slots(known, live);
    }
}
