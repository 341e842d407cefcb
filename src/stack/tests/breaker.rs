#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::clock::ManualClock;

const SECOND: Duration = Duration::from_secs(1);

struct Tried {
    breaker: Breaker,
    time: Arc<ManualClock>,
}

fn options() -> BreakerOptions {
    BreakerOptions { failures: 3, jitter: 0.0, ..BreakerOptions::default() }
}

fn tried(options: BreakerOptions) -> Tried {
    let time = Arc::new(ManualClock::default());
    Tried { breaker: Breaker::new(options, Clock::Manual(time.clone())), time }
}

impl Tried {
    fn fail(&self) -> Option<Moved> {
        self.breaker.allow().unwrap().failed()
    }

    fn succeed(&self) -> Option<Moved> {
        self.breaker.allow().unwrap().succeeded()
    }

    fn is_refused(&self) -> bool {
        self.breaker.allow().is_err()
    }

    fn opened(self) -> Self {
        (0..self.breaker.options.failures).for_each(|_| _ = self.fail());
        assert_eq!(self.breaker.state(), State::Open);
        self
    }

    fn wait(&self, time: Duration) {
        self.time.advance(time);
    }
}

const fn moved(from: State, to: State) -> Option<Moved> {
    Some(Moved { from, to })
}

#[test]
fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
    let tried = tried(options());
    assert_eq!((tried.fail(), tried.fail(), tried.succeed()), (None, None, None));
    assert_eq!((tried.fail(), tried.fail()), (None, None));
    assert_eq!(tried.fail(), moved(State::Closed, State::Open));
    let refused = tried.breaker.allow().unwrap_err();
    assert!(refused.retry_in > SECOND * 99 / 100 && refused.retry_in <= SECOND, "{refused:?}");
}

#[test]
fn a_rate_of_failures_opens_it_once_there_are_enough_calls() {
    let tried = tried(BreakerOptions { failures: 100, rate: 0.5, least_calls: 10, ..options() });
    (0..5).for_each(|_| _ = tried.succeed());
    assert!((0..4).all(|_| tried.fail().is_none()));
    assert_eq!(tried.fail(), moved(State::Closed, State::Open));
}

#[test]
fn calls_of_long_ago_do_not_count() {
    let tried = tried(BreakerOptions { failures: 100, rate: 0.5, least_calls: 10, ..options() });
    (0..9).for_each(|_| _ = tried.fail());
    tried.wait(11 * SECOND);
    assert!((0..9).all(|_| tried.fail().is_none()), "nine of before are forgotten");
    assert_eq!(tried.breaker.stats().calls, 9);
    assert_eq!(tried.fail(), moved(State::Closed, State::Open));
}

#[test]
fn a_slow_success_is_a_failure() {
    let tried = tried(BreakerOptions { failures: 1, slow: Some(SECOND), ..options() });
    let (fast, slow) = (tried.breaker.allow().unwrap(), tried.breaker.allow().unwrap());
    tried.wait(SECOND / 2);
    assert_eq!(fast.succeeded(), None);
    tried.wait(SECOND);
    assert_eq!(slow.succeeded(), moved(State::Closed, State::Open));
}

#[test]
fn a_probe_closes_it_or_opens_it_for_twice_as_long() {
    let tried = tried(options()).opened();
    tried.wait(SECOND);
    let probe = tried.breaker.allow().unwrap();
    assert_eq!(probe.moved(), moved(State::Open, State::HalfOpen));
    assert!(tried.is_refused(), "one probe at a time");
    assert_eq!(probe.failed(), moved(State::HalfOpen, State::Open));
    tried.wait(SECOND);
    assert!(tried.is_refused());
    tried.wait(SECOND);
    assert_eq!(tried.succeed(), moved(State::HalfOpen, State::Closed));
    assert_eq!(tried.succeed(), None);
    assert_eq!(tried.breaker.stats().in_a_row, 0);
}

