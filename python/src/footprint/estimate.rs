//! The walk over what a value refers to.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use crate::ffi::Pointer;
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::footprint::branches::{Branch, Branches, ROOT};
use crate::footprint::kind::Kind;
use crate::footprint::own::{attribute_bytes, frozen_bytes, least_bytes, own_bytes};
use crate::footprint::parts::{Parts, of_array, parts_of};
use crate::footprint::sample::Generator;
use crate::footprint::shared::{Classes, is_program};

/// A value of no more objects than these is looked at in full.
const WHOLE: usize = 1_000;
/// How many objects of a larger one are looked at if it can be sampled.
const BUDGET: usize = 2_000;
/// How many are looked at in any case: where each refers to only one or two there is nothing to sample.
const MOST_OBJECTS: usize = 10_000;

/// Samples within samples of a net: deeper ones than this multiply what is the same few objects.
const NET_DEPTH: u32 = 4;
/// So many objects that were met again make a net.
const NET_AGAIN: usize = 16;

/// So many objects are met without that room has to be made for them.
const USUALLY_MET: usize = 56;

/// An object that was met.
#[derive(Clone, Copy)]
struct Met {
    /// In which branch.
    branch: Branch,
    /// The branch that it began, if it is in one.
    begins: Branch,
    /// Its own bytes.
    bytes: usize,
    /// Whether it was met again.
    again: bool,
}

/// An object whose parts are being looked at.
struct Open {
    parts: Parts,
    branch: Branch,
    /// The branch of the element of a sample that was looked at last.
    element: Branch,
    /// How many objects may still be looked at beneath it.
    budget: usize,
}

impl Open {
    /// The branch of the last one of so many parts.
    fn next_branch(&mut self, remaining: usize, branches: &mut Branches) -> Branch {
        let Some(samples) = remaining.checked_sub(self.parts.whole).filter(|samples| *samples > 0) else {
            return self.branch;
        };
        if samples % self.parts.together == 0 {
            self.element = branches.grow(self.branch, self.parts.each);
        }
        self.element
    }
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
    /// Bytes of what was not noted because it refers to nothing.
    plain: u64,
    met: HashMap<usize, Met, BuildHasherDefault<AddressHasher>>,
    branches: Branches,
    generator: Generator,
    classes: Option<Arc<Classes>>,
    /// Elements of arrays that were made to be looked at: while they are there, nothing else gets their addresses.
    made: Vec<Object>,
    looks: usize,
    /// Whether what may be looked at is divided among the parts of an object.
    divides: bool,
}

impl<'py> Estimate<'py> {
    /// Bytes of objects, each of them once: of all that they refer to if that is little, and else by what there is time to look at.
    pub(super) fn of(py: Python<'py>, objects: &[Object]) -> PyResult<u64> {
        let mut whole = Self::new(py, false);
        if whole.add_all(objects)? {
            return Ok(whole.bytes());
        }
        let mut divided = Self::new(py, true);
        divided.add_all(objects)?;
        Ok(divided.bytes())
    }

    fn new(py: Python<'py>, divides: bool) -> Self {
        Self {
            py,
            plain: 0,
            met: HashMap::default(),
            branches: Branches::default(),
            generator: Generator::new(),
            classes: None,
            made: Vec::new(),
            looks: 0,
            divides,
        }
    }

    fn bytes(&self) -> u64 {
        if self.met.is_empty() {
            return self.plain;
        }
        let scales = self.branches.scales();
        let met: f64 = self.met.values().map(|met| met.bytes as f64 * scales[met.branch as usize]).sum();
        self.plain.saturating_add(met.min(self.most_of_a_net()).round() as u64)
    }

    /// The most that the objects take together if they refer to each other without an order, so that samples of samples are the same few
    /// again: how many there are is then told by how many were met again (Lincoln, 1930).
    fn most_of_a_net(&self) -> f64 {
        let again = self.met.values().filter(|met| met.again).count();
        if again < NET_AGAIN || self.branches.depth() < NET_DEPTH {
            return f64::INFINITY;
        }
        let bytes: f64 = self.met.values().map(|met| met.bytes as f64).sum();
        bytes * (self.looks as f64 / (2 * again) as f64).max(1.0)
    }

    /// Adds objects; false where they have turned out to be too much to look at without dividing.
    fn add_all(&mut self, objects: &[Object]) -> PyResult<bool> {
        for object in objects {
            self.add(object)?;
        }
        Ok(!self.is_too_much())
    }

