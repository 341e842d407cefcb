//! Histories in thousands of random schedules, in which another thread may go on before each use of a shared word.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Mutex};

use shuttle::thread;

use super::{Fresh, model, neighbour, words};
use crate::tier::shared::log::{Entry, Log};
use crate::tier::shared::stale::{self, Since, Stales};
use crate::tier::shared::versions::{LINE, Versions};
use crate::tier::shared::word::Word;
use crate::tier::{Heard, Judgement, Mark, To, Watch};

const SCHEDULES: usize = 250;

fn run(threads: Vec<Box<dyn FnOnce() + Send>>) {
    let threads: Vec<_> = threads.into_iter().map(thread::spawn).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

struct SmallLog {
    last: Word,
    slots: Vec<Word>,
    /// Numbers and parts of changes whose publication has returned.
    announced: Mutex<Vec<(u64, u64)>>,
}

impl SmallLog {
    fn log(&self) -> Log<'_> {
        Log { base: 0, last: &self.last, slots: &self.slots }
    }

    fn publish(&self, part: u64) {
        let number = self.log().publish(Entry::Part(part), |_| {});
        self.announced.lock().unwrap().push((number, part));
    }

    fn watch(&self, looks: usize) {
        let (mut after, mut heard, mut lost) = (0, Vec::new(), 0);
        for _ in 0..looks {
            let announced = self.announced.lock().unwrap().clone();
            match self.log().changes(after, &mut |number, part| heard.push((number, part))) {
                Heard::All(last) => after = last,
                Heard::Lost(last) => (after, lost) = (last, last),
            }
            let missed = announced.iter().find(|change| change.0 > lost && !heard.contains(change));
            assert_eq!(missed, None, "it was announced, and not heard of");
        }
    }
}

#[test]
fn every_change_is_heard_of_or_known_to_be_lost() {
    model::check(4 * SCHEDULES, || {
        let log = Arc::new(SmallLog { last: Word::default(), slots: words(4), announced: Mutex::default() });
        let publisher = |first: u64| -> Box<dyn FnOnce() + Send> {
            let log = log.clone();
            Box::new(move || (first..first + 3).for_each(|part| log.publish(part)))
        };
        let watcher = log.clone();
        run(vec![publisher(1), publisher(11), publisher(21), Box::new(move || watcher.watch(5))]);
        assert_eq!(log.log().last(), 9, "each took one number");
        log.watch(1);
    });
}

#[test]
fn a_version_that_was_raised_is_never_seen_lower() {
    model::check(2 * SCHEDULES, || {
        let words = words(LINE);
        // Five of seven places are taken.
        (0..5).for_each(|mark| _ = Versions::<LINE> { words: &words }.raise(neighbour(mark), 1 + mark));
        let table = Arc::new(words);
        let raised: Arc<[AtomicU64; 10]> = Arc::default();
        let number = Arc::new(AtomicU64::new(10));
        let raiser = |marks: [u64; 4]| -> Box<dyn FnOnce() + Send> {
            let (table, raised, number) = (table.clone(), raised.clone(), number.clone());
            Box::new(move || {
                for mark in marks {
                    let number = number.fetch_add(1, SeqCst);
                    Versions::<LINE> { words: &table }.raise(neighbour(mark), number);
                    raised[mark as usize].fetch_max(number, SeqCst);
                }
            })
        };
        let (seen, known) = (table.clone(), raised.clone());
        let reader = move || {
            for mark in [9, 8, 7, 9, 8, 7, 9] {
                let least = known[mark as usize].load(SeqCst);
                assert!(Versions::<LINE> { words: &seen }.of(neighbour(mark)) >= least);
            }
        };
        run(vec![raiser([9, 8, 7, 6]), raiser([8, 9, 5, 7]), raiser([4, 9, 3, 2]), Box::new(reader)]);
    });
}

#[test]
fn no_time_is_later_than_the_change_while_others_make_more() {
    model::check(4 * SCHEDULES, || {
        let table = Arc::new(words(stale::BUCKET));
        (0..6).for_each(|mark| Stales::new(&table).raise(neighbour(mark), 1 + mark, 10_000));
        // Number, mark and end of changes that have returned: of two at once it is either's time.
        let made: Arc<Mutex<Vec<(u64, u64, u64)>>> = Arc::default();
        let clock = Arc::new(AtomicU64::new(20));
        let changer = |marks: [u64; 3]| -> Box<dyn FnOnce() + Send> {
            let (table, made, clock) = (table.clone(), made.clone(), clock.clone());
            Box::new(move || {
                for mark in marks {
                    let number = clock.fetch_add(1, SeqCst);
                    Stales::new(&table).raise(neighbour(mark), number, number * 2000);
                    made.lock().unwrap().push((number, mark, clock.load(SeqCst) * 2000));
                }
            })
        };
        let (seen, known) = (table.clone(), made.clone());
        let reader = move || {
            for (mark, clock) in [(8, 19), (9, 19), (8, 20), (8, 22), (9, 21), (7, 19), (8, 23)] {
                let known = known.lock().unwrap().clone();
                let made = known.iter().filter(|(number, of, _)| *of == mark && *number > clock);
                let first = made.map(|(_, _, end)| *end).min();
                let since = Stales::new(&seen).since(clock, neighbour(mark));
                let is_late = first.is_some_and(|first| match since {
                    Since::Never => true,
                    Since::At(time) => time >= first,
                    Since::Unknown => false,
                });
                assert!(!is_late, "{since:?}, of {known:?}, for {mark} at {clock}");
            }
        };
        run(vec![changer([8, 9, 8]), changer([9, 8, 7]), changer([8, 9, 9]), Box::new(reader)]);
    });
}

