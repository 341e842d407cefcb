//! All the requests of a trace, one after the other.

use super::{Cache, Clairvoyant};
use crate::Error;
use crate::progress::Progress;

/// After so many requests the progress is told, and asked whether to go on.
const REQUESTS_AT_ONCE: usize = 1 << 16;

/// The hits of a cache of `entries` under the policy of this name. Equal seeds draw equal lots.
///
/// # Errors
///
/// [`Error::UnknownPolicy`], and [`Error::Stopped`] if the progress was.
pub fn hits(keys: &[u32], policy: &str, entries: u64, seed: u64, progress: &Progress) -> Result<u64, Error> {
    let mut cache = Cache::named(policy, entries, seed)?;
    for some in keys.chunks(REQUESTS_AT_ONCE) {
        some.iter().for_each(|&key| _ = cache.request(u64::from(key), 1));
        progress.advance(some.len() as u64)?;
    }
    Ok(cache.hits())
}

/// The hits of a clairvoyant cache of `entries`, over the [`super::next_uses`] of the requests.
///
/// # Errors
///
/// [`Error::Stopped`] if the progress was.
pub fn most_hits(next_uses: &[u32], entries: usize, progress: &Progress) -> Result<u64, Error> {
    let mut cache = Clairvoyant::new(entries, next_uses.len());
    for some in next_uses.chunks(REQUESTS_AT_ONCE) {
        some.iter().for_each(|&next| _ = cache.request(next));
        progress.advance(some.len() as u64)?;
    }
    Ok(cache.hits())
}
