//! HOW a cache would do: caches of nothing but keys, over requests that were recorded.
//!
//! [`Cache`] is the cache of any policy, and [`Clairvoyant`] the one that no policy can beat.

pub mod cache;
pub mod clairvoyant;
mod nodes;

#[cfg(test)]
mod tests;

pub use cache::Cache;
pub use clairvoyant::{Clairvoyant, NEVER, next_uses};
