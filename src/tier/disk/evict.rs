//! Who leaves: a hand goes round the entries in the order of their keys. What it meets whose time is over leaves; if room is needed, of the entries
//! of a stretch those that were read least of late, and of these the oldest.
//!
//! LMDB merges pages only when they are three quarters empty, so that victims here and there would leave no page free. So a stretch is taken out of its
//! pages, and what stays is put back, close together.

use std::ops::Range;

use super::lmdb::{Cursor, Failure, Pair};
use super::page_bytes;
use super::write::Change;
use crate::codec::Millis;
use crate::tier::Fault;

/// What a stretch has at least, of bytes in leaves and of entries, if there are so many.
const STRETCH_PAGES: u64 = 2;
const FEWEST: usize = 8;

/// What it has at most, of entries in leaves, and of those in pages of their own.
const MOST: usize = 192;
const MOST_LARGE: usize = 16;

/// The bytes of a node in a leaf beside key and entry, and its place.
const NODE_BYTES: u64 = 10;

/// What the hand has met.
#[derive(Default)]
struct Stretch {
    /// All keys and what is put back, one behind the other.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// The bytes that they take in leaves.
    in_leaves: u64,
    large: usize,
}

struct Entry {
    key: Range<usize>,
    /// What is stored, if it lies in the leaf.
    data: Option<Range<usize>>,
    /// What it takes.
    weight: u64,
    is_over: bool,
    reads: u8,
    created: Millis,
}

impl Change<'_> {
    /// Removes entries until so many pages are free that were not, or so many stretches were looked at.
    pub(super) fn evict(&mut self, pages: u64, stretches: u64) -> Result<(), Fault> {
        let target = self.used.pages.saturating_sub(pages);
        for _ in 0..stretches {
            let over = self.used.pages.saturating_sub(target);
            let stretch = self.meet(Stretch::is_whole)?;
            stretch.entries.iter().for_each(|entry| self.session.reads().halve(stretch.key(entry)));
            if over == 0 || stretch.entries.is_empty() {
                break;
            }
            self.touched += STRETCH_PAGES + 1;
            self.thin_out(stretch, over)?;
            self.measure()?;
        }
        Ok(())
    }

    /// Looks at so many entries, of which those whose time is over leave.
    pub(super) fn tend(&mut self, looks: usize) -> Result<(), Fault> {
        let stretch = self.meet(|stretch| stretch.entries.len() >= looks)?;
        for entry in stretch.entries.iter().filter(|entry| entry.is_over) {
            self.take_out(stretch.key(entry))?;
            self.expired += 1;
        }
        self.measure()
    }

    /// Removes the worst of a stretch, for so many pages.
    fn thin_out(&mut self, mut stretch: Stretch, pages: u64) -> Result<(), Fault> {
        stretch.entries.sort_unstable_by_key(|entry| (!entry.is_over, entry.reads, entry.created));
        let over = stretch.entries.partition_point(|entry| entry.is_over);
        let victims = stretch.victims(pages * page_bytes()).max(over);
        self.expired += over as u64;
        self.evicted += (victims - over) as u64;
        let (gone, stay) = stretch.entries.split_at(victims);
        for entry in gone {
            self.take_out(stretch.key(entry))?;
        }
        if gone.iter().all(|entry| entry.data.is_none()) {
            return Ok(());
        }
        let mut stay: Vec<_> =
            stay.iter().filter_map(|entry| Some((stretch.key(entry), entry.data.clone()?))).collect();
        stay.sort_unstable_by_key(|(key, _)| *key);
        for (key, _) in &stay {
            self.take_out(key)?;
        }
        for (key, data) in stay {
            let put = self.txn.put(key, &stretch.bytes[data]);
            put.map_err(|failure| self.lacking(1, failure))?;
        }
        Ok(())
    }

    fn take_out(&mut self, key: &[u8]) -> Result<(), Fault> {
        self.txn.remove(key).map(drop).map_err(|failure| self.lacking(1, failure))
    }

    /// Moves the hand on over a stretch, once round at most.
    fn meet(&mut self, is_whole: impl Fn(&Stretch) -> bool) -> Result<Stretch, Fault> {
        let from = self.session.header().hand.key();
        let walked = self.txn.cursor().and_then(|mut cursor| self.walk(&mut cursor, &from, is_whole));
        let (next, stretch) = walked.map_err(|failure| self.lacking(1, failure))?;
        self.session.header().hand.put(&next);
        Ok(stretch)
    }

    /// Meets entries from a key on; the key to go on from.
    fn walk(
        &self,
        cursor: &mut Cursor<'_>,
        from: &[u8],
        is_whole: impl Fn(&Stretch) -> bool,
    ) -> Result<(Vec<u8>, Stretch), Failure> {
        let mut stretch = Stretch::default();
        let mut place = cursor.seek(from)?;
        let mut is_again = from.is_empty();
        loop {
            match place {
                None if is_again => return Ok((Vec::new(), stretch)),
                None => {
                    is_again = true;
                    place = cursor.seek(b"")?;
                }
                Some((key, _)) if is_whole(&stretch) || is_again && !from.is_empty() && key >= from => {
                    return Ok((key.to_vec(), stretch));
                }
                Some(pair) => {
                    self.look_at(pair, &mut stretch);
                    place = cursor.next()?;
                }
            }
        }
    }

    fn look_at(&self, (key, entry): Pair<'_>, stretch: &mut Stretch) {
        let glimpse = (self.session.hooks.glimpse)(entry);
        let node = NODE_BYTES + (key.len() + entry.len()) as u64;
        let is_in_leaf = node <= page_bytes() / 2;
        let key_range = stretch.add(key);
        let data = is_in_leaf.then(|| stretch.add(entry));
        if is_in_leaf {
            stretch.in_leaves += node;
        } else {
            stretch.large += 1;
        }
        stretch.entries.push(Entry {
            key: key_range,
            data,
            weight: if is_in_leaf { node } else { node.next_multiple_of(page_bytes()) },
            // What is no entry of a version that is known is of no use to anybody.
            is_over: glimpse.is_none_or(|glimpse| glimpse.gone_at <= self.now),
            reads: self.session.reads().of(key),
            created: glimpse.map_or(0, |glimpse| glimpse.created),
        });
    }
}

impl Stretch {
    fn add(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    fn key(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.key.clone()]
    }

    fn is_whole(&self) -> bool {
        let is_long = self.in_leaves >= STRETCH_PAGES * page_bytes() && self.entries.len() >= FEWEST;
        is_long || self.large >= MOST_LARGE || self.entries.len() >= MOST
    }

    /// How many of them have to leave so that there are so many bytes, or half of what lies in leaves.
    fn victims(&self, bytes: u64) -> usize {
        let enough = bytes.min(self.in_leaves / STRETCH_PAGES).max(1);
        let is_large = self.large * 2 > self.entries.len();
        let enough = if is_large { bytes } else { enough };
        let weights = self.entries.iter().scan(0, |sum, entry| {
            *sum += entry.weight;
            Some(*sum)
        });
        let short = weights.take_while(|&sum| sum < enough).count();
        (short + 1).min(self.entries.len())
    }
}
