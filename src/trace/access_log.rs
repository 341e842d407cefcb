//! Lines of web servers' logs in the common or the combined format: of nginx, Apache and those who write likewise.
//!
//! ```text
//! 192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] "GET /page?id=7 HTTP/1.1" 200 512 "-" "curl/8.5.0"
//! ```
//!
//! The key is the target of a GET or HEAD request as it is logged, with its query.

use super::keys::{Keys, hash};
use super::read::{Line, closing_quote};
use crate::Error;

/// What stands between the time and the request.
const BEFORE_REQUEST: &[u8] = b"] \"";

/// Takes in what a line asks for.
pub(super) fn read(line: &[u8], keys: &mut Keys) -> Result<Line, Error> {
    let Some((method, target)) = request(line).and_then(parts) else { return Ok(Line::Garbled) };
    if method != b"GET" && method != b"HEAD" {
        return Ok(Line::Other);
    }
    keys.push(hash(0, target))?;
    Ok(Line::Request)
}

/// Method and target of a request.
fn parts(request: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = request.iter().position(|&byte| byte == b' ')?;
    let (method, rest) = (&request[..space], &request[space + 1..]);
    let target = before(rest, b" HTTP/").unwrap_or(rest);
    let is_whole = !target.is_empty() && !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
    is_whole.then_some((method, target))
}

/// What stands in quotes behind the time.
fn request(line: &[u8]) -> Option<&[u8]> {
    let start = line.windows(BEFORE_REQUEST.len()).position(|part| part == BEFORE_REQUEST)? + BEFORE_REQUEST.len();
    let request = &line[start..];
    Some(&request[..closing_quote(request)?])
}

/// What stands before the last of the marks.
fn before<'a>(text: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let end = text.windows(mark.len()).rposition(|part| part == mark)?;
    Some(&text[..end])
}
