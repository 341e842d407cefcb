//! The slab: entries by number, vacant numbers used again, and what the policy and the wheel see of them.

use hashbrown::HashMap;

use crate::clock::{NEVER, Tick};
use crate::expiry::{TimerLinks, Wheel};
use crate::hash::shorten;
use crate::memory::entry::{Entry, Extra, Hashed};
use crate::memory::tags::{Epoch, Tags};
use crate::policy::{Links, NONE, Nodes, Slot, UNLINKED};

/// The slab grows by this part of itself, so that little of it is ever unused.
const GROWTH: usize = 8;
const SMALLEST: usize = 16;

pub(crate) struct Slab<K, V> {
    entries: Vec<Entry<K, V>>,
    vacant: Slot,
    live: usize,
    /// Weights by slot, where entries are weighed.
    weights: Option<Vec<u64>>,
    extras: Extras,
}

/// What few entries have, by slot.
pub(crate) struct Extras(HashMap<Slot, Extra, ByNumber>);

impl Extras {
    #[inline]
    pub(crate) fn get(&self, slot: Slot) -> Option<&Extra> {
        self.0.get(&slot)
    }

    /// Whether no tag has killed an entry at this epoch, and a read means no more to it than a count; notes the former.
    #[inline]
    pub(crate) fn allow(&mut self, slot: Slot, epoch: Epoch, tags: Option<&Tags>) -> bool {
        let Some(extra) = self.0.get_mut(&slot) else { return true };
        if extra.alive != epoch && extra.tags != NONE && tags.is_some_and(|tags| tags.spare(extra.tags, extra.alive)) {
            extra.alive = epoch;
        }
        extra.idle == NEVER && (extra.alive == epoch || extra.tags == NONE)
    }
}

