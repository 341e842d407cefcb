//! Programs for a memory, made of any bytes: what to do with it, step by step, beside a model that does the same.
//!
//! The unit tests, the fuzz targets and the replay of their corpus share this folder. Outside the core's own tests it is
//! included by path; the crate that includes it brings the core's modules to its root.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, reason = "a test that cannot go on has failed")]

mod decode;
mod model;
mod run;
pub(crate) mod things;

use std::collections::HashSet;

use crate::clock::Tick;
use crate::expiry::Lifespan;
use crate::memory::Owner;

/// How the memory of a program is made.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) policy: &'static str,
    pub(crate) shards: usize,
    pub(crate) max_entries: u64,
    pub(crate) max_weight: u64,
    pub(crate) jitter: f64,
}

/// On which condition a step writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    Always,
    Absent,
    Present,
    Holds(u8),
}

/// What a step writes.
#[derive(Clone, Debug)]
pub(crate) struct Writing {
    pub(crate) content: u8,
    pub(crate) weight: u64,
    pub(crate) lifespan: Lifespan,
    pub(crate) tags: u8,
    pub(crate) when: When,
}

/// What is done to one key.
#[derive(Clone, Debug)]
pub(crate) enum Verb {
    Read,
    Write(Writing),
    Remove,
    Touch(Lifespan),
    Tend,
    CountLoad { nanos: u64, failed: bool },
    CountRefused,
}

/// One step of a program.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Something done to a key by a probe that cannot tell so many times.
    OnKey {
        key: u8,
        doubts: u8,
        verb: Verb,
    },
    Advance(Tick),
    Sweep,
    PopVictim,
    Clear,
    ClearOwner(Owner),
    Resize {
        max_entries: u64,
        max_weight: u64,
    },
    Enable(bool),
    AddOwner,
    ReplaceOwner(Owner),
    ResetOwner(Owner),
}

/// A memory and what to do with it.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) config: Config,
    pub(crate) steps: Vec<Step>,
}

/// Numbers of what a run has met: a run that meets something new is worth keeping.
pub(crate) type Features = HashSet<u64>;
