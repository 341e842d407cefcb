//! The numbers under which functions keep their results in a cache.

use std::sync::{Arc, Weak};

use hotset::memory::Owner;

use crate::ffi::guard::attached;
use crate::ffi::object::Object;
use crate::key::MAPPING;
use crate::key::holder::Holder;
use crate::key::probe::Rule;

/// A function's number in a cache. The function and the keys of its calls hold it; the last of them gives it back.
pub(crate) struct Ownership {
    cache: Weak<dyn Holder>,
    owner: Owner,
    /// Whether results leave with the function: in a cache that others use too. In a tier they stay, for the next of its name.
    may_leave: bool,
}

/// What a cache knows of an owner.
pub(crate) struct Known {
    pub(crate) name: Object,
    /// How its keys compare.
    pub(crate) rule: Rule,
    pub(crate) ownership: Weak<Ownership>,
}

impl Ownership {
    pub(crate) fn new<C: Holder>(cache: &Arc<C>, owner: Owner, may_leave: bool) -> Arc<Self> {
        debug_assert!(owner != MAPPING || !may_leave, "the mapping stays");
        let cache: Weak<C> = Arc::downgrade(cache);
        Arc::new(Self { cache, owner, may_leave })
    }

    #[inline(always)]
    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    /// Whether results leave with the function, and are the function's to show to a garbage collection.
    #[inline]
    pub(crate) fn may_leave(&self) -> bool {
        self.may_leave
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        if self.may_leave
            && let Some(cache) = self.cache.upgrade()
        {
            attached(|_| cache.remove_owner(self.owner));
        }
    }
}
