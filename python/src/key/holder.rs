//! What keys ask of the cache that they are in, which is all that they know of it.

use std::sync::Arc;

use hotset::memory::Owner;
use pyo3::prelude::*;

use crate::key::Key;
use crate::key::identity::Identities;

/// A cache, as its keys see it.
pub(crate) trait Holder: Send + Sync + 'static {
    /// The identities that its keys are made of.
    fn identities(&self) -> &Identities;

    /// Whether there is an entry under this hash whose key is one of those.
    fn has_entry(&self, hash: u32, is_one: &mut dyn FnMut(&Key) -> bool) -> bool;

    /// Takes all entries out that are under these hashes and whose keys are such.
    fn remove_entries(self: Arc<Self>, py: Python<'_>, hashes: &[u32], is_one: &mut dyn FnMut(&Key) -> bool);

    /// Nobody can mean an owner by its number any more.
    fn remove_owner(&self, owner: Owner);
}
