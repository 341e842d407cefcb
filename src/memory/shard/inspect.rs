//! How fresh entries of a shard are, and what is known of them.

use crate::clock::{Clock, NEVER, Tick};
use crate::memory::lifespans::Deadlines;
use crate::memory::shard::Shard;
use crate::memory::tags::TagVerdict;
use crate::memory::{EntryInfo, Freshness, Hashed};
use crate::policy::Slot;
use crate::stats::Cause;

impl<K: Hashed, V> Shard<K, V> {
    /// How an entry stands by this time, whatever its deadline says.
    pub(crate) fn freshness(&self, slot: Slot, now: Tick) -> Freshness {
        let mut deadlines = self.slab.deadlines(slot);
        match self.tag_verdict(slot) {
            None => {}
            Some(TagVerdict::Invalidated(cause)) => return Freshness::Gone(cause),
            Some(TagVerdict::Expired(at)) => deadlines = self.expired(slot, at),
        }
        let idle_until = self.slab.own(slot).map_or(NEVER, |own| own.idle_until);
        if deadlines.gone_at.min(idle_until) <= now && deadlines.gone_at.min(idle_until) != NEVER {
            return Freshness::Gone(Cause::Expired);
        }
        match (self.slab.get(slot).life.is_error(), deadlines.fresh_until == NEVER || now < deadlines.fresh_until) {
            (false, true) => Freshness::Fresh,
            (false, false) => Freshness::Stale,
            (true, true) => Freshness::Error,
            (true, false) => Freshness::Gone(Cause::Expired),
        }
    }

    /// The deadlines of an entry that a tag made stale at this time.
    fn expired(&self, slot: Slot, at: Tick) -> Deadlines {
        let deadlines = self.slab.deadlines(slot);
        let fresh_until = deadlines.fresh_until.min(at.max(deadlines.created));
        let gone_at = deadlines.gone_at.min(crate::expiry::after(at, self.slab.lifespan(slot).grace));
        Deadlines { fresh_until, gone_at, ..deadlines }
    }

    /// An entry becomes stale at this time, if it is not yet.
    pub(crate) fn grow_stale(&mut self, slot: Slot, at: Tick) {
        let deadlines = self.expired(slot, at);
        let mut own = self.own(slot);
        (own.deadlines, own.refresh_at) = (deadlines, NEVER);
        self.change_own(slot, own);
    }

    /// Why an entry is not fresh although it has not been taken out, if so.
    #[inline]
    pub(crate) fn end(&self, slot: Slot, clock: &Clock) -> Option<Cause> {
        let life = self.slab.get(slot).life;
        let deadline = life.deadline();
        if (deadline == NEVER || !clock.has_come(deadline)) && !life.is_tagged() {
            return None;
        }
        match self.freshness(slot, clock.precise()) {
            Freshness::Fresh => None,
            Freshness::Stale | Freshness::Error => Some(Cause::Expired),
            Freshness::Gone(cause) => Some(cause),
        }
    }

    pub(crate) fn is_over(&self, slot: Slot, clock: &Clock) -> bool {
        self.end(slot, clock).is_some()
    }

    /// What is known of an entry.
    pub(crate) fn info(&self, slot: Slot, now: Tick) -> EntryInfo {
        let (tag_verdict, own) = (self.tag_verdict(slot), self.slab.own(slot));
        let deadlines = if let Some(TagVerdict::Expired(at)) = tag_verdict {
            self.expired(slot, at)
        } else {
            self.slab.deadlines(slot)
        };
        let lifespan = self.slab.lifespan(slot);
        let deadline = self.slab.get(slot).life.deadline();
        let usual = if deadline < deadlines.fresh_until { deadline } else { NEVER };
        EntryInfo {
            freshness: self.freshness(slot, now),
            deadlines,
            lifespan,
            refresh_at: own.map_or(usual, |own| own.refresh_at),
            idle_until: own.map_or(NEVER, |own| own.idle_until),
            retry_at: own.map_or(0, |own| own.retry_at),
            failures: own.map_or(0, |own| own.failures),
            tags: self.tag_names(slot),
            invalidated_by: match tag_verdict {
                // It may have been stale already.
                Some(TagVerdict::Expired(at)) if at >= self.slab.deadlines(slot).fresh_until => None,
                _ => self.invalidated_by(slot),
            },
            now,
        }
    }
}
