//! Puts a value together from what was written.
//!
//! Nothing that could be looked at while it is put together has holes in it, since methods of known classes may run in between: `__hash__`
//! and `__eq__` of keys, and codecs of classes that have their own.

use std::sync::Arc;

use hotset::codec::value::class::Kind;
use hotset::codec::value::{Damage, MOST_LEVELS_READ, Reader, Text, Token};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyInt, PyList, PyMemoryView, PySet, PyTuple};
use smallvec::SmallVec;

use crate::codec::known::Known;
use crate::codec::memo::Hashing;
use crate::codec::names;
use crate::codec::plan::Plan;
use crate::codec::refusal::{Decoded, Undecodable};
use crate::codec::{text, times};
use crate::ffi::class;
use crate::ffi::foreign::{Foreign, add_element, set_item, set_text_item};
use crate::ffi::live::Live;
use crate::ffi::make;
use crate::ffi::object::Object;

/// A value that is being put together.
pub(super) struct Decoder<'a, 'py> {
    py: Python<'py>,
    reader: Reader<'a>,
    known: &'a Known,
    /// The object whose bytes are read, which parts of the value may keep.
    owner: Option<&'a Bound<'py, PyAny>>,
    names: SmallVec<[Object; 32]>,
    marked: Vec<Marked>,
    classes: Vec<Arc<Plan>>,
    /// Elements of containers that are not complete.
    stack: Vec<Object>,
    levels: usize,
    /// As when the value was encoded.
    weight: u64,
    hashing: Hashing,
    specials: usize,
}

/// What is remembered.
#[derive(Default)]
struct Marked {
    /// None while it cannot be referred to.
    object: Option<Object>,
    weight: u64,
}

/// How many elements there is room for before any is read.
const FIRST_ELEMENTS: usize = 32;

/// The number under which something is to be remembered.
type Mark = Option<usize>;

/// Puts the value of a payload together.
pub(super) fn decode<'py>(
    py: Python<'py>,
    bytes: &[u8],
    owner: Option<&Bound<'py, PyAny>>,
    known: &Known,
) -> PyResult<Object> {
    known.renew();
    Decoder::begin(py, bytes, owner, known).and_then(Decoder::root).map_err(|error| error.raised(py))
}

impl<'a, 'py> Decoder<'a, 'py> {
    fn begin(
        py: Python<'py>,
        bytes: &'a [u8],
        owner: Option<&'a Bound<'py, PyAny>>,
        known: &'a Known,
    ) -> Decoded<Self> {
        Ok(Self {
            py,
            reader: Reader::new(bytes)?,
            known,
            owner,
            names: SmallVec::new(),
            marked: Vec::new(),
            classes: Vec::new(),
            stack: Vec::with_capacity(FIRST_ELEMENTS),
            levels: 0,
            weight: 0,
            hashing: Hashing::default(),
            specials: 0,
        })
    }

    fn root(mut self) -> Decoded<Object> {
        self.marked.push(Marked::default());
        self.weight = 1;
        let token = self.reader.token()?;
        let root = if self.reader.is_root_referred_to() {
            let token = token.behind_mark()?;
            self.value(token, Some(0))?
        } else {
            self.plain(token)?
        };
        self.reader.end()?;
        Ok(root)
    }

    #[inline]
    fn node(&mut self) -> Decoded<Object> {
        self.weight = self.weight.saturating_add(1);
        let token = self.reader.token()?;
        self.plain(token)
    }

    /// A key, whose text is likely to come again.
    #[inline]
    fn key(&mut self) -> Decoded<Object> {
        let before = self.weight;
        self.weight = before.saturating_add(1);
        let key = match self.reader.token()? {
            Token::Text(text) => return Ok(names::read(self.py, text)?),
            Token::Name(name) => return self.name(name),
            Token::Named(number) => return Ok(self.names[number].clone()),
            token => {
                self.weight = 1;
                self.plain(token)?
            }
        };
        let weight = self.weight;
        self.weight = weight.saturating_add(before);
        if !self.hashing.may(weight, self.reader.position()) {
            return Err(Undecodable::damaged("to hash a key takes too long for what it is"));
        }
        Ok(key)
    }

    #[inline]
    fn plain(&mut self, token: Token<'a>) -> Decoded<Object> {
        let py = self.py;
        match token {
            Token::Text(text) => Ok(text::make(py, text)?),
            Token::Name(name) => self.name(name),
            Token::Named(number) => Ok(self.names[number].clone()),
            Token::Int(value) => Ok(make::int(py, value)?),
            Token::Float(value) => Ok(make::float(py, value)?),
            Token::Nothing => Ok(make::none()),
            Token::Bool(value) => Ok(Object::of(&PyBool::new(py, value))),
            Token::Mark(number) => {
                self.marked.push(Marked::default());
                let token = self.reader.token()?.behind_mark()?;
                self.value(token, Some(number))
            }
            _ => self.value(token, None),
        }
    }

