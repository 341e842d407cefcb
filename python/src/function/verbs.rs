//! What a decorated function can do besides being called.

use std::ffi::{CStr, c_int};
use std::ptr;

use hotset::memory::Condition;
use hotset::stats::Cause;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use smallvec::SmallVec;

use crate::ffi::Pointer;
use crate::ffi::call_args::Call;
use crate::ffi::foreign::Foreign;
use crate::ffi::guard::guard;
use crate::ffi::heap_type::{self, FromSlot, slots};
use crate::ffi::live::Live;
use crate::ffi::object::{Object, object_from};
use crate::flight::fate::is_over;
use crate::function::awaitable::pending::PendingCall;
use crate::function::awaitable::ready::ready_object;
use crate::function::decorated::Decorated;
use crate::function::handles::FunctionRef;
use crate::function::load::{call_uncached, key_for, obtain, value_is_missing};
use crate::function::method::{self, MethodRef};
use crate::function::storability::details;
use crate::hooks::{self, Hook};
use crate::key::Key;
use crate::state::writing::NewEntry;

/// A verb on a decorated function.
type Verb = fn(Python<'_>, FunctionRef<'_>, Call<'_>) -> PyResult<Object>;

/// Wraps the result of a verb on a coroutine function, whose work is done by then.
fn wrapped(py: Python<'_>, decorated: &Decorated, result: Object) -> PyResult<Object> {
    if decorated.is_coroutine { ready_object(py, result) } else { Ok(result) }
}

fn invalidate(py: Python<'_>, function: FunctionRef<'_>, call: Call<'_>) -> PyResult<Object> {
    let decorated = function.decorated();
    let prepared = key_for(py, decorated, call, "invalidate")?;
    let was = decorated.state().remove(py, &mut prepared.probe(), Cause::Invalidated)?.is_some();
    wrapped(py, decorated, object_from(py, was)?)
}

fn expire(py: Python<'_>, function: FunctionRef<'_>, call: Call<'_>) -> PyResult<Object> {
    let decorated = function.decorated();
    let prepared = key_for(py, decorated, call, "expire")?;
    let was = decorated.state().expire(py, &mut prepared.probe())?;
    wrapped(py, decorated, object_from(py, was)?)
}

fn peek(py: Python<'_>, function: FunctionRef<'_>, call: Call<'_>) -> PyResult<Object> {
    let decorated = function.decorated();
    let prepared = key_for(py, decorated, call, "peek")?;
    let found = decorated.state().peek(py, &mut prepared.probe())?;
    wrapped(py, decorated, found.map_or_else(|| crate::missing::missing(py), Ok)?)
}

fn set(py: Python<'_>, function: FunctionRef<'_>, call: Call<'_>) -> PyResult<Object> {
    let decorated = function.decorated();
    let (value, rest) = call.split_first().ok_or_else(value_is_missing)?;
    let value = value.bind(py);
    let prepared = key_for(py, decorated, rest, "set")?;
    let stored = prepared.stored(py, decorated)?;
    let details = details(py, decorated, rest, &value, 0)?;
    if is_over(&details) {
        drop(decorated.state().remove(py, &mut prepared.probe(), Cause::Replaced)?);
    } else {
        let entry = NewEntry { key: stored, value: Object::of(&value), details };
        decorated.state().fill(py, entry, &Condition::Always, &mut prepared.probe())?;
    }
    wrapped(py, decorated, object_from(py, py.None())?)
}

fn refresh(py: Python<'_>, function: FunctionRef<'_>, call: Call<'_>) -> PyResult<Object> {
    let decorated = function.decorated();
    if decorated.is_coroutine {
        return PendingCall::make(py, function, call, true);
    }
    if !decorated.state().memory().is_enabled() {
        return call_uncached(py, decorated, call);
    }
    let prepared = key_for(py, decorated, call, "refresh")?;
    decorated.state().overtake(py, &mut prepared.probe())?;
    if decorated.options.loads_here {
        return crate::function::load::load(py, decorated, call, &prepared, false);
    }
    obtain(py, function, call, &prepared, false)
}

fn cache_key(py: Python<'_>, function: FunctionRef<'_>, call: Call<'_>) -> PyResult<Object> {
    let decorated = function.decorated();
    let prepared = key_for(py, decorated, call, "cache_key")?;
    let key = Key { part: prepared.stored(py, decorated)?, tag: prepared.tag };
    decorated.state().face(py, &key)
}

fn cache_info(py: Python<'_>, function: FunctionRef<'_>, _call: Call<'_>) -> PyResult<Object> {
    let decorated = function.decorated();
    let memory = decorated.state().memory();
    let left = memory.sweep();
    decorated.state().finish(py, left);
    let counts = memory.owner_counts(decorated.owner);
    let maxsize = Some(memory.max_entries()).filter(|&most| most != u64::MAX);
    let info = hooks::CACHE_INFO.get(py)?;
    Ok(Object::from(info.ask((counts.hits, counts.misses, maxsize, memory.fresh_of(decorated.owner)))?))
}

fn cache_clear(py: Python<'_>, function: FunctionRef<'_>, _call: Call<'_>) -> PyResult<Object> {
    let decorated = function.decorated();
    decorated.state().clear_owner(py, decorated.owner)?;
    decorated.state().memory().reset_owner(decorated.owner);
    object_from(py, py.None())
}

macro_rules! verbs {
    ($($name:ident: $text:literal,)*) => {
        /// The verbs by name, for both the function and the method of an object.
        const VERBS: &[(&CStr, Verb, ffi::PyCFunctionFastWithKeywords, ffi::PyCFunctionFastWithKeywords, &CStr)] =
            &[$((raw::$name::NAME, $name, raw::$name::of_function, raw::$name::of_method, $text),)*];

        mod raw {
            use super::*;
            $(pub(super) mod $name {
                use super::*;
                pub(in super::super) const NAME: &CStr =
                    match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                        Ok(name) => name,
                        Err(_) => c"?",
                    };
                pub(in super::super) unsafe extern "C" fn of_function(
                    function: Pointer,
                    args: *const Pointer,
                    count: ffi::Py_ssize_t,
                    names: Pointer,
                ) -> Pointer {
                    // SAFETY: CPython calls this with a function of ours and live arguments.
                    let (function, call) = unsafe {
                        (FunctionRef::new(function), Call::from_slot(args, count as usize, names))
                    };
                    Object::give(guard(|py| super::super::$name(py, function, call)))
                }
                pub(in super::super) unsafe extern "C" fn of_method(
                    method: Pointer,
                    args: *const Pointer,
                    count: ffi::Py_ssize_t,
                    names: Pointer,
                ) -> Pointer {
                    // SAFETY: CPython calls this with a method of ours and live arguments.
                    let (method, call) = unsafe {
                        (MethodRef::from_slot(method), Call::from_slot(args, count as usize, names))
                    };
                    let value_first = stringify!($name) == "set";
                    Object::give(guard(|py| of_receiver(py, method, call, super::super::$name, value_first)))
                }
            })*
        }
    };
}

