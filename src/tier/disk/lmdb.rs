//! LMDB, as much of it as a store needs, behind an interface that is safe for who keeps to what its functions ask.
//!
//! `heed` would be the crate to use, but for two things. It keeps a registry of the paths that a process has opened and refuses to open one twice,
//! which a forked child has to do: it must abandon what it inherited, since to close that would drop the record locks and reader slots of
//! its own. And it hides the reset and renewal of read transactions, which spare each read the way through LMDB's reader mutex.

use std::ffi::{CStr, CString, c_int, c_uint, c_void};
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use lmdb_master_sys as sys;

/// The database without a name, which is the only one: LMDB gives it this number in every environment.
const MAIN: sys::MDB_dbi = 1;

/// Read transactions at one time, by all processes together.
const READERS: u32 = 2048;

/// Read transactions that are kept for reuse by a process.
const SPARE: usize = 64;

/// The size of LMDB's lock file: two cache lines of mutexes, and one for each reader.
pub(super) const LOCK_FILE_BYTES: u64 = (READERS as u64 + 2) * 64;

/// A code with which LMDB or the system refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure(c_int);

impl Failure {
    /// No page is left in the map, or the transaction is too large.
    pub(super) fn is_full(self) -> bool {
        matches!(self.0, sys::MDB_MAP_FULL | sys::MDB_TXN_FULL | libc::ENOSPC | libc::EDQUOT)
    }

    /// Less was written than there was to write: that is how LMDB says that the disk is full, and how the system says that it is broken.
    pub(super) fn is_cut_short(self) -> bool {
        self.0 == libc::EIO
    }

    /// Another process made the map larger.
    pub(super) fn is_resized(self) -> bool {
        self.0 == sys::MDB_MAP_RESIZED
    }

    /// All slots of readers are taken.
    pub(super) fn is_crowded(self) -> bool {
        self.0 == sys::MDB_READERS_FULL
    }

    /// The environment cannot go on in this process.
    pub(super) fn is_fatal(self) -> bool {
        matches!(self.0, sys::MDB_PANIC | sys::MDB_CORRUPTED | sys::MDB_PAGE_NOTFOUND | sys::MDB_INVALID | libc::EIO)
    }

    /// As an error of the system.
    pub(super) fn into_io(self) -> io::Error {
        if self.0 > 0 { io::Error::from_raw_os_error(self.0) } else { io::Error::other(self.to_string()) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: every code has a text that ends in zero; LMDB's are static, and those of the system stay until the thread asks again.
        let text = unsafe { CStr::from_ptr(sys::mdb_strerror(self.0)) };
        out.write_str(&text.to_string_lossy())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

fn done(code: c_int) -> Result<(), Failure> {
    if code == sys::MDB_SUCCESS { Ok(()) } else { Err(Failure(code)) }
}

/// As [`done`], where nothing may be found.
fn found(code: c_int) -> Result<bool, Failure> {
    if code == sys::MDB_NOTFOUND { Ok(false) } else { done(code).map(|()| true) }
}

/// What a function makes and writes to a place.
#[inline]
fn made<T>(make: impl FnOnce(*mut *mut T) -> c_int) -> Result<NonNull<T>, Failure> {
    let mut place = ptr::null_mut();
    done(make(&raw mut place))?;
    NonNull::new(place).ok_or(Failure(libc::ENOMEM))
}

fn value(bytes: &[u8]) -> sys::MDB_val {
    sys::MDB_val { mv_size: bytes.len(), mv_data: bytes.as_ptr().cast_mut().cast() }
}

const EMPTY: sys::MDB_val = sys::MDB_val { mv_size: 0, mv_data: ptr::null_mut() };

/// What LMDB shows.
///
/// # Safety
/// It comes from a call that found something, and is valid for `'a`.
unsafe fn bytes<'a>(value: &sys::MDB_val) -> &'a [u8] {
    if value.mv_size == 0 {
        return &[];
    }
    // SAFETY: LMDB's values are where they are said to be, as the caller promises.
    unsafe { slice::from_raw_parts(value.mv_data.cast(), value.mv_size) }
}

/// How many pages the entries take, and how many entries there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) pages: u64,
    pub(super) entries: u64,
    pub(super) depth: u64,
}

/// A store's environment, as this process has it open.
pub(super) struct Env {
    raw: NonNull<sys::MDB_env>,
    /// Read transactions that wait for their next use.
    spare: [AtomicPtr<sys::MDB_txn>; SPARE],
}

/// A transaction that is active, or a read transaction that was reset.
struct Txn(NonNull<sys::MDB_txn>);

// SAFETY: an environment may be used by all threads; with `MDB_NOTLS` a read transaction may go from one thread to another, and is
// only with one at a time: it is taken out of `spare` for that.
unsafe impl Send for Env {}
// SAFETY: as above.
unsafe impl Sync for Env {}

/// How an environment is opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    /// The bytes that are mapped. Where the map is written through, the file has this size from then on: never less than another process maps.
    pub(super) map_bytes: u64,
    /// Whether writes go through the map, and nothing waits for the disk.
    pub(super) through_map: bool,
}

impl Env {
    /// Opens what is in a folder; a new one is begun if there is nothing.
    ///
    /// No other environment of this folder may be open in this process, and nobody else may be opening it.
    pub(super) fn open(folder: &Path, opening: Opening) -> Result<Self, Failure> {
        let path = CString::new(folder.as_os_str().as_bytes()).map_err(|_| Failure(libc::EINVAL))?;
        // SAFETY: it is given a place to write to.
        let raw = made(|place| unsafe { sys::mdb_env_create(place) })?;
        // From here on it is closed when it is dropped.
        let env = Self { raw, spare: [const { AtomicPtr::new(ptr::null_mut()) }; SPARE] };
        let mut flags = sys::MDB_NOTLS;
        if opening.through_map {
            flags |= sys::MDB_WRITEMAP | sys::MDB_NOSYNC;
        }
        // SAFETY: the environment is new; the path ends in zero.
        unsafe {
            done(sys::mdb_env_set_mapsize(raw.as_ptr(), opening.map_bytes as usize))?;
            done(sys::mdb_env_set_maxreaders(raw.as_ptr(), READERS))?;
            done(sys::mdb_env_open(raw.as_ptr(), path.as_ptr(), flags as c_uint, 0o600))?;
        }
        env.begin_read()?.txn.open_main()?;
        Ok(env)
    }