#[test]
fn it_is_never_open_for_longer_than_the_most() {
    let tried = tried(options()).opened();
    for probe in 0..70_u32 {
        let length = (SECOND * 2_u32.pow(probe.min(5))).min(30 * SECOND);
        tried.wait(length - SECOND / 100);
        assert!(tried.is_refused(), "before probe {probe}");
        tried.wait(SECOND / 100 + Duration::from_micros(20));
        assert_eq!(tried.fail(), moved(State::HalfOpen, State::Open));
    }
    assert_eq!(tried.breaker.stats().opened, 71);
}

#[test]
fn several_probes_have_to_succeed_all() {
    let tried = tried(BreakerOptions { probes: 3, ..options() }).opened();
    tried.wait(SECOND);
    let probes = [(); 3].map(|()| tried.breaker.allow().unwrap());
    assert!(tried.is_refused());
    let moves = probes.map(Permit::succeeded);
    assert_eq!(moves, [None, None, moved(State::HalfOpen, State::Closed)]);
}

#[test]
fn probes_may_be_made_one_by_one_however_rare_calls_are() {
    let tried = tried(BreakerOptions { probes: 3, ..options() }).opened();
    let mut moves = Vec::new();
    for _ in 0..3 {
        tried.wait(SECOND * 5);
        moves.push(tried.succeed());
    }
    assert_eq!(moves, [None, None, moved(State::HalfOpen, State::Closed)]);
}

#[test]
fn a_late_probe_has_as_much_time_as_the_first() {
    let tried = tried(BreakerOptions { probes: 2, ..options() }).opened();
    tried.wait(SECOND);
    assert_eq!(tried.succeed(), None);
    tried.wait(SECOND * 5);
    let late = tried.breaker.allow().unwrap();
    tried.wait(SECOND / 2);
    assert!(tried.is_refused(), "it is not given up on");
    assert_eq!(late.succeeded(), moved(State::HalfOpen, State::Closed));
}

#[test]
fn a_cancelled_call_says_nothing_and_another_probes_instead() {
    let tried = tried(options());
    (0..9).for_each(|_| drop(tried.breaker.allow().unwrap()));
    assert_eq!(tried.breaker.state(), State::Closed);
    let tried = tried.opened();
    tried.wait(SECOND);
    drop(tried.breaker.allow().unwrap());
    assert_eq!(tried.breaker.state(), State::HalfOpen);
    assert_eq!(tried.succeed(), moved(State::HalfOpen, State::Closed));
}

#[test]
fn a_probe_of_which_nothing_is_heard_is_made_again_and_then_says_nothing() {
    let tried = tried(options()).opened();
    tried.wait(SECOND);
    let silent = tried.breaker.allow().unwrap();
    assert!(tried.is_refused());
    tried.wait(SECOND);
    let second = tried.breaker.allow().unwrap();
    assert_eq!(second.moved(), None);
    assert_eq!(silent.failed(), None);
    assert_eq!(second.succeeded(), moved(State::HalfOpen, State::Closed));
}

#[test]
fn what_comes_of_calls_from_before_it_opened_does_not_matter_any_more() {
    let tried = tried(options());
    let (good, bad) = (tried.breaker.allow().unwrap(), tried.breaker.allow().unwrap());
    let tried = (tried.fail(), tried.fail(), tried.fail(), &tried).3;
    assert_eq!((good.succeeded(), bad.failed()), (None, None));
    assert_eq!(tried.breaker.state(), State::Open);
}

#[test]
fn jitter_shortens_by_a_part_that_the_seed_decides() {
    let retry = |seed: u64| {
        let tried = tried(BreakerOptions { jitter: 0.5, seed, ..options() }).opened();
        tried.breaker.allow().unwrap_err().retry_in
    };
    assert_eq!(retry(7), retry(7));
    let lengths: Vec<Duration> = (0..50).map(retry).collect();
    assert!(lengths.iter().all(|length| *length <= SECOND && *length > SECOND * 49 / 100));
    assert!(lengths.iter().max().unwrap().saturating_sub(*lengths.iter().min().unwrap()) > SECOND / 4);
}

