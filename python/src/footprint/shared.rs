//! What belongs to no value: objects that the whole program shares, and that are there with or without a cache.

use std::sync::Arc;

use hotset::sync::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{ffi, intern};
use smallvec::SmallVec;

use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::foreign::import;
use crate::ffi::object::Object;
use crate::ffi::{Pointer, class, is_exactly};

/// Whether an object is a part of the program rather than of its data.
///
/// # Safety
/// The object is alive.
pub(super) unsafe fn is_program(object: Pointer) -> bool {
    // SAFETY: by the caller's promise.
    unsafe {
        let class = ffi::Py_TYPE(object);
        ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_TYPE_SUBCLASS) != 0
            || [
                class!(PyCFunction_Type),
                class!(PyMethodDescr_Type),
                class!(PyWrapperDescr_Type),
                class!(PyGetSetDescr_Type),
                class!(PyMemberDescr_Type),
                class!(PyCode_Type),
                class!(PyFrame_Type),
                class!(PyTraceBack_Type),
            ]
            .contains(&class)
            || ffi::PyModule_Check(object) != 0
            || class == class!(PyFunction_Type) && ffi::PyFunction_GetClosure(object).is_null()
    }
}

/// Whether an object is suspended code: what its variables refer to is not followed.
///
/// # Safety
/// The object is alive.
pub(super) unsafe fn is_suspended(object: Pointer) -> bool {
    // SAFETY: by the caller's promise.
    unsafe {
        is_exactly(object, class!(PyGen_Type))
            || is_exactly(object, class!(PyCoro_Type))
            || is_exactly(object, class!(PyAsyncGen_Type))
    }
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
    ///
    /// # Safety
    /// The object is alive.
    pub(super) unsafe fn shares(&self, object: Pointer) -> bool {
        // SAFETY: by the caller's promise; a type is an object.
        unsafe {
            let class = ffi::Py_TYPE(object);
            self.enums.iter().any(|enums| is_of(class.cast(), enums))
                || self.managers.iter().any(|manager| is_of(object, manager))
        }
    }

    /// Whether what an object says of its size includes what it refers to.
    ///
    /// # Safety
    /// The object is alive.
    pub(super) unsafe fn walks(&self, object: Pointer) -> bool {
        // SAFETY: by the caller's promise.
        self.walkers.iter().any(|walker| unsafe { is_of(object, walker) })
    }

    /// Whether an object is an array of NumPy's.
    ///
    /// # Safety
    /// The object is alive.
    pub(super) unsafe fn is_array(&self, object: Pointer) -> bool {
        // SAFETY: by the caller's promise.
        self.arrays.as_ref().is_some_and(|array| unsafe { is_of(object, array) })
    }
}

/// # Safety
/// The object is alive.
unsafe fn is_of(object: Pointer, class: &Object) -> bool {
    // SAFETY: by the caller's promise; only types are asked for as classes.
    unsafe { ffi::PyType_IsSubtype(ffi::Py_TYPE(object), class.as_ptr().cast()) != 0 }
}

/// A class of a module, if that is loaded and what it has under that name is a class.
fn class_in(modules: &Bound<'_, PyDict>, module: &str, name: &str) -> Option<Object> {
    let module = modules.get_item(module).ok()??;
    let namespace = module.cast_into::<pyo3::types::PyModule>().ok()?.dict();
    let class = namespace.get_item(name).ok()??;
    class.cast_into::<pyo3::types::PyType>().ok().map(Object::from)
}
