//! The method of an object: a decorated function that was reached through an instance. Its verbs pass the instance on.

use std::ffi::{CStr, c_int, c_void};
use std::mem::offset_of;
use std::ptr;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use smallvec::SmallVec;

use crate::ffi::Pointer;
use crate::ffi::call_args::Call;
use crate::ffi::foreign::{raised, vectorcall};
use crate::ffi::guard::guard;
use crate::ffi::heap_type::{NewType, leaked, members, offset, slot};
use crate::ffi::object::{Object, borrow, object_from};
use crate::function::{decorated_of, is_function, verbs};
use crate::hooks;

/// The C layout of a method.
#[repr(C)]
struct MethodObject {
    head: ffi::PyObject,
    vectorcall: ffi::vectorcallfunc,
    weak_references: Pointer,
    function: Pointer,
    receiver: Pointer,
}

static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let class = CLASS.get_or_try_init(module.py(), || make_type(module.py()))?;
    module.add("CachedMethod", class)
}

/// `function.__get__(instance, owner)`
pub(super) unsafe extern "C" fn descr_get(function: Pointer, instance: Pointer, _owner: Pointer) -> Pointer {
    // SAFETY: CPython calls this with a function of ours, and an instance, None or null.
    unsafe {
        if instance.is_null() || instance == ffi::Py_None() {
            return Object::from_borrowed(function).into_ptr();
        }
        guard(|py| make(py, Object::from_borrowed(function), Object::from_borrowed(instance)))
    }
}

fn make(py: Python<'_>, function: Object, receiver: Object) -> PyResult<Object> {
    let Some(class) = CLASS.get(py) else { return Err(raised(py)) };
    // SAFETY: the object is filled before anybody sees it.
    unsafe {
        let method = Object::from_result(py, ffi::PyType_GenericAlloc(class.as_ptr().cast(), 0))?;
        let object = method.as_ptr().cast::<MethodObject>();
        (*object).vectorcall = call;
        (*object).function = function.into_ptr();
        (*object).receiver = receiver.into_ptr();
        Ok(method)
    }
}

/// `CachedMethod(function, instance)`, as `weakref.WeakMethod` makes one.
unsafe extern "C" fn new(_class: *mut ffi::PyTypeObject, args: Pointer, _kwargs: Pointer) -> Pointer {
    guard(|py| {
        // SAFETY: CPython calls this with a tuple.
        let args = unsafe { borrow(py, args) }.to_owned();
        let given: Result<(Bound<'_, PyAny>, Bound<'_, PyAny>), _> = args.extract();
        let Some((function, instance)) = given.ok().filter(|(function, _)| is_function(py, function)) else {
            return Err(PyTypeError::new_err("CachedMethod() takes a cached function and an instance"));
        };
        make(py, Object::from(function), Object::from(instance))
    })
}

/// `method.__get__(...)`: it is bound already.
unsafe extern "C" fn itself(method: Pointer, _instance: Pointer, _owner: Pointer) -> Pointer {
    // SAFETY: CPython calls this with a method of ours.
    unsafe { ffi::Py_NewRef(method) }
}

/// `getattr(instance, name)`, which is how a method is pickled and copied.
pub(super) unsafe extern "C" fn reduce(method: Pointer, _nothing: Pointer) -> Pointer {
    guard(|py| {
        // SAFETY: CPython calls this with a method of ours, which keeps both alive.
        let (function, instance) = unsafe {
            let (function, instance) = receiver(method);
            (borrow(py, function), borrow(py, instance))
        };
        let getattr = hooks::GETATTR.get(py)?;
        object_from(py, (getattr, (instance, function.getattr("__name__")?)))
    })
}

pub(super) unsafe extern "C" fn copy(method: Pointer, _nothing: Pointer) -> Pointer {
    // SAFETY: CPython calls this with a method of ours.
    unsafe { ffi::Py_NewRef(method) }
}

/// The method of a deep copy of the instance.
pub(super) unsafe extern "C" fn deepcopy(method: Pointer, memo: Pointer) -> Pointer {
    guard(|py| {
        // SAFETY: CPython calls this with a method of ours, which keeps both alive, and a dict.
        let (function, instance, memo) = unsafe {
            let (function, instance) = receiver(method);
            (borrow(py, function), borrow(py, instance), borrow(py, memo))
        };
        let copied = hooks::DEEPCOPY.ask(py, (instance, memo))?;
        Ok(Object::from(copied.getattr(function.getattr("__name__")?.cast::<pyo3::types::PyString>()?)?))
    })
}

