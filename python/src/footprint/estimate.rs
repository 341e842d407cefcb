//! The walk over what a value refers to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use crate::footprint::branches::{Branch, Branches, ROOT};
use crate::footprint::kind::Kind;
use crate::footprint::own::{attribute_bytes, frozen_bytes, least_bytes, own_bytes};
use crate::footprint::parts::{Parts, of_array, parts_of};
use crate::footprint::sample::Generator;
use crate::footprint::shared::{Classes, is_program};
use crate::key::exact::Pointer;
use crate::object::Object;

/// How many objects of a value are looked at if it can be sampled.
const BUDGET: usize = 2_000;
/// How many are looked at in any case: where each refers to only one or two there is nothing to sample.
const MOST_OBJECTS: usize = 20_000;

/// An object that was met.
struct Met {
    branch: Branch,
    /// Its own bytes.
    bytes: usize,
}

/// An object whose parts are being looked at.
struct Open {
    parts: Parts,
    branch: Branch,
    /// How many objects may still be looked at beneath it.
    budget: usize,
}

/// Addresses as their own hashes.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, _: &[u8]) {}
    fn write_usize(&mut self, address: usize) {
        self.0 = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(26);
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

/// An estimate of what objects take together, each of them once.
pub(super) struct Estimate<'py> {
    py: Python<'py>,
    bytes: f64,
    met: HashMap<usize, Met, BuildHasherDefault<AddressHasher>>,
    branches: Branches,
    generator: Generator,
    classes: Option<Arc<Classes>>,
    looks: usize,
}

impl<'py> Estimate<'py> {
    pub(super) fn new(py: Python<'py>) -> Self {
        Self {
            py,
            bytes: 0.0,
            met: HashMap::default(),
            branches: Branches::new(),
            generator: Generator::new(),
            classes: None,
            looks: 0,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.round() as u64
    }

    /// Adds an object and what it refers to.
    pub(super) fn add(&mut self, object: &Object) -> PyResult<()> {
        // SAFETY: the object is alive.
        if let Kind::Plain(bytes) = unsafe { Kind::of(object.as_ptr()) } {
            self.bytes += bytes as f64;
            return Ok(());
        }
        let mut open: Vec<Open> = self.look(object, ROOT, BUDGET)?.into_iter().collect();
        while let Some(last) = open.last_mut() {
            let remaining = last.parts.objects.len();
            let Some(part) = last.parts.objects.pop() else {
                let unused = open.pop().map_or(0, |done| done.budget);
                if let Some(outer) = open.last_mut() {
                    outer.budget += unused;
                }
                continue;
            };
            let share = last.budget / remaining;
            let is_sample = remaining > last.parts.whole;
            let branch = if is_sample { self.branches.grow(last.branch, last.parts.each) } else { last.branch };
            let beneath = share.saturating_sub(1);
            match self.look(&part, branch, beneath)? {
                Some(more) => {
                    last.budget -= share;
                    open.push(more);
                }
                None => last.budget -= share - beneath,
            }
        }
        Ok(())
    }

    /// Counts an object; opens it if it refers to others that were not counted with it.
    fn look(&mut self, object: &Object, branch: Branch, budget: usize) -> PyResult<Option<Open>> {
        self.looks += 1;
        let pointer = object.as_ptr();
        // SAFETY: the object is alive.
        match unsafe { Kind::of(pointer) } {
            Kind::Eternal => Ok(None),
            Kind::Plain(bytes) => {
                self.count(pointer, branch, bytes);
                Ok(None)
            }
            kind => self.look_into(object, kind, branch, budget),
        }
    }

    fn look_into(&mut self, object: &Object, kind: Kind, branch: Branch, budget: usize) -> PyResult<Option<Open>> {
        let pointer = object.as_ptr();
        if kind == Kind::Other && self.is_shared(pointer)? {
            return Ok(None);
        }
        let met = self.met.get(&(pointer as usize)).map(|met| met.bytes);
        let parts = self.parts(object, kind, budget)?;
        let bytes = met.map_or_else(|| self.own_bytes(pointer, kind, &parts), Ok)?;
        let branch = self.count(pointer, branch, bytes).filter(|_| !parts.objects.is_empty());
        Ok(branch.map(|branch| Open { parts, branch, budget }))
    }

    /// Counts an object that was met in a branch; in which it is to be looked into, unless it already was.
    fn count(&mut self, object: Pointer, branch: Branch, bytes: usize) -> Option<Branch> {
        match self.met.entry(object as usize) {
            Entry::Vacant(place) => {
                place.insert(Met { branch, bytes });
                self.bytes += bytes as f64 * self.branches.scale(branch);
                Some(branch)
            }
            Entry::Occupied(mut met) => {
                let met = met.get_mut();
                let common = self.branches.common(met.branch, branch);
                let before = std::mem::replace(&mut met.branch, common);
                self.bytes -= met.bytes as f64 * (self.branches.scale(before) - self.branches.scale(common));
                (common != before).then_some(common)
            }
        }
    }

    fn is_shared(&mut self, object: Pointer) -> PyResult<bool> {
        // SAFETY: the object is alive.
        unsafe { Ok(is_program(object) || self.classes()?.shares(object)) }
    }

    fn parts(&mut self, object: &Object, kind: Kind, budget: usize) -> PyResult<Parts> {
        let pointer = object.as_ptr();
        // SAFETY: the object is alive.
        unsafe {
            if self.looks >= MOST_OBJECTS {
                return Ok(Parts::default());
            }
            if kind == Kind::Other && self.classes()?.is_array(pointer) {
                return either(self.py, of_array(&object.bind(self.py), budget, &mut self.generator), Parts::default);
            }
            Ok(parts_of(pointer, budget, &mut self.generator))
        }
    }

    /// What an object takes, with the table of its attributes.
    fn own_bytes(&mut self, object: Pointer, kind: Kind, parts: &Parts) -> PyResult<usize> {
        let py = self.py;
        // SAFETY: the object is alive.
        unsafe {
            let least = || least_bytes(object);
            match kind {
                Kind::Container(Some(bytes)) => Ok(bytes),
                Kind::Other => {
                    let walks = self.classes()?.walks(object);
                    let said = if walks { least() } else { either(py, own_bytes(py, object), least)? };
                    Ok(said.saturating_add(parts.hidden + attribute_bytes(object, parts.beside) + frozen_bytes(object)))
                }
                _ => either(py, own_bytes(py, object), least),
            }
        }
    }

    fn classes(&mut self) -> PyResult<&Classes> {
        match &mut self.classes {
            Some(classes) => Ok(classes),
            none => Ok(none.insert(either(self.py, Classes::loaded(self.py), Arc::default)?)),
        }
    }
}

/// What code of somebody else's said, or something else if it raised an `Exception`.
fn either<T>(py: Python<'_>, said: PyResult<T>, instead: impl FnOnce() -> T) -> PyResult<T> {
    match said {
        Err(error) if error.is_instance_of::<PyException>(py) => Ok(instead()),
        said => said,
    }
}
