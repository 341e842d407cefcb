"""A circuit breaker of its own: when it refuses calls, what counts as a failure, and what it says."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import logging
import math
import pickle
import warnings
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hotset import CircuitBreaker, CircuitOpenError, cache_result
from hotset.testing import ManualClock
from ways_through import Changes, Down, NotFound, Way, by_hand, down, fail, is_refused, made, opened, raises


def test_every_way_through_opens_it_refuses_probes_and_closes(through: Way, clock: ManualClock) -> None:
    changes: Changes = []
    breaker = made(clock, on_change=lambda _, was, now: changes.append((was, now)))
    assert through(breaker, lambda: 7) == 7
    for _ in range(3):
        with pytest.raises(Down):
            through(breaker, down)
    assert changes == [("closed", "open")]
    called: list[int] = []
    with pytest.raises(CircuitOpenError):
        through(breaker, lambda: called.append(1))
    assert called == [] and breaker.stats().refused == 1
    clock.advance(1)
    with pytest.raises(Down):
        through(breaker, down)
    clock.advance(1)
    with pytest.raises(CircuitOpenError):
        through(breaker, int)
    clock.advance(1)
    assert through(breaker, lambda: breaker.state) == "half-open"
    assert breaker.state == "closed"
    assert changes == [
        ("closed", "open"),
        ("open", "half-open"),
        ("half-open", "open"),
        ("open", "half-open"),
        ("half-open", "closed"),
    ]


# What counts


def test_an_exception_that_is_no_failure_is_an_answer(through: Way, clock: ManualClock) -> None:
    if through is by_hand:
        pytest.skip("by hand it is the caller who says what it is")
    breaker = made(clock, failure=(Down, OSError))
    fail(breaker, 2)
    with pytest.raises(NotFound):
        through(breaker, lambda: raises(NotFound()))
    assert breaker.stats().in_a_row == 0 and breaker.stats().failed == 2
    fail(breaker, 2)
    fail(breaker, 1, FileNotFoundError())
    clock.advance(1)
    with pytest.raises(NotFound):
        through(breaker, lambda: raises(NotFound()))
    assert breaker.state == "closed", "a probe that was answered has succeeded"


def test_a_function_says_which_exceptions_are_failures(clock: ManualClock) -> None:
    breaker = made(clock, failure=lambda error: "5" in str(error))
    fail(breaker, 2, OSError("status 503"))
    fail(breaker, 1, OSError("status 404"))
    assert breaker.stats().in_a_row == 0
    fail(breaker, 3, OSError("status 503"))
    assert breaker.state == "open"


def test_what_the_function_of_failures_raises_is_logged_and_the_call_has_failed(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    breaker = made(clock, failures=1, failure=lambda error: 1 / 0)
    fail(breaker, 1, Down("a secret"))
    assert breaker.state == "open"
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0].startswith("failure= of circuit breaker 'service' raised ZeroDivisionError at ")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError(), GeneratorExit()])
def test_what_is_no_exception_counts_as_neither(error: BaseException, clock: ManualClock) -> None:
    breaker = made(clock)
    fail(breaker, 9, error)
    stats = breaker.stats()
    assert (stats.state, stats.calls, stats.in_a_row) == ("closed", 0, 0)
    opened(breaker)
    clock.advance(1)
    fail(breaker, 1, error)
    assert breaker.state == "half-open"
    assert not is_refused(breaker), "another probes instead"
    assert breaker.state == "closed"


def test_unless_its_class_is_named(clock: ManualClock) -> None:
    breaker = made(clock, failure=(Exception, asyncio.CancelledError))
    fail(breaker, 3, asyncio.CancelledError())
    assert breaker.state == "open"


def test_a_task_that_is_cancelled_gives_its_probe_to_another(clock: ManualClock) -> None:
    breaker = opened(made(clock))
    clock.advance(1)

    @breaker
    async def hangs() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(hangs())
        await asyncio.sleep(0)
        assert is_refused(breaker), "one probe at a time"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert breaker.state == "half-open" and not is_refused(breaker)


def test_a_slow_call_has_failed_whatever_it_returned(through: Way, clock: ManualClock) -> None:
    breaker = made(clock, failures=1, slow="2s")
    through(breaker, lambda: clock.advance(1.9))
    assert breaker.state == "closed"
    through(breaker, lambda: clock.advance(2))
    assert breaker.state == "open"
    with pytest.raises(CircuitOpenError, match=r"after a slow call$"):
        breaker.call(int)


def test_what_is_told_first_counts(clock: ManualClock) -> None:
    breaker = made(clock, failures=1)
    with breaker as permit:
        permit.failed("status 503")
        permit.succeeded()
    assert breaker.stats().failed == 1
    with pytest.raises(CircuitOpenError, match=r"after status 503$"), breaker:
        pass
    clock.advance(1)
    with contextlib.suppress(Down), breaker as permit:
        permit.succeeded()
        down()
    assert breaker.state == "closed"


def test_a_permit_that_is_forgotten_gives_its_probe_back(clock: ManualClock) -> None:
    breaker = opened(made(clock))
    clock.advance(1)
    permit = breaker.allow()
    assert is_refused(breaker)
    del permit
    assert not is_refused(breaker)


def test_a_coroutine_that_is_never_awaited_gives_its_probe_back(clock: ManualClock) -> None:
    breaker = opened(made(clock))
    clock.advance(1)

    async def answer() -> int:
        return 7

    coroutine = breaker.call(answer)
    assert is_refused(breaker)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        del coroutine
    assert asyncio.run(breaker.call(answer)) == 7
    assert breaker.state == "closed"


def test_calls_from_before_it_opened_say_nothing_any_more(clock: ManualClock) -> None:
    breaker = made(clock)
    with contextlib.suppress(Down), breaker:
        opened(breaker)
        clock.advance(1)
        with breaker.allow():
            pass
        assert breaker.state == "closed"
        down()
    assert breaker.stats().failed == 0


# What is said


def test_a_refusal_says_who_refuses_until_when_and_why(clock: ManualClock) -> None:
    breaker = opened(made(clock, open_for="8s"))
    clock.advance(6)
    with pytest.raises(CircuitOpenError) as caught:
        breaker.call(int)
    assert str(caught.value) == "circuit breaker 'service' is open for another 2 s, after Down: no answer"
    assert caught.value.name == "service" and caught.value.retry_in == pytest.approx(2, abs=1e-3)
    clock.advance(2)
    permit = breaker.allow()
    with pytest.raises(CircuitOpenError, match="is half-open, and lets no more calls through for another 8 s"):
        breaker.call(int)
    permit.succeeded()
    assert isinstance(caught.value, RuntimeError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.name, again.retry_in) == (str(caught.value), "service", caught.value.retry_in)


def test_an_exception_that_cannot_say_what_it_is_is_named_by_its_class(clock: ManualClock) -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise ValueError

    breaker = made(clock, failures=1)
    fail(breaker, 1, Silent())
    with pytest.raises(CircuitOpenError, match=r"after Silent$"):
        breaker.call(int)
    breaker.reset()
    fail(breaker, 1, Down("x" * 10_000))
    with pytest.raises(CircuitOpenError) as caught:
        breaker.call(int)
    assert len(str(caught.value)) < 300


def test_a_breaker_without_a_name_has_that_of_the_first_function_it_decorates(clock: ManualClock) -> None:
    breaker = CircuitBreaker(failures=1, clock=clock)
    fail(breaker)
    with pytest.raises(CircuitOpenError, match=r"^a circuit breaker is open for"):
        breaker.call(int)
    breaker(down)
    breaker(fail)
    assert breaker.name == f"{down.__module__}.down"


def test_it_shows_its_state_and_its_bounds(clock: ManualClock) -> None:
    breaker = made(clock, window=None)
    fail(breaker, 2)
    assert repr(breaker) == (
        "<CircuitBreaker 'service' closed: 2 of 2 calls failed, 2 in a row; opens at 3 in a row or at 50 % of 20 or more>"
    )
    fail(breaker)
    assert repr(breaker) == ("<CircuitBreaker 'service' open: opened 1 times, 0 calls refused, after Down: no answer>")
    assert repr(CircuitBreaker(rate=None)) == (
        "<CircuitBreaker closed: 0 of 0 calls failed, 0 in a row; opens at 5 in a row>"
    )
    assert repr(CircuitBreaker(failures=None, window="1m")).endswith("opens at 50 % of 20 or more within 60s>")


def test_its_numbers_are_a_snapshot(clock: ManualClock) -> None:
    breaker = made(clock)
    breaker.call(int)
    fail(breaker, 2)
    clock.advance(3)
    stats = breaker.stats()
    assert (stats.calls, stats.failed, stats.in_a_row, stats.opened, stats.refused) == (3, 2, 2, 0, 0)
    assert stats.state == "closed" and stats.for_so_long == pytest.approx(3, abs=1e-3)
    fail(breaker)
    assert is_refused(breaker) and stats.opened == 0
    later = breaker.stats()
    assert (later.state, later.opened, later.refused) == ("open", 1, 1) and later != stats
    assert repr(later) == "<BreakerStats open for 0.000 s, 3 of 4 calls failed, 3 in a row, opened 1 times, 1 refused>"
    with pytest.raises(AttributeError):
        stats.opened = 3  # type: ignore[misc]


def test_changes_are_logged_once_an_outage_and_without_what_exceptions_say(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    breaker = made(clock)
    fail(breaker, 3, Down("a secret"))
    for _ in range(3):
        clock.advance("30s")
        fail(breaker, 1, Down("a secret"))
    clock.advance("30s")
    breaker.call(int)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2 and "secret" not in "".join(messages)
    assert messages[0].startswith("circuit breaker 'service' is open after Down at ")
    assert messages[1] == "circuit breaker 'service' is closed again"


def test_what_on_change_raises_is_logged_and_the_call_goes_on(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    breaker = opened(made(clock, on_change=lambda *_: 1 / 0))
    clock.advance(1)
    assert breaker.call(lambda: 7) == 7 and breaker.state == "closed"
    told = [record.getMessage() for record in caplog.records if "on_change= of" in record.getMessage()]
    assert len(told) == 3
    assert told[0].startswith("on_change= of circuit breaker 'service' raised ZeroDivisionError at ")


def test_on_change_may_use_the_breaker(clock: ManualClock) -> None:
    seen: list[str] = []

    def listener(breaker: CircuitBreaker, was: str, now: str) -> None:
        seen.append(f"{now}: {breaker.stats().state}")
        if now == "open":
            breaker.reset()

    breaker = made(clock, on_change=listener)
    fail(breaker, 3)
    assert seen == ["open: open", "closed: closed"] and not is_refused(breaker)


# By hand


def test_a_trip_refuses_calls_and_a_reset_lets_them_through(clock: ManualClock) -> None:
    breaker = made(clock)
    breaker.trip()
    with pytest.raises(CircuitOpenError, match="for another 1 s, after a call of trip"):
        breaker.call(int)
    breaker.trip()
    with pytest.raises(CircuitOpenError, match="for another 2 s"):
        breaker.call(int)
    breaker.reset()
    assert breaker.call(int) == 0
    breaker.trip("maintenance")
    with pytest.raises(CircuitOpenError, match=r"for another 1 s, after maintenance$"):
        breaker.call(int)


# Options


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"failures": 0}, ValueError, "failures=0: write a whole number from 1 to 2**32 - 1 or None"),
        ({"failures": True}, TypeError, "failures=True: write a whole number"),
        ({"failures": 2.5}, ValueError, "failures=2.5: write a whole number"),
        ({"failures": None, "rate": None}, ValueError, "failures=None, rate=None: it would never open"),
        ({"rate": 0}, ValueError, "rate=0: write the part of the calls that has to fail, above 0 and up to 1"),
        ({"rate": 50}, ValueError, "rate=50: write the part"),
        ({"rate": math.nan}, ValueError, "rate=nan: write the part"),
        ({"rate": "half"}, TypeError, "rate='half': write the part"),
        ({"window": 0}, ValueError, 'window=0: write "90s"'),
        ({"least_calls": 0}, ValueError, "least_calls=0: write a whole number from 1 to 2**32 - 1"),
        ({"least_calls": None}, TypeError, "least_calls=None: write a whole number"),
        ({"slow": "soon"}, ValueError, "slow: "),
        ({"open_for": None}, ValueError, "open_for=None: write how long"),
        ({"open_for": [1]}, TypeError, "open_for=[1]: write"),
        ({"open_for": "1m", "most_open": "5s"}, ValueError, "most_open=5s is shorter than open_for=1m: write"),
        ({"jitter": 1.5}, ValueError, "jitter=1.5: write by which part"),
        ({"probes": -1}, ValueError, "probes=-1: write a whole number"),
        ({"name": 3}, TypeError, "name=3: write a text"),
        ({"failure": "Down"}, TypeError, "failure='Down': write a class of exceptions"),
        ({"failure": int}, TypeError, "failure=<class 'int'>: write a class of exceptions"),
        ({"failure": (Down, 3)}, TypeError, "write a class of exceptions"),
        ({"on_change": 3}, TypeError, "on_change=3: write a function"),
        ({"clock": 3}, TypeError, "ManualClock"),
        ({"treshold": 3}, TypeError, "treshold"),
    ],
)
def test_an_option_that_makes_no_sense_says_so(options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        CircuitBreaker(**options)
    assert message in str(caught.value)


def test_it_is_open_for_longer_than_usual_if_that_is_asked_for(clock: ManualClock) -> None:
    breaker = opened(made(clock, open_for=timedelta(minutes=5)))
    assert _retry_in(breaker) == pytest.approx(300, abs=1e-3)
    clock.advance("5m")
    fail(breaker)
    assert _retry_in(breaker) == pytest.approx(300, abs=1e-3), "open_for is longer than the usual bound"
    endless = opened(made(clock, most_open=None))
    for doubled in range(10):
        clock.advance(2.0**doubled)
        fail(endless)
    assert _retry_in(endless) == pytest.approx(1024, abs=1e-3)


def _retry_in(breaker: CircuitBreaker) -> float:
    with pytest.raises(CircuitOpenError) as caught:
        breaker.call(int)
    return caught.value.retry_in


def test_of_many_breakers_each_is_open_for_another_part(clock: ManualClock) -> None:
    lengths = {_retry_in(opened(made(clock, jitter=0.5))) for _ in range(50)}
    assert len(lengths) > 40 and min(lengths) >= 0.5 and max(lengths) <= 1


# What it decorates


def test_a_decorated_function_is_still_what_it_was(clock: ManualClock) -> None:
    breaker = made(clock)

    @breaker
    def add(first: int, *rest: int, last: int = 0) -> int:
        """Add numbers."""
        return first + sum(rest) + last

    @breaker
    async def twice(number: int) -> int:
        return number * 2

    assert add(1, 2, 3, last=4) == 10 and add.__doc__ == "Add numbers." and add.__name__ == "add"
    assert list(inspect.signature(add).parameters) == ["first", "rest", "last"]
    assert inspect.iscoroutinefunction(twice) and asyncio.run(twice(4)) == 8
    assert not inspect.iscoroutinefunction(add)
    assert breaker.stats().calls == 2


def test_methods_of_all_kinds_can_be_decorated(clock: ManualClock) -> None:
    breaker = made(clock, failures=2)

    class Client:
        @breaker
        def get(self, key: str) -> str:
            return f"{type(self).__name__}: {key}"

        @breaker
        @classmethod
        def of(cls, key: str) -> str:
            return f"{cls.__name__}: {key}"

        @staticmethod
        @breaker
        def parse(key: str) -> str:
            return key

        @breaker
        @staticmethod
        def fails(key: str) -> str:
            raise Down(key)

        @breaker
        async def fetch(self, key: str) -> str:
            return key

    client = Client()
    assert [client.get("a"), Client.of("a"), client.of("a"), Client.parse("a"), asyncio.run(client.fetch("a"))] == [
        "Client: a",
        "Client: a",
        "Client: a",
        "a",
        "a",
    ]
    for _ in range(2):
        with pytest.raises(Down):
            client.fails("a")
    with pytest.raises(CircuitOpenError):
        client.get("a")


@pytest.mark.parametrize("function", [functools.partial(int, "7"), lambda: 7, (7).__int__])
def test_any_callable_can_be_called_through_it(function: Callable[[], int], clock: ManualClock) -> None:
    breaker = made(clock)
    assert breaker.call(function) == 7 and breaker(function)() == 7 and breaker.stats().calls == 2


def test_a_coroutine_is_seen_whatever_returned_it(clock: ManualClock) -> None:
    async def fails(_: int) -> None:
        down()

    class Caller:
        async def __call__(self) -> None:
            down()

    breaker = made(clock, failures=100)
    ways: list[Callable[[], Coroutine[Any, Any, None]]] = [
        lambda: fails(1),
        functools.partial(fails, 1),
        Caller(),
        functools.partial(cache_result(fails), 1),
    ]
    for count, way in enumerate(ways, 1):
        for call in (lambda way=way: breaker.call(way), breaker(way)):

            async def main(call: Any = call) -> None:
                await call()

            with pytest.raises(Down):
                asyncio.run(main())
        assert breaker.stats().failed == 2 * count


def test_a_future_is_returned_as_it_is(clock: ManualClock) -> None:
    breaker = made(clock)

    async def main() -> None:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        assert breaker.call(lambda: future) is future

    asyncio.run(main())
    assert breaker.stats().calls == 1


def test_a_generator_function_is_told_what_to_write_instead(clock: ManualClock) -> None:
    def numbers() -> Iterator[int]:
        yield 1

    async def later() -> Any:
        yield 1

    for function in (numbers, later):
        with pytest.raises(TypeError, match=r"is a generator function.*write `with breaker:` inside it"):
            made(clock)(function)
    with pytest.raises(TypeError, match="decorates functions, not 3"):
        made(clock)(3)  # type: ignore[type-var]


def test_a_generator_may_be_within_it(clock: ManualClock) -> None:
    breaker = made(clock, failures=1)

    def numbers(last: int) -> Iterator[int]:
        with breaker:
            yield from range(last)
            if last == 2:
                down()

    interleaved = [numbers(3), numbers(2)]
    assert [next(generator) for _ in range(2) for generator in interleaved] == [0, 0, 1, 1]
    with pytest.raises(Down):
        next(interleaved[1])
    assert breaker.state == "open"
    assert list(interleaved[0]) == [2]
