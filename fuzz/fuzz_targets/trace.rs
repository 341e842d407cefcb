#![no_main]

use hotset::{progress, trace};
use libfuzzer_sys::fuzz_target;

#[path = "../requests.rs"]
mod requests;

fuzz_target!(|bytes: &[u8]| {
    requests::read_in_every_format(bytes);
});
