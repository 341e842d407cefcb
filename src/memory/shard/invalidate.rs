//! Tags in a shard: what they mean to its entries.

use std::sync::Arc;

use crate::clock::{Clock, Tick};
use crate::memory::entry::{Carried, Hashed};
use crate::memory::shard::Shard;
use crate::memory::tags::{Epoch, TagVerdict, Tags};
use crate::memory::{Freshness, Mark, Removals, Removed};
use crate::policy::{NONE, Nodes, Slot};
use crate::stats::Cause;

impl<K: Hashed, V> Shard<K, V> {
    /// What a tag has done to an entry, if one has.
    #[inline]
    pub(crate) fn tag_verdict(&self, slot: Slot) -> Option<TagVerdict> {
        if !self.slab.get(slot).life.is_tagged() {
            return None;
        }
        let carried = self.slab.carried(slot).filter(|carried| carried.valid_at != self.epoch)?;
        self.tags.as_ref()?.tag_verdict(carried.first, carried.valid_at)
    }

    /// The name of the tag that has invalidated an entry or made it stale.
    pub(crate) fn invalidated_by(&self, slot: Slot) -> Option<Arc<str>> {
        let carried = self.slab.carried(slot)?;
        self.tags.as_ref()?.invalidated_by(carried.first, carried.valid_at)
    }

    /// Whether no tag has invalidated an entry; notes that it is so now. One that a tag has made stale is valid for its grace.
    #[inline]
    pub(crate) fn is_valid(&mut self, slot: Slot) -> bool {
        if !self.slab.get(slot).life.is_tagged() {
            return true;
        }
        let (epoch, tag_verdict) = (self.epoch, self.tag_verdict(slot));
        match tag_verdict {
            Some(TagVerdict::Invalidated(_)) => false,
            Some(TagVerdict::Expired(at)) => {
                self.readmit(slot, at);
                true
            }
            None => {
                if let Some(carried) = self.slab.carried_mut(slot) {
                    carried.valid_at = epoch;
                }
                true
            }
        }
    }

    /// Takes an entry that a tag made stale from among the invalidated, for its grace.
    pub(crate) fn readmit(&mut self, slot: Slot, at: Tick) {
        self.grow_stale(slot, at);
        let epoch = self.epoch;
        if let (Some(carried), Some(tags)) = (self.slab.carried_mut(slot), &mut self.tags) {
            carried.valid_at = epoch;
            let first = carried.first;
            tags.readmit(first);
        }
    }

    /// The names of an entry's tags.
    pub(crate) fn tag_names(&self, slot: Slot) -> Vec<Arc<str>> {
        let first = self.slab.carried(slot).map_or(NONE, |carried| carried.first);
        self.tags.as_ref().map(|tags| tags.names(first)).unwrap_or_default()
    }

    /// Has an entry carry these tags and no others. They had not invalidated it at the epoch `since`, or now.
    #[inline]
    pub(crate) fn set_tags(&mut self, slot: Slot, names: &[Arc<str>], since: Option<Epoch>) {
        self.detach_tags(slot);
        if !names.is_empty() {
            self.attach_tags(slot, names, since);
        }
    }

    #[inline(never)]
    fn attach_tags(&mut self, slot: Slot, names: &[Arc<str>], since: Option<Epoch>) {
        let first = self.tags.get_or_insert_with(|| Box::new(Tags::new())).attach(slot, names);
        self.slab.carry(slot, Some(Carried { first, valid_at: since.unwrap_or(self.epoch) }));
    }

    /// Notes that an entry carries no tags any more.
    #[inline]
    pub(crate) fn detach_tags(&mut self, slot: Slot) {
        if self.slab.get(slot).life.is_tagged() {
            self.detach_all_tags(slot);
        }
    }

    #[inline(never)]
    fn detach_all_tags(&mut self, slot: Slot) {
        if let Some(&Carried { first, .. }) = self.slab.carried(slot) {
            self.slab.carry(slot, None);
            if let Some(tags) = &mut self.tags {
                tags.detach(first);
            }
        }
    }

    /// Invalidates tags. What entries leave of that carry them is `cause`. Loads that began at `oldest` or later are in progress, if any.
    pub(crate) fn invalidate_tags(&mut self, names: &[Arc<str>], cause: Cause, oldest: Option<Epoch>, now: Tick) {
        self.epoch += 1;
        let epoch = self.epoch;
        if self.tags.is_none() && oldest.is_none() {
            return;
        }
        let tags = self.tags.get_or_insert_with(|| Box::new(Tags::new()));
        for name in names {
            tags.invalidate(name, epoch, cause, oldest.is_some(), now);
        }
        tags.reclaim(oldest.unwrap_or(epoch));
    }

    /// Whether one of these tags was invalidated since this epoch.
    pub(crate) fn invalidated_since(&self, names: &[Arc<str>], since: Epoch) -> bool {
        self.epoch != since && self.tags.as_ref().is_some_and(|tags| tags.invalidated_since(names, since))
    }

    /// Whether a tag has invalidated an entry that is still there.
    #[inline]
    pub(super) fn has_invalidated(&self) -> bool {
        self.tags.as_ref().is_some_and(|tags| tags.next_invalidated().is_some())
    }

    /// Takes out the first entry that a tag has invalidated, unless it was only made stale and has grace left.
    pub(super) fn pop_invalidated(&mut self, now: Tick) -> Option<Removed<K, V>> {
        let slot = self.tags.as_ref()?.next_invalidated()?;
        let cause = match self.freshness(slot, now) {
            Freshness::Gone(cause) => cause,
            _ => {
                let Some(TagVerdict::Expired(at)) = self.tag_verdict(slot) else {
                    unreachable!("it is among the invalidated")
                };
                self.readmit(slot, at);
                return None;
            }
        };
        self.take_out(slot, cause).map(|removed| Removed { fresh: false, ..removed })
    }

    /// Takes out every entry that is known by this mark.
    pub(crate) fn remove_marked(&mut self, mark: Mark, cause: Cause, clock: &Clock) -> Removals<K, V> {
        let mut left = Removals::nothing();
        while let Some(slot) = self.marked.as_ref().and_then(|marked| marked.find(mark)) {
            self.notify_removal(self.slab.hash(slot), clock);
            let end = self.end(slot, clock);
            left.push(self.take_out(slot, end.unwrap_or(cause)));
        }
        left
    }

    /// Notes what others know an entry by.
    #[inline]
    pub(crate) fn set_mark(&mut self, slot: Slot, mark: Mark) {
        if mark != 0 || self.marked.is_some() {
            self.marked.get_or_insert_default().set(slot, mark);
        }
    }
}
