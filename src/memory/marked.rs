//! Entries by the marks that others know them by, where there are others: a tier behind the memory, and who shares it.

use hashbrown::HashTable;

use crate::hash::fold;
use crate::policy::Slot;

/// A number that stands for a key; several keys may have one. 0 is none.
pub type Mark = u64;

const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

#[derive(Default)]
pub(crate) struct Marked {
    /// Marks by slot.
    marks: Vec<Mark>,
    slots: HashTable<Slot>,
}

impl Marked {
    /// What an entry is known by.
    pub(crate) fn of(&self, slot: Slot) -> Mark {
        self.marks.get(slot as usize).copied().unwrap_or_default()
    }

    /// An entry is known by this from now on.
    pub(crate) fn set(&mut self, slot: Slot, mark: Mark) {
        if self.of(slot) == mark {
            return;
        }
        self.forget(slot);
        if self.marks.len() <= slot as usize {
            self.marks.resize(slot as usize + 1, 0);
        }
        self.marks[slot as usize] = mark;
        if mark != 0 {
            let marks = &self.marks;
            self.slots.insert_unique(spread(mark), slot, |&slot| spread(marks[slot as usize]));
        }
    }

    /// An entry has left.
    pub(crate) fn forget(&mut self, slot: Slot) {
        let mark = self.of(slot);
        if mark != 0 {
            self.marks[slot as usize] = 0;
            if let Ok(entry) = self.slots.find_entry(spread(mark), |&other| other == slot) {
                entry.remove();
            }
        }
    }

    /// An entry that is known by this.
    pub(crate) fn find(&self, mark: Mark) -> Option<Slot> {
        self.slots.find(spread(mark), |&slot| self.marks[slot as usize] == mark).copied()
    }
}

#[inline]
fn spread(mark: Mark) -> u64 {
    fold(mark, SPREAD)
}

#[cfg(any(test, feature = "validate"))]
impl Marked {
    /// Panics unless both sides agree, and only these slots have marks.
    pub(crate) fn validate(&self, live: &[Slot]) {
        let marked: Vec<Slot> = (0..self.marks.len() as Slot).filter(|&slot| self.of(slot) != 0).collect();
        assert!(marked.iter().all(|slot| live.contains(slot)), "a mark of an entry that is gone");
        assert_eq!(marked.len(), self.slots.len(), "marks by slot and slots by mark");
        for slot in marked {
            assert!(
                self.slots.find(spread(self.of(slot)), |&other| other == slot).is_some(),
                "the mark of slot {slot}"
            );
        }
    }
}
