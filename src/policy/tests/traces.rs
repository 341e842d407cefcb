//! Hit ratios over recorded traces, for whoever has some.
//!
//! The folder is that of the environment variable `HOTSET_TRACES`; without it nothing is run. It holds `NAME.u64.gz`
//! files (gzip of little-endian 64-bit keys, one a request) and `reference.csv` (trace, cache_entries, policy,
//! hit_ratio) with the hit ratios to compare with.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::simulated::run;
use crate::simulation::{Clairvoyant, next_uses};

/// What the reference is rounded by.
const ROUNDING: f64 = 0.000_000_6;
/// How far an exact policy may be from its reference.
const EXACT: f64 = 0.0005;
/// How far the mean of the default policy may be below its reference.
const MEAN_SLACK: f64 = 0.005;
/// What the adaptive policy reaches at least: the mean over the points of each trace, and then over traces.
const ADAPTIVE_MEAN: f64 = 0.558;
/// How far it may be below LRU at any point.
const BELOW_LRU: f64 = 0.03;
/// What it reaches where the requests change from recency to a loop and back, with 512 entries.
const CHANGING: f64 = 0.39;
/// What the reference calls the policy that the default is compared with.
const TINYLFU_REFERENCE: &str = "\"W-TinyLFU(1%,fixed)\"";

/// Hit ratios of the reference, by trace, then entries, then policy.
type Reference = BTreeMap<String, BTreeMap<u64, BTreeMap<String, f64>>>;

pub(crate) fn folder() -> Option<PathBuf> {
    std::env::var_os("HOTSET_TRACES").map(PathBuf::from)
}

fn reference(folder: &Path) -> Reference {
    let text = std::fs::read_to_string(folder.join("reference.csv")).expect("reference.csv");
    let mut reference = Reference::new();
    for line in text.lines().skip(1) {
        let (start, ratio) = line.rsplit_once(',').expect("a hit ratio");
        let [trace, entries, policy] = start.splitn(3, ',').collect::<Vec<_>>()[..] else {
            panic!("not a row: {line}")
        };
        let points = reference.entry(trace.to_owned()).or_default();
        let policies = points.entry(entries.parse().expect("a number of entries")).or_default();
        policies.insert(policy.to_owned(), ratio.parse().expect("a ratio"));
    }
    reference
}

pub(crate) fn keys(folder: &Path, trace: &str) -> Vec<u64> {
    let file = std::fs::File::open(folder.join(format!("{trace}.u64.gz"))).expect("a trace");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).expect("a gzip file");
    bytes.as_chunks().0.iter().map(|&chunk| u64::from_le_bytes(chunk)).collect()
}

/// Calls `check(trace, entries, ratios of the reference, ratio)` for each point, where `run(entries, keys)` is the ratio.
fn at_each_point_of(run: impl Fn(u64, &[u64]) -> f64, mut check: impl FnMut(&str, u64, &BTreeMap<String, f64>, f64)) {
    let Some(folder) = folder() else { return };
    for (trace, points) in reference(&folder) {
        let keys = keys(&folder, &trace);
        for (entries, ratios) in points {
            let ratio = run(entries, &keys);
            println!("{trace} with {entries} entries: {ratio:.6}");
            check(&trace, entries, &ratios, ratio);
        }
    }
}

fn at_each_point(policy: &str, check: impl FnMut(&str, u64, &BTreeMap<String, f64>, f64)) {
    at_each_point_of(|entries, keys| run(policy, entries, keys.iter().copied()), check);
}

/// The hit ratio of the cache that knows the keys to come, which are numbered in the order in which they first come.
fn clairvoyant(entries: u64, keys: &[u64]) -> f64 {
    let keys: Vec<u32> = keys.iter().map(|&key| key as u32).collect();
    let unique = keys.iter().max().map_or(0, |&key| key as usize + 1);
    let mut cache = Clairvoyant::new(entries as usize, keys.len());
    next_uses(&keys, unique).into_iter().for_each(|next| _ = cache.request(next));
    cache.hits() as f64 / keys.len() as f64
}

#[test]
fn the_clairvoyant_is_the_opt_of_the_reference() {
    at_each_point_of(clairvoyant, |trace, entries, ratios, ratio| {
        let expected = ratios["OPT"];
        assert!((ratio - expected).abs() <= ROUNDING, "{trace} with {entries}: {ratio}, not {expected}");
    });
}

