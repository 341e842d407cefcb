//! WHAT was asked for: the keys of recorded requests, read from the files in which they are usually found.
//!
//! A [`Trace`] is numbers only: each key is known by when it first came, and its text by a hash of 64 bits. [`read()`] takes plain and
//! gzipped input and sees from its content which [`Format`] it has.

mod access_log;
mod detect;
mod format;
mod keys;
mod monitor;
mod read;
mod table;
mod unpack;

#[cfg(test)]
mod tests;

pub use format::{Column, FORMATS, Format, Options};
pub use read::read;

/// The requests of a trace.
#[derive(Debug, PartialEq, Eq)]
pub struct Trace {
    /// The key of each request: a number, from 0 on in the order of first appearance.
    pub keys: Vec<u32>,
    /// How many keys there are.
    pub unique: usize,
    /// What it was read as.
    pub format: Format,
    /// What was read and is no request.
    pub lines: Lines,
}

/// The lines of a trace that hold no request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Lines that say something else: a request of another kind, a comment, a heading, or nothing.
    pub other: u64,
    /// Lines that do not have the format.
    pub garbled: u64,
    /// The number of the first of those, from 1.
    pub first_garbled: Option<u64>,
}
