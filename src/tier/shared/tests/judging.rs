use proptest::collection::vec;
use proptest::prelude::*;

use super::{Fresh, create, neighbour};
use crate::tier::shared::tests::Folder;
use crate::tier::shared::{Shared, WORN_OUT, at};
use crate::tier::{Heard, Judgement, Mark, Number, To, Watch};

#[test]
fn a_change_makes_invalid_what_is_older_and_has_its_mark() {
    let shared = Fresh::new("judging");
    let before = shared.fence();
    let number = shared.change(neighbour(0), To::Invalid);
    assert_eq!(shared.judge(before, &[neighbour(1), neighbour(0)]), Judgement::Invalid);
    assert_eq!(shared.judge(before, &[neighbour(1)]), Judgement::Valid);
    assert_eq!(shared.judge(number, &[neighbour(0)]), Judgement::Valid);
}

#[test]
fn of_several_marks_the_first_that_became_stale_counts_and_invalid_is_more() {
    let shared = Fresh::new("judging");
    let before = shared.fence();
    shared.change(neighbour(0), To::Stale(9000));
    shared.change(neighbour(1), To::Stale(5000));
    assert_eq!(shared.judge(before, &[neighbour(0), neighbour(1)]), Judgement::Stale(5000));
    shared.change(neighbour(2), To::Invalid);
    assert_eq!(shared.judge(before, &[neighbour(0), neighbour(2)]), Judgement::Invalid);
}

#[test]
fn a_clock_of_another_store_is_never_valid() {
    let shared = Fresh::new("judging");
    assert_eq!(shared.judge(shared.base - 1, &[]), Judgement::Invalid);
    assert_eq!(shared.judge(shared.last() + 1, &[]), Judgement::Invalid);
    assert_eq!(shared.judge(shared.last(), &[]), Judgement::Valid);
}

#[test]
fn what_is_set_is_valid_and_loads_that_began_meanwhile_are_not() {
    let shared = Fresh::new("judging");
    let before = shared.fence();
    let clock = shared.begin_set();
    let during = shared.fence();
    assert_eq!(shared.judge(before, &[neighbour(0)]), Judgement::Valid, "until it is stored, the old value is read");
    let number = shared.has_set(clock, neighbour(0));
    shared.end_set(clock);
    assert_eq!(shared.judge(clock, &[neighbour(0)]), Judgement::Valid);
    assert_eq!(shared.judge(before, &[neighbour(0)]), Judgement::Invalid);
    assert_eq!(shared.judge(during, &[neighbour(0)]), Judgement::Invalid);
    assert_eq!(shared.judge(shared.fence(), &[neighbour(0)]), Judgement::Valid);
    let mut seen = Vec::new();
    assert_eq!(shared.changes(before, &mut |number, part| seen.push((number, part))), Heard::All(number));
    assert_eq!(seen, [(number, neighbour(0).part())]);
}

#[test]
fn a_change_during_a_set_comes_after_it() {
    let shared = Fresh::new("judging");
    let clock = shared.begin_set();
    shared.change(neighbour(0), To::Invalid);
    shared.has_set(clock, neighbour(0));
    shared.end_set(clock);
    assert_eq!(shared.judge(clock, &[neighbour(0)]), Judgement::Invalid);
}

#[test]
fn a_load_that_begins_during_a_set_of_several_is_overtaken_by_each() {
    let shared = Fresh::new("judging");
    let clock = shared.begin_set();
    shared.has_set(clock, neighbour(0));
    let during = shared.fence();
    shared.has_set(clock, neighbour(1));
    shared.end_set(clock);
    assert_eq!(shared.judge(during, &[neighbour(0)]), Judgement::Invalid);
    assert_eq!(shared.judge(during, &[neighbour(1)]), Judgement::Invalid);
    assert_eq!(shared.judge(clock, &[neighbour(0), neighbour(1)]), Judgement::Valid);
}

#[test]
fn a_set_of_which_nothing_was_stored_changes_nothing() {
    let shared = Fresh::new("judging");
    let before = shared.fence();
    let clock = shared.begin_set();
    shared.end_set(clock);
    assert_eq!(shared.judge(before, &[neighbour(0)]), Judgement::Valid);
    assert_eq!((shared.fence(), shared.changes(before, &mut |_, _| {})), (clock, Heard::All(clock)));
}

