//! Texts that come again and again: as they are written, and as they are read.

use hotset::codec::value::Text;
use hotset::hash::fold;
use hotset::sync::{Mutex, RawMutex};
use pyo3::ffi;
use pyo3::prelude::*;
use smallvec::SmallVec;

use crate::codec::text;
use crate::ffi::Pointer;
use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::object::Object;
use crate::key::layout::TextRef;

/// Places for names that are found again by their address.
const PLACES: usize = 128;
/// How many places are looked at for a name; where all are taken, the last is taken over.
const MOST_STEPS: usize = 8;
/// Names that are kept for the next payloads.
const PLACES_KEPT: usize = 1_024;
/// Bytes of the longest name that is kept.
const LONGEST_KEPT: usize = 64;

const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The names that a payload in the making has.
pub(super) struct Written {
    places: [(usize, u32); PLACES],
    /// So that no address becomes that of another text.
    held: SmallVec<[Object; 32]>,
}

impl Written {
    pub(super) fn new() -> Self {
        Self { places: [(0, 0); PLACES], held: SmallVec::new() }
    }

    /// The number of a name that came before; otherwise it has one from now on.
    #[inline]
    pub(super) fn number(&mut self, text: TextRef<'_>) -> Option<usize> {
        let name = text.as_ptr();
        let first = (name as u64).wrapping_mul(ODD) as usize >> (64 - PLACES.ilog2());
        let mut place = first;
        for step in 0..MOST_STEPS {
            place = (first + step) % PLACES;
            match self.places[place] {
                (address, number) if address == name as usize => return Some(number as usize),
                (0, _) => break,
                _ => {}
            }
        }
        self.places[place] = (name as usize, self.held.len() as u32);
        self.held.push(text.to_object());
        None
    }

    /// Takes back the number that the last name has got.
    pub(super) fn forget_last(&mut self) {
        if let Some(last) = self.held.pop() {
            self.places.iter_mut().filter(|place| place.0 == last.as_ptr() as usize).for_each(|place| *place = (0, 0));
        }
    }
}

/// Names that were read lately, by the hash of their bytes.
static KEPT: Mutex<AttachedLock, [Option<Object>; PLACES_KEPT]> =
    Mutex::from_raw(AttachedLock::INIT, [const { None }; PLACES_KEPT]);

/// The text of a name: one that was made before, if it was not long ago.
#[inline]
pub(super) fn read(py: Python<'_>, name: Text<'_>) -> PyResult<Object> {
    match name {
        Text::Plain(bytes) if (2..=LONGEST_KEPT).contains(&bytes.len()) => read_plain(py, bytes),
        _ => text::make(py, name),
    }
}

#[inline]
fn read_plain(py: Python<'_>, name: &[u8]) -> PyResult<Object> {
    let place = hash(name) as usize % PLACES_KEPT;
    if let Some(found) = KEPT.lock()[place].as_ref().filter(|kept| is_same(kept.as_ptr(), name)) {
        return Ok(found.clone());
    }
    let made = text::make(py, Text::Plain(name))?;
    let left = KEPT.lock()[place].replace(made.clone());
    drop(left);
    Ok(made)
}

#[inline]
fn is_same(kept: Pointer, name: &[u8]) -> bool {
    // SAFETY: what is kept is ASCII, of which there is one byte for each character, behind the head.
    unsafe {
        let text = kept.cast::<ffi::PyASCIIObject>();
        let length = (*text).length as usize;
        length == name.len() && std::slice::from_raw_parts(text.add(1).cast::<u8>(), length) == name
    }
}

/// A hash of two bytes or more.
#[inline]
fn hash(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let (first, last) = if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into())
    } else {
        (u64::from(bytes[0]) << 8 | u64::from(bytes[1]), bytes[length - 1].into())
    };
    fold(first ^ ODD, last ^ length as u64 ^ ODD.rotate_left(32))
}
