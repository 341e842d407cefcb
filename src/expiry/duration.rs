//! Durations as people write them: `"90s"`, `"1h30m"`, `"500ms"`, `"2d"`.

use std::time::Duration;

use crate::error::Error;

/// Nanoseconds of each unit, longest first.
const UNITS: [(&str, f64); 7] =
    [("w", 604_800e9), ("d", 86_400e9), ("h", 3_600e9), ("m", 60e9), ("s", 1e9), ("ms", 1e6), ("us", 1e3)];

/// Reads a duration: one or more numbers with a unit each, units from long to short, none twice.
///
/// # Errors
/// [`Error::InvalidDuration`] for anything else, for zero and for more than 292 years.
pub fn parse(text: &str) -> Result<Duration, Error> {
    let invalid = |reason| Error::InvalidDuration { text: shorten(text), reason };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(invalid("it is empty"));
    }
    let mut nanos = 0.0;
    let mut allowed = 0;
    while !rest.is_empty() {
        let (number, unit, after) = split(rest).map_err(invalid)?;
        let place =
            UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(|| invalid("units are w d h m s ms us"))?;
        if place < allowed {
            return Err(invalid("units go from long to short, each once"));
        }
        allowed = place + 1;
        nanos += number * UNITS[place].1;
        rest = after;
    }
    in_range(nanos).map_err(invalid)
}

/// A number of seconds as a duration.
///
/// # Errors
/// [`Error::InvalidDuration`] unless the number is more than zero and at most 292 years.
pub fn from_seconds(seconds: f64) -> Result<Duration, Error> {
    in_range(seconds * 1e9).map_err(|reason| Error::InvalidDuration { text: seconds.to_string(), reason })
}

fn in_range(nanos: f64) -> Result<Duration, &'static str> {
    if nanos.is_nan() || nanos <= 0.0 {
        Err("it has to be more than zero")
    } else if nanos > i64::MAX as f64 {
        Err("it is longer than 292 years; leave it out for no end")
    } else {
        Ok(Duration::from_nanos((nanos.round() as u64).max(1)))
    }
}

/// The number and the unit at the beginning, and what follows them.
fn split(text: &str) -> Result<(f64, &str, &str), &'static str> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number = text[..digits].parse().map_err(|_| "a number is missing")?;
    let behind = text[digits..].trim_start();
    let letters = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
    if letters == 0 {
        return Err("a unit is missing");
    }
    Ok((number, &behind[..letters], behind[letters..].trim_start()))
}

/// Enough of a text to recognise it.
fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_write() {
        for (text, millis) in [
            ("90s", 90_000),
            ("30m", 1_800_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("500ms", 500),
            (" 2d ", 172_800_000),
            ("1w", 604_800_000),
            ("1m500ms", 60_500),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_none() {
        for text in ["", "5 parsecs", "90", "s", "-1s", "30m1h", "1h1h", "0s", "1..5s", "9999999w", "1h30", "ten s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_a_duration_or_an_error(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn hours_minutes_and_seconds_add_up(h in 0_u64..1000, m in 0_u64..60, s in 1_u64..60) {
            prop_assert_eq!(parse(&format!("{h}h{m}m{s}s")), Ok(Duration::from_secs(h * 3600 + m * 60 + s)));
        }
    }
}
