//! Lives in a shard: deadlines set and put off, and what is over taken out in bounded steps.

use std::sync::Arc;

use crate::clock::{Clock, NEVER, Tick};
use crate::expiry::{Lifespan, Wheel};
use crate::memory::Left;
use crate::memory::entry::{Extra, Hashed};
use crate::memory::shard::Shard;
use crate::memory::tags::Epoch;
use crate::policy::Slot;
use crate::stats::Cause;

/// The most entries that one operation examines of those that may have expired.
const TEND_STEP: usize = 32;

impl<K: Hashed, V> Shard<K, V> {
    /// A life, shortened by jitter.
    #[inline]
    pub(super) fn jittered(&mut self, lifespan: Lifespan) -> Lifespan {
        Lifespan { ttl: self.jitter.shorten(lifespan.ttl), ..lifespan }
    }

    /// Gives an entry its deadline and what else its life needs. Its tags had not killed it at the epoch `since`, or now.
    #[inline]
    pub(super) fn set_life(
        &mut self,
        slot: Slot,
        lifespan: Lifespan,
        tags: &[Arc<str>],
        since: Option<Epoch>,
        now: Tick,
        clock: &Clock,
    ) {
        let expires = Lifespan::end(lifespan.ttl, now, clock);
        let mut deadline = expires;
        if lifespan.idle != NEVER || !tags.is_empty() || self.slab.get(slot).life.has_extra() {
            deadline = expires.min(Lifespan::end(lifespan.idle, now, clock));
            self.detach_tags(slot);
            let needed = lifespan.idle != NEVER || !tags.is_empty();
            let tags = self.attach_tags(slot, tags);
            let extra = Extra { expires, idle: lifespan.idle, tags, alive: since.unwrap_or(self.epoch) };
            self.slab.set_extra(slot, needed.then_some(extra));
        }
        self.set_deadline(slot, deadline, now);
    }

    /// A later deadline leaves an entry where it is in the wheel, which will put it off when it comes to it.
    #[inline]
    fn set_deadline(&mut self, slot: Slot, deadline: Tick, now: Tick) {
        let life = &mut self.slab.get_mut(slot).life;
        let (before, timed) = (life.deadline(), life.is_timed());
        life.set_deadline(deadline);
        if timed && deadline >= before || deadline == NEVER && !timed {
            return;
        }
        life.set_timed(true);
        let wheel = self.wheel.get_or_insert_with(|| Wheel::new(now));
        if timed {
            wheel.remove(&mut self.slab, slot);
        }
        self.wake = self.wake.min(wheel.insert(&mut self.slab, slot));
    }

    /// Lets time pass for all entries at once: each life ends so much earlier.
    pub(super) fn age(&mut self, by: Tick) {
        let earlier = |tick: Tick| if tick == NEVER { NEVER } else { tick.saturating_sub(by).max(1) };
        for slot in 0..self.slab.entries().len() as Slot {
            let life = self.slab.get(slot).life;
            if !life.is_timed() {
                continue;
            }
            if let Some(extra) = self.slab.extra_mut(slot).filter(|_| life.has_extra()) {
                extra.expires = earlier(extra.expires);
            }
            if let Some(wheel) = &mut self.wheel {
                wheel.remove(&mut self.slab, slot);
                self.slab.get_mut(slot).life.set_deadline(earlier(life.deadline()));
                self.wake = self.wake.min(wheel.insert(&mut self.slab, slot));
            }
        }
    }

    /// Removes a bounded number of entries whose time is over.
    pub(super) fn tend(&mut self, clock: &Clock) -> Left<K, V> {
        let mut left = Left::nothing();
        let now = if self.wake == NEVER { 0 } else { clock.coarse() };
        self.tend_at(now, &mut left);
        left
    }

    /// Removes a bounded number of entries whose time is over by `now`.
    #[inline]
    pub(super) fn tend_at(&mut self, now: Tick, left: &mut Left<K, V>) {
        if self.wake <= now {
            self.expire(now, TEND_STEP, left);
        }
        if self.has_dead() {
            self.bury(TEND_STEP, left);
        }
    }

    /// Removes every entry whose time is over.
    pub(super) fn sweep(&mut self, clock: &Clock) -> Left<K, V> {
        let mut left = Left::nothing();
        let now = clock.precise();
        self.bury(usize::MAX, &mut left);
        self.expire(now, usize::MAX, &mut left);
        let mut next = self.wheel.as_ref().and_then(Wheel::first_of_current_bucket);
        while let Some(slot) = next {
            next = self.wheel.as_ref().and_then(|wheel| wheel.after(&self.slab, slot));
            if self.slab.get(slot).life.deadline() <= now {
                left.push(self.take_out(slot, Cause::Expired));
            }
        }
        left
    }

    #[inline(never)]
    fn expire(&mut self, now: Tick, most: usize, left: &mut Left<K, V>) {
        let Some(mut wheel) = self.wheel.take() else { return };
        wheel.turn(&mut self.slab, now);
        for _ in 0..most {
            let Some(slot) = wheel.pop_due(&mut self.slab) else { break };
            let deadline = self.slab.get(slot).life.deadline();
            if deadline > now && deadline != NEVER {
                wheel.insert(&mut self.slab, slot);
                continue;
            }
            self.slab.get_mut(slot).life.set_timed(false);
            if deadline != NEVER {
                left.push(self.take_out(slot, Cause::Expired));
            }
        }
        self.wake = wheel.wake();
        self.wheel = Some(wheel);
    }
}
