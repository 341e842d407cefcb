//! Keys and values that are counted while they live, and a probe that cannot always tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::hash::{Seed, shorten};
use crate::memory::{Hashed, Owner, Probe, Verdict};

/// Every so many-th key has the hash of the others of its kind.
const COLLIDING: u8 = 8;

/// How many things are alive.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census(Arc<AtomicI64>);

impl Census {
    pub(crate) fn alive(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn join(&self) -> Member {
        self.0.fetch_add(1, Ordering::SeqCst);
        Member(self.clone())
    }
}

/// Counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Member(Census);

impl Drop for Member {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A key: equal to others of its number, told apart by its serial number.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) number: u8,
    pub(crate) owner: Owner,
    pub(crate) serial: u64,
    pub(crate) member: Member,
}

/// The hash of the key with this number.
pub(crate) fn hash(number: u8) -> u32 {
    let kind = if number.is_multiple_of(COLLIDING) { 0 } else { number };
    shorten(Seed::fixed(11).mix(0, kind.into()))
}

impl Hashed for Key {
    fn hash(&self) -> u32 {
        hash(self.number)
    }
    fn owner(&self) -> Owner {
        self.owner
    }
}

/// A value: what it says, and which one it is.
#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) content: u8,
    pub(crate) serial: u64,
    pub(crate) member: Member,
}

/// Looks for the key with a number; cannot tell the first few times that it is asked.
#[derive(Debug)]
pub(crate) struct Doubtful {
    pub(crate) number: u8,
    pub(crate) doubts: u8,
}

impl Probe<Key> for Doubtful {
    fn compare(&mut self, stored: &Key) -> Verdict {
        if self.doubts > 0 {
            self.doubts -= 1;
            return Verdict::Unknown;
        }
        if stored.number == self.number { Verdict::Same } else { Verdict::Different }
    }
}
