//! Keys as bytes, for places outside the process: the same in every process and Python version.
//!
//! A key begins with its namespace and its owner. What is equal in memory is spelled alike: of the mapping by the rules of a dict, of
//! a function by those of its keys.

use hotset::memory::Owner;
use hotset::tier::{Mark, Of};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyString, PyTuple};
use smallvec::SmallVec;

use crate::ffi::class;
use crate::ffi::foreign::Foreign;
use crate::ffi::live::Live;
use crate::hooks;
use crate::key::MAPPING;
use crate::key::frozen::Frozen;
use crate::key::layout::{IntRef, TextRef};

/// Deeper than this no tuple is followed.
const DEPTH: usize = 64;

/// What a key is of.
const OF_MAPPING: u8 = 0;
const OF_FUNCTION: u8 = 1;

/// A key as bytes, and what invalidates it.
pub(crate) struct Spelled {
    pub(crate) owner: Owner,
    pub(crate) bytes: Vec<u8>,
    /// The mark of the key, and those of its namespace and its owner.
    pub(crate) marks: SmallVec<[Mark; 3]>,
}

/// How the keys of one owner begin.
pub(crate) struct Prefix {
    owner: Owner,
    bytes: Box<[u8]>,
    marks: SmallVec<[Mark; 2]>,
}

impl Prefix {
    /// Of the keys of the mapping of a namespace.
    pub(crate) fn of_mapping(namespace: &str) -> Self {
        let mut bytes = Vec::with_capacity(namespace.len() + 4);
        write_length(&mut bytes, namespace.len());
        bytes.extend(namespace.as_bytes());
        bytes.push(OF_MAPPING);
        Self { owner: MAPPING, bytes: bytes.into(), marks: SmallVec::from_slice(&[namespace_mark(namespace)]) }
    }

    /// Of the keys of a function, which is told by its name from the others of the namespace.
    pub(crate) fn of_function(owner: Owner, namespace: &str, name: &str) -> Self {
        let mut bytes = Vec::with_capacity(namespace.len() + name.len() + 6);
        write_length(&mut bytes, namespace.len());
        bytes.extend(namespace.as_bytes());
        bytes.push(OF_FUNCTION);
        write_length(&mut bytes, name.len());
        bytes.extend(name.as_bytes());
        let marks = [namespace_mark(namespace), Mark::new(Of::Owner, namespace.as_bytes(), name.as_bytes())];
        Self { owner, bytes: bytes.into(), marks: SmallVec::from_slice(&marks) }
    }

    /// What invalidates all keys with this beginning; the last is theirs alone.
    pub(crate) fn marks(&self) -> &[Mark] {
        &self.marks
    }

    fn spelled(&self, write: impl FnOnce(&mut Vec<u8>) -> PyResult<()>) -> PyResult<Spelled> {
        let mut bytes = Vec::with_capacity(self.bytes.len() + 32);
        bytes.extend_from_slice(&self.bytes);
        write(&mut bytes)?;
        Ok(Spelled { owner: self.owner, marks: self.marks_of(&bytes), bytes })
    }

    /// What invalidates a key that begins so.
    pub(crate) fn marks_of(&self, key: &[u8]) -> SmallVec<[Mark; 3]> {
        let mut marks = SmallVec::new();
        marks.push(Mark::new(Of::Key, &[], key));
        marks.extend(self.marks.iter().copied());
        marks
    }

    /// How keys of the mapping begin that are texts which begin so.
    pub(crate) fn of_texts(&self, prefix: &str) -> Vec<u8> {
        [&*self.bytes, b"s", prefix.as_bytes()].concat()
    }

    /// A key of the mapping.
    pub(crate) fn spell_key(&self, py: Python<'_>, key: Live<'_>) -> PyResult<Spelled> {
        self.spelled(|bytes| write_key(bytes, &key.bind(py), 0))
    }

