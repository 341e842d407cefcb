//! WHERE bytes live outside the process: one contract, and its implementations.
//!
//! A tier sees bytes and [`Mark`]s, never objects. Its calls are made on the calling thread, and none waits longer than it is told to.

mod chaos;
#[cfg(any(test, feature = "validate"))]
#[path = "tests/conformance.rs"]
pub mod conformance;
#[cfg(target_os = "linux")]
pub mod disk;
mod heap;
mod key;
mod mark;
pub mod plain;
#[cfg(unix)]
pub mod shared;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::{Duration, Instant};

pub use chaos::{Calls, Chaos, Trouble, When};
pub use heap::Heap;
pub use key::{KEPT, LONGEST, stored_key};
pub use mark::{Mark, Of, PART_BITS};

use crate::codec::{Millis, Sealed};

/// The number of a change: what a tier's clock counts.
pub type Number = u64;

/// What a tier can do. What it cannot do is answered with [`Fault::Unsupported`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub struct Features {
    /// It refuses fills that a change has overtaken, whoever made it.
    pub fences: bool,
    /// It knows versions of tags, owners and namespaces, so that invalidating them costs the same however many entries they have.
    pub versions: bool,
    /// It tells of changes that others made.
    pub watch: bool,
    /// It grants leases.
    pub leases: bool,
    /// It can list its keys by prefix.
    pub keys: bool,
    /// It forgets entries at their ends by itself.
    pub expires: bool,
    /// Several entries are read or written at once for less than one after the other.
    pub batches: bool,
    /// Its calls may block for longer than an entry takes to copy, so that no lock that others need is held across them.
    pub blocks: bool,
}

/// For how long a call may wait for others.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    /// Not at all: [`Fault::Busy`] instead. For who holds what others need.
    Not,
    /// Until then.
    Until(Instant),
}

/// Why a tier did not do what it was asked.
#[derive(Debug)]
pub enum Fault {
    /// Somebody else is at it, for longer than the caller may wait.
    Busy,
    /// It cannot do this at all.
    Unsupported(&'static str),
    /// The entry is larger than the tier takes.
    TooLarge {
        /// Bytes of the entry.
        bytes: u64,
        /// Bytes that it takes.
        most: u64,
    },
    /// There is no room, and none could be made.
    Full(String),
    /// What it holds cannot be read.
    Damaged(String),
    /// It cannot be reached, or does not answer.
    Away(String),
    /// It was closed, or belongs to a process that this one was forked from.
    Closed,
    /// It was not asked, because calls have failed of late.
    Refused {
        /// When it is to be asked again.
        retry_in: Duration,
        /// What became of the last call.
        reason: String,
    },
    /// The call was given up by who made it.
    Interrupted,
}

impl Fault {
    /// What kind of fault it is, in one word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Unsupported(_) => "unsupported",
            Self::TooLarge { .. } => "too large",
            Self::Full(_) => "full",
            Self::Damaged(_) => "damaged",
            Self::Away(_) => "away",
            Self::Closed => "closed",
            Self::Refused { .. } => "refused",
            Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => out.write_str("others held what it needed for longer than it waits"),
            Self::Unsupported(what) => write!(out, "it cannot {what}"),
            Self::TooLarge { bytes, most } => {
                write!(out, "an entry of {bytes} bytes is larger than the {most} that it takes")
            }
            Self::Full(reason) | Self::Damaged(reason) | Self::Away(reason) => out.write_str(reason),
            Self::Closed => out.write_str("it was closed"),
            Self::Refused { retry_in, reason } => {
                write!(
                    out,
                    "it is left alone for another {:.1} s, because calls failed: {reason}",
                    retry_in.as_secs_f64()
                )
            }
            Self::Interrupted => out.write_str("it was interrupted"),
        }
    }
}

impl std::error::Error for Fault {}

/// One entry that is to be stored.
#[derive(Debug)]
pub struct Item<'a> {
    /// What it is stored under: namespace and key.
    pub key: &'a [u8],
    /// What invalidates it; the mark of its key is the first.
    pub marks: &'a [Mark],
    /// The entry.
    pub envelope: &'a mut Sealed,
    /// Why it is stored.
    pub purpose: Purpose<'a>,
}

/// Why an entry is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// A load returned it, before which the clock was this: others are not told, and it is refused if one of its marks has changed since.
    Fill(Number),
    /// A caller said so: a change of its key.
    Set,
    /// As [`Purpose::Set`], but only if just these bytes are stored there, or nothing is, and none of its marks has changed since the
    /// clock was this. If not, nothing changes.
    Exchange(Option<&'a [u8]>, Number),
}

/// What has become of an entry that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is stored. Unless that was a fill, it was the change of this number.
    Stored(Option<Number>),
    /// It was overtaken by a change, or something else is there.
    Overtaken,
}

/// What is to change.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Of what.
    pub mark: Mark,
    /// What it is stored under, if it is a key.
    pub key: Option<&'a [u8]>,
    /// What becomes of it.
    pub to: To,
}

/// What becomes of entries that change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// They are invalid from now on.
    Invalid,
    /// They are stale from now on, at this time, if they are not yet, and keep their grace from here.
    Stale(Millis),
}

