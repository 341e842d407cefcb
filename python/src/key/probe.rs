//! Looking for a key: what can be told under the lock is, the rest is asked of Python after it is released.

use std::collections::HashMap;

use hotset::memory::{Probe as CoreProbe, Unsure, Verdict};
use pyo3::prelude::*;
use smallvec::SmallVec;

use crate::ffi::foreign::Foreign;
use crate::ffi::live::Live;
use crate::key::exact::{all_same, int_same, mapping_same, typed_same, verdict};
use crate::key::frozen::Frozen;
use crate::key::identity::WeakIdentity;
use crate::key::layout::TupleRef;
use crate::key::part::{Kind, Part, Word};
use crate::key::{Key, Tag};

/// How often a read compares keys by Python's means before it takes its own for a missing one: others may go on replacing them.
const MOST_ROUNDS: usize = 10_000;

/// By which rule keys are the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
    /// As in a dict.
    Mapping,
    /// Equal and of the same type at every depth.
    Typed,
    /// Equal.
    Loose,
}

impl Rule {
    #[inline(always)]
    fn same(self, stored: Live<'_>, sought: Live<'_>) -> Verdict {
        match self {
            Self::Typed => typed_same(stored, sought),
            Self::Mapping => mapping_same(stored, sought),
            Self::Loose => loose_same(stored, sought),
        }
    }

    /// Compares words, as far as that is told without Python's means.
    #[inline(always)]
    fn compare(self, stored: Word<'_>, sought: Word<'_>) -> Verdict {
        if stored == sought {
            return Verdict::Same;
        }
        self.compare_kinds(stored, sought)
    }

    #[inline(always)]
    fn compare_kinds(self, stored: Word<'_>, sought: Word<'_>) -> Verdict {
        match (stored.kind(), sought.kind()) {
            (Kind::Object(stored), Kind::Object(sought)) => match WeakIdentity::of_stored(stored) {
                Some(identity) => verdict(identity.referent() == sought.as_ptr()),
                None => self.same(stored, sought),
            },
            (Kind::Int(int), Kind::Object(object)) | (Kind::Object(object), Kind::Int(int)) if self != Self::Typed => {
                int_same(int, object)
            }
            _ => Verdict::Different,
        }
    }

    /// Compares by Python's means.
    fn ask(self, py: Python<'_>, stored: Live<'_>, sought: Live<'_>) -> PyResult<bool> {
        match self.same(stored, sought) {
            Verdict::Same => Ok(true),
            Verdict::Different => Ok(false),
            Verdict::Unknown => self.ask_parts(py, stored, sought),
        }
    }

    fn ask_parts(self, py: Python<'_>, stored: Live<'_>, sought: Live<'_>) -> PyResult<bool> {
        let all = |pairs: &mut dyn Iterator<Item = (Live<'_>, Live<'_>)>| {
            for (stored, sought) in pairs {
                if !self.ask(py, stored, sought)? {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        if let (Some(stored), Some(sought)) = (Frozen::of(stored), Frozen::of(sought)) {
            return all(&mut stored.parts().iter().map(Live::of).zip(sought.parts().iter().map(Live::of)));
        }
        if self == Self::Typed
            && let (Some(stored), Some(sought)) = (TupleRef::of(stored), TupleRef::of(sought))
        {
            return all(&mut stored.items().zip(sought.items()));
        }
        stored.bind(py).ask_equal(&sought.bind(py))
    }
}

#[inline(never)]
fn loose_same(stored: Live<'_>, sought: Live<'_>) -> Verdict {
    if WeakIdentity::of_stored(stored).is_some() || Frozen::of(stored).is_some() {
        return typed_same(stored, sought);
    }
    mapping_same(stored, sought)
}

/// A key that is looked for, by its parts.
pub(crate) struct Probe<'a> {
    tag: Tag,
    rule: Rule,
    /// Whether the key has one part, which is stored as it is.
    single: bool,
    parts: &'a [Live<'a>],
    /// Made when Python is first to compare.
    asked: Option<Box<Asked>>,
    gives_up: bool,
}

/// What is compared by Python's means.
#[derive(Default)]
struct Asked {
    /// Stored parts that it has compared, by the words of which they consist, and what it said.
    compared: HashMap<Words, (Part, bool)>,
    /// Those that it is to compare.
    waiting: Vec<Part>,
    rounds: usize,
}

/// The words that a stored part consists of.
type Words = SmallVec<[u64; 2]>;

fn words(part: &Part) -> Words {
    part.parts().unwrap_or(std::slice::from_ref(part)).iter().map(|part| part.word().bits()).collect()
}

impl<'a> Probe<'a> {
    #[inline(always)]
    pub(crate) fn new(tag: Tag, rule: Rule, single: bool, parts: &'a [Live<'a>]) -> Self {
        Self { tag, rule, single, parts, asked: None, gives_up: false }
    }

    #[inline(always)]
    pub(crate) fn tag(&self) -> Tag {
        self.tag
    }

    pub(crate) fn rule(&self) -> Rule {
        self.rule
    }

    /// The objects that the key is made of.
    pub(crate) fn parts(&self) -> &[Live<'_>] {
        self.parts
    }

    /// What to store of a key whose parts are all told by what they are, not by their addresses.
    pub(crate) fn stored(&self) -> Part {
        match *self.parts {
            [only] if self.single => Part::of(only),
            ref parts => Part::several(parts.iter().map(|&part| Part::of(part))),
        }
    }

