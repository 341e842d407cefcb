//! The first two pages, of which the newer is where a store begins.

use super::page::{self, Page};
use super::{Damage, Pages, damage};

/// How many there are.
pub(super) const METAS: u64 = 2;

const MAGIC: u32 = 0xBEEF_C0DE;
const VERSION: u32 = 1;

/// What is in a meta page, and where.
const AT_MAGIC: usize = page::HEADER;
const AT_VERSION: usize = 20;
const AT_FREE: usize = 40;
const AT_MAIN: usize = 88;
const AT_LAST_PAGE: usize = 136;
const AT_TRANSACTION: usize = 144;

/// Numbers of transactions beyond this are not reached by counting.
const MOST_TRANSACTIONS: u64 = 1 << 62;

/// Pages beyond the end of the file that may count as free.
const MOST_UNWRITTEN: u64 = 1024;

/// The flags of the list of free pages: its keys are numbers.
const INTEGER_KEYS: u16 = 8;

/// No page.
const NOWHERE: u64 = u64::MAX;

/// The levels that LMDB can walk down.
const DEEPEST: u16 = 32;

/// What a store says of one of its trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) depth: u16,
    pub(super) branches: u64,
    pub(super) leaves: u64,
    pub(super) overflow: u64,
    pub(super) entries: u64,
    /// `None` if it is empty.
    pub(super) root: Option<u64>,
}

impl Tree {
    fn read(page: &Page, at: usize, flags: u16) -> Result<Self, Damage> {
        let number = |place| page.u64(at + place);
        let root = number(40);
        let tree = Self {
            depth: page.u16(at + 6),
            branches: number(8),
            leaves: number(16),
            overflow: number(24),
            entries: number(32),
            root: (root != NOWHERE).then_some(root),
        };
        let counts = [tree.branches, tree.leaves, tree.overflow, tree.entries, tree.depth.into()];
        if page.u16(at + 4) != flags {
            return damage(page.number, "a tree has other flags than it was made with");
        }
        if tree.depth > DEEPEST || tree.root.is_none() && counts != [0; 5] {
            return damage(page.number, "what is said of a tree cannot be");
        }
        Ok(tree)
    }
}

/// Where a store begins.
#[derive(Debug)]
pub(super) struct Meta {
    pub(super) free: Tree,
    pub(super) main: Tree,
    /// Pages that were ever used, and these.
    pub(super) pages: u64,
    /// The number of the transaction that wrote it.
    pub(super) transaction: u64,
}

impl Meta {
    /// The newer of the two, if both are sound as far as LMDB looks at them. The older may be half written.
    pub(super) fn newest(pages: &Pages) -> Result<Self, Damage> {
        let metas = [pages.read(0)?, pages.read(1)?];
        for meta in &metas {
            judge_start(meta, pages.bytes)?;
        }
        let [even, odd] = metas.each_ref().map(|meta| meta.u64(AT_TRANSACTION));
        let (newest, older) = if even < odd { (odd, even) } else { (even, odd) };
        let is_first = newest == 0;
        let is_sound = is_first || newest - older == 1 && even % 2 == 0;
        if !is_sound || newest > MOST_TRANSACTIONS {
            return damage(0, "the numbers of the last transactions cannot be");
        }
        Self::read(&metas[(newest % METAS) as usize], pages)
    }

    fn read(page: &Page, pages: &Pages) -> Result<Self, Damage> {
        let last = page.u64(AT_LAST_PAGE);
        // The last pages may never have been written, if they are free.
        if last == 0 || last >= pages.count + MOST_UNWRITTEN {
            return damage(page.number, "the last page is far beyond the end of the file");
        }
        Ok(Self {
            free: Tree::read(page, AT_FREE, INTEGER_KEYS)?,
            main: Tree::read(page, AT_MAIN, 0)?,
            pages: last + 1,
            transaction: page.u64(AT_TRANSACTION),
        })
    }
}

fn judge_start(meta: &Page, page_bytes: usize) -> Result<(), Damage> {
    meta.must_be(page::META)?;
    if meta.u32(AT_MAGIC) != MAGIC || meta.u32(AT_VERSION) != VERSION {
        return damage(meta.number, "it is not the beginning of a store");
    }
    if meta.u32(AT_FREE) as usize != page_bytes {
        return damage(meta.number, "the store has pages of another size than this machine");
    }
    if meta.u16(AT_FREE + 4) != INTEGER_KEYS {
        return damage(meta.number, "the store has other flags than it was made with");
    }
    Ok(())
}
