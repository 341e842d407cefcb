//! What a memory asks of the allocator: nothing for hits and overwrites, and nothing for newcomers once it is full.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use hotset::clock::ticks;
use hotset::expiry::Lifespan;
use hotset::hash::{Seed, shorten};
use hotset::memory::{Condition, Details, Hashed, Memory, Options, Owner};
use hotset::policy::NAMES;
use hotset::sync::ThreadLock;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The allocator of the system, counting for each thread.
struct Counting;

// SAFETY: everything is left to the allocator of the system; the counter is a plain cell that needs no allocation itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and `place` came from `System`.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

struct Key(u64);

impl Hashed for Key {
    fn hash(&self) -> u32 {
        shorten(Seed::fixed(1).mix(0, self.0))
    }
    fn owner(&self) -> Owner {
        0
    }
}

const ENTRIES: u64 = 1000;

struct Numbers(Memory<Key, u64, ThreadLock>);

impl Numbers {
    fn full(policy: &str, shards: usize) -> Self {
        let options = Options { max_entries: ENTRIES, policy: policy.to_owned(), shards, ..Options::default() };
        let numbers = Self(Memory::new(options).unwrap());
        (0..ENTRIES * 4).for_each(|number| numbers.write(number));
        numbers
    }

    fn write(&self, number: u64) {
        let lifespan = Lifespan { ttl: ticks(Duration::from_secs(3600)), ..Lifespan::FOREVER };
        let mut details = Details { lifespan, ..Details::default() };
        let (mut pair, is_it) = (Some((Key(number), number)), &mut |key: &Key| key.0 == number);
        assert!(self.0.write(&mut pair, &mut details, &Condition::Always, is_it).unwrap().stored);
    }

    fn read(&self, number: u64) -> bool {
        self.0.read(Key(number).hash(), 0, &mut |key: &Key| key.0 == number, |_| ()).unwrap().found.is_some()
    }
}

fn kinds() -> impl Iterator<Item = (&'static str, usize)> {
    NAMES.iter().flat_map(|&name| [(name, 1), (name, 4)])
}

#[test]
fn a_read_allocates_nothing() {
    for (policy, shards) in kinds() {
        let numbers = Numbers::full(policy, shards);
        // What a policy keeps for the frequencies that it meets grows at first.
        (0..ENTRIES * 4).for_each(|number| _ = numbers.read(number));
        let last = ENTRIES * 4 - 1;
        numbers.read(last);
        let allocated = allocations(|| (0..10).for_each(|_| assert!(numbers.read(last) && !numbers.read(u64::MAX))));
        assert!(allocated == 0 || policy == "lfu", "{allocated} by {policy} with {shards} shards");
    }
}

#[test]
fn an_overwrite_allocates_nothing() {
    for (policy, shards) in kinds().filter(|&(policy, _)| policy != "lfu") {
        let numbers = Numbers::full(policy, shards);
        let last = ENTRIES * 4 - 1;
        assert_eq!(allocations(|| (0..1000).for_each(|_| numbers.write(last))), 0, "{policy} with {shards} shards");
    }
}

#[test]
fn a_newcomer_in_a_full_memory_allocates_next_to_nothing() {
    for (policy, shards) in kinds() {
        let numbers = Numbers::full(policy, shards);
        let allocated = allocations(|| (ENTRIES * 4..ENTRIES * 14).for_each(|number| numbers.write(number)));
        assert!(allocated <= 50, "{allocated} for 10,000 newcomers by {policy} with {shards} shards");
    }
}
