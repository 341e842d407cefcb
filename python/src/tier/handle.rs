//! Tiers as Python has them.

use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::time::Duration;

use hotset::tier::disk::check::Report;
use hotset::tier::disk::{Absent, Disk, Durability, Found, Options, close_all, inspect};
use hotset::tier::plain::Plain;
use hotset::tier::{Tier, Wait};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyo3::{PyTraverseError, PyVisit};

use crate::arguments::bound_in_bytes;
use crate::ffi::guard::when_the_interpreter_has_ended;
use crate::ffi::object::Object;
use crate::hooks;
use crate::tier::own::Own;

/// How long the end of the interpreter waits for threads that are at a store.
const LAST_PATIENCE: Duration = Duration::from_millis(500);

/// A tier that was opened. Several caches may have one.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct TierHandle {
    kind: Kind,
    /// The directory that it is.
    place: Option<PathBuf>,
    /// Why it is away, if it could not be opened.
    #[pyo3(get)]
    away: Option<String>,
    /// What was wrong with what was there before, if that was set aside.
    #[pyo3(get)]
    damage: Option<String>,
}

enum Kind {
    Opened(Arc<dyn Tier>),
    /// What a user has written. Each cache has references of its own, so that a collection knows whose they are.
    Own(Object),
}

/// A tier as a cache uses it, and the same, if a user has written it.
pub(crate) type Opened = (Arc<dyn Tier>, Option<Arc<Plain<Own>>>);

impl TierHandle {
    pub(crate) fn new(tier: Arc<dyn Tier>) -> Self {
        Self::of(Kind::Opened(tier))
    }

    fn of(kind: Kind) -> Self {
        Self { kind, place: None, away: None, damage: None }
    }

    /// Whether it could not be opened.
    pub(crate) fn is_away(&self) -> bool {
        self.away.is_some()
    }

    pub(crate) fn open(&self, py: Python<'_>) -> PyResult<Opened> {
        match &self.kind {
            Kind::Opened(tier) => Ok((tier.clone(), None)),
            Kind::Own(tier) => {
                let own = Arc::new(Plain::new(Own::of(&tier.bind(py))?));
                Ok((own.clone(), Some(own)))
            }
        }
    }
}

/// A tier in this process, for tests.
#[pyfunction]
pub(crate) fn open_heap() -> TierHandle {
    TierHandle::new(Arc::new(hotset::tier::Heap::default()))
}

/// A tier that a user has written.
#[pyfunction]
pub(crate) fn open_own(tier: &Bound<'_, PyAny>) -> TierHandle {
    TierHandle::of(Kind::Own(Object::of(tier)))
}

/// Closes stores that something refers to still: a thread that was left behind, or a module written in C.
extern "C" fn close_stores() {
    close_all(LAST_PATIENCE);
}

/// A store in a directory of this machine. Where that cannot be used, it is away, and tried again after each pause.
#[pyfunction]
#[pyo3(signature = (path, max_bytes, *, keeps_bound, durable, private, pause))]
pub(crate) fn open_disk(
    py: Python<'_>,
    path: PathBuf,
    max_bytes: u64,
    keeps_bound: bool,
    durable: bool,
    private: bool,
    pause: f64,
) -> PyResult<TierHandle> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| when_the_interpreter_has_ended(py, close_stores));
    let durability = if durable { Durability::Power } else { Durability::Process };
    let options = Options { max_bytes, keeps_bound, durability, private, ..Options::default() };
    let pause = Duration::try_from_secs_f64(pause).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let opened = py.detach(|| Disk::open(&path, options));
    let place = Some(path.canonicalize().unwrap_or_else(|_| path.clone()));
    match opened {
        Ok(disk) => {
            let damage = match disk.store().found() {
                Ok(Found::Damaged { why }) => Some(why),
                _ => None,
            };
            Ok(TierHandle { damage, place, ..TierHandle::new(Arc::new(disk)) })
        }
        Err(error) if error.is_of_options() => Err(PyValueError::new_err(error.to_string())),
        Err(error) => {
            let away = Some(error.to_string());
            Ok(TierHandle { away, place, ..TierHandle::new(Arc::new(Absent::new(&path, options, &error, pause))) })
        }
    }
}

/// `TierError` for what is wrong with a tier.
pub(crate) fn tier_error(py: Python<'_>, message: String) -> PyErr {
    let raised = hooks::TIER_ERROR.ask(py, (message,));
    raised.map_or_else(|error| error, PyErr::from_value)
}

/// Looks at every page of a store, while nobody writes to it: its entries, its pages, and how many of them are in use, free and lost.
#[pyfunction]
pub(crate) fn check_disk(py: Python<'_>, path: PathBuf, patience: f64) -> PyResult<(u64, u64, u64, u64)> {
    let patience = Duration::try_from_secs_f64(patience).unwrap_or(Duration::MAX);
    let looked = py.detach(|| inspect::check(&path, patience));
    let Report { entries, pages, free, lost } = looked.map_err(|error| tier_error(py, error.to_string()))?;
    Ok((entries, pages, free, lost))
}

/// Writes a store anew without gaps; whether nobody else was using it, so that this could be done.
#[pyfunction]
pub(crate) fn compact_disk(py: Python<'_>, path: PathBuf, patience: f64) -> PyResult<bool> {
    let patience = Duration::try_from_secs_f64(patience).unwrap_or(Duration::MAX);
    py.detach(|| inspect::compact(&path, patience)).map_err(|error| tier_error(py, error.to_string()))
}

/// Bytes from an argument.
#[pyfunction]
pub(crate) fn parse_bytes(name: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    bound_in_bytes(name, value)
}

/// Adds what is of tiers to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TierHandle>()?;
    module.add_function(wrap_pyfunction!(open_heap, module)?)?;
    module.add_function(wrap_pyfunction!(open_own, module)?)?;
    module.add_function(wrap_pyfunction!(open_disk, module)?)?;
    module.add_function(wrap_pyfunction!(check_disk, module)?)?;
    module.add_function(wrap_pyfunction!(compact_disk, module)?)?;
    module.add_function(wrap_pyfunction!(parse_bytes, module)?)
}

#[pymethods]
impl TierHandle {
    /// What no other tier of this process has: that of a directory is one by whatever path.
    #[getter]
    fn identity(&self) -> String {
        match (&self.place, &self.kind) {
            (Some(place), _) => place.display().to_string(),
            (None, Kind::Opened(tier)) => format!("{:p}", Arc::as_ptr(tier)),
            (None, Kind::Own(tier)) => format!("{:p}", tier.as_ptr()),
        }
    }

    /// The keys that are stored there, as bytes, for tests.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let (tier, _) = self.open(py)?;
        let mut keys = Vec::new();
        let listed = tier.list(&[], None, usize::MAX, Wait::Not, &mut |key, _| keys.push(key.to_vec()));
        listed.map_err(|fault| PyRuntimeError::new_err(fault.to_string()))?;
        Ok(keys.iter().map(|key| PyBytes::new(py, key)).collect())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.open(py).map(|(tier, _)| format!("<TierHandle {tier:?}>"))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.kind {
            Kind::Opened(_) => Ok(()),
            Kind::Own(tier) => tier.visit(&visit),
        }
    }
}
