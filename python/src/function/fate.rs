//! What becomes of what a load returned: whether it is stored, for how long, and under which tags.

use std::ffi::CStr;

use hotset::memory::Details;
use pyo3::exceptions::PyException;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::arguments::tag_names;
use crate::duration::OVER;
use crate::ffi::Pointer;
use crate::ffi::call_args::{Call, pack};
use crate::ffi::foreign::Foreign;
use crate::ffi::object::Object;
use crate::flight::context::Wishes;
use crate::flight::lead::KnownTags;
use crate::flight::meeting::Outcome;
use crate::function::body::Body;
use crate::hooks;
use crate::missing::is_missing;

/// What becomes of the result of a load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// It is stored.
    Stored,
    /// It is given to those who wait, and not stored.
    Shared,
    /// It can be read only once, so that it is its caller's.
    Alone,
}

impl Fate {
    /// Of what was loaded for a key of the mapping.
    pub(crate) fn of_key(value: &Bound<'_, PyAny>) -> Self {
        // SAFETY: the value is alive.
        if unsafe { can_be_read_once(value.as_ptr()) } {
            Self::Alone
        } else if is_missing(value.as_ptr()) {
            Self::Shared
        } else {
            Self::Stored
        }
    }

    /// The same for what its loader wishes not to be stored.
    pub(crate) fn at_most_shared(self) -> Self {
        if self == Self::Stored { Self::Shared } else { self }
    }

    /// The same for what its loader has said this of.
    pub(crate) fn as_wished(self, wishes: Option<&Wishes>) -> Self {
        if wishes.is_some_and(Wishes::skips) { self.at_most_shared() } else { self }
    }

    /// What it means to followers, where it is not stored.
    pub(crate) fn outcome(self, value: &Object) -> Outcome {
        if self == Self::Alone { Outcome::Alone } else { Outcome::Value(value.clone()) }
    }
}

/// What becomes of a result that took so long to load.
pub(crate) fn fate(py: Python<'_>, body: &Body, result: &Bound<'_, PyAny>, nanos: u64) -> PyResult<Fate> {
    if is_missing(result.as_ptr()) {
        return Ok(Fate::Shared);
    }
    // SAFETY: the result is alive.
    if unsafe { can_be_read_once(result.as_ptr()) } {
        body.inner().memory().count_refused(0, body.owner);
        if body.warn_once() {
            let class = result.get_type().qualname()?.to_string();
            hooks::LOG_READ_ONCE.ask(py, (body.name(py), class))?;
        }
        return Ok(Fate::Alone);
    }
    let Some(decide) = &body.options.should_cache else { return Ok(Fate::Stored) };
    let wanted = decide.bind(py).ask((result, nanos as f64 / 1e9))?.ask_truth()?;
    Ok(if wanted { Fate::Stored } else { Fate::Shared })
}

/// The tags that a result will carry, as far as the arguments tell.
#[inline(never)]
pub(crate) fn known_tags(py: Python<'_>, body: &Body, call: Call) -> PyResult<KnownTags> {
    match &body.options.tags {
        None => Ok(Some(Box::default())),
        Some(_) if body.options.tags_need_result => Ok(None),
        Some(render) => {
            let (args, kwargs) = pack(py, call)?;
            match render.bind(py).ask((args, kwargs, py.None())).and_then(|tags| tag_names(&tags)) {
                // A template that does not suit the arguments is an error of the fill, after the load.
                Err(error) if error.is_instance_of::<PyException>(py) => Ok(None),
                tags => tags.map(Some),
            }
        }
    }
}

pub(crate) fn details(
    py: Python<'_>,
    body: &Body,
    call: Call,
    result: &Bound<'_, PyAny>,
    nanos: u64,
) -> PyResult<Details> {
    let tags = match &body.options.tags {
        None => Box::default(),
        Some(render) => {
            let (args, kwargs) = pack(py, call)?;
            tag_names(&render.bind(py).ask((args, kwargs, result))?)?
        }
    };
    Ok(Details { lifespan: body.lifespan_of(py, result)?, tags, nanos, ..Details::default() })
}

/// Whether what is to be stored would be over at once: it is given to those who wait, and not stored.
pub(crate) fn is_over(details: &Details) -> bool {
    details.lifespan.ttl == OVER
}

/// Whether a result is used up by reading it: an iterator, an open file, a coroutine.
///
/// # Safety
/// The object is alive.
pub(crate) unsafe fn can_be_read_once(object: Pointer) -> bool {
    // SAFETY: types are initialised, and their slots are only read.
    unsafe {
        let class = ffi::Py_TYPE(object);
        if (*class).tp_iternext.is_some() && ffi::PyIter_Check(object) != 0 {
            return true;
        }
        let in_python = ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_HEAPTYPE) != 0;
        if in_python && CStr::from_ptr((*class).tp_name) == c"_TemporaryFileWrapper" {
            return true;
        }
        let methods = (*class).tp_as_async;
        !methods.is_null() && ((*methods).am_await.is_some() || (*methods).am_anext.is_some())
    }
}
