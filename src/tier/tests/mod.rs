//! What the contract promises, of the tiers that are for tests.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod chaos;
#[cfg(target_os = "linux")]
mod disk;
mod heap;
mod plain;
