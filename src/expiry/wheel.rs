//! A hierarchical timer wheel: finds entries whose deadline has passed in constant time each.
//!
//! Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987. Seven wheels of 64 buckets turn at
//! 17 ms, 1.1 s, 69 s, 73 min, 78 h, 208 days and 36 years a bucket. A deadline lies in the finest wheel that reaches it.
//! When time comes to a bucket of a coarse wheel, its entries move to finer ones; when it has passed a bucket of the finest,
//! its entries have expired. What is due is first moved to one list, in constant time a bucket, and then worked off in
//! steps that the caller bounds.
//!
//! A deadline that was put off is left where it is and moved when its bucket is due.

use crate::clock::{NEVER, Tick};
use crate::policy::{Links, NONE, Slot, UNLINKED};

const LEVELS: usize = 7;
const BUCKETS: usize = 64;
/// Binary logarithm of the ticks in a bucket of the finest wheel.
const FINEST: u32 = 10;
/// Binary logarithm of how much coarser the next wheel is.
const STEP: u32 = 6;

/// The list of what is due, behind those of the buckets.
const DUE: usize = LEVELS * BUCKETS;
const LISTS: usize = DUE + 1;
/// Numbers from here on are list heads, not slots.
const FIRST_HEAD: Slot = NONE - LISTS as Slot;

/// What the wheel sees of the entries: two links, and when each one is over.
pub(crate) trait TimerLinks {
    fn timer(&self, slot: Slot) -> Links;
    fn set_timer(&mut self, slot: Slot, links: Links);
    fn deadline(&self, slot: Slot) -> Tick;
}

/// The deadlines of a shard.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// Ends of circular lists: one a bucket, and that of what is due.
    heads: Box<[Links; LISTS]>,
    /// Which buckets of a wheel may hold something.
    occupied: [u64; LEVELS],
    /// Up to when the wheel has turned.
    current: Tick,
}

impl Wheel {
    /// The largest slot that a wheel can hold.
    pub(crate) const MAX_SLOT: Slot = FIRST_HEAD - 1;

    pub(crate) fn new(now: Tick) -> Self {
        let heads = std::array::from_fn(|list| Links { prev: head(list), next: head(list) });
        Self { heads: Box::new(heads), occupied: [0; LEVELS], current: now }
    }

    /// Takes in an entry; returns when its bucket will be due.
    pub(crate) fn insert<T: TimerLinks>(&mut self, nodes: &mut T, slot: Slot) -> Tick {
        let deadline = nodes.deadline(slot);
        self.insert_at(nodes, slot, deadline)
    }

    /// Takes in an entry whose deadline is known; returns when its bucket will be due.
    pub(crate) fn insert_at<T: TimerLinks>(&mut self, nodes: &mut T, slot: Slot, deadline: Tick) -> Tick {
        if deadline < self.current {
            self.push(nodes, DUE, slot);
            return self.current;
        }
        let (level, position) = self.place(deadline);
        let bucket = position as usize % BUCKETS;
        self.occupied[level] |= 1 << bucket;
        self.push(nodes, level * BUCKETS + bucket, slot);
        due_time(level, position)
    }

    /// Lets an entry go.
    pub(crate) fn remove<T: TimerLinks>(&mut self, nodes: &mut T, slot: Slot) {
        let links = nodes.timer(slot);
        self.set_next(nodes, links.prev, links.next);
        self.set_prev(nodes, links.next, links.prev);
        nodes.set_timer(slot, UNLINKED);
    }

    /// Turns to `now` and collects what has become due.
    pub(crate) fn turn<T: TimerLinks>(&mut self, nodes: &mut T, now: Tick) {
        if now <= self.current {
            return;
        }
        for level in 0..LEVELS {
            let passed = self.passed(level, now) & self.occupied[level];
            self.occupied[level] &= !passed;
            let mut rest = passed;
            while rest != 0 {
                let bucket = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                self.splice(nodes, level * BUCKETS + bucket);
            }
        }
        self.current = now;
    }

    /// The next entry that [`Wheel::turn`] has found, expired or to be put back by [`Wheel::insert`]; the wheel forgets it.
    pub(crate) fn pop_due<T: TimerLinks>(&mut self, nodes: &mut T) -> Option<Slot> {
        let slot = self.heads[DUE].next;
        if slot >= FIRST_HEAD {
            return None;
        }
        self.remove(nodes, slot);
        Some(slot)
    }

    /// The first entry of the bucket that time is in now, and the one after an entry of it.
    pub(crate) fn first_of_current_bucket(&self) -> Option<Slot> {
        let bucket = (self.current >> FINEST) as usize % BUCKETS;
        real(self.heads[bucket].next)
    }

    pub(crate) fn after<T: TimerLinks>(&self, nodes: &T, slot: Slot) -> Option<Slot> {
        real(nodes.timer(slot).next)
    }

    /// When something will be due next; early rather than late.
    pub(crate) fn wake(&self) -> Tick {
        if real(self.heads[DUE].next).is_some() {
            return 0;
        }
        (0..LEVELS).filter_map(|level| self.next_due(level)).min().unwrap_or(NEVER)
    }

