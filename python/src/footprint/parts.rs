//! What an object refers to: all of it, or a sample where that is much.

use std::ffi::{c_int, c_void};

use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3::{ffi, intern};
use smallvec::SmallVec;

use crate::ffi::foreign::Foreign;
use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::ffi::{Pointer, class};
use crate::footprint::kind::Kind;
use crate::footprint::sample::{Generator, Picks};
use crate::footprint::shared::{closure_of, is_suspended};

/// How many elements of a container are looked at if they are containers or objects themselves.
const SAMPLE: usize = 64;
/// How many if they are texts, numbers or other things that refer to nothing.
const SAMPLE_OF_PLAIN: usize = 256;
/// How many elements of a set are passed, of which the sample is taken.
const PASSED_OF_SET: usize = 4_096;

/// What an object refers to.
#[derive(Default)]
pub(super) struct Parts {
    /// First those that are there once, then those that stand for others.
    pub(super) objects: SmallVec<[Object; 8]>,
    /// How many are there once.
    pub(super) whole: usize,
    /// For how many each of the others stands.
    pub(super) each: f64,
    /// How many of them make up one element: a key and its value.
    pub(super) together: usize,
    /// How many objects it refers to that are no elements of a container.
    pub(super) beside: usize,
    /// Bytes that are kept alive and that no object says it has.
    pub(super) hidden: usize,
}

impl Parts {
    /// Everything that was found.
    fn all(objects: SmallVec<[Object; 8]>) -> Self {
        Self { whole: objects.len(), objects, each: 1.0, ..Self::default() }
    }

    /// A sample of `count` elements, each of which is one object or, in a dict, two.
    fn sampled(objects: SmallVec<[Object; 8]>, count: usize, found: usize) -> Self {
        if found == count {
            return Self::all(objects);
        }
        let together = (objects.len() / found.max(1)).max(1);
        Self { objects, each: count as f64 / found.max(1) as f64, together, ..Self::default() }
    }

    /// Adds objects that are there once.
    fn with(mut self, more: SmallVec<[Object; 8]>) -> Self {
        self.beside = more.len();
        self.whole += self.beside;
        self.objects.insert_many(0, more);
        self
    }
}

/// Looks for what an object refers to, at most `budget` objects of it or one.
pub(super) fn parts_of(object: Live<'_>, budget: usize, generator: &mut Generator) -> Parts {
    let found = of_list(object, budget, generator)
        .or_else(|| of_tuple(object, budget, generator))
        .or_else(|| of_dict(object, budget, generator))
        .or_else(|| of_set(object, budget, generator));
    match found {
        Some((items, base)) if object.class() == base => items,
        Some((items, base)) => items.with(beside(object, base)),
        None if is_suspended(object) => Parts::default(),
        None if object.is_exactly(class!(PyFunction_Type)) => {
            Parts::all(closure_of(object).into_iter().map(Live::to_object).collect())
        }
        None => of_any(object, budget, generator),
    }
}

/// How many elements are looked at.
fn taken(count: usize, first: Option<Live<'_>>, budget: usize) -> usize {
    count.min(if first.is_some_and(is_plain) { SAMPLE_OF_PLAIN } else { SAMPLE }).min(budget.max(1))
}

/// Whether an object is of a usual type that refers to nothing.
fn is_plain(object: Live<'_>) -> bool {
    matches!(Kind::of(object), Kind::Plain(_) | Kind::Eternal) || object.is_exactly(class!(PyLong_Type))
}

/// The elements of a container, and the built-in class that it is of.
type Elements = Option<(Parts, *mut ffi::PyTypeObject)>;

fn of_list(list: Live<'_>, budget: usize, generator: &mut Generator) -> Elements {
    if !list.has_feature(ffi::Py_TPFLAGS_LIST_SUBCLASS) {
        return None;
    }
    // SAFETY: it is a list, or of a subclass, and is asked for elements that it has, which live as long as no Python code runs.
    let (length, item) = unsafe {
        (ffi::PyList_GET_SIZE(list.as_ptr()), |at| Live::or_null(ffi::PyList_GET_ITEM(list.as_ptr(), at as isize)))
    };
    Some((of_sequence(length as usize, item, budget, generator), class!(PyList_Type)))
}

