//! Damage at rest: either it is seen when the store is opened after an unclean end, or it does LMDB no harm.
//!
//! What passes the checker is read, written and evicted by LMDB in child processes, so that a crash is seen as what it is: a failure of the checker.

use std::os::unix::fs::FileExt;
use std::process::Command;

use super::*;
use crate::tier::disk::header::CLOSED;
use crate::tier::disk::map::Map;
use crate::tier::disk::{Found, check};

/// Cases of a soak or an optimised build, and of a quick one.
const CASES: u64 = 10_000;
const FEW_CASES: u64 = 400;

/// Cases for each child process.
const BATCH: u64 = 100;

fn cases() -> u64 {
    if std::env::var_os("HOTSET_SOAK").is_some() || !cfg!(debug_assertions) { CASES } else { FEW_CASES }
}

/// Numbers that are as good as random, and the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 7
    }

    fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }
}

/// The file of a store with all kinds of pages, which was written to for a while.
fn sample() -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    for number in 0..1_500_u32 {
        let size = [20, 20, 20, 300, 1_500, 9_000][number as usize % 6];
        store.set(&number.wrapping_mul(0x9E37_79B9).to_be_bytes(), &vec![number as u8; size]);
    }
    (0..300_u32).for_each(|number| {
        let key = (number * 5).wrapping_mul(0x9E37_79B9).to_be_bytes();
        store.change(soon(), NOW, &mut |change| change.remove(&key).map(drop)).unwrap();
    });
    drop(store);
    let bytes = fs::read(data(&folder.0)).unwrap();
    (folder, bytes)
}

fn data(folder: &Path) -> PathBuf {
    let store = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    store.map(|path| path.join("data.mdb")).find(|path| path.exists()).unwrap()
}

/// Damages a file in one of the ways that there are, mostly where it hurts.
fn damage(file: &fs::File, sound: &[u8], random: &mut Random) {
    let page = super::super::page_bytes();
    let pages = sound.len() as u64 / page;
    let number = random.below(pages);
    let byte = |random: &mut Random| random.next() as u8;
    match random.below(10) {
        0 => file.set_len(random.below(sound.len() as u64)).unwrap(),
        1 => {
            let other = random.below(pages) * page;
            file.write_all_at(&sound[other as usize..(other + page) as usize], number * page).unwrap();
        }
        2 => {
            let noise: Vec<u8> = (0..page).map(|_| byte(random)).collect();
            file.write_all_at(&noise, number * page).unwrap();
        }
        3 => file.write_all_at(&vec![0; page as usize], number * page).unwrap(),
        // The first pages, and the headers of others, and where their nodes are.
        4 => file.write_all_at(&[byte(random)], random.below(2) * page + random.below(160)).unwrap(),
        5 | 6 => file.write_all_at(&[byte(random)], number * page + random.below(64)).unwrap(),
        7 => {
            let bit = 1 << random.below(8);
            let place = random.below(sound.len() as u64);
            file.write_all_at(&[sound[place as usize] ^ bit], place).unwrap();
        }
        _ => file.write_all_at(&[byte(random)], random.below(sound.len() as u64)).unwrap(),
    }
}

/// Marks a store as one that nobody closed.
fn leave_open(folder: &Path) {
    let file = fs::File::options().read(true).write(true).open(folder.join("header")).unwrap();
    Map::of(&file).unwrap().header().closed.store(CLOSED ^ 1, Ordering::Relaxed);
}

/// Reads all that LMDB shows, and writes until all of it was evicted.
fn use_all(store: &Store) {
    store.list(b"", None, usize::MAX, soon(), &mut |key, bytes| _ = (key.to_vec(), bytes.to_vec())).unwrap();
    for number in 0..1_500_u32 {
        let key = number.wrapping_mul(0x9E37_79B9).to_be_bytes();
        _ = store.get(&key, soon(), &mut |bytes| _ = bytes.to_vec());
    }
    let sizes = [20, 700, 6_000, 20, 90_000];
    for number in 0..150_u32 {
        let bytes = entry(NOW, Millis::MAX, &vec![1; sizes[number as usize % 5]]);
        _ = store
            .change(soon(), NOW, &mut |change| change.put(&number.wrapping_mul(0x0003_79B9).to_be_bytes(), &bytes));
    }
    store.is_sound();
}

