//! W-TinyLFU: an entry that would come in has to have been asked for more often than the one that would leave.
//!
//! After Einziger, Friedman and Manes, "TinyLFU: a highly efficient cache admission policy", ACM Transactions on
//! Storage 13(4), 2017, with the segmented main part of Karedla, Love and Wherry, "Caching strategies to improve disk
//! system performance", IEEE Computer 27(3), 1994.
//!
//! ```text
//!   insert -> WINDOW --candidate--> admitted? --yes--> PROBATION --read--> PROTECTED
//!                                       |               |   ^                  |
//!                                       no              |   +----- demoted ----+
//!                                       v               v
//!                                     leaves      victim, leaves
//! ```
//!
//! A newcomer enters a small window, where it can be read a second time at once. What falls out of the window is the
//! candidate, and what is at the tail of probation the victim; the [`Sketch`] says which of them was asked for more
//! often, also before it was in the cache, and the other leaves. So one scan over many keys passes through the window
//! and leaves the rest alone.
//!
//! A hit costs nothing but a count of reads in the entry. It is acted on when the entry is looked at because it stands
//! at a tail, as in CLOCK (Corbató, "A paging experiment with the Multics system", 1968): the reads are taken and
//! counted in the sketch, and the entry goes to the head (window, protected) or is promoted (probation). Each such move
//! uses up reads, so the moves are paid for by hits; that no single call makes many is seen to by a limit.
//! What leaves for a reason of its own, as an entry does whose time is over, leaves its reads behind too: if it comes
//! again, it is as frequent as it was.
//!
//! Until the cache is half full nobody can say that it will ever be full, and there is no sketch.

use super::generator::Generator;
use super::list::List;
use super::sketch::Sketch;
use super::{NONE, Nodes, Policy, Slot};

/// Percent of the capacity that is the window.
const WINDOW_PERCENT: u64 = 1;
/// Percent of the rest that is protected.
const PROTECTED_PERCENT: u64 = 80;
/// The part of the capacity, as a divisor, from which on frequencies are counted.
const SKETCH_FROM_PART: u64 = 2;
/// Entries that one call may move at most.
const MOVES_PER_CALL: u32 = 64;
/// The frequency from which on a candidate that loses may be admitted by lot.
const WARM_FREQUENCY: u16 = 6;
/// One of so many warm losers is admitted, so that nobody can keep keys out by making others look frequent.
const WARM_ADMISSION_ODDS: usize = 128;

/// The zone of newcomers, in the order in which they came.
const WINDOW: u8 = 0;
/// The zone of what was admitted and not read since, or demoted.
const PROBATION: u8 = 1;
/// The zone of what was read in probation.
const PROTECTED: u8 = 2;
/// How many zones there are.
const ZONES: usize = 3;

/// Three lists, one a zone, and the frequencies of what is and was in them.
#[derive(Debug)]
pub struct TinyLfu {
    lists: [List; ZONES],
    capacity: u64,
    window_share: u64,
    protected_share: u64,
    newcomer: Slot,
    sketch: Sketch,
    generator: Generator,
}

/// What is left of the moves that a call may make.
struct Moves(u32);

impl Moves {
    fn new() -> Self {
        Self(MOVES_PER_CALL)
    }

    /// Takes one move, if there is one left.
    #[inline]
    fn take(&mut self) -> bool {
        let left = self.0 > 0;
        self.0 -= u32::from(left);
        left
    }
}

impl TinyLfu {
    #[inline]
    fn list(&mut self, zone: u8) -> &mut List {
        &mut self.lists[zone as usize]
    }

    #[inline]
    fn tail(&self, zone: u8) -> Option<Slot> {
        self.lists[zone as usize].tail()
    }

    #[inline]
    fn weight(&self) -> u64 {
        self.lists.iter().map(List::weight).sum()
    }

    #[inline]
    fn len(&self) -> usize {
        self.lists.iter().map(List::len).sum()
    }

    #[inline]
    fn window_overflows(&self) -> bool {
        self.lists[WINDOW as usize].weight() > self.window_share
    }

    #[inline]
    fn protected_overflows(&self) -> bool {
        self.lists[PROTECTED as usize].weight() > self.protected_share
    }

