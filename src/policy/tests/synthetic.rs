//! Hit ratios over sequences whose best policy is known.

use super::simulated::run;
use crate::policy::NAMES;
use crate::policy::generator::Generator;

const REQUESTS: usize = 100_000;
const KEYS: u64 = 10_000;
const CAPACITY: u64 = 500;

/// Requests to keys of which the one at rank r is asked for in proportion to 1 / r.
fn zipf(first: u64, requests: usize) -> Vec<u64> {
    let mut total = 0.0;
    let heights: Vec<f64> = (1..=KEYS)
        .map(|rank| {
            total += 1.0 / rank as f64;
            total
        })
        .collect();
    let mut generator = Generator::new(first + 1);
    let mut uniform = || (generator.draw() >> 11) as f64 / (1_u64 << 53) as f64;
    (0..requests)
        .map(|_| uniform() * total)
        .map(|at| first + heights.partition_point(|&height| height < at) as u64)
        .collect()
}

/// The numbers from 0 to `length` - 1, again and again.
fn cycle(length: u64) -> impl Iterator<Item = u64> {
    (0..length).cycle().take(REQUESTS)
}

#[test]
fn all_hit_when_all_fits() {
    for name in NAMES {
        assert_eq!(run(name, CAPACITY, cycle(CAPACITY)), 1.0 - CAPACITY as f64 / REQUESTS as f64, "{name}");
    }
}

#[test]
fn tinylfu_beats_lru_on_skewed_keys() {
    let keys = zipf(0, REQUESTS);
    let (tinylfu, lru) = (run("tinylfu", CAPACITY, keys.clone()), run("lru", CAPACITY, keys));
    assert!(tinylfu > lru + 0.05, "{tinylfu} and {lru}");
}

#[test]
fn tinylfu_keeps_part_of_a_loop_that_lru_loses() {
    assert_eq!(run("lru", CAPACITY, cycle(CAPACITY * 2)), 0.0);
    let tinylfu = run("tinylfu", CAPACITY, cycle(CAPACITY * 2));
    assert!(tinylfu > 0.4, "{tinylfu} of at most 0.5");
}

#[test]
fn a_scan_leaves_the_hot_keys_alone() {
    let hot = zipf(0, REQUESTS);
    let mut cold = KEYS + 1..;
    let mixed = hot.iter().flat_map(|&key| [key, cold.next().expect("an endless scan")]);
    let undisturbed = run("tinylfu", CAPACITY, hot.iter().copied()) / 2.0;
    let disturbed = run("tinylfu", CAPACITY, mixed);
    assert!(disturbed > undisturbed - 0.02, "{disturbed} with the scan, {undisturbed} without");
}

#[test]
fn tinylfu_follows_a_change_of_what_is_hot() {
    let before = zipf(0, REQUESTS);
    let after = zipf(KEYS * 2, REQUESTS);
    let steady = run("tinylfu", CAPACITY, after.iter().copied());
    let changed = run("tinylfu", CAPACITY, before.into_iter().chain(after));
    assert!(changed > steady - 0.02, "{changed} over both, {steady} over the second alone");
}