#[test]
fn a_child_uses_what_was_damaged() {
    let Some(first) = std::env::var("HOTSET_DISK_DAMAGE").ok().and_then(|text| text.parse().ok()) else { return };
    let (folder, sound) = sample();
    let mut passed = 0;
    for case in first..first + BATCH {
        let path = data(&folder.0);
        fs::write(&path, &sound).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        damage(&file, &sound, &mut Random(case));
        leave_open(&folder.0);
        eprintln!("case {case}");
        let store = open(&folder.0, small());
        match store.found().unwrap() {
            Found::Damaged { .. } => assert_eq!(store.keys(b"").len(), 0),
            Found::Sound { .. } => passed += 1,
            found => panic!("{found:?}"),
        }
        use_all(&store);
    }
    println!("PASSED {passed}");
}

#[test]
fn damage_at_rest_is_seen_or_does_no_harm() {
    let mut passed = 0;
    for first in (0..cases()).step_by(BATCH as usize) {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "tier::disk::tests::damage::a_child_uses_what_was_damaged", "--nocapture"]);
        let output = child.env("HOTSET_DISK_DAMAGE", first.to_string()).output().unwrap();
        let (said, noted) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let end = noted.lines().rev().take(12).collect::<Vec<_>>();
        assert!(output.status.success(), "{}: {end:#?}", output.status);
        let (_, count) = said.split_once("PASSED ").unwrap();
        passed += count.lines().next().unwrap().parse::<u64>().unwrap();
    }
    println!("{passed} of {} passed the checker", cases());
    assert!(passed > 0 && passed < cases());
}

#[test]
fn a_damaged_store_is_set_aside_and_an_empty_one_begun() {
    let (folder, sound) = sample();
    for round in 0..3 {
        let path = data(&folder.0);
        fs::File::options().write(true).open(&path).unwrap().write_all_at(&[0xFF; 64], 4096 * 2).unwrap();
        fs::File::options().write(true).open(&path).unwrap().write_all_at(&[0xFF; 64], 0).unwrap();
        leave_open(&folder.0);
        let store = open(&folder.0, small());
        let found = store.found().unwrap();
        assert!(matches!(&found, Found::Damaged { why } if why.starts_with("page 0: ")), "{found:?} in round {round}");
        assert_eq!(store.stats(soon()).unwrap().entries, Some(0));
        store.set(b"key", b"value");
        let aside = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(aside.filter(|name| name.starts_with("damaged-")).count(), 1, "only the last is kept");
    }
    assert!(!sound.is_empty());
}

#[test]
fn a_sound_store_is_told_from_its_pages() {
    let (folder, _) = sample();
    let report = check::file(&data(&folder.0)).unwrap();
    let store = open(&folder.0, small());
    assert_eq!(Some(report.entries), store.stats(soon()).unwrap().entries);
    assert_eq!(report, store.check(soon()).unwrap());
    assert!(report.pages > 0 && report.free > 0 && report.lost == 0, "{report:?}");
}

#[test]
fn a_store_that_was_cut_off_is_seen_even_if_it_was_closed() {
    let (folder, sound) = sample();
    let file = fs::File::options().write(true).open(data(&folder.0)).unwrap();
    file.set_len(sound.len() as u64 / 3).unwrap();
    let store = open(&folder.0, small());
    assert!(matches!(store.found().unwrap(), Found::Damaged { .. }));
}

#[test]
fn what_is_beside_the_store_may_be_anything_too() {
    for name in ["header", "users"] {
        for bytes in [vec![], vec![0; 100], vec![0xFF; 4096 + 16_384], vec![0xFF; 100_000]] {
            let (folder, _) = sample();
            fs::write(folder.at(name), &bytes).unwrap();
            let opened = Store::open(&folder.0, small(), hooks());
            let store = opened.unwrap();
            use_all(&store);
        }
    }
}
