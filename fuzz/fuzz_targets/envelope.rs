#![no_main]

use hotset::codec;
use libfuzzer_sys::fuzz_target;

#[path = "../sealed.rs"]
mod sealed;

fuzz_target!(|bytes: &[u8]| {
    sealed::open_in_every_format(bytes);
});
