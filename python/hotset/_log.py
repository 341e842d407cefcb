"""What hotset has to say: one logger, never a value of yours in it."""

from __future__ import annotations

from sys import is_finalizing

from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

UNBOUNDED = 2**64 - 1


def first_eviction(cache: str, maxsize: int, weight: int, unit: str) -> None:
    """A cache has reached its bound for the first time."""
    bounds = [f"maxsize={maxsize}"] if maxsize != UNBOUNDED else []
    bounds += [f"{unit}={weight}"] if weight != UNBOUNDED else []
    say("info", "cache %r is full (%s) and evicts from now on", cache, ", ".join(bounds))


def tier_is_full(cache: str, max_bytes: int | None) -> None:
    """The tier of a cache has had to make room."""
    say("info", "the tier of cache %r is full (max_bytes=%s) and evicts from now on", cache, max_bytes)


def read_once(function: str, result: str) -> None:
    """A function has returned what can be read only once."""
    say(
        "warning",
        "%s() returned a %s, which can be read only once: it is passed on, not cached. Return a list, or the content",
        function,
        result,
    )


def load_given_up(name: str, age: float) -> None:
    """A load has been in progress for too long."""
    say(
        "warning",
        "cache %r: a load has been in progress for more than %g s (load_age) and is given up: nobody waits for it any "
        "more, and another may begin",
        name,
        age,
    )


#: The caches and functions whose last load failed without anybody being told but the log.
_failing: set[str] = set()


def refresh_failed(name: str, error: Exception) -> None:
    """A load has raised that is in the background, or hidden by a stale value. The first one is logged."""
    if name not in _failing:
        _failing.add(name)
        say(
            "warning",
            "a refresh of %s failed with %s%s; stale values are served as long as they may be",
            name,
            type(error).__name__,
            _place(error),
        )


def recovered(name: str) -> None:
    """A load has returned."""
    if name in _failing:
        _failing.discard(name)
        say("info", "%s is loaded again", name)


def breaker_opened(name: str, why: object) -> None:
    """Calls are refused from now on."""
    why = f"{type(why).__name__}{_place(why)}" if isinstance(why, Exception) else why
    say("warning", "%s is open after %s: calls are refused, but for a probe now and then", name, why)


def breaker_closed(name: str) -> None:
    """Calls are let through again."""
    say("info", "%s is closed again", name)


def listener_failed(name: str, error: Exception) -> None:
    """A function that was to be told of something, or asked, has raised."""
    say("error", "%s raised %s%s", name, type(error).__name__, _place(error))


def background_failed(error: Exception) -> None:
    """What runs in the background has raised, and nobody is there to raise it in."""
    say("error", "a load in the background ended with %s%s", type(error).__name__, _place(error))


def _place(error: Exception) -> str:
    """Where an exception was raised. What it says could be a value."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return "" if traceback is None else f" at {traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"


def say(level: Literal["info", "warning", "error"], message: str, *values: object) -> None:
    """Log something, unless the interpreter ends. A handler that raises is not to be the end of a load."""
    if is_finalizing():
        return
    # Imported when there is something to say: it takes longer than all of hotset.
    import logging

    try:
        getattr(logging.getLogger("hotset"), level)(message, *values)
    except Exception as error:  # noqa: BLE001  # whatever a handler raises
        if logging.raiseExceptions:
            import traceback

            traceback.print_exception(error)
