"""The tools for testing code that caches, and the pytest plugin."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import hotset
import pytest
from hotset import Cache, Missing, cache_result
from hotset.testing import (
    Chaos,
    ManualClock,
    advance,
    assert_loads,
    caching_off,
    clear_all,
    wait_for_loads,
    wait_for_loads_async,
)
from ways_to_load import eventually

pytest_plugins = ["pytester"]


# Time


def test_time_passes_for_entries_of_all_caches() -> None:
    cache: Cache[str, int] = Cache(ttl="1h")

    @cache_result(ttl="10m")
    def f(number: int) -> int:
        return number

    cache.set("hour", 1)
    cache.set("ever", 1, ttl=None)
    cache.set("idle", 1, ttl=None, idle="5m")
    f(1)
    advance("4m")
    assert "idle" in cache and cache["idle"] == 1
    advance("4m")
    assert cache["idle"] == 1 and f.peek(1) == 1, "a read renews what would leave unread"
    advance("6m")
    assert dict(cache) == {"hour": 1, "ever": 1} and f.peek(1) is hotset.MISSING
    cache.set("later", 1)
    advance("50m")
    assert dict(cache) == {"ever": 1, "later": 1}
    assert cache.stats().expired == 2
    advance("1h")
    assert cache.sweep() == 1 and dict(cache) == {"ever": 1}


def test_time_passes_for_one_cache() -> None:
    one: Cache[str, int] = Cache(ttl=10)
    f = cache_result(ttl=10)(lambda number: number)
    one["a"] = 1
    f(1)
    advance(11, of=one)
    assert not one and len(f.cache) == 1
    advance(11, of=f)
    assert not f.cache
    with pytest.raises(TypeError, match="a cache or a decorated function"):
        advance(1, of=7)
    with pytest.raises(ValueError, match="duration"):
        advance(-1)


def test_a_manual_clock_is_a_time_of_its_own() -> None:
    clock = ManualClock()
    cache: Cache[str, int] = Cache(ttl=10, clock=clock)
    cache["a"] = 1
    advance("1h")
    assert cache["a"] == 1
    clock.advance(11)
    assert not cache


def test_time_passes_for_many_lives() -> None:
    cache: Cache[int, int] = Cache(maxsize=None)
    for seconds in range(1, 2_000):
        cache.set(seconds, seconds, ttl=seconds)
    for passed in range(0, 2_000, 100):
        assert min(cache, default=passed + 1) == passed + 1
        advance(100)
    assert not cache


# Loads


def test_loads_are_counted() -> None:
    f = cache_result(lambda number: 1 / number)
    with assert_loads(2):
        f(1), f(1), f(2)
    with assert_loads(0, of=f), assert_loads(0, of=f.cache):
        f(1), f(2)
    with assert_loads(1, of=f), pytest.raises(ZeroDivisionError):
        f(0)
    with pytest.raises(AssertionError, match=r"2 loads instead of 1 \(.*<lambda>: 2\)"), assert_loads(1):
        f(3), f(4)
    with pytest.raises(AssertionError, match="no cache has loaded"), assert_loads(1, of=f):
        f(3)


def test_what_the_block_raises_comes_out() -> None:
    with pytest.raises(LookupError), assert_loads(1):
        raise LookupError


def test_caching_can_be_switched_off() -> None:
    calls: list[int] = []
    f = cache_result(calls.append)
    f(1)
    with caching_off():
        f(1), f(1)
        made: Cache[str, int] = Cache()
        made["a"] = 1
        assert not made
    f(1), f(1)
    assert calls == [1] * 4


def test_all_caches_can_be_cleared() -> None:
    cache: Cache[int, int] = Cache(maxsize=None)
    cache.update((number, number) for number in range(5_000))
    clear_all()
    assert not any(len(one) for one in hotset.caches()) and cache.stats().cleared == 5_000


# Chaos


def test_a_loader_fails_on_demand() -> None:
    chaos = Chaos(str.upper)
    f = cache_result(chaos)
    chaos.fail_next(2)
    chaos.fail_next(error=LookupError("no"))
    for error in (ConnectionError, ConnectionError, LookupError):
        with pytest.raises(error):
            f("a")
    assert f("a") == f("a") == "A" and chaos.calls == 4


def test_a_loader_fails_at_random_and_repeatably() -> None:
    def failures(seed: int) -> list[int]:
        chaos = Chaos(str.upper, error_rate=0.3, error=TimeoutError, seed=seed)
        failed = []
        for number in range(200):
            try:
                chaos("a")
            except TimeoutError:
                failed.append(number)
        return failed

    assert failures(1) == failures(1) != failures(2) and 30 < len(failures(1)) < 90


def test_a_loader_waits_on_demand() -> None:
    chaos = Chaos(str.upper)
    cache: Cache[str, str] = Cache()
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(cache.get_or_load("a", chaos))) for _ in range(5)]
    with chaos.held(), assert_loads(0):
        for thread in threads:
            thread.start()
        eventually(lambda: cache.stats().misses >= 5)
        assert not results
    for thread in threads:
        thread.join(30)
    assert results == ["A"] * 5 and chaos.calls == 1


def test_a_coroutine_loader_fails_and_waits() -> None:
    async def upper(key: str) -> str:
        return key.upper()

    async def main() -> None:
        chaos = Chaos(upper)
        f = cache_result(chaos)
        chaos.fail_next(error=LookupError)
        with pytest.raises(LookupError):
            await f("a")
        with chaos.held():
            waiting = [asyncio.create_task(f("a")) for _ in range(3)]
            await asyncio.sleep(0.01)
            assert not any(task.done() for task in waiting)
        assert await asyncio.gather(*waiting) == ["A"] * 3 and chaos.calls == 2

    asyncio.run(main())


@pytest.mark.parametrize("arguments", [{"error_rate": 2}, {"error_rate": -0.1}])
def test_arguments_of_chaos(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="error_rate"):
        Chaos(str.upper, **arguments)
    with pytest.raises(TypeError, match="give a loader"):
        Chaos(7)  # type: ignore[arg-type]


# The plugin

TESTS = """
    import hotset
    from hotset import Cache, cache_result

    cache = Cache(ttl="1h")

    @cache_result(ttl="1h")
    def f(number):
        return object()

    def test_first(hotset_clean):
        assert not cache
        cache["left"] = 1
        f(1)

    def test_second():
        assert {left}
        cache["left"] = 1

    def test_time(hotset_time, hotset_clean):
        first = f(1)
        hotset_time("30m")
        assert f(1) is first
        hotset_time("31m")
        assert f(1) is not first

    def test_loads(hotset_loads, hotset_clean):
        with hotset_loads(1, of=f):
            f(1), f(1)

    def test_off(hotset_off):
        assert f(1) is not f(1)

    def test_on():
        assert f(1) is f(1)