impl<K, V> Slab<K, V> {
    pub(crate) fn new(weighed: bool) -> Self {
        Self {
            entries: Vec::new(),
            vacant: NONE,
            live: 0,
            weights: weighed.then(Vec::new),
            extras: Extras(HashMap::with_hasher(ByNumber)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }

    pub(crate) fn is_weighed(&self) -> bool {
        self.weights.is_some()
    }

    /// Starts to weigh entries; those that are there weigh 1.
    pub(crate) fn weigh(&mut self) {
        let count = self.entries.len();
        self.weights.get_or_insert_with(|| vec![1; count]);
    }

    /// Whether another entry has no number left.
    pub(crate) fn is_full(&self) -> bool {
        self.vacant == NONE && self.entries.len() > Wheel::MAX_SLOT as usize
    }

    pub(crate) fn insert(&mut self, entry: Entry<K, V>) -> Slot {
        self.live += 1;
        let slot = self.vacant;
        if slot == NONE {
            return self.append(entry);
        }
        let place = &mut self.entries[slot as usize];
        self.vacant = place.timer.next;
        *place = entry;
        slot
    }

    fn append(&mut self, entry: Entry<K, V>) -> Slot {
        let length = self.entries.len();
        if length == self.entries.capacity() {
            self.entries.reserve_exact((length / GROWTH).max(SMALLEST));
        }
        self.entries.push(entry);
        if let Some(weights) = &mut self.weights {
            weights.push(1);
        }
        length as Slot
    }

    /// Empties a slot that neither the policy nor the wheel knows any more.
    pub(crate) fn remove(&mut self, slot: Slot) -> Option<(K, V)> {
        if self.get(slot).life.has_extra() {
            self.extras.0.remove(&slot);
        }
        let vacant = self.vacant;
        let entry = self.get_mut(slot);
        let pair = entry.pair.take();
        entry.timer = Links { prev: NONE, next: vacant };
        entry.policy = UNLINKED;
        self.vacant = slot;
        self.live -= 1;
        pair
    }

    #[inline]
    pub(crate) fn get(&self, slot: Slot) -> &Entry<K, V> {
        &self.entries[slot as usize]
    }

    /// The entry of a slot, which may be none, and what few entries have.
    #[inline(always)]
    pub(crate) fn entry_mut(&mut self, slot: Slot) -> Option<(&mut Entry<K, V>, &mut Extras)> {
        let extras = &mut self.extras;
        self.entries.get_mut(slot as usize).map(|entry| (entry, extras))
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: Slot) -> &mut Entry<K, V> {
        &mut self.entries[slot as usize]
    }

    pub(crate) fn value(&self, slot: Slot) -> Option<&V> {
        self.get(slot).pair.as_ref().map(|(_, value)| value)
    }

    /// The entries of all slots, vacant ones included.
    pub(crate) fn entries(&self) -> &[Entry<K, V>] {
        &self.entries
    }

    /// All entries, and what they weigh; the slab is empty then.
    pub(crate) fn take_all(&mut self) -> (Vec<Entry<K, V>>, Option<Vec<u64>>) {
        let emptied = std::mem::replace(self, Self::new(self.is_weighed()));
        (emptied.entries, emptied.weights)
    }

    pub(crate) fn set_weight(&mut self, slot: Slot, weight: u64) {
        if let Some(weights) = &mut self.weights {
            weights[slot as usize] = weight;
        }
    }

    pub(crate) fn extra(&self, slot: Slot) -> Option<&Extra> {
        self.extras.get(slot)
    }

    pub(crate) fn extra_mut(&mut self, slot: Slot) -> Option<&mut Extra> {
        self.extras.0.get_mut(&slot)
    }

    pub(crate) fn set_extra(&mut self, slot: Slot, extra: Option<Extra>) {
        let had = self.get(slot).life.has_extra();
        self.get_mut(slot).life.set_extra(extra.is_some());
        match extra {
            Some(extra) => drop(self.extras.0.insert(slot, extra)),
            None if had => drop(self.extras.0.remove(&slot)),
            None => {}
        }
    }

    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn extra_count(&self) -> usize {
        self.extras.0.len()
    }
}

impl<K: Hashed, V> Nodes for Slab<K, V> {
    #[inline]
    fn hash(&self, slot: Slot) -> u32 {
        self.get(slot).pair.as_ref().map_or(0, |(key, _)| key.hash())
    }
    #[inline]
    fn weight(&self, slot: Slot) -> u64 {
        self.weights.as_ref().map_or(1, |weights| weights[slot as usize])
    }
    #[inline]
    fn links(&self, slot: Slot) -> Links {
        self.get(slot).policy
    }
    #[inline]
    fn set_links(&mut self, slot: Slot, links: Links) {
        self.get_mut(slot).policy = links;
    }
    #[inline]
    fn zone(&self, slot: Slot) -> u8 {
        self.get(slot).life.zone()
    }
    #[inline]
    fn set_zone(&mut self, slot: Slot, zone: u8) {
        self.get_mut(slot).life.set_zone(zone);
    }
    #[inline]
    fn reads(&self, slot: Slot) -> u8 {
        self.get(slot).life.reads()
    }
    #[inline]
    fn take_reads(&mut self, slot: Slot) -> u8 {
        self.get_mut(slot).life.take_reads()
    }
}

impl<K, V> TimerLinks for Slab<K, V> {
    #[inline]
    fn timer(&self, slot: Slot) -> Links {
        self.get(slot).timer
    }
    #[inline]
    fn set_timer(&mut self, slot: Slot, links: Links) {
        self.get_mut(slot).timer = links;
    }
    #[inline]
    fn deadline(&self, slot: Slot) -> Tick {
        self.get(slot).life.deadline()
    }
}

/// Hashes slot numbers, which nobody outside chooses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ByNumber;

impl std::hash::BuildHasher for ByNumber {
    type Hasher = NumberHasher;
    fn build_hasher(&self) -> NumberHasher {
        NumberHasher(0)
    }
}

pub(crate) struct NumberHasher(u64);

impl std::hash::Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte) ^ shorten(self.0));
        }
    }
    fn write_u32(&mut self, number: u32) {
        self.0 = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
