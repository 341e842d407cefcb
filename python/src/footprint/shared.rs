//! What belongs to no value: objects that the whole program shares, and that are there with or without a cache.

use std::sync::Arc;

use hotset::sync::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{ffi, intern};
use smallvec::SmallVec;

use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::class;
use crate::ffi::foreign::import;
use crate::ffi::live::Live;
use crate::ffi::object::Object;

/// Whether an object is a part of the program rather than of its data.
pub(super) fn is_program(object: Live<'_>) -> bool {
    let classes = [
        class!(PyCFunction_Type),
        class!(PyMethodDescr_Type),
        class!(PyWrapperDescr_Type),
        class!(PyGetSetDescr_Type),
        class!(PyMemberDescr_Type),
        class!(PyCode_Type),
        class!(PyFrame_Type),
        class!(PyTraceBack_Type),
    ];
    object.has_feature(ffi::Py_TPFLAGS_TYPE_SUBCLASS)
        || classes.contains(&object.class())
        || object.is_of(class!(PyModule_Type))
        || object.is_exactly(class!(PyFunction_Type)) && closure_of(object).is_none()
}

/// What the code of a function has from around it, if an object is one, and there is anything.
pub(super) fn closure_of(object: Live<'_>) -> Option<Live<'_>> {
    if !object.is_exactly(class!(PyFunction_Type)) {
        return None;
    }
    // SAFETY: it is a function, which keeps its closure alive.
    unsafe { Live::or_null(ffi::PyFunction_GetClosure(object.as_ptr())) }
}

/// Whether an object is suspended code: what its variables refer to is not followed.
pub(super) fn is_suspended(object: Live<'_>) -> bool {
    [class!(PyGen_Type), class!(PyCoro_Type), class!(PyAsyncGen_Type)].contains(&object.class())
}

/// Classes whose instances the program shares, where their modules are loaded.
const MANAGERS: [(&str, &str); 6] = [
    ("logging", "Logger"),
    ("logging", "Handler"),
    ("threading", "Thread"),
    ("concurrent.futures", "Executor"),
    ("asyncio", "AbstractEventLoop"),
    ("zoneinfo", "ZoneInfo"),
];

/// Classes of which `__sizeof__` walks over all they hold, which is done here.
const WALKERS: [(&str, &str); 2] = [("pandas.core.generic", "NDFrame"), ("pandas", "Index")];

/// The classes that are told apart.
#[derive(Default)]
pub(super) struct Classes {
    /// How many modules there were when they were looked for.
    modules: usize,
    enums: Option<Object>,
    managers: SmallVec<[Object; 6]>,
    walkers: SmallVec<[Object; 2]>,
    arrays: Option<Object>,
}

/// Those that were found last.
static FOUND: Mutex<AttachedLock, Option<Arc<Classes>>> = Mutex::new(None);

impl Classes {
    /// As they are loaded now; they are looked for again when modules were.
    pub(super) fn loaded(py: Python<'_>) -> PyResult<Arc<Self>> {
        let modules = import(py, intern!(py, "sys"))?.getattr(intern!(py, "modules"))?.cast_into::<PyDict>()?;
        let found = FOUND.lock().clone();
        if let Some(found) = found.filter(|found| found.modules == modules.len()) {
            return Ok(found);
        }
        let found = Arc::new(Self::find(&modules));
        let before = FOUND.lock().replace(found.clone());
        drop(before);
        Ok(found)
    }

    fn find(modules: &Bound<'_, PyDict>) -> Self {
        let class = |(module, name): &(&str, &str)| class_in(modules, module, name);
        Self {
            modules: modules.len(),
            enums: class(&("enum", "EnumType")),
            managers: MANAGERS.iter().filter_map(class).collect(),
            walkers: WALKERS.iter().filter_map(class).collect(),
            arrays: class(&("numpy", "ndarray")),
        }
    }

    /// Whether the program shares an object: a member of an enumeration, a logger, a thread.
    pub(super) fn shares(&self, object: Live<'_>) -> bool {
        // SAFETY: a type is an object, and that of a live one is alive.
        let class = unsafe { Live::new(object.class().cast()) };
        self.enums.iter().any(|enums| is_of(class, enums)) || self.managers.iter().any(|manager| is_of(object, manager))
    }

    /// Whether `__sizeof__` of an object walks over all that it refers to.
    pub(super) fn walks(&self, object: Live<'_>) -> bool {
        self.walkers.iter().any(|walker| is_of(object, walker))
    }

    /// Whether an object is an array of NumPy's.
    pub(super) fn is_array(&self, object: Live<'_>) -> bool {
        self.arrays.as_ref().is_some_and(|array| is_of(object, array))
    }
}

/// Whether an object is of a class, which is held.
fn is_of(object: Live<'_>, class: &Object) -> bool {
    object.is_of(class.as_ptr().cast())
}

/// A class of a module, if that is loaded and what it has under that name is a class.
fn class_in(modules: &Bound<'_, PyDict>, module: &str, name: &str) -> Option<Object> {
    let module = modules.get_item(module).ok()??;
    let namespace = module.cast_into::<pyo3::types::PyModule>().ok()?.dict();
    let class = namespace.get_item(name).ok()??;
    class.cast_into::<pyo3::types::PyType>().ok().map(Object::from)
}