    /// Maps so many bytes from now on, after another process made the file larger, or to do so.
    ///
    /// Where the map is written through, the file has this size from then on: never less than another process maps.
    pub(super) fn set_map_bytes(&mut self, bytes: u64) -> Result<(), Failure> {
        // SAFETY: nobody else uses the environment, so no transaction of this process is active.
        done(unsafe { sys::mdb_env_set_mapsize(self.raw.as_ptr(), bytes as usize) })
    }

    /// A read transaction that was used before, if one waits.
    #[inline]
    pub(super) fn spare_read(&self) -> Option<Result<Reading<'_>, Failure>> {
        let first = own_place();
        let places = (0..SPARE).map(|step| &self.spare[(first + step) % SPARE]);
        for place in places {
            if place.load(Ordering::Relaxed).is_null() {
                continue;
            }
            if let Some(txn) = NonNull::new(place.swap(ptr::null_mut(), Ordering::Acquire)) {
                let reading = Reading { env: self, txn: ManuallyDrop::new(Txn(txn)) };
                return Some(reading.txn.renew().map(|()| reading));
            }
        }
        None
    }

    /// A new read transaction. Takes LMDB's mutex of readers, for which there is no bound: so only one process at a time may do so.
    pub(super) fn begin_read(&self) -> Result<Reading<'_>, Failure> {
        Ok(Reading { env: self, txn: ManuallyDrop::new(self.begin(sys::MDB_RDONLY as c_uint)?) })
    }

    /// A write transaction. Takes LMDB's mutex of writers, for which there is no bound: so only one thread of all processes may do so.
    pub(super) fn begin_write(&self) -> Result<Writing<'_>, Failure> {
        Ok(Writing { txn: self.begin(0)?, env: PhantomData })
    }

    fn begin(&self, flags: c_uint) -> Result<Txn, Failure> {
        // SAFETY: the environment is open; it is given a place to write to.
        made(|place| unsafe { sys::mdb_txn_begin(self.raw.as_ptr(), ptr::null_mut(), flags, place) }).map(Txn)
    }

    /// Frees the slots of readers that were killed. Takes LMDB's mutex of readers, as [`Env::begin_read`].
    pub(super) fn clear_dead_readers(&self) -> Result<(), Failure> {
        // SAFETY: the environment is open; a null is allowed.
        done(unsafe { sys::mdb_reader_check(self.raw.as_ptr(), ptr::null_mut()) })
    }

    /// Waits until all that was committed is on the disk.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        // SAFETY: the environment is open.
        done(unsafe { sys::mdb_env_sync(self.raw.as_ptr(), 1) })
    }

    /// Copies the entries into another folder, in which there is nothing, without what lies between them.
    pub(super) fn copy_compacted(&self, folder: &Path) -> Result<(), Failure> {
        let path = CString::new(folder.as_os_str().as_bytes()).map_err(|_| Failure(libc::EINVAL))?;
        // SAFETY: the environment is open; the path ends in zero.
        done(unsafe { sys::mdb_env_copy2(self.raw.as_ptr(), path.as_ptr(), sys::MDB_CP_COMPACT as c_uint) })
    }

    /// Keeps a read transaction for its next use, if there is room.
    fn lay_aside(&self, txn: Txn) {
        txn.reset();
        let first = own_place();
        let places = (0..SPARE).map(|step| &self.spare[(first + step) % SPARE]);
        for place in places {
            let raw = txn.0.as_ptr();
            if place.compare_exchange(ptr::null_mut(), raw, Ordering::Release, Ordering::Relaxed).is_ok() {
                std::mem::forget(txn);
                return;
            }
        }
    }
}

