//! Lines of Redis's `MONITOR`, as the server sends and `redis-cli` prints them.
//!
//! ```text
//! 1339518083.107412 [0 192.0.2.1:60866] "HGET" "user:7" "name"
//! ```
//!
//! Keys are those of commands that read. A write is no request: it follows a miss that has been counted, or stores what nobody has
//! asked for yet. Redis escapes every key in one way, so that keys can be compared as they stand there.

use super::keys::{Keys, hash};
use super::read::{Line, closing_quote};
use crate::Error;

/// Commands whose first argument is the key that they read.
const OF_ONE_KEY: [&str; 57] = [
    "BITCOUNT",
    "BITFIELD_RO",
    "BITPOS",
    "DUMP",
    "GEODIST",
    "GEOHASH",
    "GEOPOS",
    "GEORADIUSBYMEMBER_RO",
    "GEORADIUS_RO",
    "GEOSEARCH",
    "GET",
    "GETBIT",
    "GETEX",
    "GETRANGE",
    "HEXISTS",
    "HGET",
    "HGETALL",
    "HGETEX",
    "HKEYS",
    "HLEN",
    "HMGET",
    "HRANDFIELD",
    "HSCAN",
    "HSTRLEN",
    "HVALS",
    "JSON.GET",
    "LINDEX",
    "LLEN",
    "LPOS",
    "LRANGE",
    "SCARD",
    "SISMEMBER",
    "SMEMBERS",
    "SMISMEMBER",
    "SORT_RO",
    "SRANDMEMBER",
    "SSCAN",
    "STRLEN",
    "SUBSTR",
    "XLEN",
    "XRANGE",
    "XREVRANGE",
    "ZCARD",
    "ZCOUNT",
    "ZLEXCOUNT",
    "ZMSCORE",
    "ZRANDMEMBER",
    "ZRANGE",
    "ZRANGEBYLEX",
    "ZRANGEBYSCORE",
    "ZRANK",
    "ZREVRANGE",
    "ZREVRANGEBYLEX",
    "ZREVRANGEBYSCORE",
    "ZREVRANK",
    "ZSCAN",
    "ZSCORE",
];
/// Commands that read all the keys that are their arguments.
const OF_KEYS: [&str; 6] = ["EXISTS", "MGET", "PFCOUNT", "SDIFF", "SINTER", "SUNION"];
/// What a server or `redis-cli` says before the first line.
const GREETINGS: [&[u8]; 2] = [b"OK", b"+OK"];

/// Takes in what a line asks for. Equal keys of two databases are two keys.
pub(super) fn read(line: &[u8], keys: &mut Keys) -> Result<Line, Error> {
    let Some((database, mut arguments)) = parts(line) else {
        return Ok(if GREETINGS.contains(&line) { Line::Other } else { Line::Garbled });
    };
    let Some(command) = arguments.next() else { return Ok(Line::Garbled) };
    let is_one_of = |names: &[&str]| names.iter().any(|name| command.eq_ignore_ascii_case(name.as_bytes()));
    let count = if is_one_of(&OF_ONE_KEY) {
        1
    } else if is_one_of(&OF_KEYS) {
        usize::MAX
    } else {
        return Ok(Line::Other);
    };
    let mut outcome = Line::Garbled;
    for key in arguments.by_ref().take(count) {
        keys.push(hash(hash(0, database), key))?;
        outcome = Line::Request;
    }
    Ok(outcome)
}

/// The database of a line, and its command with the arguments.
fn parts(line: &[u8]) -> Option<(&[u8], Arguments<'_>)> {
    let line = line.strip_prefix(b"+").unwrap_or(line);
    let (time, rest) = split(line, b" [")?;
    let (client, rest) = split(rest, b"] \"")?;
    let (database, _) = split(client, b" ")?;
    let are_numbers = is_number(database) && time.split(|&byte| byte == b'.').all(is_number);
    are_numbers.then_some((database, Arguments { rest }))
}

/// What stands before the first of the marks, and what behind it.
fn split<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = text.windows(mark.len()).position(|part| part == mark)?;
    Some((&text[..place], &text[place + mark.len()..]))
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Texts in quotes, with a space between each two. The first quote has been read.
struct Arguments<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Arguments<'a> {
    type Item = &'a [u8];

    /// The next text as it stands there, without its quotes; None at the end, and where a quote is missing.
    fn next(&mut self) -> Option<&'a [u8]> {
        let end = closing_quote(self.rest)?;
        let argument = &self.rest[..end];
        self.rest = self.rest[end + 1..].strip_prefix(b" \"").unwrap_or_default();
        Some(argument)
    }
}
