//! Values as bytes, and back.
//!
//! - [`encode`]: the walk over a value; [`decode`]: how one is put together
//! - [`known`]: classes that a codec knows; [`plan`]: how objects of one are taken apart and put together
//! - [`memo`], [`names`]: what was met before
//! - [`given`]: bytes that are given away
//! - [`text`], [`times`]: texts, dates and times
//! - [`refusal`]: what is not encoded or decoded, and where

mod decode;
mod encode;
pub(crate) mod given;
mod known;
mod memo;
mod names;
mod plan;
mod refusal;
mod text;
mod times;

use pyo3::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyTuple};

use crate::codec::given::Given;
use crate::codec::known::Known;
use crate::hooks;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(known::forget_known_classes, module)?)?;
    module.add_class::<ValueCodec>()
}

/// Bytes that there is room for before anything is written.
const FIRST_BYTES: usize = 512;

/// The default codec.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct ValueCodec {
    known: Known,
}

impl ValueCodec {
    /// Writes a value behind what is there; if it raises, what is there is to be thrown away.
    pub(crate) fn encode_into(&self, value: &Bound<'_, PyAny>, bytes: &mut Vec<u8>) -> PyResult<()> {
        encode::encode(value, &self.known, bytes)
    }

    /// The value of bytes.
    pub(crate) fn decode<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        decode::decode(py, bytes, None, &self.known).map(|value| value.into_bound(py))
    }

    /// As [`Self::decode`], where arrays may keep the object that has the bytes: a `bytes`, or a `bytearray` or [`Given`] that is given away.
    pub(crate) fn decode_owned<'py>(&self, owner: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = owner.py();
        let buffer;
        let bytes = if let Ok(bytes) = owner.cast_exact::<PyBytes>() {
            bytes.as_bytes()
        } else if let Ok(given) = owner.cast_exact::<Given>() {
            // SAFETY: whoever gives it away does not write to it, and views of it are there when all has been read.
            unsafe { given.get().shown() }
        } else {
            buffer = pyo3::buffer::PyBuffer::<u8>::get(owner.cast_exact::<PyByteArray>()?)?;
            // SAFETY: it cannot be resized while the buffer is there, and whoever gives it away does not write to it.
            unsafe { std::slice::from_raw_parts(buffer.buf_ptr().cast::<u8>(), buffer.len_bytes()) }
        };
        decode::decode(py, bytes, Some(owner), &self.known).map(|value| value.into_bound(py))
    }
}

#[pymethods]
impl ValueCodec {
    #[classattr]
    #[pyo3(name = "id")]
    const ID: u8 = 1;

    #[classattr]
    #[pyo3(name = "name")]
    const NAME: &'static str = "hotset";

    #[classattr]
    #[pyo3(name = "needs_signature")]
    const NEEDS_SIGNATURE: bool = false;

    #[new]
    #[pyo3(signature = (types = None))]
    fn new(py: Python<'_>, types: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let types = types.map_or_else(|| PyTuple::empty(py).into_any(), Clone::clone);
        Ok(Self { known: Known::new(&hooks::KNOWN_TYPES.ask(py, (types,))?) })
    }

    #[pyo3(name = "encode")]
    fn encode_value<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let mut bytes = Vec::with_capacity(FIRST_BYTES);
        self.encode_into(value, &mut bytes)?;
        Ok(PyBytes::new(value.py(), &bytes))
    }

    #[pyo3(name = "decode")]
    fn decode_value<'py>(&self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.decode_owned(data)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        self.known.visit(&visit)
    }
}
