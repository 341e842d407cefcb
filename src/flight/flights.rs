//! Loads in progress: who begins one, who joins it, who overtakes it, and how it ends.

use std::sync::Arc;

use crate::clock::Tick;
use crate::flight::table::{Beginning, Flight, Table};
use crate::memory::{Hashed, Probe, Unsure};
use crate::sync::{Mutex, RawMutex};

/// What a leader and its followers share.
pub trait Promise {
    /// What is known of a leader from the beginning.
    type Leader: Copy;

    /// Where the followers of the flight with this number meet.
    fn new(number: u64, leader: &Self::Leader) -> Self;
}

/// Loads in progress, by key.
pub struct Flights<K, S: Promise, R> {
    tables: Box<[Mutex<R, Table<K, S>>]>,
    #[cfg(any(test, feature = "validate"))]
    faults: std::sync::OnceLock<Faults>,
}

/// What can be switched off, for tests that show what it is for.
#[cfg(any(test, feature = "validate"))]
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// What an overtaken load returned is stored all the same.
    pub no_fence: bool,
    /// What a load returned is stored although one of its tags was invalidated meanwhile.
    pub no_fence_of_tags: bool,
    /// Overtaken loads are joined.
    pub joins_overtaken: bool,
    /// Followers are not told of tags that became known too late to keep them from joining.
    pub keeps_what_is_behind: bool,
    /// For callers of [`Flights::begin`]: to look nothing up.
    pub no_second_look: bool,
}

/// A leader's claim to its flight.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a flight ends with `land`"]
pub struct Ticket {
    hash: u32,
    number: u64,
}

/// What asking for a load came to.
#[derive(Debug)]
pub enum Begun<S, T> {
    /// The load was over meanwhile, and this is what the second look found.
    Found(T),
    /// The caller is to load, and to end the flight.
    Leads(Ticket),
    /// Somebody loads already.
    Joins(Arc<S>),
}

/// A flight that has ended.
#[derive(Debug)]
pub struct Landing<K, S, T> {
    /// What the caller's `write` returned.
    pub written: T,
    /// The key, if `write` did not take it.
    pub key: Option<K>,
    /// Where followers wait, if there are any.
    pub promise: Option<Arc<S>>,
    /// Whether a tag that became known during the load was invalidated before: followers who came between asked for what is newer.
    pub is_behind: bool,
}

impl Ticket {
    /// The hash of the key.
    #[must_use]
    pub fn hash(&self) -> u32 {
        self.hash
    }

    /// The number of the flight, of which there is no second in the process.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl<K: Hashed, S: Promise, R: RawMutex> Flights<K, S, R> {
    /// No flight, in as many tables as there are to be locks.
    #[must_use]
    pub fn new(tables: usize) -> Self {
        let count = tables.max(1).next_power_of_two();
        Self {
            tables: (0..count).map(|_| Mutex::new(Table::new())).collect(),
            #[cfg(any(test, feature = "validate"))]
            faults: std::sync::OnceLock::new(),
        }
    }

