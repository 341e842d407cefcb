"""Who keeps entries under which name outside the process: one cache and one function of a name."""

from __future__ import annotations

import gc
import sys
from _weakref import ref  # without `weakref`, which takes longer to import
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotset._cache import Cache
    from hotset._tiers.settings import Settings

#: Whether several caches of one name may be in front of one tier, as if each were another process: for tests.
several = False

#: A function, weakly, and where it is from.
Known: TypeAlias = "tuple[ref[Any], tuple[Any, ...]]"

#: Caches by tier and name.
_caches: Final[dict[tuple[str, str], ref[Cache[Any, Any]]]] = {}


def check(settings: Settings) -> None:
    """Refuse a second cache of one name in front of one tier, which would not hear of what the first does.

    Raises:
        ValueError: there is one.
    """
    key = (settings.handle.identity, settings.namespace)
    if not several and _is_alive(_caches, key):
        raise ValueError(
            f"there is a cache {settings.namespace!r} in front of this tier already: use that one, close() it first, "
            "or give this one another name"
        )


def enter(settings: Settings, cache: Cache[Any, Any]) -> None:
    """Note a cache, as long as it lives and is not closed."""
    key = (settings.handle.identity, settings.namespace)

    def forget(gone: object) -> None:
        if _caches.get(key) is gone:
            del _caches[key]

    _caches[key] = ref(cache, forget)


def leave(cache: Cache[Any, Any]) -> None:
    """Note a cache no longer."""
    for key, known in list(_caches.items()):
        if known() is cache:
            _caches.pop(key, None)


def check_function(cache: Cache[Any, Any], name: str, function: Callable[..., Any]) -> None:
    """Refuse a second function of one name on one cache, unless its module was loaded anew.

    Raises:
        ValueError: there is one.
    """
    functions = cache._tier.functions
    if name not in functions or _replaces(_origin(function), functions[name][1]) or not _is_alive(functions, name, 0):
        return
    raise ValueError(
        f"there is a function {name!r} on cache {cache.name!r} already, and results of both would be taken for each "
        "other's: give one another name, as in cache_result(name='other')"
    )


def enter_function(cache: Cache[Any, Any], name: str, function: Callable[..., Any], decorated: Any) -> None:
    """Note a function, as long as it lives."""
    cache._tier.functions[name] = (ref(decorated), _origin(function))


def _origin(function: Callable[..., Any]) -> tuple[Any, ...]:
    """Module and name of a function, and what its module has anew each time that it is loaded."""
    module = getattr(function, "__module__", None)
    loaded = sys.modules.get(module or "")
    # What is typed into an interpreter has no file, and is typed again to replace it.
    state = getattr(loaded, "__spec__", None) or (None if hasattr(loaded, "__file__") else object())
    return (module, getattr(function, "__qualname__", None), state)


def _replaces(new: tuple[Any, ...], old: tuple[Any, ...]) -> bool:
    return new[:2] == old[:2] and new[2] is not old[2]


def _is_alive(known: Any, key: Any, place: int | None = None) -> bool:
    """Whether something is in use still, and not only waiting for a garbage collection."""

    def is_there() -> bool:
        entry = known.get(key)
        return entry is not None and (entry if place is None else entry[place])() is not None

    if not is_there():
        return False
    gc.collect()
    return is_there()
