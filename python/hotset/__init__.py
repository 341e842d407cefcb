"""Caching for Python services: fast in-process caches with a Rust core.

The whole interface is here; the modules behind it are private, except for :mod:`hotset.testing` and for what may still
change: :mod:`hotset.preview` and :mod:`hotset.disk`, about places outside the process.
"""

from __future__ import annotations

import atexit

from hotset._aliasing import MutatedValueError
from hotset._cache import Cache, caches
from hotset._core import (
    MISSING,
    BreakerStats,
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
    find_hooks,
)
from hotset._decorators.batcher import Batcher
from hotset._decorators.of_functions import cache_result
from hotset._decorators.of_many_keys import CachedMany, cache_result_many
from hotset._decorators.of_properties import cached_property
from hotset._errors import (
    CircuitOpenError,
    LoadTimeoutError,
    NotCachedError,
)
from hotset._functions.spec import Ignore
from hotset._loading.current import current_load
from hotset._typing import TYPE_CHECKING, ModuleType, lend_hints

if TYPE_CHECKING:
    from typing import Final

    from hotset._breaker import CircuitBreaker
    from hotset._cache.policies import POLICIES, Optimize, Policy
    from hotset._info import CacheInfo
    from hotset._percall.caller import Caller
    from hotset._percall.entry import Entry
    from hotset._percall.explanation import Explanation
    from hotset._what_if import WhatIf

__all__ = [
    "MISSING",
    "POLICIES",
    "Batcher",
    "BreakerStats",
    "Cache",
    "CacheInfo",
    "CachedCoroutineFunction",
    "CachedFunction",
    "CachedMany",
    "CachedMethod",
    "CallKey",
    "Caller",
    "CircuitBreaker",
    "CircuitOpenError",
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


#: What few programs need and takes long to import, and the modules where it is.
_LATE: Final = {
    "CacheInfo": "_info",
    "Caller": "_percall.caller",
    "CircuitBreaker": "_breaker",
    "Entry": "_percall.entry",
    "Explanation": "_percall.explanation",
    "Optimize": "_cache.policies",
    "POLICIES": "_cache.policies",
    "Policy": "_cache.policies",
    "WhatIf": "_what_if",
}


def _prepare_for_the_exit() -> None:
    """Have calls work that come while the interpreter ends, when nothing can be imported any more.

    A module that somebody refers to loses its names then, and with them what its functions call; one that nobody
    refers to goes, and its names stay as long as the functions. So packages are not to refer to their modules.
    """
    import sys

    # Nobody has asked for it, so nobody is to hear of what an import hook may raise now, or to wait for `typing`.
    if "typing" in sys.modules:
        try:  # noqa: SIM105  # `contextlib` would have to be imported
            find_hooks(True)
        except Exception:  # noqa: BLE001
            pass
    for package in [package for name, package in sys.modules.items() if name.partition(".")[0] == "hotset"]:
        names = vars(package)
        for name in [name for name, value in names.items() if _is_part(package, value)]:
            del names[name]


def _is_part(package: ModuleType, value: object) -> bool:
    return isinstance(value, ModuleType) and value.__name__.rpartition(".")[0] == package.__name__


lend_hints([value for name, value in globals().items() if name in __all__])
find_hooks(False)
atexit.register(_prepare_for_the_exit)


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module 'hotset' has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"hotset.{_LATE[name]}"), name)
    lend_hints([found])
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
