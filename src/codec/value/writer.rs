//! Writes payloads, a node after the other.

use crate::codec::value::class::Class;
use crate::codec::value::tag;
use crate::codec::value::token::{Clock, Day, Span};
use crate::codec::value::{BLOCK_BYTES, ROOT_IS_REFERRED_TO, VERSION};

/// A payload in the making, at the end of what its bytes held before.
#[derive(Debug)]
pub struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Writer<'a> {
    /// Begins a payload behind what is there.
    pub fn new(bytes: &'a mut Vec<u8>) -> Self {
        let start = bytes.len();
        bytes.push(VERSION);
        Self { bytes, start }
    }

    /// How many bytes the payload has so far.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether it has none, which it never has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Takes back what was written since the payload had so many bytes.
    pub fn truncate(&mut self, length: usize) {
        self.bytes.truncate(self.start + length);
    }

    /// Nothing.
    #[inline]
    pub fn nothing(&mut self) {
        self.bytes.push(tag::NOTHING);
    }

    /// False or true.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.bytes.push(if value { tag::TRUE } else { tag::FALSE });
    }

    /// A number.
    #[inline]
    pub fn int(&mut self, value: i64) {
        if (0..tag::SMALL_INTS).contains(&value) {
            self.bytes.push(value as u8);
        } else if let Ok(value) = i8::try_from(value) {
            self.tagged(tag::INT_1, value.to_le_bytes());
        } else if let Ok(value) = i16::try_from(value) {
            self.tagged(tag::INT_2, value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.tagged(tag::INT_4, value.to_le_bytes());
        } else {
            self.tagged(tag::INT_8, value.to_le_bytes());
        }
    }

    /// A number of any size, in two's complement.
    pub fn big_int(&mut self, value: &[u8]) {
        self.counted(tag::BIG_INT, value);
    }

    /// A floating-point number.
    #[inline]
    pub fn float(&mut self, value: f64) {
        self.tagged(tag::FLOAT, value.to_bits().to_le_bytes());
    }

    /// A text, as UTF-8.
    #[inline]
    pub fn text(&mut self, text: &[u8]) {
        if text.len() < tag::SHORT_TEXTS {
            self.bytes.push(tag::TEXT + text.len() as u8);
            self.bytes.extend_from_slice(text);
        } else {
            self.counted(tag::LONG_TEXT, text);
        }
    }

    /// A text with lone surrogates.
    pub fn code_points(&mut self, points: impl ExactSizeIterator<Item = u32>) {
        self.bytes.push(tag::CODE_POINTS);
        self.count(points.len());
        points.for_each(|point| self.bytes.extend_from_slice(&point.to_le_bytes()));
    }

    /// A text that has the next number from now on.
    #[inline]
    pub fn name(&mut self, text: &[u8]) {
        if text.len() < tag::SHORT_NAMES {
            self.bytes.push(tag::NAME + text.len() as u8);
            self.bytes.extend_from_slice(text);
        } else {
            self.counted(tag::LONG_NAME, text);
        }
    }

    /// The name of this number.
    #[inline]
    pub fn named(&mut self, number: usize) {
        self.short(number, tag::NAMED, tag::FIRST_NAMES, tag::LATER_NAMED);
    }

    /// Bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.counted(tag::BYTES, bytes);
    }

    /// Bytes that can be changed.
    pub fn byte_array(&mut self, bytes: &[u8]) {
        self.counted(tag::BYTE_ARRAY, bytes);
    }

    /// Bytes that are aligned.
    pub fn block(&mut self, bytes: &[u8]) {
        self.bytes.push(tag::BLOCK);
        self.count(bytes.len());
        let end = self.len().next_multiple_of(BLOCK_BYTES);
        self.bytes.resize(self.start + end, 0);
        self.bytes.extend_from_slice(bytes);
    }

    /// A list, whose nodes follow.
    #[inline]
    pub fn list(&mut self, count: usize) {
        self.short(count, tag::LIST, tag::SHORT_LISTS, tag::LONG_LIST);
    }

    /// A tuple, whose nodes follow.
    #[inline]
    pub fn tuple(&mut self, count: usize) {
        self.many(tag::TUPLE, count);
    }

    /// A dict, whose keys and values follow in turn.
    #[inline]
    pub fn dict(&mut self, count: usize) {
        self.short(count, tag::DICT, tag::SHORT_DICTS, tag::LONG_DICT);
    }

    /// A set, whose elements follow.
    pub fn set(&mut self, count: usize) {
        self.many(tag::SET, count);
    }

    /// A frozen set, whose elements follow.
    pub fn frozen_set(&mut self, count: usize) {
        self.many(tag::FROZEN_SET, count);
    }

    /// An object, whose nodes follow; the class with it if it has not come before.
    #[inline]
    pub fn object(&mut self, number: usize, new: Option<&Class<'_>>) {
        self.many(tag::OBJECT, number);
        self.class(new);
    }

    /// An object of which so many names and nodes follow; the class as for [`Writer::object`].
    pub fn partial(&mut self, number: usize, new: Option<&Class<'_>>, count: usize) {
        self.many(tag::PARTIAL, number);
        self.class(new);
        self.count(count);
    }

    /// Something of this kind, whose node follows.
    pub fn special(&mut self, kind: u8) {
        self.bytes.extend_from_slice(&[tag::SPECIAL, kind]);
    }

    /// Says that what follows has the next number.
    #[inline]
    pub fn mark(&mut self) {
        self.bytes.push(tag::MARK);
    }

    /// What has this number.
    pub fn reference(&mut self, number: usize) {
        if number == 0 {
            self.bytes[self.start] |= ROOT_IS_REFERRED_TO;
        }
        self.many(tag::REFERENCE, number);
    }

    /// A date.
    pub fn day(&mut self, day: Day) {
        self.bytes.push(tag::DAY);
        self.put_day(day);
    }

    /// A date and time, whose time zone follows.
    pub fn moment(&mut self, day: Day, clock: Clock) {
        self.bytes.push(tag::MOMENT);
        self.put_day(day);
        self.put_clock(clock);
    }

    /// A time of day, whose time zone follows.
    pub fn clock(&mut self, clock: Clock) {
        self.bytes.push(tag::CLOCK);
        self.put_clock(clock);
    }

    /// A span of time.
    pub fn span(&mut self, span: Span) {
        self.tagged(tag::SPAN, span.days.to_le_bytes());
        self.bytes.extend_from_slice(&span.seconds.to_le_bytes());
        self.bytes.extend_from_slice(&span.micros.to_le_bytes());
    }

    /// The time zone UTC.
    pub fn utc(&mut self) {
        self.bytes.push(tag::UTC);
    }

    fn put_day(&mut self, day: Day) {
        let [low, high] = day.year.to_le_bytes();
        self.bytes.extend_from_slice(&[low, high, day.month, day.day]);
    }

    fn put_clock(&mut self, clock: Clock) {
        let micro = clock.micro | if clock.fold { tag::FOLD } else { 0 };
        let [low, middle, high, _] = micro.to_le_bytes();
        self.bytes.extend_from_slice(&[clock.hour, clock.minute, clock.second, low, middle, high]);
    }

    fn class(&mut self, new: Option<&Class<'_>>) {
        let Some(class) = new else { return };
        self.sized(class.name.as_bytes());
        self.bytes.push(class.kind as u8);
        self.count(class.fields.len());
        class.fields.iter().for_each(|field| self.sized(field.as_bytes()));
    }

    #[inline]
    fn tagged<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        self.bytes.push(tag);
        self.bytes.extend_from_slice(&bytes);
    }

    #[inline]
    fn short(&mut self, count: usize, first: u8, most: usize, long: u8) {
        if count < most {
            self.bytes.push(first + count as u8);
        } else {
            self.many(long, count);
        }
    }

    #[inline]
    fn many(&mut self, tag: u8, count: usize) {
        self.bytes.push(tag);
        self.count(count);
    }

    fn counted(&mut self, tag: u8, bytes: &[u8]) {
        self.bytes.push(tag);
        self.sized(bytes);
    }

    fn sized(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    #[inline]
    fn count(&mut self, count: usize) {
        let mut rest = count;
        while rest >= 0x80 {
            self.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
    }
}
