//! Tiers that users write in Python: what an object with `get`, `put` and `remove` does, as a shelf of the core.
//!
//! Nothing is locked while such an object is called, so that it may use whatever cache it likes.

mod interrupted;
mod methods;

use std::fmt;
use std::time::Instant;

use hotset::tier::plain::{Abilities, Shelf, Stored};
use hotset::tier::{Fault, Wait};
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use pyo3::{PyTraverseError, PyVisit, intern};

use crate::ffi::foreign::Foreign;

use self::interrupted::interrupt;
pub(crate) use self::interrupted::take_interruption;
use self::methods::Methods;

/// A tier that a user has written.
pub(crate) struct Own {
    methods: Methods,
    name: String,
    expires: bool,
}

impl fmt::Debug for Own {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name)
    }
}

impl Own {
    /// A tier of what an object can do.
    pub(crate) fn of(tier: &Bound<'_, PyAny>) -> PyResult<Self> {
        let name = tier.get_type().qualname()?.to_string();
        let expires = tier.getattr_opt("expires")?.map_or(Ok(false), |expires| expires.ask_truth())?;
        Ok(Self { methods: Methods::of(tier)?, name, expires })
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.methods.visit(visit)
    }

    /// Calls the object, unless there is no more time. What it raises is a fault; what only ends the program, or a task, is raised later.
    fn call<T>(&self, wait: Wait, call: impl FnOnce(Python<'_>, &Methods) -> PyResult<T>) -> Result<T, Fault> {
        if let Wait::Until(until) = wait
            && Instant::now() >= until
        {
            return Err(Fault::Away(format!("{} takes longer than it may", self.name)));
        }
        let called = Python::try_attach(|py| {
            call(py, &self.methods).map_err(|error| {
                if error.is_instance_of::<PyException>(py) {
                    return Fault::Away(said(py, &error));
                }
                interrupt(error);
                Fault::Interrupted
            })
        });
        called.unwrap_or(Err(Fault::Closed))
    }
}

/// Class and message of an exception, in a line.
fn said(py: Python<'_>, error: &PyErr) -> String {
    const MOST: usize = 200;
    let class = error.get_type(py).qualname().map_or_else(|_| "an exception".to_owned(), |name| name.to_string());
    let message = error
        .value(py)
        .as_any()
        .ask_method(intern!(py, "__str__"), ())
        .map_or_else(|_| String::new(), |text| text.to_string());
    let line: String = message.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST).collect();
    if line.is_empty() { class } else { format!("{class}: {line}") }
}

/// What `get` returns.
fn bytes_of(found: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    if found.is_none() {
        return Ok(None);
    }
    match found.cast::<PyBytes>() {
        Ok(bytes) => Ok(Some(bytes.as_bytes().to_vec())),
        Err(_) => {
            let class = found.get_type().qualname()?;
            Err(PyTypeError::new_err(format!("get() returned a {class}: return bytes, or None")))
        }
    }
}

fn life_of<'py>(py: Python<'py>, stored: &Stored<'_>) -> PyResult<Bound<'py, PyDict>> {
    let ends = PyDict::new(py);
    ends.set_item("ends_in", stored.life)?;
    Ok(ends)
}

impl Shelf for Own {
    fn abilities(&self) -> Abilities {
        Abilities {
            exchange: self.methods.exchange.is_some(),
            increment: self.methods.increment.is_some(),
            keys: self.methods.keys.is_some(),
            expires: self.expires,
            batches: self.methods.get_many.is_some() && self.methods.put_many.is_some(),
        }
    }

    fn get_many(&self, keys: &[&[u8]], wait: Wait) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        let Some(get_many) = self.methods.get_many.as_ref().filter(|_| keys.len() > 1) else {
            let get =
                |key: &&[u8]| self.call(wait, |py, methods| bytes_of(&methods.get.ask(py, (PyBytes::new(py, key),))?));
            return keys.iter().map(get).collect();
        };
        self.call(wait, |py, _| {
            let asked: Vec<_> = keys.iter().map(|key| PyBytes::new(py, key)).collect();
            let found = get_many.ask(py, (PyList::new(py, &asked)?,))?;
            let Ok(found) = found.cast::<PyDict>() else {
                let class = found.get_type().qualname()?;
                return Err(PyTypeError::new_err(format!("get_many() returned a {class}: return a dict")));
            };
            asked.iter().map(|key| found.get_item(key)?.map_or(Ok(None), |value| bytes_of(&value))).collect()
        })
    }

    fn put(&self, stored: Stored<'_>, wait: Wait) -> Result<(), Fault> {
        self.call(wait, |py, methods| {
            let args = (PyBytes::new(py, stored.key), PyBytes::new(py, stored.value));
            methods.put.ask_with(py, args, &life_of(py, &stored)?).map(drop)
        })
    }

    fn put_many(&self, stored: &[Stored<'_>], wait: Wait) -> Result<(), Fault> {
        let Some(put_many) = &self.methods.put_many else {
            return stored.iter().try_for_each(|stored| self.put(*stored, wait));
        };
        self.call(wait, |py, _| {
            let items =
                stored.iter().map(|stored| (PyBytes::new(py, stored.key), PyBytes::new(py, stored.value), stored.life));
            put_many.ask(py, (PyList::new(py, items.collect::<Vec<_>>())?,)).map(drop)
        })
    }

    fn remove(&self, key: &[u8], wait: Wait) -> Result<(), Fault> {
        self.call(wait, |py, methods| methods.remove.ask(py, (PyBytes::new(py, key),)).map(drop))
    }

    fn exchange(&self, expected: Option<&[u8]>, stored: Stored<'_>, wait: Wait) -> Result<bool, Fault> {
        let Some(exchange) = &self.methods.exchange else { return Err(Fault::Unsupported("exchange")) };
        self.call(wait, |py, _| {
            let expected = expected.map(|bytes| PyBytes::new(py, bytes));
            let args = (PyBytes::new(py, stored.key), expected, PyBytes::new(py, stored.value));
            exchange.ask_with(py, args, &life_of(py, &stored)?)?.ask_truth()
        })
    }

    fn increment(&self, key: &[u8], amount: u64, initial: u64, wait: Wait) -> Result<u64, Fault> {
        let Some(increment) = &self.methods.increment else { return Err(Fault::Unsupported("count")) };
        self.call(wait, |py, _| increment.ask(py, (PyBytes::new(py, key), amount, initial))?.extract())
    }

    fn keys(&self, prefix: &[u8], wait: Wait) -> Result<Vec<Vec<u8>>, Fault> {
        let Some(keys) = &self.methods.keys else { return Err(Fault::Unsupported("list its keys")) };
        self.call(wait, |py, _| {
            let listed = py.get_type::<PyList>().ask((keys.ask(py, (PyBytes::new(py, prefix),))?,))?;
            let listed = listed.cast::<PyList>()?;
            listed.iter().map(|key| Ok(key.cast::<PyBytes>()?.as_bytes().to_vec())).collect()
        })
    }
}
