//! What awaiting a hit awaits: a value that is there already.

use std::ffi::{c_int, c_void};
use std::ptr;

use hotset::sync::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};

use crate::ffi::Pointer;
use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::foreign::Foreign;
use crate::ffi::guard::{attached, guard};
use crate::ffi::heap_type::{NewType, leaked, slot};
use crate::ffi::object::{Object, borrow};
use crate::function::awaitable::stop_iteration::{self, stop_iteration};

/// The C layout; the value is null once it has been awaited.
///
/// Nearly all live from a call to its `await` only: those that are dead are kept for the next calls.
#[repr(C)]
struct ReadyObject {
    head: ffi::PyObject,
    value: Pointer,
}

/// Those that are dead and kept.
struct Spare {
    count: usize,
    objects: [Pointer; MOST_SPARE],
}

const MOST_SPARE: usize = 16;

// SAFETY: they are only touched by threads that are attached.
unsafe impl Send for Spare {}

static SPARE: Mutex<AttachedLock, Spare> = Mutex::new(Spare { count: 0, objects: [ptr::null_mut(); MOST_SPARE] });

impl Spare {
    #[inline(always)]
    fn pop(&mut self) -> Option<Pointer> {
        self.count = self.count.checked_sub(1)?;
        Some(self.objects[self.count])
    }

    /// Whether there was room.
    #[inline(always)]
    fn push(&mut self, ready: Pointer) -> bool {
        let Some(place) = self.objects.get_mut(self.count) else { return false };
        *place = ready;
        self.count += 1;
        true
    }
}

unsafe extern "C" {
    /// Has a dead object begin another life.
    fn _Py_NewReference(object: Pointer);
}

static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static mut CLASS_POINTER: *mut ffi::PyTypeObject = ptr::null_mut();

pub(in crate::function) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    stop_iteration::prepare(py)?;
    let class = CLASS.get_or_try_init(py, || make_type(py))?;
    // SAFETY: written once, while the module is imported and before anything reads it.
    unsafe { CLASS_POINTER = class.as_ptr().cast() };
    module.add("Ready", class)
}

pub(in crate::function) fn class(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    CLASS.get(py).map(|class| class.bind(py).clone()).ok_or_else(|| PyRuntimeError::new_err("hotset is not imported"))
}

/// An awaitable that gives this value, once.
#[pyfunction]
pub(in crate::function) fn ready(value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    ready_object(value.py(), Object::of(value)).map(|object| object.into_bound(value.py()).unbind())
}

pub(in crate::function) fn ready_object(py: Python<'_>, value: Object) -> PyResult<Object> {
    // SAFETY: a new reference or null.
    unsafe { Object::from_result(py, make(value)) }
}

/// A new reference, or null and an exception.
#[inline(always)]
pub(in crate::function) fn make(value: Object) -> Pointer {
    let spare = SPARE.lock().pop();
    // SAFETY: what is spare is a dead object of ours that nobody else has.
    unsafe {
        let Some(ready) = spare else { return make_anew(value) };
        _Py_NewReference(ready);
        (*ready.cast::<ReadyObject>()).value = value.into_ptr();
        ffi::PyObject_GC_Track(ready.cast());
        ready
    }
}

#[cold]
fn make_anew(value: Object) -> Pointer {
    // SAFETY: the class is ready since the import; the object is filled before anybody sees it.
    unsafe {
        let ready = ffi::PyObject_GC_New::<ReadyObject>(CLASS_POINTER);
        if ready.is_null() {
            return ptr::null_mut();
        }
        (*ready).value = value.into_ptr();
        ffi::PyObject_GC_Track(ready.cast());
        ready.cast()
    }
}

fn make_type(py: Python<'_>) -> PyResult<Py<PyType>> {
    NewType {
        name: c"hotset.Ready",
        base: None,
        size: size_of::<ReadyObject>(),
        flags: ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_HAVE_GC | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION,
        slots: vec![
            slot(ffi::Py_tp_dealloc, dealloc as *const c_void),
            slot(ffi::Py_tp_traverse, traverse as *const c_void),
            slot(ffi::Py_tp_clear, clear as *const c_void),
            slot(ffi::Py_tp_iter, ffi::PyObject_SelfIter as *const c_void),
            slot(ffi::Py_tp_iternext, next as *const c_void),
            slot(ffi::Py_am_await, ffi::PyObject_SelfIter as *const c_void),
            slot(ffi::Py_am_send, am_send as *const c_void),
            slot(ffi::Py_tp_methods, leaked(methods()).cast()),
            slot(ffi::Py_tp_doc, c"A value that can be awaited once.".as_ptr().cast()),
        ],
    }
    .make(py)
}

