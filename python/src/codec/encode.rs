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
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDate, PyDateTime, PyDelta, PyDict, PyFloat, PyFrozenSet, PyInt, PyList,
    PyMemoryView, PySet, PyString, PyTime, PyTuple,
};
use smallvec::SmallVec;

use crate::codec::known::{Form, Known};
use crate::codec::memo::{Hashing, Memo};
use crate::codec::names::Written;
use crate::codec::plan::{self, Plan};
use crate::codec::refusal::{Behind, Encoded, Refusal, Step};
use crate::codec::text::Characters;
use crate::codec::times;
use crate::ffi::Pointer;
use crate::ffi::foreign::Foreign;
use crate::ffi::live::Live;
use crate::ffi::object::{Object, borrow};
use crate::key::layout::{IntRef, TextRef};

/// Something to write.
type Given<'a, 'py> = Borrowed<'a, 'py, PyAny>;

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
    way: Form,
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
    encoder.node(value.as_borrowed()).map_err(|refusal| refusal.raised(value.py()))
}

impl<'py> Encoder<'_, 'py> {
    /// Writes something. It may be borrowed of what Python code could change: it is held before any runs.
    #[inline]
    fn node(&mut self, object: Given<'_, 'py>) -> Encoded<()> {
        self.weight = self.weight.saturating_add(1);
        if let Some(text) = TextRef::of(Live::bound(&object)) {
            self.text(text, text.state().is_interned());
        } else if let Ok(int) = object.cast_exact::<PyInt>() {
            self.int(&int)?;
        } else if object.is_none() {
            self.out.nothing();
        } else if let Ok(truth) = object.cast_exact::<PyBool>() {
            self.out.bool(truth.is_true());
        } else if let Ok(float) = object.cast_exact::<PyFloat>() {
            self.out.float(float.value());
        } else {
            // So that it is there until it is written, whatever runs meanwhile. The reference must not count as one of the value's.
            let is_once = Live::bound(&object).references() == 1;
            return self.other(&object.to_owned(), is_once);
        }
        Ok(())
    }

    fn other(&mut self, object: &Bound<'py, PyAny>, is_once: bool) -> Encoded<()> {
        if let Ok(dict) = object.cast_exact::<PyDict>() {
            self.inside(object, is_once, Grows::Yes, |this| this.dict(dict))
        } else if let Ok(list) = object.cast_exact::<PyList>() {
            self.inside(object, is_once, Grows::Yes, |this| this.list(list))
        } else if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            self.inside(object, is_once, Grows::No, |this| this.tuple(tuple))
        } else if let Ok(bytes) = object.cast_exact::<PyBytes>() {
            self.out.bytes(bytes.as_bytes());
            Ok(())
        } else if let Ok(set) = object.cast_exact::<PySet>() {
            self.inside(object, is_once, Grows::Yes, |this| {
                this.out.set(set.len());
                this.elements(object, set.len())
            })
        } else if let Ok(set) = object.cast_exact::<PyFrozenSet>() {
            self.inside(object, is_once, Grows::No, |this| {
                this.out.frozen_set(set.len());
                this.elements(object, set.len())
            })
        } else if let Ok(array) = object.cast_exact::<PyByteArray>() {
            self.inside(object, is_once, Grows::Yes, |this| {
                // SAFETY: no Python code runs while it is copied.
                this.out.byte_array(unsafe { array.as_bytes() });
                Ok(())
            })
        } else if object.is_exact_instance_of::<PyMemoryView>() && self.specials > 0 {
            self.block(object)
        } else {
            self.object(object, is_once)
        }
    }

    #[inline]
    fn text(&mut self, text: TextRef<'_>, is_name: bool) {
        let characters = Characters::of(text);
        if is_name && let Some(number) = self.names.number(text) {
            return self.out.named(number);
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

    #[inline]
    fn int(&mut self, int: &Bound<'py, PyInt>) -> Encoded<()> {
        match IntRef::of(Live::bound(int)).and_then(IntRef::small) {
            Some(small) => self.out.int(small),
            None => self.big_int(int)?,
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
    #[inline]
    fn inside(
        &mut self,
        object: &Bound<'py, PyAny>,
        is_once: bool,
        grows: Grows,
        write: impl FnOnce(&mut Self) -> Encoded<()>,
    ) -> Encoded<()> {
        let met = self.meet(object, is_once, grows)?;
        if matches!(met, Met::Again) {
            return Ok(());
        }
        let before = std::mem::take(&mut self.weight);
        self.down(object)?;
        write(self)?;
        self.levels -= 1;
        if matches!(met, Met::First) {
            self.memo.weigh(object, self.weight);
        }
        self.weight = self.weight.saturating_add(before);
        Ok(())
    }

    #[inline]
    fn meet(&mut self, object: &Bound<'py, PyAny>, is_once: bool, grows: Grows) -> Encoded<Met> {
        if object.as_ptr() == self.root {
            if self.levels == 0 {
                return Ok(Met::Once);
            }
            self.refer(object, 0, None, grows)?;
            return Ok(Met::Again);
        }
        if is_once {
            return Ok(Met::Once);
        }
        if let Some(met) = self.memo.find(object) {
            let (number, weight) = (met.number, met.weight);
            self.refer(object, number, weight, grows)?;
            return Ok(Met::Again);
        }
        self.out.mark();
        self.memo.note(object);
        Ok(Met::First)
    }

    /// Refers to something that was met before; it has no weight if it is not complete.
    fn refer(&mut self, object: &Bound<'py, PyAny>, number: usize, weight: Option<u64>, grows: Grows) -> Encoded<()> {
        if weight.is_none() {
            if grows == Grows::No {
                return Err(Refusal::of(object, "it holds itself, and could not be put together so"));
            }
            if self.keys > 0 {
                return Err(Refusal::of(object, "it is part of a key of something that it holds itself"));
            }
        }
        self.weight = self.weight.saturating_add(weight.unwrap_or(0));
        self.out.reference(number);
        Ok(())
    }

    #[inline]
    fn down(&mut self, object: &Bound<'py, PyAny>) -> Encoded<()> {
        self.levels += 1;
        if self.levels > MOST_LEVELS {
            return Err(Refusal::of(object, format!("it lies more than {MOST_LEVELS} levels deep")));
        }
        Ok(())
    }

    fn dict(&mut self, dict: &Bound<'py, PyDict>) -> Encoded<()> {
        let count = dict.len();
        self.out.dict(count);
        let (mut left, mut at) = (count, 0);
        while let Some((key, value)) = next_item(dict, &mut at) {
            left = left.checked_sub(1).ok_or_else(|| changed(dict))?;
            if let Some(name) = TextRef::of(Live::bound(&key)) {
                self.text(name, true);
                if is_leaf(value) {
                    // Nothing runs, and nothing is refused.
                    self.node(value)?;
                    continue;
                }
                let key = Object::of(&key);
                self.node(value).behind(|| Step::Item(key))?;
            } else {
                let (key, value) = (Object::of(&key), HeldOnce::of(value));
                self.key(key.bind(self.py).as_borrowed()).behind(|| Step::Key)?;
                self.again(&value).behind(|| Step::Item(key))?;
            }
        }
        if left == 0 && dict.len() == count { Ok(()) } else { Err(changed(dict)) }
    }

    /// Writes a key, or an element of a set.
    fn key(&mut self, key: Given<'_, 'py>) -> Encoded<()> {
        let before = std::mem::take(&mut self.weight);
        self.keys += 1;
        self.node(key)?;
        self.keys -= 1;
        let weight = self.weight;
        self.weight = weight.saturating_add(before);
        if !self.hashing.may(weight, self.out.len()) {
            return Err(Refusal::of(&key, "to hash it takes too long for what it is"));
        }
        Ok(())
    }

    fn list(&mut self, list: &Bound<'py, PyList>) -> Encoded<()> {
        let count = list.len();
        self.out.list(count);
        for place in 0..count {
            let Some(element) = element(list, place).filter(|_| list.len() == count) else { return Err(changed(list)) };
            self.node(element).behind(|| Step::Index(place))?;
        }
        if list.len() == count { Ok(()) } else { Err(changed(list)) }
    }

    fn tuple(&mut self, tuple: &Bound<'py, PyTuple>) -> Encoded<()> {
        self.out.tuple(tuple.len());
        for (place, element) in tuple.iter_borrowed().enumerate() {
            self.node(element).behind(|| Step::Index(place))?;
        }
        Ok(())
    }

    /// Writes so many elements of a set.
    fn elements(&mut self, set: &Bound<'py, PyAny>, count: usize) -> Encoded<()> {
        let mut left = count;
        for element in set.try_iter()? {
            left = left.checked_sub(1).ok_or_else(|| changed(set))?;
            self.key(element?.as_borrowed()).behind(|| Step::Element)?;
        }
        if left == 0 { Ok(()) } else { Err(changed(set)) }
    }

    /// Writes what is of no type that is written at sight.
    fn object(&mut self, object: &Bound<'py, PyAny>, is_once: bool) -> Encoded<()> {
        let place = self.class_of(object)?;
        match self.classes[place].way.clone() {
            Form::Object(plan) if plan.kind == Kind::Fields => {
                let met = self.meet(object, is_once, Grows::Yes)?;
                self.made_of(object, met, |this| this.fields(object, place, &plan))
            }
            Form::Object(plan) if plan.kind == Kind::Enumeration => self.enumeration(object, place, &plan),
            Form::Object(plan) => {
                let met = self.meet(object, is_once, Grows::No)?;
                self.made_of(object, met, |this| match plan.kind {
                    Kind::Tuple => this.named_tuple(object, place, &plan),
                    _ => this.own(object, place, &plan),
                })
            }
            Form::Special(kind, parts) => {
                let met = self.meet(object, is_once || LEAVES.contains(&kind), Grows::No)?;
                self.made_of(object, met, |this| this.special(object, kind, &parts))
            }
            Form::Day | Form::Moment | Form::Clock | Form::Span => self.time(object),
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
        self.down(object)?;
        write(self)?;
        self.levels -= 1;
        if matches!(met, Met::First) {
            self.memo.weigh(object, self.weight - before);
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
            let Some(text) = TextRef::of(Live::of(&name)) else {
                return Err(Refusal::of(object, "it has an attribute whose name is no text"));
            };
            self.weight += 1;
            self.text(text, true);
            self.held(value).behind(|| Step::Attribute(name))?;
        }
        Ok(())
    }

    fn named_tuple(&mut self, object: &Bound<'py, PyAny>, place: usize, plan: &Plan) -> Encoded<()> {
        let items: SmallVec<[Object; 8]> =
            object.cast::<PyTuple>().map_err(PyErr::from)?.iter().map(Object::from).collect();
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
        self.again(&HeldOnce { is_once: Live::of(&value).references() == 2, value })
    }

    /// Writes what was held before it was known whether anybody else refers to it.
    fn again(&mut self, held: &HeldOnce) -> Encoded<()> {
        let object = held.value.bind(self.py);
        if is_leaf(object.as_borrowed()) {
            return self.node(object.as_borrowed());
        }
        self.weight += 1;
        self.other(&object, held.is_once)
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
        self.node(content.as_borrowed())
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
        let zone = zone.bind(self.py);
        self.node(zone.as_borrowed()).behind(|| Step::Attribute(intern!(self.py, "tzinfo").clone().into_any().into()))
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
    fn of(object: Given<'_, '_>) -> Self {
        Self { is_once: Live::bound(&object).references() == 1, value: Object::of(&object) }
    }
}

/// Whether an object is written at sight.
#[inline]
fn is_leaf(object: Given<'_, '_>) -> bool {
    object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyInt>()
        || object.is_exact_instance_of::<PyFloat>()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_none()
}

/// The next item of a dict, borrowed of it until Python code runs. Where the dict is changed meanwhile some may be left out.
#[inline]
fn next_item<'a, 'py>(dict: &'a Bound<'py, PyDict>, at: &mut isize) -> Option<(Given<'a, 'py>, Given<'a, 'py>)> {
    let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: what is found in the dict is alive, and whoever gets it holds it before Python code runs.
    unsafe {
        (ffi::PyDict_Next(dict.as_ptr(), at, &mut key, &mut value) != 0)
            .then(|| (borrow(dict.py(), key), borrow(dict.py(), value)))
    }
}

/// The element of a list at a place, if there is one, borrowed of it until Python code runs.
#[inline]
fn element<'a, 'py>(list: &'a Bound<'py, PyList>, place: usize) -> Option<Given<'a, 'py>> {
    // SAFETY: there is such an element, and whoever gets it holds it before Python code runs.
    (place < list.len()).then(|| unsafe { borrow(list.py(), ffi::PyList_GET_ITEM(list.as_ptr(), place as isize)) })
}

#[cold]
fn changed(object: &Bound<'_, PyAny>) -> Box<Refusal> {
    Refusal::of(object, "it was changed while it was encoded")
}
