//! Writing containers down for [`Frozen`].

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::create_exception;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyComplex, PyDict, PyFrozenSet, PyList, PyString, PyTuple, PyType};

use crate::ffi::class;
use crate::ffi::foreign::Foreign;
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::hooks::{self, Hook};
use crate::key::exact::{is_itself, keyed_by_address};
use crate::key::frozen::{Frozen, LONGEST};
use crate::key::holder::Holder;
use crate::key::identity::WeakIdentity;
use crate::key::judged::{self, Described, describe, unmasked};
use crate::key::layout::FloatRef;

/// Deeper than this nothing is followed: what is, is a cycle or as good as one.
const DEPTH: usize = 200;

create_exception!(hotset._core, Unkeyable, PyTypeError, "A value that cannot be part of a key.");

/// Whether the class of a value has hashes.
pub(crate) fn is_hashable(value: &Bound<'_, PyAny>) -> bool {
    value.get_type().getattr(intern!(value.py(), "__hash__")).is_ok_and(|hash| !hash.is_none())
}

/// The hash that a value says it has; what its `__hash__` raises comes out.
pub(crate) fn hash_of(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.ask_hash().map_err(|error| if is_hashable(value) { error } else { unhashable(value) })
}

fn unhashable(value: &Bound<'_, PyAny>) -> PyErr {
    let class = value.get_type().qualname().map_or_else(|_| "object".to_owned(), |name| name.to_string());
    Unkeyable::new_err(format!("a {class} is not hashable"))
}

/// What stands for all that is equal to a value.
type Equal<'py> = (Option<Bound<'py, PyString>>, Bound<'py, PyAny>);

/// What was written of an item of a container without an order.
type Written = (Vec<u8>, Vec<Object>);

/// What is one key, and where.
#[derive(Clone, Copy)]
pub(crate) struct FreezeRule {
    /// Whether numbers that compare equal are one key.
    pub(crate) loose: bool,
    /// Whether it is to be the same in every process: classes go by their names, and nothing by its address or by what only it can tell.
    pub(crate) everywhere: bool,
}

/// Writes one argument down.
pub(crate) struct Writer<'a, C> {
    cache: &'a Arc<C>,
    way: FreezeRule,
    bytes: Vec<u8>,
    parts: Vec<Object>,
    met: HashMap<usize, Met>,
    /// Values that were written so far, and those of containers that had been written before.
    written: usize,
    again: usize,
    is_again: bool,
}

/// A container that was written and may come again.
struct Met {
    /// What stands for it; None if it has parts, which have to be there each time.
    digest: Option<Digest>,
    /// So that its address stays its own.
    _held: Object,
}

type Digest = [u8; blake3::OUT_LEN];

/// How often signals are looked at, in values that are written.
const SIGNALS: usize = 1 << 16;
/// The most values that are written once more because the container that they are in comes again.
const MOST_AGAIN: usize = 1 << 20;

impl<'a, C: Holder> Writer<'a, C> {
    fn new(cache: &'a Arc<C>, way: FreezeRule) -> Self {
        let (bytes, parts, met) = (Vec::with_capacity(64), Vec::new(), HashMap::new());
        Self { cache, way, bytes, parts, met, written: 0, again: 0, is_again: false }
    }

    /// Freezes a value, in whatever way its type is keyed.
    pub(crate) fn freeze(value: &Bound<'_, PyAny>, cache: &'a Arc<C>, way: FreezeRule) -> PyResult<Frozen> {
        let mut writer = Self::new(cache, way);
        writer.write(value, 0)?;
        Ok(Frozen::new("container", &writer.bytes, writer.parts))
    }

    /// As [`Writer::freeze`], of what is no built-in and is keyed so.
    pub(crate) fn freeze_described(
        value: &Bound<'_, PyAny>,
        described: Described<'_>,
        cache: &'a Arc<C>,
        way: FreezeRule,
    ) -> PyResult<Frozen> {
        let mut writer = Self::new(cache, way);
        writer.write_described(value, described, 0)?;
        Ok(Frozen::new("object", &writer.bytes, writer.parts))
    }

    fn write(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
        if depth > DEPTH {
            return Err(Unkeyable::new_err("it is nested more than 200 levels deep or contains itself"));
        }
        self.count(value.py())?;
        if self.write_scalar(value)? {
            return Ok(());
        }
        if self.way.loose
            && self.way.everywhere
            && let Some((name, content)) = equals(value)?
        {
            if let Some(name) = name {
                self.tagged(b'=', name.to_str()?.as_bytes());
            }
            return self.write(&content, depth + 1);
        }
        match built_in_tag(Live::bound(value).class()) {
            Some(tag) => self.write_met(value, tag, depth),
            None => self.write_object(value, depth),
        }
    }

