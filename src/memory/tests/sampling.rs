//! What a memory says of other sizes, against memories of those sizes.

use super::small::{Small, seconds, ttl};
use crate::memory::{Details, Sampling};
use crate::policy::generator::Generator;
use crate::policy::tests::traces;
use crate::simulation::what_if::Estimate;

/// How far an estimate may be from the truth.
const NEAR: f64 = 0.02;
const CAPACITY: u64 = 2_000;

fn memory(policy: &str, shards: usize, capacity: u64) -> Small {
    let small = Small::of((policy, shards), capacity);
    // Of keys from a thousand on.
    small.memory.add_owner(false);
    small
}

fn sampled(policy: &str, shards: usize, capacity: u64) -> Small {
    let small = memory(policy, shards, capacity);
    small.memory.sample(Sampling::AtAnyCost).unwrap();
    small
}

/// The hit ratio of a memory in which each key is stored that is not there.
fn replay(small: &Small, keys: &[u32]) -> f64 {
    let mut hits = 0;
    for &key in keys {
        if small.read(key) {
            hits += 1;
        } else {
            small.write(key);
        }
    }
    f64::from(hits) / keys.len() as f64
}

/// Some keys much more often than others, and a few that are asked for once.
fn skewed(requests: usize) -> Vec<u32> {
    let mut generator = Generator::new(5);
    let mut draw = || (generator.draw() >> 11) as f64 / (1_u64 << 53) as f64;
    let key = |number: usize, at: f64| {
        if number.is_multiple_of(7) { 1_000_000 + number as u32 } else { (60_000.0 * at.powi(3)) as u32 }
    };
    (0..requests).map(|number| key(number, draw())).collect()
}

fn what_if(small: &Small) -> Estimate {
    small.memory.what_if().expect("samples are taken")
}

fn assert_near_the_truth(policy: &str, shards: usize, capacity: u64, keys: &[u32], name: &str) {
    let small = sampled(policy, shards, capacity);
    let present = replay(&small, keys);
    let estimate = what_if(&small);
    assert_eq!((estimate.present.ratio(), estimate.present.requests), (present, keys.len() as u64));
    for (size, ratio) in estimate.sizes {
        let truth = replay(&memory(policy, shards, size), keys);
        assert!(
            (ratio - truth).abs() <= NEAR,
            "{name} {policy} of {capacity}: {ratio} with {size}, and in truth {truth}"
        );
    }
}

#[test]
fn estimates_are_near_the_truth() {
    let keys = skewed(100_000);
    for (policy, shards) in [("s3fifo", 1), ("lru", 1), ("lru", 4)] {
        assert_near_the_truth(policy, shards, CAPACITY, &keys, "skewed keys");
    }
}

#[test]
fn estimates_are_near_the_truth_on_traces() {
    let Some(folder) = traces::folder() else { return };
    for (trace, capacity) in [
        ("lirs_multi3", 745),
        ("lirs_multi3", 1_864),
        ("corda_vault", 9_047),
        ("c2k_web07", 2_048),
        ("c2k_web07", 5_121),
        ("arc_oltp", 1_869),
        ("arc_oltp", 18_688),
        ("c2k_orm_night", 8_647),
        ("c2k_orm_night", 21_616),
    ] {
        let keys: Vec<u32> = traces::keys(&folder, trace).into_iter().map(|key| key as u32).collect();
        assert_near_the_truth("adaptive", 1, capacity, &keys, trace);
    }
}

#[test]
fn nothing_is_known_where_nothing_is_sampled() {
    let small = memory("lru", 1, 10);
    assert_eq!(small.memory.what_if(), None);
    small.memory.sample(Sampling::InBounds).unwrap();
    assert_eq!(what_if(&small).present.requests, 0);
    assert_eq!(what_if(&small).sizes.iter().map(|&(size, _)| size).collect::<Vec<_>>(), [2, 5, 10, 20, 40, 80]);
    small.memory.sample(Sampling::Off).unwrap();
    assert_eq!(small.memory.what_if(), None);
}

