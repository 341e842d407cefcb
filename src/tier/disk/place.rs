//! The directory of a store: whether it can be used, and by whom it is.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::error::Reason;
use super::header::MAGIC;

/// Of the user alone.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const WRITABLE_BY_ALL: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// How long to wait before who has a directory for himself is asked again.
const NAP: Duration = Duration::from_millis(2);

/// File systems whose files other machines may write to, or whose maps may be private: the numbers are those of `statfs`.
const NETWORKS: [(u32, &str); 19] = [
    (0x0000_6969, "NFS"),
    (0x0000_517B, "SMB"),
    (0xFE53_4D42, "SMB"),
    (0xFF53_4D42, "CIFS"),
    (0x6573_5546, "FUSE (such as sshfs or a shared folder)"),
    (0x0102_1997, "9p (such as a shared folder)"),
    (0x00C3_6400, "Ceph"),
    (0x5346_414F, "AFS"),
    (0x6B41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0000_564C, "NCP"),
    (0x7461_636F, "OCFS2"),
    (0x0116_1970, "GFS2"),
    (0x0BD0_0BD0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x1983_0326, "BeeGFS"),
    (0xAAD7_AAEA, "PanFS"),
    (0x786F_4256, "a shared folder of VirtualBox"),
    (0xBACB_ACBC, "a shared folder of VMware"),
];

/// The directory of a store.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// Its device and inode, which are the same by whatever path it is found.
    pub(super) identity: (u64, u64),
}

impl Place {
    /// Creates a directory if there is none, and sees whether a store can be there; `private` if it, and the one that it lies in, must
    /// be the user's alone.
    pub(super) fn prepare(path: &Path, private: bool) -> Result<Self, Reason> {
        let created = DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path);
        let path = created.and_then(|()| fs::canonicalize(path)).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Reason::ReadOnly(error),
            _ => Reason::NoDirectory(error),
        })?;
        let about = fs::metadata(&path).map_err(Reason::NoDirectory)?;
        judge_owner(&path, &about, private)?;
        if private && let Some(parent) = path.parent() {
            judge_owner(parent, &fs::metadata(parent).map_err(Reason::NoDirectory)?, private)?;
        }
        let magic = file_system(&path).map_err(|error| Reason::of("opening the directory", error))?;
        let stranger = stranger(&path).map_err(|error| Reason::of("reading the directory", error))?;
        match (network(magic), stranger) {
            (Some(kind), _) => Err(Reason::Network { kind }),
            (_, Some(name)) => Err(Reason::Occupied { name }),
            (None, None) => Ok(Self { path, identity: (about.dev(), about.ino()) }),
        }
    }

    /// A file in it, which is created if it is not there.
    pub(super) fn file(&self, name: &str) -> Result<File, Reason> {
        open(&self.path.join(name)).map_err(|error| Reason::of("opening a file", error))
    }

    /// The folder of the store of this number.
    pub(super) fn store(&self, number: u64) -> PathBuf {
        self.path.join(format!("{STORE}{number:016x}"))
    }

    /// The folders in it whose names begin so.
    pub(super) fn folders(&self, start: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let named = entries.filter(|entry| entry.file_name().as_bytes().starts_with(start.as_bytes()));
        named.map(|entry| entry.path()).collect()
    }
}

/// The file that its users map, and the one whose lock they hold.
pub(super) const HEADER: &str = "header";
const USERS: &str = "users";

/// What the names of stores' folders begin with.
pub(super) const STORE: &str = "store-";

/// What the names of folders begin with that were set aside.
pub(super) const DAMAGED: &str = "damaged-";

/// Opens a file for reading and writing; it is created if it is not there.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut how = OpenOptions::new();
    how.read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
    how.open(path)
}

/// Creates a folder of the user alone.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(DIRECTORY_MODE).create(path)
}

fn judge_owner(path: &Path, about: &Metadata, private: bool) -> Result<(), Reason> {
    // SAFETY: it cannot fail.
    let user = unsafe { libc::geteuid() };
    let mode = about.permissions().mode();
    if private && about.uid() != user {
        return Err(Reason::NotOurs { owner: about.uid(), user });
    }
    let forbidden = if private { 0o077 } else { WRITABLE_BY_ALL };
    if mode & forbidden == 0 {
        return Ok(());
    }
    // A directory such as /tmp itself is nobody's to tighten.
    let tightened = mode & STICKY == 0
        && about.uid() == user
        && fs::set_permissions(path, PermissionsExt::from_mode(mode & 0o7777 & !forbidden)).is_ok();
    if tightened { Ok(()) } else { Err(Reason::Writable { mode: mode & 0o7777 }) }
}

