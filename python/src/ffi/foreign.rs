//! Calls of code that is not ours: a thread that the interpreter leaves behind there stops.
//!
//! When the interpreter ends, CPython before 3.14 makes daemon threads that ask for the GIL end by unwinding their stacks. On the way
//! through our frames that would drop objects without the GIL, or abort where the compiler takes it that a function of C's never
//! unwinds. From 3.14 on CPython stops such threads for ever itself. So whatever may run Python code is called from here.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::mem::{ManuallyDrop, forget, transmute};
use std::ptr::null_mut;

use hotset::call_stack;
use pyo3::exceptions::PySystemError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet, PyString, PyTuple};
use pyo3::{BoundObject, ffi};

use crate::ffi::Pointer;
use crate::ffi::call_args::Call;
use crate::ffi::live::Live;
use crate::ffi::object::Object;

/// Stops its thread for ever if it is dropped by an unwinding that is no panic.
struct StopsForEver;

impl Drop for StopsForEver {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            loop {
                std::thread::park();
            }
        }
    }
}

/// Calls a function of CPython's through a pointer that the compiler cannot see through, since it is told elsewhere that it never
/// unwinds.
macro_rules! leave {
    ($function:path as ($($class:ty),*) -> $result:ty, $($argument:expr),*) => {{
        let stop = StopsForEver;
        let function: unsafe extern "C-unwind" fn($($class),*) -> $result = transmute(black_box($function as *const c_void));
        let result = function($($argument),*);
        forget(stop);
        result
    }};
}

/// Whether nothing more should be called from this depth of the stack: then an exception is set.
///
/// CPython counts calls, at most, and not what they take. The interpreter may go as deep as its user says, and on small stacks.
#[inline(always)]
fn is_too_deep() -> bool {
    let is_used_up = call_stack::is_used_up();
    if is_used_up {
        set_recursion_error();
    }
    is_used_up
}

/// Runs what the package has in Python within a call, as if it were in Rust.
///
/// CPython 3.12 has 1,500 levels of C, whatever they take, and counts two for each time that the interpreter is entered. Those between a
/// user's function and another are given back, so that users' functions can go as deep as beneath other decorators. Too deep for the
/// stack is none of these calls, since it is measured.
#[inline(always)]
pub(crate) fn uncounted<T>(_py: Python<'_>, run: impl FnOnce() -> T) -> T {
    const LEVELS: usize = if cfg!(all(Py_3_12, not(Py_3_13))) { 2 } else { 0 };
    // SAFETY: the thread is attached. Leaving is no more than to count, and there is room to enter what was left.
    unsafe {
        (0..LEVELS).for_each(|_| ffi::Py_LeaveRecursiveCall());
        let done = run();
        (0..LEVELS).for_each(|_| _ = ffi::Py_EnterRecursiveCall(c"".as_ptr()));
        done
    }
}

#[cold]
fn set_recursion_error() {
    let message = c"maximum recursion depth exceeded: the stack of this thread is used up, within a call of something that is cached";
    // SAFETY: only attached threads call Python code.
    unsafe { ffi::PyErr_SetString(ffi::PyExc_RecursionError, message.as_ptr()) };
}

/// As [`is_too_deep`].
#[inline(always)]
fn go_down(py: Python<'_>) -> PyResult<()> {
    if is_too_deep() { Err(raised(py)) } else { Ok(()) }
}

/// Calls what may be anybody's code; an exception is set where nothing is returned.
#[inline(always)]
pub(crate) fn vectorcall(callable: Live<'_>, call: Call<'_>) -> Option<Object> {
    if is_too_deep() {
        return None;
    }
    let (args, flagged_count, names) = call.into_raw();
    // SAFETY: the pointer is that of the function, all are alive, and what is returned is new or null.
    unsafe {
        Object::or_null(leave!(
            ffi::PyObject_Vectorcall as (Pointer, *const Pointer, usize, Pointer) -> Pointer,
            callable.as_ptr(), args, flagged_count, names
        ))
    }
}

