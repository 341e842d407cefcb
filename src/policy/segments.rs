//! A window and a main part, and a rule that says what comes from the one into the other.
//!
//! ```text
//!                       +-- read, if by contest --+
//!                       v                         |
//!   a new key   ---> WINDOW ----> its oldest: does it come in? ---- yes ---> MAIN <--- read ---+
//!   a key that          ^                                                     ^  |             |
//!   came back ----------+---- from the window a short while ago --------------+  +---> its oldest
//! ```
//!
//! Both parts are queues, and a hit does nothing but count in the entry: who is at the end of a queue and was read goes to its
//! beginning, as in CLOCK (Corbató, "A paging experiment with the Multics system", 1968). The two rules:
//!
//! - by **promotion**, what was read while it was in the window comes into the main part, and so does at once what left the window a
//!   short while ago and is back: Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for cache eviction" (S3-FIFO), SOSP 2023.
//! - by **contest**, what was asked for more often than what would leave the main part for it, also before it was in the cache:
//!   Einziger, Friedman and Manes, "TinyLFU: a highly efficient cache admission policy", ACM Transactions on Storage 13(4), 2017.
//!   The frequencies are those in the entries and in a [`History`] of what left, and not in a sketch.
//!
//! A window of everything is CLOCK, which is nearly LRU. While there is room, what is new comes into the main part at once, as long
//! as that has room: a cache that has just been filled knows nothing that would speak for one entry or the other.

use super::generator::Generator;
use super::history::{History, Past};
use super::list::List;
use super::worth::{NEW_IN_MEAN, times};
use super::{NONE, Nodes, Slot};

/// The zone of the window, in the order in which entries came or were read at its end.
const WINDOW: u8 = 0;
/// The zone of the main part.
const MAIN: u8 = 1;
/// How many zones there are.
const ZONES: usize = 2;

/// The highest frequency.
const MOST: u8 = 15;
/// Binary digits of a frequency in the six that an entry has room for; the others say up to which ageing it is.
const FREQUENCY_BITS: u32 = 4;
/// Ageings are counted up to here.
const AGEINGS: u8 = 4;
/// Requests that are counted, for each entry, before all frequencies are halved.
const SAMPLE_PER_ENTRY: u64 = 10;
/// What left the window so many percent of the history's reach ago comes into the main part, where that goes by promotion.
const SHORT_WHILE: u32 = 90;
/// A window of at most so many percent is for what comes again and again in the same order, where a newcomer is always one request
/// ahead of what it is compared with: that does not count then.
const SMALL_WINDOW: u64 = 5;
/// Entries that one call may move at most.
const MOVES_PER_CALL: u32 = 64;

/// What comes from the window into the main part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// What was read so often, or is back soon.
    Promotion {
        /// How often, from 1 to 3.
        reads: u8,
    },
    /// What is more frequent than what would leave for it.
    Contest,
}

/// How large the window is, and what comes out of it into the main part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) admission: Admission,
    pub(super) window_percent: u64,
}

/// Entries under a rule that can be changed.
#[derive(Debug)]
pub(super) struct Segments {
    lists: [List; ZONES],
    capacity: u64,
    window_share: u64,
    rule: Rule,
    newcomer: Slot,
    history: History,
    ageing: u8,
    /// Requests that were counted since the last ageing, and half of those before.
    counted: u64,
    is_full: bool,
    /// What newcomers were worth on average lately, where that differs.
    mean_worth: Option<f32>,
    generator: Generator,
}

impl Segments {
    pub(super) fn new(capacity: u64, rule: Rule, seed: u64) -> Self {
        let mut segments = Self {
            lists: std::array::from_fn(|_| List::new()),
            capacity,
            window_share: 0,
            rule,
            newcomer: NONE,
            history: History::new(seed),
            ageing: 0,
            counted: 0,
            is_full: false,
            mean_worth: None,
            generator: Generator::new(seed),
        };
        segments.follow(rule);
        segments
    }

    /// Follows another rule from now on.
    pub(super) fn follow(&mut self, rule: Rule) {
        self.rule = rule;
        let share = (u128::from(self.capacity) * u128::from(rule.window_percent) / 100) as u64;
        self.window_share = share.max(1);
    }

    pub(super) fn resize(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.follow(self.rule);
        if self.history.reach() > 0 {
            self.history.reach_back(usize::try_from(capacity).unwrap_or(usize::MAX).min(self.len().max(1)));
        }
    }

    pub(super) fn clear(&mut self) {
        self.lists.iter_mut().for_each(List::clear);
        self.history.clear();
        (self.newcomer, self.ageing, self.counted, self.is_full) = (NONE, 0, 0, false);
    }

    /// Whether at least the capacity divided by this is used.
    #[inline]
    pub(super) fn is_used_by_part(&self, divisor: u64) -> bool {
        self.weight(WINDOW) + self.weight(MAIN) >= (self.capacity / divisor).max(1)
    }

