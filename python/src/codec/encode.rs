//! The walk over a value that writes it.
//!
//! What is of exactly a built-in type is read from its memory, so that no Python code runs for it. What the walk has to come back to is
//! held by references, and containers are looked at anew after each element, since code that takes apart objects of other classes may
//! change them.

use hotset::codec::value::class::Kind;
use hotset::codec::value::{MOST_LEVELS, Writer};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDate, PyDateTime, PyDelta, PyInt, PyMemoryView, PyTime};
use smallvec::SmallVec;

use crate::codec::known::{FreezeRule, Known};
use crate::codec::memo::{Hashing, Memo};
use crate::codec::names::Written;
use crate::codec::plan::{self, Plan};
use crate::codec::refusal::{Behind, Encoded, Refusal, Step};
use crate::codec::text::{Characters, is_interned};
use crate::codec::times;
use crate::ffi::foreign::Foreign;
use crate::ffi::object::{Object, borrow};
use crate::ffi::{Pointer, class};
use crate::key::layout::small_int;

/// A value that is being written.
pub(super) struct Encoder<'a, 'py> {
    py: Python<'py>,
    out: Writer<'a>,
    known: &'a Known,
    names: Written,
    memo: Memo,
    /// The value itself, which has the number 0.
    root: Pointer,
    levels: usize,
    /// Nodes so far of what is being written, those that are referred to again counted again. What is within something is counted apart and
    /// added to it, so that a count that has reached its end says nothing of what comes after.
    weight: u64,
    hashing: Hashing,
    /// In how many keys and elements of sets the walk is.
    keys: usize,
    /// In how many things it is that were taken apart.
    specials: usize,
    scratch: String,
    classes: SmallVec<[Class; 4]>,
}

/// A class that the value has objects of.
struct Class {
    address: Pointer,
    way: FreezeRule,
    /// The number that it has in the payload.
    number: Option<usize>,
}

/// What the walk finds where it comes to something that can be met again.
enum Met {
    /// It was met before, and that is written.
    Again,
    /// Nobody else refers to it.
    Once,
    /// It may be met again.
    First,
}

/// Whether something can be referred to while it is not complete.
#[derive(Clone, Copy, PartialEq)]
enum Grows {
    Yes,
    No,
}

/// Writes a value.
pub(super) fn encode(value: &Bound<'_, PyAny>, known: &Known, bytes: &mut Vec<u8>) -> PyResult<()> {
    known.renew();
    let mut encoder = Encoder {
        py: value.py(),
        out: Writer::new(bytes),
        known,
        names: Written::new(),
        memo: Memo::new(),
        root: value.as_ptr(),
        levels: 0,
        weight: 0,
        hashing: Hashing::default(),
        keys: 0,
        specials: 0,
        scratch: String::new(),
        classes: SmallVec::new(),
    };
    // SAFETY: the value is alive, and held by the caller.
    unsafe { encoder.node(value.as_ptr()) }.map_err(|refusal| refusal.raised(value.py()))
}

