//! HOW a cache would do: caches of nothing but keys, over requests that were recorded or are being made.
//!
//! [`Cache`] is the cache of any policy, and [`Clairvoyant`] the one that no policy can beat; [`replay`] makes all requests of a trace, and
//! [`what_if`] tries other sizes while a cache runs.

pub mod cache;
pub mod clairvoyant;
mod nodes;
pub mod replay;
pub mod what_if;

#[cfg(test)]
mod tests;

pub use cache::{Cache, Request};
pub use clairvoyant::{Clairvoyant, NEVER, next_uses};
