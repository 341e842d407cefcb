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
use crate::ffi::heap_type::{self, AttributeName, FromSlot, NewType, leaked, members, offset, slot, slots};
use crate::ffi::live::Live;
use crate::ffi::object::{Object, object_from};
use crate::function::handles::FunctionRef;
use crate::function::{is_function, verbs};
use crate::hooks;

/// The C layout of a method.
#[repr(C)]
struct MethodObject {
    head: ffi::PyObject,
    vectorcall: ffi::vectorcallfunc,
    weak_references: Pointer,
    /// Both are there from the beginning to the end.
    function: Option<Object>,
    receiver: Option<Object>,
}

static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let class = CLASS.get_or_try_init(module.py(), || make_type(module.py()))?;
    module.add("CachedMethod", class)
}

fn make(py: Python<'_>, function: Object, receiver: Object) -> PyResult<Object> {
    let Some(class) = CLASS.get(py) else { return Err(raised(py)) };
    // SAFETY: the object is filled before anybody sees it.
    unsafe {
        let method = Object::from_result(py, ffi::PyType_GenericAlloc(class.as_ptr().cast(), 0))?;
        let object = method.as_ptr().cast::<MethodObject>();
        (*object).vectorcall = call;
        (*object).function = Some(function);
        (*object).receiver = Some(receiver);
        Ok(method)
    }
}

slots! {
    /// `function.__get__(instance, owner)`
    pub(super) fn descr_get(py, function: Live<'_>, instance: Option<Live<'_>>, _owner: Option<Live<'_>>) {
        match instance.filter(|instance| !instance.is_none()) {
            Some(instance) => make(py, function.to_object(), instance.to_object()),
            None => Ok(function.to_object()),
        }
    }

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
        let name = method.function.bind(py).getattr("__name__")?;
        object_from(py, (hooks::GETATTR.get(py)?, (method.instance.bind(py), name)))
    }

    pub(super) fn copy(_py, method: Live<'_>, _nothing: Option<Live<'_>>) {
        Ok(method.to_object())
    }

    /// The method of a deep copy of the instance.
    pub(super) fn deepcopy(py, method: MethodRef<'_>, memo: Live<'_>) {
        let copied = hooks::DEEPCOPY.ask(py, (method.instance.bind(py), memo.bind(py)))?;
        let name = method.function.bind(py).getattr("__name__")?;
        Ok(Object::from(copied.getattr(name.cast::<pyo3::types::PyString>()?)?))
    }

    fn get_function(_py, method: MethodRef<'_>, _name: AttributeName) {
        Ok(method.function.to_object())
    }

    fn get_receiver(_py, method: MethodRef<'_>, _name: AttributeName) {
        Ok(method.instance.to_object())
    }

    fn get_uncached(py, method: MethodRef<'_>, _name: AttributeName) {
        let function = method.function.decorated().function.as_ptr();
        // SAFETY: both are alive as long as the method.
        unsafe { Object::from_result(py, PyMethod_New(function, method.instance.as_ptr())) }
    }

    /// The signature without the first parameter.
    fn get_signature(py, method: MethodRef<'_>, _name: AttributeName) {
        Ok(Object::from(hooks::SIGNATURE_OF_METHOD.ask(py, (method.function.bind(py),))?))
    }

    /// An attribute that the type has under the same name.
    fn of_function(py, method: MethodRef<'_>, name: AttributeName) {
        name.of(&method.function.bind(py))
    }

    fn repr(py, method: MethodRef<'_>) {
        let name = method.function.decorated().name(py);
        object_from(py, format!("<hotset.CachedMethod {name} of {}>", method.instance.bind(py).repr()?))
    }

    fn compare(py, method: MethodRef<'_>, other: Live<'_>, operator: c_int) {
        let Some(other) = method.other(other).filter(|_| matches!(operator, ffi::Py_EQ | ffi::Py_NE)) else {
            return object_from(py, py.NotImplemented());
        };
        object_from(py, (method == other) == (operator == ffi::Py_EQ))
    }
}

