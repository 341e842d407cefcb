//! Tags against a plain map: what an invalidation kills is not seen again, leaves first, and costs nothing else.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use proptest::prelude::*;

use super::small::hash;
use crate::hash::Seed;
use crate::memory::{Condition, Details, Hashed, Memory, Options, Owner};
use crate::stats::Cause;
use crate::sync::ThreadLock;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Number(u32);

impl Hashed for Number {
    fn hash(&self) -> u32 {
        hash(self.0)
    }
    fn owner(&self) -> Owner {
        0
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(u32, BTreeSet<u8>),
    /// With a value from a load that began before the last so many invalidations.
    Fill(u32, BTreeSet<u8>, usize),
    Remove(u32),
    Read(u32),
    Kill(BTreeSet<u8>),
    Sweep,
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let tags = || prop::collection::btree_set(0_u8..6, 0..4);
    let key = 0_u32..24;
    let step = prop_oneof![
        4 => (key.clone(), tags()).prop_map(|(key, tags)| Step::Write(key, tags)),
        2 => (key.clone(), tags(), 0_usize..4).prop_map(|(key, tags, back)| Step::Fill(key, tags, back)),
        1 => key.clone().prop_map(Step::Remove),
        4 => key.prop_map(Step::Read),
        3 => tags().prop_map(Step::Kill),
        1 => Just(Step::Sweep),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 1..120)
}

fn names(tags: &BTreeSet<u8>) -> Box<[Arc<str>]> {
    tags.iter().map(|tag| Arc::from(tag.to_string())).collect()
}

/// What is in a memory, and when each tag was killed last.
#[derive(Default)]
struct Model {
    live: HashMap<u32, BTreeSet<u8>>,
    kills: Vec<BTreeSet<u8>>,
}

impl Model {
    fn invalidated_since(&self, tags: &BTreeSet<u8>, since: usize) -> bool {
        self.kills[since..].iter().any(|killed| !killed.is_disjoint(tags))
    }
}

type Tagged = Memory<Number, u32, ThreadLock>;

fn write(memory: &Tagged, key: u32, tags: &BTreeSet<u8>, since: Option<u64>) -> bool {
    let mut details = Details { tags: names(tags), since, ..Details::default() };
    let mut probe = |stored: &Number| stored.0 == key;
    let mut pair = Some((Number(key), key));
    memory.write(&mut pair, &mut details, &Condition::Always, &mut probe).unwrap().stored
}

proptest! {
    #[test]
    fn a_memory_with_tags_is_a_map(steps in steps(), shards in 1_usize..3) {
        let options = Options { shards, seed: Seed::fixed(1), ..Options::default() };
        let memory = Tagged::new(options).unwrap();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Write(key, tags) => {
                    prop_assert!(write(&memory, key, &tags, None));
                    model.live.insert(key, tags);
                }
                Step::Fill(key, tags, back) => {
                    let since = model.kills.len().saturating_sub(back);
                    let stored = write(&memory, key, &tags, Some(since as u64));
                    prop_assert_eq!(stored, !model.invalidated_since(&tags, since));
                    if stored {
                        model.live.insert(key, tags);
                    }
                }
                Step::Remove(key) => {
                    let left = memory.remove(hash(key), &mut |stored: &Number| stored.0 == key, Cause::Invalidated).unwrap();
                    prop_assert!(left.len() >= usize::from(model.live.remove(&key).is_some()));
                }
                Step::Read(key) => {
                    let read = memory.read(hash(key), 0, &mut |stored: &Number| stored.0 == key, |value| *value).unwrap();
                    prop_assert_eq!(read.found, model.live.contains_key(&key).then_some(key));
                    if read.due {
                        drop(memory.run_pending(hash(key)));
                    }
                }
                Step::Kill(tags) => {
                    // Some load may always have begun at the start, so that nothing is forgotten that a fill could ask for.
                    memory.invalidate_tags(&names(&tags), Cause::Invalidated, |_| Some(0));
                    model.live.retain(|_, held| held.is_disjoint(&tags));
                    model.kills.push(tags);
                }
                Step::Sweep => drop(memory.sweep()),
                Step::Clear => {
                    // What a load began before is told by its flight, not by the memory.
                    drop(memory.clear());
                    model.live.clear();
                    let epoch = model.kills.len();
                    model.kills = vec![BTreeSet::new(); epoch];
                }
            }
            memory.validate();
            for (&key, tags) in &model.live {
                let found = memory.inspect(hash(key), &mut |stored: &Number| stored.0 == key, |_, info| info.tags).unwrap();
                prop_assert_eq!(found, Some(names(tags).to_vec()));
            }
            let mut cursor = crate::memory::Cursor::default();
            let walked = std::iter::from_fn(|| memory.next(&mut cursor, |key, _| key.0));
            prop_assert_eq!(walked.collect::<BTreeSet<_>>(), model.live.keys().copied().collect::<BTreeSet<_>>());
        }
        drop(memory.sweep());
        prop_assert_eq!(memory.len(), model.live.len() as u64);
    }
}

