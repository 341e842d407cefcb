//! A history of readers who load from a versioned database, and writers who commit and then invalidate, in thousands of seeded
//! interleavings: a read that began after an invalidation had returned sees what was committed before it, and a value that is
//! still good is loaded once.
//!
//! The same checks have to fail when one of the fences is switched off.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use hotset::flight::{Begun, Faults, Fenced, Promise};
use hotset::hash::{Seed, shorten};
use hotset::memory::{Details, Hashed, Options, Owner, Unsure};
use hotset::stats::Cause;
use hotset::sync::{GuardNoSend, RawMutex};
use shuttle::thread;

const SCHEDULES: usize = 3_000;
/// How many times that are looked through for a fault: the rarest shows in nine of ten.
const HUNTS: u64 = 20;
const READERS: usize = 3;
const READS: usize = 3;
const WRITES: usize = 2;

/// A lock that lets others go first whenever it is taken. All of shuttle's threads run on one, so a plain flag is enough.
struct YieldingLock(AtomicBool);

// SAFETY: the flag is set by one holder at a time.
unsafe impl RawMutex for YieldingLock {
    #[allow(clippy::declare_interior_mutable_const, reason = "each use is a lock of its own")]
    const INIT: Self = Self(AtomicBool::new(false));
    type Guard = GuardNoSend;

    fn lock(&self) -> GuardNoSend {
        thread::yield_now();
        while self.0.swap(true, SeqCst) {
            thread::yield_now();
        }
        GuardNoSend::new()
    }

    fn try_lock(&self) -> Option<GuardNoSend> {
        (!self.0.swap(true, SeqCst)).then_some(GuardNoSend::new())
    }

    unsafe fn unlock(&self, _guard: GuardNoSend) {
        self.0.store(false, SeqCst);
    }

    fn is_locked(&self) -> bool {
        self.0.load(SeqCst)
    }
}

#[derive(Clone, Copy, PartialEq)]
struct Key(u64);

impl Hashed for Key {
    fn hash(&self) -> u32 {
        shorten(Seed::fixed(3).mix(0, self.0))
    }
    fn owner(&self) -> Owner {
        0
    }
}

/// Where followers wait: 0 until the leader has a version for them, or [`AGAIN`].
struct Follow(AtomicU64);

const AGAIN: u64 = u64::MAX;

impl Promise for Follow {
    type Leader = ();
    fn new(_number: u64, (): &()) -> Self {
        Self(AtomicU64::new(0))
    }
}

struct World {
    cache: Fenced<Key, u64, Follow, YieldingLock>,
    /// The version that is committed.
    database: AtomicU64,
    /// The version that the last invalidation which returned had been for.
    floor: AtomicU64,
    loads: AtomicU64,
    faults: Faults,
    tags: Known,
}

/// When it is known which tags a value carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Known {
    /// Before its load begins.
    Before,
    /// Its loader says so, after it has read.
    Late,
    /// When it is there.
    After,
}

/// The tags of every value.
fn tags() -> Box<[Arc<str>]> {
    [Arc::from("tag")].into()
}

const KEY: Key = Key(1);

impl World {
    fn new(faults: Faults, tags: Known) -> Arc<Self> {
        let options = Options { seed: Seed::fixed(3), ..Options::default() };
        let cache = Fenced::new(options).unwrap();
        cache.flights().inject(faults);
        let zero = || AtomicU64::new(0);
        Arc::new(Self { cache, database: AtomicU64::new(1), floor: zero(), loads: zero(), faults, tags })
    }

    fn get(&self) -> u64 {
        let mut probe = |stored: &Key| *stored == KEY;
        let memory = self.cache.memory();
        if let Some(version) = memory.read(KEY.hash(), 0, &mut probe, |version| *version).unwrap().found {
            return version;
        }
        let begun = self.cache.begin(
            &mut Some(KEY),
            &mut probe,
            || (),
            0,
            &mut false,
            || match self.tags {
                Known::Before => Some(tags()),
                Known::Late => Some(Box::default()),
                Known::After => None,
            },
            |probe| if self.faults.no_second_look { Ok(None) } else { memory.peek(KEY.hash(), probe, |v| *v) },
        );
        match begun.unwrap() {
            Begun::Found(version) => version,
            Begun::Joins(promise) => loop {
                match promise.0.load(SeqCst) {
                    0 => thread::yield_now(),
                    AGAIN => return self.get(),
                    version => return version,
                }
            },
            Begun::Leads(ticket) => {
                self.loads.fetch_add(1, SeqCst);
                let version = self.database.load(SeqCst);
                thread::yield_now();
                if self.tags == Known::Late {
                    self.cache.flights().add_tags(KEY.hash(), ticket.number(), &tags());
                    thread::yield_now();
                }
                let mut details = Details { tags: tags(), ..Details::default() };
                let landing = self.cache.fill(&ticket, 0, &mut Some(version), &mut details, 0, &mut probe).unwrap();
                if let Some(promise) = landing.promise {
                    promise.0.store(if landing.is_behind { AGAIN } else { version }, SeqCst);
                }
                version
            }
        }
    }

