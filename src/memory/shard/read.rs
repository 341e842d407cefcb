//! Reading in a shard: what is found, and what is to be done about it.

use crate::clock::{COARSE_LAG, Clock, NEVER, Tick};
use crate::expiry::after;
use crate::memory::entry::Hashed;
use crate::memory::shard::Shard;
use crate::memory::{EntryInfo, Freshness, More, Owner, Probe, Read, Unsure, Verdict};
use crate::policy::{Nodes, Slot};

impl<K: Hashed, V> Shard<K, V> {
    #[inline(always)]
    pub(crate) fn read<T>(
        &mut self,
        hash: u32,
        owner: Owner,
        loads: bool,
        probe: &mut impl Probe<K>,
        take: impl FnOnce(&V) -> T,
        clock: &Clock,
    ) -> Result<Read<T>, Unsure> {
        let now = if self.wake == NEVER { 0 } else { clock.coarse() };
        if now < self.wake
            && hash > self.hit_filter
            && let slot = self.index.at_home(hash)
            && let Some((entry, carriers)) = self.slab.entry_mut(slot)
            && let Some((key, value)) = &entry.pair
            && entry.life.deadline() > now + COARSE_LAG
            && (!entry.life.is_tagged() || carriers.spare(slot, self.epoch, self.tags.as_deref()))
            && let Some(counts) = self.owners.get_mut(owner as usize)
        {
            match probe.compare(key) {
                Verdict::Same => {
                    counts.hits += 1;
                    entry.life.count_read();
                    return Ok(Read { found: Some(take(value)), more: More::Nothing, due: false });
                }
                Verdict::Different => {}
                Verdict::Unknown => return Err(Unsure),
            }
        }
        self.read_in_general(hash, owner, loads, probe, take, now, clock)
    }

    /// A read of what is not at home, is near its end or wants more than a count; or a miss.
    #[inline(never)]
    #[expect(clippy::too_many_arguments, reason = "they are those of a read, and the time")]
    fn read_in_general<T>(
        &mut self,
        hash: u32,
        owner: Owner,
        loads: bool,
        probe: &mut impl Probe<K>,
        take: impl FnOnce(&V) -> T,
        now: Tick,
        clock: &Clock,
    ) -> Result<Read<T>, Unsure> {
        let found = self.find(hash, probe)?.filter(|&slot| self.is_valid(slot));
        // To be found to be expired by a tag gives an entry an end, perhaps the first one here.
        let now = if now == 0 && self.wake != NEVER { clock.coarse() } else { now };
        let due = now >= self.wake || found.is_none() && self.has_removed();
        let mut more = More::Nothing;
        if let Some(slot) = found {
            self.index.bring_home(hash, slot);
            let deadline = self.slab.get(slot).life.deadline();
            let freshness = if deadline > now + COARSE_LAG || deadline > clock.precise() {
                Freshness::Fresh
            } else {
                self.freshness(slot, clock.precise())
            };
            more = match freshness {
                Freshness::Fresh if loads && self.is_to_be_refreshed(slot, clock) => More::Refresh,
                Freshness::Fresh | Freshness::Gone(_) => More::Nothing,
                Freshness::Stale => More::Stale,
                Freshness::Error => More::Error,
            };
            if freshness == Freshness::Fresh
                && let Some(counts) = self.owners.get_mut(owner as usize)
                && let entry = self.slab.get_mut(slot)
                && let Some((_, value)) = &entry.pair
            {
                counts.hits += 1;
                entry.life.count_read();
                let taken = take(value);
                self.follow_hit(slot, now, clock);
                return Ok(Read { found: Some(taken), more, due });
            }
        }
        if let Some(counts) = self.owners.get_mut(owner as usize) {
            if more == More::Error { counts.hits += 1 } else { counts.misses += 1 }
        }
        Ok(Read { found: None, more, due })
    }

    /// Whether a hit is to start a refresh; the next is not, for a while.
    fn is_to_be_refreshed(&mut self, slot: Slot, clock: &Clock) -> bool {
        let life = self.slab.get(slot).life;
        let deadline = self.slab.own(slot).map_or(life.deadline(), |own| own.refresh_at);
        let refreshes = deadline != NEVER && clock.has_come(deadline);
        if refreshes {
            self.put_off_refresh(slot, clock.precise());
        }
        refreshes
    }

    /// What a hit means to entries that are not content with a count.
    #[inline]
    fn follow_hit(&mut self, slot: Slot, now: Tick, clock: &Clock) {
        if self.slab.hash(slot) <= self.hit_filter {
            self.notify_hit(slot, clock);
        }
        if let Some(own) = self.slab.own_mut(slot)
            && own.idle_until != NEVER
        {
            own.idle_until = after(own.lifespan.start(now, clock), own.lifespan.idle);
        }
    }

    pub(crate) fn peek<T>(
        &self,
        hash: u32,
        probe: &mut impl Probe<K>,
        take: impl FnOnce(&V) -> T,
        clock: &Clock,
    ) -> Result<Option<T>, Unsure> {
        let fresh = self.find_fresh(hash, probe, clock)?;
        Ok(fresh.and_then(|slot| self.slab.get(slot).pair.as_ref()).map(|(_, value)| take(value)))
    }

    pub(crate) fn peek_outcome<T>(
        &self,
        hash: u32,
        probe: &mut impl Probe<K>,
        take: impl FnOnce(&V, bool) -> T,
        clock: &Clock,
    ) -> Result<Option<T>, Unsure> {
        let Some(slot) = self.find(hash, probe)? else { return Ok(None) };
        let entry = self.slab.get(slot);
        let is_error = entry.life.is_error();
        let is_there = if is_error {
            self.freshness(slot, clock.precise()) == Freshness::Error
        } else {
            !self.is_over(slot, clock)
        };
        Ok(entry.pair.as_ref().filter(|_| is_there).map(|(_, value)| take(value, is_error)))
    }

    pub(crate) fn inspect<T>(
        &self,
        hash: u32,
        probe: &mut impl Probe<K>,
        take: impl FnOnce(&V, EntryInfo) -> T,
        clock: &Clock,
    ) -> Result<Option<T>, Unsure> {
        let found = self.find(hash, probe)?;
        let now = clock.precise();
        let value = |slot: Slot| self.slab.get(slot).pair.as_ref().map(|(_, value)| value);
        Ok(found.and_then(|slot| value(slot).map(|value| take(value, self.info(slot, now)))))
    }
}