fn small(max_entries: u64) -> Tagged {
    Tagged::new(Options { max_entries, ..Options::default() }).unwrap()
}

#[test]
fn the_dead_leave_before_the_living() {
    let memory = small(100);
    let (dead, live) = (BTreeSet::from([1]), BTreeSet::from([2]));
    (0..50).for_each(|key| assert!(write(&memory, key, &live, None)));
    (50..100).for_each(|key| assert!(write(&memory, key, &dead, None)));
    memory.invalidate_tags(&names(&dead), Cause::Invalidated, |_| None);
    assert_eq!(memory.len(), 100);
    (100..150).for_each(|key| assert!(write(&memory, key, &live, None)));
    let seen = |key: u32| memory.peek(hash(key), &mut |stored: &Number| stored.0 == key, |_| ()).unwrap().is_some();
    assert!((0..50).chain(100..150).all(seen) && !(50..100).any(seen));
    memory.validate();
}

#[test]
fn tags_that_nobody_needs_are_forgotten() {
    let memory = small(10);
    for round in 0..1_000_u32 {
        let tag: Box<[Arc<str>]> = [Arc::from(round.to_string())].into();
        let mut details = Details { tags: tag.clone(), ..Details::default() };
        let mut pair = Some((Number(round % 10), round));
        let mut probe = |stored: &Number| stored.0 == round % 10;
        drop(memory.write(&mut pair, &mut details, &Condition::Always, &mut probe).unwrap());
        memory
            .invalidate_tags(&tag, Cause::Invalidated, |_| (round % 100 != 99).then_some(u64::from(round / 100 * 100)));
    }
    drop(memory.sweep());
    memory.invalidate_tags(&[], Cause::Invalidated, |_| None);
    memory.validate();
    assert_eq!(memory.shards.of(0).lock().tags.as_ref().map(|tags| tags.len()), Some(0));
}

#[test]
fn everything_that_was_cleared_is_given_up_in_time() {
    let memory = small(u64::MAX);
    (0..2_000).for_each(|key| assert!(write(&memory, key, &BTreeSet::new(), None)));
    let mut left = memory.clear().len();
    assert!(memory.is_empty() && left < 2_000, "{left} left at once");
    for key in 0..100 {
        let mut pair = Some((Number(key), key));
        let stored =
            memory.write(&mut pair, &mut Details::default(), &Condition::Always, &mut equal_number(key)).unwrap();
        left += stored.left.len();
    }
    assert_eq!((left, memory.len()), (2_000, 100));
    assert_eq!(memory.counts().removed[Cause::Cleared as usize], 2_000);
    memory.validate();
}

fn equal_number(key: u32) -> impl FnMut(&Number) -> bool {
    move |stored| stored.0 == key
}
