//! A tree: branches, leaves, and the pages of what is too large for a leaf.

use std::cmp::Ordering;

use super::meta::Tree;
use super::page::{BRANCH, HEADER, Holds, LEAF, Node, Page};
use super::{Damage, Pages, Seen, damage};
use crate::tier::LONGEST;

/// How keys are ordered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As bytes.
    Bytes,
    /// As the numbers that they are.
    Numbers,
}

impl Order {
    fn compare(self, one: &[u8], other: &[u8]) -> Ordering {
        match self {
            Self::Bytes => one.cmp(other),
            Self::Numbers => number(one).cmp(&number(other)),
        }
    }

    fn allows(self, key: &[u8]) -> bool {
        match self {
            Self::Bytes => (1..=LONGEST).contains(&key.len()),
            Self::Numbers => key.len() == size_of::<u64>(),
        }
    }
}

/// The number that a key is.
pub(super) fn number(key: &[u8]) -> Option<u64> {
    key.try_into().map(u64::from_ne_bytes).ok()
}

/// What is done with each entry of a tree.
pub(super) type See<'a> = &'a mut dyn FnMut(&Pages, &Node<'_>) -> Result<(), Damage>;

struct Walk<'a> {
    pages: &'a Pages,
    seen: &'a mut Seen,
    order: Order,
    depth: u16,
    branches: u64,
    leaves: u64,
    overflow: u64,
    entries: u64,
}

/// Looks at all pages of a tree, which are taken; how many there are.
pub(super) fn walk(pages: &Pages, tree: &Tree, order: Order, seen: &mut Seen, see: See<'_>) -> Result<u64, Damage> {
    let mut walk = Walk { pages, seen, order, depth: tree.depth, branches: 0, leaves: 0, overflow: 0, entries: 0 };
    if let Some(root) = tree.root {
        walk.page(root, 1, None, None, see)?;
    }
    let there = [walk.branches, walk.leaves, walk.overflow, walk.entries];
    if there != [tree.branches, tree.leaves, tree.overflow, tree.entries] {
        return damage(tree.root.unwrap_or(0), "a tree has other numbers of pages or entries than is said of it");
    }
    Ok(walk.branches + walk.leaves + walk.overflow)
}

impl Walk<'_> {
    /// Looks at a page whose keys are not before `low`, and before `high`.
    fn page(
        &mut self,
        number: u64,
        level: u16,
        low: Option<&[u8]>,
        high: Option<&[u8]>,
        see: See<'_>,
    ) -> Result<(), Damage> {
        self.seen.take(number, 1)?;
        let page = self.pages.read(number)?;
        if level == self.depth { self.leaf(&page, low, high, see) } else { self.branch(&page, level, low, high, see) }
    }

    fn branch(
        &mut self,
        page: &Page,
        level: u16,
        low: Option<&[u8]>,
        high: Option<&[u8]>,
        see: See<'_>,
    ) -> Result<(), Damage> {
        let nodes = page.nodes(BRANCH)?;
        if nodes.len() < 2 {
            return damage(page.number, "a branch has fewer than two children");
        }
        // The first key stands for all before the second, and is not looked at.
        self.must_be_ordered(page, &nodes[1..], low, high)?;
        self.branches += 1;
        for (place, node) in nodes.iter().enumerate() {
            let Holds::Child(child) = node.holds else { continue };
            let from = if place == 0 { low } else { Some(node.key) };
            let to = nodes.get(place + 1).map_or(high, |next| Some(next.key));
            self.page(child, level + 1, from, to, see)?;
        }
        Ok(())
    }

    fn leaf(&mut self, page: &Page, low: Option<&[u8]>, high: Option<&[u8]>, see: See<'_>) -> Result<(), Damage> {
        let nodes = page.nodes(LEAF)?;
        if nodes.is_empty() {
            return damage(page.number, "a leaf is empty");
        }
        self.must_be_ordered(page, &nodes, low, high)?;
        self.leaves += 1;
        self.entries += nodes.len() as u64;
        for node in &nodes {
            if let Holds::Overflow(first, length) = node.holds {
                self.run(first, length)?;
            }
            see(self.pages, node)?;
        }
        Ok(())
    }

    /// Looks at the pages of an entry that is too large for a leaf.
    fn run(&mut self, first: u64, length: usize) -> Result<(), Damage> {
        self.seen.take(first, 1)?;
        let pages = self.pages.read(first)?.run()?;
        let least = (HEADER + length).div_ceil(self.pages.bytes) as u64;
        if pages < least || pages == 0 {
            return damage(first, "an entry is larger than its pages");
        }
        self.seen.take(first + 1, pages - 1)?;
        if first + pages > self.pages.count {
            return damage(first, "an entry is beyond the end of the file");
        }
        self.overflow += pages;
        Ok(())
    }

    fn must_be_ordered(
        &self,
        page: &Page,
        nodes: &[Node<'_>],
        low: Option<&[u8]>,
        high: Option<&[u8]>,
    ) -> Result<(), Damage> {
        if nodes.iter().any(|node| !self.order.allows(node.key)) {
            return damage(page.number, "a key is too short or too long");
        }
        let is_before = |one: &[u8], other: &[u8]| self.order.compare(one, other) == Ordering::Less;
        let inside = nodes.windows(2).all(|two| is_before(two[0].key, two[1].key));
        let first = nodes.first().zip(low).is_none_or(|(node, low)| !is_before(node.key, low));
        let last = nodes.last().zip(high).is_none_or(|(node, high)| is_before(node.key, high));
        if inside && first && last { Ok(()) } else { damage(page.number, "keys are out of order") }
    }
}
