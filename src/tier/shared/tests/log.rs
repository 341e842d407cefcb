use super::words;
use crate::tier::shared::log::{Entry, Log};
use crate::tier::shared::word::Word;
use crate::tier::{Heard, Mark};

const BASE: u64 = 1000;
const SLOTS: usize = 8;

fn with_log(test: impl FnOnce(Log<'_>)) {
    let (last, slots) = (Word::default(), words(SLOTS));
    last.raise(BASE);
    test(Log { base: BASE, last: &last, slots: &slots });
}

fn heard(log: &Log<'_>, after: u64) -> (Vec<(u64, u64)>, Heard) {
    let mut seen = Vec::new();
    let heard = log.changes(after, &mut |number, part| seen.push((number, part)));
    (seen, heard)
}

fn publish(log: &Log<'_>, part: u64) -> u64 {
    log.publish(Entry::of(Mark::from_bits(part)), |_| {})
}

#[test]
fn changes_are_shown_in_order_with_their_numbers() {
    with_log(|log| {
        assert_eq!(heard(&log, BASE), (vec![], Heard::All(BASE)));
        assert_eq!((publish(&log, 5), publish(&log, 6)), (BASE + 1, BASE + 2));
        assert_eq!(heard(&log, BASE), (vec![(BASE + 1, 5), (BASE + 2, 6)], Heard::All(BASE + 2)));
        assert_eq!(heard(&log, BASE + 1), (vec![(BASE + 2, 6)], Heard::All(BASE + 2)));
    });
}

#[test]
fn who_is_behind_by_more_than_the_ring_has_lost_some() {
    with_log(|log| {
        (1..=30).for_each(|part| _ = publish(&log, part));
        let last = BASE + 30;
        assert_eq!(heard(&log, last - 8).0.len(), 8);
        assert_eq!(heard(&log, last - 9), (vec![], Heard::Lost(last)));
        assert_eq!(heard(&log, BASE), (vec![], Heard::Lost(last)));
    });
}

#[test]
fn who_is_ahead_has_heard_of_another_log() {
    with_log(|log| assert_eq!(heard(&log, BASE + 1), (vec![], Heard::Lost(BASE))));
}

#[test]
fn numbers_without_a_change_are_passed_over_and_a_change_of_everything_is_a_loss() {
    with_log(|log| {
        log.publish(Entry::Nothing, |_| {});
        publish(&log, 5);
        assert_eq!(heard(&log, BASE), (vec![(BASE + 2, 5)], Heard::All(BASE + 2)));
        log.publish(Entry::Everything, |_| {});
        assert_eq!(heard(&log, BASE), (vec![(BASE + 2, 5)], Heard::Lost(BASE + 3)));
    });
}

#[test]
fn a_mark_whose_part_means_something_else_is_everything() {
    assert_eq!(Entry::of(Mark::from_bits(7 << 40)), Entry::Everything);
    assert_eq!(Entry::of(Mark::from_bits(u64::MAX)), Entry::Everything);
    assert_eq!(Entry::of(Mark::from_bits(7 << 40 | 1)), Entry::Part(1));
}

#[test]
fn what_is_to_be_done_first_is_done_with_each_number_that_is_tried() {
    with_log(|log| {
        let mut tried = Vec::new();
        let number = log.publish(Entry::Part(5), |number| {
            if tried.len() < 3 {
                publish(&log, 1);
            }
            tried.push(number);
        });
        assert_eq!((tried, number), (vec![BASE + 1, BASE + 2, BASE + 3, BASE + 4], BASE + 4));
    });
}

#[test]
fn a_publisher_who_comes_a_lap_late_takes_another_number() {
    with_log(|log| {
        let mut is_late = true;
        let number = log.publish(Entry::Part(5), |_| {
            if std::mem::take(&mut is_late) {
                (0..10).for_each(|_| _ = publish(&log, 1));
            }
        });
        assert_eq!(number, BASE + 11);
        let (seen, _) = heard(&log, BASE + 3);
        assert_eq!(seen.iter().map(|(_, part)| *part).collect::<Vec<_>>(), [1, 1, 1, 1, 1, 1, 1, 5]);
    });
}

#[test]
fn a_change_whose_publisher_was_stopped_before_its_end_is_published_by_the_next() {
    let (last, slots) = (Word::default(), words(SLOTS));
    last.raise(BASE);
    let log = Log { base: BASE, last: &last, slots: &slots };
    let entry_of_the_first = 1 << 40 | 5;
    assert!(slots[1].replace(0, entry_of_the_first), "it is written, and its number not moved");
    assert_eq!(publish(&log, 6), BASE + 2);
    assert_eq!(heard(&log, BASE), (vec![(BASE + 1, 5), (BASE + 2, 6)], Heard::All(BASE + 2)));
}
