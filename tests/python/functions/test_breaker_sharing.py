"""A circuit breaker that is shared: by calls within calls, tasks, threads and forks; and against a plain model."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import functools
import gc
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import hotset
import pytest
from hotset import CircuitBreaker, CircuitOpenError
from hotset.testing import ManualClock
from hypothesis import given, settings
from hypothesis import strategies as st
from ways_through import (
    Changes,
    Down,
    NotFound,
    Way,
    by_call,
    by_coroutine_function,
    by_decorator,
    by_hand,
    by_permit,
    by_with,
    down,
    is_refused,
    made,
    opened,
    raises,
)

PATIENCE = 20
"""Seconds after which a thread is taken to hang."""

# Calls within calls


@pytest.mark.parametrize(
    "outer", [by_call, by_decorator, by_with, by_permit, by_coroutine_function], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("inner", [by_call, by_decorator, by_with, by_permit], ids=lambda f: f.__name__)
def test_a_call_within_a_probe_is_part_of_it(outer: Way, inner: Way, clock: ManualClock) -> None:
    breaker = opened(made(clock))
    clock.advance(1)
    assert outer(breaker, lambda: inner(breaker, lambda: (breaker.state, 7))) == ("half-open", 7)
    stats = breaker.stats()
    assert (stats.state, stats.refused) == ("closed", 0)
    opened(breaker)
    clock.advance(1)
    with pytest.raises(Down):
        outer(breaker, lambda: inner(breaker, down))
    assert breaker.state == "open"


def test_tasks_of_a_probe_are_part_of_it_and_others_are_not(clock: ManualClock) -> None:
    breaker = opened(made(clock))
    clock.advance(1)

    @breaker
    async def part() -> int:
        await asyncio.sleep(0)
        return 1

    @breaker
    async def all_parts() -> int:
        return sum(await asyncio.gather(part(), part(), part()))

    async def main() -> list[Any]:
        return await asyncio.gather(all_parts(), part(), return_exceptions=True)

    whole, other = asyncio.run(main())
    assert whole == 3 and isinstance(other, CircuitOpenError) and breaker.state == "closed"


def test_what_a_probe_has_begun_is_no_part_of_it_afterwards(clock: ManualClock) -> None:
    breaker = opened(made(clock))
    clock.advance(1)
    with breaker:
        context = contextvars.copy_context()
    opened(breaker)
    assert context.run(is_refused, breaker)


def test_the_refusal_of_an_inner_breaker_says_nothing_of_the_outer(clock: ManualClock) -> None:
    outer, inner = made(clock, failures=1), opened(made(clock))
    with pytest.raises(CircuitOpenError):
        outer.call(inner.call, int)
    assert outer.stats().calls == 0
    strict = made(clock, failures=1, failure=(Exception, CircuitOpenError))
    with pytest.raises(CircuitOpenError):
        strict.call(inner.call, int)
    assert strict.state == "open"


def test_several_breakers_may_be_left_in_another_order_than_entered(clock: ManualClock) -> None:
    first, second = made(clock, failures=1), made(clock, failures=1)
    first.__enter__()
    second.__enter__()
    first.__exit__(Down, Down(), None)
    assert (first.state, second.state) == ("open", "closed")
    second.__exit__(Down, Down(), None)
    assert second.state == "open"


def test_it_may_be_left_in_another_context_than_it_was_entered_in(clock: ManualClock) -> None:
    """As frameworks do that run both ends of a generator in threads."""
    breaker = made(clock)

    def in_a_context_of_its_own(error: Exception | None = None) -> None:
        contextvars.Context().run(breaker.__enter__)
        contextvars.Context().run(breaker.__exit__, None if error is None else type(error), error, None)

    in_a_context_of_its_own()
    for _ in range(3):
        in_a_context_of_its_own(Down())
    assert breaker.state == "open"
    contextvars.Context().run(breaker.__exit__, None, None, None)
    assert breaker.state == "open"
    clock.advance(1)
    in_a_context_of_its_own()
    assert breaker.state == "closed"


def test_tasks_that_are_within_it_at_once_tell_each_of_its_own_call(clock: ManualClock) -> None:
    breaker = made(clock, failures=100, slow="10s")

    async def call(fails: bool) -> None:
        with contextlib.suppress(Down), breaker:
            await asyncio.sleep(0)
            if fails:
                down()

    async def main() -> None:
        await asyncio.gather(*(call(number % 3 == 0) for number in range(300)))

    asyncio.run(main())
    assert (breaker.stats().calls, breaker.stats().failed) == (300, 100)


# Threads and processes

THREADS = 16


@pytest.mark.parametrize("probes", [1, 3])
def test_of_many_threads_exactly_the_probes_go_through(probes: int, clock: ManualClock) -> None:
    breaker = made(clock, probes=probes)
    start, end = threading.Barrier(THREADS, timeout=PATIENCE), threading.Barrier(THREADS, timeout=PATIENCE)

    def ask() -> bool:
        start.wait()
        try:
            permit = breaker.allow()
        except CircuitOpenError:
            end.wait()
            return False
        end.wait()
        permit.succeeded()
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(20):
            opened(breaker)
            clock.advance(1)
            asked = [pool.submit(ask) for _ in range(THREADS)]
            assert sum(future.result(PATIENCE) for future in asked) == probes
            assert breaker.state == "closed"


def test_threads_count_every_call_and_see_each_change_once(clock: ManualClock) -> None:
    changes: Changes = []
    breaker = made(
        clock, failures=1000, rate=None, window=None, on_change=lambda _, was, now: changes.append((was, now))
    )
    ways: list[Way] = [by_call, by_with, by_permit, by_hand]

    def work(number: int) -> None:
        for turn in range(250):
            with contextlib.suppress(Down):
                ways[(number + turn) % 4](breaker, int if turn % 5 else down)

    def hammer() -> None:
        while not changes:
            with contextlib.suppress(Down, CircuitOpenError):
                breaker.call(down)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
        assert (breaker.stats().calls, breaker.stats().failed) == (2000, 400)
        for future in [pool.submit(hammer) for _ in range(8)]:
            future.result(PATIENCE)
    assert changes == [("closed", "open")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it needs fork")
def test_a_forked_child_goes_on_by_itself_and_probes_at_a_time_of_its_own() -> None:
    script = """
