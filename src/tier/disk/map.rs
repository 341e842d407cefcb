//! The file that the users of a store map beside it: a header, and the counts of reads behind it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::AtomicU8;

use super::header::{HEADER_BYTES, Header};

/// A file in memory that processes share.
#[derive(Debug)]
pub(super) struct Map {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: what is in the map is read and written through atomics and locks only.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

impl Map {
    /// Maps a whole file, all of which was allocated.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let bytes = file.metadata()?.len() as usize;
        if bytes <= HEADER_BYTES {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the system chooses the place; the file is open and has so many bytes, and no process makes it smaller.
        let start = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(start.cast()).map(|start| Self { start, bytes }).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    #[inline]
    pub(super) fn header(&self) -> &Header {
        // SAFETY: the map is at least as large, and begins with a page; any bytes are a header.
        unsafe { self.start.cast().as_ref() }
    }

    /// The counts of reads.
    #[inline]
    pub(super) fn counts(&self) -> &[AtomicU8] {
        // SAFETY: the map has so many bytes behind the header; any bytes are counts.
        unsafe { slice::from_raw_parts(self.start.as_ptr().add(HEADER_BYTES).cast(), self.bytes - HEADER_BYTES) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: it was mapped so, and nobody borrows from it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

/// Allocates a file's first bytes on its device, so that none of them can fail to be there when they are written through a map.
pub(super) fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    let length = libc::off_t::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    loop {
        // SAFETY: the file is open.
        match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length) } {
            0 => return Ok(()),
            libc::EINTR => {}
            code => return Err(io::Error::from_raw_os_error(code)),
        }
    }
}
