//! What of a value has been met, so that what is there twice is written once.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use pyo3::prelude::*;

use crate::ffi::object::Object;

/// Something that was met.
pub(super) struct Met {
    pub(super) number: usize,
    /// Nodes that it consists of, once they are known.
    pub(super) weight: Option<u64>,
    /// So that its address stays its own.
    _held: Object,
}

/// What was met that can be met again.
pub(super) struct Memo {
    met: HashMap<usize, Met, BuildHasherDefault<ByAddress>>,
    next: usize,
}

impl Memo {
    /// The root has the first number.
    pub(super) fn new() -> Self {
        Self { met: HashMap::default(), next: 1 }
    }

    /// What was met before under this address.
    #[inline]
    pub(super) fn find(&self, object: &Bound<'_, PyAny>) -> Option<&Met> {
        self.met.get(&(object.as_ptr() as usize))
    }

    /// Notes something, which has the next number from now on.
    pub(super) fn note(&mut self, object: &Bound<'_, PyAny>) {
        let met = Met { number: self.next, weight: None, _held: Object::of(object) };
        self.met.insert(object.as_ptr() as usize, met);
        self.next += 1;
    }

    /// Notes that something has been written.
    pub(super) fn weigh(&mut self, object: &Bound<'_, PyAny>, weight: u64) {
        if let Some(met) = self.met.get_mut(&(object.as_ptr() as usize)) {
            met.weight = Some(weight);
        }
    }
}

/// Addresses are spread by one multiplication.
#[derive(Default)]
pub(super) struct ByAddress(u64);

impl Hasher for ByAddress {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_usize(usize::from(byte)));
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.0 = hotset::hash::fold(self.0 ^ number as u64, 0x9E37_79B9_7F4A_7C15);
    }
}

/// The bound on how many nodes may be hashed to build dicts and sets, so that what is small cannot take long.
#[derive(Default)]
pub(super) struct Hashing {
    nodes: u64,
}

impl Hashing {
    /// Nodes that may be hashed at any rate, and for each byte of the payload so far.
    const ANYWAY: u64 = 4_096;
    const EACH_BYTE: u64 = 64;

    /// Whether a key of so many nodes may be hashed, after so many bytes.
    #[inline]
    pub(super) fn may(&mut self, nodes: u64, bytes: usize) -> bool {
        self.nodes = self.nodes.saturating_add(nodes);
        self.nodes <= Self::ANYWAY + Self::EACH_BYTE * bytes as u64
    }
}
