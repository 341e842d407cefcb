//! What holds with threads of the system, on real memory.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;

use super::{Fresh, neighbour};
use crate::tier::{Heard, Judgement, Mark, To, Watch};

const MARKS: u64 = 24;
const CHANGES: u64 = 20_000;

/// Every third mark lies in a bucket with others that do not fit into it.
fn mark(number: u64) -> Mark {
    if number.is_multiple_of(3) { neighbour(number) } else { Mark::from_bits((number + 1) << 48 | number << 2 | 1) }
}

#[test]
fn threads_judge_and_hear_of_what_others_have_changed() {
    let shared = Fresh::new("threads");
    let first = shared.fence();
    // The number of the last change of each mark that has returned.
    let announced: [AtomicU64; MARKS as usize] = std::array::from_fn(|_| AtomicU64::new(0));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (shared, announced, is_over) = (&shared, &announced, &is_over);
        let changers = (0..2_u64).map(|changer| {
            scope.spawn(move || {
                for change in 0..CHANGES {
                    let of = (change * 7 + changer * 11) % MARKS;
                    let number = shared.change(mark(of), To::Invalid);
                    announced[of as usize].fetch_max(number, SeqCst);
                }
            })
        });
        let changers: Vec<_> = changers.collect();
        scope.spawn(move || judge(shared, announced, is_over));
        scope.spawn(move || watch(shared, first, announced, is_over));
        changers.into_iter().for_each(|changer| changer.join().unwrap());
        is_over.store(true, SeqCst);
    });
    assert_eq!(shared.last(), first + 2 * CHANGES, "each change took one number");
}

fn judge(shared: &Fresh, announced: &[AtomicU64], is_over: &AtomicBool) {
    let mut clocks = [shared.fence(); 8];
    for round in 0_usize.. {
        if is_over.load(SeqCst) {
            return;
        }
        clocks[round % 8] = shared.fence();
        let (clock, of) = (clocks[round / 3 % 8], round as u64 % MARKS);
        let changed = announced[of as usize].load(SeqCst);
        let judged = shared.judge(clock, &[mark(of)]);
        assert!(
            changed <= clock || judged == Judgement::Invalid,
            "{of} changed at {changed}, and {clock} is {judged:?}"
        );
    }
}

fn watch(shared: &Fresh, first: u64, announced: &[AtomicU64], is_over: &AtomicBool) {
    let (mut after, mut lost) = (first, first);
    let mut heard = [0; MARKS as usize];
    let parts: Vec<u64> = (0..MARKS).map(|of| mark(of).part()).collect();
    let mut was_over = false;
    while !was_over {
        was_over = is_over.load(SeqCst);
        let known: Vec<u64> = announced.iter().map(|number| number.load(SeqCst)).collect();
        let shown = shared.changes(after, &mut |number, part| {
            assert!(number > after, "{number} was shown before");
            let same = |(_, of): &(usize, &u64)| **of == part;
            parts.iter().enumerate().filter(same).for_each(|(of, _)| heard[of] = number);
        });
        match shown {
            Heard::All(last) => after = last,
            Heard::Lost(last) => (after, lost) = (last, last),
        }
        for (of, number) in known.into_iter().enumerate() {
            assert!(number <= lost || number <= heard[of], "{of} changed at {number}, of which nothing was heard");
        }
    }
}

#[test]
fn one_of_many_threads_has_the_lease() {
    let shared = Fresh::new("leases");
    for round in 0..200 {
        let granted = AtomicU64::new(0);
        thread::scope(|scope| {
            for holder in 0..4 {
                let (shared, granted) = (&shared, &granted);
                scope.spawn(move || {
                    let lease = shared.lease(mark(round), holder, std::time::Duration::from_secs(9), round * 20_000);
                    granted.fetch_add(u64::from(lease == crate::tier::Lease::Granted), SeqCst);
                });
            }
        });
        assert_eq!(granted.into_inner(), 1);
    }
}
