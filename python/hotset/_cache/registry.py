"""Which caches live."""

from __future__ import annotations

import itertools
from _weakref import ref  # without `weakref`, which takes longer to import

from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from hotset._cache import Cache

_numbers = itertools.count(1)
#: Caches by age. Changed and copied in single operations, which is what makes it safe in threads and in finalizers.
_live: dict[int, ref[Cache[Any, Any]]] = {}


def enter(cache: Cache[Any, Any]) -> None:
    """List a cache as long as it lives."""
    number = next(_numbers)

    def forget(_: object, live: dict[int, ref[Cache[Any, Any]]] = _live) -> None:
        live.pop(number, None)

    _live[number] = ref(cache, forget)


def leave(cache: Cache[Any, Any]) -> None:
    """List a cache no longer."""
    for number, reference in _live.copy().items():
        if reference() is cache:
            _live.pop(number, None)


def default_name() -> str:
    """A name for a cache that was given none."""
    return f"cache-{next(_numbers)}"


def listed() -> list[Cache[Any, Any]]:
    """The caches that live, oldest first."""
    caches = (reference() for _, reference in sorted(_live.copy().items()))
    return [cache for cache in caches if cache is not None]
