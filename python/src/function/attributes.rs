//! What a decorated function shows of the function that it wraps, so that it passes for one.

use std::ffi::{CStr, c_int, c_void};
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::ffi::Pointer;
use crate::ffi::guard::guard;
use crate::ffi::object::{Object, borrow, object_from};
use crate::function::decorated_of;

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
    // SAFETY: all zeroes end the table.
    table.push(unsafe { std::mem::zeroed() });
    table
}

unsafe extern "C" fn uncached(function: Pointer, _closure: *mut c_void) -> Pointer {
    // SAFETY: CPython calls this with a function of ours.
    unsafe { decorated_of(function).function.clone().into_ptr() }
}

unsafe extern "C" fn cache(function: Pointer, _closure: *mut c_void) -> Pointer {
    // SAFETY: CPython calls this with a function of ours.
    unsafe { decorated_of(function).cache.clone().into_ptr() }
}

unsafe extern "C" fn forward(function: Pointer, name: *mut c_void) -> Pointer {
    // SAFETY: CPython calls this with a function of ours and the name from the table.
    unsafe { ffi::PyObject_GetAttrString(decorated_of(function).innermost.as_ptr(), name.cast()) }
}

/// Those that were set, or else the function's: from Python 3.14 on `functools.update_wrapper` copies only what computes them.
unsafe extern "C" fn annotations(function: Pointer, _closure: *mut c_void) -> Pointer {
    guard(|py| {
        // SAFETY: CPython calls this with a function of ours.
        let (decorated, object) = unsafe { (decorated_of(function), borrow(py, function)) };
        let own = object.getattr("__dict__")?.cast_into::<PyDict>()?.get_item("__annotations__")?;
        Ok(Object::from(own.map_or_else(|| decorated.function.bind(py).getattr("__annotations__"), Ok)?))
    })
}

unsafe extern "C" fn set_annotations(function: Pointer, value: Pointer, _closure: *mut c_void) -> c_int {
    let set = guard(|py| {
        // SAFETY: CPython calls this with a function of ours, and a live value or null.
        let (object, value) = unsafe { (borrow(py, function), Bound::from_borrowed_ptr_or_opt(py, value)) };
        let own = object.getattr("__dict__")?.cast_into::<PyDict>()?;
        match value {
            Some(value) => own.set_item("__annotations__", value)?,
            None => own.del_item("__annotations__")?,
        }
        object_from(py, py.None())
    });
    if set.is_null() {
        return -1;
    }
    // SAFETY: a new reference.
    unsafe { ffi::Py_DECREF(set) };
    0
}

pub(super) unsafe extern "C" fn repr(function: Pointer) -> Pointer {
    guard(|py| {
        // SAFETY: CPython calls this with a function of ours.
        let (decorated, object) = unsafe { (decorated_of(function), borrow(py, function)) };
        let class = object.get_type().name()?.to_string();
        object_from(py, format!("<hotset.{class} {}>", decorated.name(py)))
    })
}

/// Pickles by reference, as functions do.
pub(super) unsafe extern "C" fn reduce(function: Pointer, _nothing: Pointer) -> Pointer {
    // SAFETY: CPython calls this with a function of ours.
    unsafe { ffi::PyObject_GetAttrString(function, c"__qualname__".as_ptr()) }
}

pub(super) unsafe extern "C" fn copy(function: Pointer, _nothing: Pointer) -> Pointer {
    // SAFETY: CPython calls this with a function of ours.
    unsafe { Object::from_borrowed(function).into_ptr() }
}

pub(super) unsafe extern "C" fn deepcopy(function: Pointer, _memo: Pointer) -> Pointer {
    // SAFETY: CPython calls this with a function of ours.
    unsafe { Object::from_borrowed(function).into_ptr() }
}

/// Notices that the function was written in the body of a class, where its first argument is an object of it.
pub(super) unsafe extern "C" fn set_name(function: Pointer, args: Pointer) -> Pointer {
    guard(|py| {
        // SAFETY: CPython calls this with a function of ours and a tuple of the class and a name.
        let (decorated, args) = unsafe { (decorated_of(function), borrow(py, args)) };
        let owner = args.cast::<PyTuple>()?.get_item(0)?.getattr("__qualname__")?;
        let own = decorated.function.bind(py).getattr("__qualname__");
        if let Ok(own) = own.and_then(|own| Ok(own.cast_into::<PyString>()?))
            && let Ok(owner) = owner.cast::<PyString>()
            && own.to_str()?.rsplit_once('.').map(|(parent, _)| parent) == Some(owner.to_str()?)
        {
            decorated.become_method();
        }
        object_from(py, py.None())
    })
}
