//! How objects of a class are taken apart and put together, as `hotset._values` has found out.

use hotset::codec::value::class::{Class, Kind};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use smallvec::SmallVec;

use crate::ffi::class;
use crate::ffi::foreign::{Foreign, done};
use crate::ffi::live::Live;
use crate::ffi::object::Object;

/// A field of a class.
pub(super) struct Field {
    pub(super) name: Object,
    text: String,
    /// What reads and writes it, if it is not in the object's `__dict__`.
    slot: Option<Object>,
}

/// How objects of a class are taken apart and put together.
pub(super) struct Plan {
    pub(super) class: Object,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) fields: Vec<Field>,
    /// Slots that are no fields.
    others: Vec<(Object, Object)>,
    has_dict: bool,
    /// How many fields are in the `__dict__`.
    in_dict: usize,
    /// Whether something of the class stands in the way of writing attributes as usual.
    is_direct: bool,
    /// What makes an empty object, where it is not done as usual.
    make: Option<Object>,
    /// What takes objects apart and puts them together, for classes that are not made of fields.
    pub(super) encode: Option<Object>,
    pub(super) decode: Option<Object>,
    /// Whether the hash of an object says nothing of its fields.
    pub(super) hashes_by_identity: bool,
}

/// What an object is made of.
#[derive(Default)]
pub(super) struct Taken {
    /// The fields; none where one has no value.
    pub(super) fields: SmallVec<[Option<Object>; 8]>,
    /// Other attributes.
    pub(super) more: Vec<(Object, Object)>,
}

impl Taken {
    pub(super) fn is_whole(&self) -> bool {
        self.more.is_empty() && self.fields.iter().all(Option::is_some)
    }
}

impl Plan {
    /// What a `Shape` of `hotset._values` says.
    pub(super) fn of(shape: &Bound<'_, PyAny>) -> PyResult<Self> {
        let optional = |name: &Bound<'_, PyString>| -> PyResult<Option<Object>> {
            let found = shape.getattr(name)?;
            Ok(if found.is_none() { None } else { Some(Object::from(found)) })
        };
        let py = shape.py();
        let class = shape.getattr(intern!(py, "cls"))?;
        let fields = shape.getattr(intern!(py, "fields"))?.try_iter()?.map(|pair| Field::of(&pair?));
        let fields: Vec<_> = fields.collect::<PyResult<_>>()?;
        let others = shape.getattr(intern!(py, "others"))?.try_iter()?;
        let others = others.map(|pair| pair?.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>());
        let kind = Kind::of(shape.getattr(intern!(py, "kind"))?.extract()?).unwrap_or(Kind::Own);
        Ok(Self {
            name: shape.getattr(intern!(py, "name"))?.extract()?,
            kind,
            in_dict: fields.iter().filter(|field| field.slot.is_none()).count(),
            fields,
            others: others.map(|pair| pair.map(|(name, slot)| (name.into(), slot.into()))).collect::<PyResult<_>>()?,
            has_dict: shape.getattr(intern!(py, "has_dict"))?.ask_truth()?,
            is_direct: shape.getattr(intern!(py, "is_direct"))?.ask_truth()?,
            make: optional(intern!(py, "make"))?,
            encode: optional(intern!(py, "encode"))?,
            decode: optional(intern!(py, "decode"))?,
            hashes_by_identity: hashes_by_identity(class.as_ptr().cast()),
            class: class.into(),
        })
    }

    /// What a payload says of the class.
    pub(super) fn described(&self) -> Class<'_> {
        Class { name: &self.name, kind: self.kind, fields: self.fields.iter().map(|field| &*field.text).collect() }
    }

    /// Whether a payload says the same of the class.
    pub(super) fn is(&self, class: &Class<'_>) -> bool {
        let fields = self.fields.iter().map(|field| &*field.text);
        self.kind == class.kind && (!self.kind.has_fields() || fields.eq(class.fields.iter().copied()))
    }

    /// Takes an object of the class apart.
    pub(super) fn take(&self, object: &Bound<'_, PyAny>) -> PyResult<Taken> {
        let mut taken = Taken::default();
        for field in &self.fields {
            taken.fields.push(field.slot.as_ref().map_or(Ok(None), |slot| read(slot, object))?);
        }
        for (name, slot) in &self.others {
            // What a built-in exception has not got is None, and is no more that if it is set.
            if let Some(value) = read(slot, object)?.filter(|value| self.make.is_none() || !Live::of(value).is_none()) {
                taken.more.push((name.clone(), value));
            }
        }
        if self.has_dict {
            self.take_dict(object, &mut taken)?;
        }
        Ok(taken)
    }

    fn take_dict(&self, object: &Bound<'_, PyAny>, taken: &mut Taken) -> PyResult<()> {
        let dict = dict_of(object)?;
        let mut fields = (0..self.fields.len()).filter(|&number| self.fields[number].slot.is_none());
        for (name, value) in dict.iter() {
            let is = |number: usize| self.fields[number].name.as_ptr() == name.as_ptr();
            // In most objects they are in the order of the class.
            let number = fields.next().filter(|&number| is(number)).or_else(|| self.number(&name));
            match number {
                Some(number) => taken.fields[number] = Some(value.into()),
                None if is_left_out(&name) => {}
                None => taken.more.push((name.into(), value.into())),
            }
        }
        Ok(())
    }

    fn number(&self, name: &Bound<'_, PyAny>) -> Option<usize> {
        let name = name.cast_exact::<PyString>().ok()?.to_str().ok()?;
        self.fields.iter().position(|field| field.slot.is_none() && field.text == name)
    }

    /// An object of the class without fields. None of its methods is called.
    pub(super) fn empty<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(make) = &self.make {
            return make.bind(py).ask(());
        }
        let arguments = pyo3::types::PyTuple::empty(py);
        // SAFETY: what `object` does to make an object of a class that is made of attributes only.
        unsafe {
            let new = (*class!(PyBaseObject_Type)).tp_new.unwrap_unchecked();
            let made = new(self.class.as_ptr().cast(), arguments.as_ptr(), std::ptr::null_mut());
            Bound::from_owned_ptr_or_err(py, made)
        }
    }

    /// Writes a field.
    pub(super) fn write(&self, number: usize, object: &Bound<'_, PyAny>, value: &Object) -> PyResult<()> {
        let field = &self.fields[number];
        match &field.slot {
            Some(slot) => write(slot, object, value),
            None if self.is_direct => dict_of(object)?.set_item(field.name.bind(object.py()), value.bind(object.py())),
            // SAFETY: all are alive, and nothing of the class is in the way, so that it goes into the `__dict__`.
            None => unsafe {
                done(object.py(), ffi::PyObject_GenericSetAttr(object.as_ptr(), field.name.as_ptr(), value.as_ptr()))
            },
        }
    }

    /// Writes an attribute by its name; whether there can be one.
    pub(super) fn write_named(&self, name: &Object, object: &Bound<'_, PyAny>, value: &Object) -> PyResult<bool> {
        let name = name.bind(object.py());
        let text = name.cast::<PyString>()?.to_str()?;
        if let Some(number) = self.fields.iter().position(|field| field.text == text) {
            return self.write(number, object, value).map(|()| true);
        }
        for (other, slot) in &self.others {
            if other.bind(object.py()).cast::<PyString>()?.to_str()? == text {
                return write(slot, object, value).map(|()| true);
            }
        }
        if self.has_dict {
            dict_of(object)?.set_item(name, value.bind(object.py()))?;
        }
        Ok(self.has_dict)
    }

    /// How many fields are in the `__dict__`, if there is one.
    pub(super) fn is_dict_empty(&self, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(!self.has_dict || dict_of(object)?.len() == self.in_dict)
    }
}

