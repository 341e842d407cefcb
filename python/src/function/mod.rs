//! Decorated functions: types of their own with a vectorcall slot, made by hand because a `#[pyclass]` that is called goes
//! through a tuple and a dict.
//!
//! `CachedFunction` and `CachedCoroutineFunction` share everything but what a call does.

mod attributes;
mod awaitable;
mod decorated;
mod fast_path;
pub(crate) mod handles;
mod load;
mod method;
mod owned_call;
mod prepared_key;
mod property;
mod signature;
mod storability;
mod verbs;

use std::ffi::{CStr, c_int, c_void};
use std::mem::{ManuallyDrop, offset_of};
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

pub(crate) use awaitable::pending::PendingCall;

use crate::cache::CacheVerbs;
use crate::ffi::Pointer;
use crate::ffi::call_args::Call;
use crate::ffi::foreign::raised;
use crate::ffi::guard::guard;
use crate::ffi::heap_type::{self, NewType, leaked, members, offset, slot};
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::hooks;
use decorated::Decorated;
use fast_path::{Quick, look_up_one, look_up_quickly};
use handles::FunctionRef;
use load::{are_storable, load_quickly};
use signature::BoundParts;

/// The C layout of a decorated function.
#[repr(C)]
pub(crate) struct FunctionObject {
    head: ffi::PyObject,
    vectorcall: ffi::vectorcallfunc,
    dict: Pointer,
    weak_references: Pointer,
    decorated: ManuallyDrop<Decorated>,
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
    method::register(module)?;
    awaitable::ready::register(module)?;
    module.add_class::<PendingCall>()?;
    module.add_class::<property::PropertyBase>()?;
    module.add_function(wrap_pyfunction!(wrap, module)?)?;
    module.add_function(wrap_pyfunction!(load::attempt_of, module)?)?;
    module.add_function(wrap_pyfunction!(can_be_read_once, module)?)?;
    module.add_function(wrap_pyfunction!(awaitable::ready::ready, module)?)
}

/// The classes of what a call of a coroutine function returns.
pub(crate) fn awaitables<'py>(py: Python<'py>) -> PyResult<[Bound<'py, PyType>; 2]> {
    Ok([awaitable::ready::class(py)?, py.get_type::<PendingCall>()])
}

const DOC: &CStr = c"A function whose results are cached.";
const ASYNC_DOC: &CStr = c"A coroutine function whose results are cached.";

/// Decorates a function, as a `hotset._functions.spec.FunctionSpec` says.
#[pyfunction]
fn wrap(
    py: Python<'_>,
    function: &Bound<'_, PyAny>,
    cache: &Bound<'_, CacheVerbs>,
    spec: &Bound<'_, PyAny>,
) -> PyResult<Py<PyAny>> {
    hooks::find_for_decorated(py)?;
    let decorated = Decorated::from_spec(function, cache, spec)?;
    let (class, vectorcall): (_, ffi::vectorcallfunc) = match (decorated.is_coroutine, decorated.takes_one()) {
        (true, true) => (&COROUTINE_FUNCTION, entry_of_one::<Awaited>),
        (true, false) => (&COROUTINE_FUNCTION, entry::<Awaited>),
        (false, true) => (&FUNCTION, entry_of_one::<Plain>),
        (false, false) => (&FUNCTION, entry::<Plain>),
    };
    let Some(class) = class.get(py) else { return Err(raised(py)) };
    // SAFETY: the object is filled before anybody sees it; allocation zeroes the rest and keeps the type alive.
    unsafe {
        let allocated = ffi::PyType_GenericAlloc(class.as_ptr().cast(), 0);
        let object = Object::from_result(py, allocated)?;
        let function = object.as_ptr().cast::<FunctionObject>();
        (*function).vectorcall = vectorcall;
        ptr::write(&raw mut (*function).decorated, ManuallyDrop::new(decorated));
        Ok(object.into_py(py))
    }
}