    fn count(&mut self, py: Python<'_>) -> PyResult<()> {
        self.written += 1;
        if self.written.is_multiple_of(SIGNALS) {
            py.check_signals()?;
        }
        if self.is_again {
            self.again += 1;
            if self.again > MOST_AGAIN {
                return Err(Unkeyable::new_err("it contains the same containers too often to be written down"));
            }
        }
        Ok(())
    }

    /// Writes a built-in container. Where one takes many bytes a digest stands for them, so that one that comes again does not have to be
    /// written again.
    fn write_met(&mut self, value: &Bound<'_, PyAny>, tag: u8, depth: usize) -> PyResult<()> {
        let address = value.as_ptr() as usize;
        let has_parts = match self.met.get(&address) {
            Some(Met { digest: Some(digest), .. }) => {
                self.bytes.push(b'D');
                self.bytes.extend(digest);
                return Ok(());
            }
            met => met.is_some(),
        };
        let (start, parts, was_again) = (self.bytes.len(), self.parts.len(), self.is_again);
        self.is_again |= has_parts;
        self.bytes.extend([tag, 0]);
        self.write_built_in(value, depth)?;
        self.is_again = was_again;
        if self.bytes.len() - start <= LONGEST {
            return Ok(());
        }
        let digest: Digest = blake3::hash(&self.bytes[start..]).into();
        self.bytes.truncate(start);
        self.bytes.push(b'D');
        self.bytes.extend(digest);
        if !has_parts && Live::bound(value).references() > 1 {
            let digest = (self.parts.len() == parts).then_some(digest);
            self.met.insert(address, Met { digest, _held: Object::of(value) });
        }
        Ok(())
    }

    /// Writes what a built-in container holds, whatever its class is.
    fn write_built_in(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
        if let Ok(list) = value.cast::<PyList>() {
            self.write_all(list.iter(), list.len(), depth)
        } else if let Ok(tuple) = value.cast::<PyTuple>() {
            self.write_all(tuple.iter(), tuple.len(), depth)
        } else if let Ok(dict) = value.cast::<PyDict>() {
            self.write_dict(dict, depth)
        } else {
            self.write_set(value, depth)
        }
    }

    /// Writes a value of exactly a built-in scalar type.
    fn write_scalar(&mut self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let object = Live::bound(value);
        if object.is_exactly(class!(PyUnicode_Type)) {
            self.write_text(value)?;
        } else if object.is_exactly(class!(PyLong_Type)) || self.way.loose && object.is_exactly(class!(PyBool_Type)) {
            self.write_number(value)?;
        } else if let Some(float) = FloatRef::of(object) {
            self.write_float(value, float.value())?;
        } else if object.is_none() {
            self.bytes.push(b'N');
        } else if object.is_true() || object.is_false() {
            self.bytes.push(if object.is_true() { b'T' } else { b'F' });
        } else if let Ok(bytes) = value.cast_exact::<PyBytes>() {
            self.tagged(b'b', bytes.as_bytes());
        } else if let Ok(bytes) = value.cast_exact::<PyByteArray>() {
            self.tagged(b'A', &bytes.to_vec());
        } else if let Ok(number) = value.cast_exact::<PyComplex>()
            && !(self.way.loose && self.way.everywhere)
        {
            self.bytes.push(b'c');
            self.bytes.extend(number.real().to_bits().to_le_bytes());
            self.bytes.extend(number.imag().to_bits().to_le_bytes());
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn write_text(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let text = value.cast::<PyString>()?;
        if let Ok(utf8) = text.to_str() {
            self.tagged(b's', utf8.as_bytes());
        } else {
            let encoded = value.ask_method(intern!(value.py(), "encode"), ("utf-8", "surrogatepass"))?;
            self.tagged(b'u', encoded.cast::<PyBytes>()?.as_bytes());
        }
        Ok(())
    }

    fn write_number(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(small) = value.extract::<i64>() {
            self.bytes.push(b'i');
            self.bytes.extend(small.to_le_bytes());
            return Ok(());
        }
        let digits = value.ask_method(intern!(value.py(), "__format__"), ("x",))?;
        self.tagged(b'I', digits.extract::<String>()?.as_bytes());
        Ok(())
    }

    fn write_float(&mut self, value: &Bound<'_, PyAny>, number: f64) -> PyResult<()> {
        if self.way.loose && number.is_finite() && number.fract() == 0.0 {
            return self.write_number(&value.ask_method(intern!(value.py(), "__int__"), ())?);
        }
        self.bytes.push(b'f');
        self.bytes.extend(number.to_bits().to_le_bytes());
        Ok(())
    }

    fn write_all<'py>(
        &mut self,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        length: usize,
        depth: usize,
    ) -> PyResult<()> {
        self.bytes.extend((length as u64).to_le_bytes());
        for item in items {
            self.write(&item, depth + 1)?;
        }
        self.bytes.push(b';');
        Ok(())
    }

    fn write_set(&mut self, set: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
        let items = set.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        let length = items.len();
        self.write_unordered(set.py(), items.into_iter().map(|item| (item, None)), length, depth)
    }

    fn write_dict(&mut self, dict: &Bound<'_, PyDict>, depth: usize) -> PyResult<()> {
        // A copy: what is written may run code that changes the dict.
        // SAFETY: the dict is alive.
        let items = unsafe { Object::from_result(dict.py(), ffi::PyDict_Items(dict.as_ptr()))? };
        let items: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)> = items.bind(dict.py()).extract()?;
        let length = items.len();
        self.write_unordered(dict.py(), items.into_iter().map(|(key, value)| (key, Some(value))), length, depth)
    }

