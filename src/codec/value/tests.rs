#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;

use super::class::{Class, Kind};
use super::*;

fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut Writer::new(&mut bytes));
    bytes
}

/// The only token of a payload.
fn token(bytes: &[u8]) -> Token<'_> {
    let mut reader = Reader::new(bytes).unwrap();
    let token = reader.token().unwrap();
    reader.end().unwrap();
    token
}

const POINT: Class<'_> = Class { name: "m:Point", kind: Kind::Fields, fields: Vec::new() };

#[test]
fn small_numbers_take_one_byte_and_others_as_few_as_they_need() {
    for (value, bytes) in [(0, 1), (63, 1), (64, 2), (-1, 2), (-128, 2), (128, 3), (40_000, 5), (1 << 40, 9)] {
        let payload = written(|out| out.int(value));
        assert_eq!((token(&payload), payload.len()), (Token::Int(value), 1 + bytes));
    }
}

#[test]
fn names_are_written_once() {
    let payload = written(|out| {
        out.list(3);
        out.name(b"id");
        out.named(0);
        out.name("ü".repeat(40).as_bytes());
    });
    let mut reader = Reader::new(&payload).unwrap();
    let tokens: Vec<_> = (0..4).map(|_| reader.token().unwrap()).collect();
    assert_eq!(
        tokens,
        [Token::List(3), Token::Name("id".into()), Token::Named(0), Token::Name("ü".repeat(40).as_str().into())]
    );
}

#[test]
fn a_class_is_written_once() {
    let class = Class { fields: vec!["x", "y"], ..POINT };
    let payload = written(|out| {
        out.list(2);
        out.object(0, Some(&class));
        out.int(1);
        out.int(2);
        out.partial(0, None, 1);
        out.text(b"x");
        out.nothing();
    });
    assert_eq!(walk(&payload), Ok(Census { nodes: 7, levels: 3, references: 0, objects: 2 }));
    let mut reader = Reader::new(&payload).unwrap();
    reader.token().unwrap();
    assert_eq!(reader.token(), Ok(Token::Object(0)));
    assert_eq!(reader.class(0), &class);
}

#[test]
fn blocks_lie_at_multiples_of_sixteen() {
    for length in 0..40 {
        let payload = written(|out| {
            out.list(2);
            out.text(&vec![b'a'; length]);
            out.block(&[7; 5]);
        });
        assert_eq!((payload.len() - 5) % BLOCK_BYTES, 0);
        assert!(walk(&payload).is_ok());
    }
}

#[test]
fn the_root_is_referred_to_only_where_the_version_says_so() {
    let payload = written(|out| {
        out.list(1);
        out.reference(0);
    });
    assert_eq!(payload, [0x81, 0xC1, 0xFA, 0]);
    assert_eq!(walk(&payload).map(|census| census.references), Ok(1));
    assert_eq!(walk(&[1, 0xC1, 0xFA, 0]), Err(Damage::Reference(0)));
}

#[test]
fn what_is_wrong_is_told() {
    let cases: [(&[u8], Damage); 14] = [
        (&[], Damage::Truncated),
        (&[2, 0], Damage::Version(2)),
        (&[1], Damage::Truncated),
        (&[1, 0, 0], Damage::Excess(1)),
        (&[1, 0xE9], Damage::Tag(0xE9)),
        (&[1, 0x42, b'a'], Damage::Truncated),
        (&[1, 0x41, 0xFF], Damage::Text),
        (&[1, 0xA0], Damage::Reference(0)),
        (&[1, 0xFA, 5], Damage::Reference(5)),
        (&[1, 0xF1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], Damage::Truncated),
        (&[1, 0xF1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], Damage::Count),
        (&[1, 0xF9, 0xF9, 0xC0], Damage::Mark),
        (&[1, 0xF6, 1], Damage::Reference(1)),
        (&[1, 0xF6, 0, 1, b'C', 9, 0], Damage::Class),
    ];
    for (bytes, damage) in cases {
        assert_eq!(walk(bytes), Err(damage), "{bytes:02x?}");
    }
}

#[test]
fn values_that_are_too_deep_are_refused_before_the_stack_ends() {
    let mut payload = vec![1];
    payload.extend(vec![0xC1; 1_000_000]);
    payload.push(0);
    assert_eq!(walk(&payload), Err(Damage::Depth));
}

#[test]
fn times_come_back_as_they_were() {
    let day = Day { year: 9999, month: 12, day: 31 };
    let clock = Clock { hour: 23, minute: 59, second: 58, micro: 999_999, fold: true };
    let span = Span { days: -999_999_999, seconds: 86_399, micros: 999_999 };
    assert_eq!(token(&written(|out| out.day(day))), Token::Day(day));
    assert_eq!(token(&written(|out| out.clock(clock))), Token::Clock(clock));
    assert_eq!(token(&written(|out| out.moment(day, clock))), Token::Moment(day, clock));
    assert_eq!(token(&written(|out| out.span(span))), Token::Span(span));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn numbers_texts_and_bytes_come_back(int: i64, bits: u64, text: String, bytes: Vec<u8>) {
        let float = f64::from_bits(bits);
        match token(&written(|out| out.float(float))) {
            Token::Float(read) => prop_assert_eq!(read.to_bits(), bits),
            other => prop_assert!(false, "{:?}", other),
        }
        let payloads = [
            (written(|out| out.int(int)), Token::Int(int)),
            (written(|out| out.text(text.as_bytes())), Token::Text(text.as_str().into())),
            (written(|out| out.name(text.as_bytes())), Token::Name(text.as_str().into())),
            (written(|out| out.bytes(&bytes)), Token::Bytes(&bytes)),
            (written(|out| out.byte_array(&bytes)), Token::ByteArray(&bytes)),
            (written(|out| out.block(&bytes)), Token::Block(&bytes)),
            (written(|out| out.big_int(&bytes)), Token::BigInt(&bytes)),
        ];
        for (payload, expected) in &payloads {
            prop_assert_eq!(token(payload), *expected);
        }
    }

    #[test]
    fn any_bytes_are_a_payload_or_damaged(mut bytes: Vec<u8>) {
        bytes.insert(0, VERSION);
        let _ = walk(&bytes);
    }
}

#[test]
fn stored_payloads_of_all_versions_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let values = files.filter(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("value-")));
    let read: Vec<_> = values.map(|file| walk(&std::fs::read(&file).unwrap()).unwrap()).collect();
    assert!(read.len() >= 8 && read.iter().any(|census| census.references > 0), "{read:?}");
}
