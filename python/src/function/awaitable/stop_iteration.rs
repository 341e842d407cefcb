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

#[cfg(Py_3_12)]
use crate::ffi::Pointer;
#[cfg(not(Py_3_12))]
use crate::ffi::live::Live;
use crate::ffi::object::Object;

#[cfg(not(Py_3_12))]
pub(in crate::function) fn prepare(_py: Python<'_>) -> PyResult<()> {
    Ok(())
}

/// Raises `StopIteration(value)`.
#[cfg(not(Py_3_12))]
#[inline(always)]
pub(in crate::function) fn stop_iteration(value: Object) {
    // A tuple or an exception would be taken for the arguments or the exception itself.
    let is_plain = [ffi::Py_TPFLAGS_TUPLE_SUBCLASS, ffi::Py_TPFLAGS_BASE_EXC_SUBCLASS]
        .into_iter()
        .all(|flag| !Live::of(&value).has_feature(flag));
    // SAFETY: the thread is attached, and the references are given away.
    unsafe {
        if is_plain {
            ffi::PyErr_Restore(ffi::Py_NewRef(ffi::PyExc_StopIteration), value.into_ptr(), ptr::null_mut());
        } else if let Some(exception) =
            Object::or_null(ffi::PyObject_CallOneArg(ffi::PyExc_StopIteration, value.as_ptr()))
        {
            ffi::PyErr_SetObject(ffi::PyExc_StopIteration, exception.as_ptr());
        }
    }
}

#[cfg(Py_3_12)]
pub(in crate::function) use recycled::{prepare, stop_iteration};

#[cfg(Py_3_12)]
mod recycled {
    use super::*;
    use std::sync::atomic::{AtomicPtr, Ordering};

    use pyo3::exceptions::PyStopIteration;

    use crate::ffi::heap_type::{self, NewType, slot};

    unsafe extern "C" {
        fn _Py_NewReference(object: Pointer);
    }

    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static CLASS_POINTER: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(ptr::null_mut());
    /// The object that is kept, or null: the GIL guards it. Where there is none, no object is kept.
    static KEPT: AtomicPtr<ffi::PyObject> = AtomicPtr::new(ptr::null_mut());

    /// Makes the class.
    pub(in crate::function) fn prepare(py: Python<'_>) -> PyResult<()> {
        let class = CLASS.get_or_try_init(py, || make_class(py))?;
        CLASS_POINTER.store(class.as_ptr().cast(), Ordering::Relaxed);
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
    #[inline(always)]
    pub(in crate::function) fn stop_iteration(value: Object) {
        let Some(exception) = kept().or_else(make) else { return };
        // SAFETY: nobody else knows the exception yet, whose reference is given away when it has all that it needs.
        unsafe {
            let object = exception.as_ptr().cast::<ffi::PyStopIterationObject>();
            (*object).value = value.into_ptr();
            if fill_args(&raw mut (*object).args, (*object).value) {
                ffi::PyObject_GC_Track(object.cast());
                ffi::PyErr_SetRaisedException(exception.into_ptr());
            }
        }
    }

    /// The object that is kept, if one is.
    #[inline(always)]
    fn kept() -> Option<Object> {
        let kept = KEPT.load(Ordering::Relaxed);
        if kept.is_null() {
            return None;
        }
        KEPT.store(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: it is a dead object of ours that nobody else has.
        unsafe {
            _Py_NewReference(kept);
            Some(Object::from_owned(kept))
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
        // SAFETY: arguments are a tuple or null; one with a single reference is ours to write to. From 3.14 on it may remember its hash.
        unsafe {
            let others = (*args).is_null() || ffi::Py_REFCNT(*args) != 1 || ffi::PyTuple_GET_SIZE(*args) != 1;
            if others || cfg!(Py_3_14) {
                ffi::Py_CLEAR(args);
                return;
            }
            untrack(*args);
            let item = ffi::PyTuple_GET_ITEM(*args, 0);
            ffi::PyTuple_SET_ITEM(*args, 0, ptr::null_mut());
            drop(Object::or_null(item));
        }
    }

    /// A new object without a value; an exception is set if there is no memory.
    #[cold]
    fn make() -> Option<Object> {
        // SAFETY: the class is ready since the import; what is allocated is new, or null.
        unsafe {
            let exception = Object::or_null(ffi::PyType_GenericAlloc(CLASS_POINTER.load(Ordering::Relaxed), 0))?;
            untrack(exception.as_ptr());
            Some(exception)
        }
    }

    /// Hides an object from collections of garbage, if they see it.
    #[inline(always)]
    unsafe fn untrack(object: Pointer) {
        // SAFETY: it is alive, and of a type that collections can see.
        unsafe {
            if ffi::PyObject_GC_IsTracked(object) != 0 {
                ffi::PyObject_GC_UnTrack(object.cast());
            }
        }
    }

    unsafe extern "C" fn dealloc(exception: Pointer) {
        // SAFETY: CPython calls this once, for the last reference to an object of ours.
        unsafe {
            untrack(exception);
            let object: *mut ffi::PyStopIterationObject = exception.cast();
            // It may be the last reference to a long chain of such exceptions, and so is given back at the end.
            let _value = take(&raw mut (*object).value);
            empty(object);
            if !keep(exception) {
                drop(take(&raw mut (*object).args));
                heap_type::free(exception);
            }
        }
    }

    /// Keeps a dead object for the next time, if none is kept.
    #[inline(always)]
    fn keep(exception: Pointer) -> bool {
        let keeps = cfg!(not(Py_GIL_DISABLED)) && KEPT.load(Ordering::Relaxed).is_null();
        if keeps {
            KEPT.store(exception, Ordering::Relaxed);
        }
        keeps
    }

    /// Lets go of all that an exception may refer to beside its value, but for the tuple of its arguments.
    #[inline(always)]
    unsafe fn empty(object: *mut ffi::PyStopIterationObject) {
        // SAFETY: by the caller's promise nobody else knows it.
        unsafe {
            empty_args(&raw mut (*object).args);
            drop([take(&raw mut (*object).dict), take(&raw mut (*object).notes), take(&raw mut (*object).traceback)]);
            drop([take(&raw mut (*object).context), take(&raw mut (*object).cause)]);
            (*object).suppress_context = '\0';
        }
    }

    /// What a place has, which is empty then.
    #[inline(always)]
    unsafe fn take(place: *mut Pointer) -> Option<Object> {
        // SAFETY: it has a reference of its own, or null.
        unsafe { Object::or_null(ptr::replace(place, ptr::null_mut())) }
    }
}
