//! How long entries of a shard live: deadlines set and changed, and what is over taken out in bounded steps.

use std::time::Duration;

use crate::clock::{COARSE_LAG, Clock, NEVER, Tick};
use crate::expiry::{Lifespan, Wheel, after};
use crate::memory::entry::{ERROR, Hashed};
use crate::memory::lifespans::{Deadlines, OwnLifespan, backed_off, earlier};
use crate::memory::shard::Shard;
use crate::memory::{Details, Freshness, Probe, Removals, Removed, Unsure};
use crate::policy::{Nodes, Slot};
use crate::stats::Cause;

/// The most entries that one operation examines of those that may have expired, or that a tag has invalidated.
pub(crate) const PENDING_STEP: usize = 32;

impl<K: Hashed, V> Shard<K, V> {
    /// Gives an entry its deadlines, as it was just stored.
    #[inline]
    pub(crate) fn set_life(&mut self, slot: Slot, details: &Details, now: Tick, clock: &Clock) {
        let lifespan = &details.lifespan;
        if !details.is_error
            && details.deadlines.is_none()
            && let Some(kind) = self.slab.lifespans.kind(lifespan)
        {
            let before = self.end_in_wheel(slot);
            let ttl = self.slab.lifespans.shorten(lifespan.ttl, self.slab.hash(slot));
            let created = lifespan.start(now, clock);
            let end = Deadlines::from(created, ttl, lifespan.grace).gone_at;
            self.slab.set_own(slot, None);
            let life = &mut self.slab.get_mut(slot).life;
            life.set_kind(kind);
            life.set_deadline(after(created, lifespan.lead(ttl)));
            self.put_in_wheel(slot, before, end, now);
            if end == NEVER {
                self.slab.set_created(slot, created);
            }
            return;
        }
        self.set_own_life(slot, details, now, clock);
    }

    #[inline(never)]
    fn set_own_life(&mut self, slot: Slot, details: &Details, now: Tick, clock: &Clock) {
        let lifespan = details.lifespan;
        let created = lifespan.start(now, clock);
        let ttl = self.slab.lifespans.shorten(lifespan.ttl, self.slab.hash(slot));
        let deadlines = details.deadlines.unwrap_or_else(|| Deadlines::from(created, ttl, lifespan.grace));
        let early = lifespan.early.by(Duration::from_nanos(details.nanos), self.slab.lifespans.draw());
        let latest = after(deadlines.created, lifespan.lead(ttl)).min(deadlines.fresh_until);
        let refresh_at = latest.saturating_sub(early).max(deadlines.created + 1);
        let own = OwnLifespan {
            lifespan,
            deadlines,
            refresh_at: if refresh_at >= deadlines.fresh_until { NEVER } else { refresh_at },
            idle_until: after(created, lifespan.idle),
            retry_at: 0,
            failures: details.failures,
        };
        let before = self.end_in_wheel(slot);
        self.slab.set_own(slot, Some(own));
        self.slab.get_mut(slot).life.set_kind(if details.is_error { ERROR } else { 0 });
        self.own_changed(slot, before, now);
    }

    /// What is noted of an entry's life, or would be.
    pub(crate) fn own(&self, slot: Slot) -> OwnLifespan {
        self.slab.own(slot).copied().unwrap_or_else(|| {
            let (deadlines, deadline) = (self.slab.deadlines(slot), self.slab.get(slot).life.deadline());
            let refresh_at = if deadline < deadlines.fresh_until { deadline } else { NEVER };
            let lifespan = self.slab.lifespan(slot);
            OwnLifespan { lifespan, deadlines, refresh_at, idle_until: NEVER, retry_at: 0, failures: 0 }
        })
    }

    /// Notes something else of an entry's life.
    pub(crate) fn change_own(&mut self, slot: Slot, own: OwnLifespan) {
        let before = self.end_in_wheel(slot);
        if !self.slab.get(slot).life.is_own() {
            self.slab.get_mut(slot).life.set_kind(0);
        }
        self.slab.set_own(slot, Some(own));
        self.own_changed(slot, before, 0);
    }

    /// Sets the deadline of an entry to when a hit on it is more than a hit.
    fn own_changed(&mut self, slot: Slot, before: Option<Tick>, now: Tick) {
        let always = self.slab.get(slot).life.is_error();
        if let Some(own) = self.slab.own(slot) {
            let deadline =
                if always || own.idle_until != NEVER { 0 } else { own.refresh_at.min(own.deadlines.fresh_until) };
            self.slab.get_mut(slot).life.set_deadline(deadline);
        }
        let end = self.slab.end(slot);
        self.put_in_wheel(slot, before, end, now);
    }

    /// At which end the wheel is to find an entry, if it is there.
    #[inline]
    fn end_in_wheel(&self, slot: Slot) -> Option<Tick> {
        self.slab.get(slot).life.is_timed().then(|| self.slab.end(slot))
    }

    /// Has the wheel find an entry at its end, which was `before` if it is there. A later end leaves it where it is in the wheel,
    /// which will put it off when it comes to it.
    #[inline]
    fn put_in_wheel(&mut self, slot: Slot, before: Option<Tick>, end: Tick, now: Tick) {
        if end == NEVER && before.is_none() || end != NEVER && before.is_some_and(|before| end >= before) {
            return;
        }
        let wheel = self.wheel.get_or_insert_with(|| Wheel::new(now));
        if before.is_some() {
            wheel.remove(&mut self.slab, slot);
        }
        self.slab.get_mut(slot).life.set_timed(end != NEVER);
        if end != NEVER {
            self.wake = self.wake.min(wheel.insert_at(&mut self.slab, slot, end));
        }
    }

