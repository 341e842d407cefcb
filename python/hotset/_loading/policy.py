"""What loads are to do: how long they are waited for, and which of their errors are kept."""

from __future__ import annotations

import time

from hotset._core import Missing, seconds
from hotset._errors import LoadTimeoutError
from hotset._options import LOADS
from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from hotset._core import BaseCache
    from hotset._types import Duration

#: Seconds in which nothing is loaded after a first failure, as long as there is a stale value.
ERROR_TTL = 1.0

_NO_TIME = "write a duration, 0 to take a stale value at once, or None to wait for the load"


class LoadPolicy:
    """The options of loads, as :class:`~hotset._options.LoadOptions` declares them."""

    __slots__ = (*LOADS, "is_patient")

    def __init__(
        self,
        *,
        soft_timeout: Duration | None = 0,
        timeout: Duration | None = None,
        cache_errors: type[Exception] | Iterable[type[Exception]] = (),
        error_ttl: Duration = ERROR_TTL,
        lease: Duration | None = None,
    ) -> None:
        #: Seconds that a caller waits for a load before it takes a stale value; None for as long as the load takes.
        self.soft_timeout = _soft(soft_timeout)
        #: Seconds after which a load is given up, or None.
        self.timeout = seconds("timeout", timeout)
        #: Errors that are answers: they are kept, and raised for a while.
        self.cache_errors = _classes(cache_errors)
        #: Seconds in which a load is not repeated after a first failure. They double with each one in a row.
        self.error_ttl = _positive("error_ttl", error_ttl)
        #: Seconds for which a process has the right to load what other processes wait for then; None if each may load.
        self.lease = seconds("lease", lease)
        #: Whether loads are made where they are asked for, and waited for as long as they take, where nothing is stale.
        self.is_patient = self.timeout is None and self.lease is None

    def changed(self, **options: Any) -> LoadPolicy:
        """The same but for the options that are not :data:`~hotset.MISSING`."""
        given = {name: value for name, value in options.items() if not isinstance(value, Missing)}
        if not given:
            return self
        return LoadPolicy(**{**self.options(), **given})

    def options(self) -> dict[str, Any]:
        """The arguments to make it with."""
        return {name: getattr(self, name) for name in LOADS}

    def keeps(self, error: BaseException) -> bool:
        """Whether an error is an answer. That there was none in time is not, unless it is named."""
        if isinstance(error, LoadTimeoutError):
            return LoadTimeoutError in self.cache_errors
        return isinstance(error, self.cache_errors)


def sooner(one: float | None, other: float | None) -> float | None:
    """The shorter of two times, of which None is without an end."""
    return other if one is None else one if other is None else min(one, other)


def _soft(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
        return 0.0
    try:
        return seconds("soft_timeout", value)
    except TypeError as error:
        raise TypeError(f"soft_timeout={value!r}: {_NO_TIME}") from error


def _positive(name: str, value: Any) -> float:
    given = seconds(name, value)
    if given is None:
        raise TypeError(f"{name}=None: write a duration, as in {name}='1s'")
    return given


def _classes(given: Any) -> tuple[type[Exception], ...]:
    classes: tuple[Any, ...] = (given,) if isinstance(given, type) else tuple(given or ())
    for one in classes:
        if not (isinstance(one, type) and issubclass(one, Exception)):
            raise TypeError(f"cache_errors={given!r}: write a class of exceptions, or several as in (NotFound, Gone)")
    return classes


#: What loads do that nobody has said anything of.
USUAL = LoadPolicy()


class CountedLoad:
    """Counts a load: how long it took, and whether it raised."""

    __slots__ = ("_began", "_cache")

    def __init__(self, cache: BaseCache[Any, Any]) -> None:
        self._cache = cache
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._cache._count_load(time.perf_counter() - self._began, failed=kind is not None)
