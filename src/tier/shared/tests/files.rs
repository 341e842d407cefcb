use std::fs;

use super::{Folder, IDENTITY, create, neighbour, small};
use crate::tier::shared::{Identity, Shared, Sizes};
use crate::tier::{Fault, Heard, Judgement, To, Watch};

fn is_damaged(folder: &Folder, reason: &str) -> bool {
    matches!(Shared::attach(&folder.file("shared")), Err(Fault::Damaged(why)) if why.contains(reason))
}

#[test]
fn who_attaches_finds_what_was_created() {
    let folder = Folder::new("files");
    let one = create(&folder.file("shared"));
    let other = Shared::attach(&folder.file("shared")).unwrap();
    assert_eq!((other.identity(), other.is_clean(), other.is_retired()), (IDENTITY, false, false));
    let clock = other.fence();
    let number = one.change(neighbour(0), To::Invalid);
    assert_eq!(other.judge(clock, &[neighbour(0)]), Judgement::Invalid);
    assert_eq!((other.last(), other.fence()), (number, number));
    one.set_clean(true);
    assert!(other.is_clean());
    other.set_clean(false);
    assert!(!one.is_clean());
    one.sync().unwrap();
    one.sync_change(neighbour(0)).unwrap();
}

#[test]
fn a_file_that_is_not_right_is_refused_with_the_reason() {
    let folder = Folder::new("files");
    let path = folder.file("shared");
    assert!(matches!(Shared::attach(&path), Err(Fault::Away(why)) if why.contains("No such file")));
    fs::write(&path, "").unwrap();
    assert!(is_damaged(&folder, "is empty"));
    fs::write(&path, "something else that is long enough").unwrap();
    assert!(is_damaged(&folder, "does not begin"));

    drop(create(&path));
    let sound = fs::read(&path).unwrap();
    let mut bytes = sound.clone();
    bytes[8] = 2;
    fs::write(&path, &bytes).unwrap();
    assert!(is_damaged(&folder, "is of version 2, and this is version 1"));
    fs::write(&path, &sound[..sound.len() - 8]).unwrap();
    assert!(is_damaged(&folder, "words, and should have"));
    let mut bytes = sound.clone();
    bytes[3 * 8] = 7;
    fs::write(&path, &bytes).unwrap();
    assert!(is_damaged(&folder, "tables of no size"));
    let mut bytes = sound;
    bytes[24 * 8..25 * 8].fill(0);
    fs::write(&path, &bytes).unwrap();
    assert!(is_damaged(&folder, "before its beginning"));
}

#[test]
fn a_new_file_retires_the_old_and_its_clock_begins_later() {
    let folder = Folder::new("files");
    let old = create(&folder.file("shared"));
    let clock = old.change(neighbour(0), To::Invalid);
    assert_eq!(old.judge(clock, &[neighbour(0)]), Judgement::Valid);

    let new = create(&folder.file("shared"));
    assert!(old.is_retired() && !new.is_retired());
    assert_eq!(old.judge(clock, &[]), Judgement::Invalid, "nothing is valid by it any more");
    assert!(old.word().load(std::sync::atomic::Ordering::SeqCst) > clock, "who looks at its word looks further");
    assert!(matches!(old.changes(clock, &mut |_, _| {}), Heard::Lost(_)));

    assert!(new.last() > old.last());
    assert_eq!(new.judge(clock, &[]), Judgement::Invalid, "of an entry that was stored by the old clock");
    assert!(Shared::attach(&folder.file("shared")).is_ok());
}

#[test]
fn a_clock_begins_later_than_it_is_told_to_whatever_the_time_is() {
    let folder = Folder::new("files");
    let far = u64::MAX / 2;
    let shared = Shared::create(&folder.file("shared"), small(), IDENTITY, far).unwrap();
    assert!(shared.last() > far);
}

#[test]
fn a_draft_that_somebody_left_is_replaced() {
    let folder = Folder::new("files");
    fs::write(folder.file("shared.new"), "half of it").unwrap();
    create(&folder.file("shared"));
    assert!(!folder.file("shared.new").exists());
}

#[test]
fn who_adopts_a_file_keeps_its_versions_and_gives_no_number_twice() {
    let folder = Folder::new("files");
    let old = create(&folder.file("shared"));
    let clock = old.fence();
    old.change(neighbour(0), To::Invalid);
    let left = old.begin_set();
    let new = Shared::attach(&folder.file("shared")).unwrap();
    assert_eq!(new.fence(), left - 1);
    let identity = Identity { boot: 1, ..IDENTITY };
    new.adopt(identity);
    assert_eq!(new.identity(), identity);
    assert!(new.fence() > left);
    assert_eq!(new.judge(clock, &[neighbour(0)]), Judgement::Invalid);
    assert_eq!(new.judge(clock, &[neighbour(1)]), Judgement::Valid);
    assert_eq!(new.changes(clock, &mut |_, _| {}), Heard::Lost(new.last()));
    let number = new.change(neighbour(2), To::Invalid);
    assert_eq!(new.changes(number - 1, &mut |_, _| {}), Heard::All(number));
}

#[test]
fn tables_are_as_large_as_the_store_needs() {
    let bytes = |max_bytes: u64| Sizes::of_store(max_bytes).words() * 8;
    assert_eq!(bytes(0), 4096 + (512 << 10) + (32 << 10) + (64 << 10));
    assert_eq!(bytes(1 << 30), 4096 + (512 << 10) + (32 << 10) + (16 << 20));
    assert_eq!(bytes(u64::MAX), bytes(1 << 30));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = Folder::new("files");
    let path = folder.file("nowhere").join("shared");
    let refused = Shared::create(&path, small(), IDENTITY, 0);
    assert!(matches!(refused, Err(Fault::Away(why)) if why.contains("nowhere")));
}
