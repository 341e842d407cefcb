//! Keys that have left, in lists: what a policy remembers that has to know their exact order.
//!
//! A key is told by the 32 bits of its hash. Two that share them are taken for one another, which is as rare as one in four thousand
//! million for each pair.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::list::List;
use super::{Linked, Links, Slot, UNLINKED};

/// A key that has left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ghost {
    hash: u32,
    /// In which list it is.
    pub(super) list: u8,
    /// What the entry weighed, and at least 1.
    pub(super) weight: u64,
    /// What the policy notes of it.
    pub(super) stamp: u64,
}

/// Ghosts by their places.
#[derive(Debug, Default)]
struct Places(Vec<(Ghost, Links)>);

impl Linked for Places {
    fn weight(&self, slot: Slot) -> u64 {
        self.0[slot as usize].0.weight
    }
    fn links(&self, slot: Slot) -> Links {
        self.0[slot as usize].1
    }
    fn set_links(&mut self, slot: Slot, links: Links) {
        self.0[slot as usize].1 = links;
    }
}

/// So many lists of ghosts, the latest of each first.
#[derive(Debug)]
pub(super) struct Ghosts<const LISTS: usize> {
    lists: [List; LISTS],
    places: Places,
    vacant: Vec<Slot>,
    /// Places by hash.
    index: HashTable<Slot>,
}

impl<const LISTS: usize> Ghosts<LISTS> {
    pub(super) fn new() -> Self {
        let lists = std::array::from_fn(|_| List::new());
        Self { lists, places: Places::default(), vacant: Vec::new(), index: HashTable::new() }
    }

    /// How many there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// How many are in a list.
    #[inline]
    pub(super) fn len_of(&self, list: u8) -> usize {
        self.lists[list as usize].len()
    }

    /// The sum of the weights in a list.
    #[inline]
    pub(super) fn weight(&self, list: u8) -> u64 {
        self.lists[list as usize].weight()
    }

    /// Remembers a key as the latest of a list.
    pub(super) fn push(&mut self, hash: u32, list: u8, weight: u64, stamp: u64) {
        self.take(hash);
        let ghost = (Ghost { hash, list, weight: weight.max(1), stamp }, UNLINKED);
        let place = match self.vacant.pop() {
            Some(place) => {
                self.places.0[place as usize] = ghost;
                place
            }
            None => {
                self.places.0.push(ghost);
                (self.places.0.len() - 1) as Slot
            }
        };
        let places = &self.places.0;
        self.index.insert_unique(u64::from(hash), place, |&place| u64::from(places[place as usize].0.hash));
        self.lists[list as usize].push_front(&mut self.places, place);
    }

    /// What is remembered of a key, which is forgotten then.
    #[inline]
    pub(super) fn take(&mut self, hash: u32) -> Option<Ghost> {
        if self.index.is_empty() {
            return None;
        }
        self.forget(hash)
    }

    /// Forgets the oldest of a list, and says what it was.
    pub(super) fn pop(&mut self, list: u8) -> Option<Ghost> {
        let place = self.lists[list as usize].tail()?;
        self.forget(self.places.0[place as usize].0.hash)
    }

    fn forget(&mut self, hash: u32) -> Option<Ghost> {
        let places = &self.places.0;
        let is_it = |&place: &Slot| places[place as usize].0.hash == hash;
        let rehash = |&place: &Slot| u64::from(places[place as usize].0.hash);
        let Entry::Occupied(found) = self.index.entry(u64::from(hash), is_it, rehash) else { return None };
        let (place, _) = found.remove();
        let ghost = self.places.0[place as usize].0;
        self.lists[ghost.list as usize].remove(&mut self.places, place);
        self.vacant.push(place);
        Some(ghost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ghosts_leave_in_the_order_in_which_they_came_or_when_they_are_taken() {
        let mut ghosts = Ghosts::<2>::new();
        (0..10).for_each(|hash| ghosts.push(hash, (hash % 2) as u8, u64::from(hash), u64::from(hash) * 7));
        assert_eq!((ghosts.weight(0), ghosts.weight(1)), (1 + 2 + 4 + 6 + 8, 25));
        assert_eq!(ghosts.pop(1).map(|ghost| ghost.stamp), Some(7));
        assert_eq!(ghosts.take(5).map(|ghost| (ghost.list, ghost.stamp)), Some((1, 35)));
        assert!(ghosts.take(5).is_none());
        let rest: Vec<u64> = std::iter::from_fn(|| ghosts.pop(1)).map(|ghost| ghost.stamp / 7).collect();
        assert_eq!(rest, [3, 7, 9]);
        assert_eq!((ghosts.weight(0), ghosts.weight(1)), (21, 0));
    }

    #[test]
    fn a_key_is_remembered_once_and_its_place_is_used_again() {
        let mut ghosts = Ghosts::<2>::new();
        for round in 0..1000 {
            ghosts.push(7, (round % 2) as u8, 3, round);
            assert_eq!(ghosts.weight(0) + ghosts.weight(1), 3);
        }
        assert_eq!(ghosts.places.0.len(), 1);
    }
}