    #[inline]
    fn name(&mut self, name: Text<'_>) -> Decoded<Object> {
        let made = names::read(self.py, name)?;
        self.names.push(made.clone());
        Ok(made)
    }

    /// What may be remembered, and what is seldom met.
    fn value(&mut self, token: Token<'a>, mark: Mark) -> Decoded<Object> {
        let before = std::mem::take(&mut self.weight);
        self.levels += 1;
        if self.levels > MOST_LEVELS_READ {
            return Err(Damage::Depth.into());
        }
        let value = match token {
            Token::List(count) => self.list(count, mark)?,
            Token::Dict(count) => self.dict(count, mark)?,
            Token::Tuple(count) => self.tuple(count)?,
            Token::Set(count) => self.set(count, mark)?,
            Token::FrozenSet(count) => self.frozen_set(count)?,
            Token::Object(number) => self.object(number, mark)?,
            Token::Partial(number, count) => self.partial(number, count, mark)?,
            Token::Special(kind) => self.special(kind)?,
            Token::Reference(number) => self.referred(number)?,
            _ => self.other(token)?,
        };
        self.levels -= 1;
        if let Some(mark) = mark {
            self.marked[mark] = Marked { object: Some(value.clone()), weight: self.weight };
        }
        self.weight = self.weight.saturating_add(before);
        Ok(value)
    }

    fn other(&mut self, token: Token<'a>) -> Decoded<Object> {
        let py = self.py;
        Ok(match token {
            Token::Bytes(bytes) => PyBytes::new(py, bytes).into_any().into(),
            Token::ByteArray(bytes) => PyByteArray::new(py, bytes).into_any().into(),
            Token::BigInt(bytes) => self.big_int(bytes)?,
            Token::CodePoints(bytes) => text::from_points(py, bytes).ok_or(Damage::Text)??,
            Token::Block(bytes) if self.specials > 0 => self.block(bytes)?,
            Token::Day(day) => times::make_day(py, day)?,
            Token::Moment(day, clock) => times::make_moment(&self.node()?.bind(py), day, clock)?,
            Token::Clock(clock) => times::make_clock(&self.node()?.bind(py), clock)?,
            Token::Span(span) => times::make_span(py, span)?,
            Token::Utc => times::utc(py)?,
            _ => return Err(Undecodable::damaged("something stands where it cannot")),
        })
    }

    /// Remembers what is going to grow.
    fn remember(&mut self, mark: Mark, object: &Object) {
        if let Some(mark) = mark {
            self.marked[mark].object = Some(object.clone());
        }
    }

    fn referred(&mut self, number: usize) -> Decoded<Object> {
        let marked = &self.marked[number];
        self.weight = self.weight.saturating_add(marked.weight);
        marked.object.clone().ok_or_else(|| Damage::Reference(number as u64).into())
    }

    fn list(&mut self, count: usize, mark: Mark) -> Decoded<Object> {
        if mark.is_none() {
            let start = self.elements(count)?;
            return Ok(PyList::new(self.py, Taken(self.stack.drain(start..), self.py))?.into_any().into());
        }
        let list = PyList::empty(self.py);
        self.remember(mark, &Object::of(list.as_any()));
        for _ in 0..count {
            let element = self.node()?;
            list.append(element.bind(self.py))?;
        }
        Ok(list.into_any().into())
    }

    fn tuple(&mut self, count: usize) -> Decoded<Object> {
        let start = self.elements(count)?;
        Ok(PyTuple::new(self.py, Taken(self.stack.drain(start..), self.py))?.into_any().into())
    }

    /// Puts elements onto the stack, and tells where they begin.
    fn elements(&mut self, count: usize) -> Decoded<usize> {
        let start = self.stack.len();
        for _ in 0..count {
            let element = self.node()?;
            self.stack.push(element);
        }
        Ok(start)
    }

    fn dict(&mut self, count: usize, mark: Mark) -> Decoded<Object> {
        let dict = make::dict(self.py, count.min(MOST_ROOM))?;
        self.remember(mark, &Object::of(&dict));
        let mut has_other_keys = false;
        for _ in 0..count {
            let key = self.key()?;
            let value = self.node()?;
            has_other_keys |= !Live::of(&key).is_exactly(class!(PyUnicode_Type));
            // Texts are compared without a call into Python.
            if has_other_keys { set_item(&dict, &key, &value)? } else { set_text_item(&dict, &key, &value)? }
        }
        if dict.len() != count {
            return Err(Undecodable::damaged("a dict has the same key twice"));
        }
        Ok(dict.into())
    }

    fn set(&mut self, count: usize, mark: Mark) -> Decoded<Object> {
        let set = PySet::empty(self.py)?;
        self.remember(mark, &Object::of(&set));
        self.add(&set, count)?;
        Ok(set.into())
    }

    fn frozen_set(&mut self, count: usize) -> Decoded<Object> {
        let set = PySet::empty(self.py)?;
        self.add(&set, count)?;
        Ok(make::frozen_set(&set)?)
    }

