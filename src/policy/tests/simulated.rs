//! A cache without values, as these tests write it.

pub(super) use crate::simulation::Cache as Simulated;

impl Simulated {
    pub(super) fn new(name: &str, capacity: u64) -> Self {
        Self::named(name, capacity, 42).expect("a policy of that name")
    }
}

/// The part of `keys` that a cache of this policy and capacity would have held, each of weight 1.
pub(super) fn run(name: &str, capacity: u64, keys: impl IntoIterator<Item = u64>) -> f64 {
    let mut cache = Simulated::new(name, capacity);
    keys.into_iter().for_each(|key| _ = cache.request(key, 1));
    cache.validate();
    cache.hits() as f64 / cache.requests() as f64
}