#[test]
fn whoever_has_the_write_lock_next_ends_the_set_of_one_who_was_killed() {
    let shared = Fresh::new("judging");
    let before = shared.fence();
    let killed = shared.begin_set();
    assert_eq!(shared.fence(), before);
    shared.take_over();
    assert!(shared.fence() > killed);
    assert_eq!(shared.changes(before, &mut |_, _| {}), Heard::Lost(shared.last()), "it may have been stored");

    let (before, killed) = (shared.last(), shared.begin_set());
    let clock = shared.begin_set();
    assert!(clock > killed);
    assert!(matches!(shared.changes(before, &mut |_, _| {}), Heard::Lost(_)));
    shared.has_set(clock, neighbour(0));
    shared.end_set(clock);
    assert_eq!(shared.fence(), shared.last());
    shared.take_over();
    let last = shared.last();
    shared.take_over();
    assert_eq!(shared.last(), last, "there was nothing to end");
}

#[test]
fn a_clock_that_has_no_more_numbers_retires_the_file() {
    let folder = Folder::new("judging");
    let shared = create(&folder.file("shared"));
    shared.header(at::LAST).raise(shared.base + WORN_OUT);
    assert!(!shared.is_retired());
    let number = shared.change(neighbour(0), To::Invalid);
    assert!(shared.is_retired());
    assert_eq!(shared.judge(number, &[]), Judgement::Invalid);
    let new = create(&folder.file("shared"));
    assert!(new.last() > shared.last());
    assert!(!new.is_retired());
}

#[derive(Clone, Debug)]
enum Step {
    Invalidate(u64),
    Expire(u64, u64),
    Set(u64),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..10_u64).prop_map(Step::Invalidate),
        (0..10_u64, 0..4000_u64).prop_map(|(mark, later)| Step::Expire(mark, later)),
        (0..10_u64).prop_map(Step::Set),
    ]
}

/// Every change that there was.
#[derive(Default)]
struct Model {
    changes: Vec<(Number, u64, To)>,
    now: u64,
}

impl Model {
    fn apply(&mut self, shared: &Shared, step: &Step, mark: impl Fn(u64) -> Mark) {
        let (of, to) = match *step {
            Step::Invalidate(of) | Step::Set(of) => (of, To::Invalid),
            Step::Expire(of, later) => {
                self.now += later;
                (of, To::Stale(self.now))
            }
        };
        let number = match step {
            Step::Set(_) => {
                let clock = shared.begin_set();
                shared.has_set(clock, mark(of));
                shared.end_set(clock);
                clock
            }
            _ => shared.change(mark(of), to),
        };
        self.changes.push((number, of, to));
    }

    fn judge(&self, clock: Number, of: u64) -> Judgement {
        let after = || self.changes.iter().filter(|(number, mark, _)| *number > clock && *mark == of);
        if after().any(|(_, _, to)| *to == To::Invalid) {
            return Judgement::Invalid;
        }
        after().next().map_or(Judgement::Valid, |(_, _, to)| match to {
            To::Stale(time) => Judgement::Stale(*time),
            To::Invalid => Judgement::Invalid,
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_judgement_is_that_of_all_changes_or_a_more_careful_one(steps in vec(steps(), 1..40), crowded in any::<bool>()) {
        let shared = Fresh::new("model");
        let mark = |of: u64| if crowded { neighbour(of) } else { Mark::from_bits((of + 1) << 50 | of) };
        let (mut model, mut clocks) = (Model::default(), vec![shared.fence()]);
        for step in &steps {
            model.apply(&shared, step, mark);
            clocks.push(shared.fence());
            for (&clock, of) in clocks.iter().flat_map(|clock| (0..10).map(move |of| (clock, of))) {
                match (model.judge(clock, of), shared.judge(clock, &[mark(of)])) {
                    (expected, judged) if expected == judged => {}
                    (Judgement::Stale(first), Judgement::Stale(time)) => prop_assert!(time < first),
                    (expected, judged) => prop_assert!(
                        crowded && judged == Judgement::Invalid, "{judged:?} instead of {expected:?}"
                    ),
                }
            }
        }
    }
}
