//! Ending an iteration with a value, which is how `await` gets its result, without making an exception each time.
//!
//! Since Python 3.12 an exception that is raised has to be an object. Ours is of a subclass of `StopIteration` whose last object is
//! kept, with the tuple of its arguments, for the next time when it dies, which is as soon as `await` has taken the value out of it.

#[cfg(Py_3_12)]
use std::ffi::c_void;
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
#[cfg(Py_3_12)]
use pyo3::sync::PyOnceLock;
#[cfg(Py_3_12)]
use pyo3::types::PyType;

use crate::ffi::Pointer;

#[cfg(not(Py_3_12))]
pub(in crate::function) fn prepare(_py: Python<'_>) -> PyResult<()> {
    Ok(())
}

/// Raises `StopIteration(value)`.
///
/// # Safety
/// The value is a reference that is given away, and the thread is attached.
#[cfg(not(Py_3_12))]
#[inline(always)]
pub(in crate::function) unsafe fn stop_iteration(value: Pointer) {
    // SAFETY: by the caller's promise; a tuple or an exception would be taken for the arguments or the exception itself.
    unsafe {
        if ffi::PyTuple_Check(value) == 0 && ffi::PyExceptionInstance_Check(value) == 0 {
            ffi::PyErr_Restore(ffi::Py_NewRef(ffi::PyExc_StopIteration), value, ptr::null_mut());
            return;
        }
        let exception =
            ffi::PyObject_CallFunctionObjArgs(ffi::PyExc_StopIteration, value, ptr::null_mut::<ffi::PyObject>());
        ffi::Py_DECREF(value);
        if !exception.is_null() {
            ffi::PyErr_SetObject(ffi::PyExc_StopIteration, exception);
            ffi::Py_DECREF(exception);
        }
    }
}

#[cfg(Py_3_12)]
pub(in crate::function) use recycled::{prepare, stop_iteration};

#[cfg(Py_3_12)]
mod recycled {
    use super::*;
    use crate::ffi::heap_type::{NewType, slot};
    use crate::ffi::object::Object;
    use pyo3::exceptions::PyStopIteration;

    unsafe extern "C" {
        fn _Py_NewReference(object: Pointer);
    }

    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static mut CLASS_POINTER: *mut ffi::PyTypeObject = ptr::null_mut();
    /// The object that is kept, or null. Where there is no GIL none is kept.
    static mut KEPT: Pointer = ptr::null_mut();

    /// Makes the class.
    pub(in crate::function) fn prepare(py: Python<'_>) -> PyResult<()> {
        let class = CLASS.get_or_try_init(py, || make_class(py))?;
        // SAFETY: written once, while the module is imported and before anything reads it.
        unsafe { CLASS_POINTER = class.as_ptr().cast() };
        Ok(())
    }

    fn make_class(py: Python<'_>) -> PyResult<Py<PyType>> {
        NewType {
            name: c"hotset.StopIteration",
            base: Some(py.get_type::<PyStopIteration>()),
            size: 0,
            flags: ffi::Py_TPFLAGS_DEFAULT,
            slots: vec![slot(ffi::Py_tp_dealloc, dealloc as *const c_void)],
        }
        .make(py)
    }

    /// Raises `StopIteration(value)`.
    ///
    /// # Safety
    /// The value is a reference that is given away, and the thread is attached.
    #[inline(always)]
    pub(in crate::function) unsafe fn stop_iteration(value: Pointer) {
        // SAFETY: the class is ready since the import; the GIL guards what is kept.
        unsafe {
            let mut exception = ptr::replace(&raw mut KEPT, ptr::null_mut());
            if exception.is_null() {
                exception = make();
            } else {
                _Py_NewReference(exception);
            }
            if exception.is_null() {
                ffi::Py_DECREF(value);
                return;
            }
            let object = exception.cast::<ffi::PyStopIterationObject>();
            (*object).value = value;
            if !fill_args(&raw mut (*object).args, value) {
                ffi::Py_DECREF(exception);
                return;
            }
            ffi::PyObject_GC_Track(exception.cast());
            ffi::PyErr_SetRaisedException(exception);
        }
    }

