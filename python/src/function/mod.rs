//! Decorated functions: types of their own with a vectorcall slot, made by hand because a `#[pyclass]` that is called goes
//! through a tuple and a dict.
//!
//! `CachedFunction` and `CachedCoroutineFunction` share everything but what a call does.

mod attributes;
mod body;
mod bound;
mod call;
mod guard;
mod pending;
mod prepared;
mod ready;
mod signature;
mod verbs;

use std::ffi::{CStr, c_int, c_void};
use std::mem::{ManuallyDrop, offset_of};
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

pub(crate) use pending::PendingCall;

use crate::cache::BaseCache;
use crate::exact::Pointer;
use crate::object::Object;
use body::Body;
use call::{Quick, look_up_quickly};
use guard::guard;
use signature::Call;

/// The C layout of a decorated function.
#[repr(C)]
pub(crate) struct FunctionObject {
    head: ffi::PyObject,
    vectorcall: ffi::vectorcallfunc,
    dict: Pointer,
    weak_references: Pointer,
    body: ManuallyDrop<Body>,
}

static FUNCTION: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static COROUTINE_FUNCTION: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Makes the types and adds them to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let plain = FUNCTION.get_or_try_init(py, || make_type(py, c"hotset.CachedFunction", DOC))?;
    let coroutine =
        COROUTINE_FUNCTION.get_or_try_init(py, || make_type(py, c"hotset.CachedCoroutineFunction", ASYNC_DOC))?;
    module.add("CachedFunction", plain)?;
    module.add("CachedCoroutineFunction", coroutine)?;
    bound::register(module)?;
    ready::register(module)?;
    module.add_class::<PendingCall>()?;
    module.add_function(wrap_pyfunction!(wrap, module)?)?;
    module.add_function(wrap_pyfunction!(can_be_read_once, module)?)?;
    module.add_function(wrap_pyfunction!(ready::ready, module)?)
}

/// The classes of what a call of a coroutine function returns.
pub(crate) fn awaitables<'py>(py: Python<'py>) -> PyResult<[Bound<'py, PyType>; 2]> {
    Ok([ready::class(py)?, py.get_type::<PendingCall>()])
}

const DOC: &CStr = c"A function whose results are cached.";
const ASYNC_DOC: &CStr = c"A coroutine function whose results are cached.";

/// Decorates a function, as `hotset._plan` has planned it.
#[pyfunction]
fn wrap(
    py: Python<'_>,
    function: &Bound<'_, PyAny>,
    cache: &Bound<'_, BaseCache>,
    plan: &Bound<'_, PyAny>,
) -> PyResult<Py<PyAny>> {
    let body = Body::from_plan(function, cache, plan)?;
    let (class, vectorcall): (_, ffi::vectorcallfunc) =
        if body.is_coroutine { (&COROUTINE_FUNCTION, call_coroutine) } else { (&FUNCTION, call_function) };
    let Some(class) = class.get(py) else { return Err(PyErr::fetch(py)) };
    // SAFETY: the object is filled before anybody sees it; allocation zeroes the rest and keeps the type alive.
    unsafe {
        let allocated = ffi::PyType_GenericAlloc(class.as_ptr().cast(), 0);
        let object = Object::from_result(py, allocated)?;
        let function = object.as_ptr().cast::<FunctionObject>();
        (*function).vectorcall = vectorcall;
        ptr::write(&raw mut (*function).body, ManuallyDrop::new(body));
        Ok(object.into_bound(py).unbind())
    }
}

/// Whether a result is used up by reading it: an iterator, an open file, a coroutine.
#[pyfunction]
fn can_be_read_once(result: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the result is an argument.
    unsafe { call::can_be_read_once(result.as_ptr()) }
}

/// What a decorated function knows.
///
/// # Safety
/// The pointer is that of a live object of one of the two types.
#[inline(always)]
pub(crate) unsafe fn body_of<'a>(function: Pointer) -> &'a Body {
    // SAFETY: by the caller's promise.
    unsafe { &(*function.cast::<FunctionObject>()).body }
}

/// Calls a decorated function.
unsafe extern "C" fn call_function(
    function: Pointer,
    args: *const Pointer,
    flagged_count: usize,
    names: Pointer,
) -> Pointer {
    // SAFETY: CPython calls this with a function of ours and live arguments.
    let body = unsafe { body_of(function) };
    let call = Call { args, flagged_count, names };
    // SAFETY: as above.
    match unsafe { look_up_quickly(body, call) } {
        Quick::Hit(value) => value.into_ptr(),
        other => call_slowly(body, call, matches!(other, Quick::Miss)),
    }
}

#[inline(never)]
fn call_slowly(body: &Body, call: Call, looked_up: bool) -> Pointer {
    guard(|py| call::call(py, body, call, looked_up))
}

/// Calls a decorated coroutine function: a hit is ready to be awaited, anything else waits until it is.
unsafe extern "C" fn call_coroutine(
    function: Pointer,
    args: *const Pointer,
    flagged_count: usize,
    names: Pointer,
) -> Pointer {
    // SAFETY: CPython calls this with a function of ours and live arguments.
    let body = unsafe { body_of(function) };
    let call = Call { args, flagged_count, names };
    // SAFETY: as above.
    match unsafe { look_up_quickly(body, call) } {
        Quick::Hit(value) => ready::make(value),
        other => call_coroutine_slowly(function, call, matches!(other, Quick::Miss)),
    }
}