/// What a method is made of, alive as long as this may be used.
#[derive(Clone, Copy)]
pub(super) struct MethodRef<'a> {
    class: *mut ffi::PyTypeObject,
    pub(super) function: FunctionRef<'a>,
    pub(super) instance: Live<'a>,
}

impl<'a> MethodRef<'a> {
    /// Another method, if this is one.
    fn other(self, other: Live<'a>) -> Option<Self> {
        // SAFETY: the class has been looked at.
        other.is_exactly(self.class).then(|| unsafe { Self::from_slot(other.as_ptr()) })
    }
}

impl PartialEq for MethodRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.function.live() == other.function.live() && self.instance == other.instance
    }
}

impl FromSlot for MethodRef<'_> {
    type Raw = Pointer;
    #[inline]
    unsafe fn from_slot(raw: Pointer) -> Self {
        // SAFETY: by the caller's promise it is a method of ours, whose function and instance are there.
        unsafe {
            let object = raw.cast::<MethodObject>();
            let (function, instance) = ((*object).function.as_ref(), (*object).receiver.as_ref());
            let function = FunctionRef::new(function.unwrap_unchecked().as_ptr());
            Self { class: ffi::Py_TYPE(raw), function, instance: Live::of(instance.unwrap_unchecked()) }
        }
    }
}

unsafe extern "C" fn call(method: Pointer, args: *const Pointer, flagged_count: usize, names: Pointer) -> Pointer {
    // SAFETY: CPython calls this with a method of ours and live arguments.
    let (method, call) = unsafe { (MethodRef::from_slot(method), Call::from_slot(args, flagged_count, names)) };
    let all: SmallVec<[Live<'_>; 8]> = std::iter::once(&method.instance).chain(call.values()).copied().collect();
    Object::give(vectorcall(method.function.live(), Call::of(&all, call.names())))
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
    heap_type::attributes([
        attribute(c"__func__", get_function),
        attribute(c"__self__", get_receiver),
        attribute(c"uncached", get_uncached),
        attribute(c"__signature__", get_signature),
        attribute(c"__doc__", of_function),
        attribute(c"__module__", of_function),
    ])
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
        ffi::PyObject_GetAttr(MethodRef::from_slot(method).function.live().as_ptr(), name)
    }
}

unsafe extern "C" fn hash(method: Pointer) -> ffi::Py_hash_t {
    // SAFETY: CPython calls this with a method of ours.
    let method = unsafe { MethodRef::from_slot(method) };
    let addresses = [method.function.live(), method.instance].map(|part| part.as_ptr() as isize);
    let hash = addresses[0].rotate_right(4) ^ addresses[1].rotate_right(9);
    if hash == -1 { -2 } else { hash }
}

unsafe extern "C" fn dealloc(method: Pointer) {
    // SAFETY: CPython calls this once, for the last reference to a method of ours.
    unsafe {
        let object = method.cast::<MethodObject>();
        heap_type::leave(method, (*object).weak_references);
        drop(((*object).function.take(), (*object).receiver.take()));
        heap_type::free(method);
    }
}

unsafe extern "C" fn traverse(method: Pointer, visit: ffi::visitproc, argument: *mut c_void) -> c_int {
    // SAFETY: CPython calls this with a method of ours, which may be being made; nothing of it is changed.
    unsafe {
        let object = method.cast::<MethodObject>();
        let reached = [&(*object).function, &(*object).receiver];
        let reached = reached.map(|reached| reached.as_ref().map_or(ptr::null_mut(), Object::as_ptr));
        heap_type::show(method, reached, visit, argument)
    }
}

/// Nothing to clear: a cycle through a method runs through its instance, which can.
unsafe extern "C" fn clear(_method: Pointer) -> c_int {
    0
}
