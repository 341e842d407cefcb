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
    let (items, base) = if object.has_feature(ffi::Py_TPFLAGS_LIST_SUBCLASS) {
        // SAFETY: it is a list, or of a subclass, and has as many elements.
        let (length, item) =
            unsafe { (ffi::PyList_GET_SIZE(object.as_ptr()), |at| ffi::PyList_GET_ITEM(object.as_ptr(), at as isize)) };
        (of_sequence(length as usize, item, budget, generator), class!(PyList_Type))
    } else if object.has_feature(ffi::Py_TPFLAGS_TUPLE_SUBCLASS) {
        // SAFETY: likewise a tuple.
        let (length, item) = unsafe {
            (ffi::PyTuple_GET_SIZE(object.as_ptr()), |at| ffi::PyTuple_GET_ITEM(object.as_ptr(), at as isize))
        };
        (of_sequence(length as usize, item, budget, generator), class!(PyTuple_Type))
    } else if object.has_feature(ffi::Py_TPFLAGS_DICT_SUBCLASS) {
        // SAFETY: it is a dict, or of a subclass.
        (unsafe { of_dict(object, budget, generator) }, class!(PyDict_Type))
    } else if let Some(base) =
        [class!(PyFrozenSet_Type), class!(PySet_Type)].into_iter().find(|&base| object.is_of(base))
    {
        // SAFETY: it is of that class of sets, or of a subclass.
        (unsafe { of_set(object, base, budget, generator) }, base)
    } else if is_suspended(object) {
        return Parts::default();
    } else if object.is_exactly(class!(PyFunction_Type)) {
        return Parts::all(closure_of(object).into_iter().map(Live::to_object).collect());
    } else {
        return of_any(object, budget, generator);
    };
    if object.class() == base { items } else { items.with(beside(object, base)) }
}

/// How many elements are looked at.
fn taken(count: usize, first: Option<Live<'_>>, budget: usize) -> usize {
    count.min(if first.is_some_and(is_plain) { SAMPLE_OF_PLAIN } else { SAMPLE }).min(budget.max(1))
}

/// Whether an object is of a usual type that refers to nothing.
fn is_plain(object: Live<'_>) -> bool {
    matches!(Kind::of(object), Kind::Plain(_) | Kind::Eternal) || object.is_exactly(class!(PyLong_Type))
}

/// A sample of elements, of which `item` gives those that are alive, or null, for numbers below the length.
fn of_sequence(length: usize, item: impl Fn(usize) -> Pointer, budget: usize, generator: &mut Generator) -> Parts {
    // SAFETY: what is not null is alive, as long as no Python code runs.
    let live = |at| Some(item(at)).filter(|item| !item.is_null()).map(|item| unsafe { Live::new(item) });
    let first = if length > 0 { live(0) } else { None };
    let taken = taken(length, first, budget);
    let picks = Picks::new(length, taken, generator);
    Parts::sampled(picks.filter_map(|at| live(at).map(Live::to_object)).collect(), length, taken)
}

/// # Safety
/// The object is a dict, or of a subclass, and alive.
unsafe fn of_dict(dict: Live<'_>, budget: usize, generator: &mut Generator) -> Parts {
    let (mut at, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
    let mut objects = SmallVec::new();
    let (mut found, dict) = (0, dict.as_ptr());
    // SAFETY: no Python code runs between the steps, so what is found is alive. A position is the number of an entry, of which there are
    // as many as the length or, where some were deleted, more.
    unsafe {
        let length = (*dict.cast::<ffi::PyDictObject>()).ma_used as usize;
        let mut start = 0;
        let any = ffi::PyDict_Next(dict, &mut start, &mut key, &mut value) != 0;
        let taken = taken(length, any.then(|| Live::new(value)), budget / 2);
        for pick in Picks::new(length, taken, generator) {
            at = at.max(pick as isize);
            if ffi::PyDict_Next(dict, &mut at, &mut key, &mut value) == 0 {
                break;
            }
            objects.extend([Object::from_borrowed(key), Object::from_borrowed(value)]);
            found += 1;
        }
        Parts::sampled(objects, length, found)
    }
}

/// The elements of a set; a sample of the first ones if there are many, since they lie in no order.
///
/// # Safety
/// The object is of a subclass of `base`, which is a class of sets, and alive.
unsafe fn of_set(set: Live<'_>, base: *mut ffi::PyTypeObject, budget: usize, generator: &mut Generator) -> Parts {
    // SAFETY: by the caller's promise.
    unsafe {
        let Some(traverse) = (*base).tp_traverse else { return Parts::default() };
        let length = ffi::PySet_Size(set.as_ptr()) as usize;
        let (passed, taken) = (length.min(PASSED_OF_SET), length.min(SAMPLE_OF_PLAIN).min(budget.max(1)));
        let objects = collect(set, traverse, Picks::new(passed, taken, generator));
        let found = objects.len();
        Parts::sampled(objects, length, found)
    }
}

/// What an object shows to a collection of garbage.
fn of_any(object: Live<'_>, budget: usize, generator: &mut Generator) -> Parts {
    let Some(traverse) = traverse_of(object) else { return Parts::default() };
    // SAFETY: that is what its type shows.
    let count = unsafe { count(object, traverse) };
    let picks = Picks::new(count, count.min(SAMPLE).min(budget.max(1)), generator);
    // SAFETY: likewise.
    let objects = unsafe { collect(object, traverse, picks) };
    let found = objects.len();
    Parts { beside: count, ..Parts::sampled(objects, count, found) }
}

/// What an object of a subclass of a container has beside its elements: its own part comes first.
fn beside(object: Live<'_>, base: *mut ffi::PyTypeObject) -> SmallVec<[Object; 8]> {
    // SAFETY: the base is one of CPython's, and what it shows is shown of objects of subclasses too.
    unsafe {
        let (Some(all), Some(elements)) = (traverse_of(object), (*base).tp_traverse) else { return SmallVec::new() };
        let own = count(object, all).saturating_sub(count(object, elements));
        let first = own.min(SAMPLE);
        collect(object, all, Picks::new(first, first, &mut Generator::new()))
    }
}

fn traverse_of(object: Live<'_>) -> Option<ffi::traverseproc> {
    // SAFETY: the class of a live object is alive.
    if object.is_collected() { unsafe { (*object.class()).tp_traverse } } else { None }
}

/// How many objects are shown.
///
/// # Safety
/// The function is that of the object's type, or of one that it is derived of.
unsafe fn count(object: Live<'_>, traverse: ffi::traverseproc) -> usize {
    let mut count = 0_usize;
    // SAFETY: the object is alive, and the count outlives the call.
    unsafe { traverse(object.as_ptr(), count_one, (&raw mut count).cast()) };
    count
}

extern "C" fn count_one(_: Pointer, count: *mut c_void) -> c_int {
    // SAFETY: it is what `count` has passed.
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

/// Those objects that are picked of what an object shows.
///
/// # Safety
/// The object is alive and of the type whose function it is.
unsafe fn collect(object: Live<'_>, traverse: ffi::traverseproc, mut picks: Picks<'_>) -> SmallVec<[Object; 8]> {
    let mut collected = Collected { next: picks.next(), picks, shown: 0, objects: SmallVec::new() };
    if collected.next.is_some() {
        // SAFETY: by the caller's promise, and what is collected outlives the call.
        unsafe { traverse(object.as_ptr(), collect_one, (&raw mut collected).cast()) };
    }
    collected.objects
}

extern "C" fn collect_one(object: Pointer, collected: *mut c_void) -> c_int {
    // SAFETY: it is what `collect` has passed, and what is shown is alive.
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