    fn next_due(&self, level: usize) -> Option<Tick> {
        let occupied = self.occupied[level];
        if occupied == 0 {
            return None;
        }
        let position = self.current >> shift(level);
        let ahead = occupied.rotate_right((position % BUCKETS as u64) as u32).trailing_zeros();
        Some(due_time(level, position + u64::from(ahead)))
    }

    /// The finest wheel on whose rim a deadline lies ahead of now, and the bucket's place on the unrolled rim.
    #[inline]
    fn place(&self, deadline: Tick) -> (usize, u64) {
        let differs = (deadline ^ self.current) >> FINEST | 1;
        let level = (differs.ilog2() / STEP) as usize;
        if level < LEVELS {
            return (level, deadline >> shift(level));
        }
        let last = LEVELS - 1;
        (last, (self.current >> shift(last)) + BUCKETS as u64 - 1)
    }

    /// The buckets of a wheel that time passes on its way to `now`: of the finest those that end, of others those that begin.
    fn passed(&self, level: usize, now: Tick) -> u64 {
        let (from, to) = (self.current >> shift(level), now >> shift(level));
        let (first, count) = if level == 0 { (from, to - from) } else { (from + 1, to - from) };
        match count {
            0 => 0,
            64.. => u64::MAX,
            _ => ((1_u64 << count) - 1).rotate_left((first % BUCKETS as u64) as u32),
        }
    }

    fn push<T: TimerLinks>(&mut self, nodes: &mut T, list: usize, slot: Slot) {
        let last = self.heads[list].prev;
        nodes.set_timer(slot, Links { prev: last, next: head(list) });
        self.set_next(nodes, last, slot);
        self.heads[list].prev = slot;
    }

    /// Appends a whole list to what is due.
    fn splice<T: TimerLinks>(&mut self, nodes: &mut T, list: usize) {
        let Links { prev: last, next: first } = self.heads[list];
        if first == head(list) {
            return;
        }
        self.heads[list] = Links { prev: head(list), next: head(list) };
        let end = self.heads[DUE].prev;
        self.set_next(nodes, end, first);
        self.set_prev(nodes, first, end);
        self.set_next(nodes, last, head(DUE));
        self.heads[DUE].prev = last;
    }

    fn set_next<T: TimerLinks>(&mut self, nodes: &mut T, at: Slot, next: Slot) {
        if at >= FIRST_HEAD {
            self.heads[(at - FIRST_HEAD) as usize].next = next;
        } else {
            let links = nodes.timer(at);
            nodes.set_timer(at, Links { next, ..links });
        }
    }

    fn set_prev<T: TimerLinks>(&mut self, nodes: &mut T, at: Slot, prev: Slot) {
        if at >= FIRST_HEAD {
            self.heads[(at - FIRST_HEAD) as usize].prev = prev;
        } else {
            let links = nodes.timer(at);
            nodes.set_timer(at, Links { prev, ..links });
        }
    }
}

const fn shift(level: usize) -> u32 {
    FINEST + STEP * level as u32
}

const fn head(list: usize) -> Slot {
    FIRST_HEAD + list as Slot
}

const fn real(slot: Slot) -> Option<Slot> {
    if slot < FIRST_HEAD { Some(slot) } else { None }
}

/// When a bucket is due: at its end in the finest wheel, at its beginning in others.
const fn due_time(level: usize, position: u64) -> Tick {
    if level == 0 { (position + 1) << FINEST } else { position << shift(level) }
}

#[cfg(any(test, feature = "validate"))]
impl Wheel {
    /// The slots in the wheel, after checking that lists are closed and that no bucket is due later than a deadline in it.
    pub(crate) fn validate<T: TimerLinks>(&self, nodes: &T) -> Vec<Slot> {
        let mut found = Vec::new();
        for list in 0..LISTS {
            let mut previous = head(list);
            let mut slot = self.heads[list].next;
            while let Some(entry) = real(slot) {
                assert_eq!(nodes.timer(entry).prev, previous, "slot {entry} of timer list {list} does not point back");
                if list != DUE {
                    self.validate_place(nodes, list, entry);
                }
                found.push(entry);
                previous = entry;
                slot = nodes.timer(entry).next;
            }
            assert_eq!(slot, head(list), "timer list {list} runs into another");
            assert_eq!(self.heads[list].prev, previous, "timer list {list} is not closed");
        }
        found
    }

    fn validate_place<T: TimerLinks>(&self, nodes: &T, list: usize, slot: Slot) {
        let (level, bucket) = (list / BUCKETS, list % BUCKETS);
        assert!(self.occupied[level] >> bucket & 1 == 1, "bucket {bucket} of wheel {level} is marked empty");
        let position = self.current >> shift(level);
        let ahead = (bucket as u64).wrapping_sub(position) % BUCKETS as u64;
        let begins = (position + ahead) << shift(level);
        assert!(begins <= nodes.deadline(slot), "slot {slot} would be swept after its deadline");
    }
}

#[cfg(test)]
#[path = "wheel_tests.rs"]
mod tests;
