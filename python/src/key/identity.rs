//! Objects that are keyed by identity, without keeping them alive.
//!
//! An address is only a name while the object lives. So a key holds a [`WeakIdentity`], one for each object and cache, whose
//! weak reference removes the entries that were keyed by it before the address can be used again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Weak};

use hotset::sync::Mutex;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit, ffi};
use smallvec::SmallVec;

use crate::ffi::Pointer;
use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::guard::attached;
use crate::ffi::live::{KnownClass, Live};
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::key::Key;
use crate::key::frozen::Frozen;
use crate::key::holder::Holder;
use crate::key::layout::{TupleRef, is_being_collected};
use crate::key::part::Part;

static CLASS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());

/// How many hashes an identity notes before it forgets those whose entries have left.
const FIRST_REVIEW: usize = 16;

/// The identity of an object that may die.
#[pyclass(frozen, module = "hotset._core")]
pub(crate) struct WeakIdentity {
    address: usize,
    /// The weak reference that `noted` owns. It knows whether the object lives, also where a collection has cleared it without a word.
    reference: AtomicPtr<ffi::PyWeakReference>,
    cache: Weak<dyn Holder>,
    /// Whether the object was found to be garbage when it was asked for: a finalizer uses it. From CPython 3.14 on nobody tells when it is
    /// gone, so nothing is to be left of it for that.
    is_dying: bool,
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

// SAFETY: that is what `prepare` stores there.
unsafe impl KnownClass for WeakIdentity {
    #[inline(always)]
    fn class() -> *mut ffi::PyTypeObject {
        CLASS.load(Ordering::Relaxed)
    }
}

impl WeakIdentity {
    pub(crate) fn prepare(py: Python<'_>) {
        CLASS.store(py.get_type::<Self>().as_type_ptr(), Ordering::Relaxed);
    }

    /// The object while it lives, then `None`: a key that outlives it is nobody's.
    #[inline]
    pub(crate) fn referent(&self) -> Pointer {
        let reference = self.reference.load(Ordering::Relaxed);
        // SAFETY: the reference lives as long as the identity, and is set before anybody else sees that.
        unsafe { (*reference).wr_object }
    }

    /// What a stored object holds if it is an identity.
    #[inline(always)]
    pub(crate) fn of_stored(object: Live<'_>) -> Option<&Self> {
        object.get()
    }

    /// The identity of an object in a cache. A `TypeError` if it cannot be referred to weakly.
    pub(crate) fn of<C: Holder>(py: Python<'_>, cache: &Arc<C>, object: Live<'_>) -> PyResult<Object> {
        let address = object.as_ptr() as usize;
        let known = cache.identities().lock().get(&address).cloned();
        if let Some(known) = &known
            && let Some(identity) = Self::of_stored(Live::of(known))
        {
            if identity.referent() == object.as_ptr() {
                return Ok(known.clone());
            }
            identity.forget(py, cache.clone());
        }
        let identity = Self::make(py, cache, object)?;
        let before = cache.identities().lock().insert(address, identity.clone());
        drop(before);
        Ok(identity)
    }

    fn make<C: Holder>(py: Python<'_>, cache: &Arc<C>, object: Live<'_>) -> PyResult<Object> {
        let identity = Self {
            address: object.as_ptr() as usize,
            reference: AtomicPtr::default(),
            cache: Arc::<C>::downgrade(cache),
            is_dying: is_being_collected(object),
            noted: Mutex::new(Noted::default()),
        };
        let identity = Bound::new(py, identity)?;
        let reference = make::weak_reference(py, object, Some(Live::bound(&identity)))?;
        identity.get().reference.store(reference.as_ptr().cast(), Ordering::Relaxed);
        identity.get().noted.lock().reference = Some(reference);
        Ok(Object::from(identity))
    }

    /// Takes the identity, and every entry that is keyed by it, out of the cache.
    fn forget(&self, py: Python<'_>, cache: Arc<dyn Holder>) {
        let known = {
            let mut identities = cache.identities().lock();
            let known = identities.get(&self.address).and_then(|known| Self::of_stored(Live::of(known)));
            if known.is_some_and(|known| std::ptr::eq(known, self)) { identities.remove(&self.address) } else { None }
        };
        let hashes = std::mem::take(&mut self.noted.lock().hashes);
        cache.remove_entries(py, &hashes, &mut self.in_key());
        drop(known);
    }

    /// Notes that an entry with this hash is keyed by the identity; takes it out again if the object is about to go.
    pub(crate) fn note<C: Holder>(&self, hash: u32, cache: &Arc<C>) {
        self.note_hash(hash, &**cache);
        if self.is_dying {
            attached(|py| self.forget(py, cache.clone()));
        }
    }

    fn note_hash(&self, hash: u32, cache: &impl Holder) {
        let mut noted = self.noted.lock();
        noted.hashes.push(hash);
        if noted.hashes.len() < noted.review.max(FIRST_REVIEW) {
            return;
        }
        let mut hashes = std::mem::take(&mut noted.hashes);
        drop(noted);
        hashes.sort_unstable();
        hashes.dedup();
        hashes.retain(|&hash| cache.has_entry(hash, &mut self.in_key()));
        let mut noted = self.noted.lock();
        noted.review = hashes.len() * 2;
        noted.hashes.append(&mut hashes);
    }

    /// Tells keys that the identity is part of.
    fn in_key(&self) -> impl FnMut(&Key) -> bool {
        move |key: &Key| mentions(&key.part, self)
    }
}

#[pymethods]
impl WeakIdentity {
    /// The object has died.
    fn __call__(&self, py: Python<'_>, _reference: &Bound<'_, PyAny>) {
        if let Some(cache) = self.cache.upgrade() {
            self.forget(py, cache);
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

/// Whether what is stored is, or has as a part, this identity.
fn mentions(stored: &Part, identity: &WeakIdentity) -> bool {
    stored.objects().any(|object| any_identity(object, &mut |_, found| std::ptr::eq(found, identity)))
}

/// The identities that what is stored is made of.
pub(crate) fn identities_in(stored: &Part) -> SmallVec<[Object; 1]> {
    let mut all = SmallVec::new();
    for object in stored.objects() {
        any_identity(object, &mut |identity, _| {
            all.push(identity.to_object());
            false
        });
    }
    all
}

/// Whether `test` holds for one of the identities in an object.
fn any_identity(object: Live<'_>, test: &mut impl FnMut(Live<'_>, &WeakIdentity) -> bool) -> bool {
    if let Some(identity) = WeakIdentity::of_stored(object) {
        test(object, identity)
    } else if let Some(tuple) = TupleRef::of(object) {
        tuple.items().any(|item| any_identity(item, test))
    } else if let Some(frozen) = Frozen::of(object) {
        frozen.parts().iter().any(|part| any_identity(Live::of(part), test))
    } else {
        false
    }
}
