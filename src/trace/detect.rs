//! Which format a file has, by how it begins.

use super::keys::Keys;
use super::read::Line;
use super::{Format, access_log, monitor, table};
use crate::Error;

/// Lines that are looked at.
const LINES: usize = 20;
/// The part of them, as a divisor, that has to have a format.
const MOST_OF: usize = 2;

/// The format of what begins with the sample.
pub(super) fn format(sample: &[u8]) -> Format {
    if sample.iter().any(|&byte| is_of_no_text(byte)) {
        return Format::U64;
    }
    let lines: Vec<&[u8]> = sample.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).collect();
    let lines: Vec<&[u8]> = lines.into_iter().filter(|line| !line.is_empty()).take(LINES).collect();
    if most_are(&lines, access_log::read) {
        Format::AccessLog
    } else if most_are(&lines, monitor::read) {
        Format::RedisMonitor
    } else if lines.first().is_some_and(|line| has_key_column(line)) {
        Format::Csv
    } else {
        Format::Keys
    }
}

/// A byte that no text contains: the mark of binary keys.
fn is_of_no_text(byte: u8) -> bool {
    matches!(byte, 0..=0x08 | 0x0e..=0x1a | 0x1c..=0x1f)
}

fn most_are(lines: &[&[u8]], read: impl Fn(&[u8], &mut Keys) -> Result<Line, Error>) -> bool {
    let mut keys = Keys::new(None);
    let garbled = lines.iter().filter(|line| !matches!(read(line, &mut keys), Ok(Line::Request | Line::Other))).count();
    garbled * MOST_OF < lines.len()
}

/// Whether a first line names several columns, one of which is that of the keys.
fn has_key_column(line: &[u8]) -> bool {
    let columns = table::columns(line, table::delimiter(line));
    columns.len() > 1 && columns.iter().any(|name| name.trim() == table::KEY)
}
