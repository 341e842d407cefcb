use std::io;
use std::sync::atomic::Ordering::SeqCst;

use super::Folder;
use crate::tier::shared::region::{Region, WORD};

#[test]
fn what_one_mapping_writes_another_reads() {
    let folder = Folder::new("region");
    let one = Region::create(&folder.file("words"), 1000).unwrap();
    let other = Region::open(&folder.file("words")).unwrap();
    assert_eq!((one.words().len(), other.words().len()), (1000, 1000));
    one.words()[999].store(7, SeqCst);
    assert_eq!(other.words()[999].load(SeqCst), 7);
    one.sync(999..1000).unwrap();
    one.sync(0..usize::MAX / WORD).unwrap();
}

#[test]
fn a_file_is_created_once_for_its_owner_and_with_all_of_its_space() {
    use std::os::unix::fs::MetadataExt;

    let folder = Folder::new("region");
    drop(Region::create(&folder.file("words"), 1 << 16).unwrap());
    let about = std::fs::metadata(folder.file("words")).unwrap();
    assert_eq!((about.mode() & 0o777, about.len()), (0o600, 1 << 19));
    assert!(about.blocks() * 512 >= 1 << 19, "{} blocks are allocated", about.blocks());
    let again = Region::create(&folder.file("words"), 1 << 16);
    assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn more_than_there_is_room_for_is_an_error_and_no_signal() {
    let folder = Folder::new("region");
    assert!(Region::create(&folder.file("words"), 1 << 55).is_err());
}

#[test]
fn an_empty_file_is_refused() {
    let folder = Folder::new("region");
    std::fs::write(folder.file("words"), "1234567").unwrap();
    assert_eq!(Region::open(&folder.file("words")).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}
