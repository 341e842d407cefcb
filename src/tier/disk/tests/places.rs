//! Directories that a store can be in, and what is said of those that it cannot.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::tier::disk::header::VERSION;
use crate::tier::disk::map::Map;
use crate::tier::disk::{OpenError, Reason};

fn refusal(path: &Path, options: Options) -> OpenError {
    Store::open(path, options, hooks()).unwrap_err()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_directory_is_created_for_the_user_alone() {
    let folder = Folder::new();
    let path = folder.at("new/store");
    let store = open(&path, small());
    assert_eq!((mode(&path), mode(&path.join("header")), mode(&path.join("users"))), (0o700, 0o600, 0o600));
    assert_eq!(store.path(), path);
}

#[test]
fn a_directory_by_two_paths_is_one_store() {
    let folder = Folder::new();
    fs::create_dir(folder.at("store")).unwrap();
    symlink(folder.at("store"), folder.at("link")).unwrap();
    let (one, other) = (open(&folder.at("store"), small()), open(&folder.at("link"), small()));
    one.set(b"key", b"value");
    assert_eq!(other.payload(b"key").as_deref(), Some(&b"value"[..]));
    drop(one);
    other.set(b"key", b"another");
    assert_eq!(other.payload(b"key").as_deref(), Some(&b"another"[..]));
    let differs = refusal(&folder.at("link"), Options { max_bytes: 2 << 20, ..small() }).to_string();
    assert!(differs.contains("max_bytes=1048576") && differs.contains("max_bytes=2097152"), "{differs}");
}

#[test]
fn a_store_that_is_there_keeps_its_bound_where_none_was_asked_for() {
    let folder = Folder::new();
    let unasked = |max_bytes| Options { max_bytes, keeps_bound: true, ..small() };
    let bound = |store: &Store| store.stats(soon()).unwrap().max_bytes.unwrap();
    let one = open(&folder.0, unasked(4 << 20));
    one.set(b"key", b"value");
    let other = open(&folder.0, unasked(2 << 20));
    assert_eq!((bound(&one), bound(&other)), (4 << 20, 4 << 20));
    assert!(matches!(refusal(&folder.0, small()).reason, Reason::Differs { .. }));
    drop((one, other));
    let again = open(&folder.0, unasked(2 << 20));
    assert_eq!((bound(&again), again.payload(b"key").as_deref()), (4 << 20, Some(&b"value"[..])));
}

#[test]
fn stores_are_opened_and_closed_by_many_threads_at_once() {
    let folder = Folder::new();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let path = &folder.0;
            scope.spawn(move || {
                for round in 0..30_u8 {
                    let store = open(path, small());
                    store.set(&[thread], &[round]);
                    assert_eq!(store.payload(&[thread]), Some(vec![round]));
                }
            });
        }
    });
    open(&folder.0, small()).is_sound();
}

#[test]
fn what_others_may_write_to_is_tightened_or_refused() {
    let folder = Folder::new();
    let path = folder.at("open");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).unwrap();
    drop(open(&path, small()));
    assert_eq!(mode(&path), 0o775);
    drop(open(&path, Options { private: true, ..small() }));
    assert_eq!(mode(&path), 0o700);
    fs::set_permissions(&path, PermissionsExt::from_mode(0o1777)).unwrap();
    assert!(matches!(refusal(&path, small()).reason, Reason::Writable { mode: 0o1777 }), "as /tmp itself");
}

#[test]
fn a_private_directory_of_somebody_else_is_refused() {
    let folder = Folder::new();
    let user = fs::metadata(&folder.0).unwrap().uid();
    let path = CString::new(folder.0.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path ends in zero.
    if unsafe { libc::chown(path.as_ptr(), user + 1, u32::MAX) } != 0 {
        eprintln!("skipped: this user may not give a directory away");
        return;
    }
    let refused = refusal(&folder.0, Options { private: true, ..small() }).reason;
    assert!(matches!(refused, Reason::NotOurs { owner, user: own } if owner == user + 1 && own == user), "{refused:?}");
    let below = refusal(&folder.at("store"), Options { private: true, ..small() }).reason;
    assert!(matches!(below, Reason::NotOurs { .. }), "who has what it lies in can put another in its place: {below:?}");
    drop(open(&folder.at("store"), small()));
}

#[test]
fn a_directory_with_something_else_in_it_is_left_alone() {
    for (name, content) in [("photo.jpg", ""), ("header", "my own header"), ("users", "ada"), ("shared", "")] {
        let folder = Folder::new();
        fs::write(folder.at(name), content).unwrap();
        let refused = refusal(&folder.0, small()).reason;
        assert!(matches!(&refused, Reason::Occupied { name: found } if found == name), "{refused:?}");
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(folder.at(name)).unwrap(), content);
    }
}

