//! Conditions of writes, and probes that cannot tell.

use std::sync::Arc;

use super::program::things::{Census, Doubtful, Key, Value, hash};
use super::small::{Small, kinds, seconds, ttl};
use crate::expiry::Lifespan;
use crate::memory::{Condition, Details, Memory, Options, Unsure};
use crate::stats::Cause;
use crate::sync::ThreadLock;

#[test]
fn a_value_is_stored_where_the_condition_holds() {
    for kind in kinds() {
        let small = Small::of(kind, 10);
        let write = |condition| small.write_if(1, Details::default(), &condition);
        let (is_it, is_other) = (|value: &u32| *value == 1, |value: &u32| *value == 2);
        assert_eq!(write(Condition::IfPresent), (false, vec![]));
        assert_eq!(write(Condition::IfValue(&is_it)), (false, vec![]));
        assert_eq!(write(Condition::IfAbsent), (true, vec![]));
        assert_eq!(write(Condition::IfAbsent), (false, vec![]));
        assert_eq!(write(Condition::IfPresent), (true, vec![(1, Cause::Replaced)]));
        assert_eq!(write(Condition::IfValue(&is_it)), (true, vec![(1, Cause::Replaced)]));
        assert_eq!(write(Condition::IfValue(&is_other)), (false, vec![]));
    }
}

#[test]
fn what_has_expired_is_absent() {
    for kind in kinds() {
        let small = Small::of(kind, 10);
        let write =
            |condition| small.write_if(1, Details { lifespan: ttl(seconds(1)), ..Details::default() }, &condition);
        assert!(write(Condition::Always).0);
        small.pass(seconds(1));
        assert_eq!(write(Condition::IfPresent), (false, vec![]));
        assert_eq!(write(Condition::IfValue(&|_| true)), (false, vec![]));
        assert_eq!(write(Condition::IfAbsent), (true, vec![(1, Cause::Expired)]));
        small.pass(seconds(1));
        assert_eq!(small.remove(1), [(1, Cause::Expired)]);
    }
}

#[test]
fn a_value_for_a_value_keeps_its_life_and_tags() {
    for kind in kinds() {
        let small = Small::of(kind, 10);
        let tagged = |lifespan, tag| Details { lifespan, tags: [Arc::from(tag)].into(), ..Details::default() };
        small.write_if(1, tagged(ttl(seconds(10)), "old"), &Condition::Always);
        small.pass(seconds(4));
        assert!(small.write_if(1, tagged(Lifespan::FOREVER, "new"), &Condition::IfValue(&|_| true)).0);
        assert_eq!(small.tags(1), Some(vec![Arc::from("old")]));
        assert!(small.remaining(1).unwrap().as_secs() <= 6);
        assert!(small.write_if(1, tagged(Lifespan::FOREVER, "new"), &Condition::IfPresent).0);
        assert_eq!(small.tags(1), Some(vec![Arc::from("new")]));
    }
}

#[test]
fn a_write_that_is_unsure_takes_nothing() {
    let memory: Memory<Key, Value, ThreadLock> = Memory::new(Options::default()).unwrap();
    let census = Census::default();
    let pair = |serial| {
        let key = Key { number: 1, owner: 0, serial, member: census.join() };
        Some((key, Value { content: 0, serial, member: census.join() }))
    };
    let write = |pair: &mut _, details: &mut _, doubts| {
        memory.write(pair, details, &Condition::Always, &mut Doubtful { number: 1, doubts }).map(|stored| stored.stored)
    };
    assert_eq!(write(&mut pair(1), &mut Details::default(), 0), Ok(true));
    let (mut second, mut details) = (pair(2), Details { tags: [Arc::from("tag")].into(), ..Details::default() });
    assert_eq!(write(&mut second, &mut details, 1), Err(Unsure));
    assert_eq!(details.tags.len(), 1);
    let peeked = memory.peek(hash(1), &mut Doubtful { number: 1, doubts: 0 }, |value| value.serial);
    assert_eq!((peeked, second.as_ref().map(|(key, _)| key.serial)), (Ok(Some(1)), Some(2)));
    assert_eq!(write(&mut second, &mut details, 0), Ok(true));
    drop(second);
    assert_eq!(census.alive(), 2);
    memory.validate();
}

#[test]
fn every_operation_on_a_key_can_be_unsure() {
    let memory: Memory<Key, Value, ThreadLock> = Memory::new(Options::default()).unwrap();
    let census = Census::default();
    let key = Key { number: 1, owner: 0, serial: 0, member: census.join() };
    let mut pair = Some((key, Value { content: 0, serial: 0, member: census.join() }));
    let sure = &mut Doubtful { number: 1, doubts: 0 };
    let stored = memory.write(&mut pair, &mut Details::default(), &Condition::Always, sure);
    assert!(stored.unwrap().stored);
    let counts = memory.counts();
    let unsure = || Doubtful { number: 1, doubts: 1 };
    assert!(memory.read(hash(1), 0, &mut unsure(), |_| ()).is_err());
    assert!(memory.peek(hash(1), &mut unsure(), |_| ()).is_err());
    assert!(memory.inspect(hash(1), &mut unsure(), |_, _| ()).is_err());
    assert!(memory.remaining(hash(1), &mut unsure()).is_err());
    assert!(memory.touch(hash(1), &mut unsure(), Some(Lifespan::FOREVER)).is_err());
    assert!(memory.remove(hash(1), &mut unsure(), Cause::Invalidated).is_err());
    assert_eq!(memory.counts(), counts);
    memory.validate();
}
