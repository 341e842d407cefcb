//! Why a value is not encoded, or bytes are not decoded, and where.

use hotset::codec::value::Damage;
use pyo3::exceptions::{PyException, PyMemoryError, PyRecursionError};
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::ffi::object::Object;
use crate::hooks;

/// One step of a path into a value.
pub(super) enum Step {
    /// To what is at an index.
    Index(usize),
    /// To what is under a key.
    Item(Object),
    /// To a key itself.
    Key,
    /// To an element of a set.
    Element,
    /// To an attribute.
    Attribute(Object),
    /// Into what has no parts that could be named.
    Content,
}

/// Why a value is not encoded.
pub(super) enum Why {
    /// Something of this class is none that can be: what to do.
    Class(Object, String),
    /// Code that was asked for what it is made of raised.
    Raised(PyErr),
}

/// Why a value is not encoded, and where: the last step first.
pub(super) struct Refusal {
    why: Why,
    steps: Vec<Step>,
}

pub(super) type Encoded<T> = Result<T, Box<Refusal>>;

impl From<PyErr> for Box<Refusal> {
    fn from(error: PyErr) -> Self {
        Box::new(Refusal { why: Why::Raised(error), steps: Vec::new() })
    }
}

impl Refusal {
    /// Refuses a value, for this reason.
    #[cold]
    pub(super) fn of(value: &Bound<'_, PyAny>, reason: impl Into<String>) -> Box<Self> {
        Box::new(Self { why: Why::Class(Object::of(&value.get_type()), reason.into()), steps: Vec::new() })
    }

    #[cold]
    fn behind(mut self: Box<Self>, step: Step) -> Box<Self> {
        self.steps.push(step);
        self
    }

    /// As what is raised.
    #[cold]
    pub(super) fn raised(self, py: Python<'_>) -> PyErr {
        self.exception(py).unwrap_or_else(|error| error)
    }

    fn exception(self, py: Python<'_>) -> PyResult<PyErr> {
        let (class, reason, cause) = match self.why {
            Why::Class(class, reason) => (Some(class), reason, None),
            Why::Raised(error) if !is_of_value(py, &error) => return Ok(error),
            Why::Raised(error) => (None, described(py, &error), Some(error)),
        };
        let path = written(py, &self.steps)?;
        let class = class.map(|class| class.into_bound(py));
        let made = hooks::NOT_ENCODABLE.ask(py, (path, class, reason))?;
        let error = PyErr::from_value(made);
        error.set_cause(py, cause);
        Ok(error)
    }
}

/// Adds the step that led to where something is refused.
pub(super) trait Behind<T> {
    /// # Errors
    /// As it was, behind one more step.
    fn behind(self, step: impl FnOnce() -> Step) -> Encoded<T>;
}

impl<T> Behind<T> for Encoded<T> {
    #[inline]
    fn behind(self, step: impl FnOnce() -> Step) -> Encoded<T> {
        self.map_err(|refusal| refusal.behind(step()))
    }
}

/// Whether an exception says something of the value, and nothing of the process.
fn is_of_value(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyException>(py) && !error.is_instance_of::<PyMemoryError>(py)
        || error.is_instance_of::<PyRecursionError>(py)
}

fn described(py: Python<'_>, error: &PyErr) -> String {
    let class = error.get_type(py).qualname().map_or_else(|_| String::new(), |name| name.to_string());
    match error.value(py).str().map(|text| text.to_string_lossy().into_owned()) {
        Ok(text) if !text.is_empty() => format!("{class}: {text}"),
        _ => class,
    }
}

/// A path as text.
fn written(py: Python<'_>, steps: &[Step]) -> PyResult<String> {
    let mut path = "value".to_owned();
    for step in steps.iter().rev() {
        let part = match step {
            Step::Index(index) => hooks::PATH_OF_ITEM.ask(py, (*index,))?,
            Step::Item(key) => hooks::PATH_OF_ITEM.ask(py, (key.bind(py),))?,
            Step::Key => hooks::PATH_OF_MAPPING_KEY.ask(py, (py.None(),))?,
            Step::Element => hooks::PATH_OF_MEMBER.ask(py, (py.None(),))?,
            Step::Attribute(name) => hooks::PATH_OF_ATTRIBUTE.ask(py, (name.bind(py),))?,
            Step::Content => break,
        };
        path.push_str(&part.str()?.to_string_lossy());
    }
    Ok(path)
}

/// Why bytes are not decoded.
pub(super) enum Undecodable {
    /// They are no payload.
    Damaged(String),
    /// A class is not known, or is another one now.
    Stale(String),
    /// What was to be made of them raised.
    Raised(PyErr),
}

pub(super) type Decoded<T> = Result<T, Box<Undecodable>>;

impl From<Damage> for Box<Undecodable> {
    #[cold]
    fn from(damage: Damage) -> Self {
        Box::new(Undecodable::Damaged(damage.to_string()))
    }
}

impl From<PyErr> for Box<Undecodable> {
    #[cold]
    fn from(error: PyErr) -> Self {
        Box::new(Undecodable::Raised(error))
    }
}

impl Undecodable {
    #[cold]
    pub(super) fn damaged(text: &str) -> Box<Self> {
        Box::new(Self::Damaged(text.to_owned()))
    }

    #[cold]
    pub(super) fn stale(text: String) -> Box<Self> {
        Box::new(Self::Stale(text))
    }

    /// As what is raised.
    #[cold]
    pub(super) fn raised(self, py: Python<'_>) -> PyErr {
        self.exception(py).unwrap_or_else(|error| error)
    }

    fn exception(self, py: Python<'_>) -> PyResult<PyErr> {
        let (class, text, cause) = match self {
            Self::Damaged(text) => (&hooks::NOT_DECODABLE_ERROR, text, None),
            Self::Stale(text) => (&hooks::STALE_CLASS_ERROR, text, None),
            Self::Raised(error) if !is_of_value(py, &error) => return Ok(error),
            Self::Raised(error) if error.get_type(py).is_subclass(&hooks::CODEC_ERROR.get(py)?)? => {
                return Ok(error);
            }
            Self::Raised(error) => (&hooks::NOT_DECODABLE_ERROR, described(py, &error), Some(error)),
        };
        let class = class.get(py)?.cast_into::<PyType>().map_err(PyErr::from)?;
        let error = PyErr::from_type(class, text);
        error.set_cause(py, cause);
        Ok(error)
    }
}
