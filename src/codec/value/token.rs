//! What a node is, without the nodes in it.

use crate::codec::value::damage::Damage;

/// A day of the proleptic Gregorian calendar, as it was written: whether there is such a day is not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// The year, from 1 on.
    pub year: u16,
    /// The month, from 1 on.
    pub month: u8,
    /// The day of the month, from 1 on.
    pub day: u8,
}

/// A time of day, as it was written: whether there is such a time is not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The hour.
    pub hour: u8,
    /// The minute.
    pub minute: u8,
    /// The second.
    pub second: u8,
    /// The microsecond.
    pub micro: u32,
    /// Whether it is the second of two times that the clock shows the same.
    pub fold: bool,
}

/// A span of time: the sum of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Days.
    pub days: i32,
    /// Seconds.
    pub seconds: i32,
    /// Microseconds.
    pub micros: i32,
}

/// A text; most are ASCII, which is found out once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// ASCII.
    Plain(&'a [u8]),
    /// Anything else.
    Other(&'a str),
}

impl<'a> Text<'a> {
    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Other(text) => text.as_bytes(),
        }
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        if text.is_ascii() { Self::Plain(text.as_bytes()) } else { Self::Other(text) }
    }
}

/// A node. Those that it consists of follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token<'a> {
    /// Nothing.
    Nothing,
    /// False or true.
    Bool(bool),
    /// A number.
    Int(i64),
    /// A number of any size, in two's complement.
    BigInt(&'a [u8]),
    /// A floating-point number.
    Float(f64),
    /// A text.
    Text(Text<'a>),
    /// A text with lone surrogates: code points, which are not checked.
    CodePoints(&'a [u8]),
    /// A text that has the next number from now on.
    Name(Text<'a>),
    /// The name of this number.
    Named(usize),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Bytes that can be changed.
    ByteArray(&'a [u8]),
    /// Bytes that are aligned.
    Block(&'a [u8]),
    /// So many nodes.
    List(usize),
    /// So many nodes, which cannot be changed.
    Tuple(usize),
    /// So many keys and values.
    Dict(usize),
    /// So many elements.
    Set(usize),
    /// So many elements, which cannot be changed.
    FrozenSet(usize),
    /// An object of the class of this number.
    Object(usize),
    /// An object of the class of this number, with so many names and nodes.
    Partial(usize, usize),
    /// Something of this kind, with one node.
    Special(u8),
    /// What follows has this number from now on.
    Mark(usize),
    /// What has this number.
    Reference(usize),
    /// A date.
    Day(Day),
    /// A date and time; its time zone follows.
    Moment(Day, Clock),
    /// A time of day; its time zone follows.
    Clock(Clock),
    /// A span of time.
    Span(Span),
    /// The time zone UTC.
    Utc,
}

impl Token<'_> {
    /// This, if it may stand behind a mark: if it holds others, or can be changed.
    ///
    /// # Errors
    /// [`Damage::Mark`]: nobody can refer to it.
    pub fn behind_mark(self) -> Result<Self, Damage> {
        let can_be = matches!(
            self,
            Self::ByteArray(_)
                | Self::List(_)
                | Self::Tuple(_)
                | Self::Dict(_)
                | Self::Set(_)
                | Self::FrozenSet(_)
                | Self::Object(_)
                | Self::Partial(..)
                | Self::Special(_)
        );
        if can_be { Ok(self) } else { Err(Damage::Mark) }
    }
}
