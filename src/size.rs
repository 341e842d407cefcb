//! Amounts of memory as people write them: `"256MB"`, `"256MiB"`, `"1.5GB"`, `"512 kB"`.

use crate::error::Error;

/// The most bytes that can be asked for.
const MOST: f64 = (1_u64 << 62) as f64;

/// Bytes of each unit, whatever its case.
const UNITS: [(&str, f64); 9] = [
    ("B", 1.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
];

/// Reads an amount of memory, in bytes: a number and a unit. Units with an `i` are powers of 1024, others of 1000.
///
/// # Errors
/// [`Error::InvalidSize`] for anything else, and for more than 2^62 bytes.
pub fn parse(text: &str) -> Result<u64, Error> {
    let invalid = |reason| Error::InvalidSize { text: text.chars().take(60).collect(), reason };
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = (&trimmed[..digits], trimmed[digits..].trim_start());
    let number: f64 = number.parse().map_err(|_| invalid("a number is missing"))?;
    let bytes = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, bytes)| number * bytes);
    match bytes {
        None => Err(invalid("units are B kB MB GB TB KiB MiB GiB TiB")),
        Some(bytes) if bytes > MOST => Err(invalid("it is more than 2**62 bytes")),
        Some(bytes) => Ok(bytes as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_write() {
        for (text, bytes) in [
            ("256MB", 256_000_000),
            ("256MiB", 256 << 20),
            ("1.5GB", 1_500_000_000),
            ("512 kB", 512_000),
            ("512 KB", 512_000),
            ("512kib", 512 << 10),
            ("  1 tib\n", 1 << 40),
            ("4TB", 4_000_000_000_000),
            ("100 b", 100),
            ("0.5KiB", 512),
            ("0B", 0),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_none() {
        for text in [
            "",
            "256",
            "MB",
            "-1MB",
            "256M",
            "1..5GB",
            "1.5.GB",
            "1e3MB",
            "2 parsecs",
            "1GB 5MB",
            "9999999TB",
            "infMB",
            ".",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_an_amount_or_an_error(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn any_number_with_any_unit_is_at_most_what_there_can_be(text in "[0-9]{1,400}\\.?[0-9]{0,40} ?[kKmMgGtT]?[iI]?[bB]") {
            prop_assert!(parse(&text).map_or(true, |bytes| bytes <= 1 << 62));
        }

        #[test]
        fn a_whole_number_of_a_unit_is_exact(number in 0_u64..4_000, unit in 0_usize..9) {
            let (name, bytes) = UNITS[unit];
            prop_assert_eq!(parse(&format!("{number}{name}")), Ok(number * bytes as u64));
        }
    }
}
