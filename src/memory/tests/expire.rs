//! Entries live as long as they were given, and leave soon after.

use std::sync::Arc;

use super::small::{Small, hash, idle, kinds, leaving, seconds, ttl};
use crate::expiry::Lifespan;
use crate::memory::{Condition, Details};
use crate::stats::Cause;

/// The most entries that one tending removes.
const PENDING_STEP: usize = 32;

#[test]
fn an_entry_lives_for_its_ttl_to_the_tick() {
    for kind in kinds() {
        let small = Small::of(kind, 10);
        small.write_for(1, ttl(seconds(1)));
        small.pass(seconds(1) - crate::clock::duration(1));
        assert!(small.read(1) && small.has(1));
        assert_eq!(small.remaining(1), Some(crate::clock::duration(1)));
        small.pass(crate::clock::duration(1));
        assert!(!small.read(1) && !small.has(1) && !small.touch(1, Lifespan::FOREVER));
        assert_eq!((small.remaining(1), small.memory.len()), (None, 1));
        assert_eq!(leaving(small.memory.sweep()), [(1, Cause::Expired)]);
    }
}

#[test]
fn reads_put_off_the_end_of_an_idle_life_but_not_of_the_ttl() {
    for kind in kinds() {
        let small = Small::of(kind, 10);
        small.write_for(1, Lifespan { idle: idle(seconds(3)).idle, ..ttl(seconds(10)) });
        for _ in 0..4 {
            small.pass(seconds(2));
            assert!(small.read(1), "{kind:?}");
        }
        assert_eq!(small.remaining(1).unwrap().as_secs(), 1, "what is left of the ttl");
        small.pass(seconds(2));
        assert!(!small.read(1));
        small.write_for(1, idle(seconds(3)));
        small.pass(seconds(2));
        assert!(small.has(1), "a peek puts off nothing");
        small.pass(seconds(1));
        assert!(!small.has(1));
    }
}

#[test]
fn jitter_shortens_the_ttl_and_nothing_else() {
    for kind in kinds() {
        let small = Small::new(kind, |options| options.jitter = 0.5);
        for number in 0..100 {
            small.write_for(number, ttl(seconds(100)));
            small.write_for(100 + number, idle(seconds(100)));
            small.write_for(200 + number, Lifespan { idle: idle(seconds(60)).idle, ..ttl(seconds(100)) });
        }
        let left = |number| small.remaining(number).unwrap().as_secs_f64();
        assert!((0..100).all(|number| (49.9..=100.0).contains(&left(number))));
        assert!((0..100).any(|number| left(number) < 60.0) && (0..100).any(|number| left(number) > 90.0));
        assert!((100..200).all(|number| left(number) > 99.9));
        assert!((200..300).all(|number| (49.9..=60.0).contains(&left(number))));
        assert!((200..300).any(|number| left(number) < 59.0) && (200..300).any(|number| left(number) > 59.9));
    }
}

#[test]
fn a_new_life_keeps_the_tags() {
    for kind in kinds() {
        let small = Small::of(kind, 10);
        let tags: Vec<Arc<str>> = vec!["a".into(), "b".into()];
        let details = Details { lifespan: ttl(seconds(1)), tags: tags.clone().into(), ..Details::default() };
        small.write_if(1, details, &Condition::Always);
        assert!(small.touch(1, ttl(seconds(100))) && small.touch(1, Lifespan::FOREVER));
        small.pass(seconds(1000));
        assert!(small.touch(1, idle(seconds(5))));
        assert_eq!(small.tags(1), Some(tags));
        small.write(1);
        assert_eq!((small.tags(1), small.tags(2)), (Some(vec![]), None));
    }
}

#[test]
fn a_read_says_that_something_is_due_until_it_was_tended_to() {
    const COUNT: u32 = 500;
    let small = Small::of(("lru", 1), u64::MAX);
    small.write(0);
    (1..=COUNT).for_each(|number| _ = small.write_for(number, ttl(seconds(1))));
    assert!(!small.is_due(0));
    small.pass(seconds(2));
    let mut steps = 0;
    while small.is_due(0) {
        let left = leaving(small.memory.run_pending(hash(0)));
        assert!(left.len() <= PENDING_STEP && left.iter().all(|&(_, cause)| cause == Cause::Expired));
        small.memory.validate();
        steps += 1;
    }
    assert_eq!((small.memory.len(), steps), (1, COUNT.div_ceil(PENDING_STEP as u32)));
}

#[test]
fn a_write_tends_too() {
    let small = Small::of(("fifo", 1), u64::MAX);
    (0..40).for_each(|number| _ = small.write_for(number, ttl(seconds(1))));
    small.pass(seconds(2));
    let counts: Vec<usize> = (100..104).map(|number| small.write(number).len()).collect();
    assert_eq!((counts[0], counts[1], small.memory.len()), (PENDING_STEP, 40 - PENDING_STEP, 4));
}

#[test]
fn a_sweep_finds_what_is_over_to_the_tick_and_nothing_else() {
    for kind in kinds() {
        let small = Small::of(kind, u64::MAX);
        (1..300).for_each(|number| _ = small.write_for(number, ttl(crate::clock::duration(number.into()) * 777)));
        for passed in 1..300 {
            small.pass(crate::clock::duration(777));
            let mut left = leaving(small.memory.sweep());
            assert_eq!(left.pop(), Some((passed, Cause::Expired)), "{kind:?}");
            assert_eq!(left, [], "{kind:?}");
        }
    }
}

#[test]
fn what_leaves_after_its_time_has_expired_whatever_made_it_leave() {
    for kind in kinds() {
        let expired = |leave: &dyn Fn(&Small) -> Vec<(u32, Cause)>| {
            let small = Small::of(kind, 10);
            small.write_for(1, ttl(seconds(1)));
            small.pass(seconds(1));
            assert_eq!(leave(&small), [(1, Cause::Expired)], "{kind:?}");
            assert_eq!(small.memory.counts().removed, [1, 0, 0, 0, 0]);
        };
        expired(&|small| small.remove(1));
        expired(&|small| small.write(1));
        expired(&|small| leaving(small.memory.clear()));
        expired(&|small| leaving(small.memory.clear_owner(0)));
        expired(&|small| leaving(small.memory.enable(false)));
        expired(&|small| leaving(small.memory.resize(0, u64::MAX)));
        expired(&|small| small.memory.pop_victim().map(|removed| (removed.key.0, removed.cause)).into_iter().collect());
    }
}

#[test]
fn a_life_of_a_hundred_years_and_more_can_be_touched_and_read() {
    for kind in kinds() {
        let small = Small::of(kind, 10);
        let years = seconds(146 * 365 * 86_400);
        small.pass(seconds(86_400));
        small.write_for(1, Lifespan { idle: idle(years).idle, ..ttl(years) });
        assert!(small.read(1) && small.touch(1, idle(years)) && small.read(1));
        small.memory.validate();
        small.pass(years / 2);
        assert!(small.read(1));
    }
}
