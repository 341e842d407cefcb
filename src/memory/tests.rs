//! What a memory promises; its invariants are validated after every test.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod bounds;
mod conditions;
mod dropping;
mod expire;
mod fresh;
mod marked;
mod model;
mod owners;
mod program;
mod sampling;
mod small;
mod tagged;
mod walks;
