//! What calls of coroutine functions return: to be awaited once, like a coroutine.

pub(crate) mod pending;
pub(crate) mod ready;
pub(crate) mod stop_iteration;
