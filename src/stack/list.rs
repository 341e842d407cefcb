//! Keys that a tier holds, a page at a time: nothing of the tier is held between two pages.

use crate::codec::{Header, Key, Millis, Unopened};
use crate::stack::Back;
use crate::stack::back::{CLOCKS_DIFFER, suits};
use crate::tier::{Fault, KEPT, LONGEST, Mark, Wait, stored_key};

/// Which of a tier's keys are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// What they begin with.
    pub prefix: &'a [u8],
    /// What the page before ended with.
    pub after: Option<&'a [u8]>,
    /// The most entries to look at.
    pub most: usize,
}

/// Keys of entries that are fresh.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys, by what they are stored under.
    pub keys: Vec<Vec<u8>>,
    /// What the next page comes after; nothing if this one is empty, which is the end.
    pub last: Option<Vec<u8>>,
}

/// An entry that was met.
struct Met {
    key: Vec<u8>,
    clock: u64,
    header: Header,
}

/// What the envelope of a key is sealed for: one that is not stored under itself lies in it.
pub(super) fn named<'a>(key: &'a [u8], stored: &'a [u8]) -> Key<'a> {
    Key { stored, whole: (key.len() > LONGEST).then_some(key) }
}

impl Back {
    /// The keys of fresh entries, of the next so many. What cannot be read is passed over. Nothing is counted as read.
    ///
    /// # Errors
    /// [`Fault`]: it is not known which there are.
    pub fn page(
        &self,
        part: Part<'_>,
        now: Millis,
        marks: impl Fn(&[u8], &[Box<str>]) -> Vec<Mark>,
        wait: Wait,
    ) -> Result<Page, Fault> {
        let (mut met, mut last) = (Vec::new(), None);
        // What is stored under a digest is found by what it keeps of its key.
        let prefix = &part.prefix[..part.prefix.len().min(KEPT)];
        self.list(part, prefix, wait, &mut |stored, bytes| {
            last = Some(stored.to_vec());
            met.extend(self.meet(stored, bytes).ok().filter(|met| met.key.starts_with(part.prefix)));
        })?;
        let mut keys = Vec::with_capacity(met.len());
        for Met { key, clock, mut header } in met {
            let lasts = header.fresh_until > now && header.created <= now.saturating_add(CLOCKS_DIFFER);
            if lasts {
                let marks = marks(&key, &header.tags);
                let judgement = self.judge(clock, &marks, wait)?;
                if suits(&mut header, judgement, now) && header.fresh_until > now {
                    keys.push(key);
                }
            }
        }
        Ok(Page { keys, last })
    }

    /// The entry that was stored under this.
    fn meet(&self, stored: &[u8], bytes: &[u8]) -> Result<Met, Unopened> {
        // Some tiers list the whole key, and some its digest.
        let opened = self.format.look(named(stored, &stored_key(stored)), bytes)?;
        let key = match &opened.key {
            Some(whole) if stored_key(whole) == stored_key(stored) => whole.to_vec(),
            Some(_) => return Err(Unopened::OtherKey),
            None => stored.to_vec(),
        };
        Ok(Met { key, clock: opened.clock, header: opened.header() })
    }
}
