//! What is sealed is opened as it was.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use xxhash_rust::xxh3::xxh3_64;

use super::super::compress::keeps_a_compressor;
use super::super::{Glimpse, MOST_ERRORS};
use super::*;
use crate::error::Error;

/// Cases of each property; each tries every format.
const CASES: u32 = 48;

fn any_header() -> impl Strategy<Value = Header> {
    let tags = vec(".{0,12}", 0..5);
    let times = (any::<u64>(), any::<u64>(), any::<u64>());
    let (codec, errors) = (any::<u8>(), 0..=MOST_ERRORS);
    (times, any::<u64>(), errors, codec, tags).prop_map(|(times, load_nanos, errors, codec, tags)| {
        let (created, fresh_until, gone_at) = times;
        let tags = tags.into_iter().map(String::into_boxed_str).collect();
        Header { created, fresh_until, gone_at, load_nanos, errors, codec, tags }
    })
}

/// Bytes that can be made smaller, and such that cannot.
fn any_payload() -> impl Strategy<Value = Vec<u8>> {
    let repeated = (vec(any::<u8>(), 0..20), 0_usize..200).prop_map(|(part, times)| part.repeat(times));
    prop_oneof![vec(any::<u8>(), 0..300), repeated]
}

fn any_key() -> impl Strategy<Value = (Vec<u8>, Option<Vec<u8>>)> {
    (vec(any::<u8>(), 0..40), proptest::option::of(vec(any::<u8>(), 1..700)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn what_goes_in_comes_out(
        header in any_header(), payload in any_payload(), key in any_key(), clock: u64, other_clock: u64
    ) {
        let key = Key { stored: &key.0, whole: key.1.as_deref() };
        for format in formats() {
            let mut sealed = format.seal(key, &header, &payload).unwrap();
            for clock in [clock, other_clock] {
                let bytes = sealed.stamp(clock);
                let opened = format.open(key, bytes).unwrap();
                prop_assert_eq!(opened.clock, clock);
                prop_assert_eq!(opened.header(), header.clone());
                prop_assert_eq!(opened.tags.len(), header.tags.len());
                prop_assert_eq!(&*opened.payload, &payload);
                prop_assert_eq!(opened.key.as_deref(), key.whole);
                let seen = Glimpse { clock, created: header.created, gone_at: header.gone_at };
                prop_assert_eq!(Glimpse::of(bytes), Some(seen));
            }
        }
    }

    #[test]
    fn any_bytes_give_an_error(bytes in vec(any::<u8>(), 0..300), cut: Index) {
        for format in formats() {
            prop_assert!(format.open(KEY, &bytes).is_err());
            let whole = full(&format);
            let mut begun = whole[..cut.index(whole.len())].to_vec();
            begun.extend_from_slice(&bytes);
            prop_assert_eq!(open_full(&format, &begun).is_ok(), begun == whole);
            let _ = Glimpse::of(&begun);
        }
    }
}

#[test]
fn a_payload_is_compressed_only_from_a_size_on_and_only_if_it_gets_smaller() {
    let noise: Vec<u8> = (0..5_000_u32).map(|number| xxh3_64(&number.to_le_bytes()) as u8).collect();
    for compression in [Compression::Zstd { level: 1 }, Compression::Lz4] {
        let format = Format { compression, ..Format::default() };
        let length = |payload: &[u8]| format.seal(KEY, &header(&[]), payload).unwrap().len();
        let empty = length(b"");
        assert_eq!(length(&[7; 1023]), empty + 1023, "{compression:?}");
        assert!(length(&[7; 1024]) < empty + 100, "{compression:?}");
        assert_eq!(length(&noise[..]), empty + noise.len(), "{compression:?}");
    }
}

#[test]
fn every_level_of_zstd_is_taken() {
    for level in [i32::MIN, -5, 0, 1, 22, i32::MAX] {
        let format = Format { compression: Compression::Zstd { level }, ..Format::default() };
        let payload = payload().repeat(100);
        let mut sealed = format.seal(KEY, &header(&[]), &payload).unwrap();
        assert!(sealed.len() < payload.len() || level == i32::MIN, "level {level}");
        assert_eq!(&*format.open(KEY, sealed.stamp(1)).unwrap().payload, payload);
    }
}

#[test]
fn a_compressor_is_kept_unless_it_takes_much_memory() {
    for (level, is_kept) in [(1, true), (19, false), (1, true)] {
        let format = Format { compression: Compression::Zstd { level }, ..Format::default() };
        format.seal(KEY, &header(&[]), &payload().repeat(10_000)).unwrap();
        assert_eq!(keeps_a_compressor(), is_kept, "level {level}");
    }
}

#[test]
fn what_is_compressed_is_opened_without_a_compression() {
    for format in formats() {
        let bytes = full(&format);
        let plain = Format { compression: Compression::None, ..format };
        assert_eq!(&*open_full(&plain, &bytes).unwrap().payload, payload());
    }
}

#[test]
fn memory_that_is_there_is_used_again() {
    for format in formats() {
        let first = format.seal(KEY, &header(&["a tag"]), &[1; 3_000]).unwrap().into_bytes();
        let mut sealed = format.seal_into(first, KEY, &header(&[]), b"short").unwrap();
        assert_eq!(&*format.open(KEY, sealed.stamp(2)).unwrap().payload, b"short");
    }
}

#[test]
fn an_envelope_that_was_not_stamped_is_not_opened() {
    for format in formats() {
        let bytes = format.seal(KEY, &header(&[]), b"payload").unwrap().into_bytes();
        assert!(format.open(KEY, &bytes).is_err());
    }
}

#[test]
fn what_could_not_be_opened_is_not_sealed() {
    let format = Format { most_bytes: 10, ..Format::default() };
    assert!(format.seal(KEY, &header(&[]), &[0; 10]).is_ok());
    let refused =
        |format: &Format, tags: &[&str], payload: &[u8]| format.seal(KEY, &header(tags), payload).unwrap_err();
    let too_large = |what, size, most| Error::TooLarge { what, size, most };
    assert_eq!(refused(&format, &[], &[0; 11]), too_large("bytes of the encoded value", 11, 10));
    let tags = vec!["a"; 65_536];
    assert_eq!(refused(&format, &tags, b""), too_large("tags", 65_536, 65_535));
    let tag = "a".repeat(65_536);
    assert_eq!(refused(&format, &[&tag], b""), too_large("bytes of a tag", 65_536, 65_535));
}

#[test]
fn a_payload_that_is_larger_than_what_is_taken_is_not_opened() {
    for format in formats() {
        let bytes = full(&format);
        let strict = Format { most_bytes: 95, ..format };
        assert_eq!(open_full(&strict, &bytes).unwrap_err(), Unopened::TooLarge { bytes: 96, most: 95 });
    }
}