#[test]
fn where_only_entries_are_bounded_any_more_nobody_asks_what_they_weigh() {
    let small = sampled("lru", 1, 100);
    drop(small.memory.resize(100, 1 << 30));
    drop(small.memory.resize(100, u64::MAX));
    for _ in 0..10 {
        for key in 0..50 {
            if !small.read(key) {
                small.write_heavy(key, 1000);
            }
        }
    }
    let estimate = what_if(&small);
    assert_eq!(estimate.sizes[2], (100, 0.9));
    assert!(estimate.sizes.iter().skip(2).all(|&(_, ratio)| ratio == 0.9), "{estimate:?}");
    assert_eq!(estimate.sizes[1], (50, 0.9));
}

#[test]
fn a_memory_without_a_bound_has_no_other_size() {
    assert!(memory("lru", 1, u64::MAX).memory.sample(Sampling::InBounds).is_err());
}

#[test]
fn what_has_expired_is_not_there_in_a_larger_one_either() {
    let small = sampled("lru", 1, 100);
    for _ in 0..10 {
        for key in 0..200 {
            if !small.read(key) {
                small.write_for(key, ttl(seconds(60)));
            }
        }
        small.pass(seconds(61));
    }
    let (size, ratio) = what_if(&small).sizes[5];
    assert_eq!((size, ratio), (800, 0.0));
}

#[test]
fn what_was_taken_out_or_cleared_is_not_there_in_a_larger_one_either() {
    let small = sampled("lru", 1, 100);
    for round in 0..20 {
        replay(&small, &(0..200).collect::<Vec<_>>());
        if round % 2 == 0 { drop(small.memory.clear()) } else { (0..200).for_each(|key| _ = small.remove(key)) }
    }
    assert_eq!(what_if(&small).sizes[5].1, 0.0);
}

#[test]
fn what_is_only_stored_is_no_request() {
    let small = sampled("lru", 1, 100);
    (0..50).for_each(|key| _ = small.write(key));
    (0..50).for_each(|key| _ = small.write(key));
    (0..50).for_each(|key| assert!(small.read(key)));
    let estimate = what_if(&small);
    assert_eq!((estimate.present.hits, estimate.present.requests), (50, 50));
}

#[test]
fn weights_count() {
    let small = Small::for_weight(("lru", 1), 5_000);
    let larger = Small::for_weight(("lru", 1), 20_000);
    for small in [&small, &larger] {
        small.memory.add_owner(false);
    }
    small.memory.sample(Sampling::AtAnyCost).unwrap();
    for key in skewed(50_000) {
        for small in [&small, &larger] {
            if !small.read(key) {
                small.write_heavy(key, 1 + u64::from(key % 9));
            }
        }
    }
    let (size, ratio) = what_if(&small).sizes[4];
    let counts = larger.memory.counts().total;
    let truth = counts.hits as f64 / (counts.hits + counts.misses) as f64;
    assert_eq!(size, 20_000);
    assert!((ratio - truth).abs() <= NEAR, "{ratio}, and in truth {truth}");
}

#[test]
fn another_size_begins_anew() {
    let small = sampled("adaptive", 1, 100);
    replay(&small, &(0..500).collect::<Vec<_>>());
    drop(small.memory.resize(1_000, u64::MAX));
    let estimate = what_if(&small);
    assert_eq!((estimate.present.requests, estimate.sizes[2].0), (0, 1_000));
    drop(small.memory.resize(u64::MAX, u64::MAX));
    assert_eq!(small.memory.what_if(), None);
}

#[test]
fn details_of_weights_do_not_matter_where_entries_are_counted() {
    let small = sampled("lru", 1, 100);
    let details = Details { weight: 50, ..Details::default() };
    (0..100).for_each(|key| _ = small.write_if(key, details.clone(), &crate::memory::Condition::Always));
    (0..100).for_each(|key| assert!(small.read(key)));
    assert_eq!(what_if(&small).sizes[3].1, 1.0);
}