/// What lies in a directory that no store has put there, if none has: it could be overwritten.
fn stranger(path: &Path) -> io::Result<Option<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    if names.iter().any(|name| name.starts_with(STORE)) || first_word(&path.join(HEADER)) == Some(MAGIC) {
        return Ok(None);
    }
    let is_strange = |name: &str| match name {
        "lost+found" => false,
        // One that was being made when its process died has zeros.
        HEADER => first_word(&path.join(HEADER)).is_some_and(|word| word != 0),
        USERS => fs::metadata(path.join(USERS)).is_ok_and(|about| about.len() > 0),
        _ => !name.starts_with(DAMAGED),
    };
    Ok(names.into_iter().find(|name| is_strange(name)))
}

/// What a file begins with; `None` if it is empty or cannot be read.
fn first_word(path: &Path) -> Option<u64> {
    let mut word = [0; 8];
    let read = File::open(path).and_then(|mut file| file.read(&mut word)).ok()?;
    (read > 0).then(|| u64::from_ne_bytes(word))
}

fn file_system(path: &Path) -> io::Result<u32> {
    let directory = File::open(path)?;
    let mut about = std::mem::MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: `about` is a place to write to, and zeros are valid in it.
    let (code, about) = unsafe { (libc::fstatfs(directory.as_raw_fd(), about.as_mut_ptr()), about.assume_init()) };
    if code == 0 { Ok(about.f_type as u32) } else { Err(io::Error::last_os_error()) }
}

/// What the file system with this number is, if a store cannot be on it.
fn network(magic: u32) -> Option<&'static str> {
    NETWORKS.iter().find(|(number, _)| *number == magic).map(|(_, kind)| *kind)
}

/// The PID namespace of this process; 0 if the system does not tell.
pub(super) fn pid_namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |about| about.ino())
}

/// The boot of this machine.
pub(super) fn boot() -> [u64; 2] {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let number = u128::from_str_radix(&text.trim().replace('-', ""), 16).unwrap_or(0);
    [number as u64, (number >> 64) as u64]
}

/// The file by whose lock the users of a directory are known: each holds it shared, and who holds it alone is the only one.
///
/// The lock belongs to the open file, as that of `flock` does, and other than that one it is raised and lowered without being lost in between.
#[derive(Debug)]
pub(super) struct Users(File, AtomicBool);

impl Users {
    pub(super) fn of(place: &Place) -> Result<Self, Reason> {
        place.file(USERS).map(|file| Self(file, AtomicBool::new(false)))
    }

    /// Joins the users; whether there are no others, who are kept out until [`Users::admit`].
    pub(super) fn join(&self, patience: Duration) -> Result<bool, Reason> {
        let end = Instant::now() + patience;
        loop {
            if self.is_alone()? {
                return Ok(true);
            }
            if self.lock(libc::F_RDLCK)? {
                return Ok(false);
            }
            if Instant::now() >= end {
                return Err(Reason::Busy);
            }
            std::thread::sleep(NAP);
        }
    }

    /// Whether there are no other users, who are kept out from now on until [`Users::admit`]. If there are, nothing changes.
    pub(super) fn is_alone(&self) -> Result<bool, Reason> {
        self.lock(libc::F_WRLCK)
    }

    /// Lets others in again.
    pub(super) fn admit(&self) -> Result<(), Reason> {
        self.lock(libc::F_RDLCK).map(|_| ())
    }

    /// Is no user any more.
    pub(super) fn leave(&self) -> Result<(), Reason> {
        self.lock(libc::F_UNLCK).map(|_| ())
    }

    /// Closes what a child inherited, so that it is no user beside its parent. Its parent's stays; nothing else may be done with this one.
    pub(super) fn abandon(&self) {
        if !self.1.swap(true, Ordering::AcqRel) {
            // SAFETY: nobody else in this process uses it, and what it is in is never dropped.
            unsafe { libc::close(self.0.as_raw_fd()) };
        }
    }

    fn lock(&self, kind: libc::c_int) -> Result<bool, Reason> {
        // SAFETY: zeros are valid in it.
        let mut about = unsafe { std::mem::zeroed::<libc::flock>() };
        about.l_type = kind as libc::c_short;
        about.l_whence = libc::SEEK_SET as libc::c_short;
        about.l_len = 1;
        // SAFETY: the file is open, and `about` is what the call asks for.
        if unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_OFD_SETLK, &raw mut about) } == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => Ok(false),
            _ => Err(Reason::System { what: "locking a file", error }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_and_local_ones_are_not_among_them() {
        assert_eq!(network(0x6969), Some("NFS"));
        assert!(network(0x6573_5546).is_some_and(|kind| kind.starts_with("FUSE")));
        let local = [0xEF53, 0x0102_1994, 0x794C_7630, 0x5846_5342, 0x9123_683E, 0x2FC1_2FC1, 0xF2F5_2010];
        assert!(local.iter().all(|&magic| network(magic).is_none()), "ext4, tmpfs, overlay, XFS, Btrfs, ZFS, F2FS");
    }

    #[test]
    fn this_machine_has_a_boot_and_a_namespace() {
        assert_ne!(boot(), [0, 0]);
        assert_ne!(pid_namespace(), 0);
    }
}
