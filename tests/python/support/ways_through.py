"""Every way through a circuit breaker, for tests of what all of them do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hotset import CircuitBreaker, CircuitOpenError
from hotset.testing import ManualClock

Changes = list[tuple[str, str]]


class Down(Exception):
    """What a service that is down raises."""


class NotFound(Exception):
    """What a service that works raises."""


def down() -> None:
    raise Down("no answer")


def raises(error: BaseException) -> None:
    raise error


def made(clock: ManualClock, **options: Any) -> CircuitBreaker:
    return CircuitBreaker("service", **{"failures": 3, "jitter": 0, "clock": clock, **options})


def fail(breaker: CircuitBreaker, times: int = 1, error: BaseException | None = None) -> None:
    error = error or Down("no answer")
    for _ in range(times):
        with pytest.raises(type(error)):
            breaker.call(raises, error)


def opened(breaker: CircuitBreaker, times: int = 3) -> CircuitBreaker:
    fail(breaker, times)
    assert breaker.state == "open"
    return breaker


def is_refused(breaker: CircuitBreaker) -> bool:
    try:
        breaker.call(int)
    except CircuitOpenError:
        return True
    return False


def by_call(breaker: CircuitBreaker, function: Callable[[], Any]) -> Any:
    return breaker.call(function)


def by_decorator(breaker: CircuitBreaker, function: Callable[[], Any]) -> Any:
    return breaker(function)()


def by_with(breaker: CircuitBreaker, function: Callable[[], Any]) -> Any:
    with breaker:
        return function()


def by_permit(breaker: CircuitBreaker, function: Callable[[], Any]) -> Any:
    with breaker.allow():
        return function()


def by_hand(breaker: CircuitBreaker, function: Callable[[], Any]) -> Any:
    permit = breaker.allow()
    try:
        result = function()
    except Exception:
        permit.failed()
        raise
    permit.succeeded()
    return result


def by_coroutine_function(breaker: CircuitBreaker, function: Callable[[], Any]) -> Any:
    @breaker
    async def called() -> Any:
        await asyncio.sleep(0)
        return function()

    return asyncio.run(called())


def by_call_of_a_coroutine_function(breaker: CircuitBreaker, function: Callable[[], Any]) -> Any:
    async def called() -> Any:
        await asyncio.sleep(0)
        return function()

    async def main() -> Any:
        return await breaker.call(called)

    return asyncio.run(main())


def by_async_with(breaker: CircuitBreaker, function: Callable[[], Any]) -> Any:
    async def main() -> Any:
        async with breaker:
            await asyncio.sleep(0)
            return function()

    return asyncio.run(main())


ALL = [
    by_call,
    by_decorator,
    by_with,
    by_permit,
    by_hand,
    by_coroutine_function,
    by_call_of_a_coroutine_function,
    by_async_with,
]


Way = Callable[[CircuitBreaker, Callable[[], Any]], Any]


@pytest.fixture(params=ALL, ids=lambda way: way.__name__)
def through(request: pytest.FixtureRequest) -> Way:
    return request.param  # type: ignore[no-any-return]  # of those above
