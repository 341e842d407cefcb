//! When entries were stored, become stale and go: told from their deadlines where they live as many others do, noted where not.

use hashbrown::HashMap;

use crate::clock::{NEVER, Tick};
use crate::expiry::{Jitter, Lifespan, after, unit};
use crate::hash::fold;
use crate::memory::entry::ERROR;
use crate::memory::slab::ByNumber;
use crate::policy::Slot;

/// When an entry was stored, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// When it was stored.
    pub created: Tick,
    /// When its ttl ends, or [`NEVER`].
    pub fresh_until: Tick,
    /// When its grace ends, or [`NEVER`].
    pub gone_at: Tick,
}

impl Deadlines {
    /// Of an entry that is stored at `created` and has this ttl.
    #[inline]
    pub(crate) fn from(created: Tick, ttl: Tick, grace: Tick) -> Self {
        let fresh_until = after(created, ttl);
        Self { created, fresh_until, gone_at: if fresh_until == NEVER { NEVER } else { after(fresh_until, grace) } }
    }

    /// The same so much earlier.
    pub(crate) fn earlier(self, by: Tick) -> Self {
        Self {
            created: self.created.saturating_sub(by),
            fresh_until: earlier(self.fresh_until, by),
            gone_at: earlier(self.gone_at, by),
        }
    }
}

/// An end so much earlier.
pub(crate) fn earlier(end: Tick, by: Tick) -> Tick {
    if end == NEVER { NEVER } else { end.saturating_sub(by).max(1) }
}

/// What a life knows that does not go as usual.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnLifespan {
    pub(crate) lifespan: Lifespan,
    pub(crate) deadlines: Deadlines,
    /// When a hit starts a refresh, or [`NEVER`].
    pub(crate) refresh_at: Tick,
    /// When it goes if it is not read, or [`NEVER`].
    pub(crate) idle_until: Tick,
    /// Until when loads that failed are not repeated.
    pub(crate) retry_at: Tick,
    /// How many loads failed, one after the other.
    pub(crate) failures: u8,
}

impl OwnLifespan {
    /// When it leaves.
    pub(crate) fn end(&self) -> Tick {
        self.deadlines.gone_at.min(self.idle_until)
    }
}

/// By slot.
pub(crate) type OwnLifespans = HashMap<Slot, OwnLifespan, ByNumber>;

/// How the entries of a shard live.
pub(crate) struct Lifespans {
    /// Lifespans that many entries have, by the kind in their flags.
    kinds: Vec<Lifespan>,
    jitter: Jitter,
    own: OwnLifespans,
    random: u64,
}

impl Lifespans {
    pub(crate) fn new(jitter: f64, seed: u64) -> Self {
        Self { kinds: Vec::new(), jitter: Jitter::new(jitter, seed), own: OwnLifespans::default(), random: seed }
    }

    /// Has entries with this lifespan note nothing of it, unless there are too many such lifespans or it has no usual deadlines.
    pub(crate) fn add_kind(&mut self, lifespan: Lifespan) {
        let usual = lifespan.idle == NEVER && lifespan.early == crate::expiry::Early::NONE;
        if usual && self.kind(&lifespan).is_none() && self.kinds.len() < ERROR as usize {
            self.kinds.push(lifespan);
        }
    }

    #[inline]
    pub(crate) fn kind(&self, lifespan: &Lifespan) -> Option<u8> {
        self.kinds.iter().position(|known| known == lifespan).map(|kind| kind as u8)
    }

    pub(crate) fn of_kind(&self, kind: u8) -> &Lifespan {
        self.kinds.get(kind as usize).unwrap_or(&Lifespan::FOREVER)
    }

    /// The ttl of an entry whose key has this hash, after jitter.
    #[inline]
    pub(crate) fn shorten(&self, ttl: Tick, hash: u32) -> Tick {
        self.jitter.shorten(ttl, hash)
    }

    /// The deadlines of an entry of a kind, whose first moment of interest is this.
    pub(crate) fn usual(&self, kind: u8, deadline: Tick, hash: u32) -> Deadlines {
        let lifespan = self.of_kind(kind);
        let ttl = self.shorten(lifespan.ttl, hash);
        let created = deadline.saturating_sub(lifespan.lead(ttl));
        Deadlines::from(created, ttl, lifespan.grace)
    }

    pub(crate) fn own(&self, slot: Slot) -> Option<&OwnLifespan> {
        self.own.get(&slot)
    }

    pub(crate) fn own_mut(&mut self, slot: Slot) -> Option<&mut OwnLifespan> {
        self.own.get_mut(&slot)
    }

    pub(crate) fn note(&mut self, slot: Slot, own: OwnLifespan) {
        self.own.insert(slot, own);
    }

    pub(crate) fn forget(&mut self, slot: Slot) {
        self.own.remove(&slot);
    }

    pub(crate) fn take_own(&mut self) -> OwnLifespans {
        std::mem::take(&mut self.own)
    }

    /// Whether an entry may be there that is neither fresh nor gone.
    pub(crate) fn may_be_stale(&self) -> bool {
        !self.own.is_empty() || self.kinds.iter().any(|kind| kind.grace > 0)
    }

    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn len(&self) -> usize {
        self.own.len()
    }

    /// A number from 0 up to 1.
    pub(crate) fn draw(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        unit(fold(self.random, 0xE703_7ED1_A0B4_28DB))
    }
}

/// How often the time until a load that fails is repeated doubles.
const DOUBLINGS: u8 = 6;

/// How long nothing is loaded after a failure, of which there were so many before.
pub(crate) fn backed_off(base: Tick, failures: u8) -> Tick {
    base.saturating_mul(1 << failures.min(DOUBLINGS)).min(NEVER)
}
