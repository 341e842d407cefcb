//! What lies behind a cache: keys and values to bytes and back, and the way to a tier.
//!
//! - [`spelling`]: keys as bytes; [`codec`]: values as bytes
//! - [`handle`]: tiers as Python has them; [`own`]: those that users write
//! - [`wall`]: the time that others see
//! - [`behind`]: reading, storing and changing, for [`crate::state::CacheState`]

pub(crate) mod behind;
pub(crate) mod codec;
pub(crate) mod handle;
mod own;
pub(crate) mod spelling;
mod wall;
