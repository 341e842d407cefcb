"""What values are loaded from: first from what other processes have loaded, then by what the caller gave."""

from __future__ import annotations

import time

from hotset._core import Missing
from hotset._loading.waiters import running_loop
from hotset._typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from typing import Any, Protocol

    from hotset._core import Attempt

    class Source(Protocol):
        """Where the values of attempts come from, whose loads one caller leads."""

        def load(self, attempts: Sequence[Attempt], numbers: Sequence[int] | None) -> Any:
            """What is loaded for all of them, on this thread; ``numbers`` are those of the flights, where they may be
            given up meanwhile."""
            ...

        async def load_in_task(self, attempts: Sequence[Attempt], numbers: Sequence[int] | None) -> Any:
            """As :meth:`load`, awaiting."""
            ...

        def land(self, attempts: Sequence[Attempt], loaded: Any, numbers: Sequence[int] | None) -> list[Any]:
            """End the loads; what their leader gets, :data:`ABSENT` for what was not found."""
            ...

        def value_of(self, attempt: Attempt, loaded: Any) -> Any:
            """What was loaded for one of them, :data:`ABSENT` if nothing was found."""


#: What was not found.
ABSENT = object()

#: Seconds between two looks at what another process has loaded: at first, and at most.
_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.05


class FoundElsewhere:
    """A value whose load has ended already: another process has made it."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class OneValue:
    """The value of one key."""

    __slots__ = ("_loader",)

    def __init__(self, loader: Callable[[], Any] | None) -> None:
        #: None for the function that the attempt is a call of.
        self._loader = loader

    def load(self, attempts: Sequence[Attempt], numbers: Sequence[int] | None) -> Any:
        attempt = attempts[0]
        if attempt.policy.lease is not None:
            for step in _found_elsewhere(attempt, numbers):
                if isinstance(step, FoundElsewhere):
                    return step
                time.sleep(step)
        return attempt.run(self._loader)

    async def load_in_task(self, attempts: Sequence[Attempt], numbers: Sequence[int] | None) -> Any:
        attempt = attempts[0]
        if attempt.policy.lease is not None and running_loop() is not None:
            from asyncio import sleep

            for step in _found_elsewhere(attempt, numbers):
                if isinstance(step, FoundElsewhere):
                    return step
                await sleep(step)
        return await attempt.run(self._loader)

    def land(self, attempts: Sequence[Attempt], loaded: Any, numbers: Sequence[int] | None) -> list[Any]:
        if isinstance(loaded, FoundElsewhere):
            return [loaded.value]
        return [attempts[0].land(loaded, numbers[0] if numbers else None)]

    def value_of(self, attempt: Attempt, loaded: Any) -> Any:
        del attempt
        return loaded.value if isinstance(loaded, FoundElsewhere) else loaded


def _found_elsewhere(attempt: Attempt, numbers: Sequence[int] | None) -> Generator[float | FoundElsewhere, None, None]:
    """What is asked for after a load has begun and before its loader runs: whether another process has made it.

    Seconds to wait until the next look, and at last what was found, if anything was.
    """
    number, pause = numbers[0] if numbers else None, _FIRST_PAUSE
    held: float | None = 0.0
    while held is not None:
        held = attempt.take_lease(attempt.policy.lease or 0.0)
        if held is not None:
            yield min(pause, held)
            pause = min(2 * pause, _LONGEST_PAUSE)
        value = attempt.bring(number)
        if not isinstance(value, Missing):
            yield FoundElsewhere(value)
            return


class ManyValues:
    """The values of several keys, by one call."""

    __slots__ = ("_keys", "_load_missing")

    def __init__(self, keys: Mapping[Attempt, Any], load_missing: Callable[[list[Any]], Any]) -> None:
        #: By attempt.
        self._keys, self._load_missing = keys, load_missing

    def load(self, attempts: Sequence[Attempt], numbers: Sequence[int] | None) -> Any:
        del numbers
        return answered(self._call(attempts))

    async def load_in_task(self, attempts: Sequence[Attempt], numbers: Sequence[int] | None) -> Any:
        del numbers
        return answered(await self._call(attempts))

    def _call(self, attempts: Sequence[Attempt]) -> Any:
        first, *others = attempts
        keys = [self._keys[attempt] for attempt in attempts]
        return first.run(lambda: self._load_missing(keys), others)

    def land(self, attempts: Sequence[Attempt], loaded: Any, numbers: Sequence[int] | None) -> list[Any]:
        landed: list[Any] = []
        for place, attempt in enumerate(attempts):
            number = numbers[place] if numbers else None
            key = self._keys[attempt]
            if key in loaded:
                landed.append(attempt.land(loaded[key], number))
            else:
                attempt.leave_out(number)
                landed.append(ABSENT)
        return landed

    def value_of(self, attempt: Attempt, loaded: Any) -> Any:
        key = self._keys[attempt]
        return loaded[key] if key in loaded else ABSENT  # noqa: SIM401  # what has keys need not have get


def answered(loaded: Any) -> Mapping[Any, Any]:
    """What a load of several keys has returned.

    Raises:
        TypeError: it is no mapping.
    """
    if not hasattr(loaded, "keys"):
        raise TypeError(
            f"the load of several keys returned a {type(loaded).__qualname__}: "
            "return a dict from each key that was found to its value"
        )
    return cast("Mapping[Any, Any]", loaded)
