"""The caches that are compared, each set up the way its own documentation says.

A `Contender` says what it can do by the fields that are filled in: a row of the benchmark takes part with every
contender that has the ability the row measures. Modules are imported when a contender is built, so that listing
them needs none of them.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

import setups
from setups import TTL_SECONDS, Decorate


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
    note: str = ""
    """What a reader has to know of how it is used, said wherever it is measured."""

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


HOTSET = "hotset"
LRU_CACHE = "functools.lru_cache"
PLAIN_COROUTINE = "plain `async def`"
DICT_GET = "dict.get"
DICT = "dict"
CACHEBOX_TTL = "cachebox TTLCache"
CACHEBOX_VTTL = "cachebox VTTLCache"
CACHEBOX_VTTL_WITHOUT = "cachebox VTTLCache, no ttl"
CACHETOOLS_LOCKED = "cachetools TTLCache, lock"
DISKCACHE = "diskcache"
LMDB = "py-lmdb"

CONTENDERS = (
    Contender(
        HOTSET,
        "hotset",
        Role.OURS,
        "hotset",
        function=setups.hotset_decorate,
        coroutine=setups.hotset_decorate,
        method=setups.hotset_decorate,
        mapping=setups.hotset_cache,
    ),
    Contender(LRU_CACHE, "functools", function=setups.lru_cache, method=setups.lru_cache),
    Contender(PLAIN_COROUTINE, "asyncio", Role.BASELINE, coroutine=lambda _function, _size: setups.plain_coroutine),
    Contender(DICT_GET, "builtins", Role.BASELINE, mapping=lambda _size: {}, item="cache.get(k)"),
    Contender(DICT, "builtins", Role.BASELINE, mapping=lambda _size: {}, get=None),
    Contender(
        CACHEBOX_TTL,
        "cachebox",
        distribution="cachebox",
        function=setups.cachebox_ttl_decorate,
        coroutine=setups.cachebox_ttl_decorate,
        method=setups.cachebox_ttl_decorate,
        mapping=setups.cachebox_ttl,
    ),
    Contender(
        CACHEBOX_VTTL,
        "cachebox",
        distribution="cachebox",
        mapping=setups.cachebox_vttl,
        write="cache.insert(k, v, ttl)",
    ),
    Contender(
        CACHEBOX_VTTL_WITHOUT,
        "cachebox",
        distribution="cachebox",
        mapping=setups.cachebox_vttl,
        item=None,
        get=None,
        note="set without a ttl of its own, so the entry never expires",
    ),
    Contender("cachebox LRUCache", "cachebox", distribution="cachebox", function=setups.cachebox_lru_decorate),
    Contender(
        "cachetools TTLCache",
        "cachetools",
        distribution="cachetools",
        function=setups.cachetools_ttl_decorate,
        method=setups.cachetools_method,
        mapping=setups.cachetools_ttl,
    ),
    Contender(CACHETOOLS_LOCKED, "cachetools", distribution="cachetools", function=setups.cachetools_locked_decorate),
    Contender("cachetools LRUCache", "cachetools", distribution="cachetools", function=setups.cachetools_lru_decorate),
    Contender(
        "moka-py",
        "moka_py",
        distribution="moka-py",
        function=setups.moka_decorate,
        coroutine=setups.moka_decorate,
        method=setups.moka_decorate,
        mapping=setups.moka,
        item=None,
        write="cache.set(k, v)",
        length=setups.moka_length,
    ),
    Contender(
        "theine",
        "theine",
        distribution="theine",
        function=setups.theine_decorate,
        coroutine=setups.theine_decorate,
        method=setups.theine_decorate,
        mapping=setups.theine,
        item=None,
        write="cache.set(k, v, ttl)",
        ttl=timedelta(seconds=TTL_SECONDS),
        close=setups.theine_close,
    ),
    Contender("lru-dict, no ttl", "lru", distribution="lru-dict", mapping=setups.lru_dict),
    Contender("async-lru", "async_lru", distribution="async-lru", coroutine=setups.async_lru_decorate),
    Contender("aiocache", "aiocache", distribution="aiocache", coroutine=setups.aiocache_decorate),
    Contender("cashews", "cashews", distribution="cashews", coroutine=setups.cashews_decorate),
    Contender(DISKCACHE, "diskcache", distribution="diskcache"),
    Contender(LMDB, "lmdb", Role.BASELINE, distribution="lmdb"),
)

BY_NAME = {contender.name: contender for contender in CONTENDERS}


def able(ability: str) -> tuple[Contender, ...]:
    """The contenders that can do that."""
    return tuple(contender for contender in CONTENDERS if contender.can(ability))
