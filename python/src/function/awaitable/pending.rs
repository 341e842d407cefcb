//! What awaiting anything but a hit awaits: a call that looks again, loads and fills.

use hotset::memory::More;
use hotset::sync::Mutex;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration, PyTypeError};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};

use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::call_args::Call;
use crate::ffi::class;
use crate::ffi::foreign::{Foreign, iter_send, raised};
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::flight::attempt::{Attempt, Purpose};
use crate::function::awaitable::ready::thrown;
use crate::function::handles::FunctionRef;
use crate::function::load::{Lookup, prepare_and_look_up};
use crate::function::owned_call::OwnedCall;
use crate::hooks;

/// A call of a decorated coroutine function that was not answered at once.
#[pyclass(frozen, weakref, module = "hotset")]
pub(crate) struct PendingCall {
    call: Py<OwnedCall>,
    /// Whether to load even if there is a value.
    refreshes: bool,
    state: Mutex<AttachedLock, State>,
}

enum State {
    New,
    /// The coroutine has begun.
    Running(Object),
    /// A step is being made by somebody.
    Busy,
    Done,
}

/// Class, value and traceback.
pub(in crate::function) const MOST_THROWN: usize = 3;

/// What a step came to.
enum Step {
    Yielded(Object),
    Returned(Object),
}

impl PendingCall {
    pub(in crate::function) fn make(
        py: Python<'_>,
        function: FunctionRef<'_>,
        call: Call<'_>,
        refreshes: bool,
    ) -> PyResult<Object> {
        let call = Py::new(py, OwnedCall::new(function, call))?;
        Ok(Bound::new(py, Self { call, refreshes, state: Mutex::new(State::New) })?.into())
    }

    /// Makes one step; between steps the state is put back.
    fn step(&self, py: Python<'_>, sent: &Bound<'_, PyAny>) -> PyResult<Step> {
        match self.take()? {
            State::New => match self.start(py)? {
                Ok(coroutine) => self.resume(py, coroutine, |py, coroutine| send(py, coroutine, sent)),
                Err(value) => self.end(value),
            },
            State::Running(coroutine) => self.resume(py, coroutine, |py, coroutine| send(py, coroutine, sent)),
            State::Busy | State::Done => Err(PyRuntimeError::new_err("cannot reuse already awaited coroutine")),
        }
    }

    fn take(&self) -> PyResult<State> {
        let state = std::mem::replace(&mut *self.state.lock(), State::Busy);
        match state {
            State::Busy => Err(PyRuntimeError::new_err("coroutine already executing")),
            State::Done => {
                self.put(State::Done);
                Err(PyRuntimeError::new_err("cannot reuse already awaited coroutine"))
            }
            state => Ok(state),
        }
    }

    fn put(&self, state: State) {
        let before = std::mem::replace(&mut *self.state.lock(), state);
        drop(before);
    }

    fn end(&self, value: Object) -> PyResult<Step> {
        self.put(State::Done);
        Ok(Step::Returned(value))
    }

    /// Looks again; the value, or the coroutine that comes to it.
    fn start(&self, py: Python<'_>) -> PyResult<Result<Object, Object>> {
        self.begin(py).inspect_err(|_| self.put(State::Done))
    }

    fn begin(&self, py: Python<'_>) -> PyResult<Result<Object, Object>> {
        let (decorated, call) = (self.call.get().decorated(), self.call.get().call());
        let lookup = if self.refreshes {
            decorated.prepare(py, call)?.map_or(Lookup::Misfit, |prepared| Lookup::Missing(prepared, More::Nothing))
        } else {
            prepare_and_look_up(py, decorated, call, Some(More::Nothing))?
        };
        let prepared = match lookup {
            Lookup::Missing(prepared, _) => prepared,
            Lookup::Found(value) | Lookup::Refreshes(value) => return Ok(Err(value)),
            Lookup::Misfit => {
                return Ok(Ok(iterator(py, self.call.get().run(py)?)?));
            }
        };
        let (load_key, purpose) = (prepared.keep(py, decorated)?, Purpose::Call(Box::new(self.call.clone_ref(py))));
        let attempt = Attempt::new(decorated.state().clone(), load_key, purpose, decorated.options.load_policy.clone());
        if self.refreshes {
            attempt.overtake(py)?;
        }
        let coroutine = hooks::LOAD_IN_TASK.ask(py, (attempt, py.None(), !self.refreshes))?;
        Ok(Ok(Object::from(coroutine)))
    }

