//! How entries stand at a moment, and what is known of them.

use std::sync::Arc;

use crate::clock::Tick;
use crate::expiry::Lifespan;
use crate::memory::lifespans::Deadlines;
use crate::stats::Cause;

/// How an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Its ttl has not ended.
    Fresh,
    /// Its ttl has ended and its grace has not.
    Stale,
    /// It is an error that a load ended with, and that is raised until its ttl ends.
    Error,
    /// It is not there any more although it has not been taken out.
    Gone(Cause),
}

/// What is known of an entry.
#[derive(Clone, Debug)]
pub struct EntryInfo {
    /// How it stands now.
    pub freshness: Freshness,
    /// When it was stored, and what becomes of it.
    pub deadlines: Deadlines,
    /// How long it was to live.
    pub lifespan: Lifespan,
    /// When a hit starts a refresh, or [`NEVER`](crate::clock::NEVER).
    pub refresh_at: Tick,
    /// When it goes if it is not read, or [`NEVER`](crate::clock::NEVER).
    pub idle_until: Tick,
    /// Until when loads that failed are not repeated, or 0.
    pub retry_at: Tick,
    /// How many loads failed, one after the other.
    pub failures: u8,
    /// Its tags.
    pub tags: Vec<Arc<str>>,
    /// The tag that has invalidated it or made it stale, if one has.
    pub invalidated_by: Option<Arc<str>>,
    /// The time for which this is so.
    pub now: Tick,
}