#[test]
fn it_says_what_there_is_to_know() {
    let tried = tried(options());
    assert_eq!((tried.succeed(), tried.fail()), (None, None));
    tried.wait(2 * SECOND);
    let stats = tried.breaker.stats();
    assert_eq!((stats.state, stats.calls, stats.failed, stats.in_a_row, stats.opened), (State::Closed, 2, 1, 1, 0));
    assert!(stats.for_so_long > 19 * SECOND / 10);
    assert_eq!((tried.fail(), tried.fail()), (None, moved(State::Closed, State::Open)));
    assert!(tried.is_refused() && tried.is_refused());
    let stats = tried.breaker.stats();
    assert_eq!((stats.state, stats.refused, stats.opened, stats.for_so_long), (State::Open, 2, 1, Duration::ZERO));
}

#[test]
fn a_reset_lets_calls_through_and_forgets_those_that_there_were() {
    let tried = tried(options());
    assert_eq!((tried.fail(), tried.fail(), tried.breaker.reset()), (None, None, None));
    let stats = tried.breaker.stats();
    assert_eq!((stats.calls, stats.failed, stats.in_a_row), (0, 0, 0));
    let tried = tried.opened();
    assert_eq!(tried.breaker.reset(), moved(State::Open, State::Closed));
    let tried = tried.opened();
    tried.wait(SECOND);
    let probe = tried.breaker.allow().unwrap();
    assert_eq!(tried.breaker.reset(), moved(State::HalfOpen, State::Closed));
    assert_eq!(probe.failed(), None, "a probe from before it says nothing");
    let tried = tried.opened();
    tried.wait(SECOND);
    assert!(!tried.is_refused(), "it is open for as long as at first");
}

#[test]
fn a_trip_refuses_calls_for_as_long_as_a_failure_would() {
    let tried = tried(options());
    let before = tried.breaker.allow().unwrap();
    assert_eq!(tried.breaker.trip(), moved(State::Closed, State::Open));
    assert_eq!((before.succeeded(), tried.is_refused()), (None, true));
    assert_eq!(tried.breaker.trip(), None, "it was open already");
    tried.wait(SECOND);
    assert!(tried.is_refused(), "and is for longer now");
    tried.wait(SECOND);
    assert_eq!(tried.succeed(), moved(State::HalfOpen, State::Closed));
    assert_eq!(tried.breaker.stats().opened, 2);
}

#[test]
fn a_permit_that_was_laid_aside_says_what_it_would_have_said() {
    let tried = tried(BreakerOptions { slow: Some(SECOND), ..options() }).opened();
    tried.wait(SECOND);
    let aside = tried.breaker.allow().unwrap().lay_aside();
    assert!(aside.is_probe() && tried.breaker.awaits(&aside) && tried.is_refused(), "it is not cancelled");
    assert!(tried.breaker.resume(aside).is_probe());
    let again = tried.breaker.allow().unwrap().lay_aside();
    tried.wait(SECOND * 9 / 10);
    assert_eq!(tried.breaker.resume(again).succeeded(), moved(State::HalfOpen, State::Closed));
    let slow = tried.breaker.allow().unwrap().lay_aside();
    tried.wait(SECOND);
    assert_eq!((tried.fail(), tried.fail()), (None, None));
    assert_eq!(tried.breaker.resume(slow).succeeded(), moved(State::Closed, State::Open), "it was slow");
    let late = tried.breaker.assume();
    assert!(late.is_none(), "no call can have been let through");
}

#[test]
fn a_permit_that_nobody_kept_is_taken_for_one_of_now() {
    let tried = tried(options());
    (0..3).for_each(|_| _ = tried.breaker.assume().unwrap().failed());
    assert_eq!(tried.breaker.state(), State::Open);
    tried.wait(SECOND);
    _ = tried.breaker.allow().unwrap().lay_aside();
    assert_eq!(tried.breaker.assume().unwrap().succeeded(), moved(State::HalfOpen, State::Closed));
}

