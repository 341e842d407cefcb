//! What the options of a function say becomes of what it returned: whether it is stored, for how long, and under which tags.

use hotset::memory::Details;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use crate::arguments::tag_names;
use crate::ffi::call_args::{Call, pack};
use crate::ffi::foreign::Foreign;
use crate::ffi::live::Live;
use crate::flight::fate::{Fate, can_be_read_once};
use crate::flight::lead::KnownTags;
use crate::function::decorated::Decorated;
use crate::hooks;
use crate::missing::is_missing;

/// What becomes of a result that took so long to load.
pub(crate) fn fate(py: Python<'_>, decorated: &Decorated, result: &Bound<'_, PyAny>, nanos: u64) -> PyResult<Fate> {
    if is_missing(Live::bound(result)) {
        return Ok(Fate::Shared);
    }
    if can_be_read_once(Live::bound(result)) {
        decorated.state().memory().count_refused(0, decorated.owner);
        if decorated.warn_once() {
            let class = result.get_type().qualname()?.to_string();
            hooks::EMIT.ask(py, ("ReadOnce", decorated.name(py), class))?;
        }
        return Ok(Fate::Alone);
    }
    let Some(decide) = &decorated.options.should_cache else { return Ok(Fate::Stored) };
    let stores = decide.bind(py).ask((result, nanos as f64 / 1e9))?.ask_truth()?;
    Ok(if stores { Fate::Stored } else { Fate::Shared })
}

/// The tags that a result will carry, as far as the arguments tell.
#[inline(never)]
pub(crate) fn known_tags(py: Python<'_>, decorated: &Decorated, call: Call<'_>) -> PyResult<KnownTags> {
    match &decorated.options.tags {
        None => Ok(Some(Box::default())),
        Some(_) if decorated.options.tags_need_result => Ok(None),
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
    decorated: &Decorated,
    call: Call<'_>,
    result: &Bound<'_, PyAny>,
    nanos: u64,
) -> PyResult<Details> {
    let tags = match &decorated.options.tags {
        None => Box::default(),
        Some(render) => {
            let (args, kwargs) = pack(py, call)?;
            tag_names(&render.bind(py).ask((args, kwargs, result))?)?
        }
    };
    Ok(Details { lifespan: decorated.lifespan_of(py, result)?, tags, nanos, ..Details::default() })
}
