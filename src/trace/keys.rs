//! Keys as they come, each replaced by the number of the one that it is.

use hashbrown::HashTable;

use crate::Error;
use crate::hash::Seed;

/// What texts are hashed with: the same in every process.
const SEED: Seed = Seed::fixed(0x7261_6365);

/// Requests that there may be: what is above counts no request.
const MOST_REQUESTS: usize = u32::MAX as usize;

/// The hash of a text after that of another one.
#[inline]
pub(super) fn hash(before: u64, text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks();
    let state = words.iter().fold(before, |state, &word| SEED.mix(state, u64::from_le_bytes(word)));
    let mut last = [0; size_of::<u64>()];
    last[..rest.len()].copy_from_slice(rest);
    SEED.mix(SEED.mix(state, u64::from_le_bytes(last)), text.len() as u64)
}

/// The requests so far.
#[derive(Debug)]
pub(super) struct Keys {
    numbers: HashTable<(u64, u32)>,
    requests: Vec<u32>,
    limit: usize,
}

impl Keys {
    pub(super) fn new(limit: Option<usize>) -> Self {
        Self { numbers: HashTable::new(), requests: Vec::new(), limit: limit.unwrap_or(usize::MAX) }
    }

    /// Whether as many were read as are wanted.
    #[inline]
    pub(super) fn are_enough(&self) -> bool {
        self.requests.len() >= self.limit
    }

    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    /// The key of this hash was asked for.
    #[inline]
    pub(super) fn push(&mut self, hash: u64) -> Result<(), Error> {
        if self.requests.len() >= self.limit.min(MOST_REQUESTS) {
            return if self.are_enough() { Ok(()) } else { Err(too_many()) };
        }
        let next = self.numbers.len() as u32;
        let entry = self.numbers.entry(hash, |&(known, _)| known == hash, |&(known, _)| known);
        self.requests.push(entry.or_insert((hash, next)).get().1);
        Ok(())
    }

    /// The key of each request, and how many keys there are.
    pub(super) fn into_parts(mut self) -> (Vec<u32>, usize) {
        self.requests.shrink_to_fit();
        (self.requests, self.numbers.len())
    }
}

#[cold]
fn too_many() -> Error {
    Error::InvalidTrace { reason: format!("it has more than {MOST_REQUESTS} requests: read fewer of them") }
}
