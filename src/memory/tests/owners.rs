//! Owners of keys: what each did, and what each has.

use std::convert::Infallible;

use super::small::{Number, Small, hash, kinds, leaving};
use crate::stats::{Cause, OwnerCounts};

#[test]
fn each_owner_has_counts_of_its_own() {
    for kind in kinds() {
        let small = Small::of(kind, 10);
        assert_eq!(small.memory.add_owner(false), 1);
        small.write(1);
        (1000..1003).for_each(|number| _ = small.write(number));
        small.read(1);
        small.read(1001);
        small.read(1009);
        small.memory.count_load(hash(1), 0, 5, false);
        small.memory.count_load(hash(2), 0, 6, true);
        small.memory.count_refused(hash(1000), 1);
        let first =
            OwnerCounts { hits: 1, loads: 1, load_errors: 1, load_nanos: 11, entries: 1, ..OwnerCounts::default() };
        let second = OwnerCounts { hits: 1, misses: 1, refused: 1, entries: 3, ..OwnerCounts::default() };
        assert_eq!([0, 1, 2].map(|owner| small.memory.owner_counts(owner)), [first, second, OwnerCounts::default()]);
        let mut total = first;
        total.add(&second);
        assert_eq!(small.memory.counts().total, total);
        small.memory.reset_owner(1);
        assert_eq!(small.memory.owner_counts(1), OwnerCounts { entries: 3, ..OwnerCounts::default() });
        assert_eq!(small.memory.owner_counts(0), first);
    }
}

#[test]
fn what_is_cleared_of_one_owner_is_all_that_it_has() {
    for kind in kinds() {
        let small = Small::of(kind, 100);
        let owner = small.memory.add_owner(false);
        (0..20).chain(1000..1030).for_each(|number| _ = small.write(number));
        let mut left = leaving(small.memory.clear_owner(owner));
        left.sort_unstable_by_key(|&(number, _)| number);
        assert_eq!(left, (1000..1030).map(|number| (number, Cause::Cleared)).collect::<Vec<_>>());
        assert_eq!((small.memory.len(), small.memory.owner_counts(owner).entries), (20, 0));
        small.memory.validate();
        assert_eq!(leaving(small.memory.clear()).len(), 20);
        assert_eq!(small.memory.counts().removed, [0, 0, 0, 0, 50]);
    }
}

#[test]
fn an_owner_who_leaves_takes_its_entries_along_and_its_number_is_given_anew() {
    for kind in kinds() {
        let small = Small::of(kind, 100);
        (0..20).for_each(|number| _ = small.write(number));
        for round in 0..3 {
            let owner = small.memory.add_owner(true);
            assert_eq!(owner, 1, "round {round}");
            (1000..1030).for_each(|number| _ = small.write(number));
            assert_eq!(leaving(small.memory.remove_owner(owner)).len(), 30);
            assert_eq!((small.memory.len(), small.memory.owner_counts(owner)), (20, OwnerCounts::default()));
            small.memory.validate();
        }
        assert_eq!(small.memory.counts().removed, [0, 0, 0, 0, 90]);
    }
}

#[test]
fn a_collector_is_shown_what_is_whose_by_whose_it_is() {
    for kind in kinds() {
        let small = Small::of(kind, 100);
        let owner = small.memory.add_owner(true);
        (0..20).chain(1000..1030).for_each(|number| _ = small.write(number));
        let shown = |owner| {
            let mut numbers = Vec::new();
            let mut note = |key: &Number, _: &u32| {
                numbers.push(key.0);
                Ok::<_, Infallible>(())
            };
            let Ok(()) = match owner {
                None => small.memory.visit(&mut note),
                Some(owner) => small.memory.visit_owner(owner, &mut note),
            };
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(shown(None), Vec::from_iter(0..20));
        assert_eq!(shown(Some(owner)), Vec::from_iter(1000..1030));
        drop(small.memory.remove_owner(owner));
        assert_eq!((shown(None), shown(Some(owner))), (Vec::from_iter(0..20), vec![]));
    }
}

#[test]
fn while_it_is_off_a_memory_is_empty() {
    for kind in kinds() {
        let small = Small::of(kind, 100);
        (0..20).for_each(|number| _ = small.write(number));
        assert_eq!(leaving(small.memory.enable(false)).len(), 20);
        assert_eq!(small.write(1), []);
        assert!(!small.read(1) && small.memory.is_empty() && !small.memory.is_enabled());
        assert_eq!(leaving(small.memory.enable(true)), []);
        assert_eq!(small.write(1), []);
        assert!(small.read(1));
        assert_eq!((small.memory.counts().total.misses, small.memory.counts().total.refused), (1, 0));
    }
}
