//! A cache of nothing but keys, bounded by any policy.
//!
//! It decides as a cache of values would and costs a few dozen bytes an entry, so that millions of requests a second can be replayed
//! through it. Keys are 64-bit numbers: numbers of keys, or hashes.

use hashbrown::HashTable;

use super::nodes::{Entries, Node};
use crate::Error;
use crate::clock::{NEVER, Tick};
use crate::policy::generator::Generator;
use crate::policy::worth::{Cost, Optimize};
use crate::policy::{AnyPolicy, NAMES, Nodes, Slot};

/// A key that is asked for or stored at a time.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The key.
    pub key: u64,
    /// What the entry weighs.
    pub weight: u64,
    /// What its load costs.
    pub cost: Cost,
    /// When that is.
    pub now: Tick,
    /// When the entry's life ends that is stored now.
    pub end: Tick,
}

/// Keys under a policy, and how many of the requests for them were hits.
#[derive(Debug)]
pub struct Cache {
    pub(crate) policy: AnyPolicy,
    capacity: u64,
    weight: u64,
    entries: Entries,
    slots: HashTable<Slot>,
    hits: u64,
    requests: u64,
}

impl Cache {
    /// An empty cache under the policy of this name, for `capacity` in the units of weights. Equal seeds draw equal lots.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPolicy`].
    pub fn named(policy: &str, capacity: u64, seed: u64) -> Result<Self, Error> {
        let Some(policy) = AnyPolicy::named(policy, capacity, seed) else {
            return Err(Error::UnknownPolicy { name: policy.to_owned(), known: NAMES });
        };
        Ok(Self {
            policy,
            capacity,
            weight: 0,
            entries: Entries::default(),
            slots: HashTable::new(),
            hits: 0,
            requests: 0,
        })
    }

    /// The same where hits of heavy entries, or of those whose load costs little, are worth less.
    #[must_use]
    pub fn by_worth(mut self, optimize: Optimize) -> Self {
        self.entries.by_worth = Some(optimize);
        self
    }

    /// Asks for a key, and stores it with this weight if it is not there. Whether it was a hit.
    #[inline]
    pub fn request(&mut self, key: u64, weight: u64) -> bool {
        self.ask(Request { key, weight, cost: 0, now: 0, end: NEVER })
    }

    /// Asks for a key, and stores it if it is not there or its life has ended. Whether it was a hit.
    #[inline]
    pub fn ask(&mut self, request: Request) -> bool {
        let hash = hash(request.key);
        let found = self.find_alive(hash, &request);
        self.requests += 1;
        self.hits += u64::from(found.is_some());
        match found {
            Some(slot) => self.hit(slot),
            None => self.store_and_make_room(hash, &request),
        }
        found.is_some()
    }

    /// Stores a key that nobody has asked for; if it is there, it lives on until its new end.
    pub fn put(&mut self, request: Request) {
        let hash = hash(request.key);
        match self.find_alive(hash, &request) {
            Some(slot) => self.entries.node_mut(slot).end = request.end,
            None => self.store_and_make_room(hash, &request),
        }
    }

    /// Takes out every key but these.
    pub fn retain(&mut self, stays: impl Fn(u64) -> bool) {
        let keys: Vec<u64> = self.slots.iter().map(|&slot| self.entries.node(slot).key).collect();
        keys.into_iter().filter(|&key| !stays(key)).for_each(|key| _ = self.remove(key));
    }

    /// Asks for a key, as [`Cache::request`] does, without storing or counting anything.
    pub fn get(&mut self, key: u64) -> bool {
        let found = self.find(hash(key), key);
        found.into_iter().for_each(|slot| self.hit(slot));
        found.is_some()
    }

    /// Stores a key that is not there, and returns those that left for it.
    pub fn insert(&mut self, key: u64, weight: u64) -> Vec<u64> {
        self.store(hash(key), &Request { key, weight, cost: 0, now: 0, end: NEVER });
        self.make_room()
    }

    /// Whether the key is there; the policy does not hear of the question.
    pub fn contains(&self, key: u64) -> bool {
        self.find(hash(key), key).is_some()
    }

    /// Takes out the key that the policy chooses.
    pub fn evict(&mut self) -> Option<u64> {
        let slot = self.policy.evict(&mut self.entries)?;
        let key = self.entries.node(slot).key;
        self.forget(slot);
        Some(key)
    }

