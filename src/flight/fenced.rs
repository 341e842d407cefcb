//! A memory whose loads are fenced: every write goes by the flights first.

use std::sync::Arc;

use crate::clock::{NEVER, Tick};
use crate::error::Error;
use crate::expiry::after;
use crate::flight::flights::{Begun, Flights, Landing, Promise, Ticket};
use crate::flight::table::Beginning;
use crate::memory::{
    Condition, Details, Hashed, Mark, Memory, Options, Owner, Probe, Removals, Removed, Stored, Unsure,
};
use crate::stats::Cause;
use crate::sync::RawMutex;

/// A [`Memory`] with its [`Flights`]. Reads go to the memory itself, writes through here.
pub struct Fenced<K, V, S: Promise, R> {
    memory: Memory<K, V, R>,
    flights: Flights<K, S, R>,
    /// How old a load may become before it is given up, or [`NEVER`].
    load_age: Tick,
}

impl<K: Hashed, V, S: Promise, R: RawMutex> Fenced<K, V, S, R> {
    /// An empty memory without loads.
    ///
    /// # Errors
    /// [`Error::UnknownPolicy`].
    pub fn new(options: Options) -> Result<Self, Error> {
        Self::with_load_age(options, NEVER)
    }

    /// As [`Fenced::new`], with loads that are given up when they have become so old: nobody joins them, and they store nothing.
    ///
    /// # Errors
    /// [`Error::UnknownPolicy`].
    pub fn with_load_age(options: Options, load_age: Tick) -> Result<Self, Error> {
        let flights = Flights::new(options.shards);
        Ok(Self { memory: Memory::new(options)?, flights, load_age })
    }

    /// How old a load may become before it is given up, or [`NEVER`].
    pub fn load_age(&self) -> Tick {
        self.load_age
    }

    /// The memory, to read from.
    #[inline(always)]
    pub fn memory(&self) -> &Memory<K, V, R> {
        &self.memory
    }

    /// The loads in progress.
    #[inline]
    pub fn flights(&self) -> &Flights<K, S, R> {
        &self.flights
    }

    /// As [`Flights::begin`], at this time and the memory's epoch: a load that is too old is given up, which is noted in `gave_up`; one
    /// that a tag may have overtaken is not joined.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing else has changed then.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "what they tell costs something, and is wanted or not")]
    pub fn begin<P: Probe<K>, T>(
        &self,
        key: &mut Option<K>,
        probe: &mut P,
        leader: impl FnOnce() -> S::Leader,
        now: Tick,
        gave_up: &mut bool,
        tags: impl FnOnce() -> Option<Box<[Arc<str>]>>,
        look: impl FnOnce(&mut P) -> Result<Option<T>, Unsure>,
    ) -> Result<Begun<S, T>, Unsure> {
        let hash = key.as_ref().map_or(0, Hashed::hash);
        let may_join = |began: &Beginning| {
            if after(began.at, self.load_age) <= now {
                return false;
            }
            #[cfg(any(test, feature = "validate"))]
            if self.flights.faults().joins_overtaken {
                return true;
            }
            let killed = |tags: &[Arc<str>]| self.memory.invalidated_since(hash, tags, began.since);
            began.since == self.memory.epoch(hash) || began.tags.as_ref().is_some_and(|tags| !killed(tags))
        };
        // Read under the lock of the table, so that an invalidation finds a load there that began before it.
        let began = || Beginning { at: now, tags: tags(), ..Beginning::untagged(self.memory.epoch(hash)) };
        if self.load_age != NEVER && !self.flights.is_quiet(hash) && self.give_up(hash, probe, now)? {
            *gave_up = true;
        }
        self.flights.begin(key, probe, leader, began, may_join, look)
    }

    /// As [`Memory::invalidate_tags`]; what loads return that carry one of them and are in progress is refused.
    pub fn invalidate_tags(&self, names: &[Arc<str>], cause: Cause) {
        // What is remembered of tags for a load that never ends would grow for ever.
        if self.load_age != NEVER
            && let Some(began) = self.memory.clock().coarse().checked_sub(self.load_age)
        {
            self.flights.overtake_each(|flight| flight.at <= began);
        }
        let oldest = |shard| self.flights.oldest(|hash| self.memory.shard_number(hash) == shard);
        self.memory.invalidate_tags(names, cause, oldest);
    }

    /// As [`Memory::write`]; what loads of the key return from now on is refused.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing has been written then.
    #[inline]
    pub fn write(
        &self,
        pair: &mut Option<(K, V)>,
        details: &mut Details,
        condition: &Condition<'_, V>,
        probe: &mut impl Probe<K>,
    ) -> Result<Stored<K, V>, Unsure> {
        if let Some((key, _)) = pair {
            self.flights.overtake(key.hash(), probe)?;
        }
        self.memory.write(pair, details, condition, probe)
    }

