//! The keys that a tier holds, a page at a time.

use std::str;

use hotset::stack::{Page, Part};
use hotset::tier::Mark;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::state::behind::{Keys, ListBehind};
use crate::tier::behind::TierBehind;
use crate::tier::handle::tier_error;
use crate::tier::own::take_interruption;
use crate::tier::spelling::tag_mark;

/// Entries in a page: enough to make a page's cost that of its entries, and few enough for others not to notice.
const PAGE: usize = 256;

impl ListBehind for TierBehind {
    fn page<'py>(&self, py: Python<'py>, prefix: &str, after: Option<&[u8]>) -> PyResult<Keys<'py>> {
        let begin = self.mapping.of_texts(prefix);
        let part = Part { prefix: &begin, after, most: PAGE };
        let now = self.wall.now().millis;
        let marks = |key: &[u8], tags: &[Box<str>]| -> Vec<Mark> {
            let tags = tags.iter().map(|tag| tag_mark(&self.settings.namespace, tag));
            self.mapping.marks_of(key).into_iter().chain(tags).collect()
        };
        match self.call(py, |wait| self.back.page(part, now, marks, wait)) {
            Ok(Page { keys, last }) => {
                let text = |key: &Vec<u8>| {
                    str::from_utf8(&key[begin.len() - prefix.len()..]).ok().map(|text| PyString::new(py, text))
                };
                Ok((keys.iter().filter_map(text).collect(), last.map(|last| PyBytes::new(py, &last))))
            }
            // There is nothing in memory that could stand for it.
            Err(fault) => Err(take_interruption().unwrap_or_else(|| {
                tier_error(py, format!("the keys of cache {:?} cannot be listed: {fault}", self.settings.namespace))
            })),
        }
    }
}
