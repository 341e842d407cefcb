//! What the default policy does beyond the trait: it follows the requests, at bounded cost.

use super::simulated::{Simulated, run};
use crate::policy::generator::Generator;
use crate::policy::{AnyPolicy, NO_HITS};

const CAPACITY: u64 = 500;
const REQUESTS: u64 = 200_000;
/// How far it may be behind the best of the others on a sequence that never changes.
const BEHIND: f64 = 0.03;

/// Numbers from 0 on, small ones much more often than large ones.
fn skewed(seed: u64) -> impl FnMut() -> u64 {
    let mut generator = Generator::new(seed);
    move || {
        let uniform = (generator.draw() >> 11) as f64 / (1_u64 << 53) as f64;
        (20_000.0 * uniform.powi(4)) as u64
    }
}

/// Keys that are asked for a few times within a short while, and never again.
fn recent(requests: u64) -> Vec<u64> {
    let mut generator = Generator::new(3);
    (0..requests).map(|number| 100_000 + number / 3 - generator.below(400) as u64).collect()
}

fn cycle(length: u64, requests: u64) -> Vec<u64> {
    (0..requests).map(|number| 1_000_000 + number % length).collect()
}

fn hot(requests: u64) -> Vec<u64> {
    let mut draw = skewed(7);
    (0..requests).map(|_| draw()).collect()
}

fn hot_and_scans(requests: u64) -> Vec<u64> {
    let mut draw = skewed(7);
    (0..requests).map(|number| if number % 1000 < 300 { 2_000_000 + number } else { draw() }).collect()
}

#[test]
fn it_is_near_the_best_of_the_others_on_what_never_changes() {
    for (name, keys) in [
        ("recency", recent(REQUESTS)),
        ("a loop", cycle(CAPACITY * 2, REQUESTS)),
        ("hot keys", hot(REQUESTS)),
        ("hot keys and scans", hot_and_scans(REQUESTS)),
    ] {
        let ratio = |policy: &str| run(policy, CAPACITY, keys.iter().copied());
        let best = ["lru", "tinylfu", "fifo"].map(ratio).into_iter().fold(0.0, f64::max);
        let own = ratio("adaptive");
        assert!(own > best - BEHIND, "{name}: {own}, and the best of the others {best}");
    }
}

#[test]
fn it_goes_over_from_recency_to_a_loop_and_back() {
    let (first, second) = (recent(REQUESTS), cycle(CAPACITY * 2, REQUESTS));
    let ratio = |keys: &[u64]| run("adaptive", CAPACITY, keys.iter().copied());
    let apart = (2.0 * ratio(&first) + ratio(&second)) / 3.0;
    let changing: Vec<u64> = first.iter().chain(&second).chain(&first).copied().collect();
    assert!(ratio(&changing) > apart - BEHIND, "{} instead of {apart}", ratio(&changing));
}

#[test]
fn what_it_remembers_takes_at_most_eight_bytes_an_entry() {
    for capacity in [100, 512, 1_000, 5_000, 100_000] {
        let mut cache = Simulated::new("adaptive", capacity);
        let mut draw = skewed(1);
        for number in 0..capacity * 4 {
            let key = if number % 2 == 0 { 1_000_000 + number } else { draw() };
            if !cache.get(key) {
                cache.insert(key, 1);
            }
        }
        let AnyPolicy::Adaptive(policy) = &cache.policy else { unreachable!("it was made by that name") };
        assert!(policy.bytes() as u64 <= 8 * capacity.max(1_000) + 2048, "{} bytes for {capacity}", policy.bytes());
    }
}

#[test]
fn it_wants_to_know_of_few_hits_and_of_none_while_the_cache_is_nearly_empty() {
    let mut cache = Simulated::new("adaptive", 10_000);
    (0..1_000).for_each(|key| _ = cache.insert(key, 1));
    assert_eq!(cache.policy.hit_filter(), NO_HITS);
    (1_000..20_000).for_each(|key| _ = cache.insert(key, 1));
    let followed = f64::from(cache.policy.hit_filter()) / f64::from(u32::MAX);
    assert!(followed > 0.0 && followed < 0.02, "{followed}");
    cache.clear();
    assert_eq!(cache.policy.hit_filter(), NO_HITS);
}

#[test]
fn weights_count_against_the_capacity_and_not_against_the_sample() {
    let mut cache = Simulated::new("adaptive", 100_000);
    let mut draw = skewed(5);
    for _ in 0..50_000 {
        let key = draw();
        if !cache.get(key) {
            cache.insert(key, 50 + key % 100);
        }
    }
    cache.validate();
    let AnyPolicy::Adaptive(policy) = &cache.policy else { unreachable!("it was made by that name") };
    assert!(policy.bytes() < 16 * cache.len() + 4096, "{} bytes for {}", policy.bytes(), cache.len());
}
