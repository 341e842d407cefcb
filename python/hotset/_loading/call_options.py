"""What one caller accepts: how old a value may be, whether it may be loaded, and how long it waits."""

from __future__ import annotations

from hotset._core import Hit, seconds
from hotset._errors import NotCachedError
from hotset._loading.reraise import raised_again
from hotset._options import CallTerms, check_names, names_of
from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from hotset._cache import Cache
    from hotset._core import Attempt
    from hotset._percall.entry import Told

_INSTEAD = "write a duration, 0, or None for no bound"


class CallOptions:
    """What one caller accepts, as :class:`~hotset._options.CallTerms` declares it."""

    __slots__ = names_of(CallTerms)

    def __init__(self, where: str, options: Mapping[str, Any]) -> None:
        check_names(where, options, self.__slots__)
        #: Seconds that a value may be old, None for any.
        self.max_age = _length("max_age", options.get("max_age"))
        #: Seconds that a value may be stale, None if only as the cache has it.
        self.max_stale = _length("max_stale", options.get("max_stale"))
        self.only_if_cached = _flag("only_if_cached", options)
        #: Seconds that this caller waits for a load, None for as long as the cache has it.
        self.timeout = seconds("timeout", options.get("timeout"))
        self.refresh = _flag("refresh", options)
        self.bypass = _flag("bypass", options)
        if self.only_if_cached and (self.refresh or self.bypass):
            raise ValueError("only_if_cached loads nothing, which refresh and bypass do: give one of them")

    def check(self, cache: Cache[Any, Any]) -> None:
        """Raise NotCachedError if nothing can be there, and nothing is to be loaded."""
        if self.only_if_cached and not cache.enabled:
            raise NotCachedError(f"cache {cache.name!r} is disabled, and only_if_cached loads nothing")

    @property
    def oldest(self) -> float | None:
        """How old what others have loaded meanwhile may be, None for any."""
        return self.max_age or None

    @property
    def looks(self) -> bool:
        """Whether what others have loaded meanwhile may do."""
        return not self.refresh and self.max_age != 0

    def accepts(self, attempt: Attempt, told: Told | None = None, *, loads: bool) -> Hit | None:
        """What is there, if it will do and may be served without waiting: it is to be loaded anew, by a caller who
        ``loads``, if it refreshes. What is done with it is counted. An error that is kept is raised in who loads.

        Raises:
            NotCachedError: if it will not do, and nothing is to be loaded.
        """
        info = attempt.inspect()
        if info is not None and self._is_young(info.age):
            if info.freshness == "fresh":
                hit = attempt.read(loads and not self.only_if_cached)
                if hit is not None:
                    return hit
            elif info.freshness == "stale" and self.max_stale and info.stale_for <= self.max_stale:
                attempt.count_miss()
                attempt.count_stale()
                if told is not None:
                    told.stale("allowed", info.stale_for, info.age)
                return Hit(info.value, loads and not self.only_if_cached and info.retry_in <= 0)
            elif info.freshness == "error" and loads:
                attempt.read(False)
                again, info = raised_again(info.value, None), None
                raise again
        attempt.count_miss()
        if self.only_if_cached:
            raise NotCachedError(f"nothing that will do is cached for {attempt.name}, and only_if_cached loads nothing")
        return None

    def _is_young(self, age: float) -> bool:
        return self.max_age is None or age <= self.max_age != 0

    def accepts_stale(self, stale_for: float, age: float) -> bool:
        """Whether a stale value will do, where a load is in progress, failed or is late."""
        return self._is_young(age) and (self.max_stale is None or stale_for <= self.max_stale != 0)


def _flag(name: str, options: Mapping[str, Any]) -> bool:
    value = options.get(name, False)
    if not isinstance(value, bool):
        raise TypeError(f"{name}={value!r}: write True or False")
    return value


def _length(name: str, value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
        return 0.0
    try:
        return seconds(name, value)
    except TypeError as error:
        raise TypeError(f"{name}={value!r}: {_INSTEAD}") from error
