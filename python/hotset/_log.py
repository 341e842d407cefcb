"""What hotset has to say: one logger, never a value of yours in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

UNBOUNDED = 2**64 - 1


def first_eviction(cache: str, maxsize: int, maxweight: int) -> None:
    """A cache has reached its bound for the first time."""
    bounds = [f"maxsize={maxsize}"] if maxsize != UNBOUNDED else []
    bounds += [f"maxweight={maxweight}"] if maxweight != UNBOUNDED else []
    _logger().info("cache %r is full (%s) and evicts from now on", cache, ", ".join(bounds))


def read_once(function: str, result: str) -> None:
    """A function has returned what can be read only once."""
    _logger().warning(
        "%s() returned a %s, which can be read only once: it is passed on, not cached. Return a list, or the content",
        function,
        result,
    )


def _logger() -> logging.Logger:
    # Imported when there is something to say: it takes longer than all of hotset.
    import logging

    return logging.getLogger("hotset")
