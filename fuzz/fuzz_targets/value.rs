#![no_main]

use hotset::codec;
use libfuzzer_sys::fuzz_target;

#[path = "../payload.rs"]
mod payload;

fuzz_target!(|bytes: &[u8]| {
    payload::walk_and_write_anew(bytes);
});
