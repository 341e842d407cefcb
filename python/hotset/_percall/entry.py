"""A value and how it came about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from hotset._core import Attempt

V = TypeVar("V")


class Entry(NamedTuple, Generic[V]):
    """A value, and how it came about."""

    #: The value.
    value: V
    #: Seconds since it was loaded or set.
    age: float
    #: Whether its ttl had ended.
    stale: bool
    #: Where it is from: ``"memory"``, ``"tier"`` or ``"load"``.
    source: str
    #: Why a stale value was served: ``"refreshing"``, ``"load failed"``, ``"load is late"`` or ``"allowed"`` by the
    #: call; None if it is fresh.
    why: str | None
    #: Seconds until its ttl ends, below 0 if it has; None for no end.
    fresh_for: float | None


# Where pickles are to look for it.
Entry.__module__ = "hotset"


class Told:
    """How a value came about, as far as only who obtained it knows."""

    __slots__ = ("_stale",)

    def __init__(self) -> None:
        self._stale: tuple[str, float, float] | None = None

    def stale(self, why: str, stale_for: float, age: float) -> None:
        """A stale value was served."""
        self._stale = (why, stale_for, age)

    def entry(self, attempt: Attempt, value: Any, *, loaded: bool) -> Entry[Any]:
        """The entry of a value that was obtained."""
        if self._stale is not None:
            why, stale_for, age = self._stale
            return Entry(value, age, True, "memory", why, -stale_for)
        info = attempt.inspect()
        source = "load" if loaded else "tier" if attempt.from_tier else "memory"
        if info is None or info.freshness != "fresh" or (not attempt.serves and info.value is not value):
            return Entry(value, 0.0, False, source, None, None)
        return Entry(value, info.age, False, source, None, info.fresh_for)


def uncached_entry(value: Any) -> Entry[Any]:
    """The entry of a value that was loaded without the cache."""
    return Entry(value, 0.0, False, "load", None, None)
