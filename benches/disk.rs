//! What the store on disk costs, beside LMDB as it is: `cargo bench -p hotset --bench disk`.

#![allow(missing_docs, reason = "a benchmark")]

#[cfg(target_os = "linux")]
mod store {
    #![allow(clippy::unwrap_used, clippy::undocumented_unsafe_blocks, reason = "a benchmark")]

    use std::ffi::CString;
    use std::hint::black_box;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};
    use std::ptr;
    use std::time::{Duration, Instant};

    use criterion::{Criterion, Throughput};
    use hotset::codec::Glimpse;
    use hotset::tier::Wait;
    use hotset::tier::disk::{Change, Durability, Hooks, Options, Store};
    use lmdb_master_sys as sys;

    const ENTRIES: u32 = 100_000;
    const BATCH: u32 = 100;
    const BYTES: usize = 100;
    const MAP_BYTES: u64 = 256 << 20;
    const NOW: u64 = 1_000;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("hotset-bench-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// Numbers in no order.
    fn key(number: u32) -> [u8; 8] {
        u64::from(number % ENTRIES).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()
    }

    fn wait() -> Wait {
        Wait::Until(Instant::now() + Duration::from_secs(1))
    }

    fn open(path: &Path, max_bytes: u64, durability: Durability) -> Store {
        let glimpse = |_: &[u8]| Some(Glimpse { clock: 0, created: NOW, gone_at: u64::MAX });
        let hooks = Hooks { glimpse, ..Hooks::default() };
        Store::open(path, Options { max_bytes, durability, ..Options::default() }, hooks).unwrap()
    }

    fn put(store: &Store, number: u32) {
        let entry = [number as u8; BYTES];
        store.change(wait(), NOW, &mut |change: &mut Change<'_>| change.put(&key(number), &entry)).unwrap();
    }

    /// LMDB with one transaction for each call, written through the map.
    struct Raw(*mut sys::MDB_env, *mut sys::MDB_txn);

    impl Raw {
        fn open(path: &Path) -> Self {
            let path = CString::new(path.as_os_str().as_bytes()).unwrap();
            let (mut env, mut txn, mut number) = (ptr::null_mut(), ptr::null_mut(), 0);
            unsafe {
                sys::mdb_env_create(&raw mut env);
                sys::mdb_env_set_mapsize(env, MAP_BYTES as usize);
                let flags = sys::MDB_WRITEMAP | sys::MDB_NOSYNC | sys::MDB_NOTLS;
                assert_eq!(sys::mdb_env_open(env, path.as_ptr(), flags, 0o600), 0);
                assert_eq!(sys::mdb_txn_begin(env, ptr::null_mut(), sys::MDB_RDONLY, &raw mut txn), 0);
                assert_eq!(sys::mdb_dbi_open(txn, ptr::null(), 0, &raw mut number), 0);
                sys::mdb_txn_reset(txn);
            }
            Self(env, txn)
        }

        fn put(&self, numbers: std::ops::Range<u32>) {
            let mut txn = ptr::null_mut();
            unsafe {
                assert_eq!(sys::mdb_txn_begin(self.0, ptr::null_mut(), 0, &raw mut txn), 0);
                for number in numbers {
                    let (key, entry) = (key(number), [number as u8; BYTES]);
                    let (mut key, mut entry) = (value(&key), value(&entry));
                    assert_eq!(sys::mdb_put(txn, 1, &raw mut key, &raw mut entry, 0), 0);
                }
                assert_eq!(sys::mdb_txn_commit(txn), 0);
            }
        }

        fn get(&self, numbers: std::ops::Range<u32>, into: &mut Vec<u8>) {
            unsafe {
                assert_eq!(sys::mdb_txn_renew(self.1), 0);
                for number in numbers {
                    let key = key(number);
                    let (mut key, mut entry) = (value(&key), value(&[]));
                    assert_eq!(sys::mdb_get(self.1, 1, &raw mut key, &raw mut entry), 0);
                    into.clear();
                    into.extend_from_slice(std::slice::from_raw_parts(entry.mv_data.cast(), entry.mv_size));
                }
                sys::mdb_txn_reset(self.1);
            }
        }
    }

    fn value(bytes: &[u8]) -> sys::MDB_val {
        sys::MDB_val { mv_size: bytes.len(), mv_data: bytes.as_ptr().cast_mut().cast() }
    }

    pub(super) fn all(criterion: &mut Criterion) {
        let (ours, raws) = (Folder::new("store"), Folder::new("raw"));
        let (store, raw) = (open(&ours.0, MAP_BYTES, Durability::Process), Raw::open(&raws.0));
        (0..ENTRIES).for_each(|number| put(&store, number));
        (0..ENTRIES).for_each(|number| raw.put(number..number + 1));
        let (mut next, mut into) = (0_u32, Vec::new());
        let mut number = move |by: u32| {
            next = next.wrapping_add(by.max(7919)) % (ENTRIES - BATCH);
            next
        };

        let mut group = criterion.benchmark_group("get");
        group.bench_function("store", |bench| {
            bench.iter(|| {
                let see = &mut |bytes: &[u8]| {
                    into.clear();
                    into.extend_from_slice(bytes);
                };
                assert!(store.get(&key(number(1)), Wait::Not, see).unwrap());
            });
        });
        group.bench_function("lmdb", |bench| {
            bench.iter(|| {
                let number = number(1);
                raw.get(number..number + 1, &mut into);
            });
        });
        group.finish();

        let mut group = criterion.benchmark_group("put");
        group.bench_function("store", |bench| bench.iter(|| put(&store, number(1))));
        group.bench_function("lmdb", |bench| {
            bench.iter(|| {
                let number = number(1);
                raw.put(number..number + 1);
            });
        });
        let full = Folder::new("full");
        let bounded = open(&full.0, 8 << 20, Durability::Process);
        let mut fresh = 0_u32;
        group.bench_function("a new one into a full store", |bench| {
            bench.iter(|| {
                fresh += 1;
                let key = u64::from(fresh).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
                let entry = [1; BYTES];
                bounded.change(wait(), NOW, &mut |change: &mut Change<'_>| change.put(&key, &entry)).unwrap();
            });
        });
        let stats = bounded.stats(wait()).unwrap();
        eprintln!("a full store of {} bytes holds {} entries of {BYTES}", 8 << 20, stats.entries.unwrap_or(0));
        let safe = Folder::new("safe");
        let power = open(&safe.0, MAP_BYTES, Durability::Power);
        group.sample_size(10);
        group.bench_function("store, power", |bench| bench.iter(|| put(&power, number(1))));
        group.finish();

        let mut group = criterion.benchmark_group("batch of 100, each");
        group.throughput(Throughput::Elements(BATCH.into()));
        group.bench_function("get, store", |bench| {
            bench.iter(|| {
                let first = number(BATCH);
                let keys: Vec<_> = (first..first + BATCH).map(key).collect();
                let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
                let see = &mut |_: usize, bytes: &[u8]| {
                    into.clear();
                    into.extend_from_slice(bytes);
                };
                store.get_many(&keys, Wait::Not, see).unwrap();
            });
        });
        group.bench_function("get, lmdb", |bench| {
            bench.iter(|| {
                let first = number(BATCH);
                raw.get(first..first + BATCH, &mut into);
            });
        });
        group.bench_function("put, store", |bench| {
            bench.iter(|| {
                let first = number(BATCH);
                let work = &mut |change: &mut Change<'_>, place: usize| {
                    change.put(&key(first + place as u32), &[first as u8; BYTES])
                };
                store.writer(wait()).unwrap().each(NOW, BATCH as usize, work).unwrap();
            });
        });
        group.bench_function("put, lmdb", |bench| {
            bench.iter(|| {
                let first = number(BATCH);
                raw.put(first..first + BATCH);
            });
        });
        group.finish();
        black_box(&into);
    }
}

#[cfg(target_os = "linux")]
criterion::criterion_group!(benches, store::all);
#[cfg(target_os = "linux")]
criterion::criterion_main!(benches);

#[cfg(not(target_os = "linux"))]
fn main() {}
