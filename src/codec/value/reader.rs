//! Reads payloads, a node after the other. Whatever the bytes are, a node is an error or is all there.

use crate::codec::value::class::{Class, Kind};
use crate::codec::value::damage::Damage;
use crate::codec::value::tag;
use crate::codec::value::token::{Clock, Day, Span, Text, Token};
use crate::codec::value::{BLOCK_BYTES, ROOT_IS_REFERRED_TO, VERSION};

/// A payload that is being read.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    classes: Vec<Class<'a>>,
    names: usize,
    /// How many things are remembered; the root is the first.
    marks: usize,
}

impl<'a> Reader<'a> {
    /// Begins to read a payload.
    ///
    /// # Errors
    /// [`Damage`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, Damage> {
        let version = bytes.first().ok_or(Damage::Truncated)? & !ROOT_IS_REFERRED_TO;
        if version != VERSION {
            return Err(Damage::Version(version));
        }
        Ok(Self { bytes, at: 1, classes: Vec::new(), names: 0, marks: 1 })
    }

    /// Whether the root is referred to.
    #[must_use]
    pub fn is_root_referred_to(&self) -> bool {
        self.bytes[0] & ROOT_IS_REFERRED_TO != 0
    }

    /// How many bytes were read.
    #[inline]
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// The class of a number that a token has named.
    #[must_use]
    pub fn class(&self, number: usize) -> &Class<'a> {
        &self.classes[number]
    }

    /// Ends reading, once the root was read.
    ///
    /// # Errors
    /// [`Damage::Excess`].
    pub fn end(&self) -> Result<(), Damage> {
        match self.left() {
            0 => Ok(()),
            left => Err(Damage::Excess(left)),
        }
    }

    /// The next node.
    ///
    /// # Errors
    /// [`Damage`].
    #[inline(always)]
    pub fn token(&mut self) -> Result<Token<'a>, Damage> {
        let tag = self.byte()?;
        let low = |first: u8| usize::from(tag - first);
        match tag {
            ..tag::TEXT => Ok(Token::Int(i64::from(tag))),
            tag::TEXT..tag::NAME => Ok(Token::Text(self.text(low(tag::TEXT))?)),
            tag::NAME..tag::NAMED => self.name(low(tag::NAME)),
            tag::NAMED..tag::LIST => self.named(low(tag::NAMED) as u64),
            tag::LIST..tag::DICT => Ok(Token::List(self.holds(low(tag::LIST), 1)?)),
            tag::DICT..tag::NOTHING => Ok(Token::Dict(self.holds(low(tag::DICT), 2)?)),
            tag::NOTHING => Ok(Token::Nothing),
            tag::FALSE => Ok(Token::Bool(false)),
            tag::TRUE => Ok(Token::Bool(true)),
            tag::INT_1 => Ok(Token::Int(i8::from_le_bytes(self.array()?).into())),
            tag::INT_2 => Ok(Token::Int(i16::from_le_bytes(self.array()?).into())),
            tag::INT_4 => Ok(Token::Int(i32::from_le_bytes(self.array()?).into())),
            tag::INT_8 => Ok(Token::Int(i64::from_le_bytes(self.array()?))),
            tag::FLOAT => Ok(Token::Float(f64::from_bits(u64::from_le_bytes(self.array()?)))),
            _ => self.longer(tag),
        }
    }

    #[inline(never)]
    fn longer(&mut self, tag: u8) -> Result<Token<'a>, Damage> {
        Ok(match tag {
            tag::BIG_INT => Token::BigInt(self.sized()?),
            tag::LONG_TEXT => {
                let length = self.many(1)?;
                Token::Text(self.text(length)?)
            }
            tag::CODE_POINTS => {
                let count = self.many(size_of::<u32>())?;
                Token::CodePoints(self.take(count * size_of::<u32>())?)
            }
            tag::LONG_NAME => {
                let length = self.many(1)?;
                self.name(length)?
            }
            tag::LATER_NAMED => {
                let number = self.count()?;
                self.named(number)?
            }
            tag::BYTES => Token::Bytes(self.sized()?),
            tag::BYTE_ARRAY => Token::ByteArray(self.sized()?),
            tag::BLOCK => Token::Block(self.block()?),
            tag::LONG_LIST => Token::List(self.many(1)?),
            tag::TUPLE => Token::Tuple(self.many(1)?),
            tag::LONG_DICT => Token::Dict(self.many(2)?),
            tag::SET => Token::Set(self.many(1)?),
            tag::FROZEN_SET => Token::FrozenSet(self.many(1)?),
            _ => return self.composed(tag),
        })
    }

    fn composed(&mut self, tag: u8) -> Result<Token<'a>, Damage> {
        Ok(match tag {
            tag::OBJECT => {
                let number = self.class_number()?;
                self.holds(self.classes[number].nodes(), 1)?;
                Token::Object(number)
            }
            tag::PARTIAL => {
                let number = self.class_number()?;
                if self.classes[number].kind != Kind::Fields {
                    return Err(Damage::Class);
                }
                Token::Partial(number, self.many(2)?)
            }
            tag::SPECIAL => Token::Special(self.byte()?),
            tag::MARK => {
                self.marks += 1;
                Token::Mark(self.marks - 1)
            }
            tag::REFERENCE => {
                let number = self.count()?;
                let is_known = number < self.marks as u64 && (number != 0 || self.is_root_referred_to());
                Token::Reference(if is_known { number as usize } else { return Err(Damage::Reference(number)) })
            }
            tag::DAY => Token::Day(self.day()?),
            tag::MOMENT => Token::Moment(self.day()?, self.clock()?),
            tag::CLOCK => Token::Clock(self.clock()?),
            tag::SPAN => {
                let mut number = || self.array().map(i32::from_le_bytes);
                Token::Span(Span { days: number()?, seconds: number()?, micros: number()? })
            }
            tag::UTC => Token::Utc,
            _ => return Err(Damage::Tag(tag)),
        })
    }

    #[inline]
    fn name(&mut self, length: usize) -> Result<Token<'a>, Damage> {
        self.names += 1;
        Ok(Token::Name(self.text(length)?))
    }

    #[inline]
    fn named(&self, number: u64) -> Result<Token<'a>, Damage> {
        if number < self.names as u64 { Ok(Token::Named(number as usize)) } else { Err(Damage::Reference(number)) }
    }

    /// The number of a class, which is read if it is new.
    fn class_number(&mut self) -> Result<usize, Damage> {
        let number = self.count()?;
        if number > self.classes.len() as u64 {
            return Err(Damage::Reference(number));
        }
        if number == self.classes.len() as u64 {
            let class = self.new_class()?;
            self.classes.push(class);
        }
        Ok(number as usize)
    }

    fn new_class(&mut self) -> Result<Class<'a>, Damage> {
        let name = self.sized_text()?;
        let kind = Kind::of(self.byte()?).ok_or(Damage::Class)?;
        let count = self.many(1)?;
        if count > 0 && !kind.has_fields() {
            return Err(Damage::Class);
        }
        let fields = (0..count).map(|_| self.sized_text()).collect::<Result<_, _>>()?;
        Ok(Class { name, kind, fields })
    }

    fn day(&mut self) -> Result<Day, Damage> {
        let [low, high, month, day] = self.array()?;
        Ok(Day { year: u16::from_le_bytes([low, high]), month, day })
    }

    fn clock(&mut self) -> Result<Clock, Damage> {
        let [hour, minute, second, low, middle, high] = self.array()?;
        let micro = u32::from_le_bytes([low, middle, high, 0]);
        Ok(Clock { hour, minute, second, micro: micro & !tag::FOLD, fold: micro & tag::FOLD != 0 })
    }

    fn block(&mut self) -> Result<&'a [u8], Damage> {
        let length = self.many(1)?;
        let gap = self.at.next_multiple_of(BLOCK_BYTES) - self.at;
        if self.take(gap)?.iter().any(|&byte| byte != 0) {
            return Err(Damage::Tag(tag::BLOCK));
        }
        self.take(length)
    }

    fn sized_text(&mut self) -> Result<&'a str, Damage> {
        utf8(self.sized()?)
    }

    fn sized(&mut self) -> Result<&'a [u8], Damage> {
        let length = self.many(1)?;
        self.take(length)
    }

    /// A count of things that have so many bytes each, or more.
    fn many(&mut self, bytes: usize) -> Result<usize, Damage> {
        let count = self.count()?;
        self.holds(usize::try_from(count).map_err(|_| Damage::Truncated)?, bytes)
    }

    /// The count, if that many things of so many bytes can be left.
    #[inline]
    fn holds(&self, count: usize, bytes: usize) -> Result<usize, Damage> {
        if count > self.left() / bytes { Err(Damage::Truncated) } else { Ok(count) }
    }

    fn count(&mut self) -> Result<u64, Damage> {
        let mut count = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7F);
            if part << shift >> shift != part {
                return Err(Damage::Count);
            }
            count |= part << shift;
            if byte < 0x80 {
                return Ok(count);
            }
        }
        Err(Damage::Count)
    }

    #[inline]
    fn text(&mut self, length: usize) -> Result<Text<'a>, Damage> {
        let bytes = self.take(length)?;
        if bytes.is_ascii() { Ok(Text::Plain(bytes)) } else { utf8(bytes).map(Text::Other) }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (array, _) = self.bytes[self.at..].split_first_chunk().ok_or(Damage::Truncated)?;
        self.at += N;
        Ok(*array)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], Damage> {
        let taken = self.bytes[self.at..].get(..length).ok_or(Damage::Truncated)?;
        self.at += length;
        Ok(taken)
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Damage> {
        let byte = *self.bytes.get(self.at).ok_or(Damage::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Damage> {
    std::str::from_utf8(bytes).map_err(|_| Damage::Text)
}