    /// Writes items in the order of what is written of them.
    fn write_unordered<'py>(
        &mut self,
        py: Python<'py>,
        items: impl Iterator<Item = (Bound<'py, PyAny>, Option<Bound<'py, PyAny>>)>,
        length: usize,
        depth: usize,
    ) -> PyResult<()> {
        let before = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.parts));
        let mut written = Vec::with_capacity(length);
        for (key, value) in items {
            self.write(&key, depth + 1)?;
            if let Some(value) = value {
                self.write(&value, depth + 1)?;
            }
            written.push((std::mem::take(&mut self.bytes), std::mem::take(&mut self.parts)));
        }
        (self.bytes, self.parts) = before;
        written.sort_by(|(left, _), (right, _)| left.cmp(right));
        self.bytes.extend((length as u64).to_le_bytes());
        for group in written.chunk_by(|(left, _), (right, _)| left == right) {
            group.iter().for_each(|(bytes, _)| self.tagged(b'-', bytes));
            self.add_parts_of_group(py, group)?;
        }
        Ok(())
    }

    /// Adds the parts of items that are written alike: as a set, since nothing says which of them comes first.
    fn add_parts_of_group(&mut self, py: Python<'_>, group: &[Written]) -> PyResult<()> {
        let parts = || group.iter().flat_map(|(_, parts)| parts);
        let can_die = parts().any(|part| WeakIdentity::of_stored(Live::of(part)).is_some());
        if group.len() == 1 || can_die || parts().next().is_none() {
            self.parts.extend(parts().cloned());
            return Ok(());
        }
        let items = group.iter().map(|(_, parts)| PyTuple::new(py, parts.iter().map(|part| part.bind(py))));
        let set = PyFrozenSet::new(py, items.collect::<PyResult<Vec<_>>>()?)?;
        self.parts.push(Object::from(set));
        Ok(())
    }

    /// Writes what is no built-in: by address, by what it is made of, or as a part that compares by its own rules.
    fn write_object(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
        if is_itself(Live::bound(value)) && !self.way.everywhere {
            return self.write_identity(value);
        }
        self.write_described(value, describe(value)?, depth)
    }

    fn write_described(&mut self, value: &Bound<'_, PyAny>, described: Described<'_>, depth: usize) -> PyResult<()> {
        let class = value.get_type();
        match described {
            Described::Plain => {
                self.tag(b'o', class)?;
                self.write_built_in(value, depth)
            }
            Described::Content(content) => {
                self.tag(b'o', class)?;
                self.write(&content, depth + 1)
            }
            described if self.way.everywhere => self.write_by_name(value, &described, class, depth),
            Described::Identity => self.write_identity(value),
            Described::Own => {
                self.tag(b'h', class)?;
                self.write_own(value)
            }
            Described::Both(content) => {
                self.tag(b'b', class)?;
                self.write(&content, depth + 1)?;
                self.write_own(value)
            }
        }
    }

    /// Writes an object by its address, which a part keeps its own.
    fn write_identity(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.bytes.push(b'@');
        self.bytes.extend((value.as_ptr() as u64).to_le_bytes());
        self.parts.push(by_identity(value, self.cache)?);
        Ok(())
    }

    /// Writes the hash that a value says it has, and has it compare itself.
    fn write_own(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.bytes.extend(hash_of(value)?.to_le_bytes());
        self.parts.push(Object::of(value));
        Ok(())
    }

    /// Writes what compares by its own rule, or by identity, so that it is the same in every process.
    fn write_by_name(
        &mut self,
        value: &Bound<'_, PyAny>,
        described: &Described<'_>,
        class: Bound<'_, PyType>,
        depth: usize,
    ) -> PyResult<()> {
        let content = if matches!(described, Described::Own) { describe_by_name(value)? } else { None };
        let Some(content) = content else {
            let name = class_name(&class)?;
            return Err(Unkeyable::new_err(format!(
                "a {name} is told from others only by its address or its own __eq__, which other processes cannot see"
            )));
        };
        self.tag(b'o', class)?;
        self.write(&content, depth + 1)
    }

    /// A tag, and the class.
    fn tag(&mut self, tag: u8, class: Bound<'_, PyType>) -> PyResult<()> {
        self.bytes.extend([tag, 1]);
        if self.way.everywhere {
            self.tagged(b'c', class_name(&class)?.as_bytes());
        } else {
            // The part keeps its address its own.
            self.bytes.extend((class.as_ptr() as u64).to_le_bytes());
            self.parts.push(Object::from(class));
        }
        Ok(())
    }

    fn tagged(&mut self, tag: u8, bytes: &[u8]) {
        self.bytes.push(tag);
        self.bytes.extend((bytes.len() as u64).to_le_bytes());
        self.bytes.extend(bytes);
    }
}

