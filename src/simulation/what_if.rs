//! WHAT IF a cache were larger or smaller: caches of other sizes over a sample of its requests, while it runs.
//!
//! A cache of a part of the size over the same part of the keys, chosen by hash, has close to the hit ratio of the whole. Waldspurger,
//! Park, Garthwaite and Ahmad, "Efficient MRC construction with SHARDS", FAST 2015; for any policy, by a simulation for each size:
//! Waldspurger, Saemundsson, Ahmad and Park, "Cache modeling and optimization using miniature simulations", USENIX ATC 2017.
//!
//! - One of the sizes is the present one. By how much that miniature is wrong, which is known, the others are taken to be wrong too: a few
//!   keys that are asked for all the time are in the sample or are not, and that changes all sizes alike.
//! - Requests are gathered and simulated in batches. The time that takes is measured, and where it is more than its share of all time,
//!   sampling rests. After a rest the miniatures are let run in before anything is counted.
//! - Of a cache whose entries have weights nobody knows beforehand how many there will be: the sample begins with all keys, and is halved
//!   whenever it has become too large, as in the fixed-size variant of SHARDS.

use std::time::{Duration, Instant};

use super::cache::{Cache, Request};
use crate::Error;
use crate::clock::{Tick, duration};
use crate::policy::worth::Optimize;

/// The sizes that are tried: the present one times the first by the second.
const SIZES: [(u64, u64); 6] = [(1, 4), (1, 2), (1, 1), (2, 1), (4, 1), (8, 1)];
/// Which of them is the present one.
const PRESENT: usize = 2;
/// Entries of the miniature of the present size.
const ENTRIES: u64 = 2048;
/// Requests that are simulated at a time.
const BATCH: usize = 64;

/// Sampling may take one part of so many of all time.
const SHARE: u32 = 200;
/// What it may take before that, so that something is known soon.
const ADVANCE: Duration = Duration::from_millis(50);
/// What it may take at a time after a rest.
const AFTER_REST: Duration = Duration::from_millis(20);
/// What it costs the cache to note a request.
const TO_NOTE: Duration = Duration::from_nanos(40);

/// What happened to a key in the cache.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// It was asked for, and was there or has been stored since.
    Asked(Request),
    /// It was stored without being asked for.
    Stored(Request),
    /// It was taken out.
    Removed(u32),
}

/// Hits, and how many requests there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many requests were hits.
    pub hits: u64,
    /// How many requests there were.
    pub requests: u64,
}

impl Tally {
    /// The part of the requests that were hits; 0 if there were none.
    #[must_use]
    pub fn ratio(self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.hits as f64 / self.requests as f64 }
    }

    fn add(&mut self, other: Self) {
        self.hits += other.hits;
        self.requests += other.requests;
    }

    fn misses(self) -> u64 {
        self.requests - self.hits
    }

    /// What has been counted since it was `before`; everything, if counting has begun anew since.
    fn since(self, before: Self) -> Self {
        let whole = before.hits > self.hits || before.misses() > self.misses();
        let before = if whole { Self::default() } else { before };
        Self { hits: self.hits - before.hits, requests: self.requests - before.requests }
    }
}

/// What the samples say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimate {
    /// What the cache itself has counted while samples were taken.
    pub present: Tally,
    /// How many requests were simulated.
    pub sampled: u64,
    /// Sizes, in entries or weights, and the hit ratio of each in the same time; ascending.
    pub sizes: Vec<(u64, f64)>,
}

impl Estimate {
    /// Takes in what is said of another part of the same cache.
    pub fn add(&mut self, other: &Self) {
        let (own, others) = (self.present.requests as f64, other.present.requests as f64);
        if self.sizes.is_empty() {
            self.sizes.clone_from(&other.sizes);
        } else {
            for ((size, ratio), (more, of_other)) in self.sizes.iter_mut().zip(&other.sizes) {
                *size += more;
                *ratio = (*ratio * own + of_other * others) / (own + others).max(1.0);
            }
        }
        self.present.add(other.present);
        self.sampled += other.sampled;
    }
}

/// What sampling may cost.
#[derive(Debug)]
struct Budget {
    began: Tick,
    /// What it has cost so far.
    spent: Duration,
    /// None for no limit.
    advance: Option<Duration>,
}

impl Budget {
    fn is_spent(&self, now: Tick) -> bool {
        let earned = duration(now.saturating_sub(self.began)) / SHARE;
        self.advance.is_some_and(|advance| self.spent > advance + earned)
    }

