//! Classes as a payload names them.

/// How objects of a class are made of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of fields, each of which has a name.
    Fields = 0,
    /// Of fields in an order, which is what the object is.
    Tuple = 1,
    /// Of one node, which names members.
    Enumeration = 2,
    /// Of one node, of which the class's own codec knows more.
    Own = 3,
}

impl Kind {
    /// The kind of this number.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        [Self::Fields, Self::Tuple, Self::Enumeration, Self::Own].into_iter().find(|&kind| kind as u8 == number)
    }

    /// Whether objects are made of fields.
    #[must_use]
    pub fn has_fields(self) -> bool {
        matches!(self, Self::Fields | Self::Tuple)
    }
}

/// A class that a payload names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class<'a> {
    /// What it is known as.
    pub name: &'a str,
    /// What its objects are made of.
    pub kind: Kind,
    /// The names of its fields.
    pub fields: Vec<&'a str>,
}

impl Class<'_> {
    /// How many nodes an object has.
    #[must_use]
    pub fn nodes(&self) -> usize {
        if self.kind.has_fields() { self.fields.len() } else { 1 }
    }
}
