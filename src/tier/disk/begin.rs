//! The beginning of the use of a store: what is in the directory, whether it can be kept, and who else is there.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::error::Reason;
use super::header::{CLOSED, HEADER_BYTES, Header, LAYOUT, MAGIC, VERSION};
use super::map::{Map, allocate};
use super::place::{self, DAMAGED, Place, STORE};
use super::reads::counts_for;
use super::session::DATA;
use super::{Durability, Found, Options, check};

/// The bytes that a store begins with, where they are allocated beforehand.
const FIRST_BYTES: u64 = 16 << 20;

/// Looks after a directory that nobody else uses, and begins its header anew.
pub(super) fn begin(place: &Place, file: &File, options: Options) -> Result<(Map, Found), Reason> {
    let system = |error| Reason::of("preparing the header", error);
    let before = Before::read(file)?;
    let options = before.as_ref().map_or(options, |before| options.beside(before.max_bytes));
    let length = HEADER_BYTES as u64 + counts_for(options.max_bytes);
    if before.is_none() || file.metadata().map_err(system)?.len() != length {
        file.set_len(0).map_err(system)?;
    }
    allocate(file, length).map_err(|error| Reason::Full { bytes: length, error })?;
    let map = Map::of(file).map_err(system)?;
    let header = map.header();
    // From here on it is in use: who finds it so after a crash checks the store.
    header.closed.store(0, Ordering::Release);
    let found = match &before {
        None => Found::Nothing,
        Some(before) => before.look_at(place, options),
    };
    let number = match (&before, &found) {
        (Some(before), Found::Closed | Found::Sound { .. }) => before.store,
        _ => new_number(),
    };
    clear(place, number, &found)?;
    header.begin(place, number, options)?;
    Ok((map, found))
}

/// Sets aside what is damaged, and removes what is left over.
fn clear(place: &Place, number: u64, found: &Found) -> Result<(), Reason> {
    let keep = place.store(number);
    let others: Vec<_> = place.folders(STORE).into_iter().filter(|folder| *folder != keep).collect();
    if matches!(found, Found::Damaged { .. }) && !others.is_empty() {
        place.folders(DAMAGED).iter().for_each(|old| _ = fs::remove_dir_all(old));
        let aside = place.path.join(format!("{DAMAGED}{}", now_millis()));
        if let Some(newest) = others.first() {
            _ = fs::rename(newest, aside);
        }
    }
    others.iter().filter(|folder| folder.exists()).for_each(|folder| _ = fs::remove_dir_all(folder));
    if keep.exists() {
        return Ok(());
    }
    place::create_folder(&keep).map_err(|error| Reason::of("creating a folder", error))
}

impl Header {
    /// Writes all of it for a new time of use.
    fn begin(&self, place: &Place, store: u64, options: Options) -> Result<(), Reason> {
        let bytes = first_bytes(file_bytes(&place.store(store).join(DATA)), options);
        self.version.store(VERSION, Ordering::Relaxed);
        self.layout.store(LAYOUT, Ordering::Relaxed);
        self.store.store(store, Ordering::Relaxed);
        self.allocated.store(bytes, Ordering::Relaxed);
        self.max_bytes.store(options.max_bytes, Ordering::Relaxed);
        self.durability.store(options.durability as u32, Ordering::Relaxed);
        self.was_left.store(0, Ordering::Relaxed);
        self.boot.iter().zip(place::boot()).for_each(|(place, half)| place.store(half, Ordering::Relaxed));
        self.pid_namespace.store(place::pid_namespace(), Ordering::Relaxed);
        let locks = self.writer.begin().and_then(|()| self.table.begin());
        locks.map_err(|_| Reason::System { what: "making a lock", error: io::ErrorKind::Unsupported.into() })?;
        self.magic.store(MAGIC, Ordering::Release);
        Ok(())
    }
}

/// What the header says of the time before.
struct Before {
    store: u64,
    was_closed: bool,
    max_bytes: u64,
    /// The bytes of its file.
    bytes: u64,
    is_of_this_boot: bool,
}

