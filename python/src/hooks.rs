//! Everything that the compiled half asks of the Python half, and of the standard library.
//!
//! What is asked for is found at its first use and kept, so that a call costs no import. It is kept by itself, not through its module:
//! while the interpreter ends nothing can be imported, and modules lose their names, but a function that somebody holds goes on working.
//! What calls may need then is found before that, by [`find_hooks`].

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use crate::ffi::foreign::{Foreign, import};

/// An attribute of a module.
pub(crate) struct Hook {
    module: &'static str,
    name: &'static str,
    found: PyOnceLock<Py<PyAny>>,
}

impl Hook {
    const fn new(module: &'static str, name: &'static str) -> Self {
        Self { module, name, found: PyOnceLock::new() }
    }

    /// The attribute itself. Not a part of who asks: calls may be deep, and each byte of their frames counts.
    #[inline(never)]
    pub(crate) fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(found) = self.found.get(py) {
            return Ok(found.bind(py).clone());
        }
        // Not under a lock: an import may run anything, and come here again.
        let found = import(py, &pyo3::types::PyString::new(py, self.module))?.getattr(self.name)?;
        _ = self.found.set(py, found.clone().unbind());
        Ok(found)
    }

    /// Calls it.
    #[inline(never)]
    pub(crate) fn ask<'py, A>(&self, py: Python<'py>, args: A) -> PyResult<Bound<'py, PyAny>>
    where
        A: IntoPyObject<'py, Target = PyTuple>,
        A::Error: Into<PyErr>,
    {
        self.get(py)?.ask(args)
    }
}

macro_rules! hooks {
    ($($(#[$doc:meta])* $list:ident: $($module:literal { $($hook:ident = $name:literal,)* })*)*) => {
        $($($(#[doc = concat!("`", $module, ".", $name, "`")]
        pub(crate) static $hook: Hook = Hook::new($module, $name);)*)*)*

        $($(#[$doc])*
        const $list: &[&Hook] = &[$($(&$hook,)*)*];)*
    };
}

hooks! {
    /// Of modules that `import hotset` loads.
    ALWAYS:
    "hotset._loading.current" {
        ENCLOSING = "ENCLOSING",
    }
    "hotset._loading.drivers" {
        LOAD_HERE = "load_here",
        LOAD_IN_TASK = "load_in_task",
        REFRESH_LATER = "refresh_one_later",
    }
    "hotset._loading.reraise" {
        KEPT_ERROR = "kept_error",
        OWN_ERROR = "own_error",
        RAISED_AGAIN = "raised_again",
    }
    "hotset._loading.waiters" {
        WAIT_IN_THREAD = "wait_in_thread",
    }
    "hotset._keys.content" {
        REFUSED = "Refused",
    }
    "hotset._keys.judge" {
        JUDGE = "judge",
    }
    "hotset._keys.outside" {
        CONTENT_BY_NAME = "content_by_name",
        EQUALS = "equals",
        KEY_BY_NAME = "key_by_name",
    }
    "hotset._events.hooks" {
        EMIT = "emit_named",
    }
    "hotset._functions.spec" {
        SIGNATURE_OF_METHOD = "signature_of_method",
    }
    "builtins" {
        GETATTR = "getattr",
    }
    "sys" {
        GETSIZEOF = "getsizeof",
    }

    /// What calls may need while the interpreter ends that have not before.
    AT_THE_EXIT:
    "hotset._percall.caller" {
        EXPLAIN = "explain",
        GET_ENTRY = "get_entry",
        GET_ON_TERMS = "get",
        WITH_OPTIONS = "with_options",
    }

    /// Found by decorating, which imports `functools` and with it what they need.
    DECORATING:
    "hotset._info" {
        CACHE_INFO = "CacheInfo",
    }

    /// Found when they are needed.
    #[expect(dead_code, reason = "nobody asks for them together")]
    LATER:
    "hotset._aliasing.paths" {
        PATH_OF_ATTRIBUTE = "attribute",
        PATH_OF_ITEM = "item",
        PATH_OF_MAPPING_KEY = "mapping_key",
        PATH_OF_MEMBER = "member",
    }
    "hotset._breaker" {
        UNDER_PERMIT = "awaited",
    }
    "hotset._tiers.codecs" {
        RAW_CODEC = "RawCodec",
    }
    "hotset._errors" {
        CODEC_ERROR = "CodecError",
        NOT_DECODABLE_ERROR = "NotDecodableError",
        NOT_ENCODABLE = "not_encodable",
        STALE_CLASS_ERROR = "StaleClassError",
        TIER_ERROR = "TierError",
    }
    "hotset._tiers.settings" {
        TIER_EXPLAINED = "explained",
        TIER_FAILED = "failed",
        TIER_RECOVERED = "recovered",
        TIER_UNDECODABLE = "undecodable",
        TIER_UNENCODABLE = "unencodable",
    }
    "hotset._values.known" {
        KNOWN_TYPES = "Known",
    }
    "copy" {
        DEEPCOPY = "deepcopy",
    }
    "threading" {
        MAIN_THREAD = "main_thread",
    }
}

/// Finds what calls of a decorated function need.
pub(crate) fn find_for_decorated(py: Python<'_>) -> PyResult<()> {
    find(py, DECORATING)
}

/// Finds what calls need that may come at any time: at the end of `import hotset`, and at the exit what else such calls may need then.
#[pyfunction]
pub(crate) fn find_hooks(py: Python<'_>, at_the_exit: bool) -> PyResult<()> {
    find(py, if at_the_exit { AT_THE_EXIT } else { ALWAYS })
}

fn find(py: Python<'_>, hooks: &[&Hook]) -> PyResult<()> {
    hooks.iter().try_for_each(|hook| hook.get(py).map(drop))
}
