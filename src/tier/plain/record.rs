//! What a tier notes on a shelf besides entries: versions of marks, the clock, leases. Each is checked as entries are.

use xxhash_rust::xxh3::Xxh3;

use crate::codec::Millis;
use crate::tier::{Judgement, Mark, Number};

/// The key of the clock. No entry has such a key: what begins with a zero is of a namespace without a name, and goes on with a kind.
pub(super) const CLOCK: &[u8] = b"\0c";

const NUMBER: usize = size_of::<Number>();

/// What a note is of.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Note {
    Version = b'v',
    Lease = b'l',
}

/// The key of a note about a mark.
pub(super) fn key_of(note: Note, mark: Mark) -> [u8; 10] {
    let mut key = [0; 10];
    key[1] = note as u8;
    key[2..].copy_from_slice(&mark.bits().to_be_bytes());
    key
}

/// Whether a key is that of a note and of no entry.
pub(super) fn is_note(key: &[u8]) -> bool {
    key.first() == Some(&0)
}

/// Numbers as bytes, with a checksum over them and the key.
pub(super) fn written(key: &[u8], numbers: &[u64]) -> Vec<u8> {
    let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    bytes.extend(checksum(key, &bytes).to_le_bytes());
    bytes
}

/// The numbers that bytes are; `None` if they are not as they were written.
pub(super) fn read(key: &[u8], bytes: &[u8]) -> Option<Vec<u64>> {
    let (body, sum) = bytes.split_last_chunk::<NUMBER>()?;
    let (numbers, rest) = body.as_chunks::<NUMBER>();
    let intact = rest.is_empty() && u64::from_le_bytes(*sum) == checksum(key, body);
    intact.then(|| numbers.iter().map(|number| u64::from_le_bytes(*number)).collect())
}

fn checksum(key: &[u8], body: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(key);
    hash.update(body);
    hash.digest()
}

/// When something became stale: the number of the change, and its time.
type Stale = (Number, Millis);

/// The last changes of a mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Version {
    /// The last that made invalid what was there before.
    pub(super) invalid: Number,
    /// The last two that made it stale, since; numbers are 0 where there were none.
    stale: [Stale; 2],
}

impl Version {
    /// Of a mark of which nothing is known from before this number.
    pub(super) fn invalid(number: Number) -> Self {
        Self { invalid: number, ..Self::default() }
    }

    fn read(key: &[u8], bytes: &[u8]) -> Option<Self> {
        match read(key, bytes)?[..] {
            [invalid] => Some(Self::invalid(invalid)),
            [invalid, a, at_a, b, at_b] => Some(Self { invalid, stale: [(a, at_a), (b, at_b)] }),
            _ => None,
        }
    }

    pub(super) fn written(&self, key: &[u8]) -> Vec<u8> {
        let [(a, at_a), (b, at_b)] = self.stale;
        let numbers = [self.invalid, a, at_a, b, at_b];
        written(key, if b == 0 { &numbers[..1] } else { &numbers })
    }

    /// After a change that makes invalid what was there before.
    pub(super) fn and_invalid(self, number: Number) -> Self {
        let stale = self.stale.map(|(stale, at)| if stale > number { (stale, at) } else { (0, 0) });
        Self { invalid: self.invalid.max(number), stale }
    }

    /// Its last change.
    pub(super) fn last(&self) -> Number {
        self.invalid.max(self.stale[1].0)
    }

    /// After a change of this number that makes stale what was there before. Of three, the first two are taken for one at the time of
    /// the first: that is never too late.
    pub(super) fn and_stale(self, number: Number, at: Millis) -> Self {
        let [elder, newer] = self.stale;
        if number <= self.last() {
            return Self { stale: [elder, (newer.0.max(number), newer.1.min(at))], ..self };
        }
        let elder = match (elder.0, newer.0) {
            (0, _) => newer,
            _ => (newer.0, elder.1),
        };
        Self { stale: [elder, (number, at)], ..self }
    }

    /// How something stands that is valid from this clock.
    pub(super) fn judge(&self, clock: Number) -> Judgement {
        if self.invalid > clock {
            return Judgement::Invalid;
        }
        let since = self.stale.iter().filter(|(number, _)| *number > clock).map(|(_, at)| *at).min();
        since.map_or(Judgement::Valid, Judgement::Stale)
    }
}

/// What is known of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Its version.
    Version(Version),
    /// That no version is there.
    Nothing,
    /// Nothing: what is there is not as it was written.
    Damaged,
}

impl Known {
    pub(super) fn of(key: &[u8], bytes: Option<&[u8]>) -> Self {
        let Some(bytes) = bytes else { return Self::Nothing };
        Version::read(key, bytes).map_or(Self::Damaged, Self::Version)
    }

    pub(super) fn version(self) -> Option<Version> {
        if let Self::Version(version) = self { Some(version) } else { None }
    }
}