    fn add(&mut self, set: &Bound<'_, PySet>, count: usize) -> Decoded<()> {
        for _ in 0..count {
            add_element(set, &self.key()?)?;
        }
        if set.len() != count {
            return Err(Undecodable::damaged("a set has the same element twice"));
        }
        Ok(())
    }

    fn big_int(&self, bytes: &[u8]) -> Decoded<Object> {
        let py = self.py;
        let signed = pyo3::types::PyDict::new(py);
        signed.set_item(intern!(py, "signed"), true)?;
        let arguments = (PyBytes::new(py, bytes), "little").into_pyobject(py)?;
        Ok(py.get_type::<PyInt>().getattr(intern!(py, "from_bytes"))?.ask_with(&arguments, Some(&signed))?.into())
    }

    /// Aligned bytes: where they are, if somebody keeps them, or a copy.
    fn block(&self, bytes: &'a [u8]) -> Decoded<Object> {
        let Some(owner) = self.owner else { return Ok(PyBytes::new(self.py, bytes).into_any().into()) };
        let (end, length) = (self.reader.position(), bytes.len());
        let range = pyo3::types::PySlice::new(self.py, (end - length) as isize, end as isize, 1);
        Ok(PyMemoryView::from(owner)?.get_item(range)?.into())
    }

    fn special(&mut self, kind: u8) -> Decoded<Object> {
        let Some(builder) = self.known.builder(self.py, kind)? else {
            return Err(Undecodable::stale(format!("something is of the kind {kind}, which is not known here")));
        };
        self.specials += 1;
        let content = self.node()?;
        self.specials -= 1;
        Ok(builder.bind(self.py).ask((content.bind(self.py),))?.into())
    }

    /// The class of a number in the payload.
    fn plan(&mut self, number: usize) -> Decoded<Arc<Plan>> {
        if let Some(plan) = self.classes.get(number) {
            return Ok(Arc::clone(plan));
        }
        let class = self.reader.class(number);
        let Some(plan) = self.known.named(self.py, class.name)? else {
            return Err(Undecodable::stale(format!(
                "the class {} is not known here: name it in types=, register it with hotset.preview.register_type, or annotate what the \
                 function returns",
                class.name
            )));
        };
        if !plan.is(class) {
            return Err(Undecodable::stale(format!("the class {} had other fields when this was stored", class.name)));
        }
        self.classes.push(Arc::clone(&plan));
        Ok(plan)
    }

    fn object(&mut self, number: usize, mark: Mark) -> Decoded<Object> {
        let plan = self.plan(number)?;
        match plan.kind {
            Kind::Fields => self.fields(&plan, mark),
            Kind::Tuple => self.named_tuple(&plan),
            Kind::Enumeration | Kind::Own => self.own(&plan),
        }
    }

    fn fields(&mut self, plan: &Plan, mark: Mark) -> Decoded<Object> {
        let made = plan.empty(self.py)?;
        self.remember(mark, &Object::of(&made));
        for number in 0..plan.fields.len() {
            let value = self.node()?;
            plan.write(number, &made, &value)?;
        }
        Ok(made.into())
    }

    fn partial(&mut self, number: usize, count: usize, mark: Mark) -> Decoded<Object> {
        let plan = self.plan(number)?;
        let made = plan.empty(self.py)?;
        self.remember(mark, &Object::of(&made));
        for _ in 0..count {
            let name = self.node()?;
            let value = self.node()?;
            let is_text = Live::of(&name).is_exactly(class!(PyUnicode_Type));
            if !is_text || !plan.write_named(&name, &made, &value)? {
                return Err(Undecodable::stale(format!(
                    "objects of {} cannot have an attribute that is stored",
                    plan.name
                )));
            }
        }
        Ok(made.into())
    }

    fn named_tuple(&mut self, plan: &Plan) -> Decoded<Object> {
        let start = self.elements(plan.fields.len())?;
        let items = PyTuple::new(self.py, Taken(self.stack.drain(start..), self.py))?;
        let new = self.py.get_type::<PyTuple>().getattr(intern!(self.py, "__new__"))?;
        Ok(new.ask((plan.class.bind(self.py), items))?.into())
    }

    fn own(&mut self, plan: &Plan) -> Decoded<Object> {
        let content = self.node()?;
        let Some(decode) = &plan.decode else { return Err(Undecodable::damaged("a class has no codec")) };
        Ok(decode.bind(self.py).ask((content.bind(self.py),))?.into())
    }
}

/// Objects, as what containers of PyO3's are made of.
struct Taken<'a, 'py>(std::vec::Drain<'a, Object>, Python<'py>);

impl<'py> Iterator for Taken<'_, 'py> {
    type Item = Bound<'py, PyAny>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|object| object.into_bound(self.1))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Taken<'_, '_> {}

/// Items that a new dict gets room for at once at most.
const MOST_ROOM: usize = 4_096;
