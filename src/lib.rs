//! The core of hotset: what a cache decides, without a word of Python.
//!
//! Layers, each of which imports only from those above it:
//!
//! 1. leaves: [`call_stack`], [`clock`], [`error`], [`fork`], [`hash`], [`progress`], [`size`], [`stats`], [`sync`]
//! 2. [`policy`] (who leaves), [`expiry`] (when) and [`trace`] (what was asked for)
//! 3. [`simulation`] (how a cache would do)
//! 4. [`memory`] (where objects live)
//! 5. [`flight`] (who computes)
//! 6. [`codec`] (how values look outside)
//! 7. [`tier`] (where bytes live)
//! 8. [`stack`] (how memory and tiers combine)

pub mod call_stack;
pub mod clock;
pub mod codec;
pub mod error;
pub mod expiry;
pub mod flight;
pub mod fork;
pub mod hash;
pub mod memory;
pub mod policy;
pub mod progress;
pub mod simulation;
pub mod size;
pub mod stack;
pub mod stats;
pub mod sync;
pub mod tier;
pub mod trace;

pub use error::Error;
pub use memory::Memory;