    /// When there is enough for a while again.
    fn resumes_at(&self) -> Tick {
        let short = (self.spent + AFTER_REST).saturating_sub(self.advance.unwrap_or_default());
        self.began + crate::clock::ticks(short * SHARE)
    }
}

/// What the sampler is about.
#[derive(Debug)]
enum State {
    /// Requests are simulated, and counted once there have been so many more.
    Sampling { until_counted: u64 },
    /// Nothing is sampled until then.
    Resting { until: Tick },
}

/// Miniatures of one cache.
#[derive(Debug)]
pub struct Sampler {
    miniatures: [Cache; SIZES.len()],
    /// What each of them has counted.
    tallies: [Tally; SIZES.len()],
    /// Hashes up to this are the sample.
    highest: u32,
    capacity: u64,
    /// Whether that is a weight.
    weighs: bool,
    pending: Vec<Event>,
    state: State,
    budget: Budget,
    /// What the cache had counted when its requests were last taken over.
    before: Tally,
    present: Tally,
}

impl Sampler {
    /// Miniatures of a cache under this policy. `entries` is how many it has room for, if that is known; `optimize` is given
    /// where entries are worth more or less than each other.
    ///
    /// # Errors
    /// [`Error::UnknownPolicy`].
    pub fn new(
        policy: &str,
        optimize: Option<Optimize>,
        capacity: u64,
        entries: Option<u64>,
        now: Tick,
        counted: Tally,
    ) -> Result<Self, Error> {
        let highest = entries.map_or(u32::MAX, sample_for);
        let miniature = |size| {
            let cache = Cache::named(policy, scaled(capacity, size, highest), size as u64)?;
            Ok(match optimize {
                Some(optimize) => cache.by_worth(optimize),
                None => cache,
            })
        };
        let mut miniatures = Vec::with_capacity(SIZES.len());
        for size in 0..SIZES.len() {
            miniatures.push(miniature(size)?);
        }
        Ok(Self {
            miniatures: miniatures.try_into().unwrap_or_else(|_| unreachable!("there is one for each size")),
            tallies: [Tally::default(); SIZES.len()],
            highest,
            capacity,
            weighs: entries.is_none(),
            pending: Vec::with_capacity(BATCH),
            state: State::Sampling { until_counted: 0 },
            budget: Budget { began: now, spent: Duration::ZERO, advance: Some(ADVANCE) },
            before: counted,
            present: Tally::default(),
        })
    }

    /// The same without a limit to what it may cost, for who has to have the same result each time.
    #[must_use]
    pub fn at_any_cost(mut self) -> Self {
        self.budget.advance = None;
        self
    }

    /// Whether there is no limit to what it may cost.
    #[must_use]
    pub fn is_at_any_cost(&self) -> bool {
        self.budget.advance.is_none()
    }

    /// Whether it has to know what entries weigh; otherwise each of them weighs 1.
    #[inline]
    #[must_use]
    pub fn weighs(&self) -> bool {
        self.weighs
    }

    /// Events of hashes up to this are wanted.
    #[inline]
    #[must_use]
    pub fn sample(&self) -> u32 {
        if matches!(self.state, State::Sampling { .. }) { self.highest } else { 0 }
    }

    /// Notes an event of a key of the sample. Whether there are enough for a batch.
    #[inline]
    pub fn note(&mut self, event: Event) -> bool {
        self.pending.push(event);
        self.pending.len() >= BATCH
    }

    /// Simulates what was noted, where the cache has counted so much by now.
    #[cold]
    pub fn work(&mut self, now: Tick, counted: Tally) {
        let begun = Instant::now();
        let pending = std::mem::take(&mut self.pending);
        let runs_in = matches!(self.state, State::Sampling { until_counted } if until_counted > 0);
        let asked = pending.iter().filter(|event| matches!(event, Event::Asked(_))).count() as u64;
        pending.iter().for_each(|&event| self.simulate(event, runs_in));
        self.budget.spent += begun.elapsed() + TO_NOTE * pending.len() as u32;
        self.pending = pending;
        self.pending.clear();
        self.take_over(counted, runs_in, asked);
        self.shrink_sample();
        if let State::Sampling { until_counted } = &mut self.state {
            *until_counted = until_counted.saturating_sub(asked);
        }
        if self.budget.is_spent(now) {
            self.state = State::Resting { until: self.budget.resumes_at() };
        }
    }

