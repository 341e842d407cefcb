//! Walking over a memory that others change meanwhile: an entry that is there all the time is met once.

use crate::memory::{Hashed, Memory, Owner};
use crate::policy::Slot;
use crate::sync::RawMutex;

/// Vacant slots that one step looks at before it lets go of the lock.
const STEP: usize = 1024;

/// Where a walk is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    shard: usize,
    slot: Slot,
}

impl<K: Hashed, V, R: RawMutex> Memory<K, V, R> {
    /// Gives the next fresh entry to `take`; `None` at the end. Neither the entry nor statistics notice.
    pub fn next<T>(&self, cursor: &mut Cursor, mut take: impl FnMut(&K, &V) -> T) -> Option<T> {
        while let Some(shard) = self.shards.at(cursor.shard) {
            let shard = shard.lock();
            let rest = shard.slab.entries().get(cursor.slot as usize..).unwrap_or_default();
            if rest.is_empty() {
                *cursor = Cursor { shard: cursor.shard + 1, slot: 0 };
                continue;
            }
            for entry in rest.iter().take(STEP) {
                let slot = cursor.slot;
                cursor.slot += 1;
                if let Some((key, value)) = &entry.pair
                    && !shard.is_over(slot, &self.clock)
                {
                    return Some(take(key, value));
                }
            }
        }
        None
    }

    /// Shows every pair to `visit`, for a garbage collector, but those that [`Memory::visit_owner`] shows.
    ///
    /// # Errors
    /// Whatever `visit` returns, at once.
    ///
    /// # Panics
    /// In builds with debug assertions if a lock is taken: a collection finds every lock free.
    pub fn visit<E>(&self, mut visit: impl FnMut(&K, &V) -> Result<(), E>) -> Result<(), E> {
        for shard in self.shards.iter() {
            let shard = shard.try_lock();
            debug_assert!(shard.is_some(), "a collection found the lock of a shard taken");
            let Some(shard) = shard else { continue };
            let pairs = shard.slab.entries().iter().filter_map(|entry| entry.pair.as_ref());
            let own = pairs.filter(|(key, _)| !shard.lists(key.owner()));
            for (key, value) in own.chain(shard.cleared().filter_map(|entry| entry.pair.as_ref())) {
                visit(key, value)?;
            }
        }
        Ok(())
    }

    /// As [`Memory::visit`], the pairs of an owner who may leave.
    ///
    /// # Errors
    /// As [`Memory::visit`].
    ///
    /// # Panics
    /// As [`Memory::visit`].
    pub fn visit_owner<E>(&self, owner: Owner, mut visit: impl FnMut(&K, &V) -> Result<(), E>) -> Result<(), E> {
        for shard in self.shards.iter() {
            let shard = shard.try_lock();
            debug_assert!(shard.is_some(), "a collection found the lock of a shard taken");
            let Some(shard) = shard else { continue };
            let slots = shard.owned.iter().flat_map(|owned| owned.of(owner));
            for (key, value) in slots.filter_map(|slot| shard.slab.get(slot).pair.as_ref()) {
                visit(key, value)?;
            }
        }
        Ok(())
    }
}
