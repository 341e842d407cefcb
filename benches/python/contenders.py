"""The caches that are compared, each set up the way its own documentation says.

A `Contender` says what it can do by the fields that are filled in: a row of the benchmark takes part with every
contender that has the ability the row measures. Modules are imported when a contender is built, so that listing
them needs none of them.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

TTL_SECONDS = 1800
"""How long an entry stays fresh: long enough that nothing expires during a run, and always checked."""

Function = Callable[..., Any]
Decorate = Callable[[Function, int], Function]
"""Wraps a function, or a coroutine function, in a cache of so many entries."""

_names = itertools.count()


class Role(Enum):
    """What a contender is in the comparison."""

    OURS = "ours"
    PEER = "peer"
    BASELINE = "baseline"


@dataclass(frozen=True)
class Contender:
    """A cache, and how a user writes each of its operations."""

    name: str
    module: str
    role: Role = Role.PEER
    distribution: str | None = None
    function: Decorate | None = None
    coroutine: Decorate | None = None
    method: Decorate | None = None
    mapping: Callable[[int], Any] | None = None
    item: str | None = "cache[k]"
    get: str | None = "cache.get(k)"
    write: str = "cache[k] = v"
    ttl: object = TTL_SECONDS
    length: Callable[[Any], int] = len
    close: Callable[[Any], None] = lambda _cache: None

    def can(self, ability: str) -> bool:
        """Whether the field of that name is filled in, and a mapping to go with it where one is needed."""
        if ability in {"item", "get", "write"}:
            return self.mapping is not None and getattr(self, ability) is not None
        return getattr(self, ability) is not None

    def missing(self) -> str | None:
        """Why it cannot take part, or `None` when it can."""
        try:
            importlib.import_module(self.module)
        except Exception as error:  # noqa: BLE001  a broken extension module may raise anything
            return f"`import {self.module}`: {type(error).__name__}: {error}"
        return None

    def version(self) -> str:
        """The version that is installed; empty for what comes with Python."""
        try:
            return importlib.metadata.version(self.distribution) if self.distribution else ""
        except importlib.metadata.PackageNotFoundError:
            return "not installed"


def _hotset_decorate(function: Function, size: int) -> Function:
    import hotset

    decorated: Function = hotset.cache_result(ttl="30m", maxsize=size)(function)
    return decorated


def _hotset_cache(size: int) -> Any:
    import hotset

    return hotset.Cache(f"bench-{next(_names)}", maxsize=size, ttl="30m")


def _lru_cache(function: Function, size: int) -> Function:
    return functools.lru_cache(maxsize=size)(function)


def _cachetools_ttl(size: int) -> Any:
    from cachetools import TTLCache

    return TTLCache(maxsize=size, ttl=TTL_SECONDS)


def _cachetools_ttl_decorate(function: Function, size: int) -> Function:
    from cachetools import cached

    return cached(_cachetools_ttl(size))(function)


def _cachetools_locked_decorate(function: Function, size: int) -> Function:
    from cachetools import cached

    return cached(_cachetools_ttl(size), lock=threading.Lock())(function)


def _cachetools_lru_decorate(function: Function, size: int) -> Function:
    from cachetools import LRUCache, cached

    return cached(LRUCache(maxsize=size))(function)


def _cachetools_method(function: Function, size: int) -> Function:
    from cachetools import cachedmethod

    cache = _cachetools_ttl(size)
    return cachedmethod(lambda _self: cache)(function)


def _cachebox_ttl(size: int) -> Any:
    from cachebox import TTLCache

    return TTLCache(size, TTL_SECONDS)


def _cachebox_vttl(size: int) -> Any:
    from cachebox import VTTLCache

    return VTTLCache(size)


def _cachebox_ttl_decorate(function: Function, size: int) -> Function:
    from cachebox import cached

    return cached(_cachebox_ttl(size))(function)


def _cachebox_lru_decorate(function: Function, size: int) -> Function:
    from cachebox import LRUCache, cached

    return cached(LRUCache(size))(function)


def _moka(size: int) -> Any:
    from moka_py import Moka

    return Moka(size, ttl=TTL_SECONDS)


def _moka_decorate(function: Function, size: int) -> Function:
    from moka_py import cached

    return cached(maxsize=size, ttl=TTL_SECONDS)(function)


def _moka_length(cache: Any) -> int:
    cache.run_pending_tasks()
    return int(cache.count())


def _theine(size: int) -> Any:
    from theine import Cache

    return Cache(size)


def _theine_decorate(function: Function, size: int) -> Function:
    from theine import Memoize

    return Memoize(size, timedelta(seconds=TTL_SECONDS))(function)


def _theine_close(cache: Any) -> None:
    getattr(cache, "_cache", cache).close()


def _lru_dict(size: int) -> Any:
    from lru import LRU

    return LRU(size)


def _async_lru_decorate(function: Function, size: int) -> Function:
    from async_lru import alru_cache

    return alru_cache(maxsize=size, ttl=TTL_SECONDS)(function)


def _aiocache_decorate(function: Function, size: int) -> Function:
    del size  # its memory cache has no bound
    from aiocache import cached

    decorated: Function = cached(ttl=TTL_SECONDS, namespace=f"bench-{next(_names)}")(function)
    return decorated


def _cashews_decorate(function: Function, size: int) -> Function:
    from cashews import Cache

    cache = Cache()
    cache.setup(f"mem://?size={size}")
    return cache(ttl=TTL_SECONDS)(function)


async def _plain_coroutine(x: object) -> object:
    return x


HOTSET = "hotset"
LRU_CACHE = "functools.lru_cache"
PLAIN_COROUTINE = "plain `async def`"
DICT_GET = "dict.get"
DICT = "dict"
CACHEBOX_TTL = "cachebox TTLCache"
CACHEBOX_VTTL = "cachebox VTTLCache"
CACHEBOX_VTTL_WITHOUT = "cachebox VTTLCache, no ttl"
CACHETOOLS_LOCKED = "cachetools TTLCache, lock"

CONTENDERS = (
    Contender(
        HOTSET,
        "hotset",
        Role.OURS,
        "hotset",
        function=_hotset_decorate,
        coroutine=_hotset_decorate,
        method=_hotset_decorate,
        mapping=_hotset_cache,
    ),
    Contender(LRU_CACHE, "functools", function=_lru_cache, method=_lru_cache),
    Contender(PLAIN_COROUTINE, "asyncio", Role.BASELINE, coroutine=lambda _function, _size: _plain_coroutine),
    Contender(DICT_GET, "builtins", Role.BASELINE, mapping=lambda _size: {}, item="cache.get(k)"),
    Contender(DICT, "builtins", Role.BASELINE, mapping=lambda _size: {}, get=None),
    Contender(
        CACHEBOX_TTL,
        "cachebox",
        distribution="cachebox",
        function=_cachebox_ttl_decorate,
        coroutine=_cachebox_ttl_decorate,
        method=_cachebox_ttl_decorate,
        mapping=_cachebox_ttl,
    ),
    Contender(
        CACHEBOX_VTTL, "cachebox", distribution="cachebox", mapping=_cachebox_vttl, write="cache.insert(k, v, ttl)"
    ),
    Contender(CACHEBOX_VTTL_WITHOUT, "cachebox", distribution="cachebox", mapping=_cachebox_vttl, item=None, get=None),
    Contender("cachebox LRUCache", "cachebox", distribution="cachebox", function=_cachebox_lru_decorate),
    Contender(
        "cachetools TTLCache",
        "cachetools",
        distribution="cachetools",
        function=_cachetools_ttl_decorate,
        method=_cachetools_method,
        mapping=_cachetools_ttl,
    ),
    Contender(CACHETOOLS_LOCKED, "cachetools", distribution="cachetools", function=_cachetools_locked_decorate),
    Contender("cachetools LRUCache", "cachetools", distribution="cachetools", function=_cachetools_lru_decorate),
    Contender(
        "moka-py",
        "moka_py",
        distribution="moka-py",
        function=_moka_decorate,
        coroutine=_moka_decorate,
        method=_moka_decorate,
        mapping=_moka,
        item=None,
        write="cache.set(k, v)",
        length=_moka_length,
    ),
    Contender(
        "theine",
        "theine",
        distribution="theine",
        function=_theine_decorate,
        coroutine=_theine_decorate,
        method=_theine_decorate,
        mapping=_theine,
        item=None,
        write="cache.set(k, v, ttl)",
        ttl=timedelta(seconds=TTL_SECONDS),
        close=_theine_close,
    ),
    Contender("lru-dict, no ttl", "lru", distribution="lru-dict", mapping=_lru_dict),
    Contender("async-lru", "async_lru", distribution="async-lru", coroutine=_async_lru_decorate),
    Contender("aiocache", "aiocache", distribution="aiocache", coroutine=_aiocache_decorate),
    Contender("cashews", "cashews", distribution="cashews", coroutine=_cashews_decorate),
)

BY_NAME = {contender.name: contender for contender in CONTENDERS}


def able(ability: str) -> tuple[Contender, ...]:
    """The contenders that can do that."""
    return tuple(contender for contender in CONTENDERS if contender.can(ability))