verbs! {
    invalidate: c"Forget the result of this call; True if there was one.",
    refresh: c"Load the result of this call anew, store and return it.",
    peek: c"The stored result of this call, or MISSING; nothing is loaded or counted.",
    set: c"Store a value as the result of a call: f.set(value, *args).",
    expire: c"End the ttl of this call's result; True if there was one. For its grace it may still be served.",
    cache_key: c"The key of this call in the cache.",
    cache_info: c"Hits, misses, maxsize and current size, as functools has it.",
    cache_clear: c"Forget every result of this function and its statistics.",
}

/// Calls a verb for the method of an object, whose first argument is the object.
fn of_receiver(
    py: Python<'_>,
    method: MethodRef<'_>,
    call: Call<'_>,
    verb: Verb,
    value_first: bool,
) -> PyResult<Object> {
    if value_first && call.count() == 0 {
        return Err(value_is_missing());
    }
    let mut args: SmallVec<[Live<'_>; 8]> = SmallVec::from_slice(call.values());
    args.insert(usize::from(value_first), method.instance);
    verb(py, method.function, Call::of(&args, call.names()))
}

/// The method table of the function types.
pub(super) fn methods() -> Vec<ffi::PyMethodDef> {
    use crate::function::attributes::{copy, deepcopy, reduce, set_name};
    let verbs = VERBS.iter().map(|&(name, _, function, _, doc)| fast(name, function, doc));
    let others = [
        plain(c"__reduce__", reduce, ffi::METH_NOARGS),
        plain(c"__copy__", copy, ffi::METH_NOARGS),
        plain(c"__deepcopy__", deepcopy, ffi::METH_O),
        plain(c"__set_name__", set_name, ffi::METH_VARARGS),
        in_python(c"with_options", with_options, OPTIONS_DOC),
        in_python(c"get_entry", get_entry, ENTRY_DOC),
        in_python(c"explain", explain, EXPLAIN_DOC),
        plain(c"__class_getitem__", ffi::Py_GenericAlias, ffi::METH_O | ffi::METH_CLASS),
    ];
    heap_type::methods(verbs.chain(others))
}

/// The method table of methods of objects.
pub(super) fn methods_of_methods() -> Vec<ffi::PyMethodDef> {
    let verbs = VERBS.iter().map(|&(name, _, _, method, doc)| fast(name, method, doc));
    let others = [
        plain(c"__reduce__", method::reduce, ffi::METH_NOARGS),
        in_python(c"with_options", with_options, OPTIONS_DOC),
        in_python(c"get_entry", get_entry, ENTRY_DOC),
        in_python(c"explain", explain, EXPLAIN_DOC),
        plain(c"__copy__", method::copy, ffi::METH_NOARGS),
        plain(c"__deepcopy__", method::deepcopy, ffi::METH_O),
        plain(c"__class_getitem__", ffi::Py_GenericAlias, ffi::METH_O | ffi::METH_CLASS),
    ];
    heap_type::methods(verbs.chain(others))
}

fn fast(name: &'static CStr, function: ffi::PyCFunctionFastWithKeywords, doc: &'static CStr) -> ffi::PyMethodDef {
    ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: function },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: doc.as_ptr(),
    }
}

