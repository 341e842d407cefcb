//! The slab: entries by number, vacant numbers used again, and what the policy and the wheel see of them.

use hashbrown::HashMap;

use crate::clock::{NEVER, Tick};
use crate::expiry::{Lifespan, Part, TimerLinks, Wheel};
use crate::hash::shorten;
use crate::memory::entry::{Carried, Entry, Hashed};
use crate::memory::lifespans::{Deadlines, Lifespans, OwnLifespan, OwnLifespans};
use crate::memory::tags::{Epoch, Tags};
use crate::policy::worth::{Cost, Costs, Worth, worth};
use crate::policy::{Linked, Links, NONE, Nodes, Slot, UNLINKED};

/// The slab grows by this part of itself, so that little of it is ever unused.
const GROWTH: usize = 8;
const SMALLEST: usize = 16;

pub(crate) struct Slab<K, V> {
    entries: Vec<Entry<K, V>>,
    vacant: Slot,
    live: usize,
    /// Weights by slot, where entries are weighed.
    weights: Option<Vec<u64>>,
    /// What their loads cost, where that counts.
    costs: Option<Costs>,
    carriers: Carriers,
    pub(super) lifespans: Lifespans,
}

/// The tags of entries, by slot.
pub(crate) struct Carriers(HashMap<Slot, Carried, ByNumber>);

impl Carriers {
    /// Whether no tag has invalidated an entry at this epoch; notes if it is so.
    #[inline]
    pub(crate) fn spare(&mut self, slot: Slot, epoch: Epoch, tags: Option<&Tags>) -> bool {
        let Some(carried) = self.0.get_mut(&slot) else { return true };
        if carried.valid_at != epoch && tags.is_none_or(|tags| tags.spare(carried.first, carried.valid_at)) {
            carried.valid_at = epoch;
        }
        carried.valid_at == epoch
    }
}

