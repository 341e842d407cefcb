//! The clock: which loads and which `set` come before which change.

use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::{SystemTime, UNIX_EPOCH};

use super::log::{Entry, Log};
use crate::tier::Number;

/// What `setting` is while nothing is being set.
const NONE: u64 = 0;

/// The clock, in words that are shared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock<'a> {
    pub(crate) log: Log<'a>,
    /// The number of the `set` in progress.
    pub(crate) setting: &'a super::word::Word,
}

impl Clock<'_> {
    /// The number of the last change that a load which begins now comes after: what the load reads may be older than what is being set.
    pub(crate) fn fence(&self) -> Number {
        // In this order: who sees the number of a `set` sees that it is in progress, or what came after that.
        let last = self.log.last();
        match self.setting.load(Acquire) {
            NONE => last,
            number => last.min(number - 1),
        }
    }

    /// A `set` begins, whose value comes after the change of this number. One at a time.
    pub(crate) fn begin_set(&self) -> Number {
        self.end_left();
        // Before its number can be seen, all loads are fenced by the last before it; then by that which it got.
        self.setting.store(self.log.last() + 1, Release);
        let number = self.log.publish(Entry::Nothing, |_| {});
        self.setting.store(number, Release);
        number
    }

    /// The `set` of this number is over.
    pub(crate) fn end_set(&self, number: Number) {
        self.setting.replace(number, NONE);
    }

    /// Ends a `set` whose process has gone: perhaps what it set can be read already, and what was there before in the memory of others.
    pub(crate) fn end_left(&self) {
        let left = self.setting.load(Acquire);
        if left != NONE {
            self.log.publish(Entry::Everything, |_| {});
            self.end_set(left);
        }
    }
}

/// A number that is later than any of a clock that began before: nanoseconds since 1970, of which a clock counts far fewer.
pub(crate) fn beginning() -> Number {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    u64::try_from(nanos).unwrap_or(u64::MAX) & (u64::MAX >> 1)
}
