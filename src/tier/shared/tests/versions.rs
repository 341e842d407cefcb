use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{neighbour, words};
use crate::tier::Mark;
use crate::tier::shared::versions::{LAST_NUMBER, LINE, Raised, Versions};

#[test]
fn what_never_changed_has_no_version() {
    let words = words(4 * LINE);
    let versions: Versions<'_> = Versions { words: &words };
    assert_eq!(versions.of(neighbour(0)), 0);
    versions.raise(neighbour(0), 9);
    assert_eq!((versions.of(neighbour(0)), versions.of(neighbour(1))), (9, 0));
}

#[test]
fn a_version_only_rises() {
    let words = words(LINE);
    let versions: Versions<'_> = Versions { words: &words };
    assert_eq!(versions.raise(neighbour(0), 9), Raised::New(0));
    assert_eq!(versions.raise(neighbour(0), 7), Raised::Later(0));
    assert_eq!(versions.raise(neighbour(0), 11), Raised::From(0, 9));
    assert_eq!(versions.of(neighbour(0)), 11);
}

#[test]
fn a_full_bucket_forgets_the_oldest_and_makes_all_as_old() {
    let words = words(LINE);
    let versions: Versions<'_> = Versions { words: &words };
    (0..7).for_each(|mark| _ = versions.raise(neighbour(mark), 10 + mark));
    assert_eq!(versions.of(neighbour(99)), 0);
    versions.raise(neighbour(7), 20);
    let known: Vec<u64> = (0..8).map(|mark| versions.of(neighbour(mark))).collect();
    assert_eq!(known, [10, 11, 12, 13, 14, 15, 16, 20]);
    assert_eq!(versions.of(neighbour(99)), 10, "a mark that never changed is as old as what was forgotten");
}

#[test]
fn a_late_change_of_a_full_bucket_is_what_is_forgotten() {
    let words = words(LINE);
    let versions: Versions<'_> = Versions { words: &words };
    (0..7).for_each(|mark| _ = versions.raise(neighbour(mark), 10 + mark));
    assert_eq!(versions.raise(neighbour(7), 3), Raised::Forgotten);
    assert_eq!((versions.of(neighbour(7)), versions.of(neighbour(0))), (3, 10));
}

#[test]
fn numbers_beyond_the_last_are_never_valid_again() {
    let words = words(LINE);
    let versions: Versions<'_> = Versions { words: &words };
    versions.raise(neighbour(0), LAST_NUMBER + 5);
    assert_eq!(versions.of(neighbour(0)), LAST_NUMBER);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn versions_are_exact_where_they_have_room_and_never_too_early(
        changes in vec((0..12_u64, any::<bool>()), 1..80), marks in 1..12_u64,
    ) {
        let words = words(2 * LINE);
        let versions: Versions<'_> = Versions { words: &words };
        let mut model: HashMap<Mark, u64> = HashMap::new();
        for (number, (mark, elsewhere)) in (1..).zip(changes) {
            // Those elsewhere are too few to fill their bucket.
            let mark = if elsewhere { Mark::from_bits((mark % 7 + 1) << 50) } else { neighbour(mark % marks) };
            versions.raise(mark, number);
            model.insert(mark, number);
            for (&mark, &number) in &model {
                let has_room = mark.bits() & 1 == 0 || marks <= 7;
                prop_assert!(versions.of(mark) >= number);
                prop_assert!(!has_room || versions.of(mark) == number);
            }
        }
    }
}