    /// The key of a call, by its parts. `freeze` writes down a part that is no scalar, or any if equal ones are to be one: if it is `loose`.
    pub(crate) fn spell_call(
        &self,
        py: Python<'_>,
        parts: &[Live<'_>],
        mark: Live<'_>,
        loose: bool,
        mut freeze: impl FnMut(usize, &Bound<'_, PyAny>) -> PyResult<Frozen>,
    ) -> PyResult<Spelled> {
        self.spelled(|bytes| {
            for (number, &part) in parts.iter().enumerate() {
                if part == mark {
                    bytes.push(b'*');
                } else if let Some(frozen) = Frozen::of(part) {
                    write_tagged(bytes, b'z', frozen.written());
                } else if loose || !write_exact(bytes, part) {
                    let frozen = freeze(number, &part.bind(py))?;
                    write_tagged(bytes, b'z', frozen.written());
                }
            }
            Ok(())
        })
    }
}

/// The mark of everything of a namespace.
pub(crate) fn namespace_mark(namespace: &str) -> Mark {
    Mark::new(Of::Namespace, namespace.as_bytes(), &[])
}

/// The mark of a tag.
pub(crate) fn tag_mark(namespace: &str, tag: &str) -> Mark {
    Mark::new(Of::Tag, namespace.as_bytes(), tag.as_bytes())
}

/// Writes an object of one of the most usual types, as a typed key tells it from others; whether it is of one.
fn write_exact(bytes: &mut Vec<u8>, object: Live<'_>) -> bool {
    if let Some(small) = IntRef::of(object).and_then(IntRef::small) {
        bytes.push(b'i');
        bytes.extend(small.to_le_bytes());
        return true;
    }
    if let Some(text) = TextRef::of(object) {
        let Some(utf8) = text.utf8() else { return false };
        write_tagged(bytes, b's', utf8);
        return true;
    }
    if object.is_none() {
        bytes.push(b'N');
        return true;
    }
    false
}

fn write_tagged(bytes: &mut Vec<u8>, tag: u8, content: &[u8]) {
    bytes.push(tag);
    write_length(bytes, content.len());
    bytes.extend_from_slice(content);
}

/// Seven bits a byte, the lowest first; all but the last have the highest bit set.
fn write_length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
}

/// Writes a key of the mapping. At the top a text is written without its length, so that keys can be listed by what they begin with.
fn write_key(bytes: &mut Vec<u8>, key: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
    let py = key.py();
    if let Ok(text) = key.cast::<PyString>()
        && compares_as(key, class!(PyUnicode_Type))
    {
        return write_text(bytes, text, depth);
    }
    if key.is_instance_of::<PyInt>() && compares_as(key, class!(PyLong_Type)) {
        return write_int(bytes, key);
    }
    if let Ok(data) = key.cast::<PyBytes>()
        && compares_as(key, class!(PyBytes_Type))
    {
        bytes.push(b'b');
        if depth > 0 {
            write_length(bytes, data.as_bytes().len());
        }
        bytes.extend_from_slice(data.as_bytes());
        return Ok(());
    }
    if key.is_none() {
        bytes.push(b'N');
        return Ok(());
    }
    if let Ok(tuple) = key.cast::<PyTuple>()
        && compares_as(key, class!(PyTuple_Type))
        && depth < DEPTH
    {
        bytes.push(b't');
        write_length(bytes, tuple.len());
        return tuple.iter().try_for_each(|item| write_key(bytes, &item, depth + 1));
    }
    let spelled = hooks::KEY_BY_NAME.ask(py, (key,))?;
    if spelled.is_none() {
        return Err(unspeakable(key));
    }
    let spelled = spelled.cast::<PyTuple>()?;
    write_tagged(bytes, b'o', spelled.get_item(0)?.cast::<PyString>()?.to_str()?.as_bytes());
    write_key(bytes, &spelled.get_item(1)?, depth + 1)
}

/// Whether a value compares and hashes as those of this built-in class do, so that it is the same key as one of them.
fn compares_as(value: &Bound<'_, PyAny>, builtin: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: classes of live objects are alive, and these slots are only read.
    unsafe {
        let class = ffi::Py_TYPE(value.as_ptr());
        let comparison = |class: *mut ffi::PyTypeObject| (*class).tp_richcompare.map(|slot| slot as usize);
        let hash = |class: *mut ffi::PyTypeObject| (*class).tp_hash.map(|slot| slot as usize);
        class == builtin || comparison(class) == comparison(builtin) && hash(class) == hash(builtin)
    }
}

fn write_text(bytes: &mut Vec<u8>, text: &Bound<'_, PyString>, depth: usize) -> PyResult<()> {
    if let Ok(utf8) = text.to_str() {
        bytes.push(b's');
        if depth > 0 {
            write_length(bytes, utf8.len());
        }
        bytes.extend_from_slice(utf8.as_bytes());
        return Ok(());
    }
    let encoded = text.ask_method(intern!(text.py(), "encode"), ("utf-8", "surrogatepass"))?;
    write_tagged(bytes, b'u', encoded.cast::<PyBytes>()?.as_bytes());
    Ok(())
}

/// Numbers, `True` and `False` among them, which are 1 and 0.
fn write_int(bytes: &mut Vec<u8>, number: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(small) = number.extract::<i64>() {
        bytes.push(b'i');
        bytes.extend((small as u64 ^ 1 << 63).to_be_bytes());
        return Ok(());
    }
    let digits = number.ask_method(intern!(number.py(), "__format__"), ("x",))?;
    write_tagged(bytes, b'I', digits.extract::<String>()?.as_bytes());
    Ok(())
}

fn unspeakable(key: &Bound<'_, PyAny>) -> PyErr {
    let shown = key.repr().map_or_else(|_| "?".to_owned(), |shown| shown.to_string().chars().take(80).collect());
    let class = key.get_type().qualname().map_or_else(|_| "object".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!(
        "{shown} cannot be a key of a cache with a tier, because a {class} is not spelled alike in every process: use a str, bytes, \
         an int, None, a UUID, a date, an Enum, or a tuple of them"
    ))
}