    #[inline]
    fn enter<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, zone: u8) {
        nodes.set_zone(slot, zone);
        self.list(zone).push_front(nodes, slot);
    }

    #[inline]
    fn leave<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.list(nodes.zone(slot)).remove(nodes, slot);
    }

    #[inline]
    fn transfer<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, zone: u8) {
        self.leave(nodes, slot);
        self.enter(nodes, slot, zone);
    }

    fn divide(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.window_share = percent(capacity, WINDOW_PERCENT).max(1);
        self.protected_share = percent(capacity.saturating_sub(self.window_share), PROTECTED_PERCENT);
    }

    /// While there is room, what falls out of the window need not compete.
    fn spill_window<N: Nodes>(&mut self, nodes: &mut N) {
        let mut moves = Moves::new();
        while self.window_overflows() && moves.take() {
            match self.tail(WINDOW) {
                Some(slot) if slot != self.newcomer => self.transfer(nodes, slot, PROBATION),
                _ => return,
            }
        }
    }

    /// Counts the reads that are pending in the entry.
    #[inline]
    fn take_reads<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        let reads = nodes.take_reads(slot);
        if reads > 0 {
            self.sketch.add(nodes.hash(slot), reads);
        }
    }

    /// The tail of a zone, after what was read, and the newcomer, have gone to its head.
    fn settled_tail<N: Nodes>(&mut self, nodes: &mut N, zone: u8, moves: &mut Moves) -> Option<Slot> {
        loop {
            let slot = self.tail(zone)?;
            let stays = slot == self.newcomer || nodes.reads(slot) > 0 && moves.take();
            if !stays || self.list(zone).len() == 1 {
                return Some(slot);
            }
            self.take_reads(nodes, slot);
            self.list(zone).move_to_front(nodes, slot);
        }
    }

    /// The entry that would come into the main part.
    #[inline]
    fn candidate<N: Nodes>(&mut self, nodes: &mut N, moves: &mut Moves) -> Option<Slot> {
        if !self.window_overflows() {
            return None;
        }
        self.settled_tail(nodes, WINDOW, moves).filter(|&slot| slot != self.newcomer)
    }

    /// The entry that would leave the main part.
    fn victim<N: Nodes>(&mut self, nodes: &mut N, moves: &mut Moves) -> Option<Slot> {
        while let Some(slot) = self.tail(PROBATION) {
            if nodes.reads(slot) == 0 || !moves.take() {
                return Some(slot);
            }
            self.take_reads(nodes, slot);
            self.transfer(nodes, slot, PROTECTED);
            self.demote(nodes, moves);
        }
        self.settled_tail(nodes, PROTECTED, moves)
    }

    /// Brings the protected zone back to its share.
    fn demote<N: Nodes>(&mut self, nodes: &mut N, moves: &mut Moves) {
        while self.protected_overflows() && moves.take() {
            let Some(slot) = self.settled_tail(nodes, PROTECTED, moves) else { return };
            self.transfer(nodes, slot, PROBATION);
        }
    }

    #[inline]
    fn frequency<N: Nodes>(&self, nodes: &N, slot: Slot) -> u16 {
        u16::from(self.sketch.estimate(nodes.hash(slot))) + u16::from(nodes.reads(slot))
    }

    /// The entry that leaves.
    fn choose<N: Nodes>(&mut self, nodes: &mut N) -> Option<Slot> {
        let mut moves = Moves::new();
        let candidate = self.candidate(nodes, &mut moves);
        let victim = self.victim(nodes, &mut moves);
        let (Some(candidate), Some(victim)) = (candidate, victim) else {
            return candidate.or(victim).or_else(|| self.settled_tail(nodes, WINDOW, &mut moves));
        };
        let (rising, falling) = (self.frequency(nodes, candidate), self.frequency(nodes, victim));
        if admits(rising, falling, &mut self.generator) {
            self.transfer(nodes, candidate, PROBATION);
            Some(victim)
        } else {
            Some(candidate)
        }
    }
}

/// Whether a candidate of this frequency may take the place of a victim of that one.
#[inline]
pub(super) fn admits(candidate: u16, victim: u16, generator: &mut Generator) -> bool {
    candidate > victim || candidate >= WARM_FREQUENCY && generator.below(WARM_ADMISSION_ODDS) == 0
}

/// So many percent of `whole`, rounded down.
fn percent(whole: u64, share: u64) -> u64 {
    (u128::from(whole) * u128::from(share) / 100) as u64
}

impl Policy for TinyLfu {
    fn new(capacity: u64, seed: u64) -> Self {
        let mut generator = Generator::new(seed);
        let sketch = Sketch::new(generator.draw());
        let lists = std::array::from_fn(|_| List::new());
        let mut policy =
            Self { lists, capacity, window_share: 0, protected_share: 0, newcomer: NONE, sketch, generator };
        policy.divide(capacity);
        policy
    }

    #[inline]
    fn insert<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.newcomer = slot;
        self.enter(nodes, slot, WINDOW);
        let weight = self.weight();
        if weight > self.capacity / SKETCH_FROM_PART {
            self.sketch.reserve(self.len());
        }
        self.sketch.add(nodes.hash(slot), 1);
        if weight <= self.capacity {
            self.spill_window(nodes);
        }
    }

    #[inline]
    fn reweigh<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, before: u64) {
        self.list(nodes.zone(slot)).reweigh(before, nodes.weight(slot));
    }

    #[inline]
    fn remove<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.take_reads(nodes, slot);
        self.leave(nodes, slot);
        if self.newcomer == slot {
            self.newcomer = NONE;
        }
    }

    #[inline]
    fn evict<N: Nodes>(&mut self, nodes: &mut N) -> Option<Slot> {
        let slot = self.choose(nodes)?;
        self.remove(nodes, slot);
        Some(slot)
    }

    fn clear(&mut self) {
        self.lists.iter_mut().for_each(List::clear);
        self.newcomer = NONE;
        self.sketch.clear();
    }

    fn resize(&mut self, capacity: u64) {
        self.divide(capacity);
        self.sketch.limit(usize::try_from(capacity).unwrap_or(usize::MAX));
    }

    #[cfg(any(test, feature = "validate"))]
    fn validate<N: Nodes>(&self, nodes: &N, live: &[Slot]) {
        super::list::assert_zones(&self.lists, nodes, live);
        let newcomer_lives = live.contains(&self.newcomer) && nodes.zone(self.newcomer) == WINDOW;
        assert!(self.newcomer == NONE || newcomer_lives, "the newcomer is not in the window");
    }
}
