//! What a shelf says of the versions of marks, and how they are raised.

use super::MOST_TRIES;
use super::record::{Known, Note, Version, key_of};
use super::shelf::{Life, Shelf, Stored};
use crate::tier::{Fault, Judgement, Mark, Number, Wait};

/// The version of a mark, as it was found.
struct Found {
    key: [u8; 10],
    bytes: Option<Vec<u8>>,
}

impl Found {
    fn known(&self) -> Known {
        Known::of(&self.key, self.bytes.as_deref())
    }
}

/// The versions of marks, that of a key before those of what it belongs to.
///
/// That of a key need not be there: it is of use only as long as loads may be in progress. One of the others that is gone, or damaged,
/// makes invalid what has the mark.
pub(super) struct Versions(Vec<Found>);

impl Versions {
    /// Reads them, and what is stored under some key too, if one is given.
    pub(super) fn read(
        shelf: &dyn Shelf,
        marks: &[Mark],
        also: Option<&[u8]>,
        wait: Wait,
    ) -> Result<(Self, Option<Vec<u8>>), Fault> {
        let keys: Vec<[u8; 10]> = marks.iter().map(|mark| key_of(Note::Version, *mark)).collect();
        let asked: Vec<&[u8]> = keys.iter().map(|key| &key[..]).chain(also).collect();
        let mut found = shelf.get_many(&asked, wait)?;
        let entry = if also.is_some() { found.pop().flatten() } else { None };
        let found = keys.into_iter().zip(found).map(|(key, bytes)| Found { key, bytes }).collect();
        Ok((Self(found), entry))
    }

    /// How something stands that has these marks and is valid from this clock.
    pub(super) fn judge(&self, clock: Number) -> Judgement {
        self.judgements(clock, Judgement::Invalid)
    }

    /// As [`Versions::judge`], of what is known: nothing is said by versions that are gone.
    pub(super) fn judge_known(&self, clock: Number) -> Judgement {
        self.judgements(clock, Judgement::Valid)
    }

    fn judgements(&self, clock: Number, of_gone: Judgement) -> Judgement {
        let mut whole = Judgement::Valid;
        for (place, found) in self.0.iter().enumerate() {
            let one = match found.known() {
                Known::Version(version) => version.judge(clock),
                Known::Nothing if place == 0 => Judgement::Valid,
                Known::Nothing | Known::Damaged => of_gone,
            };
            whole = match (whole, one) {
                (Judgement::Invalid, _) | (_, Judgement::Invalid) => return Judgement::Invalid,
                (Judgement::Stale(a), Judgement::Stale(b)) => Judgement::Stale(a.min(b)),
                (Judgement::Valid, other) | (other, Judgement::Valid) => other,
            };
        }
        whole
    }

    /// The number of the last change of any of them.
    pub(super) fn last(&self) -> Number {
        self.0.iter().filter_map(|found| found.known().version()).map(|version| version.last()).max().unwrap_or(0)
    }

    /// Those that have to be there and are not.
    fn gone(&self) -> impl Iterator<Item = &Found> {
        let is_gone = |place, found: &Found| match found.known() {
            Known::Version(_) => false,
            Known::Nothing => place > 0,
            Known::Damaged => true,
        };
        self.0.iter().enumerate().filter(move |(place, found)| is_gone(*place, found)).map(|(_, found)| found)
    }

    /// Whether one of those is gone that have to be there.
    pub(super) fn lack(&self) -> bool {
        self.gone().next().is_some()
    }

    /// Has those be there that are gone: what is valid from before this number is invalid.
    pub(super) fn complete(&self, shelf: &dyn Shelf, number: Number, wait: Wait) -> Result<(), Fault> {
        for found in self.gone() {
            let value = Version::invalid(number).written(&found.key);
            // Who was quicker has made it, by a change or as we do.
            shelf.replace(found.bytes.as_deref(), Stored { key: &found.key, value: &value, life: None }, wait)?;
        }
        Ok(())
    }
}

/// Raises the version of a mark; `raised` makes the new one of the present one, or nothing if it will do.
pub(super) fn raise(
    shelf: &dyn Shelf,
    mark: Mark,
    life: Life,
    raised: impl Fn(Known) -> Option<Version>,
    wait: Wait,
) -> Result<(), Fault> {
    let key = key_of(Note::Version, mark);
    for _ in 0..MOST_TRIES {
        let present = shelf.get(&key, wait)?;
        let Some(version) = raised(Known::of(&key, present.as_deref())) else { return Ok(()) };
        let value = version.written(&key);
        if shelf.replace(present.as_deref(), Stored { key: &key, value: &value, life }, wait)? {
            return Ok(());
        }
    }
    Err(Fault::Busy)
}

/// Has what was there before a change be invalid.
pub(super) fn invalidate(shelf: &dyn Shelf, mark: Mark, life: Life, number: Number, wait: Wait) -> Result<(), Fault> {
    let raised = |known| match known {
        Known::Version(version) => (version.invalid < number).then(|| version.and_invalid(number)),
        Known::Nothing | Known::Damaged => Some(Version::invalid(number)),
    };
    raise(shelf, mark, life, raised, wait)
}
