//! How values are keyed that are not of a built-in type: asked of `hotset._keys`, once for each class.

use std::collections::HashMap;
use std::sync::LazyLock;

use hotset::sync::Mutex;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::ffi::attached_lock::AttachedLock;
use crate::ffi::foreign::Foreign;
use crate::ffi::live::Live;
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::hooks;
use crate::key::freeze::Unkeyable;

/// How the values of a class are keyed.
#[derive(Clone)]
pub(crate) enum Judged {
    /// By their own `__hash__` and `__eq__`, or by identity if they compare so.
    Own,
    /// As the built-in container that they are.
    Plain,
    /// Each says it.
    Asked { ask: Object, pretends: bool },
}

/// How a value is keyed.
pub(crate) enum Described<'py> {
    Own,
    Plain,
    /// By what it is made of.
    Content(Bound<'py, PyAny>),
    /// By that, and by its own rule.
    Both(Bound<'py, PyAny>),
    Identity,
}

/// What `hotset._keys.judge` says, in its numbers.
const OWN: u8 = 0;
const CONTENT: u8 = 1;
const BOTH: u8 = 2;
const STANDS: u8 = 4;

/// Classes are looked through for those that are gone when there are so many, and twice as many each time.
const FIRST_REVIEW: usize = 256;

/// Judgements by the address of the class, with a weak reference that says whether it still is that class.
static CLASSES: LazyLock<Mutex<AttachedLock, Classes>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Classes {
    known: HashMap<usize, (Object, Judged)>,
    review: usize,
}

/// Finds what later calls need. Done while the module is imported: an import in the middle of a call could call back.
pub(super) fn prepare(py: Python<'_>) -> PyResult<()> {
    hooks::JUDGE.get(py)?;
    hooks::REFUSED.get(py).map(drop)
}

/// How values of the class of this one are keyed.
pub(crate) fn judged(value: &Bound<'_, PyAny>) -> PyResult<Judged> {
    let py = value.py();
    let class = Live::bound(value).class();
    if let Some((reference, judged)) = CLASSES.lock().known.get(&(class as usize))
        && refers_to(reference, class.cast())
    {
        return Ok(judged.clone());
    }
    let class = value.get_type();
    let found = hooks::JUDGE.ask(py, (&class,))?;
    let judged = if found.is_none() {
        Judged::Own
    } else if found.is_callable() {
        let pretends = found.hasattr(intern!(py, "pretends"))?;
        Judged::Asked { ask: Object::from(found), pretends }
    } else {
        Judged::Plain
    };
    let reference = make::weak_reference(py, Live::bound(&class), None)?;
    let left = CLASSES.lock().note(class.as_ptr() as usize, (reference, judged.clone()));
    drop(left);
    Ok(judged)
}

impl Classes {
    /// Notes how a class is judged; what is to be dropped when the lock is released.
    fn note(&mut self, class: usize, judged: (Object, Judged)) -> Vec<(Object, Judged)> {
        let mut left = Vec::new();
        if self.known.len() >= self.review.max(FIRST_REVIEW) {
            let gone = self.known.extract_if(|&class, (reference, _)| !refers_to(reference, class as *mut _));
            left.extend(gone.map(|(_, judged)| judged));
            self.review = 2 * self.known.len();
        }
        left.extend(self.known.insert(class, judged));
        left
    }
}

/// Whether a weak reference is one to this object, and that is alive.
fn refers_to(reference: &Object, object: *mut ffi::PyObject) -> bool {
    // SAFETY: it is a weak reference, of which only this word is read.
    unsafe { (*reference.as_ptr().cast::<ffi::PyWeakReference>()).wr_object == object }
}

/// How a value is keyed.
pub(crate) fn describe<'py>(value: &Bound<'py, PyAny>) -> PyResult<Described<'py>> {
    match judged(value)? {
        Judged::Own => Ok(Described::Own),
        Judged::Plain => Ok(Described::Plain),
        Judged::Asked { ask, .. } => described(&ask, value),
    }
}

fn described<'py>(ask: &Object, value: &Bound<'py, PyAny>) -> PyResult<Described<'py>> {
    let (kind, content) = asked(ask, value)?;
    Ok(match kind {
        OWN => Described::Own,
        CONTENT | STANDS => Described::Content(content),
        BOTH => Described::Both(content),
        _ => Described::Identity,
    })
}

fn asked<'py>(ask: &Object, value: &Bound<'py, PyAny>) -> PyResult<(u8, Bound<'py, PyAny>)> {
    let py = value.py();
    let said = ask.bind(py).ask((value,)).map_err(|error| refusal(py, error))?;
    said.cast::<PyTuple>()?.extract()
}

/// What raises the refusal of a value, which is of an argument then.
fn refusal(py: Python<'_>, error: PyErr) -> PyErr {
    match hooks::REFUSED.get(py) {
        Ok(refused) if error.is_instance(py, &refused) => Unkeyable::new_err(error.value(py).to_string()),
        _ => error,
    }
}

/// What a value stands for that says that it is of another class than it is; None if it does not, and may be stored as itself.
///
/// An error if it may stand for something else later.
pub(crate) fn unmasked<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Judged::Asked { ask, pretends: true } = judged(value)? else { return Ok(None) };
    let (kind, content) = asked(&ask, value)?;
    Ok((kind == STANDS).then_some(content))
}
