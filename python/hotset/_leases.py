"""One load across processes: who does not have the right to load waits for what another process loads."""

from __future__ import annotations

import time

from hotset._core import MISSING
from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import Any

    from hotset._core import Attempt

#: Seconds between two looks at what another process has loaded: at first, and at most.
_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.05


def _pauses(attempt: Attempt, lease: float) -> Iterator[float]:
    """Seconds to wait, one after the other, until the right to load is this process's."""
    pause = _FIRST_PAUSE
    while (held := attempt.take_lease(lease)) is not None:
        yield min(pause, held)
        pause = min(2 * pause, _LONGEST_PAUSE)


def run(attempt: Attempt, loader: Callable[[], Any] | None, number: int | None = None) -> tuple[Any, bool]:
    """What a load returns, and whether another process has made it, so that it is landed already."""
    lease = attempt.loading.lease
    if lease is None:
        return attempt.run(loader), False
    for pause in _pauses(attempt, lease):
        time.sleep(pause)
        value = attempt.bring(number)
        if value is not MISSING:
            return value, True
    value = attempt.bring(number)
    if value is not MISSING:
        return value, True
    return attempt.run(loader), False


async def run_in_task(
    attempt: Attempt, loader: Callable[[], Awaitable[Any]] | None, number: int | None = None
) -> tuple[Any, bool]:
    """As :func:`run`, awaiting."""
    lease = attempt.loading.lease
    if lease is None:
        return await attempt.run(loader), False
    import asyncio

    for pause in _pauses(attempt, lease):
        await asyncio.sleep(pause)
        value = attempt.bring(number)
        if value is not MISSING:
            return value, True
    value = attempt.bring(number)
    if value is not MISSING:
        return value, True
    return await attempt.run(loader), False