    /// How many entries there is room for, if others weigh what these do.
    pub(super) fn room(&self) -> u64 {
        let weight = self.weight(WINDOW) + self.weight(MAIN);
        let room = u128::from(self.capacity) * self.len() as u128 / u128::from(weight.max(1));
        u64::try_from(room).unwrap_or(u64::MAX)
    }

    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Whether an entry has had to leave for another since it was empty.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.lists.iter().map(List::len).sum()
    }

    /// The bytes of what it remembers beside the entries.
    pub(super) fn bytes(&self) -> usize {
        self.history.bytes()
    }

    #[inline]
    fn weight(&self, zone: u8) -> u64 {
        self.lists[zone as usize].weight()
    }

    #[inline]
    fn tail(&self, zone: u8) -> Option<Slot> {
        self.lists[zone as usize].tail()
    }

    #[inline]
    fn main_has_room(&self) -> bool {
        self.weight(MAIN) < self.capacity.saturating_sub(self.window_share)
    }

    #[inline]
    fn enter<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, zone: u8) {
        nodes.set_zone(slot, zone);
        self.lists[zone as usize].push_front(nodes, slot);
    }

    #[inline]
    fn transfer<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, zone: u8) {
        self.lists[nodes.zone(slot) as usize].remove(nodes, slot);
        self.enter(nodes, slot, zone);
    }

    /// A frequency after the ageings that it has not seen yet.
    #[inline]
    fn aged(&self, frequency: u8, ageing: u8) -> u8 {
        frequency >> (self.ageing.wrapping_sub(ageing) % AGEINGS)
    }

    #[inline]
    fn frequency<N: Nodes>(&self, nodes: &N, slot: Slot) -> u8 {
        let note = nodes.note(slot);
        self.aged(note & MOST, note >> FREQUENCY_BITS)
    }

    /// Adds to a frequency; all are halved once enough was added.
    fn count<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, before: u8, count: u8) {
        let frequency = (before + count).min(MOST);
        nodes.set_note(slot, frequency | self.ageing << FREQUENCY_BITS);
        self.counted += u64::from(frequency - before);
        if self.is_full && self.counted >= SAMPLE_PER_ENTRY * self.len() as u64 {
            self.ageing = (self.ageing + 1) % AGEINGS;
            self.counted /= 2;
        }
    }

    /// Counts the reads that are pending in the entry.
    #[inline]
    fn take_reads<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        let reads = nodes.take_reads(slot);
        if reads > 0 {
            self.count(nodes, slot, self.frequency(nodes, slot), reads);
        }
    }

    pub(super) fn insert<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.newcomer = slot;
        if nodes.are_unequal() {
            self.learn_worth(f32::from(nodes.worth(slot)));
        }
        let known = self.history.take(nodes.hash(slot));
        let before = known.map_or(0, |(past, _)| self.aged(past.frequency, past.ageing));
        self.count(nodes, slot, before, 1);
        let is_back = || known.is_some_and(|(past, percent)| past.from_window && percent <= SHORT_WHILE);
        let fills = !self.is_full && self.main_has_room();
        let promoted = matches!(self.rule.admission, Admission::Promotion { .. }) && is_back();
        self.enter(nodes, slot, if fills || promoted { MAIN } else { WINDOW });
    }

    pub(super) fn reweigh<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, before: u64) {
        self.lists[nodes.zone(slot) as usize].reweigh(before, nodes.weight(slot));
    }

    /// The entry leaves, and is remembered.
    pub(super) fn remove<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.take_reads(nodes, slot);
        let zone = nodes.zone(slot);
        let note = nodes.note(slot);
        let past = Past { frequency: note & MOST, ageing: note >> FREQUENCY_BITS, from_window: zone == WINDOW };
        self.history.add(nodes.hash(slot), past);
        self.lists[zone as usize].remove(nodes, slot);
        if self.newcomer == slot {
            self.newcomer = NONE;
        }
    }

    pub(super) fn evict<N: Nodes>(&mut self, nodes: &mut N) -> Option<Slot> {
        if !self.is_full {
            self.is_full = true;
            self.history.reach_back(self.len());
        } else if self.len() > 2 * self.history.reach() {
            self.history.reach_back(self.len());
        }
        let slot = self.choose(nodes)?;
        self.remove(nodes, slot);
        Some(slot)
    }

    /// The entry that leaves.
    fn choose<N: Nodes>(&mut self, nodes: &mut N) -> Option<Slot> {
        let mut moves = MOVES_PER_CALL;
        while let Some(slot) = self.tail(WINDOW) {
            let overflows = self.weight(WINDOW) > self.window_share || self.tail(MAIN).is_none();
            if !overflows || slot == self.newcomer && self.len() > 1 && self.lists[WINDOW as usize].len() == 1 {
                break;
            }
            let may_move = moves > 0;
            moves = moves.saturating_sub(1);
            let (contest, reads) = match self.rule.admission {
                Admission::Contest => (true, 1),
                Admission::Promotion { reads } => (false, reads),
            };
            if may_move && contest && self.main_has_room() && slot != self.newcomer {
                self.take_reads(nodes, slot);
                self.transfer(nodes, slot, MAIN);
            } else if may_move && (self.is_read(nodes, slot, reads) || slot == self.newcomer) {
                let stays = contest || slot == self.newcomer;
                self.take_reads(nodes, slot);
                self.transfer(nodes, slot, if stays { WINDOW } else { MAIN });
            } else if slot == self.newcomer {
                break;
            } else if !contest {
                return Some(slot);
            } else {
                let Some(victim) = self.victim(nodes, &mut moves) else { return Some(slot) };
                if !self.wins(nodes, slot, victim) {
                    return Some(slot);
                }
                self.transfer(nodes, slot, MAIN);
                return Some(victim);
            }
        }
        let victim = self.victim(nodes, &mut moves);
        victim
            .filter(|&slot| slot != self.newcomer)
            .or_else(|| self.other_than_newcomer(nodes))
            .or(victim)
            .or(self.tail(WINDOW))
    }

    /// The entry that would leave the main part: its oldest, after those that were read have gone to the beginning.
    fn victim<N: Nodes>(&mut self, nodes: &mut N, moves: &mut u32) -> Option<Slot> {
        loop {
            let slot = self.tail(MAIN)?;
            let stays = self.is_read(nodes, slot, 1) || slot == self.newcomer;
            if !stays || *moves == 0 || self.lists[MAIN as usize].len() == 1 {
                return Some(slot);
            }
            *moves -= 1;
            if nodes.use_read(slot) {
                self.count(nodes, slot, self.frequency(nodes, slot), 1);
            }
            self.lists[MAIN as usize].move_to_front(nodes, slot);
        }
    }

    /// An old entry, where the newcomer is at the end of the queue.
    #[cold]
    fn other_than_newcomer<N: Nodes>(&self, nodes: &N) -> Option<Slot> {
        let towards_head = |slot: Slot| Some(nodes.links(slot).prev).filter(|&slot| slot != NONE);
        let older =
            |zone: u8| self.tail(zone).filter(|&slot| slot != self.newcomer).or_else(|| towards_head(self.tail(zone)?));
        older(WINDOW).or_else(|| older(MAIN))
    }

    /// How often an entry was asked for lately.
    #[inline]
    fn demand<N: Nodes>(&self, nodes: &N, slot: Slot) -> u8 {
        self.frequency(nodes, slot) + nodes.reads(slot)
    }

    /// Whether a candidate takes the place of a victim.
    #[inline]
    fn wins<N: Nodes>(&self, nodes: &N, candidate: Slot, victim: Slot) -> bool {
        let (rising, falling) = (self.demand(nodes, candidate), self.demand(nodes, victim));
        let ahead = u8::from(self.rule.window_percent <= SMALL_WINDOW && falling > 1);
        if !nodes.are_unequal() {
            return rising > falling + ahead;
        }
        let more = f32::from(nodes.worth(candidate) - nodes.worth(victim));
        f32::from(rising) * times(more) > f32::from(falling + ahead)
    }

    /// Whether an entry was read so often; or as good as read, by lot, where it is worth more than others, or as good as not read where it
    /// is worth less.
    #[inline]
    fn is_read<N: Nodes>(&mut self, nodes: &N, slot: Slot, reads: u8) -> bool {
        let was_read = nodes.reads(slot) >= reads;
        if !nodes.are_unequal() { was_read } else { self.is_worth_a_read(nodes, slot, was_read) }
    }

    fn is_worth_a_read<N: Nodes>(&mut self, nodes: &N, slot: Slot, was_read: bool) -> bool {
        let ratio = self.relative_worth(nodes, slot);
        let lot = self.generator.below(1 << 16) as f32 / 65536.0;
        if was_read { lot < ratio } else { self.frequency(nodes, slot) > 0 && lot * ratio > 1.0 }
    }

    /// How many times as much an entry is worth as others.
    pub(super) fn relative_worth<N: Nodes>(&self, nodes: &N, slot: Slot) -> f32 {
        self.mean_worth.map_or(1.0, |mean| times(f32::from(nodes.worth(slot)) - mean))
    }

    fn learn_worth(&mut self, worth: f32) {
        let mean = self.mean_worth.unwrap_or(worth);
        self.mean_worth = Some(mean + (worth - mean) * NEW_IN_MEAN);
    }

    #[cfg(any(test, feature = "validate"))]
    pub(super) fn validate<N: Nodes>(&self, nodes: &N, live: &[Slot]) {
        super::list::assert_zones(&self.lists, nodes, live);
        assert!(self.newcomer == NONE || live.contains(&self.newcomer), "the newcomer is not there");
    }
}
