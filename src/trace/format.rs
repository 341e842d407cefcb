//! The formats of traces, by name.

/// What a file of requests looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One key a line.
    Keys,
    /// Lines of columns, as in RFC 4180, one of which is the key.
    Csv,
    /// Little-endian numbers of 64 bits.
    U64,
    /// The common and the combined log format of web servers.
    AccessLog,
    /// What Redis prints for `MONITOR`.
    RedisMonitor,
}

/// All formats.
pub const FORMATS: [Format; 5] = [Format::Keys, Format::Csv, Format::U64, Format::AccessLog, Format::RedisMonitor];

impl Format {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Csv => "csv",
            Self::U64 => "u64",
            Self::AccessLog => "access-log",
            Self::RedisMonitor => "redis-monitor",
        }
    }

    /// The format of that name.
    pub fn named(name: &str) -> Option<Self> {
        FORMATS.into_iter().find(|format| format.name() == name)
    }

    /// What it has to look like, for errors.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Keys => "one key a line",
            Self::Csv => "lines of columns",
            Self::U64 => "little-endian numbers of 64 bits",
            Self::AccessLog => {
                "lines such as 192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] \"GET /page HTTP/1.1\" 200 512"
            }
            Self::RedisMonitor => "lines such as 1339518083.107412 [0 192.0.2.1:60866] \"GET\" \"key\"",
        }
    }
}

/// Which column of a table holds the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// By its name in the first line.
    Named(String),
    /// By its number, from 1; then the first line is a request like the others.
    Numbered(usize),
}

/// How to read a trace.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Its format; None is to see from the content.
    pub format: Option<Format>,
    /// Where the keys of [`Format::Csv`] are; None is the column of the name `key`.
    pub column: Option<Column>,
    /// What stands between the columns of [`Format::Csv`]; None is to see from the first line.
    pub delimiter: Option<u8>,
    /// Requests after so many are not read.
    pub limit: Option<usize>,
}

impl Options {
    /// The format that they say or imply.
    pub(super) fn said(&self) -> Option<Format> {
        let is_table = self.column.is_some() || self.delimiter.is_some();
        self.format.or(is_table.then_some(Format::Csv))
    }
}
