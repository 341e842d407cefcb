//! A reference whose end cannot use up the stack, however long a chain of such references it ends.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::ops::Deref;

use crate::key::exact::Pointer;
use crate::object::Object;

/// So many ends may be nested in each other; those beneath wait until the outermost is over.
const DEEPEST: usize = 100;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static WAITING: RefCell<Vec<Object>> = const { RefCell::new(Vec::new()) };
}

/// Drops a reference, now or when those that are being dropped are done.
pub(crate) fn release(object: Object) {
    let depth = DEPTH.get();
    if depth >= DEEPEST {
        WAITING.with_borrow_mut(|waiting| waiting.push(object));
        return;
    }
    DEPTH.set(depth + 1);
    drop(object);
    if depth == 0 {
        while let Some(next) = WAITING.with_borrow_mut(Vec::pop) {
            drop(next);
        }
    }
    DEPTH.set(depth);
}

/// A reference that is dropped by [`release`].
#[repr(transparent)]
pub(crate) struct Held(ManuallyDrop<Object>);

impl Held {
    /// References as pointers, which are borrowed.
    pub(crate) fn pointers(held: &[Self]) -> &[Pointer] {
        // SAFETY: a reference that is held, an `Object` and a pointer have the same layout.
        unsafe { std::slice::from_raw_parts(held.as_ptr().cast(), held.len()) }
    }
}

impl From<Object> for Held {
    fn from(object: Object) -> Self {
        Self(ManuallyDrop::new(object))
    }
}

impl Deref for Held {
    type Target = Object;
    fn deref(&self) -> &Object {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: this is the only place that takes it, and nothing follows it.
        release(unsafe { ManuallyDrop::take(&mut self.0) });
    }
}