impl Before {
    fn read(file: &File) -> Result<Option<Self>, Reason> {
        let Ok(map) = Map::of(file) else { return Ok(None) };
        let header = map.header();
        if header.magic.load(Ordering::Acquire) != MAGIC {
            return Ok(None);
        }
        let version = header.version.load(Ordering::Relaxed);
        if version > VERSION {
            return Err(Reason::Newer { found: version, known: VERSION });
        }
        let boot = place::boot();
        let is_of_this_boot = header.boot.iter().zip(boot).all(|(half, now)| half.load(Ordering::Relaxed) == now);
        Ok((version == VERSION).then(|| Self {
            store: header.store.load(Ordering::Relaxed),
            bytes: header.allocated.load(Ordering::Relaxed),
            max_bytes: header.max_bytes.load(Ordering::Relaxed),
            was_closed: header.closed.load(Ordering::Relaxed) == CLOSED,
            is_of_this_boot: is_of_this_boot && boot != [0, 0],
        }))
    }

    fn look_at(&self, place: &Place, options: Options) -> Found {
        let data = place.store(self.store).join(DATA);
        let bytes = file_bytes(&data);
        if bytes == 0 || bytes > options.max_bytes {
            return Found::Nothing;
        }
        let looked = if self.was_closed && bytes >= self.bytes {
            check::quick(&data).map(|_| Found::Closed)
        } else {
            check::file(&data).map(|_| Found::Sound { rebooted: !self.is_of_this_boot })
        };
        match looked.and_then(|found| complete(&data).map(|bytes| (found, bytes))) {
            Ok((_, bytes)) if bytes > options.max_bytes => Found::Nothing,
            Ok((found, _)) => found,
            Err(damage) => Found::Damaged { why: damage.to_string() },
        }
    }
}

/// Makes the file as long as it says that it is: the last pages were never written if they are free. How long it is.
fn complete(data: &Path) -> Result<u64, check::Damage> {
    let bytes = check::quick(data)?;
    if bytes > file_bytes(data) {
        let grown = place::open(data).and_then(|file| file.set_len(bytes));
        grown.map_err(|error| check::Damage { page: None, what: "it cannot be made longer", error: Some(error) })?;
    }
    Ok(bytes)
}

/// Maps the header of a store that others use.
pub(super) fn join(file: &File, options: Options) -> Result<Map, Reason> {
    let map = Map::of(file).map_err(|error| Reason::of("reading the header", error))?;
    let header = map.header();
    let version = header.version.load(Ordering::Acquire);
    if version > VERSION {
        return Err(Reason::Newer { found: version, known: VERSION });
    }
    if header.magic.load(Ordering::Acquire) != MAGIC
        || version != VERSION
        || header.layout.load(Ordering::Relaxed) != LAYOUT
    {
        return Err(Reason::OtherBuild);
    }
    if header.pid_namespace.load(Ordering::Relaxed) != place::pid_namespace() {
        return Err(Reason::OtherNamespace);
    }
    let durability = Durability::of(header.durability.load(Ordering::Relaxed));
    let there = Options { max_bytes: header.max_bytes.load(Ordering::Relaxed), durability, ..options };
    let given = options.beside(there.max_bytes);
    if there == given { Ok(map) } else { Err(Reason::Differs { there, given }) }
}

/// The bytes to allocate for a store whose file has so many.
pub(super) fn first_bytes(there: u64, options: Options) -> u64 {
    FIRST_BYTES.max(there.next_multiple_of(super::page_bytes())).min(options.max_bytes)
}

pub(super) fn allocate_store(path: &Path, bytes: u64) -> io::Result<()> {
    let file = place::open(path)?;
    allocate(&file, bytes)
}

pub(super) fn file_bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.len())
}

pub(super) fn now_millis() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_millis() as u64
}

/// A number that no store had before.
pub(super) fn new_number() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    (since.as_nanos() as u64) ^ u64::from(std::process::id()) << 48 | 1
}