    /// Repeats an operation until the probe could tell each time it was asked. What `__eq__` raises comes out.
    #[inline]
    pub(crate) fn settle<T>(
        &mut self,
        py: Python<'_>,
        mut operation: impl FnMut(&mut Self) -> Result<T, Unsure>,
    ) -> PyResult<T> {
        loop {
            match operation(self) {
                Ok(result) => return Ok(result),
                Err(Unsure) => self.ask(py)?,
            }
        }
    }

    /// As [`Probe::settle`], for reads, which may take a key for missing that others keep replacing.
    pub(crate) fn settle_read<T>(
        &mut self,
        py: Python<'_>,
        mut operation: impl FnMut(&mut Self) -> Result<T, Unsure>,
    ) -> PyResult<T> {
        self.settle(py, |probe| {
            probe.gives_up = probe.asked.as_ref().is_some_and(|asked| asked.rounds >= MOST_ROUNDS);
            operation(probe)
        })
    }

    #[cold]
    fn ask(&mut self, py: Python<'_>) -> PyResult<()> {
        let Some(mut asked) = self.asked.take() else { return Ok(()) };
        asked.rounds += 1;
        for stored in std::mem::take(&mut asked.waiting) {
            let same = self.is_same(py, &stored)?;
            asked.compared.insert(words(&stored), (stored, same));
            if same {
                break;
            }
        }
        self.asked = Some(asked);
        Ok(())
    }

    pub(crate) fn is_same(&self, py: Python<'_>, stored: &Part) -> PyResult<bool> {
        let stored = stored.parts().unwrap_or(std::slice::from_ref(stored));
        if stored.len() != self.parts.len() {
            return Ok(false);
        }
        for (stored, &sought) in stored.iter().zip(self.parts) {
            if !self.rule.ask(py, Live::of(&stored.to_object(py)?), sought)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    #[cold]
    fn remember(&mut self, stored: &Key) -> Verdict {
        let asked = self.asked.get_or_insert_default();
        match asked.compared.get(&words(&stored.part)) {
            Some((_, true)) => Verdict::Same,
            Some((_, false)) => Verdict::Different,
            None if self.gives_up => Verdict::Different,
            None => {
                asked.waiting.push(stored.part.clone());
                Verdict::Unknown
            }
        }
    }
}

impl CoreProbe<Key> for Probe<'_> {
    #[inline(always)]
    fn compare(&mut self, stored: &Key) -> Verdict {
        if stored.tag != self.tag {
            return Verdict::Different;
        }
        let stored_parts = if self.single { Some(std::slice::from_ref(&stored.part)) } else { stored.part.parts() };
        let verdict = match stored_parts {
            Some(parts) if parts.len() == self.parts.len() => {
                let pairs = parts.iter().zip(self.parts);
                all_same(pairs.map(|(part, &sought)| self.rule.compare(part.word(), Word::of(sought))))
            }
            _ => Verdict::Different,
        };
        match verdict {
            Verdict::Unknown => self.remember(stored),
            verdict => verdict,
        }
    }
}

/// A probe for the hot path and keys of one part: it tells what can be told under the lock and remembers nothing.
pub(crate) struct QuickProbeOfOne<'a> {
    pub(crate) tag: Tag,
    pub(crate) rule: Rule,
    pub(crate) word: Word<'a>,
}

impl CoreProbe<Key> for QuickProbeOfOne<'_> {
    #[inline(always)]
    fn compare(&mut self, stored: &Key) -> Verdict {
        if stored.tag != self.tag {
            return Verdict::Different;
        }
        self.rule.compare(stored.part.word(), self.word)
    }
}

/// As [`QuickProbeOfOne`], for typed keys of several parts: an array of words, or a slice of them.
pub(crate) struct QuickProbe<Words> {
    pub(crate) tag: Tag,
    pub(crate) words: Words,
}

impl<'a, Words: AsRef<[Word<'a>]>> CoreProbe<Key> for QuickProbe<Words> {
    #[inline(always)]
    fn compare(&mut self, stored: &Key) -> Verdict {
        let words = self.words.as_ref();
        let Some(parts) = stored.part.parts() else { return Verdict::Different };
        if stored.tag != self.tag || parts.len() != words.len() {
            return Verdict::Different;
        }
        let mut all = Verdict::Same;
        for (part, &sought) in parts.iter().zip(words) {
            if part.word() != sought && !is_identity_of(part.word(), sought) {
                match other_words_same(part.word(), sought) {
                    Verdict::Same => {}
                    Verdict::Different => return Verdict::Different,
                    Verdict::Unknown => all = Verdict::Unknown,
                }
            }
        }
        all
    }
}

/// Whether what is stored is the identity of an object.
#[inline(always)]
fn is_identity_of(stored: Word<'_>, sought: Word<'_>) -> bool {
    match (stored.kind(), sought.kind()) {
        (Kind::Object(stored), Kind::Object(sought)) => {
            WeakIdentity::of_stored(stored).is_some_and(|identity| identity.referent() == sought.as_ptr())
        }
        _ => false,
    }
}

/// Whether words that are not equal are the same typed part.
#[inline(never)]
fn other_words_same(stored: Word<'_>, sought: Word<'_>) -> Verdict {
    Rule::Typed.compare_kinds(stored, sought)
}
