use proptest::collection::vec;
use proptest::prelude::*;

use super::{neighbour, words};
use crate::tier::shared::stale::{BUCKET, Since, Stales};

const MINUTE: u64 = 60_000;

#[test]
fn what_was_loaded_before_a_change_is_stale_since_then() {
    let words = words(BUCKET);
    let stales = Stales::new(&words);
    assert_eq!(stales.since(0, neighbour(0)), Since::Never);
    stales.raise(neighbour(0), 5, MINUTE);
    assert_eq!(stales.since(4, neighbour(0)), Since::At(MINUTE));
    assert_eq!(stales.since(5, neighbour(0)), Since::Never);
    assert_eq!(stales.since(4, neighbour(1)), Since::Never);
}

#[test]
fn the_first_change_after_a_load_counts() {
    let words = words(BUCKET);
    let stales = Stales::new(&words);
    stales.raise(neighbour(0), 5, MINUTE);
    stales.raise(neighbour(0), 9, 2 * MINUTE);
    assert_eq!(stales.since(4, neighbour(0)), Since::At(MINUTE));
    assert_eq!(stales.since(5, neighbour(0)), Since::At(2 * MINUTE));
}

#[test]
fn what_was_loaded_between_the_last_two_of_many_changes_keeps_all_of_its_grace() {
    let words = words(BUCKET);
    let stales = Stales::new(&words);
    (1..=100).for_each(|time| stales.raise(neighbour(0), 10 * time, time * MINUTE));
    assert_eq!(stales.since(995, neighbour(0)), Since::At(100 * MINUTE));
    assert_eq!(stales.since(985, neighbour(0)), Since::At(MINUTE), "too early, and not too late");
}

#[test]
fn changes_within_a_second_are_one() {
    let words = words(BUCKET);
    let stales = Stales::new(&words);
    for minute in 1..=5 {
        (0..3).for_each(|change| stales.raise(neighbour(0), 10 * minute + change, minute * MINUTE + 300 * change));
    }
    assert_eq!(stales.since(45, neighbour(0)), Since::At(5 * MINUTE));
    assert_eq!(stales.since(51, neighbour(0)), Since::At(5 * MINUTE));
    assert_eq!(stales.since(52, neighbour(0)), Since::Never);
}

#[test]
fn time_that_is_set_back_makes_nothing_stale_later() {
    let words = words(BUCKET);
    let stales = Stales::new(&words);
    stales.raise(neighbour(0), 5, 9 * MINUTE);
    stales.raise(neighbour(0), 7, MINUTE);
    assert_eq!(stales.since(4, neighbour(0)), Since::At(MINUTE));
    assert_eq!(stales.since(6, neighbour(0)), Since::At(MINUTE));
}

#[test]
fn what_was_forgotten_is_unknown() {
    let words = words(BUCKET);
    let stales = Stales::new(&words);
    (0..8).for_each(|mark| stales.raise(neighbour(mark), 10 + mark, MINUTE));
    assert_eq!(stales.since(9, neighbour(0)), Since::Unknown);
    assert_eq!(stales.since(9, neighbour(99)), Since::Unknown);
    assert_eq!(stales.since(16, neighbour(7)), Since::At(MINUTE));
    assert_eq!(stales.since(10, neighbour(99)), Since::Never);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_time_is_later_than_that_of_the_first_change_after_the_clock(
        changes in vec((0..10_u64, 0..5000_u64), 1..60), marks in 1..10_u64,
    ) {
        let words = words(BUCKET);
        let stales = Stales::new(&words);
        let (mut model, mut now) = (Vec::new(), 0);
        for (number, (mark, later)) in (1_u64..).zip(changes) {
            now += later;
            stales.raise(neighbour(mark % marks), number, now);
            model.push((number, mark % marks, now));
            for (clock, mark) in (0..=number).flat_map(|clock| (0..marks).map(move |mark| (clock, mark))) {
                let mut times = model.iter().filter(|(number, of, _)| *number > clock && *of == mark);
                match (times.next().map(|(_, _, time)| *time), stales.since(clock, neighbour(mark))) {
                    (Some(first), Since::At(time)) => prop_assert!(time <= first, "{time} is after {first}"),
                    (Some(_), Since::Never) => prop_assert!(false, "a change was not seen"),
                    (None, Since::At(_)) => prop_assert!(false, "a change was seen that never was"),
                    (_, Since::Unknown) => prop_assert!(marks > 7, "nothing was forgotten"),
                    (None, Since::Never) => {}
                }
            }
        }
    }
}
