//! The rule that suits the present requests: several are tried at once on a sample, and the cache follows the one that does best.
//!
//! No rule is best for all: what is asked for once or often wants a small window, what is asked for again soon a large one, what
//! comes again and again in the same order a main part that hardly changes. `Segments` can follow any of the rules, and go from one to
//! another without losing what it holds; `Shadows` say which. After every quarter of its capacity of new keys the cache goes over to
//! the rule whose shadow had the most hits, where those of long ago count less.
//!
//! Parallel evidence takes the place of a hill climber (Einziger, Eytan, Friedman and Manes, "Adaptive software cache management",
//! Middleware 2018), which sees one configuration at a time and has to tell the effect of its step from a change of the requests.
//! See `docs/design/policy.md`.

use super::segments::{Admission, Rule, Segments};
use super::shadows::{Asked, Shadows};
use super::{Nodes, Policy, Slot};

/// What is tried. The first is followed until something is known.
const RULES: [Rule; 5] = [
    Rule { admission: Admission::Promotion { reads: 1 }, window_percent: 10 },
    Rule { admission: Admission::Contest, window_percent: 1 },
    Rule { admission: Admission::Contest, window_percent: 20 },
    Rule { admission: Admission::Promotion { reads: 1 }, window_percent: 40 },
    Rule { admission: Admission::Contest, window_percent: 100 },
];
/// A decision after so many newcomers: the capacity by this.
const DECISIONS_PER_CAPACITY: u64 = 4;
/// Newcomers between two decisions at least.
const FEWEST_BETWEEN_DECISIONS: u64 = 64;
/// How much better another rule has to be, as a part of the hits.
const BETTER_BY: f32 = 0.10;
/// What the hits before a decision count after it.
const DECAY: f32 = 0.95;
/// The part of the capacity, as a divisor, that is used before anything is tried.
const SHADOWS_FROM_PART: u64 = 8;

/// Segments, and their shadows.
#[derive(Debug)]
pub struct Adaptive {
    segments: Segments,
    /// None while the cache is so empty that nobody can say that it will ever be full.
    shadows: Option<Shadows>,
    /// The number of the rule that is followed.
    rule: usize,
    /// Newcomers since the last decision.
    newcomers: u64,
    seed: u64,
}

impl Adaptive {
    /// The bytes of all that it remembers beside the entries.
    pub fn bytes(&self) -> usize {
        self.segments.bytes() + self.shadows.as_ref().map_or(0, Shadows::bytes)
    }

    #[cold]
    fn begin_to_try(&mut self) {
        self.shadows = Some(Shadows::of(self.segments.room(), &RULES, self.seed));
    }

    #[cold]
    fn decide(&mut self) {
        self.newcomers = 0;
        if self.shadows.as_ref().is_some_and(|shadows| shadows.are_of_another_size(self.segments.room())) {
            self.begin_to_try();
        } else if let Some(shadows) = &mut self.shadows {
            let rule = shadows.best(self.rule, BETTER_BY, DECAY);
            if rule != self.rule {
                self.rule = rule;
                self.segments.follow(RULES[rule]);
            }
        }
    }
}

/// What the shadows have to know of an entry that was asked for.
#[inline]
fn asked<N: Nodes>(segments: &Segments, nodes: &N, slot: Slot) -> Asked {
    if !nodes.are_unequal() {
        return Asked { hash: nodes.hash(slot), worth: None, counts: 1.0 };
    }
    Asked { hash: nodes.hash(slot), worth: Some(nodes.worth(slot)), counts: segments.relative_worth(nodes, slot) }
}

impl Policy for Adaptive {
    fn new(capacity: u64, seed: u64) -> Self {
        Self { segments: Segments::new(capacity, RULES[0], seed), shadows: None, rule: 0, newcomers: 0, seed }
    }

    #[inline]
    fn hit_filter(&self) -> u32 {
        self.shadows.as_ref().map_or(0, Shadows::sample)
    }

    #[inline]
    fn insert<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.segments.insert(nodes, slot);
        let Some(shadows) = &mut self.shadows else {
            if self.segments.is_used_by_part(SHADOWS_FROM_PART) {
                self.begin_to_try();
            }
            return;
        };
        if nodes.hash(slot) <= shadows.sample() {
            shadows.access(&asked(&self.segments, nodes, slot));
        }
        if self.segments.is_full() {
            self.newcomers += 1;
            let between = (self.segments.len() as u64 / DECISIONS_PER_CAPACITY).max(FEWEST_BETWEEN_DECISIONS);
            if self.newcomers >= between {
                self.decide();
            }
        }
    }

    #[inline]
    fn hit<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        if let Some(shadows) = &mut self.shadows
            && nodes.hash(slot) <= shadows.sample()
        {
            shadows.access(&asked(&self.segments, nodes, slot));
        }
    }

    #[inline]
    fn reweigh<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, before: u64) {
        self.segments.reweigh(nodes, slot, before);
    }

    #[inline]
    fn remove<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.segments.remove(nodes, slot);
    }

    #[inline]
    fn evict<N: Nodes>(&mut self, nodes: &mut N) -> Option<Slot> {
        self.segments.evict(nodes)
    }

    fn clear(&mut self) {
        self.segments.clear();
        self.segments.follow(RULES[0]);
        (self.shadows, self.rule, self.newcomers) = (None, 0, 0);
    }

    fn resize(&mut self, capacity: u64) {
        self.segments.resize(capacity);
    }

    #[cfg(any(test, feature = "validate"))]
    fn validate<N: Nodes>(&self, nodes: &N, live: &[Slot]) {
        self.segments.validate(nodes, live);
    }
}
