//! Values as bytes, by the codec that a cache was given.

use std::ops::Range;

use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::{PyTraverseError, PyVisit, intern};

use crate::codec::ValueCodec;
use crate::codec::given::Given;
use crate::ffi::foreign::Foreign;
use crate::ffi::object::Object;
use crate::hooks;

/// What envelopes say of a codec that somebody wrote, as `hotset._tiers.codecs` has it.
const OWN_ID: u8 = 255;

/// How values become bytes.
pub(crate) struct Codec {
    /// Something with `encode` and `decode`.
    codec: Object,
    kind: Kind,
    /// What envelopes name it by.
    id: u8,
}

/// How a codec is spoken to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The default codec, which needs no calls.
    Default,
    /// The one that takes bytes as they are, which needs none either, but to refuse what is something else.
    Raw,
    /// Any other, which is called.
    Called,
}

/// A value that was decoded, or why it could not be, if it is not of another codec.
pub(crate) type Decoded = Result<Object, Option<PyErr>>;

/// What came of decoding, unless that was no exception of the codec's.
fn readable(py: Python<'_>, decoded: PyResult<Bound<'_, PyAny>>) -> PyResult<Decoded> {
    match decoded {
        Ok(value) => Ok(Ok(Object::from(value))),
        Err(error) if error.is_instance_of::<PyException>(py) => Ok(Err(Some(error))),
        Err(error) => Err(error),
    }
}

/// A value as bytes.
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) codec: u8,
}

impl Codec {
    /// Of what `hotset._tiers.codecs` has made.
    pub(crate) fn new(codec: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = codec.py();
        let id = codec.getattr(intern!(py, "id"))?.extract()?;
        let raw = hooks::RAW_CODEC.get(py)?;
        let kind = match codec {
            _ if codec.is_exact_instance_of::<ValueCodec>() => Kind::Default,
            _ if codec.get_type().is(&raw) => Kind::Raw,
            _ => Kind::Called,
        };
        Ok(Self { codec: Object::of(codec), kind, id })
    }

    /// A value as bytes; raises what says that it cannot be one.
    pub(crate) fn encode(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Encoded> {
        let codec = self.codec.bind(py);
        if self.kind == Kind::Default {
            let mut bytes = Vec::with_capacity(128);
            codec.cast::<ValueCodec>()?.get().encode_into(value, &mut bytes)?;
            return Ok(Encoded { bytes, codec: self.id });
        }
        if self.kind == Kind::Raw
            && let Ok(bytes) = value.cast_exact::<PyBytes>()
        {
            return Ok(Encoded { bytes: bytes.as_bytes().to_vec(), codec: self.id });
        }
        let encoded = codec.ask_method(intern!(py, "encode"), (value,))?;
        let Ok(bytes) = encoded.cast::<PyBytes>() else {
            let class = encoded.get_type().qualname()?;
            return Err(PyTypeError::new_err(format!("the codec's encode() returned a {class}: return bytes")));
        };
        Ok(Encoded { bytes: bytes.as_bytes().to_vec(), codec: self.id })
    }

    /// The value that bytes are, if they are of one.
    pub(crate) fn decode(&self, py: Python<'_>, codec: u8, payload: &[u8]) -> PyResult<Decoded> {
        if codec != self.id {
            return Ok(Err(None));
        }
        let codec = self.codec.bind(py);
        let decoded = match self.kind {
            Kind::Default => codec.cast::<ValueCodec>()?.get().decode(py, payload),
            Kind::Raw => Ok(PyBytes::new(py, payload).into_any()),
            Kind::Called => codec.ask_method(intern!(py, "decode"), (PyBytes::new(py, payload),)),
        };
        readable(py, decoded)
    }

    /// As [`Codec::decode`], of a part of bytes that are given away: arrays in the value may be views of them.
    pub(crate) fn decode_given(
        &self,
        py: Python<'_>,
        codec: u8,
        bytes: Vec<u8>,
        payload: Range<usize>,
    ) -> PyResult<Decoded> {
        if codec != self.id || self.kind != Kind::Default {
            return self.decode(py, codec, &bytes[payload]);
        }
        let given = Bound::new(py, Given::new(bytes, payload))?;
        let decoded = self.codec.bind(py).cast::<ValueCodec>()?.get().decode_owned(given.as_any());
        readable(py, decoded)
    }

    /// Whether somebody else has written it.
    pub(crate) fn is_own(&self) -> bool {
        self.id == OWN_ID
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.codec.visit(visit)
    }
}
