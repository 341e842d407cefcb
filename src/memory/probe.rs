//! How a memory asks whether a stored key is the one that is looked for.

/// The answer of a [`Probe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The stored key is the one.
    Same,
    /// It is another.
    Different,
    /// It takes code that must not run under a lock to tell.
    Unknown,
}

/// A key that is looked for.
///
/// It is asked under the lock, of all keys that may be it until one is. If it answers [`Verdict::Unknown`] of some and none is it, the
/// operation ends with [`Unsure`] and without effect. The probe has remembered the stored keys, the caller compares outside the lock,
/// and tries again with what the probe then knows.
pub trait Probe<K> {
    /// Whether `stored`, whose hash may differ, is the key.
    fn compare(&mut self, stored: &K) -> Verdict;
}

/// A probe could not tell under the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsure;

/// A probe for keys that compare without running anybody's code.
impl<K, F: FnMut(&K) -> bool> Probe<K> for F {
    #[inline]
    fn compare(&mut self, stored: &K) -> Verdict {
        if self(stored) { Verdict::Same } else { Verdict::Different }
    }
}
