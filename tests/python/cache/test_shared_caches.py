"""Functions that share a cache: what belongs to one leaves with it, and nothing of the others."""

import asyncio
import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hotset import Cache, cache_result, cache_result_many
from hotset.preview import Disk
from resident import growth_of


@pytest.fixture
def shared() -> Iterator[Cache[Any, Any]]:
    cache: Cache[Any, Any] = Cache("shared", maxsize=None)
    yield cache
    gc.collect()
    from hotset._core import validate

    validate(cache)


def result(number: int) -> bytearray:
    return bytearray(10)


async def result_async(number: int) -> bytearray:
    return bytearray(10)


def results(numbers: list[int]) -> dict[int, bytearray]:
    return {number: bytearray(10) for number in numbers}


def decorate(cache: Cache[Any, Any], kind: str) -> Callable[[int], Any]:
    """A function anew, as a request or a test would make one; called with a number it has one result in the cache."""
    match kind:
        case "function":
            return cache.cache_result(lambda number: result(number))
        case "with options":
            return cache.cache_result(ttl=60, grace=60, tags=["n:{number}"])(lambda number: result(number))
        case "with a timeout":
            return cache.cache_result(timeout=10, cache_errors=KeyError)(lambda number: result(number))
        case "keyed":
            return cache.cache_result(key=lambda number: [number], name="keyed")(lambda number: result(number))
        case "coroutine function":

            async def load(number: int) -> bytearray:
                return await result_async(number)

            function = cache.cache_result(load)
            return lambda number: asyncio.run(awaited(function(number)))
        case "method":

            class Own:
                @cache.cache_result
                def method(self, number: int) -> bytearray:
                    return result(number)

            return Own().method
        case "classmethod":

            class Its:
                @cache.cache_result
                @classmethod
                def method(cls, number: int) -> bytearray:
                    return result(number)

            return Its.method
        case _:
            many = cache_result_many(cache=cache)(lambda numbers: results(numbers))
            return lambda number: many([number])


async def awaited(call: Any) -> Any:
    return await call


KINDS = (
    "function",
    "with options",
    "with a timeout",
    "keyed",
    "coroutine function",
    "method",
    "classmethod",
    "function of many",
)


@pytest.mark.parametrize("kind", KINDS)
def test_results_leave_with_their_function(shared: Cache[Any, Any], kind: str) -> None:
    shared["mine"] = 1
    others = shared.cache_result(result)
    others(1)
    for number in range(100):
        decorate(shared, kind)(number)
    gc.collect()
    assert len(shared) == 2
    assert shared["mine"] == 1 and others.cache_info().currsize == 1
    assert shared.stats().misses >= 101, "what dead functions have counted counts"


@pytest.mark.parametrize("kind", ["function", "coroutine function", "function of many"])
def test_a_function_can_die_that_its_own_results_refer_to(shared: Cache[Any, Any], kind: str) -> None:
    alive: weakref.WeakSet[Any] = weakref.WeakSet()

    class Service:
        def __init__(self) -> None:
            alive.add(self)
            match kind:
                case "function":
                    self.get: Any = shared.cache_result(self._get)
                case "coroutine function":
                    function = shared.cache_result(self._get_async)
                    self.get = lambda number: asyncio.run(awaited(function(number)))
                case _:
                    many = cache_result_many(cache=shared)(self._get_many)
                    self.get = lambda number: many([number])

        def _get(self, number: int) -> Any:
            return self, number

        async def _get_async(self, number: int) -> Any:
            return self, number

        def _get_many(self, numbers: list[int]) -> Any:
            return {number: (self, number) for number in numbers}

    services = [Service() for _ in range(20)]
    for service in services:
        service.get(1)
        service.get(2)
    gc.collect()
    assert (len(alive), len(shared)) == (20, 40)
    kept = services[7]
    del services, service
    gc.collect()
    assert (len(alive), len(shared)) == (1, 2)
    assert shared.stats().misses == 40
    kept.get(1)
    assert shared.stats().misses == 40, "what is alive has kept its results"


def test_a_function_that_dies_leaves_no_memory_behind(shared: Cache[Any, Any]) -> None:
    def decorate_many() -> None:
        for _ in range(1_000):
            shared.cache_result(result)(1)

    memory = []
    for _ in range(3):
        decorate_many()
        before = blocks_in_use()
        decorate_many()
        memory.append(blocks_in_use() - before)
    assert min(memory) < 50, memory
    assert growth_of(decorate_many) < 64 << 10


def blocks_in_use() -> int:
    return sys.getallocatedblocks()


