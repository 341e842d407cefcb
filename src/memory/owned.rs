//! The entries of an owner who may leave: listed, so that they are found without a look at those of all others.

use crate::memory::Owner;
use crate::policy::list::List;
use crate::policy::{Linked, Links, Slot, UNLINKED};

#[derive(Default)]
pub(crate) struct Owned {
    /// By owner; `None` for one whose entries are not listed.
    lists: Vec<Option<List>>,
    neighbours: Neighbours,
}

/// The neighbours of entries in their owners' lists, by slot.
#[derive(Default)]
struct Neighbours(Vec<Links>);

impl Owned {
    /// Lists the entries of an owner from now on, who has none yet.
    pub(crate) fn begin(&mut self, owner: Owner) {
        if self.lists.len() <= owner as usize {
            self.lists.resize_with(owner as usize + 1, || None);
        }
        self.lists[owner as usize] = Some(List::new());
    }

    /// An owner without entries has left.
    pub(crate) fn end(&mut self, owner: Owner) {
        if let Some(list) = self.lists.get_mut(owner as usize) {
            *list = None;
        }
    }

    /// Whether the entries of an owner are listed.
    #[inline]
    pub(crate) fn lists(&self, owner: Owner) -> bool {
        self.lists.get(owner as usize).is_some_and(Option::is_some)
    }

    /// An owner has another entry.
    pub(crate) fn add(&mut self, owner: Owner, slot: Slot) {
        if let Some(Some(list)) = self.lists.get_mut(owner as usize) {
            if self.neighbours.0.len() <= slot as usize {
                self.neighbours.0.resize(slot as usize + 1, UNLINKED);
            }
            list.push_front(&mut self.neighbours, slot);
        }
    }

    /// An entry of an owner has left.
    pub(crate) fn remove(&mut self, owner: Owner, slot: Slot) {
        if let Some(Some(list)) = self.lists.get_mut(owner as usize) {
            list.remove(&mut self.neighbours, slot);
        }
    }

    /// One of an owner's entries.
    pub(crate) fn first(&self, owner: Owner) -> Option<Slot> {
        self.lists.get(owner as usize)?.as_ref()?.head()
    }

    /// All entries of an owner.
    pub(crate) fn of(&self, owner: Owner) -> impl Iterator<Item = Slot> {
        let list = self.lists.get(owner as usize).and_then(Option::as_ref);
        list.into_iter().flat_map(|list| list.iter(&self.neighbours))
    }

    /// All entries have left.
    pub(crate) fn clear(&mut self) {
        self.neighbours.0 = Vec::new();
        self.lists.iter_mut().flatten().for_each(List::clear);
    }
}

impl Linked for Neighbours {
    fn weight(&self, _slot: Slot) -> u64 {
        1
    }
    fn links(&self, slot: Slot) -> Links {
        self.0[slot as usize]
    }
    fn set_links(&mut self, slot: Slot, links: Links) {
        self.0[slot as usize] = links;
    }
}

#[cfg(any(test, feature = "validate"))]
impl Owned {
    /// Panics unless exactly those of these entries are listed whose owners' are, each under its own.
    pub(crate) fn validate(&self, live: &[(Owner, Slot)]) {
        for (owner, list) in (0..).zip(&self.lists) {
            let Some(list) = list else { continue };
            let mut listed = list.validate(&self.neighbours);
            listed.sort_unstable();
            let own: Vec<Slot> = live.iter().filter(|(of, _)| *of == owner).map(|&(_, slot)| slot).collect();
            assert_eq!(listed, own, "entries of owner {owner}");
        }
    }
}