impl Field {
    fn of(pair: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (name, slot) = pair.extract::<(Bound<'_, PyString>, Option<Bound<'_, PyAny>>)>()?;
        let text = name.to_str()?.to_owned();
        Ok(Self { name: PyString::intern(pair.py(), &text).into_any().into(), text, slot: slot.map(Into::into) })
    }
}

/// Whether an attribute says nothing of a value: which alias of a generic class has made it.
fn is_left_out(name: &Bound<'_, PyAny>) -> bool {
    name.cast_exact::<PyString>().is_ok_and(|name| name == "__orig_class__")
}

fn hashes_by_identity(cls: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: types are alive and initialised.
    let (own, plain) = unsafe { ((*cls).tp_hash, (*class!(PyBaseObject_Type)).tp_hash) };
    own.map(|slot| slot as usize) == plain.map(|slot| slot as usize)
}

/// The `__dict__` of an object, also where its class shows another one.
fn dict_of<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    // SAFETY: the object is alive, and its class has room for a dict; what is returned is new, or null.
    let dict = unsafe {
        Object::from_result(object.py(), ffi::PyObject_GenericGetDict(object.as_ptr(), std::ptr::null_mut()))?
    };
    Ok(dict.into_bound(object.py()).cast_into::<PyDict>()?)
}

/// What a slot holds, if it holds anything.
fn read(slot: &Object, object: &Bound<'_, PyAny>) -> PyResult<Option<Object>> {
    let py = object.py();
    // SAFETY: the slot is a descriptor of C's for objects of this class, and both are alive.
    let value = unsafe {
        let slot = slot.as_ptr();
        let get = (*ffi::Py_TYPE(slot)).tp_descr_get.unwrap_unchecked();
        Object::from_result(py, get(slot, object.as_ptr(), ffi::Py_TYPE(object.as_ptr()).cast()))
    };
    match value {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_instance_of::<pyo3::exceptions::PyAttributeError>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(slot: &Object, object: &Bound<'_, PyAny>, value: &Object) -> PyResult<()> {
    // SAFETY: as for `read`.
    unsafe {
        let set = (*ffi::Py_TYPE(slot.as_ptr())).tp_descr_set.unwrap_unchecked();
        done(object.py(), set(slot.as_ptr(), object.as_ptr(), value.as_ptr()))
    }
}
