//! Shelves that can do all, and next to nothing, and what others do between any two of their calls.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::record::{CLOCK, Note, key_of};
use super::*;
use crate::codec::{Format, Header};
use crate::tier::Of;

const NOW: Wait = Wait::Not;
const SECOND: Millis = 1_000;

/// What one place holds, as several processes see it.
#[derive(Clone, Debug, Default)]
struct Place(Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>);

thread_local! {
    /// Counts down the calls of shelves until something is to happen between two of them.
    static CALLS_LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    /// The clock before a load of another process began.
    static FENCE: Cell<Number> = const { Cell::new(0) };
}

/// A process that uses a place.
#[derive(Debug)]
struct Here {
    place: Place,
    abilities: Abilities,
    meanwhile: Option<fn(&Plain<Here>)>,
}

const LEAST: Abilities = Abilities { exchange: false, increment: false, keys: false, expires: false, batches: false };
const EXCHANGES: Abilities = Abilities { exchange: true, ..LEAST };
const ALL: Abilities = Abilities { exchange: true, increment: true, keys: true, expires: true, batches: true };

impl Here {
    fn called(&self) {
        let Some(meanwhile) = self.meanwhile else { return };
        match CALLS_LEFT.get() {
            Some(0) => {
                CALLS_LEFT.set(None);
                meanwhile(&tier(&self.place, self.abilities));
            }
            left => CALLS_LEFT.set(left.map(|left| left - 1)),
        }
    }
}

impl Shelf for Here {
    fn abilities(&self) -> Abilities {
        self.abilities
    }

    fn get_many(&self, keys: &[&[u8]], _: Wait) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        self.called();
        let held = self.place.0.lock();
        Ok(keys.iter().map(|key| held.get(*key).cloned()).collect())
    }

    fn put(&self, stored: Stored<'_>, _: Wait) -> Result<(), Fault> {
        self.called();
        self.place.0.lock().insert(stored.key.to_vec(), stored.value.to_vec());
        Ok(())
    }

    fn remove(&self, key: &[u8], _: Wait) -> Result<(), Fault> {
        self.called();
        self.place.0.lock().remove(key);
        Ok(())
    }

    fn exchange(&self, expected: Option<&[u8]>, stored: Stored<'_>, _: Wait) -> Result<bool, Fault> {
        self.called();
        let mut held = self.place.0.lock();
        if held.get(stored.key).map(Vec::as_slice) != expected {
            return Ok(false);
        }
        held.insert(stored.key.to_vec(), stored.value.to_vec());
        Ok(true)
    }

    fn increment(&self, key: &[u8], amount: u64, initial: u64, _: Wait) -> Result<u64, Fault> {
        self.called();
        let mut held = self.place.0.lock();
        let sum =
            held.get(key).map_or(initial, |bytes| u64::from_le_bytes(bytes.as_slice().try_into().unwrap()) + amount);
        held.insert(key.to_vec(), sum.to_le_bytes().to_vec());
        Ok(sum)
    }

    fn keys(&self, prefix: &[u8], _: Wait) -> Result<Vec<Vec<u8>>, Fault> {
        Ok(self.place.0.lock().keys().filter(|key| key.starts_with(prefix)).rev().cloned().collect())
    }
}

fn tier(place: &Place, abilities: Abilities) -> Plain<Here> {
    Plain::new(Here { place: place.clone(), abilities, meanwhile: None })
}

/// A tier of each kind, on a place of its own.
fn tiers() -> [(Place, Plain<Here>); 3] {
    [LEAST, EXCHANGES, ALL].map(|abilities| {
        let place = Place::default();
        (place.clone(), tier(&place, abilities))
    })
}

const KEY: &[u8] = b"\x01n\0key";

fn marks() -> [Mark; 3] {
    [Mark::new(Of::Key, b"", KEY), Mark::new(Of::Namespace, b"n", b""), Mark::new(Of::Tag, b"n", b"tag")]
}

fn of(mark: Mark) -> Change<'static> {
    let key = (mark == marks()[0]).then_some(KEY);
    Change { mark, key, to: To::Invalid }
}

