use std::time::Duration;

use crate::tier::conformance::{self, Sample};
use crate::tier::{Heap, Judgement, Lease, Mark, Tier, TierStats, To, Wait};

#[test]
fn a_heap_keeps_the_contract() {
    conformance::check(&|| Box::new(Heap::default()));
}

#[test]
fn what_is_stale_is_so_since_the_first_change_after_its_clock() {
    let heap = Heap::default();
    let mark = Mark::from_bits(7);
    for time in [100, 200, 300] {
        conformance::change(&heap, mark, To::Stale(time));
    }
    let judge = |clock: u64| heap.judge(clock, &[mark], Wait::Not).unwrap();
    let all = [Judgement::Stale(100), Judgement::Stale(200), Judgement::Stale(300), Judgement::Valid];
    assert_eq!([0, 1, 2, 3].map(judge), all);
}

#[test]
fn entries_and_leases_end_when_its_time_comes() {
    let heap = Heap::default();
    let sample = Sample::new("key").gone_at(heap.now() + 500);
    sample.fill(&heap);
    assert_eq!(heap.lease(sample.mark(), 1, Duration::from_millis(500), Wait::Not).unwrap(), Lease::Granted);
    heap.advance(Duration::from_millis(499));
    assert!(sample.read(&heap).is_some());
    let held = Lease::Held(Duration::from_millis(1));
    assert_eq!(heap.lease(sample.mark(), 2, Duration::from_secs(1), Wait::Not).unwrap(), held);
    heap.advance(Duration::from_millis(1));
    assert!(sample.read(&heap).is_none());
    assert_eq!(heap.lease(sample.mark(), 2, Duration::from_secs(1), Wait::Not).unwrap(), Lease::Granted);
    heap.tend(Wait::Not).unwrap();
    let stats = TierStats { entries: Some(0), bytes: Some(0), expired: 1, ..TierStats::default() };
    assert_eq!(heap.stats(Wait::Not).unwrap(), stats);
}
