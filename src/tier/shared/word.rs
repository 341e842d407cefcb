//! One word of memory that several processes share.

use std::sync::atomic::{AtomicU64, Ordering};

/// An atomic word. Where a model runs, it decides before each use who goes next.
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct Word(AtomicU64);

impl Word {
    #[inline]
    pub(crate) fn load(&self, order: Ordering) -> u64 {
        step();
        self.0.load(order)
    }

    #[inline]
    pub(crate) fn store(&self, value: u64, order: Ordering) {
        step();
        self.0.store(value, order);
    }

    /// Replaces `old` by `new`; whether it was there.
    #[inline]
    pub(crate) fn replace(&self, old: u64, new: u64) -> bool {
        step();
        self.0.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    #[inline]
    pub(crate) fn raise(&self, least: u64) {
        step();
        self.0.fetch_max(least, Ordering::AcqRel);
    }

    #[inline]
    pub(crate) fn lower(&self, most: u64) {
        step();
        self.0.fetch_min(most, Ordering::AcqRel);
    }

    #[inline]
    pub(crate) fn set_bits(&self, bits: u64) {
        step();
        self.0.fetch_or(bits, Ordering::AcqRel);
    }

    #[inline]
    pub(crate) fn clear_bits(&self, bits: u64) {
        step();
        self.0.fetch_and(!bits, Ordering::AcqRel);
    }

    #[inline]
    pub(crate) fn atomic(&self) -> &AtomicU64 {
        &self.0
    }
}

#[cfg(not(test))]
#[inline(always)]
fn step() {}

#[cfg(test)]
use super::tests::model::step;
