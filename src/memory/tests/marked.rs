//! What others know entries by, and what came between a read elsewhere and its being kept.

use super::small::{Small, kinds, leaving, seconds, ttl};
use crate::memory::{Condition, Details, Mark};
use crate::stats::Cause;

fn write_marked(small: &Small, number: u32, mark: Mark) {
    assert!(small.write_if(number, Details { mark, ..Details::default() }, &Condition::Always).0);
}

fn remove_marked(small: &Small, mark: Mark) -> Vec<(u32, Cause)> {
    let mut left = leaving(small.memory.remove_marked(mark, Cause::Invalidated));
    left.sort_unstable_by_key(|&(number, _)| number);
    left
}

#[test]
fn what_is_known_by_a_mark_leaves_by_it_and_nothing_else_does() {
    for kind in kinds() {
        let small = Small::of(kind, 100);
        (0..30).for_each(|number| write_marked(&small, number, Mark::from(number % 10) + 1));
        small.write(50);
        assert_eq!(remove_marked(&small, 4), [3, 13, 23].map(|number| (number, Cause::Invalidated)));
        assert_eq!((remove_marked(&small, 4), remove_marked(&small, 99)), (vec![], vec![]));
        assert_eq!(small.memory.len(), 28);
    }
}

#[test]
fn the_last_write_says_what_an_entry_is_known_by() {
    for kind in kinds() {
        let small = Small::of(kind, 100);
        write_marked(&small, 1, 7);
        write_marked(&small, 1, 8);
        assert_eq!(remove_marked(&small, 7), []);
        small.write(1);
        assert_eq!((remove_marked(&small, 8), small.has(1)), (vec![], true));
        write_marked(&small, 1, 9);
        let unchanged = Details { mark: 10, ..Details::default() };
        assert!(small.write_if(1, unchanged, &Condition::IfValue(&|_| true)).0);
        assert_eq!(remove_marked(&small, 9), [(1, Cause::Invalidated)]);
    }
}

#[test]
fn marks_leave_with_their_entries() {
    for kind in kinds() {
        let small = Small::of(kind, 8);
        (0..100).for_each(|number| write_marked(&small, number, Mark::from(number) + 1));
        let held = (0..100).filter(|&number| small.has(number)).count();
        let left: usize = (0..100).map(|number| remove_marked(&small, number + 1).len()).sum();
        assert_eq!((held, left), (8, 8));
        write_marked(&small, 1, 2);
        drop(small.memory.clear());
        assert_eq!(remove_marked(&small, 2), []);
        let short = Details { mark: 3, lifespan: ttl(seconds(1)), ..Details::default() };
        small.write_if(2, short, &Condition::Always);
        small.pass(seconds(2));
        assert_eq!(remove_marked(&small, 3), [(2, Cause::Expired)], "one whose time was over has expired");
    }
}

#[test]
fn what_was_read_elsewhere_before_a_move_is_not_kept() {
    for kind in kinds() {
        let small = Small::of(kind, 8);
        let read = || Details { moves: Some(small.memory.moves()), ..Details::default() };
        let early = read();
        small.memory.note_move();
        assert!(!small.write_if(1, early, &Condition::Always).0);
        assert!(small.write_if(1, read(), &Condition::Always).0);
    }
}
