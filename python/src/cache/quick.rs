//! `BaseCache`: the verbs that are used most, as C slots. Everything else it inherits from `CacheVerbs`.
//!
//! A slot of a `#[pyclass]` counts attachments in a thread-local and parses its arguments in general; that costs as much again as
//! a lookup.

use std::ffi::{c_int, c_void};

use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::cache::CacheVerbs;
use crate::cache::access::Glance;
use crate::ffi::Pointer;
use crate::ffi::call_args::{Call, pack};
use crate::ffi::foreign::Foreign;
use crate::ffi::guard::guard;
use crate::ffi::heap_type::{NewType, leaked, slot};
use crate::ffi::object::{Object, borrow, object_from};
use crate::hooks;

static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Makes the type and adds it to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let class = CLASS.get_or_try_init(module.py(), || make_type(module.py()))?;
    module.add("BaseCache", class)?;
    module.add_function(wrap_pyfunction!(adopt_get, module)?)
}

fn make_type(py: Python<'_>) -> PyResult<Py<PyType>> {
    NewType {
        name: c"hotset._core.BaseCache",
        base: Some(py.get_type::<CacheVerbs>()),
        size: 0,
        flags: ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE,
        slots: vec![
            slot(ffi::Py_mp_subscript, subscript as *const c_void),
            slot(ffi::Py_mp_ass_subscript, assign_subscript as *const c_void),
            slot(ffi::Py_tp_methods, leaked(vec![get_definition(), ffi::PyMethodDef::zeroed()]).cast()),
        ],
    }
    .make(py)
}

fn get_definition() -> ffi::PyMethodDef {
    ffi::PyMethodDef {
        ml_name: c"get".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: get },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: c"get($self, key, default=None, /, **terms)\n--\n\n".as_ptr(),
    }
}

/// Gives a subclass of `BaseCache` a `get` of its own: CPython has a shorter way to methods of exactly an object's class.
#[pyfunction]
pub(crate) fn adopt_get(class: &Bound<'_, PyType>) -> PyResult<()> {
    let definition = Box::leak(Box::new(get_definition()));
    // SAFETY: the definition stays, and the class has the layout of `BaseCache`, which is checked.
    let method = unsafe {
        if !class.is_subclass_of::<CacheVerbs>()? {
            return Err(PyTypeError::new_err("adopt_get() takes a subclass of BaseCache"));
        }
        Object::from_result(class.py(), ffi::PyDescr_NewMethod(class.as_type_ptr(), definition))?
    };
    class.setattr("get", method.bind(class.py()))
}

/// The verbs behind a cache.
///
/// # Safety
/// The pointer is that of a live object of a subclass of `BaseCache`, and the thread is attached.
#[inline(always)]
unsafe fn verbs<'a>(py: Python<'_>, cache: Pointer) -> &'a CacheVerbs {
    // SAFETY: by the caller's promise; a frozen class is only ever borrowed.
    unsafe {
        let verbs: *const CacheVerbs = borrow(py, cache).cast_unchecked::<CacheVerbs>().get();
        &*verbs
    }
}

/// `cache[key]`
unsafe extern "C" fn subscript(cache: Pointer, key: Pointer) -> Pointer {
    // SAFETY: CPython calls this with a cache and a live key, on an attached thread.
    unsafe {
        let verbs = verbs(Python::assume_attached(), cache);
        match verbs.find_quickly(key) {
            Glance::Found(value) => value.into_ptr(),
            Glance::Missing => guard(|py| Err(missing(py, key))),
            Glance::Behind => guard(|py| verbs.find_behind(py, key)?.ok_or_else(|| missing(py, key))),
            Glance::Unsuited => guard(|py| verbs.find_slowly(py, key)?.ok_or_else(|| missing(py, key))),
        }
    }
}

fn missing(py: Python<'_>, key: Pointer) -> PyErr {
    // SAFETY: the key is an argument of the running call.
    PyKeyError::new_err((unsafe { borrow(py, key) }.to_owned().unbind(),))
}

/// `cache.get(key, default=None, /, **terms)`
unsafe extern "C" fn get(cache: Pointer, args: *const Pointer, count: ffi::Py_ssize_t, names: Pointer) -> Pointer {
    // SAFETY: CPython calls this with a cache and live arguments, on an attached thread.
    unsafe {
        if !names.is_null() {
            return get_on_terms(cache, args, count, names);
        }
        if !(1..=2).contains(&count) {
            return guard(|_| {
                Err(PyTypeError::new_err(format!("get() takes a key and a default, not {count} arguments")))
            });
        }
        let default =
            || if count == 2 { Object::from_borrowed(*args.add(1)) } else { Object::from_borrowed(ffi::Py_None()) };
        let verbs = verbs(Python::assume_attached(), cache);
        match verbs.find_quickly(*args) {
            Glance::Found(value) => value.into_ptr(),
            Glance::Missing => default().into_ptr(),
            Glance::Behind => guard(|py| Ok(verbs.find_behind(py, *args)?.unwrap_or_else(default))),
            Glance::Unsuited => guard(|py| Ok(verbs.find_slowly(py, *args)?.unwrap_or_else(default))),
        }
    }
}

/// `cache.get(key, default, max_age=...)`
///
/// # Safety
/// As for [`get`]; there are names.
#[cold]
unsafe fn get_on_terms(cache: Pointer, args: *const Pointer, count: ffi::Py_ssize_t, names: Pointer) -> Pointer {
    guard(|py| {
        let call = Call { args, flagged_count: count as usize, names };
        let (args, kwargs) = pack(py, call)?;
        // SAFETY: the cache is alive during the call.
        let cache = unsafe { borrow(py, cache) }.to_owned();
        let get = hooks::GET_ON_TERMS.get(py)?;
        Ok(Object::from(get.ask((cache, args, kwargs))?))
    })
}

/// `cache[key] = value` and `del cache[key]`
unsafe extern "C" fn assign_subscript(cache: Pointer, key: Pointer, value: Pointer) -> c_int {
    // SAFETY: CPython calls this with a cache, a live key, and a live value or null, on an attached thread.
    let done = unsafe {
        let verbs = verbs(Python::assume_attached(), cache);
        if !value.is_null() && verbs.store_quickly(key, value) {
            return 0;
        }
        guard(|py| {
            let key = borrow(py, key).to_owned();
            if value.is_null() {
                verbs.delete_item(&key)?;
            } else {
                verbs.store_item(&key, &borrow(py, value))?;
            }
            object_from(py, py.None())
        })
    };
    if done.is_null() {
        return -1;
    }
    // SAFETY: a new reference.
    unsafe { ffi::Py_DECREF(done) };
    0
}
