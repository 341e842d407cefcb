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
use crate::ffi::heap_type::{FromSlot, NewType, leaked, slot};
use crate::ffi::live::Live;
use crate::ffi::make::none;
use crate::ffi::object::{Object, object_from};
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
    if !class.is_subclass_of::<CacheVerbs>()? {
        return Err(PyTypeError::new_err("adopt_get() takes a subclass of BaseCache"));
    }
    // SAFETY: the definition stays, and the class has the layout of `BaseCache`.
    let method = unsafe { Object::from_result(class.py(), ffi::PyDescr_NewMethod(class.as_type_ptr(), definition))? };
    class.setattr("get", method.bind(class.py()))
}

/// A cache that a slot is called for.
#[derive(Clone, Copy)]
struct CacheRef<'a>(Live<'a>);

impl FromSlot for CacheRef<'_> {
    type Raw = Pointer;
    #[inline(always)]
    unsafe fn from_slot(raw: Pointer) -> Self {
        // SAFETY: by the caller's promise.
        Self(unsafe { Live::new(raw) })
    }
}

impl<'a> CacheRef<'a> {
    /// The verbs behind it.
    #[inline(always)]
    fn verbs(self) -> &'a CacheVerbs {
        // SAFETY: it is a cache, or of a subclass.
        unsafe { self.0.get_unchecked() }
    }

    #[inline(always)]
    fn find(self, key: Live<'_>) -> Option<Object> {
        let verbs = self.verbs();
        match verbs.find_quickly(key) {
            Glance::Found(value) => Some(value),
            Glance::Missing => guard(|py| Err(missing(py, key))),
            Glance::Behind => guard(|py| verbs.find_behind(py, key)?.ok_or_else(|| missing(py, key))),
            Glance::Unsuited => guard(|py| verbs.find_slowly(py, key)?.ok_or_else(|| missing(py, key))),
        }
    }

    #[inline(always)]
    fn get(self, key: Live<'_>, default: impl FnOnce() -> Object) -> Option<Object> {
        let verbs = self.verbs();
        match verbs.find_quickly(key) {
            Glance::Found(value) => Some(value),
            Glance::Missing => Some(default()),
            Glance::Behind => guard(|py| Ok(verbs.find_behind(py, key)?.unwrap_or_else(default))),
            Glance::Unsuited => guard(|py| Ok(verbs.find_slowly(py, key)?.unwrap_or_else(default))),
        }
    }

    /// `cache.get(key, default, max_age=...)`
    #[cold]
    fn get_on_terms(self, call: Call<'_>) -> Option<Object> {
        guard(|py| {
            let (args, kwargs) = pack(py, call)?;
            let get = hooks::GET_ON_TERMS.get(py)?;
            Ok(Object::from(get.ask((self.0.bind(py), args, kwargs))?))
        })
    }

    /// Stores a value, or deletes the item if there is none; an exception is set if that fails.
    #[inline(always)]
    fn assign(self, key: Live<'_>, value: Option<Live<'_>>) -> Option<()> {
        let verbs = self.verbs();
        if value.is_some_and(|value| verbs.store_quickly(key, value)) {
            return Some(());
        }
        guard(|py| {
            match value {
                Some(value) => verbs.store_item(&key.bind(py), &value.bind(py))?,
                None => verbs.delete_item(&key.bind(py))?,
            }
            object_from(py, py.None())
        })
        .map(drop)
    }
}

fn missing(py: Python<'_>, key: Live<'_>) -> PyErr {
    PyKeyError::new_err((key.bind(py).to_owned().unbind(),))
}

/// `cache[key]`
unsafe extern "C" fn subscript(cache: Pointer, key: Pointer) -> Pointer {
    // SAFETY: CPython calls this with a cache and a live key, on an attached thread.
    let (cache, key) = unsafe { (CacheRef::from_slot(cache), Live::new(key)) };
    Object::give(cache.find(key))
}

/// `cache.get(key, default=None, /, **terms)`
unsafe extern "C" fn get(cache: Pointer, args: *const Pointer, count: ffi::Py_ssize_t, names: Pointer) -> Pointer {
    // SAFETY: CPython calls this with a cache and live arguments, on an attached thread.
    let (cache, call) = unsafe { (CacheRef::from_slot(cache), Call::from_slot(args, count as usize, names)) };
    Object::give(match *call.positional() {
        _ if call.names().is_some() => cache.get_on_terms(call),
        [key] => cache.get(key, none),
        [key, default] => cache.get(key, || default.to_object()),
        _ => guard(|_| Err(PyTypeError::new_err(format!("get() takes a key and a default, not {count} arguments")))),
    })
}

/// `cache[key] = value` and `del cache[key]`
unsafe extern "C" fn assign_subscript(cache: Pointer, key: Pointer, value: Pointer) -> c_int {
    // SAFETY: CPython calls this with a cache, a live key, and a live value or null, on an attached thread.
    let (cache, key, value) = unsafe { (CacheRef::from_slot(cache), Live::new(key), Live::or_null(value)) };
    if cache.assign(key, value).is_some() { 0 } else { -1 }
}
