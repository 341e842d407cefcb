//! What awaiting a hit awaits: a value that is there already.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use hotset::sync::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};

use crate::ffi::Pointer;
use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::foreign::{Foreign, raised};
use crate::ffi::guard::attached;
use crate::ffi::heap_type::{self, FromSlot, NewType, leaked, slot, slots};
use crate::ffi::live::Live;
use crate::ffi::object::{Object, object_from};
use crate::function::awaitable::stop_iteration::{self, stop_iteration};

/// The C layout; the value is there until it has been awaited.
///
/// Nearly all live from a call to its `await` only: those that are dead are kept for the next calls.
#[repr(C)]
struct ReadyObject {
    head: ffi::PyObject,
    value: Option<Object>,
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
static CLASS_POINTER: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(ptr::null_mut());

pub(in crate::function) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    stop_iteration::prepare(py)?;
    let class = CLASS.get_or_try_init(py, || make_type(py))?;
    CLASS_POINTER.store(class.as_ptr().cast(), Ordering::Relaxed);
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
    make(value).ok_or_else(|| raised(py))
}

/// A new one; an exception is set if there is no memory.
#[inline(always)]
pub(in crate::function) fn make(value: Object) -> Option<Object> {
    let Some(ready) = SPARE.lock().pop() else { return make_anew(value) };
    // SAFETY: what is spare is a dead object of ours that nobody else has, without a value.
    unsafe {
        _Py_NewReference(ready);
        Some(filled(ready, value))
    }
}

#[cold]
fn make_anew(value: Object) -> Option<Object> {
    // SAFETY: the class is ready since the import; the object is new.
    unsafe {
        let ready = ffi::PyObject_GC_New::<ReadyObject>(CLASS_POINTER.load(Ordering::Relaxed));
        (!ready.is_null()).then(|| filled(ready.cast(), value))
    }
}

/// An object that nobody has seen, with its value.
///
/// # Safety
/// It is one of ours, without a value, and its reference is given away.
#[inline(always)]
unsafe fn filled(ready: Pointer, value: Object) -> Object {
    // SAFETY: by the caller's promise.
    unsafe {
        ptr::write(&raw mut (*ready.cast::<ReadyObject>()).value, Some(value));
        ffi::PyObject_GC_Track(ready.cast());
        Object::from_owned(ready)
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

/// The value of an object, if it has not been taken.
///
/// # Safety
/// The object is one of ours.
#[inline(always)]
unsafe fn take(ready: Pointer) -> Option<Object> {
    // SAFETY: by the caller's promise.
    unsafe { (*ready.cast::<ReadyObject>()).value.take() }
}

#[cold]
fn used_up() {
    attached(|py| PyRuntimeError::new_err("cannot reuse already awaited coroutine").restore(py));
}

/// What `await` does: ends the iteration with the value.
unsafe extern "C" fn next(ready: Pointer) -> Pointer {
    // SAFETY: CPython calls this with an object of ours.
    match unsafe { take(ready) } {
        None => used_up(),
        // The end of an iteration without an exception is one with None.
        Some(value) if Live::of(&value).is_none() => {}
        Some(value) => stop_iteration(value),
    }
    ptr::null_mut()
}

unsafe extern "C" fn am_send(ready: Pointer, _sent: Pointer, result: *mut Pointer) -> ffi::PySendResult {
    // SAFETY: CPython calls this with an object of ours and a place for the result.
    let sent = unsafe {
        *result = Object::give(take(ready));
        !(*result).is_null()
    };
    if sent {
        return ffi::PySendResult::PYGEN_RETURN;
    }
    used_up();
    ffi::PySendResult::PYGEN_ERROR
}

unsafe extern "C" fn send(ready: Pointer, _sent: Pointer) -> Pointer {
    // SAFETY: CPython calls this with an object of ours.
    unsafe { take(ready) }.map_or_else(used_up, stop_iteration);
    ptr::null_mut()
}

/// What a slot is called for, which lets go of its value.
struct TakenValue(Option<Object>);

impl FromSlot for TakenValue {
    type Raw = Pointer;
    unsafe fn from_slot(raw: Pointer) -> Self {
        // SAFETY: by the caller's promise.
        Self(unsafe { take(raw) })
    }
}

slots! {
    fn throw(py, ready: TakenValue, args: Live<'_>) {
        drop(ready.0);
        Err(thrown(args.bind(py).to_owned().cast::<PyTuple>()?))
    }

    fn close(py, ready: TakenValue, _nothing: Option<Live<'_>>) {
        drop(ready.0);
        object_from(py, py.None())
    }
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

unsafe extern "C" fn dealloc(ready: Pointer) {
    // SAFETY: CPython calls this once, for the last reference to an object of ours.
    unsafe {
        ffi::PyObject_GC_UnTrack(ready.cast());
        drop(take(ready));
        if !SPARE.lock().push(ready) {
            heap_type::free(ready);
        }
    }
}

unsafe extern "C" fn traverse(ready: Pointer, visit: ffi::visitproc, argument: *mut c_void) -> c_int {
    // SAFETY: CPython calls this with an object of ours.
    unsafe {
        let value = (*ready.cast::<ReadyObject>()).value.as_ref().map_or(ptr::null_mut(), Object::as_ptr);
        heap_type::show(ready, [value], visit, argument)
    }
}

unsafe extern "C" fn clear(ready: Pointer) -> c_int {
    // SAFETY: CPython calls this with an object of ours.
    drop(unsafe { take(ready) });
    0
}
