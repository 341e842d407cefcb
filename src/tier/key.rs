//! What a key is stored under: LMDB takes up to 511 bytes, other places more or less.

use std::borrow::Cow;

/// The longest key that is stored under itself: the longest that LMDB takes.
pub const LONGEST: usize = 511;

/// How much of a key that is longer stays as it is: what a digest leaves room for.
pub const KEPT: usize = LONGEST - blake3::OUT_LEN;

/// What a key is stored under: itself, or, where it is too long, its beginning and its digest, so that it is still found by prefix.
///
/// Who reads compares the whole key, which lies in the envelope.
#[must_use]
pub fn stored_key(key: &[u8]) -> Cow<'_, [u8]> {
    if key.len() <= LONGEST {
        return Cow::Borrowed(key);
    }
    let mut short = Vec::with_capacity(LONGEST);
    short.extend_from_slice(&key[..KEPT]);
    short.extend_from_slice(blake3::hash(key).as_bytes());
    Cow::Owned(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_fits_is_stored_under_itself() {
        for length in [1, 40, LONGEST] {
            let key = vec![7; length];
            assert_eq!(stored_key(&key).as_ref(), key);
        }
    }

    #[test]
    fn long_keys_keep_their_beginning_and_differ_by_their_ends() {
        let long = |end: u8| [vec![7; LONGEST], vec![end]].concat();
        let (one, other) = (stored_key(&long(1)).into_owned(), stored_key(&long(2)).into_owned());
        assert_eq!((one.len(), other.len()), (LONGEST, LONGEST));
        assert_eq!(one[..KEPT], other[..KEPT]);
        assert_ne!(one, other);
    }
}
