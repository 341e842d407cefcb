//! WHEN entries leave: how long they live, and a wheel that finds those whose time is over.

pub mod duration;
mod jitter;
mod lifespan;
mod wheel;

pub use jitter::Jitter;
pub(crate) use jitter::unit;
pub(crate) use lifespan::after;
pub use lifespan::{Early, Lifespan, Part};
pub(crate) use wheel::{TimerLinks, Wheel};
