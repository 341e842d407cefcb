//! Keys as the memory holds them: what is stored of it, whose it is, and its hash.

use hotset::memory::{Hashed, Owner};

use crate::part::Part;

/// The cache itself as an owner: keys of the mapping.
pub(crate) const MAPPING: Owner = 0;

/// An owner and a hash in one word, so that one comparison rules out nearly every other key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tag(u64);

impl Tag {
    #[inline]
    pub(crate) fn new(owner: Owner, hash: u32) -> Self {
        Self(u64::from(owner) << 32 | u64::from(hash))
    }

    #[inline]
    pub(crate) fn hash(self) -> u32 {
        self.0 as u32
    }

    #[inline]
    pub(crate) fn owner(self) -> Owner {
        (self.0 >> 32) as Owner
    }
}

/// A stored key.
///
/// Of the mapping the part is the key itself; of a function with one part in its keys it is that one, of others all of them.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) part: Part,
    pub(crate) tag: Tag,
}

impl Hashed for Key {
    #[inline]
    fn hash(&self) -> u32 {
        self.tag.hash()
    }

    #[inline]
    fn owner(&self) -> Owner {
        self.tag.owner()
    }
}
