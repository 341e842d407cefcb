"""What tests do to all caches of the process, whoever has made them."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hotset._cache import Cache, caches
from hotset._core import seconds

if TYPE_CHECKING:
    from collections.abc import Generator

    from hotset._types import Duration


#: Seconds between two looks at whether loads have ended.
_PAUSE = 0.001


def advance(duration: Duration, of: Any = None) -> None:
    """Let time pass for the entries of all caches, or of one: each life ends so much earlier.

    Entries that are stored later are not affected. Caches with a :class:`ManualClock` have a time of their own, and
    are left alone.

    Args:
        duration: ``"90s"``, ``"1h30m"``, seconds or a timedelta.
        of: A cache, or a decorated function; by default all.
    """
    for cache in _chosen(of):
        if cache._clock is None:
            cache._age(duration)


def clear_all() -> None:
    """Empty every cache of the process."""
    for cache in caches():
        cache.clear()
        cache.sweep()


@contextmanager
def assert_loads(number: int, of: Any = None) -> Generator[None]:
    """Fail unless so many loads end within this block, those that raise included.

    Args:
        number: How many.
        of: A cache, or a decorated function, whose cache is meant; by default all caches together.

    Raises:
        AssertionError: at the end of the block, with the caches that loaded.
    """
    before = {id(cache): _loads(cache) for cache in _chosen(of)}
    yield
    loads = {cache.name: _loads(cache) - before.get(id(cache), 0) for cache in _chosen(of)}
    total = sum(loads.values())
    if total != number:
        who = ", ".join(f"{name}: {count}" for name, count in loads.items() if count) or "no cache has loaded"
        raise AssertionError(f"{total} loads instead of {number} ({who})")


@contextmanager
def caching_off() -> Generator[None]:
    """Turn every cache into plain calls, also those that are made meanwhile. What they held is forgotten."""
    switched = [cache for cache in caches() if cache.enabled]
    before = os.environ.get("HOTSET_DISABLE")
    os.environ["HOTSET_DISABLE"] = "1"
    for cache in switched:
        cache.enabled = False
    try:
        yield
    finally:
        for cache in switched:
            cache.enabled = True
        if before is None:
            del os.environ["HOTSET_DISABLE"]
        else:
            os.environ["HOTSET_DISABLE"] = before


def wait_for_loads(of: Any = None, *, timeout: Duration = 10) -> None:
    """Wait until no load is in progress: what is refreshed in the background is there then, or has failed.

    In a coroutine, where a load may need the running event loop, await :func:`wait_for_loads_async`.

    Args:
        of: A cache, or a decorated function, whose cache is meant; by default all caches together.
        timeout: How long to wait at most.

    Raises:
        TimeoutError: if loads are in progress still, with their caches.
    """
    for pause in _until_none_loads(of, timeout):
        time.sleep(pause)


async def wait_for_loads_async(of: Any = None, *, timeout: Duration = 10) -> None:
    """As :func:`wait_for_loads`, while other tasks run."""
    import asyncio

    for pause in _until_none_loads(of, timeout):
        await asyncio.sleep(pause)


def _until_none_loads(of: Any, timeout: Duration) -> Generator[float]:
    """How long to pause, again and again, as long as a load is in progress."""
    limit = seconds("timeout", timeout)
    until = time.monotonic() + (limit or 0)
    while loading := [cache.name for cache in _chosen(of) if cache._loads_in_progress]:
        if time.monotonic() > until:
            raise TimeoutError(f"loads are in progress still after {limit:g} s, of {', '.join(loading)}")
        yield _PAUSE


def _chosen(of: Any) -> list[Cache[Any, Any]]:
    if of is None:
        return caches()
    cache: Any = of if isinstance(of, Cache) else getattr(of, "cache", None)  # pyright: ignore[reportUnknownVariableType]  # of whatever it holds
    if not isinstance(cache, Cache):
        raise TypeError(f"of={of!r}: give a cache or a decorated function")
    return [cache]


def _loads(cache: Cache[Any, Any]) -> int:
    stats = cache.stats()
    return stats.loads + stats.load_errors
