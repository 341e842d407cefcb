//! Lines of columns, one of which is the key.

use std::cell::Cell;
use std::io::{self, BufRead, Read};

use csv::{ByteRecord, ReaderBuilder};

use super::keys::{Keys, hash};
use super::read::LONGEST_LINE;
use super::unpack::unreadable;
use super::{Column, Lines, Options};
use crate::Error;

/// The name of the column of keys, unless another is said.
pub(super) const KEY: &str = "key";
/// What may stand between columns, the first being the most usual.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// What stands between the columns of a first line: what does so most often.
pub(super) fn delimiter(first_line: &[u8]) -> u8 {
    let often = |delimiter: &u8| first_line.iter().filter(|&byte| byte == delimiter).count();
    DELIMITERS.into_iter().rev().max_by_key(often).unwrap_or(DELIMITERS[0])
}

/// The columns of a line.
pub(super) fn columns(line: &[u8], delimiter: u8) -> Vec<String> {
    let mut record = ByteRecord::new();
    let read =
        ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(line).read_byte_record(&mut record);
    if read.is_err() {
        Vec::new()
    } else {
        record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect()
    }
}

/// What has been read of an input.
#[derive(Default)]
struct Passed {
    /// Bytes since the last line.
    of_line: Cell<u64>,
    /// The last byte that is no end of a line.
    last: Cell<u8>,
}

/// An input of which no line is too long to be one: a quote that is never closed takes in all that follows.
struct Bounded<'a, R> {
    inner: R,
    passed: &'a Passed,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.passed.of_line.get() > LONGEST_LINE {
            let reason = format!("a line is longer than {LONGEST_LINE} bytes: a quote may be missing");
            return Err(io::Error::other(reason));
        }
        let read = self.inner.read(buffer)?;
        self.passed.of_line.set(self.passed.of_line.get() + read as u64);
        if let Some(&last) = buffer[..read].iter().rfind(|byte| !matches!(byte, b'\r' | b'\n')) {
            self.passed.last.set(last);
        }
        Ok(read)
    }
}

/// Whether the last field of a line has gone on over others: then it is in quotes, which have to be closed at its end.
fn goes_on(record: &ByteRecord) -> bool {
    record.iter().next_back().is_some_and(|last| last.contains(&b'\n'))
}

/// Takes in the key of every line. Lines that are too short to have one, or whose key is empty, are garbled.
pub(super) fn read(mut input: impl BufRead, options: &Options, keys: &mut Keys) -> Result<Lines, Error> {
    let first = input.fill_buf().map_err(|error| unreadable(&error))?;
    let first_line = first.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let delimiter = options.delimiter.unwrap_or_else(|| delimiter(first_line));
    if first_line.is_empty() {
        return Ok(Lines::default());
    }
    let column = options.column.clone().unwrap_or(Column::Named(KEY.to_owned()));
    let place = place(&column, &columns(first_line.trim_ascii_end(), delimiter), options.column.is_some())?;
    let (names, passed) = (matches!(column, Column::Named(_)), Passed::default());
    let bounded = Bounded { inner: input, passed: &passed };
    let mut reader = ReaderBuilder::new().has_headers(names).flexible(true).delimiter(delimiter).from_reader(bounded);
    let (mut lines, mut record) = (Lines { other: u64::from(names), ..Lines::default() }, ByteRecord::new());
    let mut going_on = None;
    while !keys.are_enough() {
        passed.of_line.set(0);
        if !reader.read_byte_record(&mut record).map_err(broken)? {
            let unclosed = going_on.filter(|_| passed.last.get() != b'"');
            return unclosed.map_or(Ok(lines), |line| Err(without_end(line)));
        }
        let line = record.position().map_or(0, csv::Position::line);
        match record.get(place).filter(|key| !key.is_empty()) {
            Some(key) => keys.push(hash(0, key))?,
            None => lines.count_garbled(line),
        }
        going_on = goes_on(&record).then_some(line);
    }
    Ok(lines)
}

fn without_end(line: u64) -> Error {
    let reason = format!("a quote in line {line} is never closed: all that follows was read as one field");
    Error::InvalidTrace { reason }
}

/// The number of a column, from 0.
fn place(column: &Column, columns: &[String], is_said: bool) -> Result<usize, Error> {
    let names = || columns.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    let reason = match column {
        Column::Named(name) => match columns.iter().position(|other| other.trim() == name) {
            Some(place) => return Ok(place),
            None if is_said => format!("it has no column {name:?}: its first line has {}", names()),
            None => format!("none of its columns is called {KEY:?}: say which of {} has the keys", names()),
        },
        Column::Numbered(0) => "there is no column 0: the first has the number 1".to_owned(),
        Column::Numbered(number) if *number <= columns.len() => return Ok(number - 1),
        Column::Numbered(number) => format!("it has no column {number}: its first line has {}", columns.len()),
    };
    Err(Error::InvalidTrace { reason })
}

fn broken(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => unreadable(&error),
        _ => {
            Error::InvalidTrace { reason: "it is not a table of lines and columns: say which format it has".to_owned() }
        }
    }
}
