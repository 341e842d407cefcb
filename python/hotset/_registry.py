"""Which caches live."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from hotset._cache import Cache

_numbers = itertools.count(1)
_live: WeakValueDictionary[int, Cache[Any, Any]] = WeakValueDictionary()


def enter(cache: Cache[Any, Any]) -> None:
    """List a cache as long as it lives."""
    _live[next(_numbers)] = cache


def leave(cache: Cache[Any, Any]) -> None:
    """List a cache no longer."""
    for number, listed in list(_live.items()):
        if listed is cache:
            _live.pop(number, None)


def default_name() -> str:
    """A name for a cache that was given none."""
    return f"cache-{next(_numbers)}"


def listed() -> list[Cache[Any, Any]]:
    """The caches that live, oldest first."""
    return [cache for _, cache in sorted(_live.items())]
