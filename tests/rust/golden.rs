//! Envelopes as earlier releases wrote them: every later one reads them.
//!
//! `HOTSET_WRITE_GOLDEN=1` writes the files that are not there yet. A file that is there is never written again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use hotset::codec::{Compression, Format, Glimpse, Header, Key, Protection, Secrets};

const CLOCK: u64 = 42;
const SECRET: &[u8] = b"the secret of the golden files";
const LATER_SECRET: &[u8] = b"what is secret after that";
const SHORT: Key<'_> = Key { stored: b"users\0user:7", whole: None };
const LONG: Key<'_> = Key { stored: b"users\0digest", whole: Some(b"user:7, and so on for long") };

/// An envelope that is kept in a file.
struct Golden {
    name: &'static str,
    format: Format,
    key: Key<'static>,
    tags: &'static [&'static str],
    errors: u8,
    payload: Vec<u8>,
}

impl Golden {
    fn new(name: &'static str) -> Self {
        Self { name, format: Format::default(), key: SHORT, tags: &[], errors: 0, payload: b"Ann, 7".to_vec() }
    }

    fn compressed(name: &'static str, compression: Compression) -> Self {
        let format = Format { compression, ..Format::default() };
        Self { format, payload: b"Ann, 7; ".repeat(250), ..Self::new(name) }
    }

    fn protected(name: &'static str, protect: fn(Secrets) -> Protection) -> Self {
        let format = Format { protection: protect(Secrets::new(&[SECRET]).unwrap()), ..Format::default() };
        Self { format, tags: &["user:7"], ..Self::new(name) }
    }

    /// Whether the same is always sealed to the same bytes. A nonce is random, and what compresses may do it better one day.
    fn repeats(&self) -> bool {
        self.format.compression == Compression::None && !matches!(self.format.protection, Protection::Encrypted(_))
    }

    fn header(&self) -> Header {
        let tags = self.tags.iter().map(|&tag| tag.into()).collect();
        Header {
            created: 1_760_000_000_000,
            fresh_until: 1_760_000_060_000,
            gone_at: 1_760_000_360_000,
            load_nanos: 1_500_000,
            errors: self.errors,
            codec: 1,
            tags,
        }
    }

    fn sealed(&self) -> Vec<u8> {
        self.format.seal(self.key, &self.header(), &self.payload).unwrap().stamp(CLOCK).to_vec()
    }

    fn path(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rust/golden");
        folder.join(format!("envelope-1-{}.bin", self.name))
    }

    fn read(&self) -> Vec<u8> {
        if env::var_os("HOTSET_WRITE_GOLDEN").is_some() && !self.path().exists() {
            fs::write(self.path(), self.sealed()).unwrap();
        }
        fs::read(self.path()).unwrap()
    }
}

fn all() -> [Golden; 9] {
    [
        Golden::new("plain"),
        Golden { tags: &["user:7", "team:rød", ""], ..Golden::new("tags") },
        Golden { key: LONG, tags: &["user:7"], ..Golden::new("key") },
        Golden { payload: Vec::new(), ..Golden::new("empty") },
        Golden { errors: 3, ..Golden::compressed("error", Compression::Lz4) },
        Golden::compressed("zstd", Compression::Zstd { level: 3 }),
        Golden::compressed("lz4", Compression::Lz4),
        Golden::protected("signed", Protection::Signed),
        Golden::protected("encrypted", Protection::Encrypted),
    ]
}

#[test]
fn what_an_earlier_release_sealed_is_opened() {
    for golden in all() {
        let bytes = golden.read();
        let opened = golden.format.open(golden.key, &bytes).unwrap_or_else(|error| panic!("{}: {error}", golden.name));
        assert_eq!(opened.clock, CLOCK, "{}", golden.name);
        assert_eq!(opened.header(), golden.header(), "{}", golden.name);
        assert_eq!(*opened.payload, golden.payload, "{}", golden.name);
        assert_eq!(opened.key.as_deref(), golden.key.whole, "{}", golden.name);
        let (created, gone_at) = (opened.created, opened.gone_at);
        assert_eq!(Glimpse::of(&bytes), Some(Glimpse { clock: CLOCK, created, gone_at }), "{}", golden.name);
    }
}

#[test]
fn the_same_is_sealed_to_the_same_bytes() {
    for golden in all().iter().filter(|golden| golden.repeats()) {
        assert_eq!(golden.sealed(), golden.read(), "{}", golden.name);
    }
}

#[test]
fn sizes_are_what_they_were() {
    for golden in all().iter().filter(|golden| golden.format.compression == Compression::None) {
        assert_eq!(golden.sealed().len(), golden.read().len(), "{}", golden.name);
    }
    for golden in all().iter().filter(|golden| golden.format.compression != Compression::None) {
        assert!(golden.read().len() < golden.payload.len(), "{} is compressed", golden.name);
    }
}

#[test]
fn what_was_protected_is_opened_after_another_secret_was_put_first() {
    for golden in all().iter().filter(|golden| golden.format.protection != Protection::Checksum) {
        let secrets = Secrets::new(&[LATER_SECRET, SECRET]).unwrap();
        let protection = match golden.format.protection {
            Protection::Encrypted(_) => Protection::Encrypted(secrets),
            _ => Protection::Signed(secrets),
        };
        let format = Format { protection, ..Format::default() };
        assert!(format.open(golden.key, &golden.read()).is_ok(), "{}", golden.name);
    }
}
