//! Policies that promise an order, against naive models of it. Those that keep lists apart are in `papers`.

use std::collections::{HashSet, VecDeque};

use proptest::collection::vec;
use proptest::prelude::*;

use super::simulated::Simulated;

/// A naive policy over keys.
trait Model: Default {
    fn insert(&mut self, key: u64);
    fn hit(&mut self, key: u64);
    fn remove(&mut self, key: u64);
    fn evict(&mut self) -> Option<u64>;
}

/// Keys, the next to leave at the back.
#[derive(Default)]
struct Queue<const HITS_COUNT: bool>(VecDeque<u64>);

impl<const HITS_COUNT: bool> Model for Queue<HITS_COUNT> {
    fn insert(&mut self, key: u64) {
        self.0.push_front(key);
    }
    fn hit(&mut self, key: u64) {
        if HITS_COUNT {
            self.remove(key);
            self.0.push_front(key);
        }
    }
    fn remove(&mut self, key: u64) {
        self.0.retain(|&other| other != key);
    }
    fn evict(&mut self) -> Option<u64> {
        self.0.pop_back()
    }
}

/// Keys, who was used last at the front and leaves first.
#[derive(Default)]
struct Reversed {
    keys: VecDeque<u64>,
    newcomer: Option<u64>,
}

impl Model for Reversed {
    fn insert(&mut self, key: u64) {
        self.keys.push_front(key);
        self.newcomer = Some(key);
    }
    fn hit(&mut self, key: u64) {
        self.remove(key);
        self.keys.push_front(key);
        self.newcomer = None;
    }
    fn remove(&mut self, key: u64) {
        self.keys.retain(|&other| other != key);
        self.newcomer = self.newcomer.filter(|&newcomer| newcomer != key);
    }
    fn evict(&mut self) -> Option<u64> {
        let newcomer_is_not_alone = self.newcomer.is_some() && self.keys.len() > 1;
        let key = self.keys.remove(usize::from(newcomer_is_not_alone))?;
        self.remove(key);
        Some(key)
    }
}

/// A key, how often and when it was last used, and what both make of it.
struct Use {
    key: u64,
    frequency: u64,
    priority: u64,
    time: u64,
}

/// Keys with their uses, in no order.
#[derive(Default)]
struct LeastFrequent {
    uses: Vec<Use>,
    time: u64,
    age: u64,
    newcomer: Option<u64>,
}

impl Model for LeastFrequent {
    fn insert(&mut self, key: u64) {
        self.time += 1;
        self.uses.push(Use { key, frequency: 1, priority: self.age + 1, time: self.time });
        self.newcomer = Some(key);
    }
    fn hit(&mut self, key: u64) {
        self.time += 1;
        let of_key = self.uses.iter_mut().find(|one| one.key == key).expect("a key that is there");
        of_key.frequency = (of_key.frequency + 1).min(255);
        of_key.priority = self.age + of_key.frequency;
        of_key.time = self.time;
        self.newcomer = None;
    }
    fn remove(&mut self, key: u64) {
        self.uses.retain(|one| one.key != key);
        self.newcomer = self.newcomer.filter(|&newcomer| newcomer != key);
    }
    fn evict(&mut self) -> Option<u64> {
        let order = |one: &&Use| (self.newcomer == Some(one.key), one.priority, one.time);
        let key = self.uses.iter().min_by_key(order)?.key;
        self.age = self.uses.iter().map(|one| one.priority).min()?;
        self.remove(key);
        Some(key)
    }
}

/// Keys and whether they were read, the oldest first, and the key where the hand is.
#[derive(Default)]
struct Sifted {
    keys: Vec<(u64, bool)>,
    hand: Option<u64>,
    newcomer: Option<u64>,
}

impl Sifted {
    fn place(&self, key: Option<u64>) -> Option<usize> {
        self.keys.iter().position(|&(other, _)| Some(other) == key)
    }

    fn take(&mut self, place: usize) -> u64 {
        let key = self.keys[place].0;
        if self.hand == Some(key) {
            self.hand = self.keys.get(place + 1).map(|&(next, _)| next);
        }
        self.hand = self.hand.filter(|&hand| Some(hand) != self.newcomer);
        self.newcomer = self.newcomer.filter(|&newcomer| newcomer != key);
        self.keys.remove(place).0
    }
}

