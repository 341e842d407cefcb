//! The index: finds slots by hash.
//!
//! Groups of seven places, each group one cache line: seven hashes, seven slots, and how many entries that belong here had to go
//! further. A lookup compares all hashes of a group at once, and goes on to the next group only if somebody had to. That is the layout of
//! F14 (Bronson and Shi, "Open-sourcing F14 for faster, more memory-efficient hash tables", 2019). Nothing is moved by a removal, and
//! growing needs none of the entries.
//!
//! Each hash has a home among the places of its group. Who was found elsewhere in the group by a read is moved there, so that what is
//! read often is found by one comparison, at an address that is known before the group has been read.

use crate::policy::{NONE, Slot};

/// Places in a group.
const PLACES: usize = 7;
/// All places of a group, as a mask.
const ALL: u32 = (1 << PLACES) - 1;
/// Places and a counter: as many as are compared at once.
const LANES: usize = PLACES + 1;
/// The index grows when it holds more than so many entries a group.
const CROWDED: usize = 6;

#[derive(Clone, Debug)]
#[repr(C, align(64))]
struct Group {
    /// Hashes, and behind them how many entries that belong to this group, or passed it, are in a later one.
    hashes: [u32; LANES],
    slots: [Slot; LANES],
}

impl Group {
    const VACANT: Self = Self { hashes: [0; LANES], slots: [NONE; LANES] };

    /// The places with this hash, as a mask. Vacant ones may be among them.
    #[inline(always)]
    fn with_hash(&self, hash: u32) -> u32 {
        let equal = self.hashes.map(|held| u32::from(held == hash));
        let mask = equal.into_iter().enumerate().fold(0, |mask, (place, equal)| mask | equal << place);
        mask & ALL
    }

    #[inline]
    fn gone_on(&mut self) -> &mut u32 {
        &mut self.hashes[PLACES]
    }

    /// The places with this slot, as a mask.
    #[inline(always)]
    fn with_slot(&self, slot: Slot) -> u32 {
        let equal = self.slots.map(|held| u32::from(held == slot));
        let mask = equal.into_iter().enumerate().fold(0, |mask, (place, equal)| mask | equal << place);
        mask & ALL
    }

    /// A vacant place, the home of the hash if that is one.
    #[inline]
    fn vacancy(&self, hash: u32) -> Option<usize> {
        let vacant = self.with_slot(NONE);
        let home = vacant >> home(hash) & 1;
        let first = vacant.trailing_zeros() as usize;
        (vacant != 0).then(|| if home == 1 { self::home(hash) } else { first })
    }

    #[inline]
    fn holds(&self, hash: u32, slot: Slot) -> Option<usize> {
        let place = self.with_slot(slot).trailing_zeros() as usize;
        (place < PLACES && self.hashes[place] == hash).then_some(place)
    }
}

/// The place of its group where an entry is looked for first. The group itself is chosen by the low bits.
#[inline(always)]
fn home(hash: u32) -> usize {
    ((u64::from(hash) * PLACES as u64) >> u32::BITS) as usize
}

/// Slots by hash.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// A power of two of groups, or none.
    groups: Vec<Group>,
    len: usize,
}

impl Index {
    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The slot at the home of this hash if it has the hash, else [`NONE`].
    #[inline(always)]
    pub(crate) fn at_home(&self, hash: u32) -> Slot {
        let mask = self.groups.len().wrapping_sub(1);
        match self.groups.get(hash as usize & mask) {
            Some(group) if group.hashes[home(hash)] == hash => group.slots[home(hash)],
            _ => NONE,
        }
    }

    /// Moves a slot that was inserted with this hash to its home, if it is in the same group.
    pub(crate) fn bring_home(&mut self, hash: u32, slot: Slot) {
        let mask = self.groups.len().wrapping_sub(1);
        let Some(group) = self.groups.get_mut(hash as usize & mask) else { return };
        if let Some(place) = group.holds(hash, slot) {
            group.hashes.swap(place, home(hash));
            group.slots.swap(place, home(hash));
        }
    }

    /// The slots that were inserted with this hash.
    #[inline(always)]
    pub(crate) fn slots(&self, hash: u32) -> impl Iterator<Item = Slot> {
        let mask = self.groups.len().wrapping_sub(1);
        let first = hash as usize & mask;
        let mut number = first;
        let mut group = self.groups.get(number);
        let mut places = group.map_or(0, |group| group.with_hash(hash));
        std::iter::from_fn(move || {
            loop {
                let here = group?;
                if places != 0 {
                    let place = places.trailing_zeros() as usize;
                    places &= places - 1;
                    if here.slots[place] != NONE {
                        return Some(here.slots[place]);
                    }
                    continue;
                }
                // Once around: where every group is passed by somebody, nothing else ends the search.
                if here.hashes[PLACES] == 0 || number == (first.wrapping_sub(1) & mask) {
                    return None;
                }
                number = (number + 1) & mask;
                group = self.groups.get(number);
                places = group.map_or(0, |group| group.with_hash(hash));
            }
        })
    }

