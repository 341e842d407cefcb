//! Looking up a call without leaving Rust, for usual arguments: the hot path.

use hotset::hash;
use hotset::memory::{More, Probe as CoreProbe};

use crate::ffi::call_args::Call;
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::function::decorated::Decorated;
use crate::function::signature::{BoundParts, FEW};
use crate::key::exact::{address_hash, typed_hash};
use crate::key::part::Word;
use crate::key::probe::{QuickProbe, QuickProbeOfOne, Rule};
use crate::key::{Key, Tag};

/// What the shortest path came to.
pub(crate) enum Quick {
    Hit(Object),
    /// A hit that is to start a refresh.
    Refresh(Object),
    /// The lookup of this key is done and counted.
    Miss(Tag),
    /// So it is, and there is a stale value or an error.
    Other,
    /// The lookup has to be done in the usual way.
    Unsuited,
}

impl Quick {
    /// What the lookup came to, if it is done.
    pub(crate) fn looked_up(&self) -> Option<More> {
        match self {
            Self::Miss(_) => Some(More::Nothing),
            Self::Other => Some(More::Stale),
            _ => None,
        }
    }
}

/// Looks up a call without leaving this function for usual arguments.
#[inline(always)]
pub(crate) fn look_up_quickly<'a>(
    decorated: &'a Decorated,
    call: Call<'a>,
    bound: &'a mut BoundParts<'a>,
    parts: &mut &'a [Live<'a>],
) -> Quick {
    if !decorated.quick || !decorated.state().answers_quickly() {
        return Quick::Unsuited;
    }
    if call.names().is_none() && call.count() == decorated.signature.all_by_position {
        *parts = call.positional();
    } else if let Some(all) = decorated.signature.in_order(call) {
        *parts = all;
    } else {
        let Some(bound) = decorated.signature.bind_quickly(call, bound) else { return Quick::Unsuited };
        *parts = bound;
    }
    match **parts {
        [part] if decorated.single => look_up_one(decorated, part),
        [first, second] => look_up_several(decorated, [first, second]),
        [first, second, third] => look_up_several(decorated, [first, second, third]),
        ref parts => look_up_many(decorated, parts),
    }
}

/// Looks up a key of several parts.
#[inline(always)]
fn look_up_several<const N: usize>(decorated: &Decorated, parts: [Live<'_>; N]) -> Quick {
    let mut words = [Word::ZERO; N];
    match hash_parts(decorated, &parts, &mut words) {
        Some(tag) => look_up(decorated, tag, &mut QuickProbe { tag, words }),
        None => Quick::Unsuited,
    }
}

/// As [`look_up_several`], for any number of parts up to [`FEW`].
#[inline(never)]
fn look_up_many(decorated: &Decorated, parts: &[Live<'_>]) -> Quick {
    let mut words = [Word::ZERO; FEW];
    match hash_parts(decorated, parts, &mut words) {
        Some(tag) => look_up(decorated, tag, &mut QuickProbe { tag, words: &words[..parts.len()] }),
        None => Quick::Unsuited,
    }
}

/// Hashes parts and turns them into words, of which there are enough, if all are of types for which that can be done here.
#[inline(always)]
fn hash_parts<'a>(decorated: &Decorated, parts: &[Live<'a>], words: &mut [Word<'a>]) -> Option<Tag> {
    let (seed, mut state) = (decorated.state().memory().seed(), decorated.salt);
    let mut by_identity = decorated.first_by_identity();
    for (&part, place) in parts.iter().zip(words) {
        let identity = (address_hash(part), Word::of_other(part));
        let (hash, word) = if by_identity { identity } else { typed_hash(part, seed)? };
        state = seed.mix(state, hash);
        *place = word;
        by_identity = false;
    }
    Some(Tag::new(decorated.owner, hash::shorten(state)))
}

/// Reads what a probe looks for.
#[inline(always)]
fn look_up(decorated: &Decorated, tag: Tag, probe: &mut impl CoreProbe<Key>) -> Quick {
    match decorated.state().memory().read(tag.hash(), decorated.owner, probe, Object::clone) {
        Ok(read) => {
            if read.due {
                decorated.state().run_pending_attached(tag.hash());
            }
            match (read.found, read.more) {
                (Some(value), More::Nothing) => Quick::Hit(value),
                (Some(value), _) => Quick::Refresh(value),
                (None, More::Nothing) => Quick::Miss(tag),
                (None, _) => Quick::Other,
            }
        }
        Err(_) => Quick::Unsuited,
    }
}

/// Looks up a call with one positional argument of a function whose keys are typed and have that argument as their only part.
#[inline(always)]
pub(crate) fn look_up_one(decorated: &Decorated, part: Live<'_>) -> Quick {
    if !decorated.state().answers_quickly() {
        return Quick::Unsuited;
    }
    let mut words = [Word::of_other(part)];
    match hash_parts(decorated, &[part], &mut words) {
        Some(tag) => look_up(decorated, tag, &mut QuickProbeOfOne { tag, rule: Rule::Typed, word: words[0] }),
        None => Quick::Unsuited,
    }
}