    fn is_too_much(&self) -> bool {
        !self.divides && (self.met.len() > WHOLE || self.looks >= MOST_OBJECTS)
    }

    /// Adds an object and what it refers to, unless that is too much.
    fn add(&mut self, object: &Object) -> PyResult<()> {
        if let Kind::Plain(bytes) = Kind::of(Live::of(object)) {
            self.plain += bytes as u64;
            return Ok(());
        }
        let mut open: Vec<Open> = self.look(object, ROOT, BUDGET)?.into_iter().collect();
        while let Some(last) = open.last_mut().filter(|_| !self.is_too_much()) {
            let remaining = last.parts.objects.len();
            let Some(part) = last.parts.objects.pop() else {
                let unused = open.pop().map_or(0, |done| done.budget);
                if let Some(outer) = open.last_mut() {
                    outer.budget += unused;
                }
                continue;
            };
            let share = if self.divides { last.budget / remaining } else { 0 };
            let beneath = if self.divides { share.saturating_sub(1) } else { BUDGET };
            let branch = last.next_branch(remaining, &mut self.branches);
            match self.look(&part, branch, beneath)? {
                Some(more) => {
                    last.budget -= share;
                    open.push(more);
                }
                None => last.budget -= share.min(1),
            }
        }
        Ok(())
    }

    /// Notes an object; opens it if it refers to others that were not noted with it.
    fn look(&mut self, object: &Object, branch: Branch, budget: usize) -> PyResult<Option<Open>> {
        self.looks += 1;
        let pointer = object.as_ptr();
        let kind = Kind::of(Live::of(object));
        if let Kind::Plain(bytes) = kind {
            let met = self.met.entry(pointer as usize).or_insert(Met { branch, begins: ROOT, bytes, again: false });
            met.branch = self.branches.common(met.branch, branch);
            return Ok(None);
        }
        if kind == Kind::Eternal
            || self.look_again(pointer, branch)
            || kind == Kind::Other && self.is_shared(Live::of(object))?
        {
            return Ok(None);
        }
        if self.met.is_empty() {
            self.met.reserve(USUALLY_MET);
        }
        let parts = self.parts(object, kind, budget)?;
        let bytes = self.own_bytes(Live::of(object), kind, &parts)?;
        // What is there once cannot be moved nearer to the root.
        let begins = if branch == ROOT { ROOT } else { self.branches.grow(branch, 1.0) };
        self.met.insert(pointer as usize, Met { branch, begins, bytes, again: false });
        Ok((!parts.objects.is_empty()).then_some(Open { parts, branch: begins, element: begins, budget }))
    }

    /// Notes where an object stands that was met before; whether it was.
    fn look_again(&mut self, object: Pointer, branch: Branch) -> bool {
        let Some(met) = self.met.get_mut(&(object as usize)) else { return false };
        met.again = true;
        met.branch = self.branches.common(met.branch, branch);
        if met.begins != ROOT {
            self.branches.transplant(met.begins, met.branch);
        }
        true
    }

    fn is_shared(&mut self, object: Live<'_>) -> PyResult<bool> {
        Ok(is_program(object) || self.classes()?.shares(object))
    }

    fn parts(&mut self, object: &Object, kind: Kind, budget: usize) -> PyResult<Parts> {
        if self.looks >= MOST_OBJECTS {
            return Ok(Parts::default());
        }
        if kind == Kind::Other && self.classes()?.is_array(Live::of(object)) {
            let found = of_array(&object.bind(self.py), budget, &mut self.generator);
            let parts = either(self.py, found, Parts::default)?;
            self.made.extend_from_slice(&parts.objects);
            return Ok(parts);
        }
        Ok(parts_of(Live::of(object), budget, &mut self.generator))
    }

    /// What an object takes, with the table of its attributes.
    fn own_bytes(&mut self, object: Live<'_>, kind: Kind, parts: &Parts) -> PyResult<usize> {
        let (py, least) = (self.py, || least_bytes(object));
        match kind {
            Kind::Container(Some(bytes)) => Ok(bytes),
            Kind::Other => {
                let walks = self.classes()?.walks(object);
                let said = if walks { least() } else { either(py, own_bytes(py, object), least)? };
                let more = attribute_bytes(object, parts.beside) + frozen_bytes(object);
                Ok(said.saturating_add(parts.hidden).saturating_add(more))
            }
            _ => either(py, own_bytes(py, object), least),
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