fn of_tuple(tuple: Live<'_>, budget: usize, generator: &mut Generator) -> Elements {
    if !tuple.has_feature(ffi::Py_TPFLAGS_TUPLE_SUBCLASS) {
        return None;
    }
    // SAFETY: as for lists.
    let (length, item) = unsafe {
        (ffi::PyTuple_GET_SIZE(tuple.as_ptr()), |at| Live::or_null(ffi::PyTuple_GET_ITEM(tuple.as_ptr(), at as isize)))
    };
    Some((of_sequence(length as usize, item, budget, generator), class!(PyTuple_Type)))
}

/// A sample of elements, which `item` gives for numbers below the length, if they are there.
fn of_sequence<'a>(
    length: usize,
    item: impl Fn(usize) -> Option<Live<'a>>,
    budget: usize,
    generator: &mut Generator,
) -> Parts {
    let first = if length > 0 { item(0) } else { None };
    let taken = taken(length, first, budget);
    let picks = Picks::new(length, taken, generator);
    Parts::sampled(picks.filter_map(|at| item(at).map(Live::to_object)).collect(), length, taken)
}

fn of_dict(dict: Live<'_>, budget: usize, generator: &mut Generator) -> Elements {
    if !dict.has_feature(ffi::Py_TPFLAGS_DICT_SUBCLASS) {
        return None;
    }
    // SAFETY: it is a dict, or of a subclass.
    let length = unsafe { (*dict.as_ptr().cast::<ffi::PyDictObject>()).ma_used as usize };
    let taken = taken(length, next_item(dict, &mut 0).map(|(_, value)| value), budget / 2);
    let (mut objects, mut found, mut at) = (SmallVec::new(), 0, 0);
    // A position is the number of an entry, of which there are as many as the length or, where some were deleted, more.
    for pick in Picks::new(length, taken, generator) {
        at = at.max(pick as isize);
        let Some((key, value)) = next_item(dict, &mut at) else { break };
        objects.extend([key.to_object(), value.to_object()]);
        found += 1;
    }
    Some((Parts::sampled(objects, length, found), class!(PyDict_Type)))
}

/// The next item of what is a dict, or of a subclass, which lives as long as no Python code runs.
fn next_item<'a>(dict: Live<'a>, at: &mut isize) -> Option<(Live<'a>, Live<'a>)> {
    let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: what is found is alive; anything else than a dict has no items.
    unsafe {
        let found = ffi::PyDict_Next(dict.as_ptr(), at, &raw mut key, &raw mut value) != 0;
        found.then(|| (Live::new(key), Live::new(value)))
    }
}

/// The elements of a set; a sample of the first ones if there are many, since they lie in no order.
fn of_set(set: Live<'_>, budget: usize, generator: &mut Generator) -> Elements {
    let base = [class!(PyFrozenSet_Type), class!(PySet_Type)].into_iter().find(|&base| set.is_of(base))?;
    // SAFETY: it is a set.
    let length = unsafe { ffi::PySet_Size(set.as_ptr()) } as usize;
    let (passed, taken) = (length.min(PASSED_OF_SET), length.min(SAMPLE_OF_PLAIN).min(budget.max(1)));
    let objects = Shown::by(set, base)?.collect(Picks::new(passed, taken, generator));
    let found = objects.len();
    Some((Parts::sampled(objects, length, found), base))
}

/// What an object shows to a collection of garbage.
fn of_any(object: Live<'_>, budget: usize, generator: &mut Generator) -> Parts {
    let Some(shown) = Shown::of(object) else { return Parts::default() };
    let count = shown.count();
    let objects = shown.collect(Picks::new(count, count.min(SAMPLE).min(budget.max(1)), generator));
    let found = objects.len();
    Parts { beside: count, ..Parts::sampled(objects, count, found) }
}

