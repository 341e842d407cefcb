//! What is worth more stays longer, under the default policy.

use crate::clock::NEVER;
use crate::policy::generator::Generator;
use crate::policy::worth::{Optimize, cost, times, worth};
use crate::simulation::{Cache, Request};

const CAPACITY: u64 = 500;
const REQUESTS: usize = 100_000;
const MILLISECOND: u64 = 1_000_000;

/// Keys of which some are asked for more often than others.
fn keys() -> Vec<u64> {
    let mut generator = Generator::new(11);
    let mut draw = || (generator.draw() >> 11) as f64 / (1_u64 << 53) as f64;
    (0..REQUESTS).map(|_| (20_000.0 * draw().powi(3)) as u64).collect()
}

/// The part of the cost of all requests that hits have saved, and the part of them that were hits.
fn saved(optimize: Option<Optimize>, capacity: u64, of_key: impl Fn(u64) -> (u64, u64)) -> (f64, f64) {
    let mut cache = Cache::named("adaptive", capacity, 3).expect("a policy of that name");
    if let Some(optimize) = optimize {
        cache = cache.by_worth(optimize);
    }
    let (mut saved, mut all) = (0, 0);
    for key in keys() {
        let (nanos, weight) = of_key(key);
        let hit = cache.ask(Request { key, weight, cost: cost(nanos), now: 0, end: NEVER });
        all += nanos;
        saved += nanos * u64::from(hit);
    }
    cache.validate();
    (saved as f64 / all as f64, cache.hits() as f64 / cache.requests() as f64)
}

#[test]
fn where_all_loads_cost_the_same_nothing_changes() {
    let equal = |_| (MILLISECOND, 1);
    assert_eq!(saved(Some(Optimize::Time), CAPACITY, equal), saved(None, CAPACITY, equal));
}

#[test]
fn time_is_saved_where_some_loads_take_long() {
    let few_take_long = |key: u64| (if key % 10 == 3 { 100 * MILLISECOND } else { MILLISECOND }, 1);
    let (plain, by_time) = (saved(None, CAPACITY, few_take_long), saved(Some(Optimize::Time), CAPACITY, few_take_long));
    assert!(by_time.0 > plain.0 + 0.1, "{by_time:?}, and without costs {plain:?}");
}

#[test]
fn more_are_hits_where_light_entries_stay_longer() {
    let weighed = |key: u64| (MILLISECOND, [1, 3, 10, 30, 100][key as usize % 5]);
    let (plain, by_weight) = (saved(None, 30 * CAPACITY, weighed), saved(Some(Optimize::Hits), 30 * CAPACITY, weighed));
    assert!(by_weight.1 > plain.1 + 0.01, "{by_weight:?}, and without weights {plain:?}");
}

#[test]
fn what_took_a_second_once_does_not_stay_for_ever() {
    let mut cache = Cache::named("adaptive", CAPACITY, 3).expect("a policy of that name").by_worth(Optimize::Time);
    let ask = |cache: &mut Cache, key, nanos| {
        cache.ask(Request { key, weight: 1, cost: cost(nanos), now: 0, end: NEVER });
    };
    ask(&mut cache, 0, 1_000 * MILLISECOND);
    keys().into_iter().cycle().take(10 * REQUESTS).for_each(|key| ask(&mut cache, key + 1, 1_000));
    assert!(!cache.contains(0));
}

#[test]
fn a_worth_is_four_times_the_binary_logarithm_of_cost_over_weight() {
    for nanos in [1_u64, 2, 3, 1_000, 123_456_789, u64::MAX / 4] {
        let exact = 4.0 * (nanos as f64).log2();
        assert!((exact - f64::from(cost(nanos)) + 1.0).abs() <= 1.01, "{nanos}: {} and {exact}", cost(nanos));
    }
    assert_eq!(cost(0), 0);
    assert_eq!(worth(cost(1_024), 1) - worth(cost(1_024), 16), 16);
    assert_eq!(worth(cost(1_024), 0), worth(cost(1_024), 1));
    assert!((times(4.0) - 2.0).abs() < 1e-6 && (times(-8.0) - 0.25).abs() < 1e-6);
}
