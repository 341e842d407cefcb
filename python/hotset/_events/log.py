"""The log, which is told of every event: one logger, and never a value of yours in it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hotset._events import kinds

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from hotset._events.kinds import Event

    #: A level, a message, and what stands in it.
    Line: TypeAlias = tuple[int, str, tuple[object, ...]]

UNBOUNDED = 2**64 - 1

_LOGGER = logging.getLogger("hotset")


def log(event: Event) -> None:
    """Write a line, unless another of the kind was written before it. A handler that raises ends nothing."""
    if not getattr(event, "is_first", True):
        return
    write = _LINES.get(type(event))
    if write is None:
        return
    level, message, values = write(event)
    try:
        _LOGGER.log(level, message, *values)
    except Exception as error:  # noqa: BLE001  # whatever a handler raises
        if logging.raiseExceptions:
            import traceback

            traceback.print_exception(error)


def _cache_full(event: kinds.CacheFull) -> Line:
    bounds = [f"maxsize={event.maxsize}"] if event.maxsize != UNBOUNDED else []
    bounds += [f"{event.unit}={event.weight}"] if event.weight != UNBOUNDED else []
    return logging.INFO, "cache %r is full (%s) and evicts from now on", (event.cache, ", ".join(bounds))


def _tier_full(event: kinds.TierFull) -> Line:
    message = "the tier of cache %r is full (max_bytes=%s) and evicts from now on"
    return logging.INFO, message, (event.cache, event.max_bytes)


def _read_once(event: kinds.ReadOnce) -> Line:
    message = (
        "%s() returned a %s, which can be read only once: it is passed on, not cached. Return a list, or the content"
    )
    return logging.WARNING, message, (event.function, event.result)


def _load_given_up(event: kinds.LoadGivenUp) -> Line:
    message = (
        "cache %r: a load has been in progress for more than %g s (load_age) and is given up: nobody waits for it any "
        "more, and another may begin"
    )
    return logging.WARNING, message, (event.cache, event.age)


def _refresh_failed(event: kinds.RefreshFailed) -> Line:
    message = "a refresh of %s failed with %s%s; stale values are served as long as they may be"
    return logging.WARNING, message, (event.name, *_told(event.error))


def _load_recovered(event: kinds.LoadRecovered) -> Line:
    return logging.INFO, "%s is loaded again", (event.name,)


def _background_failed(event: kinds.BackgroundFailed) -> Line:
    return logging.ERROR, "a load in the background ended with %s%s", _told(event.error)


def _breaker_opened(event: kinds.BreakerOpened) -> Line:
    why = "".join(_told(event.why)) if isinstance(event.why, Exception) else event.why
    message = "%s is open after %s: calls are refused, but for a probe now and then"
    return logging.WARNING, message, (event.name, why)


def _breaker_closed(event: kinds.BreakerClosed) -> Line:
    return logging.INFO, "%s is closed again", (event.name,)


def _callback_failed(event: kinds.CallbackFailed) -> Line:
    return logging.ERROR, "%s raised %s%s", (event.name, *_told(event.error))


def _store_damaged(event: kinds.StoreDamaged) -> Line:
    message = "the store of cache %r was damaged (%s): it was set aside, and begins empty"
    return logging.WARNING, message, (event.cache, event.damage)


def _tier_failed(event: kinds.TierFailed) -> Line:
    message = "the tier of cache %r cannot %s: %s; the cache goes on from memory"
    return logging.WARNING, message, (event.cache, event.what, event.reason)


def _tier_recovered(event: kinds.TierRecovered) -> Line:
    return logging.INFO, "the tier of cache %r works again", (event.cache,)


def _value_not_encodable(event: kinds.ValueNotEncodable) -> Line:
    return logging.WARNING, "a result of %s is kept in memory only: %s", (event.name, event.error)


def _value_not_decodable(event: kinds.ValueNotDecodable) -> Line:
    message = "the codec of cache %r cannot read what is stored, which counts as unreadable: %s: %s"
    return logging.WARNING, message, (event.cache, type(event.error).__name__, event.error)


_LINES: dict[type[Event], Callable[[Any], Line]] = {
    kinds.CacheFull: _cache_full,
    kinds.TierFull: _tier_full,
    kinds.ReadOnce: _read_once,
    kinds.LoadGivenUp: _load_given_up,
    kinds.RefreshFailed: _refresh_failed,
    kinds.LoadRecovered: _load_recovered,
    kinds.BackgroundFailed: _background_failed,
    kinds.BreakerOpened: _breaker_opened,
    kinds.BreakerClosed: _breaker_closed,
    kinds.CallbackFailed: _callback_failed,
    kinds.StoreDamaged: _store_damaged,
    kinds.TierFailed: _tier_failed,
    kinds.TierRecovered: _tier_recovered,
    kinds.ValueNotEncodable: _value_not_encodable,
    kinds.ValueNotDecodable: _value_not_decodable,
}


def _told(error: Exception) -> tuple[str, str]:
    """The class of an exception, and where it was raised. What it says could be a value."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    place = "" if traceback is None else f" at {traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
    return type(error).__name__, place
