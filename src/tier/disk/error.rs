//! Why a store cannot be used, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::Options;

/// Why a directory cannot be used for a store.
#[derive(Debug)]
pub struct OpenError {
    /// The directory.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a directory, or with what is asked of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// It cannot be created, or is no directory.
    NoDirectory(io::Error),
    /// Nobody has made a store there.
    NoStore,
    /// Something else lies there.
    Occupied {
        /// Its name.
        name: String,
    },
    /// This process may not write there.
    ReadOnly(io::Error),
    /// There is no room for the least that a store takes.
    Full {
        /// The bytes that were to be allocated.
        bytes: u64,
        /// What the system said.
        error: io::Error,
    },
    /// It lies on a file system that other machines may write to, or whose maps are not shared.
    Network {
        /// The file system.
        kind: &'static str,
    },
    /// Processes in another PID namespace, such as another container, are using it.
    OtherNamespace,
    /// A newer version of hotset, or a build of another kind, made it.
    Newer {
        /// The version of the store.
        found: u32,
        /// The latest version that this build knows.
        known: u32,
    },
    /// Another build of hotset, whose locks have another layout, is using it.
    OtherBuild,
    /// It belongs to another user.
    NotOurs {
        /// The user that it belongs to.
        owner: u32,
        /// The user of this process.
        user: u32,
    },
    /// Everybody may write there.
    Writable {
        /// Its permissions.
        mode: u32,
    },
    /// It is in use with other options.
    Differs {
        /// Those that it is in use with.
        there: Options,
        /// Those that were given.
        given: Options,
    },
    /// The bound is less than a store needs.
    TooSmall {
        /// The bound that was given.
        max_bytes: u64,
        /// The least that a store needs.
        least: u64,
    },
    /// Another process is opening or checking it, for longer than may be.
    Busy,
    /// Something else that the system said.
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

impl Reason {
    /// What the system says when something is not possible there, as what it means.
    pub(super) fn of(what: &'static str, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly(error),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { bytes: 0, error },
            _ => Self::System { what, error },
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.path.display())?;
        match &self.reason {
            Reason::NoDirectory(error) => {
                write!(out, "it cannot be created or is no directory ({error}): give another path")
            }
            Reason::NoStore => write!(out, "there is no store: give the directory of a cache's tier"),
            Reason::Occupied { name } => {
                write!(out, "something else lies there ({name}): give an empty directory, or one that is not there yet")
            }
            Reason::ReadOnly(error) => {
                write!(out, "this process may not write there ({error}): give it the permission, or another path")
            }
            Reason::Full { bytes, error } => {
                write!(
                    out,
                    "there is no room for {bytes} bytes ({error}): make room, or give a smaller max_bytes or another path"
                )
            }
            Reason::Network { kind } => write!(
                out,
                "it lies on {kind}, where processes on several machines cannot share a memory-mapped store: give a path on a \
                 local disk, or use a server such as Redis"
            ),
            Reason::OtherNamespace => write!(
                out,
                "processes of another PID namespace, such as another container, are using it, and neither could tell whether the \
                 other still lives: let the containers share one (as with --pid), or give each a path of its own"
            ),
            Reason::Newer { found, known } => write!(
                out,
                "it was made by a newer hotset (version {found}, and {known} is the latest that this one knows): use that, or \
                 remove the directory"
            ),
            Reason::OtherBuild => write!(
                out,
                "processes with another build of hotset (another C library or processor) are using it: use one build, or a path for each"
            ),
            Reason::NotOurs { owner, user } => {
                write!(
                    out,
                    "it, or where it lies, belongs to user {owner}, and this process is of user {user}: give another path"
                )
            }
            Reason::Writable { mode } => {
                write!(out, "everybody may write there (its mode is {mode:03o}): change that with chmod o-w")
            }
            Reason::Differs { there, given } => {
                write!(
                    out,
                    "it is in use with {there}, and was to be opened with {given}: give all its users the same options"
                )
            }
            Reason::TooSmall { max_bytes, least } => {
                write!(out, "max_bytes={max_bytes} is less than a store needs: give at least {least}")
            }
            Reason::Busy => {
                write!(out, "another process has been opening or checking it for too long: try again later")
            }
            Reason::System { what, error } => write!(out, "{what} failed: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl OpenError {
    /// Whether it is what was asked for that is wrong, and not the directory.
    #[must_use]
    pub fn is_of_options(&self) -> bool {
        matches!(self.reason, Reason::Differs { .. } | Reason::TooSmall { .. })
    }

    /// What lies beside a store cannot be used.
    pub(super) fn beside(path: &std::path::Path, fault: &crate::tier::Fault) -> Self {
        let error = io::Error::other(fault.to_string());
        Self { path: path.to_owned(), reason: Reason::System { what: "mapping what lies beside the store", error } }
    }
}
