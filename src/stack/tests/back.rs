#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Instant;

use super::*;
use crate::clock::ManualClock;
use crate::stack::State;
use crate::tier::{Calls, Chaos, Heap, Of, Trouble, When};

const KEY: &[u8] = b"users:7";

fn mark() -> Mark {
    Mark::new(Of::Key, b"users", KEY)
}

fn at(marks: &[Mark]) -> Address<'_> {
    Address { key: KEY, marks }
}

fn soon() -> Wait {
    Wait::Until(Instant::now() + Duration::from_secs(1))
}

fn away() -> Fault {
    Fault::Away("no route".to_owned())
}

fn busy() -> Fault {
    Fault::Busy
}

struct Tried {
    tier: Arc<Chaos<Heap>>,
    back: Back,
    time: Arc<ManualClock>,
}

fn tried() -> Tried {
    let (tier, time) = (Arc::new(Chaos::new(Heap::default())), Arc::new(ManualClock::default()));
    let options = BreakerOptions { failures: 3, jitter: 0.0, ..BreakerOptions::default() };
    let everything = Mark::new(Of::Namespace, b"users", b"");
    let clock = Clock::Manual(time.clone());
    let back = Back::new(tier.clone(), Format::default(), everything, Some(options), clock);
    Tried { tier, back, time }
}

impl Tried {
    fn set(&self, value: &[u8]) -> Given {
        self.set_waiting(value, soon()).unwrap()
    }

    fn set_waiting(&self, value: &[u8], wait: Wait) -> Result<Given, Fault> {
        let (marks, header) = ([mark()], Header { gone_at: Millis::MAX, fresh_until: Millis::MAX, ..header() });
        let offered = Offered { payload: value, header: &header, tags: &[] };
        Ok(self.back.set(at(&marks), offered, None, wait)?.unwrap())
    }

    fn get(&self) -> Result<Option<Vec<u8>>, Fault> {
        let (mut bytes, marks) = (Vec::new(), [mark()]);
        if !self.back.get(KEY, soon(), &mut |stored| bytes.extend_from_slice(stored))? {
            return Ok(None);
        }
        let kept = self.back.open(at(&marks), &bytes, 1, |_| mark(), soon())?;
        Ok(kept.map(|kept| kept.payload.into_owned()))
    }

    fn invalidate(&self) -> Result<Number, Fault> {
        self.back.change(&[Change { mark: mark(), key: Some(KEY), to: To::Invalid }], soon())
    }
}

fn header() -> Header {
    Header { created: 1, fresh_until: 0, gone_at: 0, load_nanos: 0, codec: 1, errors: 0, tags: Vec::new() }
}

#[test]
fn what_could_not_be_stored_has_made_invalid_what_was_there_and_is_numbered() {
    let tried = tried();
    tried.set(b"old");
    tried.tier.has(Trouble::Fails(busy), Calls::Puts, When::Next(1));
    let Given { numbers, fault } = tried.set(b"new");
    assert_eq!((numbers, fault.unwrap().kind()), (vec![2], "busy"));
    assert_eq!(tried.get().unwrap(), None);
    assert!(!tried.back.owes());
}

#[test]
fn who_may_wait_longer_has_changed_nothing() {
    let tried = tried();
    tried.set(b"old");
    tried.tier.has(Trouble::Fails(busy), Calls::Puts, When::Next(1));
    assert_eq!(tried.set_waiting(b"new", Wait::Not).unwrap_err().kind(), "busy");
    assert_eq!(tried.get().unwrap().unwrap(), b"old");
}

#[test]
fn what_could_not_be_said_is_said_before_anything_is_read() {
    let tried = tried();
    tried.set(b"old");
    tried.tier.has(Trouble::Fails(away), Calls::Puts, When::Next(1));
    assert!(tried.set(b"new").numbers.is_empty() && tried.back.owes());
    tried.tier.has(Trouble::Fails(away), Calls::Changes, When::Next(1));
    assert_eq!(tried.get().unwrap_err().kind(), "away");
    assert_eq!(tried.get().unwrap(), None);
    assert!(!tried.back.owes());
}

#[test]
fn stores_that_fail_are_left_alone_and_reads_and_changes_go_on() {
    let tried = tried();
    tried.set(b"old");
    tried.tier.has(Trouble::Fails(busy), Calls::Puts, When::Always);
    (0..3).for_each(|_| drop(tried.set(b"new")));
    let Given { numbers, fault } = tried.set(b"newer");
    assert_eq!((numbers.len(), fault.unwrap().kind()), (1, "refused"));
    assert!(tried.get().unwrap().is_none() && tried.invalidate().is_ok());
    let counts = tried.back.counts();
    assert_eq!((counts.access.unwrap().state, counts.storing.unwrap().state), (State::Closed, State::Open));
}

#[test]
fn changes_that_were_refused_are_made_before_the_next_read() {
    let tried = tried();
    tried.set(b"old");
    tried.tier.has(Trouble::Fails(away), Calls::Reads, When::Always);
    (0..3).for_each(|_| drop(tried.get()));
    assert_eq!(tried.invalidate().unwrap_err().kind(), "refused");
    tried.tier.recovers();
    assert_eq!(tried.get().unwrap_err().kind(), "refused");
    tried.time.advance(Duration::from_secs(1));
    assert_eq!(tried.get().unwrap(), None);
    assert_eq!(tried.back.take_recoveries(), (true, false));
}

#[test]
fn more_changes_than_are_kept_are_one_of_everything() {
    let tried = tried();
    tried.set(b"old");
    tried.tier.has(Trouble::Fails(away), Calls::Changes, When::Next(1));
    let other =
        |key: u64| Change { mark: Mark::new(Of::Tag, b"users", &key.to_le_bytes()), key: None, to: To::Invalid };
    let changes: Vec<_> = (0..=MOST_UNDELIVERED as u64).map(other).collect();
    tried.back.change(&changes, soon()).unwrap_err();
    let owed: Vec<Mark> = tried.back.undelivered.lock().iter().map(|change| change.mark).collect();
    assert_eq!(owed, [tried.back.everything]);
}
