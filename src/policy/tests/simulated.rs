//! A cache without values: a vector of nodes, and any policy over it.

use std::collections::HashMap;

use crate::policy::generator::Generator;
use crate::policy::{AnyPolicy, Linked, Links, Nodes, Slot, UNLINKED};

/// What a policy sees of an entry.
#[derive(Clone, Debug)]
struct Node {
    hash: u32,
    weight: u64,
    links: Links,
    zone: u8,
    reads: u8,
    note: u8,
}

/// Entries in a vector.
#[derive(Debug, Default)]
struct Vector {
    nodes: Vec<Node>,
    /// How often links were set.
    links_set: usize,
}

impl Vector {
    fn node(&self, slot: Slot) -> &Node {
        &self.nodes[slot as usize]
    }
    fn node_mut(&mut self, slot: Slot) -> &mut Node {
        &mut self.nodes[slot as usize]
    }
}

impl Linked for Vector {
    fn weight(&self, slot: Slot) -> u64 {
        self.node(slot).weight
    }
    fn links(&self, slot: Slot) -> Links {
        self.node(slot).links
    }
    fn set_links(&mut self, slot: Slot, links: Links) {
        self.links_set += 1;
        self.node_mut(slot).links = links;
    }
}

impl Nodes for Vector {
    fn hash(&self, slot: Slot) -> u32 {
        self.node(slot).hash
    }
    fn zone(&self, slot: Slot) -> u8 {
        self.node(slot).zone
    }
    fn set_zone(&mut self, slot: Slot, zone: u8) {
        assert!(zone < 4, "a zone has two bits");
        self.node_mut(slot).zone = zone;
    }
    fn reads(&self, slot: Slot) -> u8 {
        self.node(slot).reads
    }
    fn take_reads(&mut self, slot: Slot) -> u8 {
        std::mem::take(&mut self.node_mut(slot).reads)
    }
    fn use_read(&mut self, slot: Slot) -> bool {
        let used = self.node(slot).reads > 0;
        self.node_mut(slot).reads -= u8::from(used);
        used
    }
    fn note(&self, slot: Slot) -> u8 {
        self.node(slot).note
    }
    fn set_note(&mut self, slot: Slot, note: u8) {
        assert!(note < 64, "a note has six bits");
        self.node_mut(slot).note = note;
    }
}

/// Keys in slots, bounded by a policy.
#[derive(Debug)]
pub(super) struct Simulated {
    pub(super) policy: AnyPolicy,
    capacity: u64,
    weight: u64,
    nodes: Vector,
    keys: Vec<u64>,
    vacant: Vec<Slot>,
    slots: HashMap<u64, Slot>,
}

impl Simulated {
    pub(super) fn new(name: &str, capacity: u64) -> Self {
        Self {
            policy: AnyPolicy::named(name, capacity, 42).expect("a policy of that name"),
            capacity,
            weight: 0,
            nodes: Vector::default(),
            keys: Vec::new(),
            vacant: Vec::new(),
            slots: HashMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    /// How often the policy has set links so far: what its moves cost.
    pub(super) fn links_set(&self) -> usize {
        self.nodes.links_set
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.slots.contains_key(&key)
    }

    /// Counts a hit, if the key is there.
    pub(super) fn get(&mut self, key: u64) -> bool {
        let Some(&slot) = self.slots.get(&key) else { return false };
        let reads = &mut self.nodes.node_mut(slot).reads;
        *reads = (*reads + 1).min(3);
        if self.nodes.node(slot).hash <= self.policy.followed() {
            self.policy.hit(&mut self.nodes, slot);
        }
        true
    }

    /// Adds a key that is not there, makes room, and returns what left.
    pub(super) fn insert(&mut self, key: u64, weight: u64) -> Vec<u64> {
        let slot = self.fill_slot(key, weight);
        self.slots.insert(key, slot);
        self.weight += weight;
        self.policy.insert(&mut self.nodes, slot);
        self.make_room()
    }

    fn fill_slot(&mut self, key: u64, weight: u64) -> Slot {
        let hash = Generator::new(key).draw() as u32;
        let node = Node { hash, weight, links: UNLINKED, zone: 0, reads: 0, note: 0 };
        match self.vacant.pop() {
            Some(slot) => {
                *self.nodes.node_mut(slot) = node;
                self.keys[slot as usize] = key;
                slot
            }
            None => {
                self.nodes.nodes.push(node);
                self.keys.push(key);
                (self.keys.len() - 1) as Slot
            }
        }
    }

    fn make_room(&mut self) -> Vec<u64> {
        let mut left = Vec::new();
        while self.weight > self.capacity {
            left.push(self.evict().expect("an entry to evict"));
        }
        left
    }

    pub(super) fn evict(&mut self) -> Option<u64> {
        let slot = self.policy.evict(&mut self.nodes)?;
        let key = self.keys[slot as usize];
        assert_eq!(self.slots.remove(&key), Some(slot), "what was evicted was not there");
        self.weight -= self.nodes.weight(slot);
        self.vacant.push(slot);
        Some(key)
    }

    pub(super) fn remove(&mut self, key: u64) -> bool {
        let Some(slot) = self.slots.remove(&key) else { return false };
        self.policy.remove(&mut self.nodes, slot);
        self.weight -= self.nodes.weight(slot);
        self.vacant.push(slot);
        true
    }

    pub(super) fn reweigh(&mut self, key: u64, weight: u64) -> Vec<u64> {
        let Some(&slot) = self.slots.get(&key) else { return Vec::new() };
        let before = std::mem::replace(&mut self.nodes.node_mut(slot).weight, weight);
        self.weight = self.weight - before + weight;
        self.policy.reweigh(&mut self.nodes, slot, before);
        self.make_room()
    }

    pub(super) fn clear(&mut self) {
        self.policy.clear();
        self.vacant.extend(self.slots.drain().map(|(_, slot)| slot));
        self.weight = 0;
    }

    pub(super) fn resize(&mut self, capacity: u64) -> Vec<u64> {
        self.capacity = capacity;
        self.policy.resize(capacity);
        self.make_room()
    }

    pub(super) fn validate(&self) {
        let live: Vec<Slot> = self.slots.values().copied().collect();
        self.policy.validate(&self.nodes, &live);
        assert!(self.weight <= self.capacity, "{} in a capacity of {}", self.weight, self.capacity);
    }
}

/// The part of `keys` that a cache of this policy and capacity would have held, each of weight 1.
pub(super) fn run(name: &str, capacity: u64, keys: impl IntoIterator<Item = u64>) -> f64 {
    let mut cache = Simulated::new(name, capacity);
    let (mut requests, mut hits) = (0_u64, 0_u64);
    for key in keys {
        requests += 1;
        if cache.get(key) {
            hits += 1;
        } else {
            cache.insert(key, 1);
        }
    }
    cache.validate();
    hits as f64 / requests as f64
}
