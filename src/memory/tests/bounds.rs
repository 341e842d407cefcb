//! The bounds hold after every operation, and nothing leaves before they would not.

use super::small::{Small, kinds, leaving, seconds, ttl};
use crate::stats::Cause;

#[test]
fn any_n_keys_fit_before_one_leaves() {
    for (kind, n) in kinds().flat_map(|kind| [1, 2, 7, 64, 1000].map(|n| (kind, n))) {
        let small = Small::of(kind, n.into());
        (0..n).for_each(|number| assert_eq!(small.write(number), [], "{kind:?} of {n}"));
        (0..n).for_each(|number| assert!(small.read(number), "{kind:?} of {n}"));
        let left = small.write(n);
        assert_eq!(left.len(), 1, "{kind:?} of {n}");
        assert_eq!(left[0].1, Cause::Evicted);
        assert!(small.has(n) && !small.has(left[0].0), "{kind:?} of {n}");
    }
}

#[test]
fn what_was_written_last_stays() {
    for (kind, n) in kinds().flat_map(|kind| [1, 2, 3, 8, 50].map(|n| (kind, n))) {
        let small = Small::of(kind, n.into());
        for number in 0..500 {
            (1..=n).for_each(|age| _ = small.read(number.max(age) - age));
            small.write(number);
            assert!(small.has(number), "{kind:?} of {n}");
            assert_eq!(small.memory.len(), u64::from(n.min(number + 1)));
        }
    }
}

#[test]
fn what_was_overwritten_last_stays_however_heavy() {
    for kind in kinds() {
        let small = Small::for_weight(kind, 20);
        for round in 0..50 {
            (0..10).for_each(|number| _ = small.write_heavy(number, 2));
            let number = round % 10;
            let (stored, left) = small.write_heavy(number, 20);
            assert!(stored && small.has(number), "{kind:?}: {left:?}");
            assert_eq!((small.memory.len(), small.memory.counts().weight), (1, 20), "{kind:?}");
        }
    }
}

#[test]
fn an_overwrite_takes_no_room() {
    for kind in kinds() {
        let small = Small::of(kind, 10);
        (0..10).for_each(|number| _ = small.write(number));
        for number in (0..10).cycle().take(100) {
            assert_eq!(small.write(number), [(number, Cause::Replaced)], "{kind:?}");
        }
        assert_eq!(small.memory.counts().removed, [0, 0, 100, 0, 0]);
    }
}

#[test]
fn entries_weigh_one_until_there_is_a_bound() {
    for kind in kinds() {
        let small = Small::of(kind, 100);
        (0..30).for_each(|number| _ = small.write_heavy(number, number.into()));
        assert_eq!(small.memory.counts().weight, 30);
        let left = leaving(small.memory.resize(100, 20));
        assert_eq!((left.len(), small.memory.len(), small.memory.counts().weight), (10, 20, 20), "{kind:?}");
        assert!(small.write_heavy(99, 20).0);
        assert_eq!(small.memory.len(), 1, "{kind:?}");
    }
}

#[test]
fn what_is_too_heavy_is_refused_and_its_predecessor_leaves() {
    for kind in kinds() {
        let small = Small::for_weight(kind, 10);
        small.write_heavy(1, 3);
        small.write_heavy(2, 3);
        assert_eq!(small.write_heavy(1, 11), (false, vec![(1, Cause::Replaced)]));
        assert_eq!(small.write_heavy(3, u64::MAX), (false, vec![]));
        assert_eq!((small.memory.len(), small.memory.counts().total.refused), (1, 2));
    }
}

#[test]
fn what_weighs_nothing_is_never_too_much() {
    for kind in kinds() {
        let small = Small::for_weight(kind, 0);
        (0..100).for_each(|number| assert_eq!(small.write_heavy(number, 0), (true, vec![])));
        assert_eq!(small.write_heavy(1, 1), (false, vec![(1, Cause::Replaced)]));
    }
}

#[test]
fn a_memory_for_nothing_stores_nothing() {
    for kind in kinds() {
        let small = Small::of(kind, 0);
        assert_eq!(small.write_heavy(1, 1), (false, vec![]));
        assert!(!small.read(1) && small.memory.is_empty());
        assert_eq!(small.memory.counts().total.refused, 1);
    }
}

#[test]
fn a_smaller_bound_holds_at_once_and_a_larger_one_is_used() {
    for kind in kinds() {
        let small = Small::of(kind, 100);
        (0..100).for_each(|number| _ = small.write(number));
        let left = leaving(small.memory.resize(30, u64::MAX));
        assert!(left.len() == 70 && left.iter().all(|&(_, cause)| cause == Cause::Evicted), "{kind:?}");
        assert_eq!(leaving(small.memory.resize(60, u64::MAX)), []);
        (200..230).for_each(|number| assert_eq!(small.write(number), [], "{kind:?}"));
        assert_eq!(leaving(small.memory.resize(0, u64::MAX)).len(), 60, "{kind:?}");
    }
}

#[test]
fn what_has_expired_leaves_before_what_has_not() {
    for kind in kinds() {
        let small = Small::of(kind, 10);
        (0..5).for_each(|number| _ = small.write(number));
        (5..10).for_each(|number| _ = small.write_for(number, ttl(seconds(1))));
        small.pass(seconds(2));
        let others: Vec<u32> = (0..200).filter(|number| !small.has(*number)).collect();
        let left: Vec<_> = others.iter().take(5).flat_map(|&number| small.write(number)).collect();
        let evicted = left.iter().filter(|(_, cause)| *cause == Cause::Evicted).count();
        assert!(kind.1 > 1 || evicted == 0, "{kind:?}: {left:?}");
    }
}

#[test]
fn what_the_policy_would_evict_can_be_taken_until_nothing_is_left() {
    for kind in kinds() {
        let small = Small::of(kind, 50);
        (0..50).for_each(|number| _ = small.write(number));
        let mut taken: Vec<u32> =
            std::iter::from_fn(|| small.memory.pop_victim()).map(|removed| removed.key.0).collect();
        taken.sort_unstable();
        assert_eq!(taken, (0..50).collect::<Vec<_>>(), "{kind:?}");
    }
}

#[test]
fn an_order_that_is_promised_is_kept() {
    for (policy, last) in [("lru", [2, 3, 0, 1]), ("fifo", [0, 1, 2, 3]), ("lfu", [2, 3, 1, 0])] {
        let small = Small::of((policy, 1), 4);
        (0..4).for_each(|number| _ = small.write(number));
        small.read(0);
        small.write(0);
        small.read(1);
        let taken: Vec<u32> = std::iter::from_fn(|| small.memory.pop_victim()).map(|removed| removed.key.0).collect();
        assert_eq!(taken, last, "{policy}");
    }
}

#[test]
fn a_policy_that_is_not_there_is_named() {
    let error =
        super::super::Memory::<super::small::Number, u32, crate::sync::ThreadLock>::new(super::super::Options {
            policy: "best".to_owned(),
            ..Default::default()
        });
    assert!(error.err().unwrap().to_string().contains("\"best\""));
}
