//! An envelope that is not as it was made gives an error, never a value.

use super::super::Glimpse;
use super::super::layout::HEAD_BYTES;
use super::*;

#[test]
fn every_change_of_a_byte_is_an_error() {
    for format in formats() {
        let mut bytes = full(&format);
        for place in 0..bytes.len() {
            for change in [0x01, 0x80, 0xFF] {
                bytes[place] ^= change;
                assert!(open_full(&format, &bytes).is_err(), "{change:#x} at {place} by {format:?}");
                bytes[place] ^= change;
            }
        }
        assert!(open_full(&format, &bytes).is_ok());
    }
}

#[test]
fn every_other_byte_at_every_place_is_an_error() {
    let format = Format::default();
    let mut bytes = sealed(&format, KEY.into(), &header(&["user:7"]), b"a short payload");
    for place in 0..bytes.len() {
        for change in 1..=0xFF {
            bytes[place] ^= change;
            assert!(format.open(KEY, &bytes).is_err(), "{change:#x} at {place}");
            bytes[place] ^= change;
        }
    }
}

#[test]
fn every_truncation_and_every_addition_is_an_error() {
    for format in formats() {
        let bytes = full(&format);
        for length in 0..bytes.len() {
            assert!(open_full(&format, &bytes[..length]).is_err(), "the first {length} bytes by {format:?}");
            assert!(open_full(&format, &bytes[bytes.len() - length..]).is_err(), "the last {length} by {format:?}");
        }
        for more in [&b"\0"[..], b"\xFF", &bytes] {
            assert!(open_full(&format, &[&bytes, more].concat()).is_err(), "{} bytes more", more.len());
        }
    }
}

#[test]
fn an_envelope_is_opened_for_no_other_key_and_no_other_namespace() {
    for format in formats() {
        let bytes = sealed(&format, KEY.into(), &header(&[]), &payload());
        let expected = if format.protection == Protection::Checksum { Unopened::Damaged } else { Unopened::Forged };
        for other in [&b"users\0user:8"[..], b"admin\0user:7", b"users\0user:", b"users\0user:77", b""] {
            assert_eq!(format.open(other, &bytes), Err(expected), "{format:?}");
        }
    }
}

#[test]
fn another_key_of_the_same_digest_is_a_miss() {
    for format in formats() {
        let bytes = full(&format);
        assert_eq!(format.open(long_key(b"another key"), &bytes), Err(Unopened::OtherKey));
        let opened = format.open(long_key(b"").stored, &bytes).unwrap();
        assert_eq!(opened.key.as_deref(), Some(&b"a key that is too long"[..]), "who lists keys finds it");
        let without = sealed(&format, long_key(b"").stored.into(), &header(&[]), b"");
        assert_eq!(open_full(&format, &without), Err(Unopened::OtherKey));
    }
}

#[test]
fn the_clock_of_another_envelope_is_an_error() {
    for format in formats() {
        let mut envelope = format.seal(KEY, &header(&[]), &payload()).unwrap();
        let (old, new) = (envelope.stamp(5).to_vec(), envelope.stamp(6).to_vec());
        let replayed = [&old[..8], &new[8..16], &old[16..]].concat();
        assert!(format.open(KEY, &replayed).is_err());
        assert_eq!(format.open(KEY, &old).unwrap().clock, 5);
        assert_eq!(format.open(KEY, &new).unwrap().clock, 6);
    }
}

#[test]
fn an_error_says_what_is_wrong() {
    let format = Format::default();
    let bytes = full(&format);
    let with = |place: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[place] = byte;
        open_full(&format, &bytes).unwrap_err()
    };
    assert_eq!(with(0, 0), Unopened::NoEnvelope);
    assert_eq!(with(2, 2), Unopened::UnknownVersion(2));
    assert_eq!(with(3, 1), Unopened::UnknownSecret);
    assert_eq!(with(3, 2), Unopened::UnknownSecret);
    assert_eq!(with(3, 3), Unopened::Undecodable("its protection is not known"));
    assert_eq!(with(100, 0), Unopened::Damaged);
    assert_eq!(open_full(&format, b""), Err(Unopened::NoEnvelope));
    assert_eq!(open_full(&format, &bytes[..2]), Err(Unopened::NoEnvelope));
    assert_eq!(open_full(&format, &bytes[..HEAD_BYTES]), Err(Unopened::Undecodable("it is cut off")));
}

#[test]
fn what_says_what_cannot_be_is_undecodable() {
    let head_without = |range: std::ops::Range<usize>| {
        move |bytes: &mut Vec<u8>| {
            bytes[range].fill(0xFF);
        }
    };
    for format in formats().into_iter().filter(|format| matches!(format.protection, Protection::Checksum)) {
        for range in [4..5, 6..8, 48..52, 52..56] {
            let bytes = made(&format, head_without(range.clone()));
            let error = format.open(KEY, &bytes).unwrap_err();
            let is_told = matches!(error, Unopened::Undecodable(_) | Unopened::TooLarge { .. });
            assert!(is_told, "{error} for 0xFF at {range:?} by {format:?}");
        }
    }
    let with_a_tag = |tag: &'static [u8]| {
        made(&Format::default(), move |bytes| {
            bytes[6] = 1;
            bytes.splice(HEAD_BYTES..HEAD_BYTES, [&[tag.len() as u8, 0], tag].concat());
        })
    };
    let open = |bytes: &[u8]| Format::default().open(KEY, bytes).map(|opened| opened.header().tags);
    assert_eq!(open(&with_a_tag(b"tag")), Ok(vec!["tag".into()]));
    assert!(matches!(open(&with_a_tag(b"\xFF")), Err(Unopened::Undecodable(_))), "a tag is text");
}

#[test]
fn a_glimpse_is_of_known_versions_only() {
    let bytes = full(&Format::default());
    assert_eq!(Glimpse::of(&bytes).map(|seen| seen.clock), Some(CLOCK));
    assert!(Glimpse::of(&bytes[..HEAD_BYTES]).is_some(), "it is not checked");
    assert_eq!(Glimpse::of(&bytes[..HEAD_BYTES - 1]), None);
    let later = [&bytes[..2], &[2], &bytes[3..]].concat();
    assert_eq!(Glimpse::of(&later), None);
    assert_eq!(Glimpse::of(b""), None);
}
