//! Traces of requests, and how caches would do on them.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use hotset::Error;
use hotset::simulation::{next_uses, replay};
use hotset::trace::{Column, FORMATS, Format, Lines, Options, read};
use hotset::{progress, trace};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::errors::raised;

/// What lots are drawn with, so that the same trace has the same hits each time.
const SEED: u64 = 1;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("TRACE_FORMATS", PyTuple::new(module.py(), FORMATS.map(Format::name))?)?;
    module.add_class::<Progress>()?;
    module.add_class::<Trace>()
}

#[pyclass(frozen, module = "hotset._core")]
#[derive(Default)]
pub(crate) struct Progress {
    state: Arc<progress::Progress>,
}

#[pymethods]
impl Progress {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    #[getter]
    fn done(&self) -> u64 {
        self.state.done()
    }

    fn stop(&self) {
        self.state.stop();
    }
}

#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct Trace {
    keys: Vec<u32>,
    /// Made when it is first asked for.
    next_uses: OnceLock<Vec<u32>>,
    #[pyo3(get)]
    unique: usize,
    #[pyo3(get)]
    format: &'static str,
    lines: Lines,
}

impl From<trace::Trace> for Trace {
    fn from(trace: trace::Trace) -> Self {
        let trace::Trace { keys, unique, format, lines } = trace;
        Self { keys, next_uses: OnceLock::new(), unique, format: format.name(), lines }
    }
}

#[pymethods]
impl Trace {
    #[staticmethod]
    #[pyo3(signature = (path, progress, *, format, key_column, delimiter, limit))]
    fn read(
        py: Python<'_>,
        path: Option<PathBuf>,
        progress: &Progress,
        format: Option<&str>,
        key_column: Option<ColumnArgument>,
        delimiter: Option<char>,
        limit: Option<usize>,
    ) -> PyResult<Self> {
        let options = Options {
            format: format.and_then(Format::named),
            column: key_column.map(Into::into),
            delimiter: delimiter.and_then(|delimiter| u8::try_from(delimiter).ok()),
            limit,
        };
        let input: Box<dyn Read + Send> = match path {
            Some(path) => Box::new(File::open(path)?),
            None => Box::new(stdin()),
        };
        py.detach(|| read(input, &options, &progress.state)).map(Self::from).map_err(|error| raised(&error))
    }

    #[getter]
    fn requests(&self) -> usize {
        self.keys.len()
    }

    #[getter]
    fn other_lines(&self) -> u64 {
        self.lines.other
    }

    #[getter]
    fn garbled_lines(&self) -> u64 {
        self.lines.garbled
    }

    #[getter]
    fn first_garbled_line(&self) -> Option<u64> {
        self.lines.first_garbled
    }

    fn hits(&self, py: Python<'_>, policy: &str, entries: u64, progress: &Progress) -> PyResult<u64> {
        py.detach(|| replay::hits(&self.keys, policy, entries, SEED, &progress.state)).map_err(|error| raised(&error))
    }

    fn most_hits(&self, py: Python<'_>, entries: usize, progress: &Progress) -> PyResult<u64> {
        let hits = || {
            let next_uses = self.next_uses.get_or_init(|| next_uses(&self.keys, self.unique));
            replay::most_hits(next_uses, entries, &progress.state)
        };
        py.detach(hits).map_err(|error: Error| raised(&error))
    }
}

/// A name, or a number from 1.
#[derive(FromPyObject)]
enum ColumnArgument {
    Number(usize),
    Name(String),
}

impl From<ColumnArgument> for Column {
    fn from(column: ColumnArgument) -> Self {
        match column {
            ColumnArgument::Number(number) => Self::Numbered(number),
            ColumnArgument::Name(name) => Self::Named(name),
        }
    }
}