/// Whether a result is used up by reading it: an iterator, an open file, a coroutine.
#[pyfunction]
fn can_be_read_once(result: &Bound<'_, PyAny>) -> bool {
    crate::flight::fate::can_be_read_once(Live::bound(result))
}

/// Whether an object is a decorated function.
fn is_function(py: Python<'_>, object: &Bound<'_, PyAny>) -> bool {
    let classes = [FUNCTION.get(py), COROUTINE_FUNCTION.get(py)];
    classes.into_iter().flatten().any(|class| object.get_type().is(class.bind(py)))
}

/// What a call of a decorated function comes to: where functions and coroutine functions differ.
trait CallKind {
    /// What a call returns whose value was found; an exception is set if there is no memory for it.
    fn hit(value: Object) -> Option<Object>;

    /// Anything else. The parts are among the arguments, or defaults.
    fn other(function: FunctionRef<'_>, call: Call<'_>, quick: Quick, parts: &[Live<'_>]) -> Option<Object>;
}

/// A function returns the value.
struct Plain;

impl CallKind for Plain {
    #[inline(always)]
    fn hit(value: Object) -> Option<Object> {
        Some(value)
    }

    #[inline(never)]
    fn other(function: FunctionRef<'_>, call: Call<'_>, quick: Quick, parts: &[Live<'_>]) -> Option<Object> {
        let decorated = function.decorated();
        match quick {
            Quick::Miss(tag) if decorated.fills_quickly && !decorated.first_by_identity() && are_storable(parts) => {
                load_quickly(function, call, tag, parts)
            }
            Quick::Refresh(value) => guard(|py| {
                load::refresh_later(py, function, call);
                Ok(value)
            }),
            _ => guard(|py| load::call(py, function, call, quick.looked_up())),
        }
    }
}

/// A coroutine function returns something to await: the value, or what waits until it is awaited.
struct Awaited;

impl CallKind for Awaited {
    #[inline(always)]
    fn hit(value: Object) -> Option<Object> {
        awaitable::ready::make(value)
    }

    #[inline(never)]
    fn other(function: FunctionRef<'_>, call: Call<'_>, quick: Quick, _parts: &[Live<'_>]) -> Option<Object> {
        let decorated = function.decorated();
        guard(|py| {
            if !decorated.state().memory().is_enabled() {
                return load::call_uncached(py, decorated, call);
            }
            if let Quick::Refresh(value) = quick {
                load::refresh_later(py, function, call);
                return awaitable::ready::ready_object(py, value);
            }
            if quick.looked_up().is_none() {
                match load::prepare_and_look_up(py, decorated, call, None)? {
                    load::Lookup::Found(value) => return awaitable::ready::ready_object(py, value),
                    load::Lookup::Refreshes(value) => {
                        load::refresh_later(py, function, call);
                        return awaitable::ready::ready_object(py, value);
                    }
                    _ => {}
                }
            }
            PendingCall::make(py, function, call, false)
        })
    }
}

/// Calls a decorated function.
unsafe extern "C" fn entry<To: CallKind>(
    function: Pointer,
    args: *const Pointer,
    flagged_count: usize,
    names: Pointer,
) -> Pointer {
    // SAFETY: CPython calls this with a function of ours and live arguments.
    let (function, call) = unsafe { (FunctionRef::new(function), Call::from_slot(args, flagged_count, names)) };
    let (mut bound, mut parts): (_, &[Live<'_>]) = (BoundParts::uninit(), &[]);
    Object::give(match look_up_quickly(function.decorated(), call, &mut bound, &mut parts) {
        Quick::Hit(value) => To::hit(value),
        other => To::other(function, call, other, parts),
    })
}

/// Calls a decorated function of one parameter, which has a shorter way for one positional argument.
unsafe extern "C" fn entry_of_one<To: CallKind>(
    function: Pointer,
    args: *const Pointer,
    flagged_count: usize,
    names: Pointer,
) -> Pointer {
    // SAFETY: CPython calls this with a function of ours and live arguments.
    let (called, call) = unsafe { (FunctionRef::new(function), Call::from_slot(args, flagged_count, names)) };
    let parts = call.positional();
    if !names.is_null() || parts.len() != 1 {
        // SAFETY: as this was called.
        return unsafe { entry::<To>(function, args, flagged_count, names) };
    }
    Object::give(match look_up_one(called.decorated(), parts[0]) {
        Quick::Hit(value) => To::hit(value),
        other => To::other(called, call, other, parts),
    })
}

fn make_type(py: Python<'_>, name: &'static CStr, doc: &'static CStr) -> PyResult<Py<PyType>> {
    let offsets = members([
        offset(c"__vectorcalloffset__", offset_of!(FunctionObject, vectorcall)),
        offset(c"__dictoffset__", offset_of!(FunctionObject, dict)),
        offset(c"__weaklistoffset__", offset_of!(FunctionObject, weak_references)),
    ]);
    NewType {
        name,
        base: None,
        size: size_of::<FunctionObject>(),
        flags: ffi::Py_TPFLAGS_DEFAULT
            | ffi::Py_TPFLAGS_HAVE_GC
            | ffi::Py_TPFLAGS_HAVE_VECTORCALL
            | ffi::Py_TPFLAGS_METHOD_DESCRIPTOR
            | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION,
        slots: vec![
            slot(ffi::Py_tp_dealloc, dealloc as *const c_void),
            slot(ffi::Py_tp_traverse, traverse as *const c_void),
            slot(ffi::Py_tp_clear, clear as *const c_void),
            slot(ffi::Py_tp_finalize, finalize as *const c_void),
            slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *const c_void),
            slot(ffi::Py_tp_descr_get, method::descr_get as *const c_void),
            slot(ffi::Py_tp_repr, attributes::repr as *const c_void),
            slot(ffi::Py_tp_doc, doc.as_ptr().cast()),
            slot(ffi::Py_tp_methods, leaked(verbs::methods()).cast()),
            slot(ffi::Py_tp_getset, leaked(attributes::getset()).cast()),
            slot(ffi::Py_tp_members, leaked(offsets).cast()),
        ],
    }
    .make(py)
}

unsafe extern "C" fn dealloc(function: Pointer) {
    // SAFETY: CPython calls this once, for the last reference to a function of ours.
    unsafe {
        if ffi::PyObject_CallFinalizerFromDealloc(function) < 0 {
            return;
        }
        let object = function.cast::<FunctionObject>();
        heap_type::leave(function, (*object).weak_references);
        forget_all(function);
        ManuallyDrop::drop(&mut (*object).decorated);
        heap_type::free(function);
    }
}

unsafe extern "C" fn traverse(function: Pointer, visit: ffi::visitproc, argument: *mut c_void) -> c_int {
    // SAFETY: CPython calls this with a function of ours; nothing of it is changed.
    unsafe {
        let object = function.cast::<FunctionObject>();
        match heap_type::show(function, [(*object).dict], visit, argument) {
            0 => (*object).decorated.traverse(visit, argument),
            stopped => stopped,
        }
    }
}

unsafe extern "C" fn clear(function: Pointer) -> c_int {
    // SAFETY: CPython calls this with a function of ours.
    unsafe { forget_all(function) };
    0
}

/// Lets go of a function's own attributes, and of its results, without telling anybody.
///
/// # Safety
/// The pointer is that of a function of ours.
unsafe fn forget_all(function: Pointer) {
    // SAFETY: by the caller's promise.
    unsafe {
        let object = function.cast::<FunctionObject>();
        ffi::Py_CLEAR(&raw mut (*object).dict);
        (*object).decorated.abandon();
    }
}

/// The function is about to die, and all that it refers to is whole still.
unsafe extern "C" fn finalize(function: Pointer) {
    // SAFETY: CPython calls this with a function of ours, attached; what it was raising goes on.
    unsafe {
        let py = Python::assume_attached();
        let raising = (!ffi::PyErr_Occurred().is_null()).then(|| raised(py));
        FunctionRef::new(function).decorated().die(py);
        if let Some(raising) = raising {
            raising.restore(py);
        }
    }
}