/// As [`vectorcall`], with positional arguments.
pub(crate) fn ask_quickly(py: Python<'_>, callable: Live<'_>, args: &[Live<'_>]) -> PyResult<Object> {
    vectorcall(callable, Call::of(args, None)).ok_or_else(|| raised(py))
}

/// Sends to what may be anybody's coroutine: how that went, and what came back, unless an exception was set.
pub(crate) fn iter_send(iterator: Live<'_>, sent: Live<'_>) -> (ffi::PySendResult, Option<Object>) {
    if is_too_deep() {
        return (ffi::PySendResult::PYGEN_ERROR, None);
    }
    let (iterator, sent, mut back) = (iterator.as_ptr(), sent.as_ptr(), null_mut());
    // SAFETY: both are alive; what came back is new, or null.
    unsafe {
        let how = leave!(ffi::PyIter_Send as (Pointer, Pointer, *mut Pointer) -> ffi::PySendResult, iterator, sent, &raw mut back);
        (how, Object::or_null(back))
    }
}

/// Gives a reference back, which may be the last one.
///
/// # Safety
/// As for `Py_DECREF`.
#[inline]
pub(crate) unsafe fn give_back(object: Pointer) {
    // SAFETY: by the caller's promise.
    unsafe { if ffi::Py_REFCNT(object) > 1 { ffi::Py_DECREF(object) } else { give_last_back(object) } }
}

/// So many objects may be freed each by the end of another; the next wait until those are done. CPython counts too, but 3.13 takes
/// 10,000 for few, and so many take more than a small stack.
const DEEPEST: usize = 100;

thread_local! {
    /// How many objects are being freed on this thread, and what waits for that: nothing when it is done, so that there is nothing to
    /// drop when the thread ends.
    static FREEING: Cell<usize> = const { Cell::new(0) };
    static WAITING: ManuallyDrop<RefCell<Vec<Pointer>>> = const { ManuallyDrop::new(RefCell::new(Vec::new())) };
}

/// Frees an object, and what it was the last to refer to, however long a chain of them is.
#[cold]
unsafe fn give_last_back(object: Pointer) {
    let depth = FREEING.get();
    if depth >= DEEPEST {
        WAITING.with(|waiting| waiting.borrow_mut().push(object));
        return;
    }
    FREEING.set(depth + 1);
    // SAFETY: as above; who waits has as much.
    unsafe { leave!(ffi::Py_DecRef as (Pointer) -> (), object) };
    if depth == 0 {
        while let Some(next) = WAITING.with(|waiting| waiting.borrow_mut().pop()) {
            // SAFETY: as above.
            unsafe { leave!(ffi::Py_DecRef as (Pointer) -> (), next) };
        }
        drop(WAITING.with(|waiting| waiting.take()));
    }
    FREEING.set(depth);
}

/// Puts an item into a dict: what is there already may be compared with its key.
#[inline]
pub(crate) fn set_item(dict: &Bound<'_, PyDict>, key: &Object, value: &Object) -> PyResult<()> {
    let (into, key, value) = (dict.as_ptr(), key.as_ptr(), value.as_ptr());
    // SAFETY: all are alive, and it is a dict.
    let code = unsafe { leave!(ffi::PyDict_SetItem as (Pointer, Pointer, Pointer) -> c_int, into, key, value) };
    done(dict.py(), code)
}

/// As [`set_item`], where all keys are texts: to compare them calls nobody.
#[inline]
pub(crate) fn set_text_item(dict: &Bound<'_, PyDict>, key: &Object, value: &Object) -> PyResult<()> {
    // SAFETY: all are alive, and it is a dict.
    done(dict.py(), unsafe { ffi::PyDict_SetItem(dict.as_ptr(), key.as_ptr(), value.as_ptr()) })
}

/// Puts an element into a set: what is there already may be compared with it.
#[inline]
pub(crate) fn add_element(set: &Bound<'_, PySet>, element: &Object) -> PyResult<()> {
    // SAFETY: both are alive, and it is a set.
    let code = unsafe { leave!(ffi::PySet_Add as (Pointer, Pointer) -> c_int, set.as_ptr(), element.as_ptr()) };
    done(set.py(), code)
}

/// What a function of C's that only succeeds or fails came to.
#[inline]
pub(crate) fn done(py: Python<'_>, code: c_int) -> PyResult<()> {
    if code == 0 { Ok(()) } else { Err(raised(py)) }
}

/// The exception that is set, taken. (`PyErr::fetch` goes on with a panic that was one, also where nothing may unwind through.)
pub(crate) fn raised(py: Python<'_>) -> PyErr {
    take_raised().map_or_else(
        || PySystemError::new_err("an operation failed without an exception"),
        |exception| PyErr::from_value(exception.into_bound(py)),
    )
}

#[cfg(Py_3_12)]
fn take_raised() -> Option<Object> {
    // SAFETY: the thread is attached, and what is taken is ours.
    unsafe { Object::or_null(ffi::PyErr_GetRaisedException()) }
}

#[cfg(not(Py_3_12))]
fn take_raised() -> Option<Object> {
    let (mut class, mut value, mut traceback) = (null_mut(), null_mut(), null_mut());
    // SAFETY: the thread is attached, and what is taken is ours.
    unsafe {
        ffi::PyErr_Fetch(&raw mut class, &raw mut value, &raw mut traceback);
        ffi::PyErr_NormalizeException(&raw mut class, &raw mut value, &raw mut traceback);
        drop(Object::or_null(class));
        if let Some(traceback) = Object::or_null(traceback) {
            ffi::PyException_SetTraceback(value, traceback.as_ptr());
        }
        Object::or_null(value)
    }
}

/// Imports a module.
pub(crate) fn import<'py>(py: Python<'py>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the name is alive.
    unsafe { result(py, leave!(ffi::PyImport_Import as (Pointer) -> Pointer, name.as_ptr())) }
}

