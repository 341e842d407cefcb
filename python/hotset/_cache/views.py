"""Views of a cache: they show what is in it now, and walking over them survives what others do to it meanwhile."""

from __future__ import annotations

from hotset._typing import TYPE_CHECKING, ItemsView, TypeVar, ValuesView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotset._cache import Cache

K = TypeVar("K")
V = TypeVar("V")


class CacheItems(ItemsView[K, V]):
    """The pairs of a cache. Walking over them is no use of the entries."""

    _mapping: Cache[K, V]

    __slots__ = ()

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return self._mapping._iterate("items")


class CacheValues(ValuesView[V]):
    """The values of a cache. Walking over them is no use of the entries."""

    _mapping: Cache[object, V]

    __slots__ = ()

    def __iter__(self) -> Iterator[V]:
        return self._mapping._iterate("values")

    def __contains__(self, value: object) -> bool:
        return any(value is held or value == held for held in self)
