#![no_main]

use hotset::expiry;
use libfuzzer_sys::fuzz_target;

#[path = "../text.rs"]
mod text;

fuzz_target!(|bytes: &[u8]| {
    text::parse_beside_a_model(bytes);
});