/// What may run anybody's code when it is asked of an object.
pub(crate) trait Foreign<'py> {
    /// Calls it with positional arguments.
    fn ask<A>(&self, args: A) -> PyResult<Bound<'py, PyAny>>
    where
        A: IntoPyObject<'py, Target = PyTuple>,
        A::Error: Into<PyErr>;

    /// Calls it.
    fn ask_with(&self, args: &Bound<'py, PyTuple>, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>>;

    /// Calls one of its methods with positional arguments, at most `MOST_ARGUMENTS`.
    fn ask_method<A>(&self, name: &Bound<'py, PyString>, args: A) -> PyResult<Bound<'py, PyAny>>
    where
        A: IntoPyObject<'py, Target = PyTuple>,
        A::Error: Into<PyErr>;

    /// Whether it says that it equals another object.
    fn ask_equal(&self, other: &Bound<'py, PyAny>) -> PyResult<bool>;

    /// The hash that it says it has.
    fn ask_hash(&self) -> PyResult<u64>;

    /// Whether it says that it is true.
    fn ask_truth(&self) -> PyResult<bool>;
}

/// How many arguments `ask_method` takes.
const MOST_ARGUMENTS: usize = 5;

impl<'py> Foreign<'py> for Bound<'py, PyAny> {
    fn ask<A>(&self, args: A) -> PyResult<Bound<'py, PyAny>>
    where
        A: IntoPyObject<'py, Target = PyTuple>,
        A::Error: Into<PyErr>,
    {
        self.ask_with(&tuple(self.py(), args)?, None)
    }

    fn ask_with(&self, args: &Bound<'py, PyTuple>, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
        go_down(self.py())?;
        let kwargs = kwargs.map_or(null_mut(), Bound::as_ptr);
        // SAFETY: all are alive, and of the types that are asked for.
        unsafe {
            let called = leave!(ffi::PyObject_Call as (Pointer, Pointer, Pointer) -> Pointer, self.as_ptr(), args.as_ptr(), kwargs);
            result(self.py(), called)
        }
    }

    fn ask_method<A>(&self, name: &Bound<'py, PyString>, args: A) -> PyResult<Bound<'py, PyAny>>
    where
        A: IntoPyObject<'py, Target = PyTuple>,
        A::Error: Into<PyErr>,
    {
        go_down(self.py())?;
        let args = tuple(self.py(), args)?;
        let mut places = [self.as_ptr(); 1 + MOST_ARGUMENTS];
        let count = 1 + args.len();
        for (place, arg) in places[1..count].iter_mut().zip(args.iter_borrowed()) {
            *place = arg.as_ptr();
        }
        // SAFETY: all are alive, since the tuple keeps the arguments.
        unsafe {
            let called = leave!(
                ffi::PyObject_VectorcallMethod as (Pointer, *const Pointer, usize, Pointer) -> Pointer,
                name.as_ptr(), places.as_ptr(), count, null_mut()
            );
            result(self.py(), called)
        }
    }

    fn ask_equal(&self, other: &Bound<'py, PyAny>) -> PyResult<bool> {
        go_down(self.py())?;
        // SAFETY: both are alive.
        let answer = unsafe {
            let compared = leave!(
                ffi::PyObject_RichCompare as (Pointer, Pointer, c_int) -> Pointer,
                self.as_ptr(), other.as_ptr(), ffi::Py_EQ
            );
            result(self.py(), compared)?
        };
        answer.ask_truth()
    }

    fn ask_hash(&self) -> PyResult<u64> {
        go_down(self.py())?;
        // SAFETY: it is alive.
        let hash = unsafe { leave!(ffi::PyObject_Hash as (Pointer) -> ffi::Py_hash_t, self.as_ptr()) };
        if hash == -1 { Err(raised(self.py())) } else { Ok(hash as u64) }
    }

    fn ask_truth(&self) -> PyResult<bool> {
        go_down(self.py())?;
        // SAFETY: it is alive.
        let truth = unsafe { leave!(ffi::PyObject_IsTrue as (Pointer) -> c_int, self.as_ptr()) };
        if truth == -1 { Err(raised(self.py())) } else { Ok(truth != 0) }
    }
}

fn tuple<'py, A>(py: Python<'py>, args: A) -> PyResult<Bound<'py, PyTuple>>
where
    A: IntoPyObject<'py, Target = PyTuple>,
    A::Error: Into<PyErr>,
{
    args.into_pyobject(py).map(BoundObject::into_bound).map_err(Into::into)
}

/// # Safety
/// The pointer is what a C API call returned as a new reference.
unsafe fn result(py: Python<'_>, pointer: Pointer) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: by the caller's promise.
    unsafe { Bound::from_owned_ptr_or_opt(py, pointer).ok_or_else(|| raised(py)) }
}