    /// Whether there was a rest and it is over.
    #[inline]
    #[must_use]
    pub fn is_to_resume(&self, now: Tick) -> bool {
        matches!(self.state, State::Resting { until } if now >= until)
    }

    /// Goes on after a rest, where the cache has counted so much by now.
    #[cold]
    pub fn resume(&mut self, counted: Tally) {
        self.before = counted;
        self.state = State::Sampling { until_counted: 2 * self.most_entries() };
    }

    /// Everything was taken out.
    pub fn clear(&mut self) {
        self.pending.clear();
        self.miniatures.iter_mut().for_each(Cache::clear);
    }

    /// What is known by now.
    pub fn estimate(&mut self, now: Tick, counted: Tally) -> Estimate {
        if matches!(self.state, State::Sampling { .. }) {
            self.work(now, counted);
        }
        let bias = self.present.ratio() - self.tallies[PRESENT].ratio();
        let ratio = |size: usize| match size {
            PRESENT => self.present.ratio(),
            _ if self.tallies[size].requests == 0 => 0.0,
            _ => (self.tallies[size].ratio() + bias).clamp(0.0, 1.0),
        };
        let mut sizes: Vec<(u64, f64)> =
            SIZES.iter().enumerate().map(|(size, &part)| (times(self.capacity, part), ratio(size))).collect();
        // Nobody would believe that more room is worse, and it hardly ever is.
        (0..PRESENT).rev().for_each(|size| sizes[size].1 = sizes[size].1.min(sizes[size + 1].1));
        (PRESENT + 1..SIZES.len()).for_each(|size| sizes[size].1 = sizes[size].1.max(sizes[size - 1].1));
        Estimate { present: self.present, sampled: self.tallies[PRESENT].requests, sizes }
    }

    fn simulate(&mut self, event: Event, runs_in: bool) {
        for (miniature, tally) in self.miniatures.iter_mut().zip(&mut self.tallies) {
            match event {
                Event::Asked(request) => {
                    let hit = miniature.ask(request);
                    if !runs_in {
                        tally.add(Tally { hits: u64::from(hit), requests: 1 });
                    }
                }
                Event::Stored(request) => miniature.put(request),
                Event::Removed(hash) => _ = miniature.remove(u64::from(hash)),
            }
        }
    }

    /// Takes over what the cache has counted, if the miniatures have counted in the meantime.
    fn take_over(&mut self, counted: Tally, runs_in: bool, asked: u64) {
        if !runs_in && asked > 0 {
            self.present.add(counted.since(self.before));
        }
        if runs_in || asked > 0 {
            self.before = counted;
        }
    }

    /// Halves the sample while it is too large.
    fn shrink_sample(&mut self) {
        while self.miniatures[PRESENT].len() as u64 > 2 * ENTRIES && self.highest > 1 {
            self.highest /= 2;
            for (size, miniature) in self.miniatures.iter_mut().enumerate() {
                miniature.retain(|key| key <= u64::from(self.highest));
                miniature.resize(scaled(self.capacity, size, self.highest));
            }
        }
    }

    fn most_entries(&self) -> u64 {
        self.miniatures.iter().map(|miniature| miniature.len() as u64).max().unwrap_or_default()
    }
}

/// Hashes up to this are a sample of [`ENTRIES`] of so many entries.
fn sample_for(entries: u64) -> u32 {
    let highest = (u128::from(ENTRIES) << u32::BITS) / u128::from(entries.max(1));
    u32::try_from(highest).unwrap_or(u32::MAX)
}

/// The capacity times a part.
fn times(capacity: u64, (factor, divisor): (u64, u64)) -> u64 {
    (capacity.saturating_mul(factor) / divisor).max(1)
}