    /// Makes the arguments `(value,)`, or `()` for `None`, in the tuple that was kept if there is one; whether there was memory for it.
    #[inline(always)]
    unsafe fn fill_args(args: *mut Pointer, value: Pointer) -> bool {
        // SAFETY: a tuple that was kept has one place, which is empty, and nobody else knows it.
        unsafe {
            if value == ffi::Py_None() {
                ffi::Py_CLEAR(args);
                *args = ffi::PyTuple_New(0);
            } else if (*args).is_null() {
                *args = ffi::PyTuple_Pack(1, value);
            } else {
                ffi::PyTuple_SET_ITEM(*args, 0, ffi::Py_NewRef(value));
                ffi::PyObject_GC_Track((*args).cast());
            }
            !(*args).is_null()
        }
    }

    /// Empties arguments that nobody else knows; lets go of others.
    #[inline(always)]
    unsafe fn empty_args(args: *mut Pointer) {
        // SAFETY: arguments are a tuple or null; one with a single reference is ours to write to.
        unsafe {
            let others = (*args).is_null() || ffi::Py_REFCNT(*args) != 1 || ffi::PyTuple_GET_SIZE(*args) != 1;
            // From 3.14 on a tuple may remember its hash.
            if others || cfg!(Py_3_14) {
                ffi::Py_CLEAR(args);
                return;
            }
            if ffi::PyObject_GC_IsTracked(*args) != 0 {
                ffi::PyObject_GC_UnTrack((*args).cast());
            }
            let item = ffi::PyTuple_GET_ITEM(*args, 0);
            ffi::PyTuple_SET_ITEM(*args, 0, ptr::null_mut());
            give_up(item);
        }
    }

    /// A new object without a value, or null and an exception.
    #[cold]
    unsafe fn make() -> Pointer {
        // SAFETY: everything in a new object is null.
        unsafe {
            let exception = ffi::PyType_GenericAlloc(CLASS_POINTER, 0);
            if !exception.is_null() {
                ffi::PyObject_GC_UnTrack(exception.cast());
            }
            exception
        }
    }

    unsafe extern "C" fn dealloc(exception: Pointer) {
        // SAFETY: CPython calls this once, for the last reference to an object of ours.
        unsafe {
            if ffi::PyObject_GC_IsTracked(exception) != 0 {
                ffi::PyObject_GC_UnTrack(exception.cast());
            }
            let object = exception.cast::<ffi::PyStopIterationObject>();
            let value = ptr::replace(&raw mut (*object).value, ptr::null_mut());
            empty_args(&raw mut (*object).args);
            ffi::Py_CLEAR(&raw mut (*object).dict);
            ffi::Py_CLEAR(&raw mut (*object).notes);
            ffi::Py_CLEAR(&raw mut (*object).traceback);
            give_up(ptr::replace(&raw mut (*object).context, ptr::null_mut()));
            give_up(ptr::replace(&raw mut (*object).cause, ptr::null_mut()));
            (*object).suppress_context = '\0';
            if cfg!(not(Py_GIL_DISABLED)) && KEPT.is_null() {
                KEPT = exception;
            } else {
                ffi::Py_CLEAR(&raw mut (*object).args);
                let class = ffi::Py_TYPE(exception);
                ffi::PyObject_GC_Del(exception.cast());
                ffi::Py_DECREF(class.cast());
            }
            give_up(value);
        }
    }

    /// Lets go of a reference, if it is one, that may be the last to a long chain of such exceptions.
    #[inline(always)]
    unsafe fn give_up(object: Pointer) {
        // SAFETY: the reference is ours, and the thread is attached.
        unsafe {
            if object.is_null() {
            } else if ffi::Py_REFCNT(object) > 1 {
                ffi::Py_DECREF(object);
            } else {
                drop(Object::from_owned(object));
            }
        }
    }
}
