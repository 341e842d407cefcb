"""Caching for Python services: fast in-process caches with a Rust core.

The whole interface is here; the modules behind it are private, except for :mod:`hotset.testing`.
"""

from typing import TYPE_CHECKING

from hotset._aliasing import MutatedValueError
from hotset._bulk import Batcher, CachedMany, cache_result_many
from hotset._cache import Cache, caches
from hotset._core import (
    MISSING,
    CachedCoroutineFunction,
    CachedFunction,
    CachedMethod,
    CallKey,
    LoadContext,
    Missing,
    PendingCall,
    Ready,
    Stats,
    __version__,
    estimate_bytes,
)
from hotset._decorator import cache_result
from hotset._errors import LoadTimeoutError, NotCachedError
from hotset._info import CacheInfo
from hotset._leads import current_load
from hotset._plan import Ignore
from hotset._policies import POLICIES, Optimize, Policy
from hotset._property import cached_property

if TYPE_CHECKING:
    from hotset._terms import Caller, Entry, Explanation
    from hotset._what_if import WhatIf

__all__ = [
    "MISSING",
    "POLICIES",
    "Batcher",
    "Cache",
    "CacheInfo",
    "CachedCoroutineFunction",
    "CachedFunction",
    "CachedMany",
    "CachedMethod",
    "CallKey",
    "Caller",
    "Entry",
    "Explanation",
    "Ignore",
    "LoadContext",
    "LoadTimeoutError",
    "Missing",
    "MutatedValueError",
    "NotCachedError",
    "Optimize",
    "PendingCall",
    "Policy",
    "Ready",
    "Stats",
    "WhatIf",
    "__version__",
    "cache_result",
    "cache_result_many",
    "cached_property",
    "caches",
    "current_load",
    "estimate_bytes",
]


def __getattr__(name: str) -> object:
    """What few programs need and takes long to import."""
    if name in ("Caller", "Entry", "Explanation"):
        from hotset import _terms

        return getattr(_terms, name)
    if name == "WhatIf":
        from hotset._what_if import WhatIf

        return WhatIf
    raise AttributeError(f"module 'hotset' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