    /// A hit after the time to start a refresh: it is its caller's to start one, and the next one's after half of the ttl that is left.
    pub(crate) fn put_off_refresh(&mut self, slot: Slot, now: Tick) {
        let mut own = self.own(slot);
        let rest = own.deadlines.fresh_until.saturating_sub(now) / 2;
        own.refresh_at = if rest < COARSE_LAG { NEVER } else { now + rest };
        self.change_own(slot, own);
    }

    /// A load failed: it is not to be repeated for so long, and for twice as long after the next failure.
    pub(crate) fn back_off(&mut self, slot: Slot, base: Tick, now: Tick) {
        let mut own = self.own(slot);
        own.retry_at = after(now, backed_off(base, own.failures));
        own.failures = own.failures.saturating_add(1);
        self.change_own(slot, own);
    }

    /// Lets time pass for all entries at once: each life is so much further.
    pub(crate) fn advance_by(&mut self, by: Tick) {
        for slot in 0..self.slab.entries().len() as Slot {
            if self.slab.get(slot).pair.is_none() {
                continue;
            }
            let (life, deadlines) = (self.slab.get(slot).life, self.slab.deadlines(slot));
            let before = self.end_in_wheel(slot);
            if let Some(own) = self.slab.own_mut(slot) {
                own.deadlines = deadlines.earlier(by);
                own.refresh_at = earlier(own.refresh_at, by);
                own.idle_until = earlier(own.idle_until, by);
                own.retry_at = own.retry_at.saturating_sub(by);
                self.own_changed(slot, before, 0);
            } else if before.is_none() {
                self.slab.set_created(slot, deadlines.created.saturating_sub(by));
            } else if deadlines.created < by {
                // From before the first tick its deadlines could not be told from one number.
                let own = self.own(slot);
                let refresh_at = earlier(own.refresh_at, by);
                self.change_own(slot, OwnLifespan { deadlines: deadlines.earlier(by), refresh_at, ..own });
            } else {
                self.slab.get_mut(slot).life.set_deadline(earlier(life.deadline(), by));
                let end = self.slab.end(slot);
                self.put_in_wheel(slot, before, end, 0);
            }
        }
        if let Some(tags) = &mut self.tags {
            tags.advance_by(by);
        }
    }

    /// Removes a bounded number of entries whose time is over.
    pub(crate) fn run_pending(&mut self, clock: &Clock) -> Removals<K, V> {
        let mut left = Removals::nothing();
        let now = if self.wake == NEVER && !self.has_removed() { 0 } else { clock.coarse() };
        self.run_pending_at(now, &mut left);
        left
    }

    /// Removes a bounded number of entries whose time is over by `now`.
    #[inline]
    pub(crate) fn run_pending_at(&mut self, now: Tick, left: &mut Removals<K, V>) {
        if self.wake <= now {
            self.take_out_due(now, PENDING_STEP, left);
        }
        if self.has_removed() {
            self.drain_removed(PENDING_STEP, now, left);
        }
    }

    /// Removes every entry whose time is over.
    pub(crate) fn sweep(&mut self, clock: &Clock) -> Removals<K, V> {
        let mut left = Removals::nothing();
        let now = clock.precise();
        self.drain_removed(usize::MAX, now, &mut left);
        self.take_out_due(now, usize::MAX, &mut left);
        let mut next = self.wheel.as_ref().and_then(Wheel::first_of_current_bucket);
        while let Some(slot) = next {
            next = self.wheel.as_ref().and_then(|wheel| wheel.after(&self.slab, slot));
            if self.slab.end(slot) <= now {
                left.push(self.take_out(slot, Cause::Expired));
            }
        }
        left
    }

    #[inline(never)]
    fn take_out_due(&mut self, now: Tick, most: usize, left: &mut Removals<K, V>) {
        let Some(mut wheel) = self.wheel.take() else { return };
        wheel.turn(&mut self.slab, now);
        for _ in 0..most {
            let Some(slot) = wheel.pop_due(&mut self.slab) else { break };
            if self.slab.end(slot) > now {
                wheel.insert(&mut self.slab, slot);
                continue;
            }
            self.slab.get_mut(slot).life.set_timed(false);
            left.push(self.take_out(slot, Cause::Expired));
        }
        self.wake = wheel.wake();
        self.wheel = Some(wheel);
    }

    /// Gives a fresh entry a new life, or its own once more.
    pub(crate) fn touch(
        &mut self,
        hash: u32,
        probe: &mut impl Probe<K>,
        lifespan: Option<Lifespan>,
        clock: &Clock,
    ) -> Result<bool, Unsure> {
        let Some(slot) = self.find_fresh(hash, probe, clock)? else { return Ok(false) };
        let lifespan = lifespan.unwrap_or_else(|| self.slab.lifespan(slot));
        self.set_life(slot, &Details { lifespan, ..Details::default() }, clock.coarse(), clock);
        self.notify_write(slot, false, clock);
        Ok(true)
    }

    /// Makes a fresh entry stale, or takes it out if it has no grace; whether there was one, and what left.
    pub(crate) fn expire(
        &mut self,
        hash: u32,
        probe: &mut impl Probe<K>,
        clock: &Clock,
    ) -> Result<(bool, Removals<K, V>), Unsure> {
        let mut left = Removals::nothing();
        let found = self.find(hash, probe)?;
        self.notify_removal(hash, clock);
        let Some(slot) = found else { return Ok((false, left)) };
        let fresh = self.end(slot, clock).is_none();
        let now = clock.precise();
        if fresh && self.slab.lifespan(slot).grace > 0 {
            self.grow_stale(slot, now);
        } else if fresh || !matches!(self.freshness(slot, now), Freshness::Stale) {
            left.push(self.take_out(slot, Cause::Expired).map(|removed| Removed { fresh, ..removed }));
        }
        Ok((fresh, left))
    }
}
