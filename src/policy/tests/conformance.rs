//! What the trait promises, for every policy by name.

use proptest::collection::vec;
use proptest::prelude::*;

use super::simulated::Simulated;
use crate::policy::{AnyPolicy, DEFAULT, NAMES};

/// A cache of this policy that holds `count` keys from 0 on, each of weight 1.
fn filled(name: &str, count: u64) -> Simulated {
    let mut cache = Simulated::new(name, count);
    for key in 0..count {
        assert!(cache.insert(key, 1).is_empty(), "{name} evicted before the cache was full");
    }
    cache.validate();
    cache
}

fn evict_all(cache: &mut Simulated) -> Vec<u64> {
    let mut left: Vec<u64> = std::iter::from_fn(|| cache.evict()).collect();
    left.sort_unstable();
    left
}

#[test]
fn names_lead_to_policies_and_back() {
    assert!(NAMES.contains(&DEFAULT));
    assert!(AnyPolicy::named("none", 1, 0).is_none());
    for name in NAMES {
        assert_eq!(Simulated::new(name, 1).policy.name(), *name);
    }
}

#[test]
fn a_policy_chosen_at_run_time_is_small() {
    assert!(size_of::<AnyPolicy>() <= 16);
}

#[test]
fn evict_returns_every_entry_once() {
    for name in NAMES {
        let mut cache = filled(name, 300);
        (0..300).step_by(3).for_each(|key| assert!(cache.get(key)));
        assert_eq!(evict_all(&mut cache), (0..300).collect::<Vec<_>>(), "{name}");
        cache.validate();
    }
}

#[test]
fn all_read_often_still_leave() {
    for name in NAMES {
        let mut cache = filled(name, 300);
        (0..300).cycle().take(300 * 300).for_each(|key| assert!(cache.get(key)));
        assert_eq!(evict_all(&mut cache).len(), 300, "{name}");
        cache.validate();
    }
}

#[test]
fn the_newcomer_stays_while_there_is_another() {
    for (name, capacity) in NAMES.iter().flat_map(|name| [1, 2, 3, 10, 100, 250].map(|capacity| (name, capacity))) {
        let mut cache = filled(name, capacity);
        for key in capacity..capacity * 4 {
            (0..capacity / 2).for_each(|hot| _ = cache.get(key - hot - 1));
            let left = cache.insert(key, 1);
            assert_eq!(left.len(), 1, "{name} of {capacity}");
            assert!(cache.contains(key), "{name} of {capacity}");
            cache.validate();
        }
    }
}

#[test]
fn a_heavy_newcomer_stays_while_there_is_another() {
    for name in NAMES {
        let mut cache = filled(name, 100);
        cache.insert(1000, 100);
        assert_eq!((cache.len(), cache.contains(1000)), (1, true), "{name}");
        cache.validate();
        assert_eq!(cache.insert(1001, 1), [1000], "{name}");
        cache.validate();
    }
}

#[test]
fn no_call_makes_many_moves() {
    const LINKS_SET: usize = 500;
    for name in NAMES {
        let mut cache = filled(name, 20_000);
        for key in 20_000..20_400 {
            (key - 20_000..key).for_each(|hot| _ = cache.get(hot));
            let before = cache.links_set();
            cache.insert(key, 1);
            assert!(cache.links_set() - before < LINKS_SET, "{name}: {}", cache.links_set() - before);
            assert!(cache.contains(key), "{name} of what was all read");
        }
        cache.validate();
    }
}

#[test]
fn an_entry_alone_leaves_even_if_it_came_last() {
    for name in NAMES {
        let mut cache = filled(name, 1);
        assert_eq!((cache.evict(), cache.evict()), (Some(0), None), "{name}");
        cache.validate();
    }
}

#[test]
fn any_entry_can_be_removed() {
    for (name, first) in NAMES.iter().flat_map(|name| (0..30).map(move |first| (name, first))) {
        let mut cache = filled(name, 30);
        (0..60).for_each(|key| _ = cache.get(key % 7));
        for key in (0..30).map(|key| (first + key) % 30) {
            assert!(cache.remove(key));
            cache.validate();
        }
        assert_eq!(cache.evict(), None, "{name}");
    }
}

#[test]
fn nothing_is_known_after_clear() {
    for name in NAMES {
        let mut cache = filled(name, 50);
        cache.clear();
        cache.validate();
        assert_eq!(cache.evict(), None, "{name}");
        (0..80).for_each(|key| _ = cache.insert(key, 1));
        assert_eq!(cache.len(), 50, "{name}");
        cache.validate();
    }
}

