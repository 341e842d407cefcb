//! A tier of any place that keeps bytes under keys.
//!
//! Versions lie beside the entries, under keys of their own: of tags, owners and namespaces as long as there is room, of keys for
//! an hour. A change raises the version first and removes what was stored after that; who stores does that first and looks at the
//! version after it: so one of them finds what the other has done, in whichever order they come. Only where a shelf cannot exchange
//! there is a moment, between two of its calls, in which two changes at once may leave the earlier version there.

mod clock;
mod leases;
mod record;
mod shelf;
mod versions;

#[cfg(test)]
mod tests;

use std::time::Duration;

use self::record::{Known, Version, is_note};
pub use self::shelf::{Abilities, Life, Shelf, Stored};
use self::versions::Versions;
use super::{Change, Fault, Features, Item, Judgement, Lease, Mark, Number, Purpose, Put, Tier, TierStats, To, Wait};
use crate::codec::{Glimpse, Millis, Sealed};

/// For how many seconds the version of a key is kept: no load takes longer that is to be kept from overtaking a change.
const FENCE_LIFE: f64 = 3_600.0;

/// How often something is read and exchanged anew when others are quicker.
const MOST_TRIES: usize = 64;

const MILLIS: f64 = 1_000.0;

/// A tier on a shelf.
#[derive(Debug)]
pub struct Plain<S>(S);

impl<S: Shelf> Plain<S> {
    /// A tier of what this shelf can do.
    pub fn new(shelf: S) -> Self {
        Self(shelf)
    }

    /// The shelf.
    pub fn shelf(&self) -> &S {
        &self.0
    }

    fn fill(&self, item: &mut Item<'_>, fence: Number, wait: Wait) -> Result<Put, Fault> {
        let (versions, present) = Versions::read(&self.0, item.marks, Some(item.key), wait)?;
        if versions.judge_known(fence) != Judgement::Valid {
            clock::catch_up(&self.0, versions.last(), wait)?;
            return Ok(Put::Overtaken);
        }
        if self.is_later(present.as_deref(), fence, wait)? {
            return Ok(Put::Overtaken);
        }
        if versions.lack() {
            // Whether one that is gone had changed is known only if nothing has.
            let has_moved = clock::now(&self.0, wait)? != fence;
            let from = if has_moved { clock::advance(&self.0, 1, wait)? } else { fence };
            versions.complete(&self.0, from, wait)?;
            if has_moved {
                return Ok(Put::Overtaken);
            }
        }
        if !self.0.replace(present.as_deref(), stamped(item.key, item.envelope, fence), wait)? {
            return Ok(Put::Overtaken);
        }
        let stays = self.stays(item, fence, wait)?;
        Ok(if stays { Put::Stored(None) } else { Put::Overtaken })
    }

    /// Whether an entry is valid from a later clock: somebody has set it. What is later than the clock itself is damaged.
    fn is_later(&self, entry: Option<&[u8]>, fence: Number, wait: Wait) -> Result<bool, Fault> {
        let later = entry.and_then(Glimpse::of).map(|seen| seen.clock).filter(|clock| *clock > fence);
        later.map_or(Ok(false), |clock| Ok(clock <= clock::now(&self.0, wait)?))
    }

    /// Whether an entry that was just stored is not invalid already: if it is, whoever has changed its key may have come too early to
    /// remove it.
    fn stays(&self, item: &Item<'_>, clock: Number, wait: Wait) -> Result<bool, Fault> {
        let (of_key, _) = Versions::read(&self.0, &item.marks[..1], None, wait)?;
        let stays = of_key.judge(clock) == Judgement::Valid;
        if !stays {
            self.0.remove(item.key, wait)?;
        }
        Ok(stays)
    }

    fn set(&self, item: &mut Item<'_>, wait: Wait) -> Result<Put, Fault> {
        let mut number = clock::advance(&self.0, 1, wait)?;
        let (versions, _) = Versions::read(&self.0, item.marks, None, wait)?;
        if versions.last() >= number {
            clock::catch_up(&self.0, versions.last(), wait)?;
            number = clock::advance(&self.0, 1, wait)?;
        }
        versions.complete(&self.0, number, wait)?;
        versions::invalidate(&self.0, item.marks[0], Some(FENCE_LIFE), number, wait)?;
        self.0.put(stamped(item.key, item.envelope, number), wait)?;
        self.stays(item, number, wait)?;
        Ok(Put::Stored(Some(number)))
    }

    fn exchange(&self, item: &mut Item<'_>, expected: Option<&[u8]>, fence: Number, wait: Wait) -> Result<Put, Fault> {
        let before = clock::now(&self.0, wait)?;
        let number = clock::advance(&self.0, 1, wait)?;
        let (versions, _) = Versions::read(&self.0, item.marks, None, wait)?;
        versions.complete(&self.0, number, wait)?;
        let nobody_knows = versions.lack() && before != fence;
        if nobody_knows || versions.judge_known(fence) != Judgement::Valid {
            return Ok(Put::Overtaken);
        }
        if !self.0.replace(expected, stamped(item.key, item.envelope, number), wait)? {
            return Ok(Put::Overtaken);
        }
        versions::invalidate(&self.0, item.marks[0], Some(FENCE_LIFE), number, wait)?;
        self.stays(item, number, wait)?;
        Ok(Put::Stored(Some(number)))
    }