/// The function and the instance of a method.
///
/// # Safety
/// The pointer is that of a live method of ours.
pub(super) unsafe fn receiver(method: Pointer) -> (Pointer, Pointer) {
    // SAFETY: by the caller's promise.
    unsafe { ((*method.cast::<MethodObject>()).function, (*method.cast::<MethodObject>()).receiver) }
}

unsafe extern "C" fn call(method: Pointer, args: *const Pointer, flagged_count: usize, names: Pointer) -> Pointer {
    // SAFETY: CPython calls this with a method of ours and live arguments.
    unsafe {
        let (function, instance) = receiver(method);
        let call = Call { args, flagged_count, names };
        let total = call.count() + call.keyword_count();
        let given = (0..total).map(|number| call.arg(number));
        let all: SmallVec<[Pointer; 8]> = std::iter::once(instance).chain(given).collect();
        vectorcall(function, Call { args: all.as_ptr(), flagged_count: call.count() + 1, names })
    }
}

fn make_type(py: Python<'_>) -> PyResult<Py<PyType>> {
    let offsets = members([
        offset(c"__vectorcalloffset__", offset_of!(MethodObject, vectorcall)),
        offset(c"__weaklistoffset__", offset_of!(MethodObject, weak_references)),
    ]);
    NewType {
        name: c"hotset.CachedMethod",
        base: None,
        size: size_of::<MethodObject>(),
        flags: ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_HAVE_GC | ffi::Py_TPFLAGS_HAVE_VECTORCALL,
        slots: vec![
            slot(ffi::Py_tp_dealloc, dealloc as *const c_void),
            slot(ffi::Py_tp_traverse, traverse as *const c_void),
            slot(ffi::Py_tp_clear, clear as *const c_void),
            slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *const c_void),
            slot(ffi::Py_tp_getattro, getattr as *const c_void),
            slot(ffi::Py_tp_repr, repr as *const c_void),
            slot(ffi::Py_tp_hash, hash as *const c_void),
            slot(ffi::Py_tp_richcompare, compare as *const c_void),
            slot(ffi::Py_tp_new, new as *const c_void),
            slot(ffi::Py_tp_descr_get, itself as *const c_void),
            slot(ffi::Py_tp_methods, leaked(verbs::methods_of_methods()).cast()),
            slot(ffi::Py_tp_getset, leaked(getset()).cast()),
            slot(ffi::Py_tp_members, leaked(offsets).cast()),
        ],
    }
    .make(py)
}

fn getset() -> Vec<ffi::PyGetSetDef> {
    let attribute = |name: &'static CStr, get: ffi::getter| ffi::PyGetSetDef {
        name: name.as_ptr(),
        get: Some(get),
        set: None,
        doc: ptr::null(),
        closure: name.as_ptr().cast_mut().cast(),
    };
    vec![
        attribute(c"__func__", get_function),
        attribute(c"__self__", get_receiver),
        attribute(c"uncached", get_uncached),
        attribute(c"__signature__", get_signature),
        attribute(c"__doc__", of_function),
        attribute(c"__module__", of_function),
        // SAFETY: all zeroes end the table.
        unsafe { std::mem::zeroed() },
    ]
}

unsafe extern "C" fn get_function(method: Pointer, _closure: *mut c_void) -> Pointer {
    // SAFETY: CPython calls this with a method of ours.
    unsafe { ffi::Py_NewRef(receiver(method).0) }
}

unsafe extern "C" fn get_receiver(method: Pointer, _closure: *mut c_void) -> Pointer {
    // SAFETY: CPython calls this with a method of ours.
    unsafe { ffi::Py_NewRef(receiver(method).1) }
}

unsafe extern "C" {
    /// A method of Python's own; no binding has it.
    fn PyMethod_New(function: Pointer, instance: Pointer) -> Pointer;
}

