//! What the default policy does beyond the trait: admission by frequency.

use super::simulated::Simulated;
use crate::policy::generator::Generator;
use crate::policy::tinylfu::admits;

const CAPACITY: u64 = 200;
const FRESH: u64 = 1_000_000;

/// A full cache in which every key from 0 on was read so often since it came.
fn cache_read(times: usize) -> Simulated {
    let mut cache = Simulated::new("tinylfu", CAPACITY);
    (0..CAPACITY).for_each(|key| _ = cache.insert(key, 1));
    read_all(&mut cache, times);
    cache
}

fn read_all(cache: &mut Simulated, times: usize) {
    (0..CAPACITY).for_each(|key| (0..times).for_each(|_| _ = cache.get(key)));
}

/// Inserts keys that are asked for once.
fn scan(cache: &mut Simulated, first: u64, count: u64) {
    (first..first + count).for_each(|key| _ = cache.insert(key, 1));
}

#[test]
fn keys_asked_for_once_replace_none_that_were_read() {
    let mut cache = cache_read(3);
    scan(&mut cache, FRESH, 1000);
    let kept = (0..CAPACITY).filter(|&key| cache.contains(key)).count();
    assert!(kept >= 180, "{kept} of {CAPACITY} kept");
}

#[test]
fn what_was_removed_is_as_frequent_when_it_comes_again() {
    let mut cache = cache_read(3);
    (0..10).for_each(|_| _ = cache.get(0));
    cache.remove(0);
    cache.insert(0, 1);
    scan(&mut cache, FRESH, 100);
    assert!(cache.contains(0));
}

#[test]
fn the_more_frequent_is_admitted_and_of_warm_losers_a_few() {
    const TRIES: usize = 128_000;
    let mut generator = Generator::new(1);
    let mut admitted = |candidate, victim| (0..TRIES).filter(|_| admits(candidate, victim, &mut generator)).count();
    assert_eq!(admitted(2, 1), TRIES);
    assert_eq!(admitted(1, 1), 0);
    assert_eq!(admitted(5, 15), 0);
    assert!((850..1150).contains(&admitted(6, 6)), "{} of {TRIES}, not one in 128", admitted(6, 6));
    assert!((850..1150).contains(&admitted(15, 200)), "{} of {TRIES}, not one in 128", admitted(15, 200));
}