    fn commit_and_invalidate(&self, how: Invalidation) {
        let version = self.database.fetch_add(1, SeqCst) + 1;
        thread::yield_now();
        match how {
            Invalidation::Remove => {
                drop(self.cache.remove(KEY.hash(), &mut |stored: &Key| *stored == KEY, Cause::Invalidated).unwrap());
            }
            Invalidation::Clear => drop(self.cache.clear()),
            Invalidation::Tag => self.cache.invalidate_tags(&tags(), Cause::Invalidated),
            Invalidation::OtherTag => {
                self.cache.invalidate_tags(&[Arc::from("other")], Cause::Invalidated);
                return;
            }
            Invalidation::Write => {
                let mut probe = |stored: &Key| *stored == KEY;
                let mut pair = Some((KEY, version));
                let always = &hotset::memory::Condition::Always;
                let stored = self.cache.write(&mut pair, &mut Details::default(), always, &mut probe);
                drop(stored.map_err(|Unsure| ()).unwrap());
            }
        }
        self.floor.fetch_max(version, SeqCst);
    }
}

#[derive(Clone, Copy, Debug)]
enum Invalidation {
    Remove,
    Clear,
    Write,
    Tag,
    /// Of a tag that no value carries, which invalidates nothing.
    OtherTag,
}

/// Reads and writes interleaved; panics if a read is stale.
fn history(how: Invalidation, writes: usize, tags: Known, faults: Faults) {
    let world = World::new(faults, tags);
    let mut threads = Vec::new();
    for _ in 0..READERS {
        let world = world.clone();
        threads.push(thread::spawn(move || {
            for _ in 0..READS {
                let floor = world.floor.load(SeqCst);
                let seen = world.get();
                assert!(seen >= floor, "a read that began after version {floor} was announced saw {seen}");
            }
        }));
    }
    // Only one writes where what is written is the value: two could write in another order than they committed in.
    let writer = world.clone();
    threads.push(thread::spawn(move || (0..writes).for_each(|_| writer.commit_and_invalidate(how))));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let loads = world.loads.load(SeqCst);
    // An invalidation can cost two: the load that it overtook, and one that came between that and the removal.
    let invalidations = if matches!(how, Invalidation::OtherTag) { 0 } else { writes as u64 };
    assert!(loads <= 1 + 2 * invalidations, "{loads} loads of a value that was invalidated {writes} times");
    assert!(world.cache.flights().is_empty());
    world.cache.memory().validate();
}

const SOUND: Faults = Faults {
    no_fence: false,
    no_fence_of_tags: false,
    joins_overtaken: false,
    keeps_what_is_behind: false,
    no_second_look: false,
};

/// Whether the fault shows, in the same schedules every time the test runs.
fn finds(how: Invalidation, writes: usize, tags: Known, faults: Faults) -> bool {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let found = (0..HUNTS).any(|seed| {
        let hunt = || shuttle::check_random_with_seed(move || history(how, writes, tags, faults), seed, SCHEDULES);
        catch_unwind(AssertUnwindSafe(hunt)).is_err()
    });
    std::panic::set_hook(hook);
    found
}

/// One test, because looking for faults changes the panic hook of the process.
#[test]
fn no_read_is_stale_and_every_fence_is_needed() {
    for how in [Invalidation::Remove, Invalidation::Clear, Invalidation::Write] {
        shuttle::check_random(move || history(how, WRITES, Known::Before, SOUND), SCHEDULES);
        assert!(finds(how, WRITES, Known::Before, Faults { no_fence: true, ..SOUND }), "{how:?} without a fence");
    }
    for tags in [Known::Before, Known::Late, Known::After] {
        for writes in [2, 3] {
            shuttle::check_random(move || history(Invalidation::Tag, writes, tags, SOUND), SCHEDULES);
        }
        if tags != Known::After {
            shuttle::check_random(move || history(Invalidation::OtherTag, WRITES, tags, SOUND), SCHEDULES);
        }
        let (open, joins) = (
            Faults { no_fence_of_tags: true, ..SOUND },
            Faults { joins_overtaken: true, keeps_what_is_behind: true, ..SOUND },
        );
        assert!(finds(Invalidation::Tag, WRITES, tags, open), "without the fence of tags");
        assert!(finds(Invalidation::Tag, WRITES, tags, joins), "joined a load that a tag had overtaken");
    }
    let behind = Faults { keeps_what_is_behind: true, ..SOUND };
    assert!(
        finds(Invalidation::Tag, WRITES, Known::Late, behind),
        "kept what a load returned that a late tag had overtaken"
    );
    let known = Known::Before;
    shuttle::check_random(move || history(Invalidation::Remove, 0, known, SOUND), SCHEDULES);
    assert!(
        finds(Invalidation::Remove, WRITES, known, Faults { joins_overtaken: true, ..SOUND }),
        "joined an overtaken load"
    );
    assert!(finds(Invalidation::Remove, 0, known, Faults { no_second_look: true, ..SOUND }), "no second look");
}
