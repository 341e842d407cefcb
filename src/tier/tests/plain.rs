use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::tier::conformance;
use crate::tier::plain::{Abilities, Plain, Shelf, Stored};
use crate::tier::{Fault, Wait};

/// A map as a shelf, that can do this.
#[derive(Debug)]
struct Map(Mutex<BTreeMap<Vec<u8>, Vec<u8>>>, Abilities);

impl Shelf for Map {
    fn abilities(&self) -> Abilities {
        self.1
    }

    fn get_many(&self, keys: &[&[u8]], _: Wait) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        let held = self.0.lock();
        Ok(keys.iter().map(|key| held.get(*key).cloned()).collect())
    }

    fn put(&self, stored: Stored<'_>, _: Wait) -> Result<(), Fault> {
        self.0.lock().insert(stored.key.to_vec(), stored.value.to_vec());
        Ok(())
    }

    fn remove(&self, key: &[u8], _: Wait) -> Result<(), Fault> {
        self.0.lock().remove(key);
        Ok(())
    }

    fn exchange(&self, expected: Option<&[u8]>, stored: Stored<'_>, _: Wait) -> Result<bool, Fault> {
        let mut held = self.0.lock();
        let is_there = held.get(stored.key).map(Vec::as_slice) == expected;
        if is_there {
            held.insert(stored.key.to_vec(), stored.value.to_vec());
        }
        Ok(is_there)
    }

    fn keys(&self, prefix: &[u8], _: Wait) -> Result<Vec<Vec<u8>>, Fault> {
        Ok(self.0.lock().keys().filter(|key| key.starts_with(prefix)).cloned().collect())
    }
}

#[test]
fn a_tier_of_a_place_that_can_exchange_keeps_the_contract() {
    let abilities = Abilities { exchange: true, keys: true, ..Abilities::default() };
    conformance::check(&|| Box::new(Plain::new(Map(Mutex::default(), abilities))));
}
