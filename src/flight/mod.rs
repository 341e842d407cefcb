//! WHO computes: loads in progress, so that a key has one at most that may still be stored.
//!
//! Who misses a key asks [`Flights::begin`]: it leads the load, or joins that of another. A leader ends its flight with
//! [`Fenced::fill`], which stores under the same lock under which writers [`Flights::overtake`] it: so what a load returns is stored
//! only if nobody wrote to its key, or cleared, since the load began. Writers overtake first and write then. A flight that was
//! overtaken is joined by nobody any more, so that whoever comes later sees what the writer wrote.
//!
//! What followers share with their leader is theirs ([`Flights`] only keeps it), and made when the first one comes: a load that
//! nobody joins costs two visits of a small table.

mod fenced;
mod flights;
mod stopwatch;
mod table;

pub use fenced::Fenced;
#[cfg(any(test, feature = "validate"))]
pub use flights::Faults;
pub use flights::{Begun, Flights, Landing, Promise, Ticket};
pub use stopwatch::{Landed, Stopwatch};
pub use table::Beginning;
