//! S3-FIFO: three queues, of newcomers, of what was read twice among them, and of what left them.
//!
//! Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023. The queues are those of
//! `segments`, under the paper's rule: a tenth for newcomers, and two reads to stay. While the cache fills, newcomers come into the main
//! queue, as in the authors' own code.

use super::segments::{Admission, Rule, Segments};
use super::{Nodes, Policy, Slot};

/// The rule of the paper.
const RULE: Rule = Rule { admission: Admission::Promotion { reads: 2 }, window_percent: 10 };

/// Segments under one rule.
#[derive(Debug)]
pub struct S3Fifo {
    segments: Segments,
}

impl Policy for S3Fifo {
    fn new(capacity: u64, seed: u64) -> Self {
        Self { segments: Segments::new(capacity, RULE, seed) }
    }

    #[inline]
    fn insert<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        self.segments.insert(nodes, slot);
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
    }

    fn resize(&mut self, capacity: u64) {
        self.segments.resize(capacity);
    }

    #[cfg(any(test, feature = "validate"))]
    fn validate<N: Nodes>(&self, nodes: &N, live: &[Slot]) {
        self.segments.validate(nodes, live);
    }
}