#[inline(never)]
fn call_coroutine_slowly(function: Pointer, call: Call, looked_up: bool) -> Pointer {
    // SAFETY: the function is alive during the call.
    let body = unsafe { body_of(function) };
    guard(|py| {
        if !body.inner().memory.is_enabled() {
            return call::call_uncached(py, body, call);
        }
        if !looked_up && let call::Lookup::Found(value) = call::prepare_and_look_up(py, body, call, false)? {
            return ready::ready_object(py, value);
        }
        // SAFETY: as above.
        PendingCall::make(py, unsafe { Object::from_borrowed(function) }, call, false)
    })
}

fn make_type(py: Python<'_>, name: &'static CStr, doc: &'static CStr) -> PyResult<Py<PyType>> {
    let members = [
        member(c"__vectorcalloffset__", offset_of!(FunctionObject, vectorcall)),
        member(c"__dictoffset__", offset_of!(FunctionObject, dict)),
        member(c"__weaklistoffset__", offset_of!(FunctionObject, weak_references)),
    ];
    let slots = [
        slot(ffi::Py_tp_dealloc, dealloc as *const c_void),
        slot(ffi::Py_tp_traverse, traverse as *const c_void),
        slot(ffi::Py_tp_clear, clear as *const c_void),
        slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *const c_void),
        slot(ffi::Py_tp_descr_get, bound::descr_get as *const c_void),
        slot(ffi::Py_tp_repr, attributes::repr as *const c_void),
        slot(ffi::Py_tp_doc, doc.as_ptr().cast()),
        slot(ffi::Py_tp_methods, leaked(verbs::methods()).cast()),
        slot(ffi::Py_tp_getset, leaked(attributes::getset()).cast()),
        slot(ffi::Py_tp_members, leaked(terminated(members)).cast()),
    ];
    let flags = ffi::Py_TPFLAGS_DEFAULT
        | ffi::Py_TPFLAGS_HAVE_GC
        | ffi::Py_TPFLAGS_HAVE_VECTORCALL
        | ffi::Py_TPFLAGS_METHOD_DESCRIPTOR;
    type_from(py, name, size_of::<FunctionObject>(), flags, slots)
}

/// A type from its slots.
fn type_from<const N: usize>(
    py: Python<'_>,
    name: &'static CStr,
    size: usize,
    flags: std::ffi::c_ulong,
    slots: [ffi::PyType_Slot; N],
) -> PyResult<Py<PyType>> {
    let mut slots: Vec<_> = slots.into_iter().chain([slot(0, ptr::null())]).collect();
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: size as c_int,
        itemsize: 0,
        flags: flags as std::ffi::c_uint,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the spec is complete, and what it points to that has to stay has been leaked.
    let class = unsafe { Object::from_result(py, ffi::PyType_FromSpec(&raw mut spec))? };
    Ok(class.into_bound(py).cast_into::<PyType>()?.unbind())
}

fn slot(slot: c_int, pfunc: *const c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot, pfunc: pfunc.cast_mut() }
}

fn member(name: &'static CStr, offset: usize) -> ffi::PyMemberDef {
    ffi::PyMemberDef {
        name: name.as_ptr(),
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset as ffi::Py_ssize_t,
        flags: ffi::Py_READONLY,
        doc: ptr::null(),
    }
}

/// A table that types point to for ever.
fn leaked<T>(table: Vec<T>) -> *const T {
    Box::leak(table.into_boxed_slice()).as_ptr()
}

/// A method table with its end.
fn terminated_methods(methods: impl Iterator<Item = ffi::PyMethodDef>) -> Vec<ffi::PyMethodDef> {
    methods.chain([ffi::PyMethodDef::zeroed()]).collect()
}

fn terminated<const N: usize>(members: [ffi::PyMemberDef; N]) -> Vec<ffi::PyMemberDef> {
    let end = ffi::PyMemberDef { name: ptr::null(), type_code: 0, offset: 0, flags: 0, doc: ptr::null() };
    members.into_iter().chain([end]).collect()
}

unsafe extern "C" fn dealloc(function: Pointer) {
    // SAFETY: CPython calls this once, for the last reference to a function of ours.
    unsafe {
        ffi::PyObject_GC_UnTrack(function.cast());
        let object = function.cast::<FunctionObject>();
        if !(*object).weak_references.is_null() {
            ffi::PyObject_ClearWeakRefs(function);
        }
        ffi::Py_CLEAR(&raw mut (*object).dict);
        ManuallyDrop::drop(&mut (*object).body);
        let class = ffi::Py_TYPE(function);
        ffi::PyObject_GC_Del(function.cast());
        ffi::Py_DECREF(class.cast());
    }
}

unsafe extern "C" fn traverse(function: Pointer, visit: ffi::visitproc, argument: *mut c_void) -> c_int {
    // SAFETY: CPython calls this with a function of ours; nothing of it is changed.
    unsafe {
        let object = function.cast::<FunctionObject>();
        for reached in [ffi::Py_TYPE(function).cast(), (*object).dict] {
            if !reached.is_null() {
                let result = visit(reached, argument);
                if result != 0 {
                    return result;
                }
            }
        }
        (*object).body.traverse(visit, argument)
    }
}

unsafe extern "C" fn clear(function: Pointer) -> c_int {
    // SAFETY: CPython calls this with a function of ours.
    unsafe { ffi::Py_CLEAR(&raw mut (*function.cast::<FunctionObject>()).dict) };
    0
}
