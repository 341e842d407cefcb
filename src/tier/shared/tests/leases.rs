use std::time::Duration;

use super::{neighbour, words};
use crate::tier::Lease;
use crate::tier::shared::leases::{BUCKET, Leases};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn one_has_a_lease_until_its_end() {
    let words = words(2 * BUCKET);
    let leases = Leases { words: &words };
    assert_eq!(leases.lease(neighbour(0), 1, SECOND, 5000), Lease::Granted);
    let held = leases.lease(neighbour(0), 2, SECOND, 5600);
    assert_eq!(held, Lease::Held(Duration::from_millis(6000 - 5600)));
    assert_eq!(leases.lease(neighbour(1), 2, SECOND, 5600), Lease::Granted, "of another mark");
    assert_eq!(leases.lease(neighbour(0), 2, SECOND, 6000), Lease::Granted, "the first was never given back");
}

#[test]
fn a_lease_is_never_shorter_than_asked_for_and_little_longer() {
    let words = words(BUCKET);
    let leases = Leases { words: &words };
    for now in 1000..1050 {
        leases.forget();
        assert_eq!(leases.lease(neighbour(0), 1, SECOND, now), Lease::Granted);
        let Lease::Held(left) = leases.lease(neighbour(0), 2, SECOND, now) else { panic!("it is held") };
        assert!(left >= SECOND && left < SECOND + Duration::from_millis(16), "{left:?}");
    }
}

#[test]
fn who_asks_again_has_it_anew() {
    let words = words(BUCKET);
    let leases = Leases { words: &words };
    assert_eq!(leases.lease(neighbour(0), 1, SECOND, 1600), Lease::Granted);
    assert_eq!(leases.lease(neighbour(0), 1, SECOND, 2600), Lease::Granted);
    assert_eq!(leases.lease(neighbour(0), 2, SECOND, 2800), Lease::Held(Duration::from_millis(800)));
}

#[test]
fn only_its_holder_gives_a_lease_back() {
    let words = words(BUCKET);
    let leases = Leases { words: &words };
    assert_eq!(leases.lease(neighbour(0), 1, SECOND, 0), Lease::Granted);
    leases.release(neighbour(0), 2);
    leases.release(neighbour(1), 1);
    assert!(matches!(leases.lease(neighbour(0), 2, SECOND, 0), Lease::Held(_)));
    leases.release(neighbour(0), 1);
    assert_eq!(leases.lease(neighbour(0), 2, SECOND, 0), Lease::Granted);
}

#[test]
fn a_full_bucket_grants_what_it_cannot_note() {
    let words = words(BUCKET);
    let leases = Leases { words: &words };
    for mark in 0..BUCKET as u64 + 3 {
        assert_eq!(leases.lease(neighbour(mark), 1, SECOND, 0), Lease::Granted);
    }
    assert!(matches!(leases.lease(neighbour(0), 2, SECOND, 0), Lease::Held(_)));
    assert_eq!(leases.lease(neighbour(BUCKET as u64), 2, SECOND, 0), Lease::Granted);
}

#[test]
fn a_lease_for_ever_ends_in_some_years() {
    let words = words(BUCKET);
    let leases = Leases { words: &words };
    assert_eq!(leases.lease(neighbour(0), 1, Duration::MAX, 1000), Lease::Granted);
    let Lease::Held(left) = leases.lease(neighbour(0), 2, SECOND, 1000) else { panic!("it is held") };
    assert!(left > Duration::from_secs(8 * 365 * 86_400));
}