unsafe extern "C" fn get_uncached(method: Pointer, _closure: *mut c_void) -> Pointer {
    guard(|py| {
        // SAFETY: CPython calls this with a method of ours.
        let (function, instance) = unsafe { receiver(method) };
        // SAFETY: both are alive as long as the method.
        unsafe { Object::from_result(py, PyMethod_New(decorated_of(function).function.as_ptr(), instance)) }
    })
}

/// The signature without the first parameter.
unsafe extern "C" fn get_signature(method: Pointer, _closure: *mut c_void) -> Pointer {
    guard(|py| {
        // SAFETY: CPython calls this with a method of ours.
        let function = unsafe { borrow(py, receiver(method).0) };
        let signature = hooks::SIGNATURE_OF_METHOD.ask(py, (function,))?;
        Ok(Object::from(signature))
    })
}

/// An attribute that the type has under the same name.
unsafe extern "C" fn of_function(method: Pointer, name: *mut c_void) -> Pointer {
    // SAFETY: CPython calls this with a method of ours and the name from the table.
    unsafe { ffi::PyObject_GetAttrString(receiver(method).0, name.cast()) }
}

/// What the method does not have, the function may.
unsafe extern "C" fn getattr(method: Pointer, name: Pointer) -> Pointer {
    // SAFETY: CPython calls this with a method of ours and a name.
    unsafe {
        let found = ffi::PyObject_GenericGetAttr(method, name);
        if !found.is_null() || ffi::PyErr_ExceptionMatches(ffi::PyExc_AttributeError) == 0 {
            return found;
        }
        ffi::PyErr_Clear();
        ffi::PyObject_GetAttr(receiver(method).0, name)
    }
}

unsafe extern "C" fn repr(method: Pointer) -> Pointer {
    guard(|py| {
        // SAFETY: CPython calls this with a method of ours.
        let (function, instance) = unsafe { receiver(method) };
        // SAFETY: both are alive as long as the method.
        let (name, instance) = unsafe { (decorated_of(function).name(py), borrow(py, instance)) };
        object_from(py, format!("<hotset.CachedMethod {name} of {}>", instance.repr()?))
    })
}

unsafe extern "C" fn hash(method: Pointer) -> ffi::Py_hash_t {
    // SAFETY: CPython calls this with a method of ours.
    let (function, instance) = unsafe { receiver(method) };
    let hash = (function as isize).rotate_right(4) ^ (instance as isize).rotate_right(9);
    if hash == -1 { -2 } else { hash }
}

unsafe extern "C" fn compare(method: Pointer, other: Pointer, operator: c_int) -> Pointer {
    // SAFETY: CPython calls this with a method of ours and any object.
    unsafe {
        if ffi::Py_TYPE(other) != ffi::Py_TYPE(method) || !matches!(operator, ffi::Py_EQ | ffi::Py_NE) {
            return ffi::Py_NewRef(ffi::Py_NotImplemented());
        }
        let same = receiver(method) == receiver(other);
        ffi::PyBool_FromLong((same == (operator == ffi::Py_EQ)).into())
    }
}

unsafe extern "C" fn dealloc(method: Pointer) {
    // SAFETY: CPython calls this once, for the last reference to a method of ours.
    unsafe {
        ffi::PyObject_GC_UnTrack(method.cast());
        let object = method.cast::<MethodObject>();
        if !(*object).weak_references.is_null() {
            ffi::PyObject_ClearWeakRefs(method);
        }
        for held in [&raw mut (*object).function, &raw mut (*object).receiver] {
            let held = ptr::replace(held, ptr::null_mut());
            if !held.is_null() {
                drop(Object::from_owned(held));
            }
        }
        let class = ffi::Py_TYPE(method);
        ffi::PyObject_GC_Del(method.cast());
        ffi::Py_DECREF(class.cast());
    }
}

unsafe extern "C" fn traverse(method: Pointer, visit: ffi::visitproc, argument: *mut c_void) -> c_int {
    // SAFETY: CPython calls this with a method of ours; nothing of it is changed.
    unsafe {
        let (function, instance) = receiver(method);
        for reached in [ffi::Py_TYPE(method).cast(), function, instance] {
            let result = if reached.is_null() { 0 } else { visit(reached, argument) };
            if result != 0 {
                return result;
            }
        }
    }
    0
}

/// Nothing to clear: a cycle through a method runs through its instance, which can.
unsafe extern "C" fn clear(_method: Pointer) -> c_int {
    0
}