    /// Makes a step of the coroutine.
    fn resume(
        &self,
        py: Python<'_>,
        coroutine: Object,
        action: impl FnOnce(Python<'_>, &Object) -> PyResult<Step>,
    ) -> PyResult<Step> {
        let step = action(py, &coroutine);
        self.put(if let Ok(Step::Yielded(_)) = step { State::Running(coroutine) } else { State::Done });
        step
    }
}

/// The iterator beneath an awaitable.
fn iterator(py: Python<'_>, awaitable: Object) -> PyResult<Object> {
    if Live::of(&awaitable).is_exactly(class!(PyCoro_Type)) {
        return Ok(awaitable);
    }
    let bound = awaitable.bind(py);
    bound.ask_method(intern!(py, "__await__"), ()).map(Object::from).map_err(|error| {
        let class = bound.get_type().qualname().map_or_else(|_| String::new(), |name| name.to_string());
        let explained =
            PyTypeError::new_err(format!("a cached coroutine function returned a {class}, which cannot be awaited"));
        explained.set_cause(py, Some(error));
        explained
    })
}

fn send(py: Python<'_>, coroutine: &Object, sent: &Bound<'_, PyAny>) -> PyResult<Step> {
    match iter_send(Live::of(coroutine), Live::bound(sent)) {
        (ffi::PySendResult::PYGEN_NEXT, Some(value)) => Ok(Step::Yielded(value)),
        (ffi::PySendResult::PYGEN_RETURN, Some(value)) => Ok(Step::Returned(value)),
        _ => Err(raised(py)),
    }
}

/// Throws into a coroutine; what it then yields, returns or raises.
fn throw(py: Python<'_>, coroutine: &Object, args: &Bound<'_, PyTuple>) -> PyResult<Step> {
    let coroutine = coroutine.bind(py);
    if !coroutine.hasattr(intern!(py, "throw"))? {
        return Err(thrown(args));
    }
    match coroutine.ask_method(intern!(py, "throw"), args.clone()) {
        Ok(yielded) => Ok(Step::Yielded(Object::from(yielded))),
        Err(error) if error.is_instance_of::<PyStopIteration>(py) => {
            Ok(Step::Returned(Object::from(error.value(py).getattr(intern!(py, "value"))?)))
        }
        Err(error) => Err(error),
    }
}

impl Step {
    /// What an iterator does with a step.
    fn give(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::Yielded(value) => Ok(value.into_py(py)),
            Self::Returned(value) => Err(PyStopIteration::new_err((value.into_py(py),))),
        }
    }
}

#[pymethods]
impl PendingCall {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.step(py, &py.None().into_bound(py))?.give(py)
    }

    fn send(&self, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.step(value.py(), value)?.give(value.py())
    }

    #[pyo3(signature = (*args))]
    fn throw(&self, args: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
        let py = args.py();
        if !(1..=MOST_THROWN).contains(&args.len()) {
            return Err(PyTypeError::new_err(format!(
                "throw() takes 1 to {MOST_THROWN} arguments, not {}",
                args.len()
            )));
        }
        match self.take()? {
            State::Running(coroutine) => {
                self.resume(py, coroutine, |py, coroutine| throw(py, coroutine, args))?.give(py)
            }
            _ => {
                self.put(State::Done);
                Err(thrown(args))
            }
        }
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let before = std::mem::replace(&mut *self.state.lock(), State::Busy);
        match before {
            State::Busy => Err(PyRuntimeError::new_err("coroutine already executing")),
            State::Running(coroutine) => {
                let closed = coroutine.bind(py).ask_method(intern!(py, "close"), ());
                self.put(State::Done);
                closed.map(drop)
            }
            State::New | State::Done => {
                self.put(State::Done);
                Ok(())
            }
        }
    }

    #[getter]
    fn __name__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.call.get().function().bind(py).getattr(intern!(py, "__name__")).map(Bound::unbind)
    }

    #[getter]
    fn __qualname__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.call.get().function().bind(py).getattr(intern!(py, "__qualname__")).map(Bound::unbind)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<pending call of {}>", self.__qualname__(py)?))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.call)?;
        match &*self.state.lock() {
            State::Running(coroutine) => coroutine.visit(&visit),
            _ => Ok(()),
        }
    }
}