    /// Takes out a key, if it is there.
    pub fn remove(&mut self, key: u64) -> bool {
        let Some(slot) = self.find(hash(key), key) else { return false };
        self.policy.remove(&mut self.entries, slot);
        self.forget(slot);
        true
    }

    /// Changes the weight of a key, if it is there, and returns the keys that left for it.
    pub fn reweigh(&mut self, key: u64, weight: u64) -> Vec<u64> {
        let Some(slot) = self.find(hash(key), key) else { return Vec::new() };
        let before = std::mem::replace(&mut self.entries.node_mut(slot).weight, weight);
        self.weight = self.weight - before + weight;
        self.policy.reweigh(&mut self.entries, slot, before);
        self.make_room()
    }

    /// Changes the capacity, and returns the keys that left for it.
    pub fn resize(&mut self, capacity: u64) -> Vec<u64> {
        self.capacity = capacity;
        self.policy.resize(capacity);
        self.make_room()
    }

    /// Takes out everything; what was counted stays.
    pub fn clear(&mut self) {
        self.policy.clear();
        self.slots.clear();
        self.entries.clear();
        self.weight = 0;
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The weight of all that it holds.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// What it may hold, in the units of weights.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// How many requests were hits.
    pub fn hits(&self) -> u64 {
        self.hits
    }

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    #[inline]
    fn find(&self, hash: u64, key: u64) -> Option<Slot> {
        self.slots.find(hash, |&slot| self.entries.node(slot).key == key).copied()
    }

    #[inline]
    fn hit(&mut self, slot: Slot) {
        self.entries.read(slot);
        if self.entries.hash(slot) <= self.policy.hit_filter() {
            self.policy.hit(&mut self.entries, slot);
        }
    }

    /// Where a key is whose life goes on; one whose life has ended leaves.
    #[inline]
    fn find_alive(&mut self, hash: u64, request: &Request) -> Option<Slot> {
        let slot = self.find(hash, request.key)?;
        if self.entries.node(slot).end <= request.now {
            self.policy.remove(&mut self.entries, slot);
            self.forget(slot);
            return None;
        }
        Some(slot)
    }

    fn store_and_make_room(&mut self, hash: u64, request: &Request) {
        self.store(hash, request);
        while self.weight > self.capacity && self.evict().is_some() {}
    }

    fn store(&mut self, hash: u64, request: &Request) {
        let weight = request.weight;
        let slot = self.entries.place(Node::new(hash as u32, request));
        let entries = &self.entries;
        self.slots.insert_unique(hash, slot, |&slot| self::hash(entries.node(slot).key));
        self.weight += weight;
        self.policy.insert(&mut self.entries, slot);
    }

    /// Takes out what is too much, and returns its keys.
    fn make_room(&mut self) -> Vec<u64> {
        std::iter::from_fn(|| if self.weight > self.capacity { self.evict() } else { None }).collect()
    }

    fn forget(&mut self, slot: Slot) {
        let Node { key, weight, .. } = *self.entries.node(slot);
        if let Ok(place) = self.slots.find_entry(hash(key), |&held| held == slot) {
            place.remove();
        }
        self.weight -= weight;
        self.entries.leave(slot);
    }
}

/// Well mixed in all bits.
#[inline]
fn hash(key: u64) -> u64 {
    Generator::new(key).draw()
}

#[cfg(test)]
impl Cache {
    /// How often the policy has set links so far: what its moves cost.
    pub(crate) fn links_set(&self) -> usize {
        self.entries.links_set
    }
}

#[cfg(any(test, feature = "validate"))]
impl Cache {
    /// Panics unless table, entries and policy know the same keys, of no more weight than there is room for.
    pub fn validate(&self) {
        let live: Vec<Slot> = self.slots.iter().copied().collect();
        self.policy.validate(&self.entries, &live);
        for &slot in &live {
            let key = self.entries.node(slot).key;
            assert_eq!(self.find(hash(key), key), Some(slot), "key {key} is not where it is looked for");
        }
        let weight: u64 = live.iter().map(|&slot| self.entries.node(slot).weight).sum();
        assert_eq!(self.weight, weight, "the sum of the weights");
        assert!(weight <= self.capacity, "{weight} in a capacity of {}", self.capacity);
    }
}