/// The identity of an object that is keyed by its address, or the object itself where it cannot be referred to weakly.
pub(crate) fn by_identity<C: Holder>(value: &Bound<'_, PyAny>, cache: &Arc<C>) -> PyResult<Object> {
    let py = value.py();
    if unmasked(value)?.is_some() {
        return Err(Unkeyable::new_err(
            "it stands for another object, and may for another one later: pass the object itself",
        ));
    }
    if !keyed_by_address(Live::bound(value)) {
        return Ok(Object::of(value));
    }
    match WeakIdentity::of(py, cache, Live::bound(value)) {
        Err(error) if error.is_instance_of::<PyTypeError>(py) => Ok(Object::of(value)),
        result => result,
    }
}

/// What a container of exactly a built-in class is written with.
fn built_in_tag(class: *mut ffi::PyTypeObject) -> Option<u8> {
    Some(if class == class!(PyList_Type) {
        b'l'
    } else if class == class!(PyTuple_Type) {
        b't'
    } else if class == class!(PyDict_Type) {
        b'd'
    } else if class == class!(PySet_Type) {
        b'S'
    } else if class == class!(PyFrozenSet_Type) {
        b'z'
    } else {
        return None;
    })
}

/// Module and qualified name of a class.
fn class_name(class: &Bound<'_, PyType>) -> PyResult<String> {
    let (module, name) = (class.module()?.to_string(), class.qualname()?.to_string());
    if name.contains("<locals>") {
        return Err(Unkeyable::new_err(format!("{module}.{name} is a local class, which other processes cannot name")));
    }
    Ok(format!("{module}.{name}"))
}

/// Finds what later calls need. Done while the module is imported: an import in the middle of a call could call back.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    hooks::CONTENT_BY_NAME.get(py)?;
    hooks::EQUALS.get(py)?;
    py.get_type::<Unkeyable>();
    judged::prepare(py)
}

/// What tells a value from others in every process, if its type is one of those that `hotset._content` knows.
fn describe_by_name<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    asked(&hooks::CONTENT_BY_NAME, value)
}

/// What stands for all that is equal to a value, where that is something else: a built-in, or one by this name.
fn equals<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Equal<'py>>> {
    asked(&hooks::EQUALS, value)?.map(|found| found.extract()).transpose()
}

fn asked<'py>(content_of: &Hook, value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let content = content_of.ask(value.py(), (value,))?;
    Ok(if content.is_none() { None } else { Some(content) })
}

/// Whether a value is exactly of a built-in class whose values are written down to be a part of a typed key.
pub(crate) fn is_written_down(value: Live<'_>) -> bool {
    let class = value.class();
    built_in_tag(class).is_some() || class == class!(PyByteArray_Type) || class == class!(PyComplex_Type)
}
