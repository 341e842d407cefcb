//! Places of which there are only so many, each given back when whoever has it is gone: also where an exception comes between two steps.

use hotset::sync::Mutex;
use pyo3::prelude::*;

use crate::ffi::attached_lock::AttachedLock;

/// So many places, numbered from 1 on.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct Places {
    most: usize,
    /// Which are taken, as far as any has been.
    taken: Mutex<AttachedLock, Vec<bool>>,
}

/// A place, as long as it lives.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct Place {
    places: Py<Places>,
    #[pyo3(get)]
    number: usize,
}

#[pymethods]
impl Places {
    #[new]
    fn new(most: usize) -> Self {
        Self { most, taken: Mutex::new(Vec::new()) }
    }

    /// The free place with the lowest number; None if there is none.
    fn take(slf: &Bound<'_, Self>) -> Option<Place> {
        let this = slf.get();
        let mut taken = this.taken.lock();
        let number = taken.iter().position(|is_taken| !is_taken).unwrap_or(taken.len());
        if number >= this.most {
            return None;
        }
        if number == taken.len() {
            taken.push(true);
        } else {
            taken[number] = true;
        }
        Some(Place { places: slf.clone().unbind(), number: number + 1 })
    }

    /// How many places are taken.
    fn __len__(&self) -> usize {
        self.taken.lock().iter().filter(|&&is_taken| is_taken).count()
    }

    /// How many places are free.
    #[getter]
    fn free(&self) -> usize {
        self.most - self.__len__()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(is_taken) = self.places.get().taken.lock().get_mut(self.number - 1) {
            *is_taken = false;
        }
    }
}
