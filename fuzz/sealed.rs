//! Any bytes as an envelope: as they are, and with the checksum that makes them one.

use std::collections::HashSet;

use crate::codec::{Compression, Format, Glimpse, Key, Opened, Protection, Secrets, Unopened};

use xxhash_rust::xxh3::xxh3_64;

/// The bytes of a payload, of which more are not taken.
const MOST_BYTES: u32 = 1 << 16;
/// Up to the clock.
const STAMPED_BYTES: usize = 16;

const KEY: &[u8] = b"users\0user:7";

/// Panics if an envelope is opened that nobody can have made, or not as it says; otherwise the numbers of what the bytes show.
pub(crate) fn open_in_every_format(bytes: &[u8]) -> HashSet<u64> {
    let plain = format(Protection::Checksum);
    let secrets = || Secrets::new(&[[7; 32]]).unwrap_or_else(|error| panic!("{error}"));
    let mut features = HashSet::new();
    for (way, format) in
        [plain.clone(), format(Protection::Signed(secrets())), format(Protection::Encrypted(secrets()))]
            .iter()
            .enumerate()
    {
        let opened = format.open(KEY, bytes);
        assert!(opened.is_err() || way == 0, "nobody signed this: {opened:?}");
        features.extend(shown(way as u64, opened.as_ref()));
    }
    if let Some(envelope) = with_checksum(bytes) {
        let opened = plain.open(KEY, &envelope);
        assert!(!matches!(opened, Err(Unopened::Damaged)), "its checksum is right");
        if let Ok(opened) = &opened {
            check(&plain, opened, &envelope);
        }
        features.extend(shown(3, opened.as_ref()));
    }
    features
}

fn format(protection: Protection) -> Format {
    Format { protection, most_bytes: MOST_BYTES, compression: Compression::None, ..Format::default() }
}

/// The checksum as `docs/envelope.md` describes it.
fn with_checksum(bytes: &[u8]) -> Option<Vec<u8>> {
    let (head, rest) = bytes.split_at_checked(STAMPED_BYTES)?;
    let parts = [head, &xxh3_64(KEY).to_le_bytes(), &xxh3_64(rest).to_le_bytes()].concat();
    Some([bytes, &xxh3_64(&parts).to_le_bytes()].concat())
}

/// What is opened seals to the same bytes, or to what says the same if it was compressed.
fn check(format: &Format, opened: &Opened<'_>, envelope: &[u8]) {
    assert!(opened.payload.len() <= MOST_BYTES as usize);
    let seen = Glimpse { clock: opened.clock, created: opened.created, gone_at: opened.gone_at };
    assert_eq!(Glimpse::of(envelope), Some(seen));
    let key = Key { stored: KEY, whole: opened.key.as_deref() };
    let mut sealed = format.seal(key, &opened.header(), &opened.payload).unwrap_or_else(|error| panic!("{error}"));
    let again = sealed.stamp(opened.clock);
    let was_compressed = envelope[4] != 0;
    assert!(was_compressed || again == envelope, "sealed again it is {again:?}");
    assert_eq!(format.open(key, again).as_ref(), Ok(opened));
    assert!(format.open(b"users\0user:8", envelope).is_err(), "it is opened for another key");
}

fn shown(way: u64, opened: Result<&Opened<'_>, &Unopened>) -> Vec<u64> {
    let of_way =
        |kind: u64, amount: usize| way << 32 | kind << 16 | u64::from(amount.checked_ilog2().map_or(0, |log| log + 1));
    match opened {
        Ok(opened) => vec![
            of_way(0, opened.payload.len()),
            of_way(1, opened.tags.len()),
            of_way(2, opened.key.as_deref().map_or(0, <[u8]>::len)),
            of_way(3, opened.tags.iter().map(str::len).max().unwrap_or_default()),
        ],
        Err(Unopened::Undecodable(reason)) => vec![way << 32 | 4 << 16 | reason.len() as u64],
        Err(error) => vec![way << 32 | 5 << 16 | error.to_string().len() as u64],
    }
}
