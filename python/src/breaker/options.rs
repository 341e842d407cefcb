//! The options of a circuit breaker: what was given, and whether it makes sense.

use std::time::Duration;

use hotset::hash::Seed;
use hotset::stack::BreakerOptions;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBool;

use crate::duration::duration;
use crate::errors::invalid;
use crate::missing::Missing;

/// What was given, by its name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Given<'py> {
    failures: Bound<'py, PyAny>,
    rate: Bound<'py, PyAny>,
    window: Bound<'py, PyAny>,
    least_calls: Bound<'py, PyAny>,
    slow: Bound<'py, PyAny>,
    open_for: Bound<'py, PyAny>,
    /// `MISSING` for the usual.
    most_open: Bound<'py, PyAny>,
    jitter: Bound<'py, PyAny>,
    probes: Bound<'py, PyAny>,
}

impl Given<'_> {
    pub(super) fn options(&self) -> PyResult<BreakerOptions> {
        if self.failures.is_none() && self.rate.is_none() {
            let message = "failures=None, rate=None: it would never open; write one of them";
            return Err(PyValueError::new_err(message));
        }
        let open = self.open()?;
        Ok(BreakerOptions {
            failures: if self.failures.is_none() { u32::MAX } else { count("failures", &self.failures, " or None")? },
            rate: self.rate()?,
            window: duration("window", &self.window)?.unwrap_or(Duration::MAX),
            least_calls: count("least_calls", &self.least_calls, "")?,
            slow: duration("slow", &self.slow)?,
            open,
            most_open: self.most_open(open)?,
            jitter: self.jitter()?,
            probes: count("probes", &self.probes, "")?,
            seed: Seed::random().number(),
        })
    }

    fn rate(&self) -> PyResult<f64> {
        let instead = "write the part of the calls that has to fail, above 0 and up to 1 as in 0.5, or None";
        if self.rate.is_none() {
            return Ok(f64::INFINITY);
        }
        part(&self.rate).filter(|rate| *rate > 0.0).ok_or_else(|| invalid(self.rate.py(), "rate", &self.rate, instead))
    }

    fn jitter(&self) -> PyResult<f64> {
        let instead = "write by which part it is open shorter at most, from 0 to 1 as in 0.2";
        part(&self.jitter).ok_or_else(|| invalid(self.jitter.py(), "jitter", &self.jitter, instead))
    }

    fn open(&self) -> PyResult<Duration> {
        duration("open_for", &self.open_for)?
            .ok_or_else(|| PyValueError::new_err("open_for=None: write how long it is open at first, as in \"5s\""))
    }

    fn most_open(&self, open: Duration) -> PyResult<Duration> {
        if self.most_open.is_instance_of::<Missing>() {
            return Ok(open.max(BreakerOptions::default().most_open));
        }
        let most = duration("most_open", &self.most_open)?.unwrap_or(Duration::MAX);
        if most < open {
            let (given, open) = (self.most_open.str()?, self.open_for.str()?);
            let message = format!(
                "most_open={given} is shorter than open_for={open}: write at least as long, or None for no end"
            );
            return Err(PyValueError::new_err(message));
        }
        Ok(most)
    }
}

fn count(name: &str, value: &Bound<'_, PyAny>, or: &str) -> PyResult<u32> {
    let number = if value.is_instance_of::<PyBool>() { None } else { value.extract::<u32>().ok() };
    let instead = || format!("write a whole number from 1 to 2**32 - 1{or}");
    number.filter(|number| *number > 0).ok_or_else(|| invalid(value.py(), name, value, &instead()))
}

fn part(value: &Bound<'_, PyAny>) -> Option<f64> {
    let number = if value.is_instance_of::<PyBool>() { None } else { value.extract::<f64>().ok() };
    number.filter(|part| (0.0..=1.0).contains(part))
}
