//! What the memory in front of a tier has heard of changes elsewhere.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::flight::{Fenced, Promise};
use crate::memory::{Hashed, Owner, Removals};
use crate::stats::Cause;
use crate::sync::{Mutex, RawMutex};
use crate::tier::{Heard, Mark, Number, Watch};

/// Beyond twice as many as were in use when they were last counted, names of tags are looked through for those that are not.
const FEW_TAGS: usize = 1_024;

/// The most changes of our own that are remembered until their turn in the log comes.
const MOST_OWN: usize = 1_024;

/// What a mark stands for in a memory, besides keys.
#[derive(Clone, Debug)]
pub enum What {
    /// Everything.
    Everything,
    /// The keys of an owner.
    Owner(Owner),
    /// What carries a tag.
    Tag(Arc<str>),
}

/// How far a memory has heard of changes, and what they may be about.
pub struct Front<R> {
    /// The watch's word when everything up to then had been heard.
    seen: AtomicU64,
    state: Mutex<R, State>,
}

struct State {
    heard: Number,
    /// Changes of our own, which need not be heard of.
    own: Vec<Number>,
    known: HashMap<u64, What>,
    many_tags: usize,
}

impl<R: RawMutex> Front<R> {
    /// Of a memory that is empty: it need not hear of what was before.
    pub fn new(watch: &dyn Watch) -> Self {
        let word = watch.word().load(Ordering::Acquire);
        let state = State { heard: word, own: Vec::new(), known: HashMap::new(), many_tags: FEW_TAGS };
        Self { seen: AtomicU64::new(word), state: Mutex::new(state) }
    }

    /// Whether nothing has changed since the memory last heard.
    #[inline(always)]
    pub fn is_current(&self, word: &AtomicU64) -> bool {
        word.load(Ordering::Acquire) == self.seen.load(Ordering::Acquire)
    }

    /// A mark stands for this from now on.
    pub fn learn(&self, mark: Mark, what: What) {
        self.state.lock().known.insert(mark.part(), what);
    }

    /// The marks of tags that entries of the memory will carry, or loads in progress.
    pub fn learn_tags(&self, tags: &[Arc<str>], mark: impl Fn(&str) -> Mark, is_carried: impl Fn(&Arc<str>) -> bool) {
        if tags.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        for tag in tags {
            state.known.entry(mark(tag).part()).or_insert_with(|| What::Tag(tag.clone()));
        }
        if state.known.len() > state.many_tags {
            state.known.retain(|_, what| !matches!(what, What::Tag(tag) if !is_carried(tag) && !tags.contains(tag)));
            state.many_tags = (2 * state.known.len()).max(FEW_TAGS);
        }
    }

    /// A change of this number was made by the memory's own process, and the memory knows of it.
    pub fn note_own(&self, number: Number) {
        let mut state = self.state.lock();
        if state.heard + 1 == number {
            state.heard = number;
            // Where another change has come since, the word is ahead of this.
            self.seen.store(number, Ordering::Release);
        } else if state.heard < number && state.own.len() < MOST_OWN {
            state.own.push(number);
        }
    }

    /// Applies what has changed elsewhere; what left.
    pub fn hear<K: Hashed, V, S: Promise>(&self, watch: &dyn Watch, store: &Fenced<K, V, S, R>) -> Removals<K, V> {
        let mut state = self.state.lock();
        // Read first: what is published after this moves the word again.
        let word = watch.word().load(Ordering::Acquire);
        if word == self.seen.load(Ordering::Relaxed) {
            return Removals::nothing();
        }
        let mut left = Removals::nothing();
        let State { heard, own, known, .. } = &mut *state;
        let mut apply = |number: Number, part: u64| {
            if let Some(place) = own.iter().position(|&other| other == number) {
                own.swap_remove(place);
                return;
            }
            left.append(applied(store, part, known.get(&part)));
        };
        match watch.changes(*heard, &mut apply) {
            Heard::All(number) => *heard = number,
            Heard::Lost(number) => {
                *heard = number;
                store.memory().note_move();
                left.append(store.clear());
            }
        }
        let heard = *heard;
        own.retain(|&number| number > heard);
        self.seen.store(word, Ordering::Release);
        left
    }
}

/// Applies a change of what this part of a mark stands for.
fn applied<K: Hashed, V, S: Promise, R: RawMutex>(
    store: &Fenced<K, V, S, R>,
    part: u64,
    what: Option<&What>,
) -> Removals<K, V> {
    store.memory().note_move();
    // The tags of some loads are known only when they return: any change may be of one of them.
    store.flights().overtake_each(|began| began.tags.is_none());
    let mut left = store.remove_marked(part, Cause::Invalidated);
    match what {
        None => {}
        Some(What::Everything) => left.append(store.clear()),
        Some(What::Owner(owner)) => left.append(store.clear_owner(*owner)),
        Some(What::Tag(tag)) => store.invalidate_tags(std::slice::from_ref(tag), Cause::Invalidated),
    }
    left
}
