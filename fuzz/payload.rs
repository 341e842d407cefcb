//! Any bytes as a payload of the format of values: read to the end, and written anew.

use std::collections::HashSet;

use crate::codec::value::{Census, Damage, MOST_LEVELS_READ, Reader, Token, VERSION, Writer, walk};

/// Panics if what is read cannot be; otherwise the numbers of what the bytes show.
pub(crate) fn walk_and_write_anew(bytes: &[u8]) -> HashSet<u64> {
    let versioned: Vec<u8> = [VERSION].iter().chain(bytes).copied().collect();
    let plain = checked(bytes);
    let behind_version = checked(&versioned);
    features(0, &plain).into_iter().chain(features(1, &behind_version)).collect()
}

fn checked(bytes: &[u8]) -> Result<Census, Damage> {
    let census = walk(bytes);
    match census {
        Ok(census) => {
            assert!(census.nodes < bytes.len(), "a node has one byte at least");
            assert!(census.levels <= MOST_LEVELS_READ);
            let anew = written_anew(bytes);
            assert_eq!(walk(&anew), Ok(census), "what is written anew is the same");
            assert_eq!(written_anew(&anew), anew, "there is one way to write it");
            for end in [0, bytes.len() / 2, bytes.len() - 1] {
                assert!(walk(&bytes[..end]).is_err(), "a part is no payload");
            }
        }
        Err(damage) => assert!(!damage.to_string().is_empty()),
    }
    census
}

/// The same nodes, each written as the writer does.
fn written_anew(bytes: &[u8]) -> Vec<u8> {
    let mut anew = Vec::new();
    let mut out = Writer::new(&mut anew);
    let Ok(mut reader) = Reader::new(bytes) else { return anew };
    let mut classes = 0;
    while reader.end().is_err() {
        let Ok(token) = reader.token() else { break };
        let (Token::Object(number) | Token::Partial(number, _)) = token else {
            write(&mut out, token);
            continue;
        };
        let new = (number == classes).then(|| reader.class(number));
        classes += usize::from(new.is_some());
        match token {
            Token::Partial(_, count) => out.partial(number, new, count),
            _ => out.object(number, new),
        }
    }
    anew
}

fn write(out: &mut Writer<'_>, token: Token<'_>) {
    match token {
        Token::Nothing => out.nothing(),
        Token::Bool(value) => out.bool(value),
        Token::Int(value) => out.int(value),
        Token::BigInt(bytes) => out.big_int(bytes),
        Token::Float(value) => out.float(value),
        Token::Text(text) => out.text(text.as_bytes()),
        Token::CodePoints(bytes) => {
            out.code_points(bytes.as_chunks().0.iter().map(|&four| u32::from_le_bytes(four)));
        }
        Token::Name(text) => out.name(text.as_bytes()),
        Token::Named(number) => out.named(number),
        Token::Bytes(bytes) => out.bytes(bytes),
        Token::ByteArray(bytes) => out.byte_array(bytes),
        Token::Block(bytes) => out.block(bytes),
        Token::List(count) => out.list(count),
        Token::Tuple(count) => out.tuple(count),
        Token::Dict(count) => out.dict(count),
        Token::Set(count) => out.set(count),
        Token::FrozenSet(count) => out.frozen_set(count),
        Token::Special(kind) => out.special(kind),
        Token::Mark(_) => out.mark(),
        Token::Reference(number) => out.reference(number),
        Token::Day(day) => out.day(day),
        Token::Moment(day, clock) => out.moment(day, clock),
        Token::Clock(clock) => out.clock(clock),
        Token::Span(span) => out.span(span),
        Token::Utc => out.utc(),
        Token::Object(_) | Token::Partial(..) => {}
    }
}

fn features(way: u64, census: &Result<Census, Damage>) -> Vec<u64> {
    let of_way =
        |kind: u64, amount: u64| way << 32 | kind << 16 | u64::from(amount.checked_ilog2().map_or(0, |log| log + 1));
    match census {
        Ok(census) => vec![
            of_way(0, census.nodes as u64),
            of_way(1, census.levels as u64),
            of_way(2, census.references as u64),
            of_way(3, census.objects as u64),
        ],
        Err(damage) => vec![of_way(4, 1 << (damage.to_string().len() % 60))],
    }
}
