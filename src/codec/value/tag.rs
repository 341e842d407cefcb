//! The tags, as the table in the module above lists them.

pub(super) const TEXT: u8 = 0x40;
pub(super) const NAME: u8 = 0x80;
pub(super) const NAMED: u8 = 0xA0;
pub(super) const LIST: u8 = 0xC0;
pub(super) const DICT: u8 = 0xD0;
pub(super) const NOTHING: u8 = 0xE0;
pub(super) const FALSE: u8 = 0xE1;
pub(super) const TRUE: u8 = 0xE2;
pub(super) const INT_1: u8 = 0xE3;
pub(super) const INT_2: u8 = 0xE4;
pub(super) const INT_4: u8 = 0xE5;
pub(super) const INT_8: u8 = 0xE6;
pub(super) const BIG_INT: u8 = 0xE7;
pub(super) const FLOAT: u8 = 0xE8;
pub(super) const LONG_TEXT: u8 = 0xEA;
pub(super) const CODE_POINTS: u8 = 0xEB;
pub(super) const LONG_NAME: u8 = 0xEC;
pub(super) const LATER_NAMED: u8 = 0xED;
pub(super) const BYTES: u8 = 0xEE;
pub(super) const BYTE_ARRAY: u8 = 0xEF;
pub(super) const BLOCK: u8 = 0xF0;
pub(super) const LONG_LIST: u8 = 0xF1;
pub(super) const TUPLE: u8 = 0xF2;
pub(super) const LONG_DICT: u8 = 0xF3;
pub(super) const SET: u8 = 0xF4;
pub(super) const FROZEN_SET: u8 = 0xF5;
pub(super) const OBJECT: u8 = 0xF6;
pub(super) const PARTIAL: u8 = 0xF7;
pub(super) const SPECIAL: u8 = 0xF8;
pub(super) const MARK: u8 = 0xF9;
pub(super) const REFERENCE: u8 = 0xFA;
pub(super) const DAY: u8 = 0xFB;
pub(super) const MOMENT: u8 = 0xFC;
pub(super) const CLOCK: u8 = 0xFD;
pub(super) const SPAN: u8 = 0xFE;
pub(super) const UTC: u8 = 0xFF;

/// How many small numbers have a tag of their own.
pub(super) const SMALL_INTS: i64 = 64;
/// How many lengths have a tag of their own: of texts, names and numbers of names, lists and dicts.
pub(super) const SHORT_TEXTS: usize = 64;
pub(super) const SHORT_NAMES: usize = 32;
pub(super) const FIRST_NAMES: usize = 32;
pub(super) const SHORT_LISTS: usize = 16;
pub(super) const SHORT_DICTS: usize = 16;

/// The bit of the microseconds that is the fold.
pub(super) const FOLD: u32 = 1 << 23;
