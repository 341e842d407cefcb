//! What the contract promises, checked of any tier: of each feature that it says it has.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a check that cannot go on has failed")]
#![allow(missing_docs, reason = "the names of checks are sentences")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use crate::codec::{Format, Glimpse, Header, Millis, Sealed};
use crate::tier::{Change, Fault, Heard, Item, Judgement, Lease, Mark, Number, Of, Purpose, Put, Tier, To, Wait};

/// No check waits for anybody for so long.
const PATIENCE: Duration = Duration::from_secs(20);
const NAMESPACE: &[u8] = b"conformance";
const SECOND: Duration = Duration::from_secs(1);

type Checks = [(&'static str, fn(&dyn Tier) -> bool, fn(&dyn Tier))];

/// Runs all checks, each of a tier of its own that holds nothing yet. Panics if one fails.
pub fn check(make: &dyn Fn() -> Box<dyn Tier>) {
    for (name, concerns, check) in CHECKS {
        let tier = make();
        if concerns(&*tier) {
            // Shown by the test harness if the check fails.
            println!("{name}");
            check(&*tier);
        }
    }
}

const ALWAYS: fn(&dyn Tier) -> bool = |_| true;
const WITH_VERSIONS: fn(&dyn Tier) -> bool = |tier| tier.features().versions;
const WITH_FENCES: fn(&dyn Tier) -> bool = |tier| tier.features().fences;
const WITH_WATCH: fn(&dyn Tier) -> bool = |tier| tier.features().watch;
const WITH_LEASES: fn(&dyn Tier) -> bool = |tier| tier.features().leases;
const WITH_KEYS: fn(&dyn Tier) -> bool = |tier| tier.features().keys;
const WITH_ENDS: fn(&dyn Tier) -> bool = |tier| tier.features().expires;

const CHECKS: &Checks = &[
    ("what is stored is read as it was stored", ALWAYS, what_is_stored_is_read),
    ("any bytes are a key, and the whole key counts", ALWAYS, any_bytes_are_a_key),
    ("several keys are read at once", ALWAYS, several_are_read),
    ("several entries are stored at once", ALWAYS, several_are_stored),
    ("a set is a change, and what it stored is valid", WITH_VERSIONS, a_set_is_a_change),
    ("an exchange is made only of what is there", ALWAYS, an_exchange_is_made_only_of_what_is_there),
    ("a key that was invalidated is gone or invalid", WITH_VERSIONS, what_was_invalidated_is_gone),
    ("a mark counts wherever it stands, and no other does", WITH_VERSIONS, any_mark_counts),
    ("what became stale is so at that time", WITH_VERSIONS, what_became_stale),
    ("what nobody can know is invalid", WITH_VERSIONS, what_nobody_can_know),
    ("a fill that was overtaken is refused", WITH_FENCES, an_overtaken_fill),
    ("changes are heard of with their numbers", WITH_WATCH, changes_are_heard_of),
    ("fills are not heard of", WITH_WATCH, fills_are_not_heard_of),
    ("who has heard of more than there is has lost some", WITH_WATCH, who_is_ahead_has_lost),
    ("one has a lease until it is given back", WITH_LEASES, one_has_the_lease),
    ("keys are listed in order by prefix", WITH_KEYS, keys_are_listed),
    ("what is over leaves", WITH_ENDS, what_is_over_leaves),
    ("what it cannot do, it says so", ALWAYS, what_it_cannot_do),
    ("numbers of threads at once are all different", WITH_VERSIONS, numbers_differ),
    ("threads read nothing that was changed before", WITH_FENCES, threads_read_nothing_stale),
];

fn soon() -> Wait {
    Wait::Until(Instant::now() + PATIENCE)
}

/// Changes one mark; the number.
pub fn change(tier: &dyn Tier, mark: Mark, to: To) -> Number {
    tier.change(&[Change { mark, key: None, to }], soon()).unwrap()
}

fn tag(name: &str) -> Mark {
    Mark::new(Of::Tag, NAMESPACE, name.as_bytes())
}

/// An entry to store.
#[derive(Clone, Debug)]
pub struct Sample {
    key: Vec<u8>,
    payload: Vec<u8>,
    tags: Vec<&'static str>,
    gone_at: Millis,
}

impl Sample {
    /// An entry of this key, which is never over.
    pub fn new(key: impl AsRef<[u8]>) -> Self {
        Self { key: key.as_ref().to_vec(), payload: b"payload".to_vec(), tags: Vec::new(), gone_at: Millis::MAX }
    }

    #[must_use]
    pub fn payload(self, payload: impl AsRef<[u8]>) -> Self {
        Self { payload: payload.as_ref().to_vec(), ..self }
    }

    #[must_use]
    pub fn tagged(self, tag: &'static str) -> Self {
        Self { tags: [tag].into(), ..self }
    }

    #[must_use]
    pub fn gone_at(self, gone_at: Millis) -> Self {
        Self { gone_at, ..self }
    }

    /// The mark of its key.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark::new(Of::Key, NAMESPACE, &self.key)
    }

    /// All its marks.
    #[must_use]
    pub fn marks(&self) -> Vec<Mark> {
        let all = Mark::new(Of::Namespace, NAMESPACE, b"");
        [self.mark(), all].into_iter().chain(self.tags.iter().map(|name| tag(name))).collect()
    }

    fn sealed(&self) -> Sealed {
        let tags = self.tags.iter().map(|&tag| tag.into()).collect();
        let gone_at = self.gone_at;
        let header = Header { created: 0, fresh_until: gone_at, gone_at, load_nanos: 0, errors: 0, codec: 0, tags };
        Format::default().seal(&self.key, &header, &self.payload).unwrap()
    }

    fn put(&self, tier: &dyn Tier, purpose: Purpose<'_>) -> Result<Put, Fault> {
        let (marks, mut envelope) = (self.marks(), self.sealed());
        tier.put(&mut Item { key: &self.key, marks: &marks, envelope: &mut envelope, purpose }, soon())
    }

    pub fn try_fill(&self, tier: &dyn Tier, fence: Number) -> Result<Put, Fault> {
        self.put(tier, Purpose::Fill(fence))
    }

    /// Stores it as what a load returned that has just begun.
    pub fn fill(&self, tier: &dyn Tier) {
        assert_eq!(self.try_fill(tier, tier.clock(soon()).unwrap()).unwrap(), Put::Stored(None));
    }

    /// Stores it as what a caller gave; the number of the change.
    pub fn set(&self, tier: &dyn Tier) -> Number {
        let Put::Stored(Some(number)) = self.put(tier, Purpose::Set).unwrap() else { panic!("it was not set") };
        number
    }

    /// The bytes that are stored under its key.
    pub fn read(&self, tier: &dyn Tier) -> Option<Vec<u8>> {
        let mut read = None;
        let found = tier.get(&self.key, soon(), &mut |bytes| read = Some(bytes.to_vec())).unwrap();
        assert_eq!(found, read.is_some(), "what is found is shown");
        read
    }

    /// The payload of bytes, if they are an envelope of its key.
    #[must_use]
    pub fn opens(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        Format::default().open(&self.key, bytes).ok().map(|opened| opened.payload.into_owned())
    }

    /// The payload that is stored under its key and is not invalid, if there is one.
    pub fn valid(&self, tier: &dyn Tier) -> Option<Vec<u8>> {
        let bytes = self.read(tier)?;
        let clock = Glimpse::of(&bytes).unwrap().clock;
        let judged = tier.judge(clock, &self.marks(), soon()).unwrap();
        (judged != Judgement::Invalid).then(|| self.opens(&bytes).unwrap())
    }

    fn is_stored(&self, tier: &dyn Tier) -> bool {
        self.read(tier).is_some_and(|bytes| self.opens(&bytes).as_ref() == Some(&self.payload))
    }
}

fn what_is_stored_is_read(tier: &dyn Tier) {
    let sample = Sample::new("key");
    assert!(sample.read(tier).is_none());
    for payload in [&b""[..], b"short", &[7; 100_000], b"short again"] {
        let sample = sample.clone().payload(payload);
        sample.fill(tier);
        assert!(sample.is_stored(tier), "{} bytes", payload.len());
    }
    assert!(Sample::new("another").read(tier).is_none());
    if let Some(entries) = tier.stats(soon()).unwrap().entries {
        assert_eq!(entries, 1);
    }
}

fn any_bytes_are_a_key(tier: &dyn Tier) {
    let long = vec![b'k'; 400];
    let keys = [&b"k"[..], b"k\0", b"k\0\0", b"\0", b"\xff\xff", b"K", &long, &long[1..]];
    let samples = keys.map(|key| Sample::new(key).payload(key));
    samples.iter().for_each(|sample| sample.fill(tier));
    assert!(samples.iter().all(|sample| sample.is_stored(tier)));
}

fn several_are_read(tier: &dyn Tier) {
    let samples = ["a", "b", "d"].map(|key| Sample::new(key).payload(key));
    samples.iter().for_each(|sample| sample.fill(tier));
    let keys: [&[u8]; 5] = [b"d", b"missing", b"a", b"b", b"a"];
    let mut shown = BTreeMap::new();
    tier.get_many(&keys, soon(), &mut |place, bytes| {
        assert!(shown.insert(place, bytes.to_vec()).is_none(), "a place is shown once");
    })
    .unwrap();
    assert_eq!(shown.keys().copied().collect::<Vec<_>>(), [0, 2, 3, 4]);
    for (place, bytes) in shown {
        assert_eq!(Sample::new(keys[place]).opens(&bytes).unwrap(), keys[place]);
    }
    tier.get_many(&[], soon(), &mut |_, _| panic!("nothing was asked for")).unwrap();
}

fn several_are_stored(tier: &dyn Tier) {
    let samples: Vec<Sample> = (0..20).map(|key| Sample::new(format!("key {key}")).payload([key])).collect();
    let marks: Vec<Vec<Mark>> = samples.iter().map(Sample::marks).collect();
    let mut envelopes: Vec<Sealed> = samples.iter().map(Sample::sealed).collect();
    let mut items = Vec::new();
    for ((sample, marks), envelope) in samples.iter().zip(&marks).zip(&mut envelopes) {
        items.push(Item { key: &sample.key, marks, envelope, purpose: Purpose::Set });
    }
    let puts = tier.put_many(&mut items, soon()).unwrap();
    assert_eq!(puts.len(), samples.len());
    assert!(puts.iter().all(|put| matches!(put, Put::Stored(_))));
    assert!(samples.iter().all(|sample| sample.is_stored(tier)));
    if tier.features().versions {
        assert!(samples.iter().all(|sample| sample.valid(tier).is_some()));
    }
}

fn a_set_is_a_change(tier: &dyn Tier) {
    let sample = Sample::new("key");
    let before = tier.clock(soon()).unwrap();
    sample.fill(tier);
    let number = sample.set(tier);
    assert!(number > before);
    assert!(tier.clock(soon()).unwrap() >= number);
    assert_eq!(tier.judge(before, &[sample.mark()], soon()).unwrap(), Judgement::Invalid);
    assert!(sample.valid(tier).is_some());
    assert!(sample.set(tier) > number);
}

fn an_exchange_is_made_only_of_what_is_there(tier: &dyn Tier) {
    let [first, second, third] = ["first", "second", "third"].map(|payload| Sample::new("key").payload(payload));
    let put = |sample: &Sample, present: Option<&[u8]>| {
        let clock = tier.clock(soon()).unwrap();
        sample.put(tier, Purpose::Exchange(present, clock)).unwrap()
    };
    assert_eq!(put(&first, Some(b"something")), Put::Overtaken);
    assert!(first.read(tier).is_none());
    assert!(matches!(put(&first, None), Put::Stored(_)));
    assert_eq!(put(&second, None), Put::Overtaken);
    let present = first.read(tier).unwrap();
    assert!(first.is_stored(tier));
    assert!(matches!(put(&second, Some(&present)), Put::Stored(_)));
    assert_eq!(put(&third, Some(&present)), Put::Overtaken);
    assert!(second.is_stored(tier));
    if tier.features().versions {
        assert!(second.valid(tier).is_some());
    }
}

fn what_was_invalidated_is_gone(tier: &dyn Tier) {
    let sample = Sample::new("key");
    sample.fill(tier);
    assert!(sample.valid(tier).is_some());
    let change = Change { mark: sample.mark(), key: Some(&sample.key), to: To::Invalid };
    tier.change(&[change], soon()).unwrap();
    assert!(sample.valid(tier).is_none());
    sample.fill(tier);
    assert!(sample.valid(tier).is_some(), "what was loaded after it is valid");
}

fn any_mark_counts(tier: &dyn Tier) {
    let sample = Sample::new("key").tagged("red");
    for (place, mark) in sample.marks().into_iter().enumerate() {
        sample.fill(tier);
        change(tier, tag("green"), To::Invalid);
        assert!(sample.valid(tier).is_some());
        change(tier, mark, To::Invalid);
        assert!(sample.valid(tier).is_none(), "mark {place}");
    }
    let clock = tier.clock(soon()).unwrap();
    let changes = ["one", "two"].map(|name| Change { mark: tag(name), key: None, to: To::Invalid });
    assert!(tier.change(&changes, soon()).unwrap() >= clock + 2);
    assert!(changes.iter().all(|change| tier.judge(clock, &[change.mark], soon()).unwrap() == Judgement::Invalid));
}

fn what_became_stale(tier: &dyn Tier) {
    let judge = |clock: Number, names: &[&str]| {
        let marks: Vec<Mark> = names.iter().map(|name| tag(name)).collect();
        tier.judge(clock, &marks, soon()).unwrap()
    };
    // A tier may take what it has never heard of for what it has forgotten.
    ["red", "green"].into_iter().for_each(|name| Sample::new(name).tagged(name).fill(tier));
    let before = tier.clock(soon()).unwrap();
    let first = change(tier, tag("red"), To::Stale(50_000));
    assert_eq!(judge(before, &["red"]), Judgement::Stale(50_000));
    assert_eq!((judge(first, &["red"]), judge(before, &["green"])), (Judgement::Valid, Judgement::Valid));
    change(tier, tag("red"), To::Stale(90_000));
    assert_eq!((judge(before, &["red"]), judge(first, &["red"])), (Judgement::Stale(50_000), Judgement::Stale(90_000)));
    change(tier, tag("green"), To::Stale(70_000));
    assert_eq!(judge(first, &["green", "red"]), Judgement::Stale(70_000), "the earliest");
    (10..20).for_each(|time| _ = change(tier, tag("red"), To::Stale(time * 10_000)));
    // Who remembers less may say that it was earlier, or that nobody knows; never that it was later.
    assert!(!matches!(judge(before, &["red"]), Judgement::Valid | Judgement::Stale(50_001..)));
    change(tier, tag("green"), To::Invalid);
    assert_eq!(judge(first, &["red", "green"]), Judgement::Invalid);
}

fn what_nobody_can_know(tier: &dyn Tier) {
    let clock = tier.clock(soon()).unwrap();
    assert_eq!(tier.judge(clock, &[tag("red")], soon()).unwrap(), Judgement::Valid);
    assert_eq!(tier.judge(clock, &[], soon()).unwrap(), Judgement::Valid);
    assert_eq!(tier.judge(clock + (1 << 50), &[tag("red")], soon()).unwrap(), Judgement::Invalid, "of another clock");
}

fn an_overtaken_fill(tier: &dyn Tier) {
    let overtakes: [fn(&dyn Tier, &Sample); 5] = [
        |tier, sample| _ = change(tier, sample.mark(), To::Invalid),
        |tier, _| _ = change(tier, tag("red"), To::Invalid),
        |tier, _| _ = change(tier, Mark::new(Of::Namespace, NAMESPACE, b""), To::Invalid),
        |tier, sample| _ = change(tier, sample.mark(), To::Stale(1)),
        |tier, sample| _ = sample.clone().payload("set").set(tier),
    ];
    for (way, overtake) in overtakes.iter().enumerate() {
        let sample = Sample::new(format!("key {way}")).tagged("red").payload("loaded");
        let fence = tier.clock(soon()).unwrap();
        change(tier, tag("green"), To::Invalid);
        overtake(tier, &sample);
        assert_eq!(sample.try_fill(tier, fence).unwrap(), Put::Overtaken, "way {way}");
        assert!(!sample.is_stored(tier));
        sample.fill(tier);
        assert!(sample.is_stored(tier), "what was loaded after it is stored");
    }
}

fn changes_are_heard_of(tier: &dyn Tier) {
    let watch = tier.watch().unwrap();
    let start = watch.word().load(SeqCst);
    let sample = Sample::new("key");
    let first = change(tier, tag("red"), To::Invalid);
    assert!(watch.word().load(SeqCst) > start);
    let second = change(tier, tag("green"), To::Stale(1));
    let third = sample.set(tier);
    let mut shown = Vec::new();
    let heard = watch.changes(start, &mut |number, part| shown.push((number, part)));
    assert_eq!(heard, Heard::All(watch.word().load(SeqCst)));
    assert_eq!(shown, [(first, tag("red").part()), (second, tag("green").part()), (third, sample.mark().part())]);
    let Heard::All(last) = heard else { panic!("it has not been long") };
    assert_eq!(watch.changes(last, &mut |_, _| panic!("it was shown before")), Heard::All(last));
}

fn fills_are_not_heard_of(tier: &dyn Tier) {
    let watch = tier.watch().unwrap();
    let start = watch.word().load(SeqCst);
    Sample::new("key").fill(tier);
    assert_eq!(watch.word().load(SeqCst), start);
}

fn who_is_ahead_has_lost(tier: &dyn Tier) {
    let watch = tier.watch().unwrap();
    let last = watch.word().load(SeqCst);
    assert_eq!(watch.changes(last + 1, &mut |_, _| {}), Heard::Lost(last));
}

fn one_has_the_lease(tier: &dyn Tier) {
    let lease = |name: &str, holder: u64| tier.lease(tag(name), holder, 100 * SECOND, soon()).unwrap();
    assert_eq!(lease("red", 1), Lease::Granted);
    let Lease::Held(left) = lease("red", 2) else { panic!("another has it") };
    assert!(left > SECOND && left < 101 * SECOND, "{left:?}");
    assert_eq!((lease("red", 1), lease("green", 2)), (Lease::Granted, Lease::Granted));
    tier.release(tag("red"), 2, soon()).unwrap();
    assert!(matches!(lease("red", 2), Lease::Held(_)), "only its holder gives it back");
    tier.release(tag("red"), 1, soon()).unwrap();
    assert_eq!(lease("red", 2), Lease::Granted);
    assert_eq!(tier.lease(tag("blue"), 1, Duration::ZERO, soon()).unwrap(), Lease::Granted);
}

fn keys_are_listed(tier: &dyn Tier) {
    let keys = ["a", "b/1", "b/2", "b/20", "b/3", "c"];
    keys.iter().rev().for_each(|key| Sample::new(key).payload(key).fill(tier));
    let list = |prefix: &str, after: Option<&str>, most: usize| {
        let mut shown = Vec::new();
        let mut see = |key: &[u8], bytes: &[u8]| {
            assert_eq!(Sample::new(key).opens(bytes).unwrap(), key);
            shown.push(String::from_utf8(key.to_vec()).unwrap());
        };
        tier.list(prefix.as_bytes(), after.map(str::as_bytes), most, soon(), &mut see).unwrap();
        shown
    };
    assert_eq!(list("", None, 100), keys);
    assert_eq!(list("b/", None, 100), ["b/1", "b/2", "b/20", "b/3"]);
    assert_eq!(list("b/", Some("b/1"), 2), ["b/2", "b/20"]);
    assert_eq!(list("b/", Some("b/25"), 100), ["b/3"]);
    assert!(list("b/", Some("b/3"), 100).is_empty() && list("d", None, 100).is_empty() && list("", None, 0).is_empty());
}

fn what_is_over_leaves(tier: &dyn Tier) {
    let (over, lasting) = (Sample::new("over").gone_at(1), Sample::new("lasting"));
    [&over, &lasting].iter().for_each(|sample| sample.fill(tier));
    (0..10).for_each(|_| tier.tend(soon()).unwrap());
    assert!(over.read(tier).is_none());
    assert!(lasting.is_stored(tier));
}

fn what_it_cannot_do(tier: &dyn Tier) {
    let features = tier.features();
    assert_eq!(features.watch, tier.watch().is_some());
    let cannot = |does: bool, done: Option<Fault>| {
        assert!(does || matches!(done, Some(Fault::Unsupported(_))), "{done:?}");
    };
    cannot(features.leases, tier.lease(tag("red"), 1, SECOND, soon()).err());
    cannot(features.leases, tier.release(tag("red"), 1, soon()).err());
    cannot(features.versions, tier.judge(0, &[], soon()).err());
    cannot(features.keys, tier.list(b"", None, 1, soon(), &mut |_, _| {}).err());
    cannot(features.fences || features.versions, tier.clock(soon()).err());
}

fn numbers_differ(tier: &dyn Tier) {
    const EACH: usize = 200;
    let numbers: Vec<Number> = thread::scope(|scope| {
        let make = |name| move || (0..EACH).map(|_| change(tier, tag(name), To::Invalid)).collect::<Vec<_>>();
        let threads = ["red", "green", "blue"].map(|name| scope.spawn(make(name)));
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut different = numbers.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), numbers.len());
}

/// One writes to a database and then sets or invalidates; others load from it, and read.
fn threads_read_nothing_stale(tier: &dyn Tier) {
    const ROUNDS: u64 = 300;
    let (database, floor) = (AtomicU64::new(0), AtomicU64::new(0));
    let sample = Sample::new("key").tagged("red");
    let write = || {
        for round in 1..=ROUNDS {
            database.store(round, SeqCst);
            match round % 3 {
                0 => _ = change(tier, tag("red"), To::Invalid),
                1 => _ = sample.clone().payload(round.to_le_bytes()).set(tier),
                _ => _ = change(tier, sample.mark(), To::Invalid),
            }
            floor.store(round, SeqCst);
        }
    };
    let read = || {
        while floor.load(SeqCst) < ROUNDS {
            let least = floor.load(SeqCst);
            if let Some(payload) = sample.valid(tier) {
                let seen = u64::from_le_bytes(payload.try_into().unwrap());
                assert!(seen >= least, "a read that began after {least} was announced saw {seen}");
                continue;
            }
            let fence = tier.clock(soon()).unwrap();
            let loaded = sample.clone().payload(database.load(SeqCst).to_le_bytes());
            thread::yield_now();
            loaded.try_fill(tier, fence).unwrap();
        }
    };
    thread::scope(|scope| {
        scope.spawn(read);
        scope.spawn(read);
        scope.spawn(write);
    });
}
