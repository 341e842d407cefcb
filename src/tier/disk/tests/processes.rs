//! Processes that share a store: they read what others wrote, are killed and stopped at any point, and fork.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::tier::Fault;
use crate::tier::disk::{Found, OpenError, Reason};

/// A child process: the same tests, of which it runs one, in the role that it is given.
struct Role(Child, BufReader<std::process::ChildStdout>);

impl Role {
    fn start(role: &str, path: &Path) -> Self {
        Self::with(Command::new(std::env::current_exe().unwrap()), role, path)
    }

    fn with(mut command: Command, role: &str, path: &Path) -> Self {
        command.args(["--exact", "tier::disk::tests::processes::a_child_plays_its_role", "--nocapture", "-q"]);
        command.env("HOTSET_DISK_ROLE", role).env("HOTSET_DISK_PATH", path);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self(child, out)
    }

    /// What it says next.
    fn hear(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            if self.1.read_line(&mut line).unwrap() == 0 {
                return "nothing".to_owned();
            }
            if let Some((_, said)) = line.split_once("SAYS ") {
                return said.trim_end().to_owned();
            }
        }
    }

    /// Lets it go on to what it does next.
    fn tell(&mut self) {
        writeln!(self.0.stdin.as_mut().unwrap()).unwrap();
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: it is a child that was not waited for.
        unsafe { libc::kill(self.0.id() as libc::pid_t, signal) };
    }

    fn kill(mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }

    fn end(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

fn say(what: impl std::fmt::Display) {
    println!("SAYS {what}");
    std::io::stdout().flush().unwrap();
}

/// Waits to be told to go on; false if there is nobody any more.
fn listen() -> bool {
    std::io::stdin().read_line(&mut String::new()).is_ok_and(|bytes| bytes > 0)
}

#[test]
fn a_child_plays_its_role() {
    let (Ok(role), Some(path)) = (std::env::var("HOTSET_DISK_ROLE"), std::env::var_os("HOTSET_DISK_PATH")) else {
        return;
    };
    let path = PathBuf::from(path);
    match role.as_str() {
        "opens" => match Store::open(&path, small(), hooks()) {
            Ok(store) => {
                say(format!("opened {:?}", store.found().unwrap()));
                listen();
            }
            Err(error) => say(error),
        },
        "keeps" => {
            let store = open(&path, small());
            store.set(b"kept", b"value");
            say("kept");
            listen();
        }
        "writes" => writes(&open(&path, small())),
        "holds" => {
            let store = open(&path, small());
            let writer = store.writer(soon()).unwrap();
            say("held");
            listen();
            drop(writer);
            listen();
        }
        "holds in a transaction" => {
            let store = open(&path, small());
            let work = &mut |change: &mut crate::tier::disk::Change<'_>| {
                change.put(b"half", &entry(NOW, Millis::MAX, b"half"))?;
                say("held");
                listen();
                Ok(())
            };
            _ = store.change(soon(), NOW, work);
        }
        _ => panic!("there is no role {role}"),
    }
}

/// Writes what can be told to be whole, and reads what others write, until it is killed.
fn writes(store: &Store) {
    say("writing");
    let me = std::process::id();
    for number in 0_u32.. {
        let key = number.wrapping_mul(0x9E37_79B9) % 2_000;
        let size = [10, 300, 3_000, 20_000][number as usize % 4];
        let wait = Wait::Until(Instant::now() + Duration::from_millis(500));
        let bytes = whole(me ^ number, size);
        match store.change(wait, NOW, &mut |change| change.put(&key.to_be_bytes(), &bytes)) {
            Ok(()) | Err(Fault::Busy | Fault::Full(_)) => {}
            Err(fault) => return say(format!("failed: {fault:?}")),
        }
        let other = key.wrapping_mul(7) % 2_000;
        let read = store.get(&other.to_be_bytes(), wait, &mut |bytes| assert!(is_whole(bytes)));
        if let Err(fault) = read
            && !matches!(fault, Fault::Busy)
        {
            return say(format!("failed: {fault:?}"));
        }
    }
}

/// An entry of which a part that is of another one would be seen.
fn whole(number: u32, size: usize) -> Vec<u8> {
    entry(NOW, Millis::MAX, &number.to_le_bytes().repeat(size / 4))
}

fn is_whole(bytes: &[u8]) -> bool {
    bytes[16..].chunks(4).all(|part| part == &bytes[16..20])
}

#[test]
fn processes_see_what_others_write() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    let mut other = Role::start("keeps", &folder.0);
    assert_eq!(other.hear(), "kept");
    assert_eq!(store.payload(b"kept").as_deref(), Some(&b"value"[..]));
    assert!(!store.compact(soon()).unwrap(), "it is in use");
    other.end();
    assert!(store.compact(soon()).unwrap());
    assert_eq!(store.payload(b"kept").as_deref(), Some(&b"value"[..]));
}

#[test]
fn writers_that_are_killed_at_any_point_leave_a_store_that_is_sound() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    let mut writers: Vec<Role> = (0..3).map(|_| Role::start("writes", &folder.0)).collect();
    let rounds = if std::env::var_os("HOTSET_SOAK").is_some() { 500 } else { 25 };
    for round in 0..rounds {
        let mut victim = writers.remove(0);
        assert_eq!(victim.hear(), "writing");
        std::thread::sleep(Duration::from_micros(7919 * (round % 9)));
        victim.kill();
        writers.push(Role::start("writes", &folder.0));
        // The next one goes on, at once or after it has put the locks in order.
        let bytes = whole(round as u32, 1_000);
        store.change(soon(), NOW, &mut |change| change.put(b"mine", &bytes)).unwrap();
        // The others may have evicted it.
        store.get(b"mine", soon(), &mut |bytes| assert!(is_whole(bytes))).unwrap();
        if round % 5 == 0 {
            store.is_sound();
        }
    }
    writers.into_iter().for_each(Role::kill);
    let mut seen = 0;
    store.list(b"", None, usize::MAX, soon(), &mut |_, bytes| seen += u32::from(is_whole(bytes))).unwrap();
    assert_eq!(u64::from(seen), store.stats(soon()).unwrap().entries.unwrap());
    store.is_sound();
}

