//! Tags in a shard: what they mean to its entries.

use std::sync::Arc;

use crate::memory::entry::Hashed;
use crate::memory::shard::Shard;
use crate::memory::tags::{Epoch, Tags};
use crate::policy::{NONE, Slot};
use crate::stats::Cause;

impl<K: Hashed, V> Shard<K, V> {
    /// Why a tag has killed an entry, if one has.
    #[inline]
    pub(super) fn death(&self, slot: Slot) -> Option<Cause> {
        if !self.slab.get(slot).life.has_extra() {
            return None;
        }
        let extra = self.slab.extra(slot).filter(|extra| extra.tags != NONE && extra.alive != self.epoch)?;
        self.tags.as_ref()?.death(extra.tags, extra.alive)
    }

    /// Whether no tag has killed an entry; notes that it is so now.
    #[inline]
    pub(super) fn is_alive(&mut self, slot: Slot) -> bool {
        if !self.slab.get(slot).life.has_extra() {
            return true;
        }
        let epoch = self.epoch;
        let Some(extra) = self.slab.extra_mut(slot) else { return true };
        if extra.alive == epoch || extra.tags == NONE {
            return true;
        }
        let alive = self.tags.as_ref().is_none_or(|tags| tags.spare(extra.tags, extra.alive));
        if alive {
            extra.alive = epoch;
        }
        alive
    }

    /// The names of an entry's tags.
    pub(super) fn tag_names(&self, slot: Slot) -> Vec<Arc<str>> {
        let first = self.slab.extra(slot).map_or(NONE, |extra| extra.tags);
        self.tags.as_ref().map(|tags| tags.names(first)).unwrap_or_default()
    }

    /// Notes that an entry carries these tags; where.
    pub(super) fn attach_tags(&mut self, slot: Slot, names: &[Arc<str>]) -> u32 {
        if names.is_empty() {
            return NONE;
        }
        self.tags.get_or_insert_with(|| Box::new(Tags::new())).attach(slot, names)
    }

    /// Notes that an entry carries no tags any more.
    #[inline]
    pub(super) fn detach_tags(&mut self, slot: Slot) {
        if self.slab.get(slot).life.has_extra()
            && let Some(extra) = self.slab.extra_mut(slot)
            && extra.tags != NONE
            && let Some(tags) = &mut self.tags
        {
            tags.detach(extra.tags);
            extra.tags = NONE;
        }
    }

    /// Invalidates tags. What entries leave of that carry them is `cause`. Loads that began at `oldest` or later are in progress, if any.
    pub(super) fn kill_tags(&mut self, names: &[Arc<str>], cause: Cause, oldest: Option<Epoch>) {
        self.epoch += 1;
        let epoch = self.epoch;
        if self.tags.is_none() && oldest.is_none() {
            return;
        }
        let tags = self.tags.get_or_insert_with(|| Box::new(Tags::new()));
        for name in names {
            tags.kill(name, epoch, cause, oldest.is_some());
        }
        tags.reclaim(oldest.unwrap_or(epoch));
    }

    /// Whether one of these tags was invalidated since this epoch.
    pub(super) fn killed_since(&self, names: &[Arc<str>], since: Epoch) -> bool {
        self.epoch != since && self.tags.as_ref().is_some_and(|tags| tags.killed_since(names, since))
    }
}
