//! How entries stand at a moment, and what is known of them.

use std::sync::Arc;

use crate::clock::{Clock, NEVER, Tick};
use crate::expiry::Lifespan;
use crate::memory::course::Course;
use crate::memory::entry::Hashed;
use crate::memory::shard::Shard;
use crate::memory::tagged::Death;
use crate::policy::Slot;
use crate::stats::Cause;

/// How an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its ttl has not ended.
    Fresh,
    /// Its ttl has ended and its grace has not.
    Stale,
    /// It is an error that a load ended with, and that is raised until its ttl ends.
    Error,
    /// It is not there any more although it has not been taken out.
    Over(Cause),
}

/// What is known of an entry.
#[derive(Clone, Debug)]
pub struct Facts {
    /// How it stands now.
    pub standing: Standing,
    /// When it was stored, and what becomes of it.
    pub course: Course,
    /// How long it was to live.
    pub lifespan: Lifespan,
    /// When a hit starts a refresh, or [`NEVER`].
    pub refresh_at: Tick,
    /// When it goes if it is not read, or [`NEVER`].
    pub idle_until: Tick,
    /// Until when loads that failed are not repeated, or 0.
    pub retry_at: Tick,
    /// How many loads failed, one after the other.
    pub failures: u8,
    /// Its tags.
    pub tags: Vec<Arc<str>>,
    /// The tag that has killed it or made it stale, if one has.
    pub killer: Option<Arc<str>>,
    /// The time for which this is so.
    pub now: Tick,
}

impl<K: Hashed, V> Shard<K, V> {
    /// How an entry stands by this time, whatever its deadline says.
    pub(super) fn standing(&self, slot: Slot, now: Tick) -> Standing {
        let mut course = self.slab.course(slot);
        match self.death(slot) {
            None => {}
            Some(Death::Killed(cause)) => return Standing::Over(cause),
            Some(Death::Expired(at)) => course = self.expired(slot, at),
        }
        let idle_until = self.slab.own(slot).map_or(NEVER, |own| own.idle_until);
        if course.gone_at.min(idle_until) <= now && course.gone_at.min(idle_until) != NEVER {
            return Standing::Over(Cause::Expired);
        }
        match (self.slab.get(slot).life.is_error(), course.fresh_until == NEVER || now < course.fresh_until) {
            (false, true) => Standing::Fresh,
            (false, false) => Standing::Stale,
            (true, true) => Standing::Error,
            (true, false) => Standing::Over(Cause::Expired),
        }
    }

    /// The course of an entry that a tag made stale at this time.
    fn expired(&self, slot: Slot, at: Tick) -> Course {
        let course = self.slab.course(slot);
        let fresh_until = course.fresh_until.min(at.max(course.created));
        let gone_at = course.gone_at.min(crate::expiry::after(at, self.slab.lifespan(slot).grace));
        Course { fresh_until, gone_at, ..course }
    }

    /// An entry becomes stale at this time, if it is not yet.
    pub(super) fn grow_stale(&mut self, slot: Slot, at: Tick) {
        let course = self.expired(slot, at);
        let mut own = self.own(slot);
        (own.course, own.refresh_at) = (course, NEVER);
        self.change_own(slot, own);
    }

    /// Why an entry is not fresh although it has not been taken out, if so.
    #[inline]
    pub(super) fn end(&self, slot: Slot, clock: &Clock) -> Option<Cause> {
        let life = self.slab.get(slot).life;
        let deadline = life.deadline();
        if (deadline == NEVER || !clock.has_come(deadline)) && !life.is_tagged() {
            return None;
        }
        match self.standing(slot, clock.precise()) {
            Standing::Fresh => None,
            Standing::Stale | Standing::Error => Some(Cause::Expired),
            Standing::Over(cause) => Some(cause),
        }
    }

    pub(super) fn is_over(&self, slot: Slot, clock: &Clock) -> bool {
        self.end(slot, clock).is_some()
    }

    /// What is known of an entry.
    pub(super) fn facts(&self, slot: Slot, now: Tick) -> Facts {
        let (death, own) = (self.death(slot), self.slab.own(slot));
        let course = if let Some(Death::Expired(at)) = death { self.expired(slot, at) } else { self.slab.course(slot) };
        let lifespan = self.slab.lifespan(slot);
        let deadline = self.slab.get(slot).life.deadline();
        let usual = if deadline < course.fresh_until { deadline } else { NEVER };
        Facts {
            standing: self.standing(slot, now),
            course,
            lifespan,
            refresh_at: own.map_or(usual, |own| own.refresh_at),
            idle_until: own.map_or(NEVER, |own| own.idle_until),
            retry_at: own.map_or(0, |own| own.retry_at),
            failures: own.map_or(0, |own| own.failures),
            tags: self.tag_names(slot),
            killer: match death {
                // It may have been stale already.
                Some(Death::Expired(at)) if at >= self.slab.course(slot).fresh_until => None,
                _ => self.killer(slot),
            },
            now,
        }
    }
}
