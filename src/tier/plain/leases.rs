//! Leases on a shelf that can exchange: who has one, and until when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::MOST_TRIES;
use super::record::{Note, key_of, read, written};
use super::shelf::{Shelf, Stored};
use crate::codec::Millis;
use crate::tier::{Fault, Lease, Mark, Wait};

/// For how many seconds a lease is kept that was given back.
const GIVEN_BACK_LIFE: f64 = 1.0;

/// Takes one, if nobody else has it.
pub(super) fn take(shelf: &dyn Shelf, mark: Mark, holder: u64, length: Duration, wait: Wait) -> Result<Lease, Fault> {
    let key = key_of(Note::Lease, mark);
    for _ in 0..MOST_TRIES {
        let (present, now) = (shelf.get(&key, wait)?, now());
        if let Some((other, end)) = held(&key, present.as_deref())
            && other != holder
            && end > now
        {
            return Ok(Lease::Held(Duration::from_millis(end - now)));
        }
        let end = now.saturating_add(u64::try_from(length.as_millis()).unwrap_or(Millis::MAX));
        let value = written(&key, &[holder, end]);
        let stored = Stored { key: &key, value: &value, life: Some(length.as_secs_f64()) };
        if shelf.exchange(present.as_deref(), stored, wait)? {
            return Ok(Lease::Granted);
        }
    }
    Err(Fault::Busy)
}

/// Gives one back, if it is still this holder's.
pub(super) fn give_back(shelf: &dyn Shelf, mark: Mark, holder: u64, wait: Wait) -> Result<(), Fault> {
    let key = key_of(Note::Lease, mark);
    let present = shelf.get(&key, wait)?;
    if held(&key, present.as_deref()).is_some_and(|(other, _)| other == holder) {
        let value = written(&key, &[holder, 0]);
        let ended = Stored { key: &key, value: &value, life: Some(GIVEN_BACK_LIFE) };
        // If it is not exchanged, somebody else has it by now.
        shelf.exchange(present.as_deref(), ended, wait)?;
    }
    Ok(())
}

/// Whose a lease is, and until when.
fn held(key: &[u8], bytes: Option<&[u8]>) -> Option<(u64, Millis)> {
    match read(key, bytes?)?[..] {
        [holder, end] => Some((holder, end)),
        _ => None,
    }
}

fn now() -> Millis {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(Millis::MAX))
}
