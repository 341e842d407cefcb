//! Looks at all nodes of a payload, to know whether it is one.

use crate::codec::value::MOST_LEVELS_READ;
use crate::codec::value::damage::Damage;
use crate::codec::value::reader::Reader;
use crate::codec::value::token::Token;

/// What there is in a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Nodes.
    pub nodes: usize,
    /// How deep they lie in each other at most.
    pub levels: usize,
    /// References to what came before.
    pub references: usize,
    /// Objects of classes.
    pub objects: usize,
}

/// Nodes that are still to come on a level.
struct Level {
    left: usize,
    /// Whether each second node, from the first on, is a text: the name of a field.
    is_named: bool,
}

/// Reads a payload to its end.
///
/// # Errors
/// [`Damage`].
pub fn walk(bytes: &[u8]) -> Result<Census, Damage> {
    let mut reader = Reader::new(bytes)?;
    let mut census = Census::default();
    let mut levels = vec![Level { left: 1, is_named: false }];
    while let Some(level) = levels.last_mut() {
        if level.left == 0 {
            levels.pop();
            continue;
        }
        let is_name = level.is_named && level.left.is_multiple_of(2);
        level.left -= 1;
        let token = marked(&mut reader)?;
        if is_name && !matches!(token, Token::Text(_) | Token::Name(_) | Token::Named(_)) {
            return Err(Damage::Class);
        }
        census.count(&token);
        let inner = level_of(&reader, &token);
        if inner.left > 0 {
            levels.push(inner);
            census.levels = census.levels.max(levels.len());
            if levels.len() > MOST_LEVELS_READ {
                return Err(Damage::Depth);
            }
        }
    }
    reader.end().map(|()| census)
}

/// The next node, behind its mark if it has one.
fn marked<'a>(reader: &mut Reader<'a>) -> Result<Token<'a>, Damage> {
    match reader.token()? {
        Token::Mark(_) => reader.token()?.behind_mark(),
        token => Ok(token),
    }
}

fn level_of(reader: &Reader<'_>, token: &Token<'_>) -> Level {
    let is_named = matches!(token, Token::Partial(..));
    let left = match *token {
        Token::List(count) | Token::Tuple(count) | Token::Set(count) | Token::FrozenSet(count) => count,
        Token::Dict(count) | Token::Partial(_, count) => 2 * count,
        Token::Object(class) => reader.class(class).nodes(),
        Token::Special(_) | Token::Moment(..) | Token::Clock(_) => 1,
        _ => 0,
    };
    Level { left, is_named }
}

impl Census {
    fn count(&mut self, token: &Token<'_>) {
        self.nodes += 1;
        self.references += usize::from(matches!(token, Token::Reference(_)));
        self.objects += usize::from(matches!(token, Token::Object(_) | Token::Partial(..)));
    }
}
