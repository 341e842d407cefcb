//! Whether the file of a store is sound: told by reading it, and never by mapping it.
//!
//! Nothing that is in the file can do the checker any harm, so it needs no child process to die in its place. What it lets pass can do LMDB none:
//! it asks for all that LMDB takes for granted. Every number of a page is in range and every page used once; nodes fill their page without gaps and
//! without overlapping; keys are in order, and between those of the branch above; all leaves are equally deep; counts agree; what is listed as free
//! is not in use. What is stored is not looked at: an envelope has a checksum of its own.

mod free;
mod meta;
mod page;
mod tree;

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use meta::Meta;
use page::Page;

/// What was found in a store that is sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Entries.
    pub entries: u64,
    /// Pages that they take, with those that lead to them.
    pub pages: u64,
    /// Pages that wait for their next use.
    pub free: u64,
    /// Pages that are neither: nobody will use them until the store is compacted.
    pub lost: u64,
}

/// What is wrong with a store.
#[derive(Debug)]
pub struct Damage {
    /// The page in which that is, if it is in one.
    pub page: Option<u64>,
    /// What is wrong.
    pub what: &'static str,
    /// What the system said, if it could not be read.
    pub error: Option<io::Error>,
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.page {
            Some(page) => write!(out, "page {page}: {}", self.what)?,
            None => out.write_str(self.what)?,
        }
        match &self.error {
            Some(error) => write!(out, " ({error})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Damage {}

/// Looks at all pages of a store's file.
///
/// # Errors
/// The first [`Damage`] that was found.
pub fn file(path: &Path) -> Result<Report, Damage> {
    let pages = Pages::open(path)?;
    let meta = Meta::newest(&pages)?;
    let mut seen = Seen::new(meta.pages);
    seen.take(0, meta::METAS)?;
    let free = free::numbers(&pages, &meta, &mut seen)?;
    let used = tree::walk(&pages, &meta.main, tree::Order::Bytes, &mut seen, &mut |_, _| Ok(()))?;
    let lost = meta.pages - seen.taken;
    Ok(Report { entries: meta.main.entries, pages: used, free, lost })
}

/// Looks at the first pages only; the bytes that the file has to have.
///
/// # Errors
/// What is wrong with them.
pub(super) fn quick(path: &Path) -> Result<u64, Damage> {
    let pages = Pages::open(path)?;
    Meta::newest(&pages).map(|meta| meta.pages * pages.bytes as u64)
}

fn damage<T>(page: u64, what: &'static str) -> Result<T, Damage> {
    Err(Damage { page: Some(page), what, error: None })
}

/// The pages of a file.
struct Pages {
    file: File,
    /// The size of a page.
    bytes: usize,
    /// How many there are.
    count: u64,
}

impl Pages {
    fn open(path: &Path) -> Result<Self, Damage> {
        let unreadable = |error| Damage { page: None, what: "it cannot be read", error: Some(error) };
        let bytes = super::page_bytes();
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        Ok(Self { file, bytes: bytes as usize, count: length / bytes })
    }

    fn read(&self, number: u64) -> Result<Page, Damage> {
        if number >= self.count {
            return damage(number, "it is beyond the end of the file");
        }
        let mut bytes = vec![0; self.bytes];
        self.file.read_exact_at(&mut bytes, number * self.bytes as u64).map_err(|error| Damage {
            page: Some(number),
            what: "it cannot be read",
            error: Some(error),
        })?;
        Ok(Page::new(number, bytes))
    }

    /// The bytes behind the header of the first of several pages.
    fn read_run(&self, number: u64, length: usize) -> Result<Vec<u8>, Damage> {
        let mut bytes = vec![0; length];
        self.file
            .read_exact_at(&mut bytes, number * self.bytes as u64 + page::HEADER as u64)
            .map_err(|error| Damage { page: Some(number), what: "it cannot be read", error: Some(error) })?;
        Ok(bytes)
    }
}

/// Which pages are known to be in use, or free.
struct Seen {
    bits: Vec<u64>,
    count: u64,
    taken: u64,
}

impl Seen {
    fn new(count: u64) -> Self {
        Self { bits: vec![0; count.div_ceil(64) as usize], count, taken: 0 }
    }

    /// Takes so many pages, which must be there, and nobody else's.
    fn take(&mut self, first: u64, pages: u64) -> Result<(), Damage> {
        let Some(end) = first.checked_add(pages).filter(|&end| end <= self.count) else {
            return damage(first, "it is beyond the last page");
        };
        for number in first..end {
            let (word, bit) = (&mut self.bits[(number / 64) as usize], 1 << (number % 64));
            if *word & bit != 0 {
                return damage(number, "it is used twice");
            }
            *word |= bit;
        }
        self.taken += pages;
        Ok(())
    }
}