/// A database, a tier's entry of one key with its clock, and the lock under which it is written.
struct World {
    mark: Mark,
    database: AtomicU64,
    entry: shuttle::sync::Mutex<(u64, u64)>,
    /// The version of the database before which nothing may be read any more.
    floor: AtomicU64,
}

static SHARED: LazyLock<Fresh> = LazyLock::new(|| Fresh::new("schedules"));
static MARKS: AtomicU64 = AtomicU64::new(1);

impl World {
    fn commit(&self) -> u64 {
        self.database.fetch_add(1, SeqCst) + 1
    }

    fn invalidate(&self) {
        let version = self.commit();
        thread::yield_now();
        SHARED.change(self.mark, To::Invalid);
        self.floor.fetch_max(version, SeqCst);
    }

    /// Also what changed nothing.
    fn invalidate_in_vain(&self) {
        SHARED.change(self.mark, To::Invalid);
    }

    fn set(&self) {
        let mut entry = self.entry.lock().unwrap();
        let version = self.commit();
        let clock = SHARED.begin_set();
        *entry = (version, clock);
        SHARED.has_set(clock, self.mark);
        SHARED.end_set(clock);
        self.floor.fetch_max(version, SeqCst);
    }

    fn read(&self) {
        let floor = self.floor.load(SeqCst);
        let (version, clock) = *self.entry.lock().unwrap();
        thread::yield_now();
        if SHARED.judge(clock, &[self.mark]) == Judgement::Valid {
            assert!(version >= floor, "a read that began after version {floor} was announced saw {version}");
        }
    }

    fn load(&self) {
        let fence = SHARED.fence();
        thread::yield_now();
        let version = self.database.load(SeqCst);
        thread::yield_now();
        let mut entry = self.entry.lock().unwrap();
        SHARED.take_over();
        let is_newer = entry.1 > fence;
        if !is_newer && SHARED.judge(fence, &[self.mark]) == Judgement::Valid {
            *entry = (version, fence);
        }
    }
}

#[test]
fn no_read_is_stale_whoever_loads_sets_and_invalidates() {
    LazyLock::force(&SHARED);
    model::check(2 * SCHEDULES, || {
        let mark = Mark::from_bits(MARKS.fetch_add(1, SeqCst) << 20);
        let entry = shuttle::sync::Mutex::new((0, SHARED.fence()));
        let world = Arc::new(World { mark, database: AtomicU64::new(0), entry, floor: AtomicU64::new(0) });
        let does = |what: &'static [fn(&World)]| -> Box<dyn FnOnce() + Send> {
            let world = world.clone();
            Box::new(move || what.iter().for_each(|act| act(&world)))
        };
        run(vec![
            does(&[World::read, World::load, World::read, World::load, World::read]),
            does(&[World::load, World::read, World::load, World::read]),
            does(&[World::invalidate_in_vain, World::read, World::invalidate_in_vain]),
            // One writes to the database: two could set in another order than they committed in.
            does(&[World::set, World::invalidate, World::set, World::invalidate]),
        ]);
        world.read();
    });
}

#[test]
fn a_load_that_began_before_the_end_of_a_set_is_overtaken_by_it() {
    static SHARED: LazyLock<Fresh> = LazyLock::new(|| Fresh::new("schedules"));
    LazyLock::force(&SHARED);
    model::check(2 * SCHEDULES, || {
        let mark = Mark::from_bits(MARKS.fetch_add(1, SeqCst) << 20);
        // 1 as soon as the value is stored.
        let is_stored = Arc::new(AtomicU64::new(0));
        let stored = is_stored.clone();
        let set = move || {
            let clock = SHARED.begin_set();
            thread::yield_now();
            stored.store(1, SeqCst);
            SHARED.has_set(clock, mark);
            SHARED.end_set(clock);
        };
        let fences: Arc<Mutex<Vec<u64>>> = Arc::default();
        let loads = || -> Box<dyn FnOnce() + Send> {
            let (fences, is_stored) = (fences.clone(), is_stored.clone());
            Box::new(move || {
                for _ in 0..4 {
                    let fence = SHARED.fence();
                    if is_stored.load(SeqCst) == 0 {
                        fences.lock().unwrap().push(fence);
                    }
                }
            })
        };
        let others = || (0..3).for_each(|mark| _ = SHARED.change(neighbour(mark), To::Invalid));
        run(vec![Box::new(set), loads(), loads(), Box::new(others)]);
        let judge = |fence: &u64| SHARED.judge(*fence, &[mark]);
        assert!(fences.lock().unwrap().iter().all(|fence| judge(fence) == Judgement::Invalid));
    });
}

#[test]
fn what_is_heard_of_is_judged_so() {
    static SHARED: LazyLock<Fresh> = LazyLock::new(|| Fresh::new("schedules"));
    LazyLock::force(&SHARED);
    model::check(SCHEDULES, || {
        let marks = [(); 2].map(|()| Mark::from_bits(MARKS.fetch_add(1, SeqCst) << 20));
        let mut after = SHARED.last();
        let changer = |to: To| move || marks.iter().for_each(|mark| _ = SHARED.change(*mark, to));
        let watcher = move || {
            for _ in 0..6 {
                let before = after;
                let heard = SHARED.changes(after, &mut |number, part| {
                    after = number;
                    let judged =
                        marks.iter().filter(|mark| mark.part() == part).map(|mark| SHARED.judge(before, &[*mark]));
                    judged.for_each(|judged| assert_ne!(judged, Judgement::Valid));
                });
                assert!(matches!(heard, Heard::All(_)));
            }
        };
        run(vec![Box::new(changer(To::Invalid)), Box::new(changer(To::Stale(5000))), Box::new(watcher)]);
    });
}
