use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::tier::conformance::{self, Sample};
use crate::tier::{Calls, Chaos, Fault, Heap, Put, Tier, To, Trouble, Wait, When};

fn away() -> Fault {
    Fault::Away("it is gone".to_owned())
}

fn fails(chaos: &Chaos<Heap>) -> bool {
    matches!(chaos.get(b"key", Wait::Not, &mut |_| {}), Err(Fault::Away(_)))
}

/// A tier whose waits are noted instead.
fn noted() -> (Chaos<Heap>, Arc<Mutex<Vec<Duration>>>) {
    let waits: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let noted = waits.clone();
    (Chaos::with_sleeper(Heap::default(), move |wait| noted.lock().push(wait)), waits)
}

#[test]
fn without_trouble_it_keeps_the_contract() {
    conformance::check(&|| Box::new(Chaos::new(Heap::default())));
}

#[test]
fn one_of_three_calls_fails_until_it_recovers() {
    let chaos = Chaos::new(Heap::default());
    chaos.has(Trouble::Fails(away), Calls::Reads, When::Each(3));
    assert_eq!([(); 6].map(|()| fails(&chaos)), [false, false, true, false, false, true]);
    assert!(chaos.clock(Wait::Not).is_ok(), "it is no read");
    chaos.recovers();
    assert!(!(0..6).any(|_| fails(&chaos)));
}

#[test]
fn the_next_calls_fail_and_then_no_more() {
    let chaos = Chaos::new(Heap::default());
    chaos.has(Trouble::Fails(away), Calls::All, When::Next(2));
    assert!(chaos.clock(Wait::Not).is_err());
    assert_eq!([(); 3].map(|()| fails(&chaos)), [true, false, false]);
}

#[test]
fn some_calls_fail_the_same_with_the_same_seed() {
    let failures = |seed: u64| {
        let chaos = Chaos::new(Heap::default());
        chaos.has(Trouble::Fails(away), Calls::Reads, When::Sometimes(0.25, seed));
        (0..1000).map(|_| fails(&chaos)).collect::<Vec<bool>>()
    };
    assert_eq!(failures(1), failures(1));
    assert_ne!(failures(1), failures(2));
    let count = failures(3).into_iter().filter(|fails| *fails).count();
    assert!((200..300).contains(&count), "{count} of 1,000");
}

#[test]
fn what_failed_after_it_was_done_is_done() {
    let chaos = Chaos::new(Heap::default());
    let sample = Sample::new("key");
    chaos.has(Trouble::FailsAfter(away), Calls::Puts, When::Always);
    assert!(sample.try_fill(&chaos, 0).is_err());
    assert!(sample.read(&chaos).is_some());
}

#[test]
fn a_slow_call_takes_no_longer_than_its_caller_waits() {
    let (chaos, waits) = noted();
    let get = |wait: Wait| chaos.get(b"key", wait, &mut |_| {});
    let hour = Duration::from_secs(3600);
    chaos.has(Trouble::Slow(hour), Calls::Reads, When::Always);
    assert!(get(Wait::Until(Instant::now() + 2 * hour)).is_ok());
    assert!(matches!(get(Wait::Until(Instant::now() + hour / 2)), Err(Fault::Busy)));
    assert!(matches!(get(Wait::Not), Err(Fault::Busy)));
    let waits = waits.lock();
    assert_eq!((waits[0], waits[2]), (hour, Duration::ZERO));
    assert!(waits[1] <= hour / 2);
}

#[test]
fn what_hangs_is_busy_when_its_caller_has_waited() {
    let (chaos, waits) = noted();
    chaos.has(Trouble::Hangs, Calls::Changes, When::Always);
    let hour = Duration::from_secs(3600);
    assert!(matches!(chaos.change(&[], Wait::Until(Instant::now() + hour)), Err(Fault::Busy)));
    assert!(waits.lock()[0] > hour / 2);
    assert!(chaos.get(b"key", Wait::Not, &mut |_| {}).is_ok());
}

#[test]
fn what_hangs_for_ever_comes_back_when_it_recovers() {
    let chaos = Chaos::new(Heap::default());
    chaos.has(Trouble::HangsForEver, Calls::Reads, When::Always);
    thread::scope(|scope| {
        let hanging = scope.spawn(|| chaos.get(b"key", Wait::Not, &mut |_| {}));
        (0..100).for_each(|_| thread::yield_now());
        assert!(!hanging.is_finished());
        chaos.recovers();
        assert!(hanging.join().unwrap().is_ok());
    });
}

#[test]
fn what_is_corrupted_differs_in_one_bit_and_only_as_it_is_read() {
    let chaos = Chaos::new(Heap::default());
    let sample = Sample::new("key");
    sample.fill(&chaos);
    let whole = sample.read(&chaos).unwrap();
    chaos.has(Trouble::Corrupts, Calls::Reads, When::Always);
    for _ in 0..50 {
        let bytes = sample.read(&chaos).unwrap();
        let bits: u32 = bytes.iter().zip(&whole).map(|(one, other)| (one ^ other).count_ones()).sum();
        assert_eq!((bits, bytes.len()), (1, whole.len()));
        assert!(sample.opens(&bytes).is_none());
    }
    chaos.recovers();
    assert_eq!(sample.read(&chaos).unwrap(), whole);
}

#[test]
fn what_is_lost_was_said_to_be_stored() {
    let chaos = Chaos::new(Heap::default());
    let sample = Sample::new("key");
    chaos.has(Trouble::Loses, Calls::Puts, When::Always);
    assert!(matches!(sample.try_fill(&chaos, 0), Ok(Put::Stored(_))));
    assert!(sample.read(&chaos).is_none());
    conformance::change(&chaos, sample.mark(), To::Invalid);
}
