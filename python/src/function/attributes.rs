//! What a decorated function shows of the function that it wraps, so that it passes for one.

use std::ffi::{CStr, c_int, c_void};
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::ffi::Pointer;
use crate::ffi::heap_type;
use crate::ffi::heap_type::{AttributeName, slots};
use crate::ffi::live::Live;
use crate::ffi::object::{Object, object_from};
use crate::function::handles::FunctionRef;

/// Attributes that `inspect` and frameworks look for on functions.
const FORWARDED: [&CStr; 5] = [c"__code__", c"__defaults__", c"__kwdefaults__", c"__globals__", c"__closure__"];

/// The attribute table of the function types.
pub(super) fn getset() -> Vec<ffi::PyGetSetDef> {
    let attribute = |name: &'static CStr, get, set, doc, closure| ffi::PyGetSetDef {
        name: name.as_ptr(),
        get: Some(get),
        set,
        doc,
        closure,
    };
    let text = |text: &'static CStr| text.as_ptr();
    let dict_set: Option<ffi::setter> = Some(ffi::PyObject_GenericSetDict);
    let mut table = vec![
        attribute(c"__dict__", ffi::PyObject_GenericGetDict, dict_set, ptr::null(), ptr::null_mut()),
        attribute(c"uncached", uncached, None, text(c"The function itself."), ptr::null_mut()),
        attribute(c"cache", cache, None, text(c"The cache that holds the results."), ptr::null_mut()),
    ];
    table.push(attribute(c"__annotations__", annotations, Some(set_annotations), ptr::null(), ptr::null_mut()));
    table.extend(FORWARDED.map(|name| attribute(name, forward, None, ptr::null(), name.as_ptr().cast_mut().cast())));
    heap_type::attributes(table)
}

slots! {
    fn uncached(_py, function: FunctionRef<'_>, _name: AttributeName) {
        Ok(function.decorated().function.clone())
    }

    fn cache(_py, function: FunctionRef<'_>, _name: AttributeName) {
        Ok(function.decorated().cache.clone())
    }

    fn forward(py, function: FunctionRef<'_>, name: AttributeName) {
        name.of(&function.decorated().innermost.bind(py))
    }

    /// Those that were set, or else the function's: from Python 3.14 on `functools.update_wrapper` copies only what computes them.
    fn annotations(py, function: FunctionRef<'_>, _name: AttributeName) {
        let own = function.bind(py).getattr("__dict__")?.cast_into::<PyDict>()?.get_item("__annotations__")?;
        let decorated = function.decorated();
        Ok(Object::from(own.map_or_else(|| decorated.function.bind(py).getattr("__annotations__"), Ok)?))
    }

    pub(super) fn repr(py, function: FunctionRef<'_>) {
        let class = function.bind(py).get_type().name()?.to_string();
        object_from(py, format!("<hotset.{class} {}>", function.decorated().name(py)))
    }

    /// Pickles by reference, as functions do.
    pub(super) fn reduce(py, function: FunctionRef<'_>, _nothing: Option<Live<'_>>) {
        Ok(Object::from(function.bind(py).getattr("__qualname__")?))
    }

    pub(super) fn copy(_py, function: FunctionRef<'_>, _nothing: Option<Live<'_>>) {
        Ok(function.to_object())
    }

    pub(super) fn deepcopy(_py, function: FunctionRef<'_>, _memo: Live<'_>) {
        Ok(function.to_object())
    }

    /// Notices that the function was written in the body of a class, where its first argument is an object of it.
    pub(super) fn set_name(py, function: FunctionRef<'_>, args: Live<'_>) {
        let owner = args.bind(py).cast::<PyTuple>()?.get_item(0)?.getattr("__qualname__")?;
        let own = function.decorated().function.bind(py).getattr("__qualname__");
        if let Ok(own) = own.and_then(|own| Ok(own.cast_into::<PyString>()?))
            && let Ok(owner) = owner.cast::<PyString>()
            && own.to_str()?.rsplit_once('.').map(|(parent, _)| parent) == Some(owner.to_str()?)
        {
            function.decorated().become_method();
        }
        object_from(py, py.None())
    }

    /// None, once they are set, or deleted where there is no value.
    fn changed_annotations(py, function: FunctionRef<'_>, value: Option<Live<'_>>) {
        let own = function.bind(py).getattr("__dict__")?.cast_into::<PyDict>()?;
        match value {
            Some(value) => own.set_item("__annotations__", value.bind(py))?,
            None => own.del_item("__annotations__")?,
        }
        object_from(py, py.None())
    }
}

unsafe extern "C" fn set_annotations(function: Pointer, value: Pointer, _name: *mut c_void) -> c_int {
    // SAFETY: CPython calls this with a function of ours, and a live value or null; what is returned is new, or null.
    let set = unsafe { Object::or_null(changed_annotations(function, value)) };
    if set.is_some() { 0 } else { -1 }
}
