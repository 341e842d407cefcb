//! What a key is, and when two are one.
//!
//! - [`part`]: what is stored of it, in words
//! - [`exact`], [`layout`]: what is known of built-in objects without running Python code
//! - [`probe`], [`lookup_key`]: comparing under the lock and outside it
//! - [`identity`]: keys by identity; [`freeze`], [`frozen`]: keys by content
//! - [`call_key`]: the key of a call, as users see it

pub(crate) mod call_key;
pub(crate) mod exact;
pub(crate) mod freeze;
pub(crate) mod frozen;
pub(crate) mod holder;
pub(crate) mod identity;
pub(crate) mod judged;
pub(crate) mod layout;
pub(crate) mod lookup_key;
pub(crate) mod ownership;
pub(crate) mod part;
pub(crate) mod probe;

use hotset::memory::{Hashed, Owner};
use pyo3::prelude::*;

use part::Part;

/// Makes the classes of keys ready, and adds those that users see to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    identity::WeakIdentity::prepare(module.py());
    frozen::Frozen::prepare(module.py());
    freeze::prepare(module.py())?;
    module.add_class::<call_key::CallKey>()
}

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