const OPTIONS_DOC: &CStr = c"The same function on a caller's own terms: f.with_options(max_age=\"10s\")(*args).";
const ENTRY_DOC: &CStr = c"The result of this call as an Entry, which says how old it is and how it came about.";
const EXPLAIN_DOC: &CStr = c"What is known of this call's result: str() of it is for people.";

slots! {
    fn with_options(py, function: Live<'_>, args: Live<'_>, kwargs: Option<Live<'_>>) {
        done_by_python(py, &hooks::WITH_OPTIONS, function, args, kwargs)
    }

    fn get_entry(py, function: Live<'_>, args: Live<'_>, kwargs: Option<Live<'_>>) {
        done_by_python(py, &hooks::GET_ENTRY, function, args, kwargs)
    }

    fn explain(py, function: Live<'_>, args: Live<'_>, kwargs: Option<Live<'_>>) {
        done_by_python(py, &hooks::EXPLAIN, function, args, kwargs)
    }
}

/// What `hotset._percall` does for a function or method: it is given that, a tuple and a dict.
fn done_by_python(
    py: Python<'_>,
    verb: &Hook,
    function: Live<'_>,
    args: Live<'_>,
    kwargs: Option<Live<'_>>,
) -> PyResult<Object> {
    let kwargs = kwargs.map_or_else(|| PyDict::new(py).into_any(), |kwargs| kwargs.bind(py).to_owned());
    Ok(Object::from(verb.ask(py, (function.bind(py), args.bind(py), kwargs))?))
}

fn in_python(name: &'static CStr, function: ffi::PyCFunctionWithKeywords, doc: &'static CStr) -> ffi::PyMethodDef {
    ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionWithKeywords: function },
        ml_flags: ffi::METH_VARARGS | ffi::METH_KEYWORDS,
        ml_doc: doc.as_ptr(),
    }
}

fn plain(name: &'static CStr, function: ffi::PyCFunction, flags: c_int) -> ffi::PyMethodDef {
    ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: function },
        ml_flags: flags,
        ml_doc: ptr::null(),
    }
}