#[test]
fn after_all_were_killed_the_next_one_checks_the_store_and_keeps_it() {
    let folder = Folder::new();
    let mut only = Role::start("keeps", &folder.0);
    assert_eq!(only.hear(), "kept");
    only.kill();
    let store = open(&folder.0, small());
    assert_eq!(store.found().unwrap(), Found::Sound { rebooted: false });
    assert_eq!(store.payload(b"kept").as_deref(), Some(&b"value"[..]));
}

#[test]
fn a_writer_that_is_stopped_costs_the_others_a_bounded_wait() {
    for role in ["holds", "holds in a transaction"] {
        let folder = Folder::new();
        let store = open(&folder.0, small());
        store.set(b"key", b"value");
        let mut holder = Role::start(role, &folder.0);
        assert_eq!(holder.hear(), "held");
        holder.signal(libc::SIGSTOP);
        let put = |wait| store.change(wait, NOW, &mut |change| change.put(b"key", &entry(NOW, Millis::MAX, b"new")));
        assert!(matches!(put(Wait::Not), Err(Fault::Busy)));
        let begun = Instant::now();
        assert!(matches!(put(Wait::Until(begun + Duration::from_millis(30))), Err(Fault::Busy)));
        assert!(begun.elapsed() >= Duration::from_millis(30));
        assert_eq!(store.payload(b"key").as_deref(), Some(&b"value"[..]), "reads go on");
        assert!(store.stats(soon()).unwrap().busy >= 2);
        holder.kill();
        put(soon()).unwrap();
        assert_eq!(store.payload(b"key").as_deref(), Some(&b"new"[..]));
        assert_eq!(store.payload(b"half"), None);
        store.is_sound();
    }
}

#[test]
fn the_lock_is_given_from_one_process_to_the_other() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    let mut holder = Role::start("holds", &folder.0);
    assert_eq!(holder.hear(), "held");
    assert!(matches!(store.writer(Wait::Not).map(drop), Err(Fault::Busy)));
    holder.tell();
    store.set(b"key", b"value");
    holder.end();
}

/// Does something in a forked child; whether it said that all was well.
fn fork(work: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child only does `work`, and ends without returning.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or(false);
        // SAFETY: it ends the child.
        unsafe { libc::_exit(i32::from(!done)) };
    }
    let mut status = 0;
    // SAFETY: it is a child that was not waited for.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    status == 0
}

#[test]
fn a_forked_child_opens_its_own_and_leaves_that_of_its_parent_alone() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    store.set(b"parent", b"1");
    for round in 0..3 {
        let key = [b'c', round];
        assert!(fork(|| {
            let read = store.payload(b"parent").as_deref() == Some(b"1");
            store.set(&key, b"child");
            let again = open(&folder.0, small());
            let same = again.payload(&key).as_deref() == Some(b"child");
            again.close();
            store.close();
            read && same
        }));
        assert_eq!(store.payload(&key).as_deref(), Some(&b"child"[..]));
        store.set(b"after", &[round]);
    }
    assert!(fork(|| {
        // A child that does not use it is no reason for anybody to wait.
        fork(|| store.payload(b"parent").is_some())
    }));
    store.is_sound();
}

#[test]
fn a_child_goes_on_when_its_parent_wrote_as_it_forked() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    let writer = store.writer(soon()).unwrap();
    let busy = fork(|| {
        let put = store.change(Wait::Not, NOW, &mut |change| change.put(b"key", &entry(NOW, Millis::MAX, b"child")));
        matches!(put, Err(Fault::Busy))
    });
    assert!(busy);
    drop(writer);
    store.set(b"key", b"parent");
}

#[test]
fn another_pid_namespace_is_refused() {
    let folder = Folder::new();
    let store = open(&folder.0, small());
    let unshared = Command::new("unshare").args(["--pid", "--fork", "true"]).status();
    if !unshared.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user may not make a PID namespace");
        return;
    }
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--mount-proc"]).arg(std::env::current_exe().unwrap());
    let mut other = Role::with(command, "opens", &folder.0);
    assert!(other.hear().contains("another PID namespace"));
    other.kill();
    drop(store);
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--mount-proc"]).arg(std::env::current_exe().unwrap());
    let mut alone = Role::with(command, "opens", &folder.0);
    assert!(alone.hear().starts_with("opened Closed"));
    alone.end();
}

#[test]
fn options_that_differ_from_those_of_others_are_refused() {
    let folder = Folder::new();
    let mut other = Role::start("opens", &folder.0);
    assert!(other.hear().starts_with("opened"));
    let options = Options { max_bytes: 2 << 20, ..small() };
    let refused = Store::open(&folder.0, options, hooks());
    let Err(OpenError { reason: Reason::Differs { there, given }, .. }) = &refused else { panic!("{refused:?}") };
    assert_eq!((there.max_bytes, given.max_bytes), (1 << 20, 2 << 20));
    other.end();
    open(&folder.0, options);
}
