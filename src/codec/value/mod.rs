//! The format of values: a tree of tagged nodes, made for objects of dynamic languages.
//!
//! A payload is the version in one byte, whose highest bit says that the root is referred to, and one node. A node is a tag
//! and what belongs to it. Numbers of several bytes are little endian; a *count* is a number in groups of seven bits, the
//! lowest first, with the highest bit set in all bytes but the last (LEB128).
//!
//! | tag | what it is | what follows |
//! | --- | --- | --- |
//! | `00`–`3F` | the number 0 to 63 | |
//! | `40`–`7F` | a text | 0 to 63 bytes of UTF-8 |
//! | `80`–`9F` | a name: a text that is remembered, since it may come again | 0 to 31 bytes of UTF-8 |
//! | `A0`–`BF` | the name of the number 0 to 31, in the order in which names came | |
//! | `C0`–`CF` | a list | 0 to 15 nodes |
//! | `D0`–`DF` | a dict | 0 to 15 times a key and a value |
//! | `E0` `E1` `E2` | nothing, false, true | |
//! | `E3` `E4` `E5` `E6` | a number | 1, 2, 4 or 8 bytes, two's complement |
//! | `E7` | a number of any size | count, so many bytes, two's complement |
//! | `E8` | a floating-point number | 8 bytes, IEEE 754 |
//! | `EA` | a text | count, so many bytes of UTF-8 |
//! | `EB` | a text that has no UTF-8, since there are lone surrogates in it | count, so many code points of 4 bytes |
//! | `EC` | a name | count, so many bytes of UTF-8 |
//! | `ED` | a name that came before | count: its number |
//! | `EE` `EF` | bytes, and bytes that can be changed | count, so many bytes |
//! | `F0` | bytes that lie at a multiple of 16 from the beginning of the payload | count, zeros up to there, so many bytes |
//! | `F1` `F2` `F4` `F5` | a list, a tuple, a set, a frozen set | count, so many nodes |
//! | `F3` | a dict | count, so many times a key and a value |
//! | `F6` | an object | class, its fields: as many nodes as the class has |
//! | `F7` | an object that lacks fields, or has others | class, count, so many times a text or name and a node |
//! | `F8` | something of a kind that is known by number | one byte, and a node: what it is made of |
//! | `F9` | what follows is remembered, since it comes again | a node that can hold others, or be changed |
//! | `FA` | what was remembered | count: its number, in the order in which they began; 0 is the root |
//! | `FB` | a date | 4 bytes: year (2), month, day |
//! | `FC` | a date and time | as `FB` and `FD` together, and a node: the time zone |
//! | `FD` | a time of day | 6 bytes: hour, minute, second, microsecond (3, the highest bit is the fold); a node: the time zone |
//! | `FE` | a span of time | 12 bytes: days, seconds, microseconds (4 each) |
//! | `FF` | the time zone UTC | |
//!
//! A *class* is a count: its number, in the order in which classes came. Where the number is the next one, the class follows:
//! its name (count, UTF-8), its kind (one byte, [`class::Kind`]), the count of its fields, and their names (each a count and
//! UTF-8). An enumeration and a class with a codec of its own have no fields and one node.
//!
//! The tag `E9` is not used.

pub mod class;
mod damage;
mod reader;
mod tag;
#[cfg(test)]
mod tests;
mod token;
mod walk;
mod writer;

pub use damage::Damage;
pub use reader::Reader;
pub use token::{Clock, Day, Span, Text, Token};
pub use walk::{Census, walk};
pub use writer::Writer;

/// The version that is written, and the latest that is read.
pub const VERSION: u8 = 1;

/// The bit of the version that says that the root is referred to.
const ROOT_IS_REFERRED_TO: u8 = 0x80;

/// How many containers and objects that are written may lie in each other.
pub const MOST_LEVELS: usize = 1_000;

/// How many nodes that are read may: a time has its zone, and what it is made of.
pub const MOST_LEVELS_READ: usize = MOST_LEVELS + 8;

/// What blocks are aligned to.
pub const BLOCK_BYTES: usize = 16;
