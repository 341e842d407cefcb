//! A store in a directory, which all processes of a machine share, and which survives restarts: LMDB, and what LMDB demands.
//!
//! ```text
//! DIRECTORY/               0700
//!   users                  whose lock tells who uses the directory, and whether anybody else does
//!   header                 mapped by all: which store is in use, its size, its locks, counts of reads
//!   store-NUMBER/          data.mdb, lock.mdb
//!   damaged-TIME/          the last store that was found damaged
//! ```
//!
//! - **One environment for each directory and process**, found by device and inode; a forked child abandons what it inherited (`fork.rs`).
//! - **Who is alone** when it opens a directory looks after it: whether the last user closed it, what the checker ([`check`]) says if not, and whether
//!   this is another boot of the machine. Others wait meanwhile, and find it in order.
//! - **No call waits without a bound.** LMDB's own locks have none, so they are taken only by who holds one of ours, which has (`lock.rs`).
//! - **Size.** Where the map is written through, what is mapped was allocated, so that a full disk is an error and not a signal. The store doubles up
//!   to its bound; then entries leave (`evict.rs`).

mod absent;
mod begin;
pub mod check;
mod error;
mod evict;
mod fork;
mod header;
pub mod inspect;
mod lmdb;
mod lock;
mod map;
mod place;
mod reads;
mod session;
mod store;
#[cfg(test)]
mod tests;
mod tier;
mod write;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

pub use absent::Absent;
pub use error::{OpenError, Reason};
pub use store::{Store, close_all};
pub use tier::Disk;
pub use write::{Change, Writer};

use crate::codec::Glimpse;

/// The least that a store may be bounded by.
pub const LEAST_BYTES: u64 = 1 << 20;

/// What a write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum Durability {
    /// The death of any process, by whatever signal: it is written through the map, and the system brings it to the disk in its own time.
    #[default]
    Process = 1,
    /// A loss of power: it is on the disk before the call returns.
    Power = 2,
}

impl Durability {
    fn of(number: u32) -> Self {
        if number == Self::Power as u32 { Self::Power } else { Self::Process }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Process => "process",
            Self::Power => "power",
        })
    }
}

/// How a store is opened: by all its users in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The most bytes that its file may have.
    pub max_bytes: u64,
    /// Whether that is for a new store only, and one that is there keeps the bound that it has.
    pub keeps_bound: bool,
    /// What a write survives.
    pub durability: Durability,
    /// Whether the directory has to be the user's alone, so that one that belongs to somebody else is refused.
    pub private: bool,
    /// How long to wait for others that are opening or checking it.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 30,
            keeps_bound: false,
            durability: Durability::Process,
            private: false,
            patience: Duration::from_secs(10),
        }
    }
}

impl Options {
    fn whole_pages(self) -> Self {
        Self { max_bytes: self.max_bytes / page_bytes() * page_bytes(), ..self }
    }

    /// As they are for a store that is there and has this bound.
    fn beside(self, max_bytes: u64) -> Self {
        if self.keeps_bound { Self { max_bytes, ..self } } else { self }
    }
}

impl fmt::Display for Options {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "max_bytes={}, durability={:?}", self.max_bytes, self.durability.to_string())?;
        if self.private { out.write_str(", private") } else { Ok(()) }
    }
}

/// What a store asks of those above it.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// What can be told of an entry without checking it; `None` if it is none.
    pub glimpse: fn(&[u8]) -> Option<Glimpse>,
    /// Called by who is alone in a directory, before anybody else is let in: for what lies beside the store.
    pub begin: fn(&Begun<'_>) -> io::Result<()>,
    /// Called with the directory by who was the last to use it, before anybody else is let in.
    pub end: fn(&Path),
}

/// A store that somebody begins to use who is alone.
#[derive(Clone, Copy, Debug)]
pub struct Begun<'a> {
    /// Its directory.
    pub path: &'a Path,
    /// What was there.
    pub found: &'a Found,
    /// Its number, which moves when another takes its place.
    pub store: u64,
    /// The boot of the machine.
    pub boot: [u64; 2],
    /// The PID namespace of its users.
    pub pid_namespace: u64,
    /// How it is opened.
    pub options: Options,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { glimpse: Glimpse::of, begin: |_| Ok(()), end: |_| () }
    }
}

/// What was there when a store was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing that could be kept: it begins empty.
    Nothing,
    /// A store that its last user had closed.
    Closed,
    /// A store that nobody had closed, or of another boot of the machine, whose structure was checked and is sound. After the crash of a machine, what
    /// was written through the map may be older than what lies beside it.
    Sound {
        /// Whether the machine was started again since.
        rebooted: bool,
    },
    /// A damaged store, which was set aside: it begins empty.
    Damaged {
        /// What was wrong with it.
        why: String,
    },
    /// A store that others were using.
    InUse,
}

/// The size of a page of this machine, and so of a store.
#[inline]
fn page_bytes() -> u64 {
    static BYTES: OnceLock<u64> = OnceLock::new();
    // SAFETY: it cannot fail.
    *BYTES.get_or_init(|| unsafe { libc::sysconf(libc::_SC_PAGESIZE) as u64 })
}