impl<K, V> Slab<K, V> {
    pub(crate) fn new(weighed: bool, counts_costs: bool, lifespans: Lifespans) -> Self {
        Self {
            entries: Vec::new(),
            vacant: NONE,
            live: 0,
            weights: weighed.then(Vec::new),
            costs: counts_costs.then(Costs::default),
            carriers: Carriers(HashMap::with_hasher(ByNumber)),
            lifespans,
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
        if let Some(costs) = &mut self.costs {
            costs.push();
        }
        if let Some(weights) = &mut self.weights {
            weights.push(1);
        }
        length as Slot
    }

    /// Empties a slot that neither the policy nor the wheel knows any more.
    pub(crate) fn remove(&mut self, slot: Slot) -> Option<(K, V)> {
        let life = self.get(slot).life;
        if life.is_tagged() || life.is_own() {
            self.carry(slot, None);
            self.set_own(slot, None);
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

    /// The entry of a slot, which may be none, and the tags of entries.
    #[inline(always)]
    pub(crate) fn entry_mut(&mut self, slot: Slot) -> Option<(&mut Entry<K, V>, &mut Carriers)> {
        let carriers = &mut self.carriers;
        self.entries.get_mut(slot as usize).map(|entry| (entry, carriers))
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

    /// All entries, what they weigh, and what is noted of their lives; the slab is empty then.
    pub(crate) fn take_all(&mut self) -> (Vec<Entry<K, V>>, Option<Vec<u64>>, OwnLifespans) {
        self.carriers = Carriers(HashMap::with_hasher(ByNumber));
        (self.vacant, self.live) = (NONE, 0);
        let weights = self.weights.as_mut().map(std::mem::take);
        self.costs.iter_mut().for_each(Costs::clear);
        (std::mem::take(&mut self.entries), weights, self.lifespans.take_own())
    }

    pub(crate) fn set_weight(&mut self, slot: Slot, weight: u64) {
        if let Some(weights) = &mut self.weights {
            weights[slot as usize] = weight;
        }
    }

    /// The tags of an entry.
    /// Notes what the load of an entry cost, where that counts.
    #[inline]
    pub(crate) fn set_cost(&mut self, slot: Slot, nanos: u64) {
        if let Some(costs) = &mut self.costs {
            costs.set(slot, nanos);
        }
    }

    /// What the load of an entry cost, where that counts.
    #[inline]
    pub(crate) fn cost(&self, slot: Slot) -> Cost {
        self.costs.as_ref().map_or(0, |costs| costs.of(slot))
    }

    pub(crate) fn carried(&self, slot: Slot) -> Option<&Carried> {
        if self.get(slot).life.is_tagged() { self.carriers.0.get(&slot) } else { None }
    }

    pub(crate) fn carried_mut(&mut self, slot: Slot) -> Option<&mut Carried> {
        if self.get(slot).life.is_tagged() { self.carriers.0.get_mut(&slot) } else { None }
    }

    #[inline]
    pub(crate) fn carry(&mut self, slot: Slot, carried: Option<Carried>) {
        let had = self.get(slot).life.is_tagged();
        if had || carried.is_some() {
            self.get_mut(slot).life.set_tagged(carried.is_some());
            match carried {
                Some(carried) => drop(self.carriers.0.insert(slot, carried)),
                None => drop(self.carriers.0.remove(&slot)),
            }
        }
    }

    /// What an entry's life knows that does not go as usual.
    pub(crate) fn own(&self, slot: Slot) -> Option<&OwnLifespan> {
        if self.get(slot).life.is_own() { self.lifespans.own(slot) } else { None }
    }

    pub(crate) fn own_mut(&mut self, slot: Slot) -> Option<&mut OwnLifespan> {
        if self.get(slot).life.is_own() { self.lifespans.own_mut(slot) } else { None }
    }

    #[inline]
    pub(crate) fn set_own(&mut self, slot: Slot, own: Option<OwnLifespan>) {
        let had = self.get(slot).life.is_own();
        if had || own.is_some() {
            self.get_mut(slot).life.set_own(own.is_some());
            match own {
                Some(own) => self.lifespans.note(slot, own),
                None => self.lifespans.forget(slot),
            }
        }
    }

    /// Notes when an entry was stored that has no deadline: where others have their place in the wheel.
    pub(crate) fn set_created(&mut self, slot: Slot, created: Tick) {
        self.get_mut(slot).timer = Links { prev: (created >> 32) as Slot, next: created as Slot };
    }

    fn created(&self, slot: Slot) -> Tick {
        let Links { prev, next } = self.get(slot).timer;
        u64::from(prev) << 32 | u64::from(next)
    }

    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn carrier_count(&self) -> usize {
        self.carriers.0.len()
    }
}

impl<K: Hashed, V> Slab<K, V> {
    /// When an entry was stored, and what becomes of it.
    pub(crate) fn deadlines(&self, slot: Slot) -> Deadlines {
        if let Some(own) = self.own(slot) {
            return own.deadlines;
        }
        let life = self.get(slot).life;
        if life.deadline() == NEVER {
            return Deadlines { created: self.created(slot), fresh_until: NEVER, gone_at: NEVER };
        }
        self.lifespans.usual(life.kind(), life.deadline(), self.hash(slot))
    }

    /// How long an entry was to live.
    pub(crate) fn lifespan(&self, slot: Slot) -> Lifespan {
        self.own(slot).map_or_else(|| *self.lifespans.of_kind(self.get(slot).life.kind()), |own| own.lifespan)
    }

    /// When an entry leaves, or [`NEVER`].
    #[inline]
    pub(crate) fn end(&self, slot: Slot) -> Tick {
        let life = self.get(slot).life;
        let deadline = life.deadline();
        if !life.is_own() {
            let kind = self.lifespans.of_kind(life.kind());
            if deadline == NEVER || kind.grace == 0 && kind.ahead == Part::NONE {
                return deadline;
            }
            return self.lifespans.usual(life.kind(), deadline, self.hash(slot)).gone_at;
        }
        self.lifespans.own(slot).map_or(NEVER, OwnLifespan::end)
    }
}

impl<K: Hashed, V> Linked for Slab<K, V> {
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
}

impl<K: Hashed, V> Nodes for Slab<K, V> {
    #[inline]
    fn hash(&self, slot: Slot) -> u32 {
        self.get(slot).pair.as_ref().map_or(0, |(key, _)| key.hash())
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
    #[inline]
    fn use_read(&mut self, slot: Slot) -> bool {
        self.get_mut(slot).life.use_read()
    }
    #[inline]
    fn note(&self, slot: Slot) -> u8 {
        self.get(slot).life.note()
    }
    #[inline]
    fn set_note(&mut self, slot: Slot, note: u8) {
        self.get_mut(slot).life.set_note(note);
    }
    #[inline]
    fn are_unequal(&self) -> bool {
        self.weights.is_some() || self.costs.is_some()
    }
    #[inline]
    fn worth(&self, slot: Slot) -> Worth {
        worth(self.cost(slot), self.weight(slot))
    }
}

impl<K: Hashed, V> TimerLinks for Slab<K, V> {
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
        self.end(slot)
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
