//! Simulated caches against brute force and against each other.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Cache, Clairvoyant, NEVER, next_uses};
use crate::policy::NAMES;

const SEED: u64 = 42;

/// The hits of a cache of the policy over the keys.
fn hits(policy: &str, capacity: u64, keys: &[u32]) -> u64 {
    let mut cache = Cache::named(policy, capacity, SEED).expect("a policy of that name");
    keys.iter().for_each(|&key| _ = cache.request(u64::from(key), 1));
    cache.validate();
    assert_eq!(cache.requests(), keys.len() as u64);
    cache.hits()
}

/// The hits of the cache that knows the keys to come.
fn most_hits(capacity: usize, keys: &[u32]) -> u64 {
    let unique = keys.iter().max().map_or(0, |&key| key as usize + 1);
    let mut cache = Clairvoyant::new(capacity, keys.len());
    next_uses(keys, unique).into_iter().for_each(|next| _ = cache.request(next));
    cache.hits()
}

/// The most hits of any way to choose who leaves for a newcomer, by trying all. `held` is a set of bits.
fn most_hits_of_all_ways(capacity: usize, keys: &[u32], held: u32) -> u64 {
    let Some((&key, rest)) = keys.split_first() else { return 0 };
    if held >> key & 1 == 1 {
        return 1 + most_hits_of_all_ways(capacity, rest, held);
    }
    let most = |held: u32| most_hits_of_all_ways(capacity, rest, held | 1 << key);
    if held.count_ones() < capacity as u32 {
        return most(held);
    }
    let leaving = (0..u32::BITS).filter(|other| held >> other & 1 == 1);
    leaving.map(|other| most(held & !(1 << other))).max().unwrap_or_default()
}

#[test]
fn an_unknown_policy_is_told_what_there_is() {
    let error = Cache::named("none", 1, SEED).expect_err("no policy").to_string();
    assert!(error.contains("\"none\"") && error.contains("lru"), "{error}");
}

#[test]
fn next_uses_are_the_next_requests_of_the_same_key() {
    assert_eq!(next_uses(&[0, 1, 0, 0, 2, 1], 3), [2, 5, 3, NEVER, NEVER, NEVER]);
    assert_eq!(next_uses(&[], 0), [0; 0]);
}

#[test]
fn a_loop_of_one_key_too_many_is_what_only_the_clairvoyant_likes() {
    let keys: Vec<u32> = (0..1_000).map(|number| number % 11).collect();
    assert_eq!(hits("lru", 10, &keys), 0);
    assert_eq!(most_hits(10, &keys), 891);
}

#[test]
fn a_cache_of_weights_holds_what_it_has_room_for() {
    let mut cache = Cache::named("lru", 10, SEED).expect("a policy of that name");
    assert!(!cache.request(1, 4) && !cache.request(2, 4) && cache.request(1, 4) && !cache.request(3, 4));
    assert_eq!((cache.contains(1), cache.contains(2), cache.contains(3), cache.weight()), (true, false, true, 8));
    assert!(!cache.request(4, 11) && cache.is_empty(), "what is heavier than all there is room for does not stay");
    assert_eq!((cache.hits(), cache.requests(), cache.capacity()), (1, 5, 10));
    cache.validate();
}

#[test]
fn without_room_there_is_no_hit() {
    assert_eq!(most_hits(0, &[1, 1, 1]), 0);
    assert!(NAMES.iter().all(|name| hits(name, 0, &[1, 1, 1]) == 0));
}

proptest! {
    #[test]
    fn no_policy_beats_the_clairvoyant(keys in vec(0_u32..60, 0..600), capacity in 1_usize..70) {
        let most = most_hits(capacity, &keys);
        for name in NAMES {
            let hits = hits(name, capacity as u64, &keys);
            prop_assert!(hits <= most, "{} has {} hits, and {} are possible", name, hits, most);
        }
    }

    #[test]
    fn the_clairvoyant_is_the_best_of_all_ways(keys in vec(0_u32..6, 0..12), capacity in 1_usize..5) {
        prop_assert_eq!(most_hits(capacity, &keys), most_hits_of_all_ways(capacity, &keys, 0));
    }

    #[test]
    fn a_larger_clairvoyant_has_no_fewer_hits(keys in vec(0_u32..9_000, 0..9_000), capacity in 1_usize..900) {
        prop_assert!(most_hits(capacity, &keys) <= most_hits(capacity * 2, &keys));
    }
}
