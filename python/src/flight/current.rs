//! Which loads the running code is part of: those that its thread runs, and those that its context was made in.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use smallvec::SmallVec;

thread_local! {
    /// The flights whose loads this thread runs, the innermost last.
    static STACK: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Numbers of flights.
pub(crate) type Numbers = SmallVec<[u64; 4]>;

/// A number for this thread, which no other has that lives.
pub(crate) fn thread() -> usize {
    STACK.with(|stack| std::ptr::from_ref(stack) as usize)
}

/// The thread runs the load of a flight until this is dropped, on the same thread.
pub(crate) struct Within {
    number: u64,
    stack: *const RefCell<Vec<u64>>,
}

impl Within {
    pub(crate) fn enter(number: u64) -> Self {
        STACK.with(|stack| {
            stack.borrow_mut().push(number);
            Self { number, stack }
        })
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        // SAFETY: a pointer is not sent to another thread, and the thread runs, so that what is local to it lives.
        let mut stack = unsafe { &*self.stack }.borrow_mut();
        if stack.last() == Some(&self.number) {
            stack.pop();
        } else if let Some(place) = stack.iter().rposition(|&number| number == self.number) {
            // A thread may switch between stacks of calls.
            stack.remove(place);
        }
    }
}

/// The flights that wait for the running code.
pub(crate) fn enclosing(py: Python<'_>) -> PyResult<Numbers> {
    let mut numbers: Numbers = STACK.with_borrow(|stack| stack.iter().copied().collect());
    let context = py.import("hotset._flights")?.getattr("ENCLOSING")?.call_method0("get")?;
    for number in context.cast::<PyTuple>()? {
        numbers.push(number.extract()?);
    }
    Ok(numbers)
}