/// How an entry stands by the versions of its marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// None has changed.
    Valid,
    /// One has changed [`To::Stale`], the earliest at this time.
    Stale(Millis),
    /// One has changed [`To::Invalid`], or nobody knows any more.
    Invalid,
}

/// The right to load what a mark stands for, across processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It is the caller's.
    Granted,
    /// Somebody else has it, for at most so long.
    Held(Duration),
}

/// What a tier has done, and holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TierStats {
    /// Entries, if that is known.
    pub entries: Option<u64>,
    /// Bytes that they take, with what is needed to find them.
    pub bytes: Option<u64>,
    /// The most bytes that they may take.
    pub max_bytes: Option<u64>,
    /// Entries that left to make room.
    pub evicted: u64,
    /// Entries that left at their end.
    pub expired: u64,
    /// Calls that could not have what others held.
    pub busy: u64,
}

/// What a process has to look at to hear of changes.
pub trait Watch: Send + Sync {
    /// The number of the last change, which moves before whoever made it is told that it is so.
    fn word(&self) -> &std::sync::atomic::AtomicU64;

    /// Shows the [`Mark::part`] of each change after the one of this number, and its number, oldest first.
    fn changes(&self, after: Number, see: &mut dyn FnMut(Number, u64)) -> Heard;
}

/// How far a process has heard of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// All changes up to this number were shown.
    All(Number),
    /// Up to this number there were some that nobody knows any more: everything may have changed.
    Lost(Number),
}

/// A place outside the process where bytes live.
pub trait Tier: Send + Sync + fmt::Debug {
    /// What it can do.
    fn features(&self) -> Features;

    /// Shows what is stored under a key; whether there is anything. `see` only copies.
    ///
    /// # Errors
    /// [`Fault`]: nothing is known of the key.
    fn get(&self, key: &[u8], wait: Wait, see: &mut dyn FnMut(&[u8])) -> Result<bool, Fault>;

    /// As [`Tier::get`], for several keys at once; what is shown comes with the place of its key.
    ///
    /// # Errors
    /// [`Fault`]: nothing more is known of keys that were not shown.
    fn get_many(&self, keys: &[&[u8]], wait: Wait, see: &mut dyn FnMut(usize, &[u8])) -> Result<(), Fault> {
        for (place, key) in keys.iter().enumerate() {
            self.get(key, wait, &mut |bytes| see(place, bytes))?;
        }
        Ok(())
    }

    /// Stores an entry, after stamping it with the clock that it is valid from.
    ///
    /// # Errors
    /// [`Fault`]: it is not stored. What was there may still be: who wanted to replace it invalidates it.
    fn put(&self, item: &mut Item<'_>, wait: Wait) -> Result<Put, Fault>;

    /// As [`Tier::put`], for several entries at once.
    ///
    /// # Errors
    /// As for [`Tier::put`], for those that follow too.
    fn put_many(&self, items: &mut [Item<'_>], wait: Wait) -> Result<Vec<Put>, Fault> {
        items.iter_mut().map(|item| self.put(item, wait)).collect()
    }

    /// Makes changes, of which others hear, and which are so from now on; the number of the last.
    ///
    /// # Errors
    /// [`Fault`]: some may not have been made.
    fn change(&self, changes: &[Change<'_>], wait: Wait) -> Result<Number, Fault>;

    /// The clock, for a load that is about to begin.
    ///
    /// # Errors
    /// [`Fault`].
    fn clock(&self, wait: Wait) -> Result<Number, Fault>;

    /// How something stands that is valid from this clock and has these marks, that of its key the first.
    ///
    /// # Errors
    /// [`Fault`].
    fn judge(&self, clock: Number, marks: &[Mark], wait: Wait) -> Result<Judgement, Fault>;

    /// The right to load something for so long, if nobody else has it. A holder who asks again has it anew.
    ///
    /// # Errors
    /// [`Fault`].
    fn lease(&self, mark: Mark, holder: u64, length: Duration, wait: Wait) -> Result<Lease, Fault>;

    /// Gives that right back, if it is still this holder's.
    ///
    /// # Errors
    /// [`Fault`].
    fn release(&self, mark: Mark, holder: u64, wait: Wait) -> Result<(), Fault>;

    /// What to look at to hear of changes, if it tells of them.
    fn watch(&self) -> Option<&dyn Watch> {
        None
    }

    /// Shows keys that begin with a prefix, in order, with what is stored under them, after this one and at most so many.
    ///
    /// # Errors
    /// [`Fault`].
    fn list(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
        wait: Wait,
        see: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), Fault>;

    /// Removes a bounded number of entries whose time is over, and what else it does not do by itself.
    ///
    /// # Errors
    /// [`Fault`].
    fn tend(&self, wait: Wait) -> Result<(), Fault> {
        let _ = wait;
        Ok(())
    }

    /// Whether it has had to make room, as far as that is known without asking.
    fn evicts(&self) -> bool {
        false
    }

    /// What it has done, and holds.
    ///
    /// # Errors
    /// [`Fault`].
    fn stats(&self, wait: Wait) -> Result<TierStats, Fault>;
}