    fn change_one(&self, change: &Change<'_>, number: Number, wait: Wait) -> Result<(), Fault> {
        match change.to {
            To::Invalid => self.invalidate(change, number, wait),
            To::Stale(at) => self.expire(change, number, at, wait),
        }
    }

    fn invalidate(&self, change: &Change<'_>, number: Number, wait: Wait) -> Result<(), Fault> {
        let life = change.key.map(|_| FENCE_LIFE);
        versions::invalidate(&self.0, change.mark, life, number, wait)?;
        change.key.map_or(Ok(()), |key| self.0.remove(key, wait))
    }

    fn expire(&self, change: &Change<'_>, number: Number, at: Millis, wait: Wait) -> Result<(), Fault> {
        if !self.0.abilities().exchange {
            // What is read and written in two steps could undo what another makes invalid.
            return self.invalidate(change, number, wait);
        }
        let life = match change.key {
            None => None,
            Some(key) => life_of_expired(self.0.get(key, wait)?.as_deref(), at),
        };
        let raised = |known| {
            Some(match known {
                Known::Version(version) => version.and_stale(number, at),
                Known::Nothing if change.key.is_some() => Version::default().and_stale(number, at),
                Known::Nothing | Known::Damaged => Version::invalid(number),
            })
        };
        versions::raise(&self.0, change.mark, life, raised, wait)
    }
}

/// An entry that is valid from this clock.
fn stamped<'a>(key: &'a [u8], envelope: &'a mut Sealed, clock: Number) -> Stored<'a> {
    let value = envelope.stamp(clock);
    Stored { key, value, life: Glimpse::of(value).and_then(|seen| life(seen.created, seen.gone_at)) }
}

fn life(from: Millis, until: Millis) -> Life {
    (until != Millis::MAX).then(|| (until.saturating_sub(from).max(1)) as f64 / MILLIS)
}

/// For how long it has to be known that an entry is stale: as long as it is there.
fn life_of_expired(entry: Option<&[u8]>, at: Millis) -> Life {
    let life = entry.and_then(Glimpse::of).map_or(Some(FENCE_LIFE), |seen| life(at, seen.gone_at));
    life.map(|life| life.max(FENCE_LIFE))
}

impl<S: Shelf> Tier for Plain<S> {
    fn features(&self) -> Features {
        let Abilities { exchange, increment: _, keys, expires, batches } = self.0.abilities();
        Features {
            fences: exchange,
            versions: true,
            watch: false,
            leases: exchange,
            keys,
            expires,
            batches,
            blocks: true,
        }
    }

    fn get(&self, key: &[u8], wait: Wait, see: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        Ok(self.0.get(key, wait)?.map(|bytes| see(&bytes)).is_some())
    }

    fn get_many(&self, keys: &[&[u8]], wait: Wait, see: &mut dyn FnMut(usize, &[u8])) -> Result<(), Fault> {
        for (place, bytes) in self.0.get_many(keys, wait)?.iter().enumerate() {
            if let Some(bytes) = bytes {
                see(place, bytes);
            }
        }
        Ok(())
    }

    fn put(&self, item: &mut Item<'_>, wait: Wait) -> Result<Put, Fault> {
        match item.purpose {
            Purpose::Fill(fence) => self.fill(item, fence, wait),
            Purpose::Set => self.set(item, wait),
            Purpose::Exchange(expected, fence) => self.exchange(item, expected, fence, wait),
        }
    }

    fn change(&self, changes: &[Change<'_>], wait: Wait) -> Result<Number, Fault> {
        let number = clock::advance(&self.0, changes.len() as u64, wait)?;
        changes.iter().try_for_each(|change| self.change_one(change, number, wait))?;
        let mut of_many = changes.iter().filter(|change| change.key.is_none()).peekable();
        if of_many.peek().is_none() || clock::now(&self.0, wait)? == number {
            return Ok(number);
        }
        // Somebody may have exchanged what was there before for something later, and not have seen this.
        let later = clock::advance(&self.0, changes.len() as u64, wait)?;
        of_many.try_for_each(|change| self.change_one(change, later, wait))?;
        Ok(later)
    }

    fn clock(&self, wait: Wait) -> Result<Number, Fault> {
        clock::now(&self.0, wait)
    }

    fn judge(&self, clock: Number, marks: &[Mark], wait: Wait) -> Result<Judgement, Fault> {
        if !clock::is_possible(clock) {
            return Ok(Judgement::Invalid);
        }
        Ok(Versions::read(&self.0, marks, None, wait)?.0.judge(clock))
    }

    fn lease(&self, mark: Mark, holder: u64, length: Duration, wait: Wait) -> Result<Lease, Fault> {
        leases::take(&self.0, mark, holder, length, wait)
    }

    fn release(&self, mark: Mark, holder: u64, wait: Wait) -> Result<(), Fault> {
        leases::give_back(&self.0, mark, holder, wait)
    }

    fn list(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
        wait: Wait,
        see: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), Fault> {
        let mut keys = self.0.keys(prefix, wait)?;
        keys.retain(|key| key.starts_with(prefix) && !is_note(key) && after.is_none_or(|after| key.as_slice() > after));
        keys.sort_unstable();
        keys.truncate(most);
        let asked: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        for (key, bytes) in asked.iter().zip(self.0.get_many(&asked, wait)?) {
            if let Some(bytes) = bytes {
                see(key, &bytes);
            }
        }
        Ok(())
    }

    fn stats(&self, _: Wait) -> Result<TierStats, Fault> {
        Ok(TierStats::default())
    }
}
