//! Stores that cannot be opened, and can later.

use super::*;
use crate::tier::disk::{Absent, Disk, inspect};
use crate::tier::{Change, Fault, Heard, Mark, Of, Tier, To};

/// A store in the place of which there is a file, tried again after each pause.
fn absent(folder: &Folder, pause: Duration) -> Absent {
    fs::write(folder.at("store"), "in the way").unwrap();
    let error = Disk::open(&folder.at("store"), small()).unwrap_err();
    Absent::new(&folder.at("store"), small(), &error, pause)
}

fn clear(folder: &Folder) {
    fs::remove_file(folder.at("store")).unwrap();
}

#[test]
fn it_is_away_with_its_reason_until_it_can_be_opened() {
    let folder = Folder::new();
    let absent = absent(&folder, Duration::ZERO);
    let fault = absent.get(b"key", soon(), &mut |_| ()).unwrap_err();
    assert!(matches!(&fault, Fault::Away(reason) if reason.contains("give another path")), "{fault}");
    clear(&folder);
    assert!(matches!(absent.clock(Wait::Not), Err(Fault::Busy)), "to open it takes its time");
    assert!(!absent.get(b"key", soon(), &mut |_| ()).unwrap());
    assert!(absent.clock(Wait::Not).is_ok());
    assert_eq!(absent.features(), Disk::open(&folder.at("store"), small()).unwrap().features());
}

#[test]
fn it_is_left_alone_between_tries() {
    let folder = Folder::new();
    let absent = absent(&folder, Duration::from_secs(3600));
    clear(&folder);
    assert!(matches!(absent.stats(soon()), Err(Fault::Away(_))));
    assert!(!folder.at("store").exists());
}

#[test]
fn who_watched_it_has_lost_all_that_was_before() {
    let folder = Folder::new();
    let absent = absent(&folder, Duration::ZERO);
    let watch = absent.watch().unwrap();
    let before = watch.word().load(Ordering::Acquire);
    assert_eq!(watch.changes(before, &mut |_, _| panic!("there is none")), Heard::All(before));
    clear(&folder);
    let mark = Mark::new(Of::Tag, b"", b"tag");
    let number = absent.change(&[Change { mark, key: None, to: To::Invalid }], soon()).unwrap();
    assert_ne!(watch.word().load(Ordering::Acquire), before);
    assert_eq!(watch.changes(before, &mut |_, _| ()), Heard::Lost(number));
    assert_eq!(watch.changes(number, &mut |_, _| ()), Heard::All(number));
}

#[test]
fn a_store_is_looked_at_by_its_path_whether_it_is_in_use_or_not() {
    let folder = Folder::new();
    let missing = inspect::check(&folder.0, Duration::from_secs(5)).unwrap_err();
    assert!(missing.to_string().contains("there is no store"), "{missing}");
    let store = open(&folder.0, small());
    store.set(b"key", b"value");
    assert_eq!(inspect::check(&folder.0, Duration::from_secs(5)).unwrap().entries, 1);
    drop(store);
    assert_eq!(inspect::check(&folder.0, Duration::from_secs(5)).unwrap().entries, 1);
    assert!(inspect::compact(&folder.0, Duration::from_secs(5)).unwrap());
    assert_eq!(open(&folder.0, small()).payload(b"key").as_deref(), Some(&b"value"[..]));
}
