//! Entries are what was stored, one by one and together, in both durabilities.

use super::*;
use crate::tier::Fault;
use crate::tier::LONGEST;
use crate::tier::disk::Found;

fn both(test: impl Fn(Options)) {
    [small(), powerful()].into_iter().for_each(test);
}

#[test]
fn what_was_stored_is_found_until_it_is_removed() {
    both(|options| {
        let folder = Folder::new();
        let store = open(&folder.0, options);
        store.set(b"key", b"value");
        store.set(b"empty", b"");
        store.set(b"large", &vec![7; 100_000]);
        assert_eq!(store.payload(b"key").as_deref(), Some(&b"value"[..]));
        assert_eq!(store.payload(b"empty").as_deref(), Some(&b""[..]));
        assert_eq!(store.payload(b"large"), Some(vec![7; 100_000]));
        store.set(b"key", b"another");
        assert_eq!(store.payload(b"key").as_deref(), Some(&b"another"[..]));
        let mut removed = Vec::new();
        for key in [&b"key"[..], b"key", b"nothing"] {
            store.change(soon(), NOW, &mut |change| change.remove(key).map(|there| removed.push(there))).unwrap();
        }
        assert_eq!(removed, [true, false, false]);
        assert_eq!(store.payload(b"key"), None);
        assert_eq!(store.stats(soon()).unwrap().entries, Some(2));
        store.is_sound();
    });
}

#[test]
fn a_transaction_that_fails_changes_nothing() {
    both(|options| {
        let folder = Folder::new();
        let store = open(&folder.0, options);
        store.set(b"key", b"value");
        let failed = store.change(soon(), NOW, &mut |change| {
            change.put(b"key", &entry(0, 0, b"other"))?;
            change.put(b"new", &entry(0, 0, b"new"))?;
            assert_eq!(change.get(b"new")?.map(|bytes| &bytes[16..]), Some(&b"new"[..]));
            Err(Fault::Unsupported("a test"))
        });
        assert!(matches!(failed, Err(Fault::Unsupported(_))));
        assert_eq!(store.payload(b"key").as_deref(), Some(&b"value"[..]));
        assert_eq!(store.payload(b"new"), None);
    });
}

#[test]
fn several_keys_are_read_with_their_places() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    store.set(b"a", b"1");
    store.set(b"c", b"3");
    let mut seen = Vec::new();
    store.get_many(&[b"c", b"b", b"a"], soon(), &mut |place, bytes| seen.push((place, bytes[16]))).unwrap();
    assert_eq!(seen, [(0, b'3'), (2, b'1')]);
}

#[test]
fn keys_are_listed_by_prefix_and_from_where_a_list_ended() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    for key in ["a:1", "a:2", "a:3", "b:1", "a", "b"] {
        store.set(key.as_bytes(), b"");
    }
    assert_eq!(store.keys(b"a:"), [b"a:1", b"a:2", b"a:3"]);
    let page = |after: Option<&[u8]>, most| {
        let mut keys = Vec::new();
        let mut see = |key: &[u8], _: &[u8]| keys.push(String::from_utf8(key.to_vec()).unwrap());
        store.list(b"a:", after, most, soon(), &mut see).unwrap();
        keys
    };
    assert_eq!(page(None, 2), ["a:1", "a:2"]);
    assert_eq!(page(Some(b"a:2"), 2), ["a:3"]);
    assert_eq!(page(Some(b"a:25"), 2), ["a:3"]);
    assert_eq!(page(Some(b"a:3"), 2), [""; 0]);
    assert_eq!(page(Some(b"Z"), 1), ["a:1"]);
}

#[test]
fn keys_that_are_too_long_for_lmdb_are_stored_all_the_same() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    let long = |last: u8| [vec![b'k'; LONGEST], vec![last]].concat();
    store.set(&long(1), b"one");
    store.set(&long(2), b"two");
    assert_eq!(store.payload(&long(1)).as_deref(), Some(&b"one"[..]));
    assert_eq!(store.payload(&long(2)).as_deref(), Some(&b"two"[..]));
    assert_eq!(store.payload(&long(3)), None);
    assert_eq!(store.keys(b"kkk").len(), 2);
}

#[test]
fn entries_are_there_after_a_restart() {
    both(|options| {
        let folder = Folder::new();
        let number_of_entries = if options.durability == Durability::Power { 50 } else { 2000 };
        let numbers = 0..number_of_entries;
        let store = open(&folder.0, options);
        assert_eq!(store.found().unwrap(), Found::Nothing);
        numbers.clone().for_each(|number: u32| store.set(&number.to_be_bytes(), &number.to_le_bytes()));
        drop(store);
        let store = open(&folder.0, options);
        assert_eq!(store.found().unwrap(), Found::Closed);
        numbers.for_each(|number| {
            assert_eq!(store.payload(&number.to_be_bytes()).as_deref(), Some(&number.to_le_bytes()[..]));
        });
        store.is_sound();
    });
}

#[test]
fn threads_share_a_store() {
    let folder = Folder::new();
    let store = open(&folder.0, Options { max_bytes: 32 << 20, ..small() });
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..500_u32 {
                    let key = [thread.to_be_bytes(), number.to_be_bytes()].concat();
                    store.set(&key, &key);
                    assert_eq!(store.payload(&key), Some(key));
                }
            });
        }
    });
    assert_eq!(store.keys(b"").len(), 2000);
    store.is_sound();
}

#[test]
fn a_closed_store_says_so() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    let other = open(&folder.0, small());
    store.close();
    assert!(matches!(store.get(b"key", soon(), &mut |_| ()), Err(Fault::Closed)));
    assert!(matches!(store.stats(soon()), Err(Fault::Closed)));
    other.set(b"key", b"value");
    assert_eq!(other.payload(b"key").as_deref(), Some(&b"value"[..]));
    other.close();
    let again = open(&folder.0, small());
    assert_eq!(again.found().unwrap(), Found::Closed);
    assert_eq!(again.payload(b"key").as_deref(), Some(&b"value"[..]));
}

#[test]
fn compacting_leaves_the_entries_and_takes_less_room() {
    both(|options| {
        let folder = Folder::new();
        let store = open(&folder.0, options);
        (0..40_u32).for_each(|number| store.set(&number.to_be_bytes(), &[9; 10_000]));
        (0..40_u32).filter(|number| number % 2 == 0).for_each(|number| {
            store.change(soon(), NOW, &mut |change| change.remove(&number.to_be_bytes()).map(drop)).unwrap();
        });
        let before = store.check(soon()).unwrap();
        assert!(store.compact(soon()).unwrap());
        let after = store.check(soon()).unwrap();
        assert_eq!(after.entries, before.entries);
        assert!(after.free + after.lost < before.free, "{before:?}, {after:?}");
        assert_eq!(store.payload(&1_u32.to_be_bytes()), Some(vec![9; 10_000]));
        store.set(b"new", b"value");
        assert_eq!(store.payload(b"new").as_deref(), Some(&b"value"[..]));
    });
}