fn store(tier: &impl Tier, value: &[u8], purpose: Purpose<'_>) -> Put {
    let header = Header {
        created: 0,
        fresh_until: 60 * SECOND,
        gone_at: 90 * SECOND,
        load_nanos: 0,
        errors: 0,
        codec: 1,
        tags: vec!["tag".into()],
    };
    let mut envelope = Format::default().seal(KEY, &header, value).unwrap();
    tier.put(&mut Item { key: KEY, marks: &marks(), envelope: &mut envelope, purpose }, NOW).unwrap()
}

fn fill(tier: &impl Tier, value: &[u8], fence: Number) -> Put {
    store(tier, value, Purpose::Fill(fence))
}

/// What is stored and not invalid, and since when it is stale.
fn held(tier: &impl Tier) -> Option<(Vec<u8>, Option<Millis>)> {
    let mut bytes = Vec::new();
    tier.get(KEY, NOW, &mut |found| bytes = found.to_vec()).unwrap().then_some(())?;
    let opened = Format::default().open(KEY, &bytes).ok()?;
    match tier.judge(opened.clock, &marks(), NOW).unwrap() {
        Judgement::Valid => Some((opened.payload.to_vec(), None)),
        Judgement::Stale(at) => Some((opened.payload.to_vec(), Some(at))),
        Judgement::Invalid => None,
    }
}

fn value(tier: &impl Tier) -> Option<Vec<u8>> {
    held(tier).map(|(value, _)| value)
}

#[test]
fn what_a_load_returned_is_there_until_one_of_its_marks_changes() {
    for (_, tier) in tiers() {
        for mark in marks() {
            let fence = tier.clock(NOW).unwrap();
            assert_eq!(fill(&tier, b"a", fence), Put::Stored(None));
            assert_eq!(value(&tier), Some(b"a".to_vec()));
            tier.change(&[of(mark)], NOW).unwrap();
            assert_eq!(value(&tier), None);
            assert_eq!(fill(&tier, b"a", fence), Put::Overtaken);
            assert_eq!(value(&tier), None);
        }
    }
}

#[test]
fn what_is_set_overtakes_loads_that_began_before() {
    for (_, tier) in tiers() {
        let fence = tier.clock(NOW).unwrap();
        assert!(matches!(store(&tier, b"set", Purpose::Set), Put::Stored(Some(number)) if number > fence));
        assert_eq!(fill(&tier, b"loaded", fence), Put::Overtaken);
        assert_eq!(value(&tier), Some(b"set".to_vec()));
        assert_eq!(fill(&tier, b"later", tier.clock(NOW).unwrap()), Put::Stored(None));
        assert_eq!(value(&tier), Some(b"later".to_vec()));
    }
}

#[test]
fn what_is_exchanged_is_what_was_read() {
    for (_, tier) in tiers() {
        let exchange = |value, expected| store(&tier, value, Purpose::Exchange(expected, tier.clock(NOW).unwrap()));
        assert!(matches!(exchange(b"a", None), Put::Stored(Some(_))));
        assert_eq!(exchange(b"b", None), Put::Overtaken);
        let mut bytes = Vec::new();
        tier.get(KEY, NOW, &mut |found| bytes = found.to_vec()).unwrap();
        assert!(matches!(exchange(b"c", Some(&bytes)), Put::Stored(Some(_))));
        assert_eq!(value(&tier), Some(b"c".to_vec()));
        let fence = tier.clock(NOW).unwrap();
        tier.change(&[of(marks()[2])], NOW).unwrap();
        tier.get(KEY, NOW, &mut |found| bytes = found.to_vec()).unwrap();
        assert_eq!(
            store(&tier, b"d", Purpose::Exchange(Some(&bytes), fence)),
            Put::Overtaken,
            "a tag has changed since"
        );
    }
}

#[test]
fn a_version_that_is_gone_makes_invalid_and_a_fill_makes_it_anew() {
    for (place, tier) in tiers() {
        for mark in &marks()[1..] {
            fill(&tier, b"old", tier.clock(NOW).unwrap());
            place.0.lock().remove(&key_of(Note::Version, *mark)[..]);
            assert_eq!(value(&tier), None);
            tier.change(&[of(Mark::from_bits(7))], NOW).unwrap();
            assert_eq!(fill(&tier, b"new", tier.clock(NOW).unwrap()), Put::Stored(None));
            assert_eq!(value(&tier), Some(b"new".to_vec()));
        }
    }
}

