//! Any bytes as a text that may be a duration, read by the core and by a model of it.

use std::collections::HashSet;
use std::time::Duration;

use crate::expiry::duration;

const UNITS: [(&str, u128); 7] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
];

/// The longest duration that there is.
const LONGEST: f64 = (1_u64 << 63) as f64;
/// How far a sum of floating-point numbers may be from the truth, as a part of it.
const TOLERANCE: f64 = 1e-9;

/// Panics if core and model differ; otherwise the numbers of what the text shows.
pub(crate) fn parse_beside_a_model(bytes: &[u8]) -> HashSet<u64> {
    let text = String::from_utf8_lossy(bytes);
    let parsed = duration::parse(&text);
    let expected = model(text.trim());
    match (&parsed, &expected) {
        (Ok(parsed), Some((nanos, _))) => assert!(is_near(*parsed, *nanos), "{text:?} is {parsed:?}, not {nanos} ns"),
        (Ok(parsed), None) => panic!("{text:?} is no duration, and was read as {parsed:?}"),
        (Err(error), Some((nanos, _))) => assert!(is_at_an_end(*nanos), "{text:?} is {nanos} ns, but: {error}"),
        (Err(error), None) => assert!(error.to_string().len() < 1_000, "a long complaint about {text:?}"),
    }
    let around = duration::parse(&format!(" \t{text}\n"));
    assert_eq!(around.is_ok(), parsed.is_ok(), "space around {text:?}");
    features(&parsed, expected.map(|(_, units)| units))
}

fn is_near(parsed: Duration, nanos: f64) -> bool {
    let difference = (parsed.as_nanos() as f64 - nanos).abs();
    !parsed.is_zero() && difference <= (nanos * TOLERANCE).max(1.0)
}

/// Whether a number of nanoseconds is none, or so near the longest that rounding decides.
fn is_at_an_end(nanos: f64) -> bool {
    nanos == 0.0 || nanos >= LONGEST * (1.0 - TOLERANCE)
}

/// The nanoseconds and the set of units of a text with the shape of a duration.
fn model(text: &str) -> Option<(f64, u64)> {
    let mut letters = text.chars().peekable();
    let (mut nanos, mut units) = (0.0, 0_u64);
    loop {
        let mut taken = |belongs: fn(char) -> bool| -> String {
            let word = std::iter::from_fn(|| letters.next_if(|&letter| belongs(letter))).collect();
            while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
            word
        };
        let number = taken(|letter| letter.is_ascii_digit() || letter == '.');
        let unit = taken(|letter| letter.is_ascii_alphabetic());
        let place = UNITS.iter().position(|(name, _)| *name == unit)?;
        let is_later = units >> place == 0;
        if !is_later || !is_number(&number) {
            return None;
        }
        units |= 1 << place;
        nanos += value(&number) * UNITS[place].1 as f64;
        if letters.peek().is_none() {
            return Some((nanos, units));
        }
    }
}

fn is_number(text: &str) -> bool {
    text.matches('.').count() <= 1 && text.chars().any(|letter| letter.is_ascii_digit())
}

/// The value of digits with a point among them.
fn value(number: &str) -> f64 {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digit = |letter: char| f64::from(letter.to_digit(10).unwrap_or_default());
    let whole = whole.chars().fold(0.0, |sum, letter| sum * 10.0 + digit(letter));
    whole + part.chars().rev().fold(0.0, |sum, letter| (sum + digit(letter)) / 10.0)
}

fn features(parsed: &Result<Duration, hotset::Error>, units: Option<u64>) -> HashSet<u64> {
    const ERROR: u64 = 1 << 32;
    match parsed {
        Ok(parsed) => [units.unwrap_or_default(), 1 << 40 | u64::from(parsed.as_nanos().ilog10())].into(),
        Err(hotset::Error::InvalidDuration { reason, .. }) => [ERROR | reason.len() as u64].into(),
        Err(error) => panic!("not an error about a duration: {error}"),
    }
}
