//! What is asked of the allocator: nothing by hits and overwrites of a memory, nor by newcomers once it is full, nor by an envelope that is
//! opened; and of one that cannot be what it says, no more than its bytes explain.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use hotset::clock::ticks;
use hotset::codec::{Format, Header, Protection, Secrets};
use hotset::expiry::Lifespan;
use hotset::hash::{Seed, shorten};
use hotset::memory::{Condition, Details, Hashed, Memory, Options, Owner};
use hotset::policy::NAMES;
use hotset::sync::ThreadLock;
use xxhash_rust::xxh3::xxh3_64;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

/// The allocator of the system, counting for each thread, and noting the largest wish.
struct Counting;

// SAFETY: everything is left to the allocator of the system; the counter is a plain cell that needs no allocation itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        LARGEST.with(|largest| largest.set(largest.get().max(layout.size())));
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

const STORED: &[u8] = b"users\0user:7";

/// Formats that leave a payload as it is.
fn legible() -> [Format; 2] {
    let signed = Protection::Signed(Secrets::new(&[[7; 32]]).unwrap());
    [Format::default(), Format { protection: signed, ..Format::default() }]
}

fn header() -> Header {
    Header { created: 1, fresh_until: 2, gone_at: 3, load_nanos: 0, errors: 0, codec: 0, tags: Vec::new() }
}

#[test]
fn an_envelope_is_sealed_in_one_piece_of_memory_and_opened_in_none() {
    let payload = [7; 100];
    for format in legible() {
        let mut memory = Vec::new();
        let sealing = allocations(|| {
            let mut sealed = format.seal(STORED, &header(), &payload).unwrap();
            sealed.stamp(1);
            memory = sealed.into_bytes();
        });
        assert_eq!(sealing, 1, "{format:?}");
        let opening = allocations(|| assert_eq!(*format.open(STORED, &memory).unwrap().payload, payload));
        assert_eq!(opening, 0, "{format:?}");
        let again = allocations(|| {
            let mut sealed = format.seal_into(std::mem::take(&mut memory), STORED, &header(), &payload).unwrap();
            sealed.stamp(2);
            memory = sealed.into_bytes();
        });
        assert_eq!(again, 0, "{format:?}");
    }
}

#[test]
fn tags_of_an_envelope_are_read_where_they_stand() {
    let header = Header { tags: vec!["user:7".into(), "team:red".into()], ..header() };
    for format in legible() {
        let mut sealed = format.seal(STORED, &header, b"payload").unwrap();
        let bytes = sealed.stamp(1);
        let opening = allocations(|| {
            let opened = format.open(STORED, bytes).unwrap();
            assert!(opened.tags.iter().eq(["user:7", "team:red"]));
        });
        assert_eq!(opening, 0, "{format:?}");
    }
}

/// An envelope that says its payload was compressed from so many bytes, with the checksum of who wrote it so.
fn claiming(method: u8, packed: &[u8], bytes: u32) -> Vec<u8> {
    let sealed = Format::default().seal(STORED, &header(), packed).unwrap().into_bytes();
    let mut envelope = sealed[..sealed.len() - size_of::<u64>()].to_vec();
    envelope[4] = method;
    envelope[52..56].copy_from_slice(&bytes.to_le_bytes());
    let digest = [&envelope[..16], &xxh3_64(STORED).to_le_bytes(), &xxh3_64(&envelope[16..]).to_le_bytes()].concat();
    [envelope, xxh3_64(&digest).to_le_bytes().to_vec()].concat()
}

#[test]
fn an_envelope_that_says_it_is_huge_is_given_what_its_bytes_explain() {
    let most_by_method = [(1, 100 * (32 << 10)), (2, 100 * 255)];
    for (method, most) in most_by_method {
        for bytes in [most as u32, most as u32 + 1, 1 << 30, u32::MAX] {
            let envelope = claiming(method, &[0; 100], bytes);
            let _ = Format::default().open(STORED, &envelope);
            LARGEST.set(0);
            assert!(Format::default().open(STORED, &envelope).is_err(), "{bytes} by {method}");
            assert!(LARGEST.get() <= most, "{} bytes for {bytes} by {method}", LARGEST.get());
        }
    }
}
