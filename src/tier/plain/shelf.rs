//! What a place has to do to be a tier.

use std::fmt;

use crate::tier::{Fault, Wait};

/// For how many seconds something is of use, after which it may be forgotten; `None` for as long as there is room.
pub type Life = Option<f64>;

/// What a shelf can do besides what it has to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// [`Shelf::exchange`].
    pub exchange: bool,
    /// [`Shelf::increment`].
    pub increment: bool,
    /// [`Shelf::keys`].
    pub keys: bool,
    /// It forgets what is at its end by itself.
    pub expires: bool,
    /// Several keys are read or written at once for less than one after the other.
    pub batches: bool,
}

/// Something that is to be stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stored<'a> {
    /// Under what.
    pub key: &'a [u8],
    /// The bytes.
    pub value: &'a [u8],
    /// For how long.
    pub life: Life,
}

/// A place that keeps bytes under keys, and knows nothing of what they are. It may forget whatever it likes at any time.
pub trait Shelf: Send + Sync + fmt::Debug {
    /// What it can do.
    fn abilities(&self) -> Abilities;

    /// What is stored under each of some keys.
    ///
    /// # Errors
    /// [`Fault`]: nothing is known of any.
    fn get_many(&self, keys: &[&[u8]], wait: Wait) -> Result<Vec<Option<Vec<u8>>>, Fault>;

    /// Stores something.
    ///
    /// # Errors
    /// [`Fault`]: it may not be stored.
    fn put(&self, stored: Stored<'_>, wait: Wait) -> Result<(), Fault>;

    /// Stores several things, each not before those that come before it.
    ///
    /// # Errors
    /// [`Fault`]: some may not be stored.
    fn put_many(&self, stored: &[Stored<'_>], wait: Wait) -> Result<(), Fault> {
        stored.iter().try_for_each(|stored| self.put(*stored, wait))
    }

    /// Removes what is stored under a key, if anything is.
    ///
    /// # Errors
    /// [`Fault`]: it may still be there.
    fn remove(&self, key: &[u8], wait: Wait) -> Result<(), Fault>;

    /// Stores something if just these bytes are there, or nothing is, in one step; whether it did.
    ///
    /// # Errors
    /// [`Fault`]: it may be stored or not.
    fn exchange(&self, expected: Option<&[u8]>, stored: Stored<'_>, wait: Wait) -> Result<bool, Fault> {
        let _ = (expected, stored, wait);
        Err(Fault::Unsupported("exchange"))
    }

    /// Adds to a counter in one step; the sum. One that is not there begins with `initial`.
    ///
    /// # Errors
    /// [`Fault`]: it may be added or not.
    fn increment(&self, key: &[u8], amount: u64, initial: u64, wait: Wait) -> Result<u64, Fault> {
        let _ = (key, amount, initial, wait);
        Err(Fault::Unsupported("count"))
    }

    /// The keys that begin so, in any order.
    ///
    /// # Errors
    /// [`Fault`].
    fn keys(&self, prefix: &[u8], wait: Wait) -> Result<Vec<Vec<u8>>, Fault> {
        let _ = (prefix, wait);
        Err(Fault::Unsupported("list its keys"))
    }

    /// What is stored under a key.
    ///
    /// # Errors
    /// [`Fault`]: nothing is known of it.
    fn get(&self, key: &[u8], wait: Wait) -> Result<Option<Vec<u8>>, Fault> {
        self.get_many(&[key], wait).map(|mut found| found.pop().flatten())
    }

    /// As [`Shelf::exchange`], or, where that cannot be done in one step, in two.
    ///
    /// # Errors
    /// [`Fault`]: it may be stored or not.
    fn replace(&self, expected: Option<&[u8]>, stored: Stored<'_>, wait: Wait) -> Result<bool, Fault> {
        if self.abilities().exchange {
            return self.exchange(expected, stored, wait);
        }
        if self.get(stored.key, wait)?.as_deref() != expected {
            return Ok(false);
        }
        self.put(stored, wait).map(|()| true)
    }
}