    /// Ends a flight by storing what the load returned, unless it was overtaken: then it is counted as refused.
    ///
    /// The value is taken if it was stored.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing has changed then, and the ticket is still good.
    #[inline]
    pub fn fill(
        &self,
        ticket: &Ticket,
        owner: Owner,
        value: &mut Option<V>,
        details: &mut Details,
        now: Tick,
        probe: &mut impl Probe<K>,
    ) -> Result<Landing<K, S, Stored<K, V>>, Unsure> {
        let write = |key: &mut Option<K>, began: &Beginning, may_store: bool| {
            details.since = self.fence_of_tags(began);
            if !may_store {
                self.memory.count_refused(ticket.hash(), owner);
                return Ok(Stored::NOT);
            }
            let mut pair = key.take().zip(value.take());
            let written = self.memory.write_at(now, &mut pair, details, &Condition::Always, probe);
            if let Some((left_key, left_value)) = pair {
                (*key, *value) = (Some(left_key), Some(left_value));
            }
            written
        };
        self.flights.land(ticket, write, |began| self.is_behind(ticket, began))
    }

    /// Whether a tag that is known by now has overtaken a load. Whoever came after that and could not be told joined it all the same.
    #[inline]
    fn is_behind(&self, ticket: &Ticket, began: &Beginning) -> bool {
        #[cfg(any(test, feature = "validate"))]
        if self.flights.faults().keeps_what_is_behind {
            return false;
        }
        let tags = began.tags.as_ref().filter(|tags| !tags.is_empty());
        tags.is_some_and(|tags| self.memory.invalidated_since(ticket.hash(), tags, began.since))
    }

    /// Since when the tags of what a load returned must not have been invalidated.
    #[inline]
    fn fence_of_tags(&self, began: &Beginning) -> Option<u64> {
        #[cfg(any(test, feature = "validate"))]
        if self.flights.faults().no_fence_of_tags {
            return None;
        }
        Some(began.since)
    }

    /// Ends a flight that stores nothing.
    pub fn abandon(&self, ticket: &Ticket) -> Landing<K, S, ()> {
        match self.flights.land(ticket, |_, _, _| Ok(()), |began| self.is_behind(ticket, began)) {
            Ok(landing) => landing,
            Err(Unsure) => unreachable!("nobody was asked"),
        }
    }

    /// As [`Memory::remove`]; what loads of the key return from now on is refused.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing has been removed then.
    pub fn remove(&self, hash: u32, probe: &mut impl Probe<K>, cause: Cause) -> Result<Removals<K, V>, Unsure> {
        self.flights.overtake(hash, probe)?;
        self.memory.remove(hash, probe, cause)
    }

    /// As [`Memory::expire`]; what loads of the key return from now on is refused.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing has changed then.
    pub fn expire(&self, hash: u32, probe: &mut impl Probe<K>) -> Result<(bool, Removals<K, V>), Unsure> {
        self.flights.overtake(hash, probe)?;
        self.memory.expire(hash, probe)
    }

    /// Gives up the load of a key that is too old by now, if there is one; whether there was.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing has changed then.
    fn give_up(&self, hash: u32, probe: &mut impl Probe<K>, now: Tick) -> Result<bool, Unsure> {
        self.flights.give_up(hash, probe, |began| after(began.at, self.load_age) <= now)
    }

    /// Something has changed elsewhere that this mark stands for: what is known by it leaves, and what loads of it return is refused.
    pub fn remove_marked(&self, mark: Mark, cause: Cause) -> Removals<K, V> {
        self.flights.overtake_each(|began| began.mark == mark);
        self.memory.remove_marked(mark, cause)
    }

    /// As [`Memory::pop_victim`]; what loads of its key return from now on is refused.
    pub fn pop_victim(&self) -> Option<Removed<K, V>> {
        let removed = self.memory.pop_victim()?;
        let (hash, owner) = (removed.key.hash(), removed.key.owner());
        self.flights.overtake_all(|key| key.hash() == hash && key.owner() == owner);
        Some(removed)
    }

    /// As [`Memory::clear`]; what loads return that are in progress is refused.
    pub fn clear(&self) -> Removals<K, V> {
        self.flights.overtake_all(|_| true);
        self.memory.clear()
    }

    /// As [`Memory::clear_owner`]; what loads of the owner return that are in progress is refused.
    pub fn clear_owner(&self, owner: Owner) -> Removals<K, V> {
        self.flights.overtake_all(|key| key.owner() == owner);
        self.memory.clear_owner(owner)
    }

    /// As [`Memory::remove_owner`].
    pub fn remove_owner(&self, owner: Owner) -> Removals<K, V> {
        self.memory.remove_owner(owner)
    }

    /// As [`Memory::enable`]; what loads return that are in progress is refused.
    pub fn enable(&self, on: bool) -> Removals<K, V> {
        self.flights.overtake_all(|_| true);
        self.memory.enable(on)
    }
}
