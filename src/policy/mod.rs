//! WHO leaves: one algorithm and one paper a file.
//!
//! A policy orders *slots*. It never sees a key or a value: what it may know of an entry it asks of
//! [`Nodes`], which also lends it two links, a zone and a count of reads in the entry itself, so that
//! most policies need no memory of their own.
//!
//! [`AnyPolicy`] is any of them, chosen by name at run time. A new policy is a file, and a line in its list.

pub mod adaptive;
pub mod arc;
pub mod fifo;
pub mod generator;
mod ghosts;
mod history;
pub mod lfu;
pub mod lirs;
pub mod list;
pub mod lru;
pub mod mru;
pub mod random;
pub mod s3fifo;
mod segments;
mod shadows;
pub mod sieve;
pub mod sketch;
pub mod slru;
pub mod tinylfu;
pub mod worth;

#[cfg(test)]
pub(crate) mod tests;

use worth::Worth;

/// The place of an entry in the slab.
pub type Slot = u32;

/// No slot: the end of a list.
pub const NONE: Slot = Slot::MAX;

/// A policy's two links in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Links {
    /// The neighbour towards the head.
    pub prev: Slot,
    /// The neighbour towards the tail.
    pub next: Slot,
}

/// What [`Policy::hit_filter`] says where no hit has to be told.
pub const NO_HITS: u32 = 0;
/// What [`Policy::hit_filter`] says where each hit has to be told.
pub const ALL_HITS: u32 = u32::MAX;

/// Links of an entry that is in no list.
pub const UNLINKED: Links = Links { prev: NONE, next: NONE };

/// What can be in a [`list::List`].
pub trait Linked {
    /// What the entry counts against the capacity; 1 where entries are counted. The caller guarantees that the
    /// weights of all entries together fit into 64 bits.
    fn weight(&self, slot: Slot) -> u64;
    /// The entry's links.
    fn links(&self, slot: Slot) -> Links;
    /// Sets the entry's links.
    fn set_links(&mut self, slot: Slot, links: Links);
}

/// What a policy sees of the entries.
///
/// The caller guarantees that every slot it hands to a policy holds an entry and keeps doing so until the policy
/// has been told that it leaves; the policy alone writes links and zone.
pub trait Nodes: Linked {
    /// The hash of the entry's key: well mixed in all 32 bits.
    fn hash(&self, slot: Slot) -> u32;
    /// In which of the policy's lists the entry is: 0 to 3.
    fn zone(&self, slot: Slot) -> u8;
    /// Sets the entry's zone: 0 to 3.
    fn set_zone(&mut self, slot: Slot, zone: u8);
    /// Reads and overwrites since they were last taken; saturates at 3.
    fn reads(&self, slot: Slot) -> u8;
    /// Sets the number of reads to 0 and returns what it was.
    fn take_reads(&mut self, slot: Slot) -> u8;
    /// Takes one read, if there is one.
    fn use_read(&mut self, slot: Slot) -> bool;
    /// What the policy has noted with the entry: 0 to 63, and 0 for a new one.
    fn note(&self, slot: Slot) -> u8;
    /// Sets the note: 0 to 63.
    fn set_note(&mut self, slot: Slot, note: u8);
    /// Whether entries are worth more or less than each other.
    #[inline]
    fn are_unequal(&self) -> bool {
        false
    }
    /// What the entry is worth.
    #[inline]
    fn worth(&self, slot: Slot) -> Worth {
        let _ = slot;
        0
    }
}

/// Decides which entry leaves when room is needed.
///
/// The caller guarantees: `insert` once per entry, before any other call about it, and with no reads counted; then
/// exactly one of `remove` or being returned by `evict`, or `clear`. Room for an entry is made after its `insert`, so
/// that a policy can weigh it against the others.
///
/// The policy guarantees: `evict` returns every entry it knows sooner or later, never the one inserted last while it
/// knows another and nothing was hit in between, and in amortised constant time.
pub trait Policy {
    /// A policy for `capacity`, in the units of [`Linked::weight`]; `u64::MAX` is unbounded.
    fn new(capacity: u64, seed: u64) -> Self
    where
        Self: Sized;

    /// The entry has come.
    fn insert<N: Nodes>(&mut self, nodes: &mut N, slot: Slot);

    /// `hit` has to be called at each hit of an entry whose hash is at most this; other hits only count in [`Nodes::reads`]. Changes
    /// with `insert`, `evict`, `clear` and `resize` only.
    fn hit_filter(&self) -> u32 {
        NO_HITS
    }

