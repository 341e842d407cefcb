//! Any bytes as a trace of requests, read in every format.

use std::collections::{HashMap, HashSet};

use crate::progress::Progress;
use crate::trace::{Column, FORMATS, Format, Options, Trace, read};

/// Requests that are read where not all are.
const LIMIT: usize = 3;

/// Panics if what is read cannot be; otherwise the numbers of what the bytes show.
pub(crate) fn read_in_every_format(bytes: &[u8]) -> HashSet<u64> {
    let column = Some(Column::Numbered(2));
    let said = FORMATS.iter().map(|&format| Options { format: Some(format), ..Options::default() });
    let ways = said.chain([Options::default(), Options { column, ..Options::default() }]);
    ways.enumerate().flat_map(|(number, options)| features(number as u64, checked(bytes, &options))).collect()
}

fn checked(bytes: &[u8], options: &Options) -> Result<Trace, hotset::Error> {
    let progress = Progress::default();
    let trace = read(bytes, options, &progress);
    match &trace {
        Ok(trace) => {
            assert_eq!(numbers(trace.keys.iter()), trace.keys, "keys are numbered as they come");
            assert_eq!(trace.keys.iter().max().map_or(0, |&key| key as usize + 1), trace.unique);
            assert_eq!(progress.done(), bytes.len() as u64, "all is read");
            let first = Options { limit: Some(LIMIT), ..options.clone() };
            let fewer = read(bytes, &first, &progress).map_or_else(|error| panic!("{error}"), |trace| trace.keys);
            assert_eq!(fewer, trace.keys[..trace.keys.len().min(LIMIT)]);
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
    if options.format == Some(Format::Keys)
        && bytes.is_ascii()
        && !bytes.starts_with(b"BZh")
        && !bytes.starts_with(b"PK")
    {
        let lines = bytes.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let expected = numbers(lines.filter(|line| !line.trim_ascii().is_empty()));
        assert_eq!(trace.as_ref().map_or(&[][..], |trace| &trace.keys), expected);
    }
    trace
}

/// Each thing by when it first came.
fn numbers<T: std::hash::Hash + Eq>(things: impl Iterator<Item = T>) -> Vec<u32> {
    let mut known = HashMap::new();
    things
        .map(|thing| {
            let next = known.len() as u32;
            *known.entry(thing).or_insert(next)
        })
        .collect()
}

fn features(way: u64, trace: Result<Trace, hotset::Error>) -> Vec<u64> {
    let of_way =
        |kind: u64, amount: u64| way << 32 | kind << 16 | u64::from(amount.checked_ilog2().map_or(0, |log| log + 1));
    match trace {
        Ok(trace) => vec![
            of_way(0, trace.keys.len() as u64),
            of_way(1, trace.unique as u64),
            of_way(2, trace.lines.other),
            of_way(3, trace.lines.garbled),
            of_way(4, 1 << trace.format as u64),
        ],
        Err(error) => vec![of_way(5, error.to_string().len() as u64)],
    }
}