impl Drop for Env {
    fn drop(&mut self) {
        for place in &self.spare {
            // Nobody else has it, and the environment is still open.
            drop(NonNull::new(place.load(Ordering::Acquire)).map(Txn));
        }
        // SAFETY: all transactions have ended, since they borrow the environment.
        unsafe { sys::mdb_env_close(self.raw.as_ptr()) };
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Env").finish_non_exhaustive()
    }
}

/// Where this thread lays its read transactions aside.
#[inline]
fn own_place() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static PLACE: usize = THREADS.fetch_add(1, Ordering::Relaxed));
    PLACE.try_with(|place| *place).unwrap_or(0)
}

impl Txn {
    /// What is stored under a key.
    #[inline]
    fn get(&self, key: &[u8]) -> Result<Option<&[u8]>, Failure> {
        let (mut key, mut entry) = (value(key), EMPTY);
        // SAFETY: the transaction is active, and nothing is written while what is shown is borrowed; LMDB does not write to the key.
        unsafe {
            let code = sys::mdb_get(self.0.as_ptr(), MAIN, &raw mut key, &raw mut entry);
            found(code).map(|there| there.then(|| bytes(&entry)))
        }
    }

    fn used(&self) -> Result<Used, Failure> {
        let mut stat = sys::MDB_stat {
            ms_psize: 0,
            ms_depth: 0,
            ms_branch_pages: 0,
            ms_leaf_pages: 0,
            ms_overflow_pages: 0,
            ms_entries: 0,
        };
        // SAFETY: the transaction is active; `stat` is a place to write to.
        done(unsafe { sys::mdb_stat(self.0.as_ptr(), MAIN, &raw mut stat) })?;
        let pages = stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
        Ok(Used { pages: pages as u64, entries: stat.ms_entries as u64, depth: stat.ms_depth.into() })
    }

    fn cursor(&self) -> Result<Cursor<'_>, Failure> {
        // SAFETY: the transaction is active for as long as the cursor borrows it; it is given a place to write to.
        let raw = made(|place| unsafe { sys::mdb_cursor_open(self.0.as_ptr(), MAIN, place) })?;
        Ok(Cursor { raw, txn: PhantomData })
    }

    fn open_main(&self) -> Result<(), Failure> {
        let mut number = 0;
        // SAFETY: the transaction is active; `number` is a place to write to; no name is the main database.
        done(unsafe { sys::mdb_dbi_open(self.0.as_ptr(), ptr::null(), 0, &raw mut number) })?;
        if number == MAIN { Ok(()) } else { Err(Failure(sys::MDB_INCOMPATIBLE)) }
    }

    /// Ends a read transaction, which may be renewed.
    fn reset(&self) {
        // SAFETY: it is active, and nothing of it is borrowed.
        unsafe { sys::mdb_txn_reset(self.0.as_ptr()) };
    }

    /// Begins a read transaction that was reset anew.
    fn renew(&self) -> Result<(), Failure> {
        // SAFETY: it was reset.
        done(unsafe { sys::mdb_txn_renew(self.0.as_ptr()) })
    }

    fn commit(self) -> Result<(), Failure> {
        let txn = ManuallyDrop::new(self);
        // SAFETY: the transaction is active; it has ended after this, whatever comes of it.
        done(unsafe { sys::mdb_txn_commit(txn.0.as_ptr()) })
    }
}