#[test]
fn a_smaller_capacity_holds_at_once_and_a_larger_one_is_used() {
    for name in NAMES {
        let mut cache = filled(name, 1000);
        assert_eq!(cache.resize(10).len(), 990, "{name}");
        cache.validate();
        cache.resize(500);
        (2000..3000).for_each(|key| _ = cache.insert(key, 1));
        assert_eq!(cache.len(), 500, "{name}");
        cache.validate();
    }
}

#[test]
fn without_a_bound_entries_leave_only_when_asked() {
    for name in NAMES {
        let mut cache = Simulated::new(name, u64::MAX);
        (0..1000).for_each(|key| assert!(cache.insert(key, 1).is_empty()));
        (0..500).for_each(|key| assert!(cache.get(key)));
        cache.validate();
        assert!(cache.evict().is_some_and(|key| key != 999), "{name}");
        assert_eq!(evict_all(&mut cache).len(), 999, "{name}");
    }
}

#[test]
fn the_newcomer_stays_also_when_all_others_were_read() {
    for name in NAMES {
        let mut cache = Simulated::new(name, u64::MAX);
        (0..20).for_each(|key| _ = cache.insert(key, 1));
        (0..20).for_each(|key| _ = cache.get(key));
        cache.insert(20, 1);
        (0..20).for_each(|_| assert_ne!(cache.evict(), Some(20), "{name}"));
        assert_eq!(cache.evict(), Some(20), "{name}");
    }
}

#[test]
fn entries_without_weight_are_never_too_many() {
    for name in NAMES {
        let mut cache = Simulated::new(name, 1);
        (0..1000).for_each(|key| assert!(cache.insert(key, 0).is_empty()));
        cache.insert(1000, 1);
        cache.insert(1001, 1);
        assert_eq!(cache.weight(), 1, "{name}");
        assert!(cache.contains(1001), "{name}");
        cache.validate();
    }
}

#[test]
fn what_has_left_takes_no_more_memory_than_what_was_there_however_light_it_is() {
    for name in NAMES {
        let mut cache = Simulated::new(name, 1 << 40);
        cache.insert(0, (1 << 40) - 1_000_000);
        for key in 1..5_000 {
            cache.insert(key, 1);
            cache.get(key.saturating_sub(20));
            if cache.len() > 50 {
                cache.evict();
            }
        }
        cache.validate();
    }
}

/// What can happen to a cache.
#[derive(Clone, Debug)]
enum Step {
    Access(u64, u64),
    Get(u64),
    Remove(u64),
    Reweigh(u64, u64),
    Evict,
    Resize(u64),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (key, weight) = (0_u64..40, 0_u64..6);
    let step = prop_oneof![
        20 => (key.clone(), weight.clone()).prop_map(|(key, weight)| Step::Access(key, weight)),
        20 => key.clone().prop_map(Step::Get),
        4 => key.clone().prop_map(Step::Remove),
        4 => (key, weight).prop_map(|(key, weight)| Step::Reweigh(key, weight)),
        3 => Just(Step::Evict),
        1 => (1_u64..50).prop_map(Step::Resize),
        1 => Just(Step::Clear),
    ];
    vec(step, 0..300)
}

/// Takes the step, and returns a key that has to be there afterwards.
fn take(cache: &mut Simulated, step: &Step) -> Option<u64> {
    match *step {
        Step::Access(key, weight) => {
            if !cache.get(key) {
                cache.insert(key, weight);
                return Some(key).filter(|_| cache.len() > 1);
            }
        }
        Step::Get(key) => _ = cache.get(key),
        Step::Remove(key) => _ = cache.remove(key),
        Step::Reweigh(key, weight) => _ = cache.reweigh(key, weight),
        Step::Evict => _ = cache.evict(),
        Step::Resize(capacity) => _ = cache.resize(capacity),
        Step::Clear => cache.clear(),
    }
    None
}

proptest! {
    #[test]
    fn invariants_hold_after_every_step(steps in steps(), capacity in 1_u64..60) {
        for name in NAMES {
            let mut cache = Simulated::new(name, capacity);
            for step in &steps {
                if let Some(newcomer) = take(&mut cache, step) {
                    prop_assert!(cache.contains(newcomer), "{} lost its newcomer", name);
                }
                cache.validate();
            }
            let live = cache.len();
            prop_assert_eq!(evict_all(&mut cache).len(), live, "{}", name);
        }
    }
}