    /// How many loads are in progress, overtaken ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.iter().map(|table| table.lock().len()).sum()
    }

    /// Whether no load is in progress.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no load is in progress of keys that share a table with this one.
    #[inline]
    pub(super) fn is_quiet(&self, hash: u32) -> bool {
        self.table(hash).lock().is_empty()
    }

    /// Begins a load of a key, unless there is one that may be joined, by what its tags say, or `look` finds a value after all.
    ///
    /// The key is taken only if the caller leads.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing has changed then.
    #[inline]
    pub fn begin<P: Probe<K>, T>(
        &self,
        key: &mut Option<K>,
        probe: &mut P,
        leader: impl FnOnce() -> S::Leader,
        began: impl FnOnce() -> Beginning,
        may_join: impl Fn(&Beginning) -> bool,
        look: impl FnOnce(&mut P) -> Result<Option<T>, Unsure>,
    ) -> Result<Begun<S, T>, Unsure> {
        let Some(hash) = key.as_ref().map(Hashed::hash) else { unreachable!("a load has a key") };
        let mut table = self.table(hash).lock();
        let fits = |flight: &Flight<K, S>| !self.is_closed(flight) && may_join(&flight.began);
        if let Some(flight) = table.find(hash, probe, fits)? {
            return Ok(Begun::Joins(flight.promise()));
        }
        if let Some(found) = look(probe)? {
            return Ok(Begun::Found(found));
        }
        let Some(key) = key.take() else { unreachable!("a load has a key") };
        let number = table.add(key, leader(), began());
        Ok(Begun::Leads(Ticket { hash, number }))
    }

    /// Where the followers of a flight meet, for a leader who is one of them.
    #[must_use]
    pub fn promise(&self, ticket: &Ticket) -> Option<Arc<S>> {
        self.table(ticket.hash).lock().get(ticket.hash, ticket.number).map(Flight::promise)
    }

    /// Ends a flight. `write` is given the key, how the load began, and whether what was loaded may be stored: not if the flight was
    /// overtaken. `is_behind` says whether a tag has overtaken it, by how it began.
    ///
    /// # Errors
    /// [`Unsure`] if `write` says so; nothing has changed then, and the ticket is still good.
    #[inline]
    pub fn land<T>(
        &self,
        ticket: &Ticket,
        write: impl FnOnce(&mut Option<K>, &Beginning, bool) -> Result<T, Unsure>,
        is_behind: impl FnOnce(&Beginning) -> bool,
    ) -> Result<Landing<K, S, T>, Unsure> {
        let mut table = self.table(ticket.hash).lock();
        let Some(flight) = table.get(ticket.hash, ticket.number) else {
            let written = write(&mut None, &Beginning::default(), false)?;
            return Ok(Landing { written, key: None, promise: None, is_behind: false });
        };
        let may_store = !self.is_fenced(flight);
        let written = write(&mut flight.key, &flight.began, may_store)?;
        let is_behind = flight.promise.is_some() && is_behind(&flight.began);
        let (key, promise) = table.end(ticket.hash, ticket.number);
        Ok(Landing { written, key, promise, is_behind })
    }

    /// What loads of this key return will not be stored, and nobody joins them any more. To be called before the key is written to.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing has changed then.
    #[inline]
    pub fn overtake(&self, hash: u32, probe: &mut impl Probe<K>) -> Result<(), Unsure> {
        // There may be several: one that a tag has overtaken is only told from the others when somebody wants to join it.
        let mut table = self.table(hash).lock();
        while let Some(flight) = table.find(hash, probe, |flight| !flight.overtaken)? {
            flight.overtaken = true;
        }
        Ok(())
    }

    /// As [`Flights::overtake`], for every load of which `which` says so by how it began.
    pub fn overtake_each(&self, which: impl Fn(&Beginning) -> bool) {
        for table in &self.tables {
            table.lock().iter_mut().filter(|flight| which(&flight.began)).for_each(|flight| flight.overtaken = true);
        }
    }

    /// How the flight of a ticket began, to note more of it.
    pub fn note<T>(&self, ticket: &Ticket, note: impl FnOnce(&mut Beginning) -> T) -> Option<T> {
        let mut table = self.table(ticket.hash).lock();
        table.get(ticket.hash, ticket.number).map(|flight| note(&mut flight.began))
    }

    /// As [`Flights::overtake`], for a load that `which` says; whether there is one.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell; nothing has changed then.
    pub fn give_up(
        &self,
        hash: u32,
        probe: &mut impl Probe<K>,
        which: impl Fn(&Beginning) -> bool,
    ) -> Result<bool, Unsure> {
        let mut table = self.table(hash).lock();
        let found = table.find(hash, probe, |flight| !flight.overtaken && which(&flight.began))?;
        Ok(found.map(|flight| flight.overtaken = true).is_some())
    }

    /// Gives the key of the flight with this number to `take`, while it is in progress.
    pub fn key<T>(&self, hash: u32, number: u64, take: impl FnOnce(&K) -> T) -> Option<T> {
        self.table(hash).lock().get(hash, number).and_then(|flight| flight.key.as_ref()).map(take)
    }

    /// What the flight with this number loads will carry these tags too.
    pub fn add_tags(&self, hash: u32, number: u64, tags: &[Arc<str>]) {
        if let Some(flight) = self.table(hash).lock().get(hash, number)
            && let Some(known) = &mut flight.began.tags
        {
            *known = known.iter().chain(tags).cloned().collect();
        }
    }

    /// When the load of a key began that may be joined, if there is one.
    ///
    /// # Errors
    /// [`Unsure`] if the probe could not tell.
    pub fn in_progress(&self, hash: u32, probe: &mut impl Probe<K>) -> Result<Option<Tick>, Unsure> {
        let mut table = self.table(hash).lock();
        Ok(table.find(hash, probe, |flight| !flight.overtaken)?.map(|flight| flight.began.at))
    }

    /// When the flight with this number began, while it is in progress.
    #[must_use]
    pub fn began(&self, hash: u32, number: u64) -> Option<Tick> {
        let mut table = self.table(hash).lock();
        table.get(hash, number).map(|flight| flight.began.at)
    }

    /// As [`Flights::overtake`], for every key that `which` says.
    pub fn overtake_all(&self, which: impl Fn(&K) -> bool) {
        for table in &self.tables {
            table
                .lock()
                .iter_mut()
                .filter(|flight| flight.key.as_ref().is_some_and(&which))
                .for_each(|flight| flight.overtaken = true);
        }
    }

    /// The epoch at which the oldest load in progress began that may still be stored, of those whose hash `which` says.
    #[must_use]
    pub fn oldest(&self, which: impl Fn(u32) -> bool) -> Option<u64> {
        let oldest = |table: &Mutex<R, Table<K, S>>| {
            let table = table.lock();
            let flights = table.iter().filter(|flight| !flight.overtaken && which(flight.hash));
            flights.map(|flight| flight.began.since).min()
        };
        self.tables.iter().filter_map(oldest).min()
    }

    /// Nobody joins the flight with this number any more, and it stores nothing; whether that was not so already.
    pub fn strand(&self, hash: u32, number: u64) -> bool {
        let mut table = self.table(hash).lock();
        let flight = table.get(hash, number).filter(|flight| !flight.overtaken);
        flight.map(|flight| flight.overtaken = true).is_some()
    }

    /// Forgets every flight, whose leaders are gone: in a forked child. What was forgotten is the caller's to drop, or not.
    pub fn forget(&self) -> Vec<(K, Option<Arc<S>>)> {
        let flights = self.tables.iter().map(|table| table.lock().drain().collect::<Vec<_>>());
        flights.flatten().filter_map(|flight| Some((flight.key?, flight.promise))).collect()
    }

    /// Shows every flight to `see`: its key, its number, its leader, and whether it was overtaken.
    pub fn visit(&self, mut see: impl FnMut(&K, u64, &S::Leader, bool)) {
        for table in &self.tables {
            for flight in table.lock().iter() {
                if let Some(key) = &flight.key {
                    see(key, flight.number, &flight.leader, flight.overtaken);
                }
            }
        }
    }

    /// Switches something off, once and for all.
    #[cfg(any(test, feature = "validate"))]
    pub fn inject(&self, faults: Faults) {
        let _ = self.faults.set(faults);
    }

    #[cfg(any(test, feature = "validate"))]
    pub(super) fn faults(&self) -> Faults {
        self.faults.get().copied().unwrap_or_default()
    }

    #[inline(always)]
    fn is_fenced(&self, flight: &Flight<K, S>) -> bool {
        #[cfg(any(test, feature = "validate"))]
        if self.faults().no_fence {
            return false;
        }
        flight.overtaken
    }

    #[inline(always)]
    fn is_closed(&self, flight: &Flight<K, S>) -> bool {
        #[cfg(any(test, feature = "validate"))]
        if self.faults().joins_overtaken {
            return false;
        }
        flight.overtaken
    }

    #[inline]
    fn table(&self, hash: u32) -> &Mutex<R, Table<K, S>> {
        &self.tables[hash as usize & (self.tables.len() - 1)]
    }
}