impl Drop for Txn {
    fn drop(&mut self) {
        // SAFETY: it is active or was reset, and is not used after this.
        unsafe { sys::mdb_txn_abort(self.0.as_ptr()) };
    }
}

/// A read transaction: the entries as they were when it began.
pub(super) struct Reading<'env> {
    env: &'env Env,
    /// Laid aside at the end.
    txn: ManuallyDrop<Txn>,
}

impl Reading<'_> {
    #[inline]
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<&[u8]>, Failure> {
        self.txn.get(key)
    }

    pub(super) fn used(&self) -> Result<Used, Failure> {
        self.txn.used()
    }

    pub(super) fn cursor(&self) -> Result<Cursor<'_>, Failure> {
        self.txn.cursor()
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        // SAFETY: nothing follows.
        self.env.lay_aside(unsafe { ManuallyDrop::take(&mut self.txn) });
    }
}

/// A write transaction, which ends without effect unless it is committed.
pub(super) struct Writing<'env> {
    txn: Txn,
    env: PhantomData<(&'env Env, *mut c_void)>,
}

impl Writing<'_> {
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<&[u8]>, Failure> {
        self.txn.get(key)
    }

    pub(super) fn used(&self) -> Result<Used, Failure> {
        self.txn.used()
    }

    pub(super) fn cursor(&self) -> Result<Cursor<'_>, Failure> {
        self.txn.cursor()
    }

    pub(super) fn put(&mut self, key: &[u8], entry: &[u8]) -> Result<(), Failure> {
        let (mut key, mut entry) = (value(key), value(entry));
        // SAFETY: the transaction is active; LMDB copies both and writes to neither.
        done(unsafe { sys::mdb_put(self.txn.0.as_ptr(), MAIN, &raw mut key, &raw mut entry, 0) })
    }

    /// Whether there was anything.
    pub(super) fn remove(&mut self, key: &[u8]) -> Result<bool, Failure> {
        let mut key = value(key);
        // SAFETY: the transaction is active; LMDB does not write to the key.
        found(unsafe { sys::mdb_del(self.txn.0.as_ptr(), MAIN, &raw mut key, ptr::null_mut()) })
    }

    pub(super) fn commit(self) -> Result<(), Failure> {
        self.txn.commit()
    }
}

/// A key and what is stored under it.
pub(super) type Pair<'a> = (&'a [u8], &'a [u8]);

/// A place between entries, in the order of their keys.
pub(super) struct Cursor<'txn> {
    raw: NonNull<sys::MDB_cursor>,
    txn: PhantomData<&'txn ()>,
}

impl<'txn> Cursor<'txn> {
    /// The first entry whose key is this or comes after it.
    pub(super) fn seek(&mut self, key: &[u8]) -> Result<Option<Pair<'txn>>, Failure> {
        if key.is_empty() { self.go(EMPTY, sys::MDB_FIRST) } else { self.go(value(key), sys::MDB_SET_RANGE) }
    }

    /// The entry after the last that was shown.
    pub(super) fn next(&mut self) -> Result<Option<Pair<'txn>>, Failure> {
        self.go(EMPTY, sys::MDB_NEXT)
    }

    fn go(&mut self, mut key: sys::MDB_val, how: sys::MDB_cursor_op) -> Result<Option<Pair<'txn>>, Failure> {
        let mut entry = EMPTY;
        // SAFETY: the cursor's transaction is active, and what it shows stays for `'txn`.
        unsafe {
            let code = sys::mdb_cursor_get(self.raw.as_ptr(), &raw mut key, &raw mut entry, how);
            found(code).map(|there| there.then(|| (bytes(&key), bytes(&entry))))
        }
    }
}

impl Drop for Cursor<'_> {
    fn drop(&mut self) {
        // SAFETY: its transaction is still active, since it is borrowed.
        unsafe { sys::mdb_cursor_close(self.raw.as_ptr()) };
    }
}
