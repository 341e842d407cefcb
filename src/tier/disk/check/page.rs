//! One page, and the nodes in it.

use super::{Damage, damage};

/// The bytes before the nodes, or before what overflows.
pub(super) const HEADER: usize = 16;

/// The bytes of a node before its key.
const NODE: usize = 8;

/// The bytes of a place of a node.
const PLACE: usize = 2;

/// What a page is.
pub(super) const BRANCH: u16 = 1;
pub(super) const LEAF: u16 = 2;
pub(super) const OVERFLOW: u16 = 4;
pub(super) const META: u16 = 8;

/// A node whose data lie in pages of their own.
const BIG: u16 = 1;

/// A page of a file.
pub(super) struct Page {
    pub(super) number: u64,
    bytes: Vec<u8>,
}

/// What is in a branch or a leaf.
pub(super) struct Node<'a> {
    pub(super) key: &'a [u8],
    pub(super) holds: Holds<'a>,
}

/// What is behind a key.
pub(super) enum Holds<'a> {
    /// The page with the keys from this one on.
    Child(u64),
    /// An entry.
    Data(&'a [u8]),
    /// An entry of so many bytes, from this page on.
    Overflow(u64, usize),
}

impl Page {
    pub(super) fn new(number: u64, bytes: Vec<u8>) -> Self {
        Self { number, bytes }
    }

    fn part<const N: usize>(&self, at: usize) -> [u8; N] {
        self.bytes.get(at..at + N).and_then(|part| part.try_into().ok()).unwrap_or([0; N])
    }

    pub(super) fn u16(&self, at: usize) -> u16 {
        u16::from_ne_bytes(self.part(at))
    }

    pub(super) fn u32(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.part(at))
    }

    pub(super) fn u64(&self, at: usize) -> u64 {
        u64::from_ne_bytes(self.part(at))
    }

    fn flags(&self) -> u16 {
        self.u16(10)
    }

    /// Sees that it is itself, and of this kind and no other.
    pub(super) fn must_be(&self, kind: u16) -> Result<(), Damage> {
        if self.u64(0) != self.number {
            return damage(self.number, "it has the number of another page");
        }
        if self.flags() != kind {
            return damage(self.number, "it is of another kind than it is used for");
        }
        Ok(())
    }

    /// How many pages there are of what overflows, if this is the first of them.
    pub(super) fn run(&self) -> Result<u64, Damage> {
        self.must_be(OVERFLOW)?;
        Ok(self.u32(12).into())
    }

    /// The nodes of a branch or leaf, which fill the page from where it says to its end.
    pub(super) fn nodes(&self, kind: u16) -> Result<Vec<Node<'_>>, Damage> {
        self.must_be(kind)?;
        let (lower, upper) = (self.u16(12) as usize, self.u16(14) as usize);
        if lower < HEADER || !lower.is_multiple_of(PLACE) || lower > upper || upper > self.bytes.len() {
            return damage(self.number, "its free space cannot be where it says");
        }
        let places: Vec<usize> = (HEADER..lower).step_by(PLACE).map(|at| self.u16(at).into()).collect();
        let mut spans = Vec::with_capacity(places.len());
        let mut nodes = Vec::with_capacity(places.len());
        for &place in &places {
            let (node, end) = self.node(kind, place)?;
            spans.push((place, end.next_multiple_of(PLACE)));
            nodes.push(node);
        }
        spans.sort_unstable();
        let end = spans.iter().try_fold(upper, |end, &(place, next)| (place == end).then_some(next));
        if end != Some(self.bytes.len()) {
            return damage(self.number, "its nodes leave gaps or overlap");
        }
        Ok(nodes)
    }

    /// The node at a place, and where it ends.
    fn node(&self, kind: u16, place: usize) -> Result<(Node<'_>, usize), Damage> {
        let key_start = place + NODE;
        let key_end = key_start + usize::from(self.u16(place + 6));
        if !place.is_multiple_of(PLACE) || key_end > self.bytes.len() {
            return damage(self.number, "a node is outside of it");
        }
        let (low, flags) = (self.u32(place), self.u16(place + 4));
        let key = &self.bytes[key_start..key_end];
        if kind == BRANCH {
            let child = u64::from(low) | u64::from(flags) << 32;
            return Ok((Node { key, holds: Holds::Child(child) }, key_end));
        }
        let length = low as usize;
        let (holds, end) = match flags {
            0 if length <= self.bytes.len() => (None, key_end + length),
            BIG => (Some(Holds::Overflow(self.u64(key_end), length)), key_end + size_of::<u64>()),
            _ => return damage(self.number, "a node is of no known kind"),
        };
        if end > self.bytes.len() || holds.is_none() && end - place > self.largest_node() {
            return damage(self.number, "a node is outside of it");
        }
        let holds = holds.unwrap_or_else(|| Holds::Data(&self.bytes[key_end..end]));
        Ok((Node { key, holds }, end))
    }

    /// The bytes of the largest node: two fit.
    fn largest_node(&self) -> usize {
        (self.bytes.len() - HEADER) / 2 / PLACE * PLACE - PLACE
    }
}
