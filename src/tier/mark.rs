//! Marks: 64 bits that stand for what can be invalidated.

use xxhash_rust::xxh3::Xxh3;

/// Bits of a mark that a log of changes keeps.
pub const PART_BITS: u32 = 40;

/// What a mark is of. The numbers are part of the format of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Of {
    /// A key, by the bytes that it is stored under, which begin with those of the namespace.
    Key = 1,
    /// A tag, by namespace and name.
    Tag = 2,
    /// An owner of keys, by namespace and name.
    Owner = 3,
    /// Everything of a namespace.
    Namespace = 4,
}

/// 64 bits that stand for a key, a tag, an owner of keys or a namespace: what has one mark is invalidated together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark(u64);

impl Mark {
    /// The mark of something in a namespace; a key has that in its bytes.
    #[must_use]
    pub fn new(of: Of, namespace: &[u8], name: &[u8]) -> Self {
        let mut hash = Xxh3::new();
        hash.update(&[of as u8]);
        hash.update(&(namespace.len() as u32).to_le_bytes());
        hash.update(namespace);
        hash.update(name);
        Self(hash.digest())
    }

    /// The mark with these bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The lower bits, which a log keeps.
    #[must_use]
    pub const fn part(self) -> u64 {
        self.0 & ((1 << PART_BITS) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_kind_namespace_or_name_has_another_mark() {
        let marks = [
            Mark::new(Of::Key, b"", b"ab"),
            Mark::new(Of::Tag, b"", b"ab"),
            Mark::new(Of::Tag, b"a", b"b"),
            Mark::new(Of::Tag, b"ab", b""),
            Mark::new(Of::Owner, b"ab", b""),
            Mark::new(Of::Namespace, b"ab", b""),
        ];
        for (number, mark) in marks.iter().enumerate() {
            assert!(!marks[..number].contains(mark), "mark {number}");
        }
    }

    #[test]
    fn marks_are_the_same_in_every_process_and_version() {
        assert_eq!(Mark::new(Of::Tag, b"users", b"user:7").bits(), MARK_OF_USER_7);
    }

    const MARK_OF_USER_7: u64 = 15_311_959_363_111_511_105;
}
