#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::clock::ManualClock;

const SECOND: Duration = Duration::from_secs(1);

struct Tried {
    guard: Guard,
    time: Arc<ManualClock>,
}

fn tried(options: Option<BreakerOptions>) -> Tried {
    let time = Arc::new(ManualClock::default());
    Tried { guard: Guard::new(options, Clock::Manual(time.clone())), time }
}

fn options() -> BreakerOptions {
    BreakerOptions { failures: 3, jitter: 0.0, ..BreakerOptions::default() }
}

fn soon() -> Wait {
    Wait::Until(Instant::now() + SECOND)
}

impl Tried {
    fn fail(&self, fault: Fault) -> Fault {
        self.guard.call(soon(), || Err::<(), _>(fault)).unwrap_err()
    }

    fn succeed(&self) -> Result<u8, Fault> {
        self.guard.call(soon(), || Ok(7))
    }

    fn state(&self) -> State {
        self.guard.stats().unwrap().state
    }
}

fn away() -> Fault {
    Fault::Away("no route".to_owned())
}

#[test]
fn what_fails_is_left_alone_and_it_is_said_why() {
    let tried = tried(Some(options()));
    (0..3).for_each(|_| assert_eq!(tried.fail(away()).kind(), "away"));
    let refused = tried.succeed().unwrap_err();
    assert_eq!(refused.to_string(), "it is left alone for another 1.0 s, because calls failed: no route");
    tried.time.advance(SECOND);
    assert_eq!(tried.succeed().unwrap(), 7);
    assert_eq!((tried.state(), tried.guard.faults()), (State::Closed, 3));
}

#[test]
fn an_answer_is_no_failure_whatever_it_is() {
    let tried = tried(Some(options()));
    for _ in 0..9 {
        tried.fail(Fault::TooLarge { bytes: 2, most: 1 });
        tried.fail(Fault::Unsupported("fly"));
        tried.fail(Fault::Interrupted);
    }
    assert_eq!((tried.state(), tried.guard.faults()), (State::Closed, 0));
}

#[test]
fn busy_is_a_failure_for_who_has_waited() {
    let tried = tried(Some(options()));
    for _ in 0..9 {
        tried.guard.call(Wait::Not, || Err::<(), _>(Fault::Busy)).unwrap_err();
    }
    assert_eq!(tried.state(), State::Closed);
    (0..3).for_each(|_| drop(tried.fail(Fault::Busy)));
    assert_eq!(tried.state(), State::Open);
}

#[test]
fn who_did_not_wait_leaves_the_probe_to_who_does() {
    let tried = tried(Some(options()));
    (0..3).for_each(|_| drop(tried.fail(Fault::Busy)));
    tried.time.advance(SECOND);
    tried.guard.call(Wait::Not, || Err::<(), _>(Fault::Busy)).unwrap_err();
    assert_eq!((tried.state(), tried.succeed().unwrap()), (State::HalfOpen, 7));
}

#[test]
fn it_says_once_that_calls_go_well_again_when_a_probe_did() {
    let tried = tried(Some(options()));
    assert!(!tried.guard.take_recovery());
    (0..3).for_each(|_| drop(tried.fail(away())));
    tried.time.advance(SECOND);
    tried.succeed().unwrap();
    assert_eq!([tried.guard.take_recovery(), tried.guard.take_recovery()], [true, false]);
}

#[test]
fn after_a_failure_between_successes_it_says_so_when_it_has_been_calm_for_a_while() {
    let tried = tried(Some(options()));
    for _ in 0..20 {
        tried.fail(away());
        (0..9).for_each(|_| drop(tried.succeed()));
        assert!(!tried.guard.take_recovery());
        tried.time.advance(SECOND);
    }
    tried.time.advance(SECOND * 9);
    tried.succeed().unwrap();
    assert!(tried.guard.take_recovery());
}

#[test]
fn without_a_breaker_every_call_is_made() {
    let tried = tried(None);
    (0..100).for_each(|_| assert_eq!(tried.fail(away()).kind(), "away"));
    assert_eq!((tried.succeed().unwrap(), tried.guard.stats()), (7, None));
}