import os, threading
from hotset import CircuitBreaker, CircuitOpenError
from hotset.testing import ManualClock
import logging
logging.disable()
clock = ManualClock()
breaker = CircuitBreaker(failures=10**6, rate=None, jitter=1, clock=clock)
busy = True
def work():
    while busy:
        with breaker: pass
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
def length():
    breaker.trip()
    try: breaker.call(int)
    except CircuitOpenError as error: return error.retry_in
read, write = os.pipe()
for _ in range(5):
    child = os.fork()
    if child == 0:
        os.write(write, f"{length()} ".encode())
        breaker.reset()
        os._exit(0 if breaker.call(int) == 0 and breaker.stats().opened == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
busy = False
for thread in threads: thread.join()
assert breaker.state == "closed" and breaker.stats().opened == 0
print(len({*os.read(read, 1000).decode().split(), str(length())}))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.stdout, done.stderr) == ("6\n", "")


# What is kept alive


def test_a_breaker_that_only_its_own_listener_knows_is_freed(clock: ManualClock) -> None:
    class Listener:
        breaker: CircuitBreaker
        permit: hotset._core.Permit

        def changed(self, *_: object) -> None: ...

    listener = Listener()
    listener.breaker = made(clock, on_change=listener.changed)
    listener.permit = listener.breaker.allow()
    gone = weakref.ref(listener.breaker)
    del listener
    gc.collect()
    assert gone() is None


def test_an_exception_is_not_kept_alive(clock: ManualClock) -> None:
    class Local: ...

    def fails() -> None:
        local = Local()
        alive.append(weakref.ref(local))
        raise Down

    alive: list[weakref.ref[Local]] = []
    breaker = made(clock)
    for way in (by_call, by_with, by_coroutine_function):
        with contextlib.suppress(Down):
            way(breaker, fails)
    gc.collect()
    assert breaker.state == "open" and [reference() for reference in alive] == [None] * 3