/// A breaker over a plain list of calls, in whole tenths of the window.
struct Model {
    options: BreakerOptions,
    state: State,
    calls: VecDeque<(u64, bool)>,
    in_a_row: u32,
    until: u64,
    streak: u32,
}

/// Tenths of a second; a window of one second has ten of them.
const TENTH: Duration = Duration::from_nanos(6103 << 14);

impl Model {
    fn allows(&mut self, now: u64) -> bool {
        if self.state == State::Open && now >= self.until {
            self.state = State::HalfOpen;
        }
        self.state != State::Open
    }

    fn ends(&mut self, now: u64, fails: bool) {
        if self.state == State::HalfOpen {
            return if fails { self.opens(now) } else { self.closes() };
        }
        self.calls.push_back((now, fails));
        self.in_a_row = if fails { self.in_a_row + 1 } else { 0 };
        self.calls.retain(|(at, _)| at + 10 > now);
        let failed = self.calls.iter().filter(|(_, fails)| *fails).count();
        let is_bad = self.calls.len() >= self.options.least_calls as usize
            && failed as f64 >= self.options.rate * self.calls.len() as f64;
        if fails && (self.in_a_row >= self.options.failures || is_bad) {
            self.opens(now);
        }
    }

    fn opens(&mut self, now: u64) {
        self.state = State::Open;
        self.until = now + (10 << self.streak).min(300);
        self.streak = (self.streak + 1).min(9);
    }

    fn closes(&mut self) {
        (self.state, self.streak, self.in_a_row) = (State::Closed, 0, 0);
        self.calls.clear();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn it_does_as_one_with_a_list_of_all_calls(calls in vec((0..15_u64, prop::bool::weighted(0.4)), 1..150)) {
        let length = 10 * TENTH;
        let options = BreakerOptions {
            failures: 4, least_calls: 8, rate: 0.6, window: length, open: length, most_open: 30 * length, jitter: 0.0,
            ..BreakerOptions::default()
        };
        let tried = tried(options.clone());
        let mut model = Model {
            options, state: State::Closed, calls: VecDeque::new(), in_a_row: 0, until: 0, streak: 0,
        };
        let mut now = 0;
        for (later, fails) in calls {
            tried.wait(TENTH * later as u32);
            now += later;
            let permit = tried.breaker.allow();
            prop_assert_eq!(permit.is_ok(), model.allows(now), "at {}", now);
            if let Ok(permit) = permit {
                _ = if fails { permit.failed() } else { permit.succeeded() };
                model.ends(now, fails);
            }
            prop_assert_eq!(tried.breaker.state(), model.state, "at {}", now);
        }
    }
}

#[test]
fn threads_see_each_change_of_state_once_and_no_more_probes_than_there_are() {
    let tried = tried(BreakerOptions { probes: 2, failures: 10, ..options() });
    for round in 0..100 {
        let moves = parking_lot::Mutex::new(Vec::new());
        let granted = AtomicU32::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        if let Ok(permit) = tried.breaker.allow() {
                            moves.lock().extend(permit.failed());
                        }
                    }
                });
            }
        });
        assert_eq!(moves.into_inner(), [Moved { from: State::Closed, to: State::Open }], "in round {round}");
        tried.wait(2 * SECOND);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    if let Ok(permit) = tried.breaker.allow() {
                        granted.fetch_add(1, Ordering::Relaxed);
                        std::mem::forget(permit);
                    }
                });
            }
        });
        assert_eq!(granted.into_inner(), 2);
        tried.wait(2 * SECOND);
        let probes = [(); 2].map(|()| tried.breaker.allow().unwrap());
        probes.into_iter().for_each(|probe| _ = probe.succeeded());
        assert_eq!(tried.breaker.state(), State::Closed);
    }
}
