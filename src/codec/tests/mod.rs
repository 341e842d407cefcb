//! Envelopes of every setting: what goes in comes out, and nothing else does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bombs;
mod damage;
mod protection;
mod round_trip;

use super::{Compression, Format, Header, Key, Opened, Protection, Secrets, Unopened};

const OLD: &[u8] = b"an old secret of some bytes";
const NEW: &[u8] = b"a new secret of some bytes";

const KEY: &[u8] = b"users\0user:7";
const CLOCK: u64 = 0x0102_0304_0506_0708;

fn secrets(all: &[&[u8]]) -> Secrets {
    Secrets::new(all).unwrap()
}

/// Formats of every protection with every compression, each tried from the first byte on.
fn formats() -> Vec<Format> {
    let protections =
        [Protection::Checksum, Protection::Signed(secrets(&[NEW])), Protection::Encrypted(secrets(&[NEW]))];
    let compressions = [Compression::None, Compression::Zstd { level: 3 }, Compression::Lz4];
    let pairs = protections
        .into_iter()
        .flat_map(|protection| compressions.map(|compression| (protection.clone(), compression)));
    pairs
        .map(|(protection, compression)| Format { compression, compress_from: 0, protection, ..Format::default() })
        .collect()
}

fn header(tags: &[&str]) -> Header {
    Header {
        created: 1_760_000_000_000,
        fresh_until: 1_760_000_060_000,
        gone_at: u64::MAX,
        load_nanos: 1_500_000,
        errors: 0,
        codec: 7,
        tags: tags.iter().map(|&tag| tag.into()).collect(),
    }
}

/// A payload that both compressions make smaller.
fn payload() -> Vec<u8> {
    b"the same again, ".repeat(6)
}

fn sealed(format: &Format, key: Key<'_>, header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut sealed = format.seal_into(Vec::new(), key, header, payload).unwrap();
    let stamped = sealed.stamp(CLOCK).to_vec();
    assert_eq!(stamped.len(), sealed.len());
    stamped
}

fn long_key(whole: &[u8]) -> Key<'_> {
    Key { stored: b"users\0digest", whole: Some(whole) }
}

/// An envelope with everything that there can be in one.
fn full(format: &Format) -> Vec<u8> {
    sealed(format, long_key(b"a key that is too long"), &header(&["user:7", ""]), &payload())
}

fn open_full<'a>(format: &Format, bytes: &'a [u8]) -> Result<Opened<'a>, Unopened> {
    format.open(long_key(b"a key that is too long"), bytes)
}

/// An envelope that says what it must not, as who has the means of its protection could make it.
fn made(format: &Format, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = sealed(format, KEY.into(), &header(&[]), &payload());
    bytes.truncate(bytes.len() - format.protection.room());
    change(&mut bytes);
    format.protection.finish(&mut bytes, KEY).unwrap().close(&mut bytes);
    bytes
}
