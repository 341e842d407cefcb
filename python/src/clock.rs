//! The clock that tests give to a cache.

use std::sync::Arc;

use hotset::clock;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::duration::duration;

#[pyclass(frozen, module = "hotset.testing")]
pub(crate) struct ManualClock {
    clock: Arc<clock::ManualClock>,
}

impl ManualClock {
    pub(crate) fn shared(&self) -> Arc<clock::ManualClock> {
        self.clock.clone()
    }
}

#[pymethods]
impl ManualClock {
    #[new]
    fn new() -> Self {
        Self { clock: Arc::default() }
    }

    fn advance(&self, by: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(by) = duration("by", by)? else {
            return Err(PyValueError::new_err("by=None: a clock cannot be advanced for ever"));
        };
        self.clock.advance(by);
        Ok(())
    }

    #[getter]
    fn elapsed(&self) -> f64 {
        self.clock.elapsed().as_secs_f64()
    }
}
