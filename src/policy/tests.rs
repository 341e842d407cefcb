//! What every policy promises, run by every policy, on a vector of nodes.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod adaptive;
mod conformance;
mod models;
mod papers;
mod simulated;
mod sketch;
mod synthetic;
mod tinylfu;
pub(crate) mod traces;
mod worth;
