"""Who answers the requests: the policies of hotset in simulation, a real `Cache`, and the peers as they are shipped.

The time to live of those that have one is too long to matter.
"""

from __future__ import annotations

import functools
import importlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import setups
from hotset import POLICIES
from hotset._core import Progress, Trace

CLAIRVOYANT = "OPT"
"""Who knows the requests to come, and has the most hits that there can be."""

LRU = "lru"
DEFAULT = "adaptive"
REAL = "hotset.Cache()"
CACHES = 5
"""Real caches draw lots of their own: the mean of so many is taken."""

Play = Callable[["Requests", int], float]
"""The hits of a cache of so many entries that is empty at first."""


class Requests:
    """A sequence, as those who play want it."""

    def __init__(self, path: Path, limit: int | None) -> None:
        self._path, self._limit = path, limit

    @functools.cached_property
    def trace(self) -> Trace:
        """As numbers for a simulation."""
        return Trace.read(self._path, Progress(), format="u64", key_column=None, delimiter=None, limit=self._limit)

    @functools.cached_property
    def keys(self) -> array[int]:
        """As keys for a cache."""
        import gzip

        content = self._path.read_bytes()
        keys = array("Q", gzip.decompress(content) if self._path.suffix == ".gz" else content)
        return keys[: self._limit]


@dataclass(frozen=True)
class Player:
    """Somebody who answers requests."""

    name: str
    play: Play
    module: str = "hotset"

    def missing(self) -> str | None:
        """Why it cannot take part, or `None` when it can."""
        try:
            importlib.import_module(self.module)
        except Exception as error:  # noqa: BLE001  a broken extension module may raise anything
            return f"`import {self.module}`: {type(error).__name__}: {error}"
        return None


def simulated(policy: str, requests: Requests, entries: int) -> int:
    return requests.trace.hits(policy, entries, Progress())


def clairvoyant(requests: Requests, entries: int) -> int:
    return requests.trace.most_hits(entries, Progress())


def mapping(make: Callable[[int], Any], requests: Requests, entries: int, write: str = "__setitem__") -> int:
    """`get(k)`, and on a miss a write."""
    cache = make(entries)
    get, put = cache.get, getattr(cache, write)
    hits = 0
    for key in requests.keys:
        if get(key) is None:
            put(key, key + 1)
        else:
            hits += 1
    return hits


def real(requests: Requests, entries: int) -> float:
    """The mean of several, each with its own lots."""
    return sum(mapping(setups.hotset_cache, requests, entries) for _ in range(CACHES)) / CACHES


def theine(requests: Requests, entries: int) -> int:
    """As `mapping`; its `get` also says whether there was something."""
    cache = setups.theine(entries)
    hits = 0
    for key in requests.keys:
        if cache.get(key)[1]:
            hits += 1
        else:
            cache.set(key, key)
    setups.theine_close(cache)
    return hits


def lru_cache(requests: Requests, entries: int) -> int:
    f = setups.lru_cache(abs, entries)
    for key in requests.keys:
        f(key)
    return int(f.cache_info().hits)  # type: ignore[attr-defined]


def _of(module: str, name: str, make: Callable[[int], Any], write: str = "__setitem__") -> Player:
    return Player(name, functools.partial(mapping, make, write=write), module)


def _cachetools(kind: str, size: int) -> Any:
    import cachetools

    return getattr(cachetools, kind)(size)


def _cachebox(kind: str, size: int) -> Any:
    import cachebox

    return getattr(cachebox, kind)(size)


def _moka_lru(size: int) -> Any:
    from moka_py import Moka

    return Moka(size, policy="lru")


PLAYERS: tuple[Player, ...] = (
    Player(CLAIRVOYANT, clairvoyant),
    *(Player(policy, functools.partial(simulated, policy)) for policy in POLICIES),
    Player(REAL, real),
    Player("functools.lru_cache", lru_cache, "functools"),
    _of("cachetools", "cachetools LRUCache", functools.partial(_cachetools, "LRUCache")),
    _of("cachetools", "cachetools LFUCache", functools.partial(_cachetools, "LFUCache")),
    _of("cachetools", "cachetools TTLCache", setups.cachetools_ttl),
    _of("cachebox", "cachebox LRUCache", functools.partial(_cachebox, "LRUCache")),
    _of("cachebox", "cachebox LFUCache", functools.partial(_cachebox, "LFUCache")),
    _of("cachebox", "cachebox TTLCache", setups.cachebox_ttl),
    _of("cachebox", "cachebox VTTLCache", setups.cachebox_vttl),
    _of("moka_py", "moka-py", setups.moka, "set"),
    _of("moka_py", "moka-py, lru", _moka_lru, "set"),
    Player("theine", theine, "theine"),
    _of("lru", "lru-dict", setups.lru_dict),
)

BY_NAME = {player.name: player for player in PLAYERS}