def test_a_breaker_is_left_by_the_context_it_was_used_in(clock: ManualClock) -> None:
    breaker = made(clock)
    with breaker, breaker:
        pass
    gone = weakref.ref(breaker)
    del breaker
    assert gone() is None


def test_a_breaker_is_one_and_not_copied(clock: ManualClock) -> None:
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            copied(made(clock))


# Against a plain model


class Model:
    """A breaker over a list of all calls. Times are whole seconds."""

    def __init__(self, failures: int, least_calls: int, rate: float, probes: int) -> None:
        self.failures, self.least_calls, self.rate, self.probes = failures, least_calls, rate, probes
        self.state, self.until, self.streak, self.in_a_row, self.succeeded = "closed", 0, 0, 0, 0
        self.calls: deque[tuple[int, bool]] = deque()

    def allows(self, now: int) -> bool:
        if self.state == "open" and now >= self.until:
            self.state, self.succeeded = "half-open", 0
        return self.state != "open"

    def end(self, now: int, fails: bool | None) -> None:
        if fails is None:
            return
        if self.state == "half-open":
            self.succeeded += 1
            if fails:
                self.open(now)
            elif self.succeeded == self.probes:
                self.close()
            return
        self.calls.append((now, fails))
        self.in_a_row = self.in_a_row + 1 if fails else 0
        recent = [failed for at, failed in self.calls if at + 10 > now]
        is_bad = len(recent) >= self.least_calls and sum(recent) >= self.rate * len(recent)
        if fails and (self.in_a_row >= self.failures or is_bad):
            self.open(now)

    def open(self, now: int) -> None:
        self.state, self.until = "open", now + min(4 * 2**self.streak, 64)
        self.streak += 1

    def close(self) -> None:
        self.state, self.streak, self.in_a_row = "closed", 0, 0
        self.calls.clear()


#: The core's clock counts in units of 2**14 ns: a second of the model is a whole number of them.
SECOND = 61_035 * 2**14 / 1e9

STEPS = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from(["good", "good", "bad", "bad", "answer", "interrupt", "reset", "trip"]),
        st.sampled_from([by_call, by_with, by_permit, by_decorator]),
    ),
    max_size=80,
)
RAISED: dict[str, BaseException] = {"bad": Down(), "answer": NotFound(), "interrupt": KeyboardInterrupt()}
FAILS = {"good": False, "bad": True, "answer": False, "interrupt": None}


@settings(max_examples=150, deadline=None)
@given(STEPS, st.integers(1, 5), st.integers(1, 8), st.sampled_from([0.25, 0.5, 1.0]), st.integers(1, 3))
def test_it_does_as_a_plain_model_does(
    steps: list[tuple[int, str, Way]], failures: int, least_calls: int, rate: float, probes: int
) -> None:
    clock, now = ManualClock(), 0
    model = Model(failures, least_calls, rate, probes)
    breaker = CircuitBreaker(
        failures=failures,
        rate=rate,
        window=10 * SECOND,
        least_calls=least_calls,
        open_for=4 * SECOND,
        most_open=64 * SECOND,
        jitter=0,
        probes=probes,
        failure=Down,
        clock=clock,
    )
    for later, step, through in steps:
        now += later
        if later:
            clock.advance(later * SECOND)
        if step == "reset":
            breaker.reset()
            model.close()
        elif step == "trip":
            breaker.trip()
            model.open(now)
        elif model.allows(now):
            error = RAISED.get(step)
            if error is None:
                assert through(breaker, lambda: 7) == 7
            else:
                with pytest.raises(type(error)):
                    through(breaker, functools.partial(raises, error))
            model.end(now, FAILS[step])
        else:
            with pytest.raises(CircuitOpenError) as caught:
                through(breaker, int)
            assert caught.value.retry_in == pytest.approx((model.until - now) * SECOND, abs=1e-3)
        assert breaker.state == model.state
