//! A file of words that several processes have mapped.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::ptr::{self, NonNull};

use super::word::Word;

/// Bytes of a word.
pub(crate) const WORD: usize = size_of::<Word>();
/// Only its owner may read and write the file.
const MODE: u32 = 0o600;

/// A mapped file; it stays as long as it was when it was mapped.
#[derive(Debug)]
pub(crate) struct Region {
    start: NonNull<Word>,
    words: usize,
}

// SAFETY: what lies behind the pointer are atomics, and only `drop` unmaps them.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// A new file of so many words, all 0. Its space is allocated, so that a full disk is an error here and no signal later.
    pub(crate) fn create(path: &Path, words: usize) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(MODE).open(path)?;
        allocate(&file, words * WORD)?;
        Self::map(&file, words)
    }

    /// All whole words of a file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let words = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX) / WORD;
        if words == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is empty"));
        }
        Self::map(&file, words)
    }

    fn map(file: &File, words: usize) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at a place that the system chooses touches no memory that there is.
        let start = unsafe { libc::mmap(ptr::null_mut(), words * WORD, access, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(start.cast())
            .map(|start| Self { start, words })
            .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    pub(crate) fn words(&self) -> &[Word] {
        // SAFETY: so many words are mapped until `self` is dropped, at the beginning of a page; any bits are a word, and who
        // changes them, here or in another process, does so atomically.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }

    /// Waits until these words are on the disk.
    pub(crate) fn sync(&self, words: Range<usize>) -> io::Result<()> {
        let first = words.start.min(self.words) * WORD / page() * page();
        let end = words.end.min(self.words) * WORD;
        if first >= end {
            return Ok(());
        }
        // SAFETY: it begins at a page, and all of it is mapped.
        let done = unsafe { libc::msync(self.start.as_ptr().byte_add(first).cast(), end - first, libc::MS_SYNC) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: this was mapped by `map`, and no reference to it outlives `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.words * WORD) };
    }
}

fn page() -> usize {
    // SAFETY: it only reads a constant of the system.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).unwrap_or(4096)
}

#[cfg(target_os = "linux")]
fn allocate(file: &File, bytes: usize) -> io::Result<()> {
    let length = libc::off_t::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
    // SAFETY: the descriptor is open for writing.
    match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

#[cfg(not(target_os = "linux"))]
fn allocate(mut file: &File, bytes: usize) -> io::Result<()> {
    use std::io::Write;

    const ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let part = left.min(ZEROS.len());
        file.write_all(&ZEROS[..part])?;
        left -= part;
    }
    Ok(())
}
