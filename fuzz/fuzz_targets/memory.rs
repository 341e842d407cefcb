#![no_main]

use hotset::{clock, expiry, hash, memory, policy, stats, sync};
use libfuzzer_sys::fuzz_target;

#[path = "../../src/memory/tests/program/mod.rs"]
mod program;

fuzz_target!(|bytes: &[u8]| {
    program::Program::decode(bytes).run();
});