/// What an object of a subclass of a container has beside its elements: its own part comes first.
fn beside(object: Live<'_>, base: *mut ffi::PyTypeObject) -> SmallVec<[Object; 8]> {
    let (Some(all), Some(elements)) = (Shown::of(object), Shown::by(object, base)) else { return SmallVec::new() };
    let first = all.count().saturating_sub(elements.count()).min(SAMPLE);
    all.collect(Picks::new(first, first, &mut Generator::new()))
}

/// An object and what shows its objects to a collection of garbage: the function of its class, or of one that it is derived of.
#[derive(Clone, Copy)]
struct Shown<'a>(Live<'a>, ffi::traverseproc);

impl<'a> Shown<'a> {
    /// All that it shows.
    fn of(object: Live<'a>) -> Option<Self> {
        if object.is_collected() { Self::by(object, object.class()) } else { None }
    }

    /// What a class of the object shows.
    fn by(object: Live<'a>, class: *mut ffi::PyTypeObject) -> Option<Self> {
        // SAFETY: if the object is of that class, the class is alive, and what it shows is shown of objects of subclasses too.
        object.is_of(class).then(|| unsafe { (*class).tp_traverse }).flatten().map(|traverse| Self(object, traverse))
    }

    /// How many objects it shows.
    fn count(self) -> usize {
        let mut count = 0_usize;
        // SAFETY: the object is alive, and the count outlives the call.
        unsafe { (self.1)(self.0.as_ptr(), count_one, (&raw mut count).cast()) };
        count
    }

    /// Those objects that are picked of what it shows.
    fn collect(self, mut picks: Picks<'_>) -> SmallVec<[Object; 8]> {
        let mut collected = Collected { next: picks.next(), picks, shown: 0, objects: SmallVec::new() };
        if collected.next.is_some() {
            // SAFETY: the object is alive, and what is collected outlives the call.
            unsafe { (self.1)(self.0.as_ptr(), collect_one, (&raw mut collected).cast()) };
        }
        collected.objects
    }
}

extern "C" fn count_one(_: Pointer, count: *mut c_void) -> c_int {
    // SAFETY: it is what `Shown::count` has passed.
    unsafe { *count.cast::<usize>() += 1 };
    0
}

/// What is collected of the objects that are shown.
struct Collected<'a> {
    picks: Picks<'a>,
    next: Option<usize>,
    shown: usize,
    objects: SmallVec<[Object; 8]>,
}

extern "C" fn collect_one(object: Pointer, collected: *mut c_void) -> c_int {
    // SAFETY: it is what `Shown::collect` has passed, and what is shown is alive.
    unsafe {
        let collected = &mut *collected.cast::<Collected<'_>>();
        if collected.next == Some(collected.shown) {
            collected.objects.push(Object::from_borrowed(object));
            collected.next = collected.picks.next();
        }
        collected.shown += 1;
        c_int::from(collected.next.is_none())
    }
}

/// What an array of NumPy's refers to: the array that its data is of, and its elements if they are objects.
pub(super) fn of_array(array: &Bound<'_, PyAny>, budget: usize, generator: &mut Generator) -> PyResult<Parts> {
    let py = array.py();
    let base = array.getattr(intern!(py, "base"))?;
    if base.is_instance_of::<PyCapsule>() {
        return Ok(Parts { hidden: array.getattr(intern!(py, "nbytes"))?.extract()?, ..Parts::default() });
    }
    if !base.is_none() {
        return Ok(Parts::all(SmallVec::from_iter([Object::from(base)])));
    }
    if !array.getattr(intern!(py, "dtype"))?.getattr(intern!(py, "hasobject"))?.ask_truth()? {
        return Ok(Parts::default());
    }
    let length: usize = array.getattr(intern!(py, "size"))?.extract()?;
    let item = |at| array.ask_method(intern!(py, "item"), (at,)).map(Object::from);
    let first = (length > 0).then(|| item(0)).transpose()?;
    let taken = taken(length, first.as_ref().map(Live::of), budget);
    let objects = Picks::new(length, taken, generator).map(item).collect::<PyResult<_>>()?;
    Ok(Parts::sampled(objects, length, taken))
}