#[test]
fn a_fill_is_refused_if_nobody_knows_whether_it_was_overtaken() {
    for (place, tier) in tiers() {
        fill(&tier, b"old", tier.clock(NOW).unwrap());
        let fence = tier.clock(NOW).unwrap();
        tier.change(&[of(marks()[2])], NOW).unwrap();
        place.0.lock().remove(&key_of(Note::Version, marks()[2])[..]);
        assert_eq!(fill(&tier, b"overtaken", fence), Put::Overtaken);
        assert_eq!(value(&tier), None);
    }
}

#[test]
fn a_version_that_is_damaged_is_as_one_that_is_gone() {
    for (place, tier) in tiers() {
        for mark in marks() {
            store(&tier, b"old", Purpose::Set);
            *place.0.lock().get_mut(&key_of(Note::Version, mark)[..]).unwrap().first_mut().unwrap() ^= 1;
            assert_eq!(value(&tier), None);
            assert!(matches!(store(&tier, b"new", Purpose::Set), Put::Stored(Some(_))));
            assert_eq!(value(&tier), Some(b"new".to_vec()));
        }
    }
}

#[test]
fn a_clock_that_is_gone_repeats_nothing() {
    for (place, tier) in tiers() {
        let before = tier.change(&[of(marks()[0])], NOW).unwrap();
        place.0.lock().remove(CLOCK);
        assert!(tier.clock(NOW).unwrap() > before);
        place.0.lock().remove(CLOCK);
        assert!(tier.change(&[of(marks()[0])], NOW).unwrap() > before);
    }
}

#[test]
fn a_clock_that_was_set_back_catches_up() {
    for (place, tier) in tiers() {
        let early = place.0.lock().clone();
        tier.clock(NOW).unwrap();
        let set_back = place.0.lock().get(CLOCK).cloned().or_else(|| early.get(CLOCK).cloned()).unwrap();
        for _ in 0..3 {
            tier.change(&[of(marks()[2])], NOW).unwrap();
        }
        place.0.lock().insert(CLOCK.to_vec(), set_back);
        assert_eq!(fill(&tier, b"a", tier.clock(NOW).unwrap()), Put::Overtaken);
        assert_eq!(fill(&tier, b"a", tier.clock(NOW).unwrap()), Put::Stored(None));
        assert_eq!(value(&tier), Some(b"a".to_vec()));
    }
}

#[test]
fn what_has_expired_is_stale_since_then_where_that_can_be_noted_and_else_invalid() {
    for (_, tier) in tiers() {
        for mark in [marks()[0], marks()[2]] {
            store(&tier, b"a", Purpose::Set);
            let changed = |at| tier.change(&[Change { to: To::Stale(at), ..of(mark) }], NOW).unwrap();
            changed(10 * SECOND);
            let expected = tier.features().fences.then(|| (b"a".to_vec(), Some(10 * SECOND)));
            assert_eq!(held(&tier), expected);
            changed(20 * SECOND);
            changed(30 * SECOND);
            assert_eq!(held(&tier), expected, "since the first time");
            let fence = tier.clock(NOW).unwrap();
            changed(40 * SECOND);
            assert_eq!(fill(&tier, b"b", fence), Put::Overtaken);
            tier.change(&[of(mark)], NOW).unwrap();
            assert_eq!(held(&tier), None);
        }
    }
}

#[test]
fn one_holder_has_a_lease_until_it_is_given_back_or_over() {
    let (place, mark) = (Place::default(), marks()[0]);
    let tier = tier(&place, EXCHANGES);
    let lease = |holder, length| tier.lease(mark, holder, length, NOW).unwrap();
    assert_eq!(lease(1, Duration::from_secs(60)), Lease::Granted);
    assert_eq!(lease(1, Duration::from_secs(60)), Lease::Granted);
    assert!(matches!(lease(2, Duration::ZERO), Lease::Held(left) if left <= Duration::from_secs(60)));
    tier.release(mark, 2, NOW).unwrap();
    assert!(matches!(lease(2, Duration::ZERO), Lease::Held(_)));
    tier.release(mark, 1, NOW).unwrap();
    assert_eq!(lease(2, Duration::ZERO), Lease::Granted);
    assert_eq!(lease(3, Duration::ZERO), Lease::Granted, "a lease of no length is over");
}

