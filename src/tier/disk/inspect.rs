//! Stores that are looked after from outside, by their path: as they are in use, if they are.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::begin::join;
use super::check::{self, Report};
use super::error::{OpenError, Reason};
use super::header::Header;
use super::map::Map;
use super::place::{Place, Users};
use super::session::DATA;
use super::{Disk, Durability, Options};
use crate::tier::{Fault, Wait};

/// Why a store could not be looked after.
#[derive(Debug)]
pub enum Trouble {
    /// The directory.
    Directory(OpenError),
    /// The store.
    Store(Fault),
}

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(error) => error.fmt(out),
            Self::Store(fault) => fault.fmt(out),
        }
    }
}

impl std::error::Error for Trouble {}

impl From<OpenError> for Trouble {
    fn from(error: OpenError) -> Self {
        Self::Directory(error)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Store(fault)
    }
}

/// Looks at every page of a store, while nobody writes to it, and changes nothing.
///
/// # Errors
/// [`Trouble`]: [`Fault::Damaged`] says what is wrong with it.
pub fn check(path: &Path, patience: Duration) -> Result<Report, Trouble> {
    let failed = |reason| OpenError { path: path.to_owned(), reason };
    let (map, options) = header(path, patience).map_err(failed)?;
    let place = Place::prepare(path, false).map_err(failed)?;
    let users = Users::of(&place).map_err(failed)?;
    let data = |header: &Header| place.store(header.store.load(Ordering::Acquire)).join(DATA);
    let looked = if users.join(patience).map_err(failed)? {
        check::file(&data(map.header()))
    } else {
        let map = join(&place.file("header").map_err(failed)?, options).map_err(failed)?;
        let header = map.header();
        let _writer = header.writer.lock(Wait::Until(Instant::now() + patience))?;
        check::file(&data(header))
    };
    looked.map_err(|damage| Fault::Damaged(format!("{}: {damage}", path.display())).into())
}

/// Puts a copy without gaps in the place of a store, if nobody else uses it; whether that was so.
///
/// # Errors
/// [`Trouble`].
pub fn compact(path: &Path, patience: Duration) -> Result<bool, Trouble> {
    let failed = |reason| OpenError { path: path.to_owned(), reason };
    let (_, options) = header(path, patience).map_err(failed)?;
    let disk = Disk::open(path, options)?;
    Ok(disk.store().compact(Wait::Until(Instant::now() + patience))?)
}

/// The header of the store that is there, and how that is opened, or was last.
fn header(path: &Path, patience: Duration) -> Result<(Map, Options), Reason> {
    let file = fs::canonicalize(path).and_then(|path| File::options().read(true).write(true).open(path.join("header")));
    let map = file.and_then(|file| Map::of(&file)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Reason::NoStore,
        _ => Reason::of("reading the header", error),
    })?;
    let max_bytes = map.header().max_bytes.load(Ordering::Relaxed);
    let durability = Durability::of(map.header().durability.load(Ordering::Relaxed));
    Ok((map, Options { max_bytes, durability, patience, ..Options::default() }))
}
