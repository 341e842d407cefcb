//! The method of an object: a decorated function that was reached through an instance. Its verbs pass the instance on.

use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;
use std::mem::offset_of;
use std::ptr::{self, NonNull};

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
use crate::ffi::heap_type::{AttributeName, FromSlot, NewType, leaked, members, offset, slot, slots};
use crate::ffi::live::Live;
use crate::ffi::object::{Object, borrow, object_from};
use crate::function::handles::FunctionRef;
use crate::function::{is_function, verbs};
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

slots! {
    /// `CachedMethod(function, instance)`, as `weakref.WeakMethod` makes one.
    fn new(py, _class: Live<'_>, args: Live<'_>, _kwargs: Option<Live<'_>>) {
        let given: Result<(Bound<'_, PyAny>, Bound<'_, PyAny>), _> = args.bind(py).to_owned().extract();
        let Some((function, instance)) = given.ok().filter(|(function, _)| is_function(py, function)) else {
            return Err(PyTypeError::new_err("CachedMethod() takes a cached function and an instance"));
        };
        make(py, Object::from(function), Object::from(instance))
    }

    /// `method.__get__(...)`: it is bound already.
    fn itself(_py, method: Live<'_>, _instance: Option<Live<'_>>, _owner: Option<Live<'_>>) {
        Ok(method.to_object())
    }

    /// `getattr(instance, name)`, which is how a method is pickled and copied.
    pub(super) fn reduce(py, method: MethodRef<'_>, _nothing: Option<Live<'_>>) {
        let name = method.function().bind(py).getattr("__name__")?;
        object_from(py, (hooks::GETATTR.get(py)?, (method.instance(py), name)))
    }

    pub(super) fn copy(_py, method: Live<'_>, _nothing: Option<Live<'_>>) {
        Ok(method.to_object())
    }

    /// The method of a deep copy of the instance.
    pub(super) fn deepcopy(py, method: MethodRef<'_>, memo: Live<'_>) {
        let copied = hooks::DEEPCOPY.ask(py, (method.instance(py), memo.bind(py)))?;
        let name = method.function().bind(py).getattr("__name__")?;
        Ok(Object::from(copied.getattr(name.cast::<pyo3::types::PyString>()?)?))
    }

    fn get_function(_py, method: MethodRef<'_>, _name: AttributeName) {
        Ok(method.function().to_object())
    }

    fn get_receiver(py, method: MethodRef<'_>, _name: AttributeName) {
        Ok(Object::of(&method.instance(py)))
    }

    fn get_uncached(py, method: MethodRef<'_>, _name: AttributeName) {
        let function = method.function().decorated().function.as_ptr();
        // SAFETY: both are alive as long as the method.
        unsafe { Object::from_result(py, PyMethod_New(function, method.instance(py).as_ptr())) }
    }

    /// The signature without the first parameter.
    fn get_signature(py, method: MethodRef<'_>, _name: AttributeName) {
        Ok(Object::from(hooks::SIGNATURE_OF_METHOD.ask(py, (method.function().bind(py),))?))
    }

    /// An attribute that the type has under the same name.
    fn of_function(py, method: MethodRef<'_>, name: AttributeName) {
        name.of(&method.function().bind(py))
    }

    fn repr(py, method: MethodRef<'_>) {
        let name = method.function().decorated().name(py);
        object_from(py, format!("<hotset.CachedMethod {name} of {}>", method.instance(py).repr()?))
    }
}

/// A method that is alive as long as this may be used.
#[derive(Clone, Copy)]
pub(super) struct MethodRef<'a>(NonNull<MethodObject>, PhantomData<&'a MethodObject>);

impl<'a> MethodRef<'a> {
    pub(super) fn function(self) -> FunctionRef<'a> {
        // SAFETY: the method is alive, and keeps its function so.
        unsafe { FunctionRef::new((*self.0.as_ptr()).function) }
    }

    pub(super) fn instance<'py>(self, py: Python<'py>) -> Borrowed<'a, 'py, PyAny> {
        // SAFETY: as above.
        unsafe { borrow(py, (*self.0.as_ptr()).receiver) }
    }
}

impl FromSlot for MethodRef<'_> {
    type Raw = Pointer;
    unsafe fn from_slot(raw: Pointer) -> Self {
        // SAFETY: by the caller's promise.
        Self(unsafe { NonNull::new_unchecked(raw.cast()) }, PhantomData)
    }
}

/// The function and the instance of a method.
///
/// # Safety
/// The pointer is that of a live method of ours.
unsafe fn receiver(method: Pointer) -> (Pointer, Pointer) {
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

unsafe extern "C" {
    /// A method of Python's own; no binding has it.
    fn PyMethod_New(function: Pointer, instance: Pointer) -> Pointer;
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
