//! Walks over a memory that changes meanwhile.

use std::collections::HashSet;

use proptest::prelude::*;

use super::small::{Small, hash, kinds, seconds, ttl};
use crate::memory::Cursor;

fn walk(small: &Small, mut between: impl FnMut(u32)) -> Vec<u32> {
    let mut cursor = Cursor::default();
    let mut met = Vec::new();
    while let Some(number) = small.memory.next(&mut cursor, |key, _| key.0) {
        met.push(number);
        between(number);
    }
    met
}

#[test]
fn a_walk_meets_what_is_fresh_and_leaves_no_trace() {
    for kind in kinds() {
        let small = Small::of(kind, 5000);
        (0..3000).for_each(|number| _ = small.write(number));
        (3000..3500).for_each(|number| _ = small.write_for(number, ttl(seconds(1))));
        (0..2990).for_each(|number| _ = small.remove(number));
        small.pass(seconds(1));
        let before = small.memory.counts();
        let mut met = walk(&small, |_| ());
        met.sort_unstable();
        assert_eq!(met, (2990..3000).collect::<Vec<_>>(), "{kind:?}");
        assert_eq!(small.memory.counts(), before);
    }
}

proptest! {
    #[test]
    fn what_is_there_all_the_time_is_met_once(changes in prop::collection::vec((0_u32..60, any::<bool>()), 0..80)) {
        for kind in kinds() {
            let small = Small::of(kind, u64::MAX);
            (0..40).for_each(|number| _ = small.write(number));
            let mut disturbed = HashSet::new();
            let mut changes = changes.iter();
            let met = walk(&small, |_| {
                let Some(&(number, comes)) = changes.next() else { return };
                disturbed.insert(number);
                _ = if comes { small.write(number) } else { small.remove(number) };
            });
            for number in (0..40).filter(|number| !disturbed.contains(number)) {
                let times = met.iter().filter(|&&other| other == number).count();
                prop_assert_eq!(times, 1, "{} with {:?}", number, kind);
            }
        }
    }
}

#[test]
fn a_collector_sees_everything_until_it_has_seen_enough() {
    for kind in kinds() {
        let small = Small::of(kind, 100);
        (0..30).for_each(|number| _ = small.write_for(number, ttl(seconds(1))));
        small.pass(seconds(1));
        let mut seen = HashSet::new();
        let all = small.memory.visit(|key, value| {
            assert!(seen.insert(key.0) && key.0 == *value);
            Ok::<_, ()>(())
        });
        assert_eq!(all, Ok(()));
        assert_eq!(seen.len(), 30);
        let mut left = 3;
        let enough = small.memory.visit(|_, _| {
            left -= 1;
            if left == 0 { Err("enough") } else { Ok(()) }
        });
        assert_eq!(enough, Err("enough"));
    }
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "a collection found the lock of a shard taken")]
fn a_collection_under_a_lock_is_a_bug_that_is_seen() {
    let small = Small::of(("lru", 1), 10);
    small.write(1);
    let collect = |_: &u32| small.memory.visit(|_, _| Ok::<_, ()>(()));
    let _ = small.memory.peek(hash(1), &mut super::small::equal(1), collect);
}
