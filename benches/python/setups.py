"""How each contender is set up: the functions that make its cache, or decorate with it, for so many entries.

Each imports its package when it is called.
"""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

TTL_SECONDS = 1800
"""How long an entry stays fresh: long enough that nothing expires during a run, and always checked."""

Function = Callable[..., Any]
Decorate = Callable[[Function, int], Function]
"""Wraps a function, or a coroutine function, in a cache of so many entries."""

_names = itertools.count()
"""Numbers for the names of caches that must not be shared."""


def hotset_decorate(function: Function, size: int) -> Function:
    import hotset

    decorated: Function = hotset.cache_result(ttl="30m", maxsize=size)(function)
    return decorated


def hotset_cache(size: int) -> Any:
    import hotset

    return hotset.Cache(f"bench-{next(_names)}", maxsize=size, ttl="30m")


def lru_cache(function: Function, size: int) -> Function:
    return functools.lru_cache(maxsize=size)(function)


def cachetools_ttl(size: int) -> Any:
    from cachetools import TTLCache

    return TTLCache(maxsize=size, ttl=TTL_SECONDS)


def cachetools_ttl_decorate(function: Function, size: int) -> Function:
    from cachetools import cached

    return cached(cachetools_ttl(size))(function)


def cachetools_locked_decorate(function: Function, size: int) -> Function:
    from cachetools import cached

    return cached(cachetools_ttl(size), lock=threading.Lock())(function)


def cachetools_lru_decorate(function: Function, size: int) -> Function:
    from cachetools import LRUCache, cached

    return cached(LRUCache(maxsize=size))(function)


def cachetools_method(function: Function, size: int) -> Function:
    from cachetools import cachedmethod

    cache = cachetools_ttl(size)
    return cachedmethod(lambda _self: cache)(function)


def cachebox_ttl(size: int) -> Any:
    from cachebox import TTLCache

    return TTLCache(size, TTL_SECONDS)


def cachebox_vttl(size: int) -> Any:
    from cachebox import VTTLCache

    return VTTLCache(size)


def cachebox_ttl_decorate(function: Function, size: int) -> Function:
    from cachebox import cached

    return cached(cachebox_ttl(size))(function)


def cachebox_lru_decorate(function: Function, size: int) -> Function:
    from cachebox import LRUCache, cached

    return cached(LRUCache(size))(function)


def moka(size: int) -> Any:
    from moka_py import Moka

    return Moka(size, ttl=TTL_SECONDS)


def moka_decorate(function: Function, size: int) -> Function:
    from moka_py import cached

    return cached(maxsize=size, ttl=TTL_SECONDS)(function)


def moka_length(cache: Any) -> int:
    cache.run_pending_tasks()
    return int(cache.count())


def theine(size: int) -> Any:
    from theine import Cache

    return Cache(size)


def theine_decorate(function: Function, size: int) -> Function:
    from theine import Memoize

    return Memoize(size, timedelta(seconds=TTL_SECONDS))(function)


def theine_close(cache: Any) -> None:
    getattr(cache, "_cache", cache).close()


def lru_dict(size: int) -> Any:
    from lru import LRU

    return LRU(size)


def async_lru_decorate(function: Function, size: int) -> Function:
    from async_lru import alru_cache

    return alru_cache(maxsize=size, ttl=TTL_SECONDS)(function)


def aiocache_decorate(function: Function, size: int) -> Function:
    del size  # its memory cache has no bound
    from aiocache import cached

    decorated: Function = cached(ttl=TTL_SECONDS, namespace=f"bench-{next(_names)}")(function)
    return decorated


def cashews_decorate(function: Function, size: int) -> Function:
    from cashews import Cache

    cache = Cache()
    cache.setup(f"mem://?size={size}")
    return cache(ttl=TTL_SECONDS)(function)


async def plain_coroutine(x: object) -> object:
    return x
