//! A store stays within its bound, whatever is stored, and what leaves is what is least missed.

use super::*;
use crate::tier::Fault;
use crate::tier::disk::Change;

fn key(number: u32) -> [u8; 8] {
    // As hashed keys are: in no order.
    (u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_be_bytes()
}

fn file_bytes(folder: &Folder) -> u64 {
    let stores = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().path().join("data.mdb"));
    stores.filter_map(|path| fs::metadata(path).ok()).map(|about| about.len()).sum()
}

#[test]
fn a_store_is_never_larger_than_its_bound_and_goes_on_storing() {
    for (options, size, count) in [
        (small(), 10, 30_000),
        (small(), 100, 20_000),
        (small(), 1_000, 5_000),
        (small(), 5_000, 2_000),
        (small(), 100_000, 100),
        (powerful(), 1_000, 1_500),
    ] {
        let folder = Folder::new();
        let store = open(&folder.0, options);
        for number in 0..count {
            store.set(&key(number), &vec![1; size]);
            assert!(store.payload(&key(number)).is_some(), "{number} of {size} bytes");
        }
        assert!(file_bytes(&folder) <= options.max_bytes);
        let stats = store.stats(soon()).unwrap();
        let payload = stats.entries.unwrap() * (size as u64 + 24);
        assert!(payload > options.max_bytes / 3, "{payload} bytes of entries of {size}");
        assert!(stats.evicted > 0 && stats.expired == 0);
        store.is_sound();
    }
}

#[test]
fn an_entry_that_is_too_large_is_refused_and_nothing_leaves_for_it() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    store.set(b"key", b"value");
    let put =
        |size| store.change(soon(), NOW, &mut |change| change.put(b"large", &entry(0, Millis::MAX, &vec![0; size])));
    assert!(matches!(put(131_057), Err(Fault::TooLarge { bytes: 131_073, most: 131_072 })));
    assert!(store.payload(b"large").is_none());
    put(131_056).unwrap();
    assert_eq!(store.stats(soon()).unwrap().entries, Some(2));
}

#[test]
fn the_largest_entry_is_overwritten_in_a_full_store() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    (0..5_000).for_each(|number| store.set(&key(number), &[1; 200]));
    for round in 0..20_u8 {
        store.set(b"large", &vec![round; 131_056]);
        assert_eq!(store.payload(b"large"), Some(vec![round; 131_056]));
    }
    store.is_sound();
}

#[test]
fn what_is_over_leaves_without_being_read() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    (0..500).for_each(|number| store.set_until(&key(number), b"", NOW + 1));
    store.set(b"key", b"value");
    assert_eq!(store.stats(soon()).unwrap().entries, Some(501));
    let later = NOW + 1;
    let bytes = entry(NOW, Millis::MAX, b"value");
    (0..300).for_each(|_| store.change(soon(), later, &mut |change| change.put(b"key", &bytes)).unwrap());
    let stats = store.stats(soon()).unwrap();
    assert_eq!((stats.entries, stats.expired, stats.evicted), (Some(1), 500, 0));
}

#[test]
fn tending_removes_what_is_over_and_nothing_else() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    (0..400).for_each(|number| store.set_until(&key(number), b"", NOW + 1 + u64::from(number % 2)));
    store.tend(soon(), NOW).unwrap();
    assert_eq!(store.keys(b"").len(), 400);
    store.tend(soon(), NOW + 1).unwrap();
    assert_eq!(store.keys(b"").len(), 200);
    assert_eq!(store.stats(soon()).unwrap().expired, 200);
}

#[test]
fn what_is_over_leaves_before_what_is_not() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    (0..300).for_each(|number| store.set_until(&key(number), &[0; 1000], NOW));
    (300..500).for_each(|number| store.set(&key(number), &[0; 1000]));
    assert!((300..500).all(|number| store.payload(&key(number)).is_some()));
    let stats = store.stats(soon()).unwrap();
    assert!(stats.evicted == 0 && stats.expired > 0, "{stats:?}");
}

#[test]
fn what_is_read_stays_and_what_is_not_leaves() {
    for size in [50, 1000, 20_000] {
        let folder = Folder::new();
        let store = open(&folder.0, small());
        let hot = (1 << 17) / size as u32;
        let (mut asked, mut found) = (0, 0);
        for number in hot..hot * 30 {
            store.set(&key(number), &vec![0; size]);
            for step in 0..2 {
                let wanted = key((number * 2 + step) % hot);
                asked += u32::from(number > hot * 5);
                match store.payload(&wanted) {
                    Some(_) => found += u32::from(number > hot * 5),
                    None => store.set(&wanted, &vec![0; size]),
                }
            }
        }
        let others = (hot..hot * 30).filter(|&number| store.payload(&key(number)).is_some()).count();
        assert!(found * 10 > asked * 9, "{found} of {asked} were found that were asked for again and again");
        assert!(others > hot as usize / 2, "{others} others");
    }
}

#[test]
fn a_batch_makes_room_for_itself() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    for batch in 0..20_u32 {
        let bytes = entry(NOW, Millis::MAX, &[0; 300]);
        let work = &mut |change: &mut Change<'_>, number| change.put(&key(batch * 500 + number as u32), &bytes);
        store.writer(soon()).unwrap().each(NOW, 500, work).unwrap();
        assert!(store.payload(&key(batch * 500 + 499)).is_some());
    }
    assert!(file_bytes(&folder) <= small().max_bytes);
    store.is_sound();
}

#[test]
fn a_store_grows_as_it_is_filled() {
    let folder = Folder::new();
    let options = Options { max_bytes: 40 << 20, ..small() };
    let store = open(&folder.0, options);
    assert_eq!(file_bytes(&folder), 16 << 20);
    (0..160).for_each(|number| store.set(&key(number), &vec![0; 100_000]));
    assert_eq!(file_bytes(&folder), 32 << 20);
    (160..800).for_each(|number| store.set(&key(number), &vec![0; 100_000]));
    assert_eq!(file_bytes(&folder), 40 << 20);
    assert!(store.payload(&key(799)).is_some());
    assert!(store.stats(soon()).unwrap().entries.unwrap() > 300);
}

#[test]
fn a_bound_that_was_lowered_holds_from_the_next_opening_on() {
    let folder = Folder::new();
    drop(open(&folder.0, Options { max_bytes: 4 << 20, ..small() }));
    let store = open(&folder.0, small());
    store.set(b"key", b"value");
    assert!(file_bytes(&folder) <= 1 << 20);
    drop(store);
    let store = open(&folder.0, Options { max_bytes: 4 << 20, ..small() });
    assert_eq!(store.payload(b"key").as_deref(), Some(&b"value"[..]));
}
