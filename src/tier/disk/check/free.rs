//! The list of free pages: for each transaction, those that it freed.

use super::meta::Meta;
use super::page::Holds;
use super::tree::{self, Order};
use super::{Damage, Pages, Seen, damage};

/// Takes all pages that are listed as free; how many there are.
pub(super) fn numbers(pages: &Pages, meta: &Meta, seen: &mut Seen) -> Result<u64, Damage> {
    let mut lists = Vec::new();
    tree::walk(pages, &meta.free, Order::Numbers, seen, &mut |pages, node| {
        let transaction = tree::number(node.key).unwrap_or(0);
        if transaction == 0 || transaction > meta.transaction {
            return damage(0, "pages were freed by a transaction that never was");
        }
        lists.push(match node.holds {
            Holds::Data(bytes) => bytes.to_vec(),
            Holds::Overflow(first, length) => pages.read_run(first, length)?,
            Holds::Child(_) => Vec::new(),
        });
        Ok(())
    })?;
    let mut free = 0;
    for list in &lists {
        free += take(list, seen)?;
    }
    Ok(free)
}

/// Takes the pages of one list: how many there are, and then they, from the last to the first.
fn take(list: &[u8], seen: &mut Seen) -> Result<u64, Damage> {
    let (words, rest) = list.as_chunks::<{ size_of::<u64>() }>();
    let mut numbers = words.iter().map(|&word| u64::from_ne_bytes(word));
    let Some(count) = numbers.next().filter(|&count| rest.is_empty() && count < words.len() as u64) else {
        return damage(0, "a list of free pages is longer than its entry");
    };
    let mut before = u64::MAX;
    for number in numbers.take(count as usize) {
        if number >= before {
            return damage(number, "free pages are listed out of order");
        }
        seen.take(number, 1)?;
        before = number;
    }
    Ok(count)
}
