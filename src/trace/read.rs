//! From bytes to requests.

use std::io::{BufRead, BufReader, Cursor, Read};

use super::keys::{Keys, hash};
use super::unpack::{unpacked, unreadable};
use super::{Format, Lines, Options, Trace, access_log, detect, monitor, table};
use crate::Error;
use crate::policy::generator::Generator;
use crate::progress::Progress;

/// The bytes that show the format.
const SAMPLE_BYTES: u64 = 1 << 16;
/// The bytes that are read at once.
const BYTES_AT_ONCE: usize = 1 << 16;
/// The bytes of the longest line; what is longer is no text.
pub(super) const LONGEST_LINE: u64 = 1 << 24;
/// What some editors put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a line turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Request,
    Other,
    Garbled,
}

/// The trace in an input, plain or gzipped. The progress counts the bytes of the input.
///
/// # Errors
///
/// [`Error::InvalidTrace`], and [`Error::Stopped`] if the progress was.
pub fn read(input: impl Read, options: &Options, progress: &Progress) -> Result<Trace, Error> {
    let mut input = unpacked(input, progress)?;
    let mut sample = Vec::new();
    input.by_ref().take(SAMPLE_BYTES).read_to_end(&mut sample).map_err(|error| unreadable(&error))?;
    let format = options.said().unwrap_or_else(|| detect::format(&sample));
    let is_empty = sample.is_empty();
    if format != Format::U64 && sample.starts_with(BYTE_ORDER_MARK) {
        sample.drain(..BYTE_ORDER_MARK.len());
    }
    let input = BufReader::with_capacity(BYTES_AT_ONCE, Cursor::new(sample).chain(input));
    let mut keys = Keys::new(options.limit);
    let lines = requests(input, format, options, &mut keys)?;
    if keys.len() == 0 && options.limit != Some(0) {
        return Err(without_requests(format, lines, is_empty));
    }
    let (keys, unique) = keys.into_parts();
    Ok(Trace { keys, unique, format, lines })
}

fn requests(input: impl BufRead, format: Format, options: &Options, keys: &mut Keys) -> Result<Lines, Error> {
    match format {
        Format::U64 => numbers(input, keys).map(|()| Lines::default()),
        Format::Csv => table::read(input, options, keys),
        Format::Keys => each_line(input, keys, key),
        Format::AccessLog => each_line(input, keys, access_log::read),
        Format::RedisMonitor => each_line(input, keys, monitor::read),
    }
}

/// A line that is a key, unless it is blank.
fn key(line: &[u8], keys: &mut Keys) -> Result<Line, Error> {
    if line.trim_ascii().is_empty() {
        return Ok(Line::Other);
    }
    keys.push(hash(0, line))?;
    Ok(Line::Request)
}

/// Has every line read, and counts those that were no requests. Blank lines are never garbled.
fn each_line(
    mut input: impl BufRead,
    keys: &mut Keys,
    read: impl Fn(&[u8], &mut Keys) -> Result<Line, Error>,
) -> Result<Lines, Error> {
    let (mut lines, mut line, mut number) = (Lines::default(), Vec::new(), 0);
    while !keys.are_enough() {
        line.clear();
        number += 1;
        let length =
            input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(|error| unreadable(&error))?;
        if length == 0 {
            break;
        }
        if length as u64 == LONGEST_LINE {
            let reason = format!("line {number} is longer than {LONGEST_LINE} bytes: say which format it has");
            return Err(Error::InvalidTrace { reason });
        }
        let line = without_end(&line);
        match read(line, keys)? {
            Line::Garbled if !line.trim_ascii().is_empty() => lines.count_garbled(number),
            Line::Request => {}
            Line::Other | Line::Garbled => lines.other += 1,
        }
    }
    Ok(lines)
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Numbers of 64 bits, and nothing behind the last.
fn numbers(mut input: impl BufRead, keys: &mut Keys) -> Result<(), Error> {
    const WIDTH: usize = size_of::<u64>();
    let mut buffer = Vec::new();
    let mut bytes = 0_u64;
    while !keys.are_enough() {
        buffer.clear();
        let block = (BYTES_AT_ONCE / WIDTH * WIDTH) as u64;
        bytes += input.by_ref().take(block).read_to_end(&mut buffer).map_err(|error| unreadable(&error))? as u64;
        let (numbers, rest) = buffer.as_chunks::<WIDTH>();
        numbers.iter().try_for_each(|&number| keys.push(Generator::new(u64::from_le_bytes(number)).draw()))?;
        if !rest.is_empty() && !keys.are_enough() {
            let reason = format!(
                "it is read as numbers of 64 bits, and its {bytes} bytes are not a multiple of {WIDTH}: {} are left over",
                rest.len()
            );
            return Err(Error::InvalidTrace { reason });
        }
        if buffer.is_empty() {
            break;
        }
    }
    Ok(())
}

fn without_requests(format: Format, lines: Lines, is_empty: bool) -> Error {
    let reason = match (lines.first_garbled, lines.other) {
        _ if is_empty => "it is empty".to_owned(),
        (None, 0) => "it has no requests".to_owned(),
        (None, other) => format!("none of its {other} lines is a request, read as {}", format.name()),
        (Some(first), _) => format!(
            "it has no line that can be read as {}, which are {}; the first that cannot is line {first}",
            format.name(),
            format.expected()
        ),
    };
    Error::InvalidTrace { reason }
}

impl Lines {
    pub(super) fn count_garbled(&mut self, number: u64) {
        self.garbled += 1;
        self.first_garbled.get_or_insert(number);
    }
}

/// Where a text in quotes ends whose first quote has been read. A backslash takes from a quote what it means.
pub(super) fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    text.iter().position(|&byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })
}
