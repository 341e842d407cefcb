//! The sketch alone.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::policy::generator::Generator;
use crate::policy::sketch::Sketch;

const SEED: u64 = 7;

fn sketch_for(entries: usize) -> Sketch {
    let mut sketch = Sketch::new(SEED);
    sketch.reserve(entries);
    sketch
}

fn hashes(count: usize) -> Vec<u32> {
    let mut generator = Generator::new(SEED);
    (0..count).map(|_| generator.draw() as u32).collect()
}

#[test]
fn without_a_table_nothing_is_counted() {
    let mut sketch = Sketch::new(SEED);
    sketch.add(1, 9);
    assert_eq!((sketch.estimate(1), sketch.bytes()), (0, 0));
}

#[test]
fn counts_saturate() {
    let mut sketch = sketch_for(64);
    sketch.add(1, 200);
    sketch.add(1, 255);
    assert_eq!(sketch.estimate(1), 15);
}

#[test]
fn few_keys_are_counted_exactly() {
    let mut sketch = sketch_for(1024);
    for &hash in &hashes(100) {
        sketch.add(hash, 3);
    }
    let exact = hashes(100).iter().filter(|&&hash| sketch.estimate(hash) == 3).count();
    let unseen = hashes(200)[100..].iter().filter(|&&hash| sketch.estimate(hash) == 0).count();
    assert!(exact >= 99 && unseen >= 99, "{exact} exact, {unseen} unseen");
}

#[test]
fn ageing_halves() {
    let mut sketch = sketch_for(1000);
    sketch.add(1, 15);
    let mut others = hashes(2000).into_iter();
    while sketch.estimate(1) == 15 {
        sketch.add(others.next().expect("ageing within the sample"), 15);
    }
    assert_eq!(sketch.estimate(1), 7);
    let left = others.len();
    assert!((1250..1400).contains(&left), "{left} left of 2000: not after 10 accesses an entry");
}

#[test]
fn a_table_is_eight_bytes_an_entry() {
    for shift in 3..16 {
        let entries = 1 << shift;
        assert!(sketch_for(entries).bytes() <= 8 * entries);
    }
    assert_eq!(sketch_for(1).bytes(), 64);
}

#[test]
fn growing_keeps_every_estimate() {
    let mut sketch = sketch_for(100);
    let hashes = hashes(300);
    for (index, &hash) in hashes.iter().enumerate() {
        sketch.add(hash, (index % 3) as u8);
    }
    let before: Vec<u8> = hashes.iter().map(|&hash| sketch.estimate(hash)).collect();
    sketch.reserve(5000);
    let after: Vec<u8> = hashes.iter().map(|&hash| sketch.estimate(hash)).collect();
    assert_eq!(before, after);
    assert!(sketch.bytes() >= 5000 * 4);
}

#[test]
fn clearing_gives_the_table_back() {
    let mut sketch = sketch_for(100);
    sketch.add(1, 1);
    sketch.clear();
    assert_eq!((sketch.estimate(1), sketch.bytes()), (0, 0));
}

#[test]
fn another_seed_lets_other_keys_share_counters() {
    let sharing = |seed| {
        let mut sketch = Sketch::new(seed);
        sketch.reserve(64);
        hashes(40).iter().for_each(|&hash| sketch.add(hash, 1));
        hashes(4000)[40..].iter().map(|&hash| sketch.estimate(hash)).collect::<Vec<_>>()
    };
    assert_ne!(sharing(1), sharing(2));
}

proptest! {
    #[test]
    fn never_too_low_while_nothing_ages(accesses in vec((0_u32..200, 1_u8..4), 0..400), entries in 1_usize..300) {
        let mut sketch = sketch_for(entries);
        sketch.reserve(10_000);
        let mut counts = [0_u32; 200];
        for (hash, count) in accesses {
            sketch.add(hash, count);
            counts[hash as usize] += u32::from(count);
        }
        for (hash, &count) in (0..).zip(&counts) {
            prop_assert!(u32::from(sketch.estimate(hash)) >= count.min(15));
        }
    }
}
