//! Tags in a shard: what they mean to its entries.

use std::sync::Arc;

use crate::clock::Tick;
use crate::memory::entry::{Carried, Hashed};
use crate::memory::shard::Shard;
use crate::memory::tags::{Epoch, Tags};
use crate::policy::{NONE, Slot};
use crate::stats::Cause;

/// What a tag has done to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// It is invalidated.
    Killed(Cause),
    /// It is stale since then, and may be served for its grace.
    Expired(Tick),
}

impl<K: Hashed, V> Shard<K, V> {
    /// What a tag has done to an entry, if one has.
    #[inline]
    pub(super) fn death(&self, slot: Slot) -> Option<Death> {
        if !self.slab.get(slot).life.is_tagged() {
            return None;
        }
        let carried = self.slab.carried(slot).filter(|carried| carried.alive != self.epoch)?;
        self.tags.as_ref()?.death(carried.first, carried.alive)
    }

    /// The name of the tag that has killed an entry or made it stale.
    pub(super) fn killer(&self, slot: Slot) -> Option<Arc<str>> {
        let carried = self.slab.carried(slot)?;
        self.tags.as_ref()?.killer(carried.first, carried.alive)
    }

    /// Whether no tag has killed an entry; notes that it is so now. One that a tag has made stale is alive for its grace.
    #[inline]
    pub(super) fn is_alive(&mut self, slot: Slot) -> bool {
        if !self.slab.get(slot).life.is_tagged() {
            return true;
        }
        let (epoch, death) = (self.epoch, self.death(slot));
        match death {
            Some(Death::Killed(_)) => false,
            Some(Death::Expired(at)) => {
                self.revive(slot, at);
                true
            }
            None => {
                if let Some(carried) = self.slab.carried_mut(slot) {
                    carried.alive = epoch;
                }
                true
            }
        }
    }

    /// Takes an entry that a tag made stale from among the dead, for its grace.
    pub(super) fn revive(&mut self, slot: Slot, at: Tick) {
        self.grow_stale(slot, at);
        let epoch = self.epoch;
        if let (Some(carried), Some(tags)) = (self.slab.carried_mut(slot), &mut self.tags) {
            carried.alive = epoch;
            let first = carried.first;
            tags.revive(first);
        }
    }

    /// The names of an entry's tags.
    pub(super) fn tag_names(&self, slot: Slot) -> Vec<Arc<str>> {
        let first = self.slab.carried(slot).map_or(NONE, |carried| carried.first);
        self.tags.as_ref().map(|tags| tags.names(first)).unwrap_or_default()
    }

    /// Has an entry carry these tags and no others. They had not killed it at the epoch `since`, or now.
    #[inline]
    pub(super) fn set_tags(&mut self, slot: Slot, names: &[Arc<str>], since: Option<Epoch>) {
        self.detach_tags(slot);
        if !names.is_empty() {
            self.attach_tags(slot, names, since);
        }
    }

    #[inline(never)]
    fn attach_tags(&mut self, slot: Slot, names: &[Arc<str>], since: Option<Epoch>) {
        let first = self.tags.get_or_insert_with(|| Box::new(Tags::new())).attach(slot, names);
        self.slab.carry(slot, Some(Carried { first, alive: since.unwrap_or(self.epoch) }));
    }

    /// Notes that an entry carries no tags any more.
    #[inline]
    pub(super) fn detach_tags(&mut self, slot: Slot) {
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
    pub(super) fn kill_tags(&mut self, names: &[Arc<str>], cause: Cause, oldest: Option<Epoch>, now: Tick) {
        self.epoch += 1;
        let epoch = self.epoch;
        if self.tags.is_none() && oldest.is_none() {
            return;
        }
        let tags = self.tags.get_or_insert_with(|| Box::new(Tags::new()));
        for name in names {
            tags.kill(name, epoch, cause, oldest.is_some(), now);
        }
        tags.reclaim(oldest.unwrap_or(epoch));
    }

    /// Whether one of these tags was invalidated since this epoch.
    pub(super) fn killed_since(&self, names: &[Arc<str>], since: Epoch) -> bool {
        self.epoch != since && self.tags.as_ref().is_some_and(|tags| tags.killed_since(names, since))
    }
}