    /// Adds a slot, which is not there yet.
    pub(crate) fn insert(&mut self, hash: u32, slot: Slot) {
        if self.len + 1 > self.groups.len() * CROWDED {
            self.rebuild((self.groups.len() * 2).max(1));
        }
        self.place(hash, slot);
        self.len += 1;
    }

    #[inline]
    fn place(&mut self, hash: u32, slot: Slot) {
        let mask = self.groups.len() - 1;
        let mut number = hash as usize & mask;
        loop {
            let group = &mut self.groups[number];
            if let Some(place) = group.vacancy(hash) {
                (group.hashes[place], group.slots[place]) = (hash, slot);
                return;
            }
            *group.gone_on() += 1;
            number = (number + 1) & mask;
        }
    }

    /// Removes a slot, which is there under this hash.
    pub(crate) fn remove(&mut self, hash: u32, slot: Slot) {
        let Some(mask) = self.groups.len().checked_sub(1) else { return };
        let mut number = hash as usize & mask;
        loop {
            let group = &mut self.groups[number];
            if let Some(place) = group.holds(hash, slot) {
                (group.hashes[place], group.slots[place]) = (0, NONE);
                self.len -= 1;
                return;
            }
            *group.gone_on() -= 1;
            number = (number + 1) & mask;
        }
    }

    /// Gives back memory that so few entries do not need.
    pub(crate) fn shrink(&mut self) {
        let groups = self.len.div_ceil(CROWDED).next_power_of_two();
        if groups < self.groups.len() {
            self.rebuild(groups);
        }
    }

    #[cold]
    fn rebuild(&mut self, groups: usize) {
        let before = std::mem::replace(&mut self.groups, vec![Group::VACANT; groups]);
        for group in before {
            let entries = group.hashes.into_iter().zip(group.slots);
            entries.filter(|&(_, slot)| slot != NONE).for_each(|(hash, slot)| self.place(hash, slot));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{HashMap, HashSet};

    proptest! {
        /// Hashes of few bits, which meet often, in tables small enough to wrap around.
        #[test]
        fn it_is_a_map_of_sets(steps in prop::collection::vec((any::<bool>(), 0_u32..200, any::<bool>()), 1..400)) {
            let (mut index, mut model) = (Index::default(), HashMap::<u32, HashSet<Slot>>::new());
            for (add, slot, shrink) in steps {
                let hash = [slot.wrapping_mul(0x9E37_79B9) >> 28, slot % 3, 7][slot as usize % 3] | (slot % 2) << 31;
                let slots = model.entry(hash).or_default();
                if add && slots.insert(slot) {
                    index.insert(hash, slot);
                } else if !add && slots.remove(&slot) {
                    index.remove(hash, slot);
                } else if shrink {
                    index.shrink();
                }
                for absent in [11, 23, 0x8000_000B].into_iter().filter(|hash| !model.contains_key(hash)) {
                    prop_assert_eq!(index.slots(absent).next(), None);
                }
                for (&hash, slots) in &model {
                    let found: Vec<Slot> = index.slots(hash).collect();
                    prop_assert_eq!(found.len(), slots.len());
                    if let Some(&slot) = found.last() {
                        index.bring_home(hash, slot);
                        let home = index.at_home(hash);
                        prop_assert!(home == NONE || slots.contains(&home));
                    }
                    prop_assert_eq!(&found.into_iter().collect::<HashSet<_>>(), slots);
                }
                prop_assert_eq!(index.len(), model.values().map(HashSet::len).sum::<usize>());
            }
        }
    }

    #[test]
    fn what_is_brought_home_is_found_there() {
        let mut index = Index::default();
        let hashes: Vec<u32> = (0..7).map(|number| number << 8).collect();
        hashes.iter().zip(0..).for_each(|(&hash, slot)| index.insert(hash, slot));
        for (&hash, slot) in hashes.iter().zip(0..) {
            index.bring_home(hash, slot);
            assert_eq!(index.at_home(hash), slot);
        }
        assert_eq!(hashes.iter().filter(|&&hash| index.at_home(hash) != NONE).count(), 1);
        assert!(hashes.iter().zip(0..).all(|(&hash, slot)| index.slots(hash).eq([slot])));
    }

    #[test]
    fn an_empty_index_has_no_groups_and_finds_nothing() {
        let mut index = Index::default();
        assert_eq!(index.slots(7).next(), None);
        assert_eq!(index.at_home(7), NONE);
        index.bring_home(7, 1);
        index.remove(7, 1);
        index.shrink();
        assert!(index.groups.is_empty());
    }
}
