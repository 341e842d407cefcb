use std::sync::atomic::{AtomicU64, Ordering};

use crate::tier::conformance;
use crate::tier::disk::{Disk, Durability, LEAST_BYTES, Options};

fn check(durability: Durability) {
    let folder = std::env::temp_dir().join(format!("hotset-conformance-{}-{durability:?}", std::process::id()));
    let count = AtomicU64::new(0);
    conformance::check(&|| {
        let path = folder.join(count.fetch_add(1, Ordering::Relaxed).to_string());
        std::fs::create_dir_all(&folder).unwrap();
        Box::new(Disk::open(&path, Options { max_bytes: 4 * LEAST_BYTES, durability, ..Options::default() }).unwrap())
    });
    _ = std::fs::remove_dir_all(folder);
}

#[test]
fn a_store_keeps_the_contract() {
    check(Durability::Process);
}

#[test]
fn a_store_that_survives_a_loss_of_power_keeps_the_contract() {
    check(Durability::Power);
}
