//! What becomes of what a load returned.

use hotset::memory::Details;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::duration::OVER;
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::flight::lead::KnownTags;
use crate::flight::load_context::LoadOverrides;
use crate::missing::is_missing;
use crate::promise::LoadResult;

/// What decides what becomes of the result of a load.
pub(crate) trait Decider {
    /// Whether it is stored, if it took so many nanoseconds to load.
    fn fate(&self, py: Python<'_>, result: &Bound<'_, PyAny>, nanos: u64) -> PyResult<Fate>;

    /// With what it is stored.
    fn details(&self, py: Python<'_>, result: &Bound<'_, PyAny>, nanos: u64) -> PyResult<Details>;
}

/// A call that a value is loaded by, of whatever it is that is called.
pub(crate) trait LoadedCall: Decider + Send + Sync {
    /// Makes the call.
    fn run(&self, py: Python<'_>) -> PyResult<Object>;

    /// The tags that the result will carry, as far as the arguments tell.
    fn known_tags(&self, py: Python<'_>) -> PyResult<KnownTags>;

    /// Shows what it refers to to a garbage collection.
    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;
}

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
        if can_be_read_once(Live::bound(value)) {
            Self::Alone
        } else if is_missing(Live::bound(value)) {
            Self::Shared
        } else {
            Self::Stored
        }
    }

    /// The same for what its loader overrides not to be stored.
    pub(crate) fn at_most_shared(self) -> Self {
        if self == Self::Stored { Self::Shared } else { self }
    }

    /// The same for what its loader has said this of.
    pub(crate) fn as_overridden(self, overrides: Option<&LoadOverrides>) -> Self {
        if overrides.is_some_and(LoadOverrides::skips) { self.at_most_shared() } else { self }
    }

    /// What it means to followers, where it is not stored.
    pub(crate) fn outcome(self, value: &Object) -> LoadResult {
        if self == Self::Alone { LoadResult::NotShareable } else { LoadResult::Value(value.clone()) }
    }
}

/// Whether what is to be stored would be over at once: it is given to those who wait, and not stored.
pub(crate) fn is_over(details: &Details) -> bool {
    details.lifespan.ttl == OVER
}

/// Whether a result is used up by reading it: an iterator, an open file, a coroutine.
pub(crate) fn can_be_read_once(object: Live<'_>) -> bool {
    object.is_iterator()
        || object.has_feature(ffi::Py_TPFLAGS_HEAPTYPE) && object.class_name() == c"_TemporaryFileWrapper"
        || object.is_awaitable()
        || object.is_async_iterator()
}
