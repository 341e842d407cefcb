//! What a codec knows of classes: asked of `hotset._values` once, and kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hotset::sync::Mutex;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDate, PyDateTime, PyDelta, PyTime, PyType};
use pyo3::{PyTypeInfo, PyVisit};

use crate::codec::plan::Plan;
use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::foreign::Foreign;
use crate::ffi::object::Object;

/// Moves when something is registered, after which what is kept may be wrong.
static REGISTERED: AtomicU64 = AtomicU64::new(0);

/// Says that something was registered.
#[pyfunction]
pub(crate) fn forget_known_classes() {
    REGISTERED.fetch_add(1, Ordering::Relaxed);
}

/// How values of a class are written.
#[derive(Clone)]
pub(super) enum Form {
    Day,
    Moment,
    Clock,
    Span,
    /// As something of this kind, by what takes it apart.
    Special(u8, Object),
    /// As an object.
    Object(Arc<Plan>),
}

#[derive(Default)]
struct Kept {
    /// What is kept was asked for when `REGISTERED` was this.
    registered: u64,
    /// By address of the class, which is held.
    by_class: HashMap<usize, (Object, Form)>,
    by_name: HashMap<String, Arc<Plan>>,
    builders: HashMap<u8, Object>,
}

/// What a codec knows.
pub(super) struct Known {
    /// A `Known` of `hotset._values`.
    asked: Object,
    kept: Mutex<AttachedLock, Kept>,
}

impl Known {
    pub(super) fn new(asked: &Bound<'_, PyAny>) -> Self {
        Self { asked: Object::of(asked), kept: Mutex::new(Kept::default()) }
    }

    pub(super) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        self.asked.visit(visit)
    }

    /// Forgets what was kept if something was registered since.
    pub(super) fn renew(&self) {
        let registered = REGISTERED.load(Ordering::Relaxed);
        if self.kept.lock().registered != registered {
            let left = std::mem::replace(&mut *self.kept.lock(), Kept { registered, ..Kept::default() });
            drop(left);
        }
    }

    /// How values of a class are written; none if they are not.
    pub(super) fn way(&self, class: &Bound<'_, PyType>) -> PyResult<Option<Form>> {
        let address = class.as_ptr() as usize;
        if let Some((_, way)) = self.kept.lock().by_class.get(&address) {
            return Ok(Some(way.clone()));
        }
        let Some(way) = self.ask_for_way(class)? else { return Ok(None) };
        let left = self.kept.lock().by_class.insert(address, (Object::of(class), way.clone()));
        drop(left);
        Ok(Some(way))
    }

    fn ask_for_way(&self, class: &Bound<'_, PyType>) -> PyResult<Option<Form>> {
        let py = class.py();
        if let Some(way) = way_of_time(class) {
            return Ok(Some(way));
        }
        let answer = self.asked.bind(py).ask_method(intern!(py, "way_of"), (class,))?;
        if answer.is_none() {
            Ok(None)
        } else if let Ok((kind, parts)) = answer.extract::<(u8, Bound<'_, PyAny>)>() {
            Ok(Some(Form::Special(kind, parts.into())))
        } else {
            Ok(Some(Form::Object(Arc::new(Plan::of(&answer)?))))
        }
    }

    /// What to do about a class whose objects are not written.
    pub(super) fn advice(&self, class: &Bound<'_, PyType>) -> PyResult<String> {
        self.asked.bind(class.py()).ask_method(intern!(class.py(), "advice"), (class,))?.extract()
    }

    /// The class of a name; none if it is not known.
    pub(super) fn named(&self, py: Python<'_>, name: &str) -> PyResult<Option<Arc<Plan>>> {
        if let Some(plan) = self.kept.lock().by_name.get(name) {
            return Ok(Some(Arc::clone(plan)));
        }
        let shape = self.asked.bind(py).ask_method(intern!(py, "shape_named"), (name,))?;
        if shape.is_none() {
            return Ok(None);
        }
        let plan = Arc::new(Plan::of(&shape)?);
        let left = self.kept.lock().by_name.insert(name.to_owned(), Arc::clone(&plan));
        drop(left);
        Ok(Some(plan))
    }

    /// What puts something of a kind together; none if there is no such kind.
    pub(super) fn builder(&self, py: Python<'_>, kind: u8) -> PyResult<Option<Object>> {
        if let Some(builder) = self.kept.lock().builders.get(&kind) {
            return Ok(Some(builder.clone()));
        }
        let found = self.asked.bind(py).ask_method(intern!(py, "builder_of"), (kind,))?;
        if found.is_none() {
            return Ok(None);
        }
        let builder = Object::from(found);
        let left = self.kept.lock().builders.insert(kind, builder.clone());
        drop(left);
        Ok(Some(builder))
    }
}

/// The way of dates and times, if there can be any: then their module has been imported.
fn way_of_time(class: &Bound<'_, PyType>) -> Option<Form> {
    let py = class.py();
    // SAFETY: the thread is attached; what is returned is new, or null.
    drop(unsafe { Object::or_null(ffi::PyImport_GetModule(intern!(py, "datetime").as_ptr())) }?);
    let ways = [
        (PyDateTime::type_object(py), Form::Moment),
        (PyDate::type_object(py), Form::Day),
        (PyTime::type_object(py), Form::Clock),
        (PyDelta::type_object(py), Form::Span),
    ];
    ways.into_iter().find(|(known, _)| known.is(class)).map(|(_, way)| way)
}