/// The capacity of the miniature of a size.
fn scaled(capacity: u64, size: usize, highest: u32) -> u64 {
    let whole = u128::from(times(capacity, SIZES[size])) * (u128::from(highest) + 1);
    u64::try_from((whole + (1 << (u32::BITS - 1))) >> u32::BITS).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{NEVER, ticks};

    fn sampler() -> Sampler {
        Sampler::new("lru", None, 100, Some(100), 0, Tally::default()).unwrap_or_else(|error| unreachable!("{error}"))
    }

    fn ask(sampler: &mut Sampler, keys: std::ops::Range<u64>, now: Tick) {
        keys.for_each(|key| _ = sampler.note(Event::Asked(Request { key, weight: 1, cost: 0, now, end: NEVER })));
    }

    fn tally(hits: u64, requests: u64) -> Tally {
        Tally { hits, requests }
    }

    #[test]
    fn sampling_rests_when_it_has_cost_its_share_and_goes_on_later() {
        let mut sampler = sampler();
        ask(&mut sampler, 0..50, 0);
        sampler.work(0, tally(0, 50));
        assert_eq!(sampler.sample(), u32::MAX);
        sampler.budget.spent = Duration::from_secs(1);
        sampler.work(0, tally(0, 50));
        assert_eq!(sampler.sample(), 0);
        let soon = ticks(Duration::from_secs(193));
        assert!(!sampler.is_to_resume(soon));
        let later = ticks(Duration::from_secs(195));
        assert!(sampler.is_to_resume(later));
        sampler.resume(tally(0, 2_000));
        assert_eq!(sampler.sample(), u32::MAX);
    }

    #[test]
    fn after_a_rest_the_miniatures_run_in_before_anything_is_counted() {
        let mut sampler = sampler();
        ask(&mut sampler, 0..50, 0);
        sampler.work(0, tally(0, 50));
        sampler.state = State::Resting { until: 10 };
        sampler.resume(tally(5_000, 9_000));
        ask(&mut sampler, 0..50, 10);
        sampler.work(10, tally(5_050, 9_050));
        ask(&mut sampler, 0..50, 10);
        sampler.work(10, tally(5_100, 9_100));
        assert_eq!((sampler.present, sampler.tallies[PRESENT]), (tally(0, 50), tally(0, 50)));
        ask(&mut sampler, 0..50, 10);
        sampler.work(10, tally(5_150, 9_150));
        assert_eq!((sampler.present, sampler.tallies[PRESENT]), (tally(50, 100), tally(50, 100)));
    }

    #[test]
    fn other_sizes_are_taken_to_be_as_wrong_as_the_present_one() {
        let mut sampler = sampler();
        sampler.state = State::Resting { until: NEVER };
        sampler.present = tally(90, 100);
        sampler.tallies = [40, 60, 80, 85, 92, 95].map(|hits| tally(hits, 100));
        let ratios = sampler.estimate(0, tally(90, 100)).sizes;
        let percent: Vec<f64> = ratios.iter().map(|(_, ratio)| (ratio * 100.0).round()).collect();
        assert_eq!(percent, [50.0, 70.0, 90.0, 95.0, 100.0, 100.0]);
    }

    #[test]
    fn counts_that_begin_anew_are_not_taken_for_negative_ones() {
        assert_eq!(tally(7, 9).since(tally(5, 6)), tally(2, 3));
        assert_eq!(tally(1, 2).since(tally(5, 6)), tally(1, 2));
        assert_eq!(tally(9, 9).since(tally(5, 8)), tally(9, 9), "there cannot be more hits than requests");
    }

    #[test]
    fn the_sample_shrinks_until_the_miniatures_are_small() {
        let mut sampler = Sampler::new("adaptive", None, 100_000, None, 0, Tally::default())
            .unwrap_or_else(|error| unreachable!("{error}"));
        let mut generator = crate::policy::generator::Generator::new(1);
        for _ in 0..100_000 {
            let key = generator.draw() >> u32::BITS;
            if key <= u64::from(sampler.sample())
                && sampler.note(Event::Asked(Request { key, weight: 1, cost: 0, now: 0, end: NEVER }))
            {
                sampler.work(0, Tally::default());
                sampler.budget.spent = Duration::ZERO;
            }
        }
        assert!(sampler.miniatures.iter().all(|miniature| miniature.len() as u64 <= 20 * ENTRIES));
        assert!((500..=2 * ENTRIES as usize).contains(&sampler.miniatures[PRESENT].len()));
        sampler.miniatures.iter().for_each(Cache::validate);
    }

    #[test]
    fn parts_of_a_cache_make_a_whole() {
        let part = |hits, ratio| Estimate { present: tally(hits, 100), sampled: 10, sizes: vec![(50, ratio)] };
        let mut whole = Estimate::default();
        whole.add(&part(50, 0.4));
        whole.add(&part(70, 0.8));
        assert_eq!((whole.present, whole.sampled), (tally(120, 200), 20));
        assert_eq!(whole.sizes[0].0, 100);
        assert!((whole.sizes[0].1 - 0.6).abs() < 1e-9);
    }
}
