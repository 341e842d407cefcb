//! HOW memory and tiers combine.
//!
//! - [`Back`]: what lies behind a memory, with envelopes, ends of life and faults
//! - [`Breaker`]: when a tier is left alone
//! - [`Page`]: keys that a tier holds
//! - [`Front`]: what the memory in front has heard of changes elsewhere

mod back;
mod breaker;
mod front;
mod guard;
mod list;
mod window;

pub use back::{Address, Back, BackCounts, Given, Kept, Offered};
pub use breaker::{Aside, Breaker, BreakerOptions, BreakerStats, Moved, Permit, Refused, State};
pub use front::{Front, What};
pub use list::{Page, Part};