impl Model for Sifted {
    fn insert(&mut self, key: u64) {
        self.keys.push((key, false));
        self.newcomer = Some(key);
    }
    fn hit(&mut self, key: u64) {
        let place = self.place(Some(key)).expect("a key that is there");
        self.keys[place].1 = true;
    }
    fn remove(&mut self, key: u64) {
        if let Some(place) = self.place(Some(key)) {
            self.take(place);
        }
    }
    fn evict(&mut self) -> Option<u64> {
        let mut place = self.place(self.hand).unwrap_or(0);
        while !self.keys.is_empty() {
            let (key, was_read) = *self.keys.get(place)?;
            let is_newcomer = self.newcomer == Some(key) && self.keys.len() > 1;
            if !is_newcomer && !was_read {
                self.hand = Some(key);
                return Some(self.take(place));
            }
            self.keys[place].1 &= is_newcomer;
            place = (place + 1) % self.keys.len();
        }
        None
    }
}

/// What is done to the cache and to the model.
#[derive(Clone, Debug)]
enum Step {
    Access(u64),
    Remove(u64),
    Evict,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0_u64..24;
    let step = prop_oneof![
        10 => key.clone().prop_map(Step::Access),
        1 => key.prop_map(Step::Remove),
        1 => Just(Step::Evict),
    ];
    vec(step, 0..400)
}

fn access<M: Model>(cache: &mut Simulated, model: &mut M, key: u64) {
    if cache.get(key) {
        return model.hit(key);
    }
    let left = cache.insert(key, 1);
    model.insert(key);
    for key in left {
        assert_eq!(model.evict(), Some(key));
    }
}

fn follow<M: Model>(name: &str, capacity: u64, steps: Vec<Step>) {
    let (mut cache, mut model) = (Simulated::new(name, capacity), M::default());
    for step in steps {
        match step {
            Step::Access(key) => access(&mut cache, &mut model, key),
            Step::Remove(key) => {
                cache.remove(key);
                model.remove(key);
            }
            Step::Evict => assert_eq!(cache.evict(), model.evict()),
        }
        cache.validate();
    }
    while let Some(key) = model.evict() {
        assert_eq!(cache.evict(), Some(key));
    }
    assert_eq!(cache.evict(), None);
}

proptest! {
    #[test]
    fn lru_is_a_queue_in_which_hits_count(steps in steps(), capacity in 1_u64..16) {
        follow::<Queue<true>>("lru", capacity, steps);
    }

    #[test]
    fn fifo_is_a_queue_in_which_hits_do_not_count(steps in steps(), capacity in 1_u64..16) {
        follow::<Queue<false>>("fifo", capacity, steps);
    }

    #[test]
    fn mru_is_a_queue_whose_other_end_leaves(steps in steps(), capacity in 1_u64..16) {
        follow::<Reversed>("mru", capacity, steps);
    }

    #[test]
    fn lfu_is_the_least_frequent_with_age_and_then_the_least_recent(steps in steps(), capacity in 1_u64..16) {
        follow::<LeastFrequent>("lfu", capacity, steps);
    }

    #[test]
    fn sieve_is_a_queue_with_a_hand(steps in steps(), capacity in 1_u64..16) {
        follow::<Sifted>("sieve", capacity, steps);
    }

    #[test]
    fn random_returns_only_what_is_there(keys in vec(0_u64..50, 0..400), capacity in 1_u64..16) {
        let mut cache = Simulated::new("random", capacity);
        let mut there = HashSet::new();
        for key in keys {
            if there.insert(key) {
                cache.insert(key, 1).iter().for_each(|left| assert!(there.remove(left)));
            }
            prop_assert!(there.iter().all(|&key| cache.contains(key)) && there.len() == cache.len());
        }
    }
}

#[test]
fn random_takes_all_alike() {
    const ROUNDS: u64 = 20_000;
    const KEYS: u64 = 10;
    let mut cache = Simulated::new("random", KEYS);
    let mut ages = [0_u64; 64];
    for key in 0..ROUNDS {
        for left in cache.insert(key, 1) {
            ages[((key - left) as usize).min(ages.len() - 1)] += 1;
        }
    }
    let expected = ROUNDS / KEYS;
    assert!(ages[1].abs_diff(expected) < expected / 10, "{} of about {expected} left at the first draw", ages[1]);
}

#[test]
fn the_same_seed_draws_the_same() {
    let draws = || {
        let mut cache = Simulated::new("random", 10);
        (0..100).flat_map(|key| cache.insert(key, 1)).collect::<Vec<_>>()
    };
    assert_eq!(draws(), draws());
}
