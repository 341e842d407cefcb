//! What sealing, stamping and opening an envelope costs: `cargo bench -p hotset --bench envelope`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hotset::codec::{Compression, Format, Header, Protection, Secrets};

const KEY: &[u8] = b"users\0user:7";
const SIZES: [usize; 3] = [100, 1_000, 100_000];

fn formats() -> Vec<(&'static str, Format)> {
    let secrets = Secrets::new(&[[7; 32]]).unwrap();
    let protected = |protection| Format { protection, ..Format::default() };
    let compressed = |compression| Format { compression, compress_from: 0, ..Format::default() };
    vec![
        ("checksum", Format::default()),
        ("signed", protected(Protection::Signed(secrets.clone()))),
        ("encrypted", protected(Protection::Encrypted(secrets))),
        ("zstd 3", compressed(Compression::Zstd { level: 3 })),
        ("lz4", compressed(Compression::Lz4)),
    ]
}

fn header(tags: &[&str]) -> Header {
    let tags = tags.iter().map(|&tag| tag.into()).collect();
    Header { created: 1, fresh_until: 2, gone_at: 3, load_nanos: 4, errors: 0, codec: 5, tags }
}

/// What looks like an answer of an API: parts of it come again, and parts do not.
fn payload(size: usize) -> Vec<u8> {
    let line =
        |number: u64| format!("{{\"id\":{},\"name\":\"user\",\"active\":true}},", number.wrapping_mul(0x9E37_79B9));
    (0..).flat_map(|number| line(number).into_bytes()).take(size).collect()
}

fn seal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seal and stamp");
    for (name, format) in formats() {
        for size in SIZES {
            let (payload, header) = (payload(size), header(&[]));
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter(|| {
                    let mut sealed = format.seal(black_box(KEY), &header, &payload).unwrap();
                    sealed.stamp(black_box(7));
                    sealed
                });
            });
        }
    }
}

fn seal_into(criterion: &mut Criterion) {
    let (format, payload, header) = (Format::default(), payload(100), header(&[]));
    let mut memory = Vec::new();
    criterion.bench_function("seal and stamp into memory that is there/100", |bencher| {
        bencher.iter(|| {
            let mut sealed = format.seal_into(std::mem::take(&mut memory), black_box(KEY), &header, &payload).unwrap();
            black_box(sealed.stamp(black_box(7)));
            memory = sealed.into_bytes();
        });
    });
}

fn stamp(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stamp");
    for (name, format) in formats().into_iter().take(3) {
        for size in SIZES {
            let mut sealed = format.seal(KEY, &header(&[]), &payload(size)).unwrap();
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter(|| black_box(sealed.stamp(black_box(7))).len());
            });
        }
    }
}

fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open");
    for (name, format) in formats() {
        for size in SIZES {
            let mut sealed = format.seal(KEY, &header(&[]), &payload(size)).unwrap();
            let bytes = sealed.stamp(7);
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter(|| format.open(black_box(KEY), black_box(bytes)).unwrap().payload.len());
            });
        }
    }
    let format = Format::default();
    let mut tagged = format.seal(KEY, &header(&["user:7", "team:red"]), &payload(100)).unwrap();
    let bytes = tagged.stamp(7);
    group.bench_function("two tags/100", |bencher| {
        bencher
            .iter(|| format.open(black_box(KEY), black_box(bytes)).unwrap().tags.iter().map(str::len).sum::<usize>());
    });
}

criterion_group!(benches, seal, seal_into, stamp, open);
criterion_main!(benches);