"""


@pytest.mark.parametrize("configured", [False, True])
def test_the_plugin(pytester: pytest.Pytester, configured: bool) -> None:
    pytester.makepyfile(TESTS.format(left="not cache"))
    if configured:
        pytester.makeini("[pytest]\nhotset_clean = true")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=6)


def test_the_fixtures_say_what_they_are_for(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--fixtures", "-p", "no:cacheprovider")
    shown = result.stdout.str()
    assert all(name in shown for name in ("hotset_time", "hotset_clean", "hotset_off", "hotset_loads"))


def test_loads_in_the_background_are_waited_for() -> None:
    clock, released = ManualClock(), threading.Event()

    @cache_result(ttl=10, grace=10, clock=clock)
    def load(key: str) -> str:
        assert released.wait(10)
        return key

    released.set()
    load("k")
    released.clear()
    clock.advance(15)
    load("k")
    with pytest.raises(TimeoutError, match=r"loads are in progress still after 0\.01 s, of .*load"):
        wait_for_loads(load, timeout="10ms")
    released.set()
    wait_for_loads(load)
    assert load.peek("k") == "k"


def test_tasks_in_the_background_are_waited_for() -> None:
    clock = ManualClock()

    @cache_result(ttl=10, grace=10, clock=clock)
    async def load(key: str) -> str:
        await asyncio.sleep(0.005)
        return key

    async def main() -> str | Missing:
        await load("k")
        clock.advance(15)
        await load("k")
        await wait_for_loads_async(load)
        return await load.peek("k")

    assert asyncio.run(main()) == "k"
