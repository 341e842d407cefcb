//! Any bytes as a program: one record of fixed width for the memory, one for each step, so that a record more or less
//! changes nothing about the others.

use super::{Config, Program, Step, Verb, When, Writing};
use crate::clock::{NEVER, Tick};
use crate::expiry::Lifespan;
use crate::memory::Owner;
use crate::policy::NAMES;

/// Bytes in a record.
pub(crate) const WIDTH: usize = 6;
/// What lies behind these many steps is not run: together they do not advance the clock beyond its end.
pub(crate) const MOST_STEPS: usize = 400;
/// Keys that there are.
pub(crate) const KEYS: u8 = 40;
/// Owners that a key can have; not all of them are known to the memory from the start.
pub(crate) const OWNERS: u32 = 4;

pub(crate) type Record = [u8; WIDTH];

const LENGTHS: [Tick; 16] = [
    NEVER,
    NEVER,
    NEVER,
    NEVER,
    1,
    40,
    700,
    1_024,
    9_999,
    10_000,
    70_000,
    1 << 20,
    1 << 26,
    1 << 33,
    1 << 40,
    NEVER - 1,
];
const ADVANCES: [Tick; 12] = [1, 2, 39, 650, 1_023, 1_024, 9_000, 66_000, 1 << 20, 1 << 26, 1 << 33, 1 << 39];
const ENTRY_BOUNDS: [u64; 8] = [u64::MAX, u64::MAX, 0, 1, 2, 5, 12, 30];
const WEIGHT_BOUNDS: [u64; 8] = [u64::MAX, u64::MAX, u64::MAX, u64::MAX, 0, 3, 20, 60];
const WEIGHTS: [u64; 8] = [1, 1, 1, 0, 2, 5, 19, 61];

impl Program {
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let (records, _) = bytes.as_chunks::<WIDTH>();
        let mut records = records.iter();
        let config = Config::decode(records.next().copied().unwrap_or_default());
        Self { config, steps: records.take(MOST_STEPS).copied().map(Step::decode).collect() }
    }
}

impl Config {
    pub(crate) fn decode([policy, shards, entries, weight, jitter, _]: Record) -> Self {
        Self {
            policy: choose(NAMES, policy),
            shards: choose(&[1, 4], shards),
            max_entries: choose(&ENTRY_BOUNDS, entries),
            max_weight: choose(&WEIGHT_BOUNDS, weight),
            jitter: choose(&[0.0, 0.0, 0.5, 1.0], jitter),
        }
    }
}

impl Step {
    pub(crate) fn decode(record: Record) -> Self {
        let [code, key, first, second, third, _] = record;
        let on_key = |verb| Self::OnKey { key: key % KEYS, doubts: (key / KEYS) % 4, verb };
        match code % 64 {
            0..28 => on_key(Verb::Write(Writing::decode(record))),
            28..40 => on_key(Verb::Read),
            40..44 => on_key(Verb::Remove),
            44..47 => on_key(Verb::Touch(lifespan(first, second))),
            47 => on_key(Verb::Tend),
            48 => on_key(Verb::CountLoad { nanos: first.into(), failed: second % 2 == 1 }),
            49 => on_key(Verb::CountRefused),
            50..56 => Self::Advance(choose(&ADVANCES, first) + Tick::from(second)),
            56 => Self::Sweep,
            57 => Self::PopVictim,
            58 => Self::Clear,
            59 => Self::ClearOwner(Owner::from(first) % OWNERS),
            60 => {
                Self::Resize { max_entries: choose(&ENTRY_BOUNDS, first), max_weight: choose(&WEIGHT_BOUNDS, second) }
            }
            61 => Self::Enable(third % 4 != 0),
            62 if second % 2 == 0 => Self::AddOwner,
            // The one of those known from the start whose entries are listed.
            62 => Self::ReplaceOwner(1 + 2 * (Owner::from(first) % (OWNERS / 2))),
            _ => Self::ResetOwner(Owner::from(first) % OWNERS),
        }
    }
}

impl Writing {
    fn decode([_, _, first, second, third, fourth]: Record) -> Self {
        let when = match third % 8 {
            0..5 => When::Always,
            5 => When::Absent,
            6 => When::Present,
            _ => When::Holds(fourth % 2),
        };
        let tags = if fourth >= 192 { fourth % 4 } else { 0 };
        Self { content: fourth % 2, weight: choose(&WEIGHTS, third / 8), lifespan: lifespan(first, second), tags, when }
    }
}

/// How long something lives; only a quarter of all lives end when they are not read.
fn lifespan(ttl: u8, idle: u8) -> Lifespan {
    Lifespan {
        ttl: choose(&LENGTHS, ttl),
        idle: if idle >= 192 { choose(&LENGTHS, idle) } else { NEVER },
        ..Lifespan::FOREVER
    }
}

fn choose<T: Copy>(choices: &[T], byte: u8) -> T {
    choices[usize::from(byte) % choices.len()]
}
