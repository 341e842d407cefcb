//! Objects that are keyed by identity, without keeping them alive.
//!
//! An address is only a name while the object lives. So a key holds a [`WeakIdentity`], one for each object and cache, whose
//! weak reference removes the entries that were keyed by it before the address can be used again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use hotset::memory::Left;
use hotset::stats::Cause;
use hotset::sync::Mutex;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit, ffi};

use crate::exact::{Pointer, class, is_exactly};
use crate::frozen::Frozen;
use crate::inner::Inner;
use crate::key::Key;
use crate::object::{Object, borrow};
use crate::sync::AttachedLock;

static CLASS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());

/// How many hashes an identity notes before it forgets those whose entries have left.
const FIRST_REVIEW: usize = 16;

/// The identity of an object that may die.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct WeakIdentity {
    address: usize,
    /// The address while the object lives, then 0: a key that outlives it is nobody's.
    live_address: AtomicUsize,
    cache: Weak<Inner>,
    noted: Mutex<AttachedLock, Noted>,
}

/// The weak reference, and the hashes of keys that the identity is part of.
#[derive(Default)]
struct Noted {
    reference: Option<Object>,
    hashes: Vec<u32>,
    review: usize,
}

/// The identities of a cache by address.
pub(crate) type Identities = Mutex<AttachedLock, HashMap<usize, Object>>;

impl WeakIdentity {
    /// The type object, to recognise identities by.
    #[inline(always)]
    pub(crate) fn class() -> *mut ffi::PyTypeObject {
        CLASS.load(Ordering::Relaxed)
    }

    pub(crate) fn prepare(py: Python<'_>) {
        CLASS.store(py.get_type::<Self>().as_type_ptr(), Ordering::Relaxed);
    }

    /// The address of the object while it lives, then null.
    #[inline]
    pub(crate) fn address(&self) -> Pointer {
        self.live_address.load(Ordering::Relaxed) as Pointer
    }

    /// What an object holds that is known to be an identity.
    ///
    /// # Safety
    /// The object is alive, exactly of this class, and the thread is attached.
    #[inline]
    pub(crate) unsafe fn get<'a>(object: Pointer) -> &'a Self {
        // SAFETY: by the caller's promise; a frozen class is only ever borrowed.
        unsafe {
            let py = Python::assume_attached();
            let identity: *const Self = borrow(py, object).cast_unchecked::<Self>().get();
            &*identity
        }
    }

    /// The identity of an object in a cache; the object itself where it cannot be referred to weakly, unless it has to be.
    pub(crate) fn of(py: Python<'_>, cache: &Arc<Inner>, object: Pointer) -> PyResult<Object> {
        let address = object as usize;
        if let Some(known) = cache.identities.lock().get(&address) {
            return Ok(known.clone());
        }
        let identity = Bound::new(
            py,
            Self {
                address,
                live_address: AtomicUsize::new(address),
                cache: Arc::downgrade(cache),
                noted: Mutex::new(Noted::default()),
            },
        )?;
        // SAFETY: both are live objects; the reference calls the identity when the object dies.
        let reference = unsafe { Object::from_result(py, ffi::PyWeakref_NewRef(object, identity.as_ptr()))? };
        identity.get().noted.lock().reference = Some(reference);
        let identity = Object::from(identity);
        let known = cache.identities.lock().insert(address, identity.clone());
        drop(known);
        Ok(identity)
    }

    /// Notes that an entry with this hash is keyed by the identity.
    pub(crate) fn note(&self, hash: u32, cache: &Inner) {
        let mut noted = self.noted.lock();
        noted.hashes.push(hash);
        if noted.hashes.len() < noted.review.max(FIRST_REVIEW) {
            return;
        }
        let mut hashes = std::mem::take(&mut noted.hashes);
        drop(noted);
        hashes.sort_unstable();
        hashes.dedup();
        hashes.retain(|&hash| cache.memory.peek(hash, &mut self.in_key(), |_| ()).is_ok_and(|found| found.is_some()));
        let mut noted = self.noted.lock();
        noted.review = hashes.len() * 2;
        noted.hashes.append(&mut hashes);
    }

    /// Tells keys that the identity is part of.
    fn in_key(&self) -> impl FnMut(&Key) -> bool {
        let address = self.address;
        // SAFETY: keys in a cache are alive.
        move |key: &Key| unsafe { mentions(key.object.as_ptr(), address) }
    }

    fn remove_entries(&self, cache: &Arc<Inner>) -> Left<Key, Object> {
        let hashes = std::mem::take(&mut self.noted.lock().hashes);
        let mut all = Left::nothing();
        for hash in hashes {
            while let Ok(left) = cache.memory.remove(hash, &mut self.in_key(), Cause::Invalidated)
                && !left.is_empty()
            {
                all.extend(left);
            }
        }
        all
    }
}

#[pymethods]
impl WeakIdentity {
    /// The object has died.
    fn __call__(&self, py: Python<'_>, _reference: &Bound<'_, PyAny>) {
        self.live_address.store(0, Ordering::Relaxed);
        if let Some(cache) = self.cache.upgrade() {
            let known = cache.identities.lock().remove(&self.address);
            let left = self.remove_entries(&cache);
            cache.finish(py, left);
            drop(known);
        }
    }

    fn __repr__(&self) -> String {
        format!("<object at {:#x}>", self.address)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.noted.lock().reference {
            Some(reference) => reference.visit(&visit),
            None => Ok(()),
        }
    }
}

/// Whether a stored object is, or has as a part, the identity of an address.
///
/// # Safety
/// The object is alive and the thread is attached.
unsafe fn mentions(object: Pointer, address: usize) -> bool {
    // SAFETY: parts of live objects are alive.
    unsafe {
        if is_exactly(object, WeakIdentity::class()) {
            WeakIdentity::get(object).address == address
        } else if is_exactly(object, class!(PyTuple_Type)) {
            let length = ffi::PyTuple_GET_SIZE(object);
            (0..length).any(|number| mentions(ffi::PyTuple_GET_ITEM(object, number), address))
        } else if is_exactly(object, Frozen::class()) {
            Frozen::get(object).parts().iter().any(|part| mentions(part.as_ptr(), address))
        } else {
            false
        }
    }
}

/// Notes a hash with every identity that a stored object is made of.
///
/// # Safety
/// The object is alive and the thread is attached.
pub(crate) unsafe fn note_identities(object: Pointer, hash: u32, cache: &Inner) {
    // SAFETY: parts of live objects are alive.
    unsafe {
        if is_exactly(object, WeakIdentity::class()) {
            WeakIdentity::get(object).note(hash, cache);
        } else if is_exactly(object, class!(PyTuple_Type)) {
            let length = ffi::PyTuple_GET_SIZE(object);
            (0..length).for_each(|number| note_identities(ffi::PyTuple_GET_ITEM(object, number), hash, cache));
        } else if is_exactly(object, Frozen::class()) {
            Frozen::get(object).parts().iter().for_each(|part| note_identities(part.as_ptr(), hash, cache));
        }
    }
}
