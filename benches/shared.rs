//! What processes that share a store pay to agree, and a call for the breaker: `cargo bench -p hotset --bench shared`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use hotset::clock::Clock;
use hotset::stack::{Breaker, BreakerOptions};
use hotset::tier::shared::{Identity, Shared, Sizes};
use hotset::tier::{Mark, To, Watch};

const IDENTITY: Identity = Identity { boot: 1, pid_ns: 1, store: 1 };
const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

fn mark(number: u64) -> Mark {
    Mark::from_bits(number.wrapping_mul(ODD))
}

fn shared(bench: &mut Criterion) {
    let path = std::env::temp_dir().join(format!("hotset-bench-{}", std::process::id()));
    let shared = Shared::create(&path, Sizes::of_store(1 << 30), IDENTITY, 0).unwrap();
    (0..100_000).for_each(|number| _ = shared.change(mark(number), To::Invalid));
    let mut number = 0_u64;
    let mut next = || {
        number += 1;
        mark(number % 100_000)
    };
    bench.bench_function("judge three marks", |bench| {
        let clock = shared.fence();
        bench.iter(|| black_box(shared.judge(clock, &[next(), mark(7), mark(8)])));
    });
    bench.bench_function("change", |bench| bench.iter(|| black_box(shared.change(next(), To::Invalid))));
    bench.bench_function("change to stale", |bench| bench.iter(|| black_box(shared.change(next(), To::Stale(1)))));
    bench.bench_function("hear of a change", |bench| {
        let last = shared.last();
        bench.iter(|| shared.changes(black_box(last - 1), &mut |_, part| _ = black_box(part)));
    });
    bench.bench_function("lease and release", |bench| {
        bench.iter(|| {
            let mark = next();
            black_box(shared.lease(mark, 1, Duration::from_secs(1), 1));
            shared.release(mark, 1);
        });
    });
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                shared.change(mark(number % 100_000), To::Invalid);
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let name = "change, while another thread does nothing else";
        bench.bench_function(name, |bench| bench.iter(|| black_box(shared.change(next(), To::Invalid))));
        is_over.store(true, Ordering::Relaxed);
    });
    std::fs::remove_file(path).unwrap();
}

fn breaker(bench: &mut Criterion) {
    let breaker = Breaker::new(BreakerOptions::default(), Clock::System);
    bench.bench_function("a call through a closed breaker", |bench| {
        bench.iter(|| breaker.allow().map(|permit| permit.succeeded()));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = shared, breaker
}
criterion_main!(benches);