#[test]
fn what_a_store_left_is_no_obstacle_nor_is_what_lies_beside_a_store() {
    let folder = Folder::new();
    fs::create_dir(folder.at("lost+found")).unwrap();
    fs::create_dir(folder.at("damaged-1")).unwrap();
    fs::write(folder.at("users"), "").unwrap();
    fs::write(folder.at("header"), [0; 5000]).unwrap();
    drop(open(&folder.0, small()));
    fs::write(folder.at("photo.jpg"), "").unwrap();
    drop(open(&folder.0, small()));
    fs::write(folder.at("header"), "damaged!").unwrap();
    drop(open(&folder.0, small()));
}

#[test]
fn what_is_no_directory_is_refused() {
    let folder = Folder::new();
    fs::write(folder.at("file"), "").unwrap();
    assert!(matches!(refusal(&folder.at("file"), small()).reason, Reason::NoDirectory(_)));
    assert!(matches!(refusal(&folder.at("file/below"), small()).reason, Reason::NoDirectory(_)));
}

#[test]
fn a_bound_that_is_too_small_is_refused() {
    let folder = Folder::new();
    let refused = refusal(&folder.0, Options { max_bytes: 1000, ..small() });
    assert!(
        refused.to_string().ends_with("max_bytes=1000 is less than a store needs: give at least 1048576"),
        "{refused}"
    );
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let folder = Folder::new();
    drop(open(&folder.0, small()));
    let file = fs::File::options().read(true).write(true).open(folder.at("header")).unwrap();
    let map = Map::of(&file).unwrap();
    map.header().version.store(VERSION + 1, Relaxed);
    let refused = refusal(&folder.0, small()).reason;
    assert!(matches!(refused, Reason::Newer { found: 2, known: 1 }), "{refused:?}");
    map.header().version.store(VERSION, Relaxed);
    drop(open(&folder.0, small()));
}

/// A file system of its own, which root may mount.
struct Mounted(Folder);

impl Mounted {
    fn new(options: &str) -> Option<Self> {
        let folder = Folder::new();
        let text = |text: &[u8]| CString::new(text).unwrap();
        let (kind, target, options) = (text(b"tmpfs"), text(folder.0.as_os_str().as_bytes()), text(options.as_bytes()));
        // SAFETY: the texts end in zero.
        let code = unsafe { libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), 0, options.as_ptr().cast()) };
        if code != 0 {
            eprintln!("skipped: this user may not mount a file system");
        }
        (code == 0).then_some(Self(folder))
    }

    fn remount_read_only(&self) {
        let target = CString::new(self.0.0.as_os_str().as_bytes()).unwrap();
        let flags = libc::MS_REMOUNT | libc::MS_RDONLY;
        // SAFETY: the text ends in zero; the others may be missing.
        let code = unsafe { libc::mount(std::ptr::null(), target.as_ptr(), std::ptr::null(), flags, std::ptr::null()) };
        assert_eq!(code, 0);
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let target = CString::new(self.0.0.as_os_str().as_bytes()).unwrap();
        // SAFETY: the text ends in zero.
        unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) };
    }
}

#[test]
fn a_full_file_system_is_an_error_at_open() {
    let Some(mounted) = Mounted::new("mode=0700,size=512k") else { return };
    let refused = refusal(&mounted.0.0, small());
    assert!(matches!(refused.reason, Reason::Full { .. }), "{refused}");
    assert!(refused.to_string().contains("make room"), "{refused}");
}

#[test]
fn a_store_that_cannot_grow_evicts_instead() {
    let Some(mounted) = Mounted::new("mode=0700,size=24m") else { return };
    let store = open(&mounted.0.0, Options { max_bytes: 64 << 20, ..small() });
    fs::write(mounted.0.at("filler"), vec![0; 6 << 20]).unwrap();
    for number in 0..400_u32 {
        store.set(&number.to_be_bytes(), &vec![1; 100_000]);
        assert!(store.payload(&number.to_be_bytes()).is_some());
    }
    assert!(store.stats(soon()).unwrap().evicted > 0);
    store.is_sound();
}

#[test]
fn a_power_safe_store_on_a_full_file_system_evicts_too() {
    let Some(mounted) = Mounted::new("mode=0700,size=2m") else { return };
    let store = open(&mounted.0.0, Options { max_bytes: 64 << 20, ..powerful() });
    for number in 0..100_u32 {
        store.set(&number.to_be_bytes(), &[1; 50_000]);
        assert!(store.payload(&number.to_be_bytes()).is_some());
    }
    assert!(store.stats(soon()).unwrap().evicted > 0);
    store.is_sound();
}

#[test]
fn a_read_only_directory_is_refused() {
    let Some(mounted) = Mounted::new("mode=0700,size=8m") else { return };
    mounted.remount_read_only();
    let refused = refusal(&mounted.0.0, small());
    assert!(matches!(refused.reason, Reason::ReadOnly(_)), "{refused}");
    let below = refusal(&mounted.0.at("store"), small());
    assert!(matches!(below.reason, Reason::ReadOnly(_)), "{below}");
}
