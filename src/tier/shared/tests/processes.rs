//! What holds between processes over one file, some of which are killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::Ordering::SeqCst;

use super::{Folder, create, neighbour};
use crate::tier::shared::Shared;
use crate::tier::shared::region::Region;
use crate::tier::{Heard, Judgement, Mark, To, Watch};

const FOLDER: &str = "HOTSET_TEST_SHARED";
const ROLE: &str = "HOTSET_TEST_ROLE";
const MARKS: usize = 16;
const CHANGES: usize = 20_000;
/// Where the board says that all changes were made.
const OVER: usize = MARKS;

fn mark(of: usize) -> Mark {
    if of.is_multiple_of(2) { neighbour(of as u64) } else { Mark::from_bits(((of as u64) << 45) | (1 + of as u64)) }
}

/// What a process knows: the shared file, and the board, on which stands for each mark the number of its last change that has returned.
struct Side {
    shared: Shared,
    board: Region,
}

impl Side {
    fn of(folder: &Path) -> Self {
        Self {
            shared: Shared::attach(&folder.join("shared")).unwrap(),
            board: Region::open(&folder.join("board")).unwrap(),
        }
    }

    fn announced(&self, of: usize) -> u64 {
        self.board.words()[of].load(SeqCst)
    }

    fn is_over(&self) -> bool {
        self.board.words()[OVER].load(SeqCst) > 0
    }

    fn change(&self, changes: usize) {
        for change in 0..changes {
            let of = change * 7 % MARKS;
            let number = self.shared.change(mark(of), To::Invalid);
            self.board.words()[of].raise(number);
        }
    }

    fn judge(&self) {
        let mut clock = self.shared.fence();
        for round in 0.. {
            if self.is_over() {
                return;
            }
            let changed = self.announced(round % MARKS);
            let judged = self.shared.judge(clock, &[mark(round % MARKS)]);
            assert!(
                changed <= clock || judged == Judgement::Invalid,
                "{changed} is after {clock}, which is {judged:?}"
            );
            if round % 50 == 0 {
                clock = self.shared.fence();
            }
        }
    }

    fn watch(&self) {
        let (mut after, mut lost, mut was_over) = (self.shared.last(), self.shared.last(), false);
        let mut heard = [0; MARKS];
        while !was_over {
            was_over = self.is_over();
            let known: Vec<u64> = (0..MARKS).map(|of| self.announced(of)).collect();
            let shown = self.shared.changes(after, &mut |number, part| {
                (0..MARKS).filter(|&of| mark(of).part() == part).for_each(|of| heard[of] = number);
            });
            match shown {
                Heard::All(last) => after = last,
                Heard::Lost(last) => (after, lost) = (last, last),
            }
            let missed = (0..MARKS).find(|&of| known[of] > lost && known[of] > heard[of]);
            assert_eq!(missed, None, "it was announced, and not heard of");
        }
    }
}

fn start(folder: &Path, role: &str) -> Child {
    let test = "tier::shared::tests::processes::child";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--quiet"]).env(FOLDER, folder).env(ROLE, role);
    command.stdout(std::process::Stdio::null()).spawn().unwrap()
}

/// Does nothing but in a process that another test has started.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let side = Side::of(&folder);
    match std::env::var(ROLE).unwrap().as_str() {
        "change" => side.change(CHANGES),
        "change until killed" => side.change(usize::MAX),
        "judge" => side.judge(),
        _ => side.watch(),
    }
}

#[test]
fn processes_judge_and_hear_of_what_others_have_changed_also_if_some_are_killed() {
    let folder = Folder::new("processes");
    drop(create(&folder.file("shared")));
    let board = Region::create(&folder.file("board"), OVER + 1).unwrap();
    let start = |role: &str| start(folder.file("").as_path(), role);
    let mut lookers = ["judge", "watch", "watch"].map(start);
    let mut changers = ["change", "change"].map(start);
    for _ in 0..4 {
        let mut killed = start("change until killed");
        let last = Shared::attach(&folder.file("shared")).unwrap();
        let until = last.last() + 2_000;
        while last.last() < until {
            std::thread::yield_now();
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
    }
    changers.iter_mut().for_each(|changer| assert!(changer.wait().unwrap().success()));
    board.words()[OVER].store(1, SeqCst);
    lookers.iter_mut().for_each(|looker| assert!(looker.wait().unwrap().success()));
}