fn assert_equals_reference(policy: &str, reference: &str) {
    at_each_point(policy, |trace, entries, ratios, ratio| {
        let expected = ratios[reference];
        assert!((ratio - expected).abs() <= EXACT, "{policy} on {trace} with {entries}: {ratio}, not {expected}");
    });
}

#[test]
fn lru_is_the_lru_of_the_reference() {
    assert_equals_reference("lru", "LRU");
}

#[test]
fn fifo_is_the_fifo_of_the_reference() {
    assert_equals_reference("fifo", "FIFO");
}

#[test]
fn sieve_is_the_sieve_of_the_reference() {
    assert_equals_reference("sieve", "SIEVE");
}

/// How far LIRS may be from its reference, which does not count keys below the bottom of its stack among those it may remember.
const OF_ANOTHER_BOUND: f64 = 0.001;

#[test]
fn lirs_is_near_the_lirs_of_the_reference() {
    at_each_point("lirs", |trace, entries, ratios, ratio| {
        let expected = ratios["LIRS"];
        assert!((ratio - expected).abs() <= OF_ANOTHER_BOUND, "{trace} with {entries}: {ratio}, not {expected}");
    });
}

/// Hit ratios in percent, by entries, that Megiddo and Modha publish for the trace `arc_oltp`, FAST 2003, table IV.
const PUBLISHED: [(u64, f64, f64); 5] =
    [(1000, 32.83, 38.93), (2000, 42.47, 46.08), (5000, 53.65, 55.25), (10_000, 60.70, 61.87), (15_000, 64.63, 65.40)];
/// How far a ratio may be from a published one, in percent.
const OF_ROUNDING: f64 = 0.03;

#[test]
fn lru_and_arc_are_as_published_with_arc() {
    let Some(folder) = folder() else { return };
    let keys = keys(&folder, "arc_oltp");
    for (entries, lru, arc) in PUBLISHED {
        for (policy, expected) in [("lru", lru), ("arc", arc)] {
            let percent = run(policy, entries, keys.iter().copied()) * 100.0;
            assert!((percent - expected).abs() <= OF_ROUNDING, "{policy} with {entries}: {percent}, not {expected}");
        }
    }
}

/// How far S3-FIFO may be from its reference, which remembers exactly what left.
const OF_A_HASHED_HISTORY: f64 = 0.01;

#[test]
fn s3fifo_is_near_the_s3fifo_of_the_reference() {
    at_each_point("s3fifo", |trace, entries, ratios, ratio| {
        let expected = ratios["S3-FIFO"];
        assert!((ratio - expected).abs() <= OF_A_HASHED_HISTORY, "{trace} with {entries}: {ratio}, not {expected}");
    });
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

#[test]
fn the_default_is_near_the_reference_on_average() {
    let mut differences: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    at_each_point("tinylfu", |trace, _, ratios, ratio| {
        let expected = ratios[TINYLFU_REFERENCE];
        differences.entry(trace.to_owned()).or_default().push(ratio - expected);
    });
    let means: Vec<f64> = differences.values().map(|points| mean(points)).collect();
    assert!(means.is_empty() || mean(&means) >= -MEAN_SLACK, "below the reference by trace: {differences:?}");
}

#[test]
fn the_adaptive_policy_is_good_on_average_and_never_bad() {
    let mut ratios: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    at_each_point("adaptive", |trace, entries, reference, ratio| {
        assert!(ratio >= reference["LRU"] - BELOW_LRU, "{trace} with {entries}: {ratio}, and LRU {}", reference["LRU"]);
        ratios.entry(trace.to_owned()).or_default().push(ratio);
    });
    let means: Vec<f64> = ratios.values().map(|points| mean(points)).collect();
    assert!(means.is_empty() || mean(&means) >= ADAPTIVE_MEAN, "{}: {ratios:?}", mean(&means));
}

/// A trace that is all recency, then a loop over twice as many keys as there is room for, then recency again.
#[test]
fn the_adaptive_policy_follows_a_change_of_the_requests() {
    let Some(folder) = folder() else { return };
    let recency = keys(&folder, "corda_vault");
    let first = 1 + recency.iter().max().expect("a trace has keys");
    let requests = (0..213_000).map(|number| first + number % 1_011);
    let ratio = run("adaptive", 512, recency.iter().copied().chain(requests).chain(recency.iter().copied()));
    assert!(ratio >= CHANGING, "{ratio}");
}