fn methods() -> Vec<ffi::PyMethodDef> {
    let method = |name: &'static std::ffi::CStr, function, flags| ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: function,
        ml_flags: flags,
        ml_doc: ptr::null(),
    };
    vec![
        method(c"send", ffi::PyMethodDefPointer { PyCFunction: send }, ffi::METH_O),
        method(c"throw", ffi::PyMethodDefPointer { PyCFunction: throw }, ffi::METH_VARARGS),
        method(c"close", ffi::PyMethodDefPointer { PyCFunction: close }, ffi::METH_NOARGS),
        ffi::PyMethodDef::zeroed(),
    ]
}

/// # Safety
/// The object is one of ours.
#[inline(always)]
unsafe fn take(ready: Pointer) -> Pointer {
    // SAFETY: by the caller's promise.
    unsafe { ptr::replace(&raw mut (*ready.cast::<ReadyObject>()).value, ptr::null_mut()) }
}

#[cold]
fn used_up() {
    attached(|py| PyRuntimeError::new_err("cannot reuse already awaited coroutine").restore(py));
}

/// What `await` does: ends the iteration with the value.
unsafe extern "C" fn next(ready: Pointer) -> Pointer {
    // SAFETY: CPython calls this with an object of ours.
    unsafe {
        let value = take(ready);
        if value.is_null() {
            used_up();
        } else if value == ffi::Py_None() {
            // The end of an iteration without an exception is one with None.
            ffi::Py_DECREF(value);
        } else {
            stop_iteration(value);
        }
        ptr::null_mut()
    }
}

unsafe extern "C" fn am_send(ready: Pointer, _sent: Pointer, result: *mut Pointer) -> ffi::PySendResult {
    // SAFETY: CPython calls this with an object of ours and a place for the result.
    unsafe {
        let value = take(ready);
        *result = value;
        if value.is_null() {
            used_up();
            return ffi::PySendResult::PYGEN_ERROR;
        }
    }
    ffi::PySendResult::PYGEN_RETURN
}

unsafe extern "C" fn send(ready: Pointer, _sent: Pointer) -> Pointer {
    // SAFETY: CPython calls this with an object of ours.
    unsafe {
        if (*ready.cast::<ReadyObject>()).value == ffi::Py_None() {
            stop_iteration(take(ready));
            return ptr::null_mut();
        }
        next(ready)
    }
}

unsafe extern "C" fn throw(ready: Pointer, args: Pointer) -> Pointer {
    // SAFETY: CPython calls this with an object of ours and a tuple.
    unsafe { drop_value(ready) };
    guard(|py| {
        // SAFETY: as above.
        let args = unsafe { borrow(py, args) }.to_owned();
        Err(thrown(args.cast::<PyTuple>()?))
    })
}

/// The exception that the arguments of `throw` mean.
pub(in crate::function) fn thrown(args: &Bound<'_, PyTuple>) -> PyErr {
    let given = |number| args.get_item(number).ok().filter(|item: &Bound<'_, PyAny>| !item.is_none());
    let Some(first) = given(0) else {
        return pyo3::exceptions::PyTypeError::new_err("throw() takes an exception");
    };
    let raised = match (first.cast::<PyType>(), given(1)) {
        (Ok(_), Some(value)) if value.is_instance_of::<pyo3::exceptions::PyBaseException>() => Ok(value),
        (Ok(class), Some(value)) => class.ask((value,)),
        (Ok(class), None) => class.ask(()),
        (Err(_), _) => Ok(first),
    };
    raised.map_or_else(|error| error, PyErr::from_value)
}

unsafe extern "C" fn close(ready: Pointer, _nothing: Pointer) -> Pointer {
    // SAFETY: CPython calls this with an object of ours.
    unsafe {
        drop_value(ready);
        ffi::Py_NewRef(ffi::Py_None())
    }
}

/// # Safety
/// The object is one of ours and the thread is attached.
unsafe fn drop_value(ready: Pointer) {
    // SAFETY: by the caller's promise.
    unsafe {
        let value = take(ready);
        if !value.is_null() {
            drop(Object::from_owned(value));
        }
    }
}

unsafe extern "C" fn dealloc(ready: Pointer) {
    // SAFETY: CPython calls this once, for the last reference to an object of ours.
    unsafe {
        ffi::PyObject_GC_UnTrack(ready.cast());
        drop_value(ready);
        if SPARE.lock().push(ready) {
            return;
        }
        let class = ffi::Py_TYPE(ready);
        ffi::PyObject_GC_Del(ready.cast());
        ffi::Py_DECREF(class.cast());
    }
}

unsafe extern "C" fn traverse(ready: Pointer, visit: ffi::visitproc, argument: *mut c_void) -> c_int {
    // SAFETY: CPython calls this with an object of ours.
    unsafe {
        for reached in [ffi::Py_TYPE(ready).cast(), (*ready.cast::<ReadyObject>()).value] {
            if !reached.is_null() {
                let result = visit(reached, argument);
                if result != 0 {
                    return result;
                }
            }
        }
    }
    0
}

unsafe extern "C" fn clear(ready: Pointer) -> c_int {
    // SAFETY: CPython calls this with an object of ours.
    unsafe { drop_value(ready) };
    0
}