    /// The entry was read, or its value overwritten. Called only for those that [`Policy::hit_filter`] says.
    fn hit<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        let _ = (nodes, slot);
    }

    /// The weight of the entry was `before` and is now `nodes.weight(slot)`.
    fn reweigh<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, before: u64) {
        let _ = (nodes, slot, before);
    }

    /// The entry leaves for a reason of its own.
    fn remove<N: Nodes>(&mut self, nodes: &mut N, slot: Slot);

    /// Chooses the entry that leaves and forgets it; `None` if there is none.
    fn evict<N: Nodes>(&mut self, nodes: &mut N) -> Option<Slot>;

    /// All entries have left at once.
    fn clear(&mut self);

    /// The capacity has changed. What is too much is taken with `evict` by the caller.
    fn resize(&mut self, capacity: u64);

    /// Panics unless exactly `live` slots are known, each once, in closed lists, with true sums.
    #[cfg(any(test, feature = "validate"))]
    fn validate<N: Nodes>(&self, nodes: &N, live: &[Slot]);
}

/// The policy of whoever names none.
pub const DEFAULT: &str = "adaptive";

/// Makes [`NAMES`] and [`AnyPolicy`] of a list of names and types.
macro_rules! policies {
    ($($name:literal => $module:ident::$policy:ident),+ $(,)?) => {
        /// The names of all policies.
        pub const NAMES: &[&str] = &[$($name),+];

        /// Any of the policies, by name. Its methods are those of [`Policy`].
        #[derive(Debug)]
        pub enum AnyPolicy {
            $(#[doc = concat!("`", $name, "`: see [`", stringify!($module), "`].")]
            $policy(Box<$module::$policy>),)+
        }

        impl AnyPolicy {
            /// The policy of that name, or `None` if there is none.
            pub fn named(name: &str, capacity: u64, seed: u64) -> Option<Self> {
                match name {
                    $($name => Some(Self::$policy(Box::new(Policy::new(capacity, seed)))),)+
                    _ => None,
                }
            }

            /// The policy's name.
            #[inline]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$policy(_) => $name,)+
                }
            }

            /// See [`Policy::hit_filter`].
            #[inline]
            pub fn hit_filter(&self) -> u32 {
                match self {
                    $(Self::$policy(policy) => Policy::hit_filter(&**policy),)+
                }
            }
        }

        /// Does with the policy inside what is asked of the one outside.
        macro_rules! dispatch {
            ($any:expr, $inner:ident => $call:expr) => {
                match $any {
                    $(AnyPolicy::$policy($inner) => $call,)+
                }
            };
        }
    };
}

policies! {
    "adaptive" => adaptive::Adaptive,
    "tinylfu" => tinylfu::TinyLfu,
    "s3fifo" => s3fifo::S3Fifo,
    "sieve" => sieve::Sieve,
    "lirs" => lirs::Lirs,
    "arc" => arc::Arc,
    "slru" => slru::Slru,
    "lru" => lru::Lru,
    "mru" => mru::Mru,
    "lfu" => lfu::Lfu,
    "fifo" => fifo::Fifo,
    "random" => random::Random,
}

impl AnyPolicy {
    /// See [`Policy::insert`].
    #[inline]
    pub fn insert<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        dispatch!(self, policy => policy.insert(nodes, slot))
    }

    /// See [`Policy::hit`].
    #[inline]
    pub fn hit<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        dispatch!(self, policy => policy.hit(nodes, slot))
    }

    /// See [`Policy::reweigh`].
    #[inline]
    pub fn reweigh<N: Nodes>(&mut self, nodes: &mut N, slot: Slot, before: u64) {
        dispatch!(self, policy => policy.reweigh(nodes, slot, before))
    }

    /// See [`Policy::remove`].
    #[inline]
    pub fn remove<N: Nodes>(&mut self, nodes: &mut N, slot: Slot) {
        dispatch!(self, policy => policy.remove(nodes, slot))
    }

    /// See [`Policy::evict`].
    #[inline]
    pub fn evict<N: Nodes>(&mut self, nodes: &mut N) -> Option<Slot> {
        dispatch!(self, policy => policy.evict(nodes))
    }

    /// See [`Policy::clear`].
    pub fn clear(&mut self) {
        dispatch!(self, policy => policy.clear())
    }

    /// See [`Policy::resize`].
    pub fn resize(&mut self, capacity: u64) {
        dispatch!(self, policy => policy.resize(capacity))
    }

    /// See [`Policy::validate`].
    #[cfg(any(test, feature = "validate"))]
    pub fn validate<N: Nodes>(&self, nodes: &N, live: &[Slot]) {
        dispatch!(self, policy => policy.validate(nodes, live))
    }
}