impl<'py> Encoder<'_, 'py> {
    /// Writes something.
    ///
    /// # Safety
    /// The object is alive, and stays so as long as no Python code runs.
    #[inline]
    unsafe fn node(&mut self, object: Pointer) -> Encoded<()> {
        self.weight = self.weight.saturating_add(1);
        // SAFETY: each layout is read of an object of exactly that type.
        unsafe {
            let class = ffi::Py_TYPE(object);
            if class == class!(PyUnicode_Type) {
                self.text(object, is_interned(object));
            } else if class == class!(PyLong_Type) {
                self.int(object)?;
            } else if object == ffi::Py_None() {
                self.out.nothing();
            } else if class == class!(PyBool_Type) {
                self.out.bool(object == ffi::Py_True());
            } else if class == class!(PyFloat_Type) {
                self.out.float(ffi::PyFloat_AS_DOUBLE(object));
            } else {
                // So that it is there until it is written, whatever runs meanwhile. The reference must not count as one of the value's.
                return self.other(object, ffi::Py_REFCNT(object) == 1);
            }
        }
        Ok(())
    }

    /// # Safety
    /// As for [`Encoder::node`].
    unsafe fn other(&mut self, object: Pointer, is_once: bool) -> Encoded<()> {
        // SAFETY: by the caller's promise.
        let held = unsafe { Object::from_borrowed(object) };
        let object = held.as_ptr();
        // SAFETY: it is held.
        unsafe {
            let class = ffi::Py_TYPE(object);
            if class == class!(PyDict_Type) {
                self.inside(object, is_once, Grows::Yes, Self::dict)
            } else if class == class!(PyList_Type) {
                self.inside(object, is_once, Grows::Yes, Self::list)
            } else if class == class!(PyTuple_Type) {
                self.inside(object, is_once, Grows::No, Self::tuple)
            } else if class == class!(PyBytes_Type) {
                self.out.bytes(held.bind(self.py).cast_unchecked::<PyBytes>().as_bytes());
                Ok(())
            } else if class == class!(PySet_Type) {
                self.inside(object, is_once, Grows::Yes, Self::set)
            } else if class == class!(PyFrozenSet_Type) {
                self.inside(object, is_once, Grows::No, Self::set)
            } else if class == class!(PyByteArray_Type) {
                self.inside(object, is_once, Grows::Yes, Self::byte_array)
            } else if class == class!(PyMemoryView_Type) && self.specials > 0 {
                self.block(&held.bind(self.py))
            } else {
                self.object(&held, is_once)
            }
        }
    }

    /// # Safety
    /// The object is exactly a `str` and alive.
    #[inline]
    unsafe fn text(&mut self, text: Pointer, is_name: bool) {
        // SAFETY: by the caller's promise.
        let characters = unsafe { Characters::of(text) };
        if is_name {
            // SAFETY: likewise.
            if let Some(number) = unsafe { self.names.number(text) } {
                return self.out.named(number);
            }
        }
        match characters.utf8(&mut self.scratch) {
            Some(utf8) if is_name => self.out.name(utf8),
            Some(utf8) => self.out.text(utf8),
            None if is_name => self.wide_name(&characters),
            None => self.out.code_points(characters.points().into_iter()),
        }
    }

    /// A text that has a number already, and cannot be a name.
    #[cold]
    fn wide_name(&mut self, characters: &Characters<'_>) {
        self.names.forget_last();
        self.out.code_points(characters.points().into_iter());
    }

    /// # Safety
    /// The object is exactly an `int` and alive.
    #[inline]
    unsafe fn int(&mut self, int: Pointer) -> Encoded<()> {
        // SAFETY: by the caller's promise.
        match unsafe { small_int(int) } {
            Some(small) => self.out.int(small),
            // SAFETY: likewise.
            None => self.big_int(unsafe { borrow(self.py, int) }.as_any())?,
        }
        Ok(())
    }

    #[cold]
    fn big_int(&mut self, int: &Bound<'py, PyAny>) -> Encoded<()> {
        if let Ok(small) = int.extract::<i64>() {
            self.out.int(small);
            return Ok(());
        }
        let py = self.py;
        let class = py.get_type::<PyInt>();
        let bits: usize = class.ask_method(intern!(py, "bit_length"), (int,))?.extract()?;
        let signed = pyo3::types::PyDict::new(py);
        signed.set_item(intern!(py, "signed"), true)?;
        let arguments = (int, bits / 8 + 1, "little").into_pyobject(py)?;
        let bytes = class.getattr(intern!(py, "to_bytes"))?.ask_with(&arguments, Some(&signed))?;
        self.out.big_int(bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes());
        Ok(())
    }

    fn block(&mut self, view: &Bound<'py, PyAny>) -> Encoded<()> {
        let view = view.cast::<PyMemoryView>().map_err(PyErr::from)?;
        let buffer = pyo3::buffer::PyBuffer::<u8>::get(view)?;
        if !buffer.is_c_contiguous() {
            return Err(Refusal::of(view, "it is not contiguous"));
        }
        // SAFETY: it is contiguous, and nobody writes to it while this thread is attached.
        self.out.block(unsafe { std::slice::from_raw_parts(buffer.buf_ptr().cast(), buffer.len_bytes()) });
        Ok(())
    }

    /// Writes what holds others, unless it was written before.
    ///
    /// # Safety
    /// The object is held.
    #[inline]
    unsafe fn inside(
        &mut self,
        object: Pointer,
        is_once: bool,
        grows: Grows,
        write: unsafe fn(&mut Self, Pointer) -> Encoded<()>,
    ) -> Encoded<()> {
        // SAFETY: by the caller's promise.
        unsafe {
            let met = self.meet(object, is_once, grows)?;
            if matches!(met, Met::Again) {
                return Ok(());
            }
            let before = std::mem::take(&mut self.weight);
            self.down(object)?;
            write(self, object)?;
            self.levels -= 1;
            if matches!(met, Met::First) {
                self.memo.weigh(object, self.weight);
            }
            self.weight = self.weight.saturating_add(before);
        }
        Ok(())
    }

    /// # Safety
    /// The object is held.
    #[inline]
    unsafe fn meet(&mut self, object: Pointer, is_once: bool, grows: Grows) -> Encoded<Met> {
        if object == self.root {
            if self.levels == 0 {
                return Ok(Met::Once);
            }
            // SAFETY: the root is alive.
            unsafe { self.refer(object, 0, None, grows)? };
            return Ok(Met::Again);
        }
        if is_once {
            return Ok(Met::Once);
        }
        if let Some(met) = self.memo.find(object) {
            let (number, weight) = (met.number, met.weight);
            // SAFETY: by the caller's promise.
            unsafe { self.refer(object, number, weight, grows)? };
            return Ok(Met::Again);
        }
        self.out.mark();
        // SAFETY: likewise.
        unsafe { self.memo.note(object) };
        Ok(Met::First)
    }

    /// Refers to something that was met before; it has no weight if it is not complete.
    ///
    /// # Safety
    /// The object is alive.
    unsafe fn refer(&mut self, object: Pointer, number: usize, weight: Option<u64>, grows: Grows) -> Encoded<()> {
        if weight.is_none() {
            // SAFETY: by the caller's promise.
            let object = unsafe { borrow(self.py, object) };
            if grows == Grows::No {
                return Err(Refusal::of(&object, "it holds itself, and could not be put together so"));
            }
            if self.keys > 0 {
                return Err(Refusal::of(&object, "it is part of a key of something that it holds itself"));
            }
        }
        self.weight = self.weight.saturating_add(weight.unwrap_or(0));
        self.out.reference(number);
        Ok(())
    }

    #[inline]
    unsafe fn down(&mut self, object: Pointer) -> Encoded<()> {
        self.levels += 1;
        if self.levels > MOST_LEVELS {
            // SAFETY: by the caller's promise.
            let object = unsafe { borrow(self.py, object) };
            return Err(Refusal::of(&object, format!("it lies more than {MOST_LEVELS} levels deep")));
        }
        Ok(())
    }

    unsafe fn dict(&mut self, dict: Pointer) -> Encoded<()> {
        let (mut at, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the dict is held; what is found in it is alive until Python code runs, and what is looked at later is held too.
        unsafe {
            let count = ffi::PyDict_Size(dict) as usize;
            self.out.dict(count);
            let mut left = count;
            while ffi::PyDict_Next(dict, &mut at, &mut key, &mut value) != 0 {
                left = left.checked_sub(1).ok_or_else(|| self.changed(dict))?;
                if ffi::Py_TYPE(key) == class!(PyUnicode_Type) {
                    self.text(key, true);
                    if is_leaf(value) {
                        // Nothing runs, and nothing is refused.
                        self.node(value)?;
                        continue;
                    }
                    let key = Object::from_borrowed(key);
                    self.node(value).behind(|| Step::Item(key))?;
                } else {
                    let (key, value) = (Object::from_borrowed(key), HeldOnce::of(value));
                    self.key(key.as_ptr()).behind(|| Step::Key)?;
                    self.again(&value).behind(|| Step::Item(key))?;
                }
            }
            if left == 0 && ffi::PyDict_Size(dict) as usize == count { Ok(()) } else { Err(self.changed(dict)) }
        }
    }

    /// Writes a key, or an element of a set.
    ///
    /// # Safety
    /// The object is held.
    unsafe fn key(&mut self, key: Pointer) -> Encoded<()> {
        let before = std::mem::take(&mut self.weight);
        self.keys += 1;
        // SAFETY: by the caller's promise.
        unsafe { self.node(key)? };
        self.keys -= 1;
        let weight = self.weight;
        self.weight = weight.saturating_add(before);
        if !self.hashing.may(weight, self.out.len()) {
            // SAFETY: likewise.
            let key = unsafe { borrow(self.py, key) };
            return Err(Refusal::of(&key, "to hash it takes too long for what it is"));
        }
        Ok(())
    }

    unsafe fn list(&mut self, list: Pointer) -> Encoded<()> {
        // SAFETY: the list is held, and its length is looked at before each element.
        unsafe {
            let count = ffi::PyList_GET_SIZE(list);
            self.out.list(count as usize);
            for place in 0..count {
                if ffi::PyList_GET_SIZE(list) != count {
                    return Err(self.changed(list));
                }
                self.node(ffi::PyList_GET_ITEM(list, place)).behind(|| Step::Index(place as usize))?;
            }
            if ffi::PyList_GET_SIZE(list) == count { Ok(()) } else { Err(self.changed(list)) }
        }
    }

    unsafe fn tuple(&mut self, tuple: Pointer) -> Encoded<()> {
        // SAFETY: the tuple is held, and so are its elements.
        unsafe {
            let count = ffi::PyTuple_GET_SIZE(tuple);
            self.out.tuple(count as usize);
            for place in 0..count {
                self.node(ffi::PyTuple_GET_ITEM(tuple, place)).behind(|| Step::Index(place as usize))?;
            }
        }
        Ok(())
    }

    unsafe fn set(&mut self, set: Pointer) -> Encoded<()> {
        // SAFETY: the set is held, and so is what its iterator gives.
        unsafe {
            let count = ffi::PySet_Size(set) as usize;
            if ffi::Py_TYPE(set) == class!(PySet_Type) {
                self.out.set(count)
            } else {
                self.out.frozen_set(count)
            }
            let mut left = count;
            for element in borrow(self.py, set).try_iter()? {
                let element = element?;
                left = left.checked_sub(1).ok_or_else(|| self.changed(set))?;
                self.key(element.as_ptr()).behind(|| Step::Element)?;
            }
            if left == 0 { Ok(()) } else { Err(self.changed(set)) }
        }
    }

    unsafe fn byte_array(&mut self, array: Pointer) -> Encoded<()> {
        // SAFETY: the array is held, and no Python code runs while it is copied.
        let bytes = unsafe {
            let length = ffi::PyByteArray_Size(array) as usize;
            std::slice::from_raw_parts(ffi::PyByteArray_AsString(array).cast::<u8>(), length)
        };
        self.out.byte_array(bytes);
        Ok(())
    }

    #[cold]
    unsafe fn changed(&self, object: Pointer) -> Box<Refusal> {
        // SAFETY: the object is held.
        let object = unsafe { borrow(self.py, object) };
        Refusal::of(&object, "it was changed while it was encoded")
    }

    /// Writes what is of no type that is written at sight.
    unsafe fn object(&mut self, object: &Object, is_once: bool) -> Encoded<()> {
        let bound = object.bind(self.py);
        let place = self.class_of(&bound)?;
        match self.classes[place].way.clone() {
            FreezeRule::Object(plan) if plan.kind == Kind::Fields => {
                // SAFETY: it is held.
                let met = unsafe { self.meet(object.as_ptr(), is_once, Grows::Yes)? };
                self.made_of(&bound, met, |this| this.fields(&bound, place, &plan))
            }
            FreezeRule::Object(plan) if plan.kind == Kind::Enumeration => self.enumeration(&bound, place, &plan),
            FreezeRule::Object(plan) => {
                // SAFETY: it is held.
                let met = unsafe { self.meet(object.as_ptr(), is_once, Grows::No)? };
                self.made_of(&bound, met, |this| match plan.kind {
                    Kind::Tuple => this.named_tuple(&bound, place, &plan),
                    _ => this.own(&bound, place, &plan),
                })
            }
            FreezeRule::Special(kind, parts) => {
                // SAFETY: it is held.
                let met = unsafe { self.meet(object.as_ptr(), is_once || LEAVES.contains(&kind), Grows::No)? };
                self.made_of(&bound, met, |this| this.special(&bound, kind, &parts))
            }
            FreezeRule::Day | FreezeRule::Moment | FreezeRule::Clock | FreezeRule::Span => self.time(&bound),
        }
    }

    fn made_of(
        &mut self,
        object: &Bound<'py, PyAny>,
        met: Met,
        write: impl FnOnce(&mut Self) -> Encoded<()>,
    ) -> Encoded<()> {
        if matches!(met, Met::Again) {
            return Ok(());
        }
        let before = self.weight;
        // SAFETY: it is held.
        unsafe { self.down(object.as_ptr())? };
        write(self)?;
        self.levels -= 1;
        if matches!(met, Met::First) {
            self.memo.weigh(object.as_ptr(), self.weight - before);
        }
        Ok(())
    }

    /// The place of the class among those that were met.
    fn class_of(&mut self, object: &Bound<'py, PyAny>) -> Encoded<usize> {
        let class = object.get_type();
        if let Some(place) = self.classes.iter().position(|met| met.address == class.as_ptr()) {
            return Ok(place);
        }
        let Some(way) = self.known.way(&class)? else {
            return Err(Refusal::of(object, self.known.advice(&class)?));
        };
        self.classes.push(Class { address: class.as_ptr(), way, number: None });
        Ok(self.classes.len() - 1)
    }

    /// The number of a class in the payload, and whether it is new there.
    fn numbered(&mut self, place: usize) -> (usize, bool) {
        let next = self.classes.iter().filter(|class| class.number.is_some()).count();
        let number = self.classes[place].number.get_or_insert(next);
        (*number, *number == next)
    }

    fn begin(&mut self, place: usize, plan: &Plan) {
        let (number, is_new) = self.numbered(place);
        self.out.object(number, is_new.then(|| plan.described()).as_ref());
    }

    fn fields(&mut self, object: &Bound<'py, PyAny>, place: usize, plan: &Plan) -> Encoded<()> {
        let taken = plan.take(object)?;
        let keys = if plan.hashes_by_identity { std::mem::take(&mut self.keys) } else { self.keys };
        if taken.is_whole() {
            self.begin(place, plan);
            for (field, value) in plan.fields.iter().zip(taken.fields.into_iter().flatten()) {
                self.held(value).behind(|| Step::Attribute(field.name.clone()))?;
            }
        } else {
            self.partial(object, place, plan, taken)?;
        }
        self.keys = keys;
        Ok(())
    }

    fn partial(&mut self, object: &Bound<'py, PyAny>, place: usize, plan: &Plan, taken: plan::Taken) -> Encoded<()> {
        let names = plan.fields.iter().map(|field| field.name.clone());
        let there = names.zip(taken.fields).filter_map(|(name, value)| value.map(|value| (name, value)));
        let all: Vec<_> = there.chain(taken.more).collect();
        let (number, is_new) = self.numbered(place);
        self.out.partial(number, is_new.then(|| plan.described()).as_ref(), all.len());
        for (name, value) in all {
            // SAFETY: it is held.
            unsafe {
                if ffi::Py_TYPE(name.as_ptr()) != class!(PyUnicode_Type) {
                    return Err(Refusal::of(object, "it has an attribute whose name is no text"));
                }
                self.weight += 1;
                self.text(name.as_ptr(), true);
            }
            self.held(value).behind(|| Step::Attribute(name))?;
        }
        Ok(())
    }

    fn named_tuple(&mut self, object: &Bound<'py, PyAny>, place: usize, plan: &Plan) -> Encoded<()> {
        // SAFETY: the class is one of tuples.
        let items = unsafe { plan::items(object.as_ptr()) };
        if items.len() != plan.fields.len() || !plan.is_dict_empty(object)? {
            return Err(Refusal::of(object, "it holds more or less than its fields"));
        }
        self.begin(place, plan);
        for (field, value) in plan.fields.iter().zip(items) {
            self.held(value).behind(|| Step::Attribute(field.name.clone()))?;
        }
        Ok(())
    }

    /// Writes what is held by its container and by the walk.
    fn held(&mut self, value: Object) -> Encoded<()> {
        // SAFETY: it is held.
        unsafe { self.again(&HeldOnce { is_once: ffi::Py_REFCNT(value.as_ptr()) == 2, value }) }
    }

    /// Writes what was held before it was known whether anybody else refers to it.
    unsafe fn again(&mut self, held: &HeldOnce) -> Encoded<()> {
        // SAFETY: it is held.
        unsafe {
            let object = held.value.as_ptr();
            if is_leaf(object) {
                return self.node(object);
            }
            self.weight += 1;
            self.other(object, held.is_once)
        }
    }

    fn enumeration(&mut self, object: &Bound<'py, PyAny>, place: usize, plan: &Plan) -> Encoded<()> {
        self.begin(place, plan);
        self.asked(object, plan.encode.as_ref())
    }

    fn own(&mut self, object: &Bound<'py, PyAny>, place: usize, plan: &Plan) -> Encoded<()> {
        self.begin(place, plan);
        self.asked(object, plan.encode.as_ref()).behind(|| Step::Content)
    }

    fn special(&mut self, object: &Bound<'py, PyAny>, kind: u8, parts: &Object) -> Encoded<()> {
        self.out.special(kind);
        self.specials += 1;
        let done = self.asked(object, Some(parts));
        self.specials -= 1;
        if IS_ITS_CONTENT.contains(&kind) { done } else { done.behind(|| Step::Content) }
    }

    /// Writes what an object says that it is made of.
    fn asked(&mut self, object: &Bound<'py, PyAny>, parts: Option<&Object>) -> Encoded<()> {
        let Some(parts) = parts else { return Err(Refusal::of(object, "its class has no codec")) };
        let content = parts.bind(self.py).ask((object,))?;
        // SAFETY: it is held here, and nobody else needs to be told from.
        unsafe { self.node(content.as_ptr()) }
    }

    fn time(&mut self, object: &Bound<'py, PyAny>) -> Encoded<()> {
        let py = self.py;
        if let Ok(moment) = object.cast_exact::<PyDateTime>() {
            self.out.moment(times::day_of(moment), times::clock_of(moment));
            return self.zone(&times::zone_of(moment, py));
        }
        if let Ok(day) = object.cast_exact::<PyDate>() {
            self.out.day(times::day_of(day));
        } else if let Ok(clock) = object.cast_exact::<PyTime>() {
            self.out.clock(times::clock_of(clock));
            return self.zone(&times::zone_of(clock, py));
        } else {
            self.out.span(times::span_of(object.cast_exact::<PyDelta>().map_err(PyErr::from)?));
        }
        Ok(())
    }

    fn zone(&mut self, zone: &Object) -> Encoded<()> {
        if times::is_utc(&zone.bind(self.py))? {
            self.weight += 1;
            self.out.utc();
            return Ok(());
        }
        // SAFETY: it is held.
        unsafe { self.node(zone.as_ptr()) }
            .behind(|| Step::Attribute(intern!(self.py, "tzinfo").clone().into_any().into()))
    }
}

/// Kinds that nobody can tell from their equals, and that hold nothing.
const LEAVES: std::ops::RangeInclusive<u8> = 3..=12;

/// Kinds that are made of one container, whose steps are theirs.
const IS_ITS_CONTENT: [u8; 2] = [13, 14];

/// Something that is held, and whether nobody else but its container refers to it.
struct HeldOnce {
    value: Object,
    is_once: bool,
}

impl HeldOnce {
    /// # Safety
    /// The object is alive.
    unsafe fn of(object: Pointer) -> Self {
        // SAFETY: by the caller's promise.
        unsafe { Self { is_once: ffi::Py_REFCNT(object) == 1, value: Object::from_borrowed(object) } }
    }
}

/// Whether an object is written at sight.
///
/// # Safety
/// The object is alive.
#[inline]
unsafe fn is_leaf(object: Pointer) -> bool {
    // SAFETY: by the caller's promise.
    unsafe {
        let class = ffi::Py_TYPE(object);
        class == class!(PyUnicode_Type)
            || class == class!(PyLong_Type)
            || class == class!(PyFloat_Type)
            || class == class!(PyBool_Type)
            || object == ffi::Py_None()
    }
}