#[test]
fn keys_are_listed_in_order() {
    let (place, mut seen) = (Place::default(), Vec::new());
    let tier = tier(&place, ALL);
    for key in [b"a1", b"a2", b"a3", b"b1"] {
        place.0.lock().insert(key.to_vec(), key[1..].to_vec());
    }
    tier.list(b"a", Some(b"a1"), 5, NOW, &mut |key, bytes| seen.push([key, bytes].concat())).unwrap();
    assert_eq!(seen, [b"a22", b"a33"]);
}

/// What another process may do, and that it leaves nothing behind that was there before.
const CHANGES: [fn(&Plain<Here>); 4] = [
    |other| _ = other.change(&[of(marks()[0])], NOW).unwrap(),
    |other| _ = other.change(&[of(marks()[1])], NOW).unwrap(),
    |other| _ = other.change(&[of(marks()[2])], NOW).unwrap(),
    |other| _ = store(other, b"set", Purpose::Set),
];

/// Has another process change something after each number of calls, until there are no more; what is there afterwards must be right.
fn between_any_two_calls(abilities: Abilities, run: impl Fn(&Plain<Here>, &Place)) {
    for meanwhile in CHANGES {
        for calls in 0.. {
            let place = Place::default();
            fill(&tier(&place, abilities), b"old", tier(&place, abilities).clock(NOW).unwrap());
            let here = Plain::new(Here { place: place.clone(), abilities, meanwhile: Some(meanwhile) });
            CALLS_LEFT.set(Some(calls));
            run(&here, &place);
            // Later, when nobody knows of the change of the key any more.
            place.0.lock().remove(&key_of(Note::Version, marks()[0])[..]);
            assert_ne!(value(&tier(&place, abilities)), Some(b"old".to_vec()));
            if CALLS_LEFT.replace(None).is_some() {
                assert!(calls > 2, "something happened between calls");
                break;
            }
        }
    }
}

#[test]
fn a_load_that_is_overtaken_at_any_moment_is_not_kept() {
    for abilities in [EXCHANGES, ALL] {
        between_any_two_calls(abilities, |here, place| {
            let fence = here.clock(NOW).unwrap();
            let put = fill(here, b"loaded", fence);
            let has_happened = CALLS_LEFT.get().is_none();
            let value = value(&tier(place, abilities));
            let began_later = has_happened && put == Put::Stored(None) && value == Some(b"loaded".to_vec());
            // The change came before the clock was read, or it has left nothing of what was loaded, now or later.
            let is_earlier = tier(place, abilities).clock(NOW).unwrap() == fence;
            assert!(!began_later || is_earlier, "{value:?}");
            place.0.lock().remove(&key_of(Note::Version, marks()[0])[..]);
            let later = self::value(&tier(place, abilities));
            assert!(!has_happened || is_earlier || later != Some(b"loaded".to_vec()));
        });
    }
}

#[test]
fn what_is_invalidated_stays_so_whatever_others_change_meanwhile() {
    for abilities in [EXCHANGES, ALL] {
        for mark in marks() {
            between_any_two_calls(abilities, |here, place| {
                here.change(&[of(mark)], NOW).unwrap();
                assert_ne!(value(&tier(place, abilities)), Some(b"old".to_vec()));
            });
        }
    }
}

#[test]
fn of_two_that_set_at_once_one_is_there_or_none() {
    for abilities in [EXCHANGES, ALL] {
        between_any_two_calls(abilities, |here, place| {
            store(here, b"mine", Purpose::Set);
            assert_ne!(value(&tier(place, abilities)), Some(b"old".to_vec()));
        });
    }
}

