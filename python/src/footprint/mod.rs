//! How many bytes an entry takes: what the bound of a cache with `max_bytes` counts.
//!
//! A value takes what `sys.getsizeof` says of it and of everything that it refers to, each object once, but for what the whole program
//! shares. That could be a walk over millions of objects, so it is an estimate: of containers with many elements a sample is looked at,
//! and each element of it stands for its share. What samples have in common is found out and counted once.
//!
//! - [`estimate`]: the walk; [`branches`]: for how many objects one stands
//! - [`kind`], [`own`]: what one object takes; [`parts`]: what it refers to; [`sample`]: which elements are looked at
//! - [`shared`]: what belongs to no value
//!
//! Code that is not ours runs here, in a `__sizeof__`, so it is done before an entry is written, while nothing is locked.

mod branches;
mod estimate;
mod kind;
mod own;
mod parts;
mod sample;
mod shared;

use pyo3::prelude::*;
use smallvec::SmallVec;

use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::footprint::estimate::Estimate;
use crate::key::part::Part;

/// Bytes of an entry beyond its key and value: its place in the slab, in the index and in the column of weights, with what is vacant of
/// them on average.
const ENTRY_BYTES: u64 = 76;
/// Bytes of an entry's place among the carriers of a tag.
const TAG_BYTES: u64 = 80;
/// Bytes of an allocation of several parts of a key, and of each of them.
const WORD_BYTES: u64 = size_of::<usize>() as u64;

/// Bytes of an entry with this key and value.
pub(crate) fn entry_bytes(py: Python<'_>, key: &Part, value: &Object, tags: usize) -> PyResult<u64> {
    let mut objects: SmallVec<[Object; 4]> = key.objects().map(Live::to_object).collect();
    objects.push(value.clone());
    let parts = key.parts().map_or(0, |parts| (1 + parts.len() as u64) * WORD_BYTES);
    let own = ENTRY_BYTES + TAG_BYTES * tags as u64 + parts;
    Ok(own.saturating_add(Estimate::of(py, &objects)?))
}

/// Bytes that an object takes with everything that it refers to.
#[pyfunction]
#[pyo3(signature = (object, /))]
pub(crate) fn estimate_bytes(object: &Bound<'_, PyAny>) -> PyResult<u64> {
    Estimate::of(object.py(), &[Object::of(object)])
}