def test_the_listener_hears_of_what_a_dying_function_had() -> None:
    told: list[tuple[str, Any, str]] = []
    cache: Cache[Any, Any] = Cache(on_remove=lambda key, value, cause: told.append((str(key), value, cause)))
    function = cache.cache_result(name="f")(lambda number: [number])
    function(1), function(2)
    del function
    assert sorted(told) == [("<CallKey f(1)>", [1], "cleared"), ("<CallKey f(2)>", [2], "cleared")]


def test_a_listener_that_keeps_what_it_is_told_of_has_it_whole() -> None:
    kept: list[Any] = []
    cache: Cache[Any, Any] = Cache(on_remove=lambda _key, value, _cause: kept.append(value))

    class Service:
        def __init__(self) -> None:
            self.get = cache.cache_result(self._get)

        def _get(self, number: int) -> dict[str, Any]:
            return {"service": self, "number": number}

    Service().get(1)
    gc.collect()
    assert kept[0]["number"] == 1
    assert kept[0]["service"].get(2)["number"] == 2, "what a listener has taken goes on working"


def test_the_key_of_a_dead_function_is_nobody_elses(shared: Cache[Any, Any]) -> None:
    def make(factor: int) -> Any:
        return shared.cache_result(name=f"times {factor}")(lambda number: number * factor)

    first = make(2)
    first(1)
    key = first.cache_key(1)
    del first
    gc.collect()
    for factor in range(3, 20):
        function = make(factor)
        assert function(1) == factor
        assert shared.get(key) is None, "the key of a function that is gone finds another's result"
        assert str(key) == "<CallKey times 2(1)>"
    shared[key] = "stored for nobody"
    assert shared[key] == "stored for nobody"
    del key, function
    gc.collect()
    assert len(shared) == 0


def test_a_load_goes_on_whose_function_is_dropped_meanwhile(shared: Cache[Any, Any]) -> None:
    functions: list[Any] = []

    def load(number: int) -> bytearray:
        functions.clear()
        gc.collect()
        return result(number)

    functions.append(shared.cache_result(load))
    assert functions[0](1) == bytearray(10)
    gc.collect()
    assert len(shared) == 0


def test_what_is_cleared_is_no_functions_any_more(shared: Cache[Any, Any]) -> None:
    functions = [shared.cache_result(lambda number: result(number)) for _ in range(3)]
    for _ in range(3):
        for function in functions:
            for number in range(500):
                function(number)
        assert len(shared) == 1500
        shared.clear()
        assert len(shared) == 0
        functions[0](1)
        functions.pop(0)
        function = functions[-1]
        functions.append(shared.cache_result(lambda number: result(number)))
        gc.collect()
        assert len(shared) == 0


def test_a_function_that_dies_with_its_cache_takes_all_along() -> None:
    def make() -> weakref.ref[Any]:
        cache: Cache[Any, Any] = Cache()
        function = cache.cache_result(lambda: function)
        function()
        cache["function"] = function
        return weakref.ref(function)

    dead = make()
    gc.collect()
    assert dead() is None


def test_what_is_evicted_or_over_does_not_count_twice(clock: Any) -> None:
    cache: Cache[Any, Any] = Cache(maxsize=10, ttl=5, clock=clock)
    for round_ in range(20):
        function = cache.cache_result(lambda number: result(number))
        for number in range(30):
            function(number)
        if round_ % 2:
            clock.advance(6)
        del function
        assert len(cache) == 0
        assert cache.stats().entries == 0
    from hotset._core import validate

    validate(cache)


def test_over_a_tier_the_next_function_of_the_name_finds_the_results(tmp_path: Path) -> None:
    cache: Cache[Any, Any] = Cache("shared", tier=Disk(tmp_path, max_bytes="16MB"))
    calls: list[int] = []

    def decorate_by_name() -> Any:
        def load(number: int) -> int:
            calls.append(number)
            return number

        return cache.cache_result(name="load")(load)

    for _ in range(5):
        function = decorate_by_name()
        assert function(1) == 1
        del function
        gc.collect()
    assert calls == [1]


def test_over_a_tier_a_function_of_many_keys_is_known_by_its_name(tmp_path: Path) -> None:
    calls: list[list[int]] = []

    def squares(numbers: list[int]) -> dict[int, int]:
        calls.append(numbers)
        return {number: number * number for number in numbers}

    for _ in range(2):
        cache: Cache[Any, Any] = Cache("shared", tier=Disk(tmp_path, max_bytes="16MB"))
        many = cache_result_many(cache=cache, name="squares")(squares)
        assert many([1, 2, 3]) == {1: 1, 2: 4, 3: 9}
        assert many.peek(2) == 4
        cache.close()
    assert calls == [[1, 2, 3]]


def test_a_cache_of_its_own_goes_with_its_function() -> None:
    class Thing:
        pass

    @cache_result
    def function(number: int) -> Thing:
        return Thing()

    dead = weakref.ref(function(1))
    del function
    gc.collect()
    assert dead() is None