#[test]
fn what_is_exchanged_while_something_changes_is_not_what_was_there_before() {
    for abilities in [EXCHANGES, ALL] {
        between_any_two_calls(abilities, |here, place| {
            let fence = here.clock(NOW).unwrap();
            let mut bytes = None;
            here.get(KEY, NOW, &mut |found| bytes = Some(found.to_vec())).unwrap();
            let put = store(here, b"mine", Purpose::Exchange(bytes.as_deref(), fence));
            let value = value(&tier(place, abilities));
            assert!(put == Put::Overtaken || value != Some(b"old".to_vec()), "{value:?}");
        });
    }
}

#[test]
fn a_load_of_what_is_not_there_is_not_kept_if_its_key_is_invalidated_at_any_moment() {
    for abilities in [EXCHANGES, ALL] {
        for calls in 0..12 {
            let place = Place::default();
            let elsewhere = tier(&place, abilities);
            fill(&elsewhere, b"old", elsewhere.clock(NOW).unwrap());
            elsewhere.change(&[of(marks()[0])], NOW).unwrap();
            let fence = elsewhere.clock(NOW).unwrap();
            CALLS_LEFT.set(Some(calls));
            fill(&Plain::new(Here { place: place.clone(), abilities, meanwhile: Some(CHANGES[0]) }), b"loaded", fence);
            if CALLS_LEFT.replace(None).is_none() {
                place.0.lock().remove(&key_of(Note::Version, marks()[0])[..]);
                assert_eq!(value(&elsewhere), None, "after {calls} calls");
            }
        }
    }
}

#[test]
fn what_is_set_or_exchanged_is_not_replaced_by_what_was_loaded_before() {
    for abilities in [EXCHANGES, ALL] {
        for calls in 0..24 {
            let place = Place::default();
            let elsewhere = tier(&place, abilities);
            fill(&elsewhere, b"old", elsewhere.clock(NOW).unwrap());
            FENCE.set(elsewhere.clock(NOW).unwrap());
            let load = |other: &Plain<Here>| _ = fill(other, b"loaded", FENCE.get());
            let here = Plain::new(Here { place: place.clone(), abilities, meanwhile: Some(load) });
            let bytes = place.0.lock()[KEY].clone();
            let purpose = if calls % 2 == 0 { Purpose::Set } else { Purpose::Exchange(Some(&bytes), FENCE.get()) };
            CALLS_LEFT.set(Some(calls / 2));
            let put = store(&here, b"mine", purpose);
            if CALLS_LEFT.replace(None).is_none() && put != Put::Overtaken {
                place.0.lock().remove(&key_of(Note::Version, marks()[0])[..]);
                assert_ne!(value(&elsewhere), Some(b"loaded".to_vec()), "{purpose:?} after {} calls", calls / 2);
            }
        }
    }
}

#[test]
fn what_is_exchanged_while_a_tag_is_invalidated_is_invalid_too() {
    fn touch(other: &Plain<Here>) {
        let (fence, mut bytes) = (other.clock(NOW).unwrap(), Vec::new());
        if other.get(KEY, NOW, &mut |found| bytes = found.to_vec()).unwrap() && held(other).is_some() {
            store(other, b"touched", Purpose::Exchange(Some(&bytes), fence));
        }
    }
    for abilities in [EXCHANGES, ALL] {
        for calls in 0..12 {
            let place = Place::default();
            fill(&tier(&place, abilities), b"old", tier(&place, abilities).clock(NOW).unwrap());
            let here = Plain::new(Here { place: place.clone(), abilities, meanwhile: Some(touch) });
            CALLS_LEFT.set(Some(calls));
            here.change(&[of(marks()[2])], NOW).unwrap();
            if CALLS_LEFT.replace(None).is_none() {
                assert_eq!(value(&tier(&place, abilities)), None, "after {calls} calls");
            }
        }
    }
}

#[test]
fn an_entry_whose_clock_is_damaged_keeps_nobody_from_storing() {
    for (place, tier) in tiers() {
        store(&tier, b"old", Purpose::Set);
        place.0.lock().get_mut(KEY).unwrap()[14] ^= 0x40;
        assert_eq!(fill(&tier, b"new", tier.clock(NOW).unwrap()), Put::Stored(None));
        assert_eq!(value(&tier), Some(b"new".to_vec()));
    }
}
