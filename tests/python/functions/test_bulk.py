"""Functions of many keys, and single awaits gathered into one call."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable
from typing import Any

import hotset
import pytest
from hotset import MISSING, Batcher, Cache, cache_result, cache_result_many
from hotset.testing import ManualClock

Asked = list[list[int]]


def squares(asked: Asked, **options: Any) -> Any:
    @cache_result_many(**options)
    def f(numbers: list[int]) -> dict[int, int]:
        """Squares."""
        asked.append(numbers)
        return {number: number**2 for number in numbers if number < 100}

    return f


def test_only_what_is_missing_is_loaded_in_one_call() -> None:
    asked: Asked = []
    f = squares(asked)
    assert f([1, 2, 2, 3]) == {1: 1, 2: 4, 3: 9}
    assert list(f((3, 4, 1)).items()) == [(3, 9), (4, 16), (1, 1)]
    assert f([]) == {} and f([1, 500]) == {1: 1} and f([500]) == {}
    assert asked == [[1, 2, 3], [4], [500], [500]]
    stats = f.cache.stats()
    assert (stats.hits, stats.loads, len(f.cache)) == (3, 4, 4)


def test_verbs_of_single_keys() -> None:
    asked: Asked = []
    f = squares(asked)
    assert f.peek(1) is MISSING and f.peek(1, None) is None
    f.set(-1, 1)
    assert f([1, 2]) == {1: -1, 2: 4} and f.peek(1) == -1
    assert (f.invalidate(1, 7), f.expire(2)) == (1, 1)
    assert f([1, 2]) == {1: 1, 2: 4} and f.uncached([3]) == {3: 9}
    assert asked == [[2], [1, 2], [3]]


def test_it_shows_the_function_that_it_is_of() -> None:
    f = squares([])
    assert (f.__name__, f.__doc__, repr(f)) == ("f", "Squares.", f"<hotset.CachedMany {f.__module__}.{f.__qualname__}>")
    assert f.cache.name.endswith("squares.<locals>.f") and isinstance(f, hotset.CachedMany)


def test_without_parentheses() -> None:
    @cache_result_many
    def f(keys: list[str]) -> dict[str, str]:
        return {key: key.upper() for key in keys}

    assert f("ab") == {"a": "A", "b": "B"} and len(f.cache) == 2


def test_functions_that_share_a_cache_share_no_key() -> None:
    cache: Cache[Any, Any] = Cache()
    f, g = squares([], cache=cache), squares([], cache=cache)
    f.set("f", 1)
    g.set("g", 1)
    cache[1] = "mapping"
    assert (f([1]), g([1]), cache[1], len(cache)) == ({1: "f"}, {1: "g"}, "mapping", 3)
    assert f.invalidate(1) == 1 and g([1]) == {1: "g"}


def test_lives_and_tags() -> None:
    clock = ManualClock()
    asked: Asked = []
    f = squares(asked, ttl=10, tags=["n:{key}", "all"], clock=clock)
    f([1, 2])
    f.cache.invalidate_tags("n:1")
    f([1, 2])
    clock.advance(11)
    f([1, 2])
    f.cache.invalidate_tags("all")
    f([1])
    assert asked == [[1, 2], [1], [1, 2], [1]]


def test_a_tag_that_is_invalidated_during_the_load_refuses_its_keys_fill() -> None:
    @cache_result_many(tags=["n:{key}"])
    def f(numbers: list[int]) -> dict[int, int]:
        f.cache.invalidate_tags("n:2")
        return dict.fromkeys(numbers, 0)

    assert f([1, 2, 3]) == {1: 0, 2: 0, 3: 0} and sorted(f.cache) == [1, 3] and f.cache.stats().refused == 1


def test_coroutine_functions() -> None:
    asked: Asked = []

    @cache_result_many(ttl="1h")
    async def f(numbers: list[int]) -> dict[int, int]:
        asked.append(numbers)
        await asyncio.sleep(0)
        return {number: number**2 for number in numbers}

    async def main() -> None:
        results = await asyncio.gather(f([1, 2]), f([2, 3]), f([3, 1]))
        assert results == [{1: 1, 2: 4}, {2: 4, 3: 9}, {3: 9, 1: 1}]
        assert await f([1, 4]) == {1: 1, 4: 16}

    asyncio.run(main())
    assert sorted(number for numbers in asked for number in numbers) == [1, 2, 3, 4]


def test_threads_share_loads() -> None:
    asked: Asked = []
    f = squares(asked)
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait(30)
        assert f(range(50)) == {number: number**2 for number in range(50)}

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(number for numbers in asked for number in numbers) == list(range(50))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"tags": "abc"}, TypeError, "write a list"),
        ({"tags": [7]}, TypeError, "a tag is a text"),
        ({"tags": ["user:{user_id}"]}, ValueError, "{key} is the only name"),
        ({"tags": ["user:{key"]}, ValueError, "of no use"),
        ({"maxsize": "x"}, (TypeError, ValueError), "maxsize"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        cache_result_many(**options)(lambda keys: {})
    with pytest.raises(TypeError, match="decorates functions"):
        cache_result_many(7)  # type: ignore[call-overload]


def test_an_answer_that_is_no_mapping_is_an_error_and_stores_nothing() -> None:
    def load(keys: list[int]) -> Any:
        return [f"value of {key}" for key in keys]

    async def load_async(keys: list[int]) -> Any:
        return load(keys)

    message = "returned a list: return a dict from each key"
    cache: Cache[int, str] = Cache("lists")
    for enabled in (True, False):
        cache.enabled = enabled
        with pytest.raises(TypeError, match=message):
            cache_result_many(load)([0, 1])
        with pytest.raises(TypeError, match=message):
            cache.load_many([0, 1], load)
        with pytest.raises(TypeError, match=message):
            asyncio.run(cache.aio.load_many([0, 1], load_async))
    cache.enabled = True
    assert dict(cache) == {}
    assert cache.load_many([0, 1], lambda keys: dict.fromkeys(keys, "found")) == {0: "found", 1: "found"}


# Batches


def batches(asked: Asked, **options: Any) -> Batcher[int, int]:
    async def load(numbers: list[int]) -> dict[int, int]:
        asked.append(numbers)
        await asyncio.sleep(0)
        return {number: -number for number in numbers if number < 100}

    return Batcher(load, **options)


def test_what_is_awaited_in_one_turn_is_one_call() -> None:
    async def main() -> None:
        asked: Asked = []
        load = batches(asked)
        assert await asyncio.gather(*(load(number) for number in (1, 2, 3, 2))) == [-1, -2, -3, -2]
        assert await load(4) == -4
        assert asked == [[1, 2, 3], [4]]

    asyncio.run(main())


def test_beneath_a_cached_function() -> None:
    async def main() -> None:
        asked: Asked = []
        load = batches(asked)

        @cache_result
        async def f(number: int) -> int:
            return await load(number)

        assert await asyncio.gather(*(f(number) for number in (1, 2, 3, 2))) == [-1, -2, -3, -2]
        assert await asyncio.gather(f(3), f(4), f(5)) == [-3, -4, -5]
        assert asked == [[1, 2, 3], [4, 5]]

    asyncio.run(main())


def test_batches_have_a_size() -> None:
    async def main() -> None:
        asked: Asked = []
        load = batches(asked, max_size=2)
        await asyncio.gather(*(load(number) for number in range(5)))
        assert asked == [[0, 1], [2, 3], [4]]

    asyncio.run(main())


def test_a_key_that_is_left_out_raises_alone() -> None:
    async def main() -> None:
        load = batches([])
        results = await asyncio.gather(load(1), load(100), load(2), return_exceptions=True)
        assert results[0] == -1 and results[2] == -2
        assert isinstance(results[1], KeyError) and results[1].args == (100,)

    asyncio.run(main())


def test_an_error_is_raised_for_each_key() -> None:
    async def fails(_keys: Iterable[int]) -> dict[int, int]:
        raise LookupError("no")

    async def main() -> None:
        load = Batcher(fails)
        errors = await asyncio.gather(load(1), load(2), return_exceptions=True)
        assert [(type(error), str(error)) for error in errors] == [(LookupError, "no")] * 2
        assert errors[0] is not errors[1]

    asyncio.run(main())


def test_who_is_cancelled_takes_nothing_from_the_others() -> None:
    async def main() -> None:
        asked: Asked = []
        load = batches(asked)
        first, second = asyncio.create_task(load(1)), asyncio.create_task(load(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == -2 and asked == [[2]]

    asyncio.run(main())


def test_a_batch_that_nobody_waits_for_is_cancelled() -> None:
    async def main() -> None:
        ends: list[str] = []

        async def slow(_keys: list[int]) -> dict[int, int]:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ends.append("cancelled")
                raise
            return {}

        load = Batcher(slow)
        waiting = [asyncio.create_task(load(number)) for number in range(2)]
        await asyncio.sleep(0.01)
        waiting[0].cancel()
        await asyncio.sleep(0.01)
        assert not ends
        waiting[1].cancel()
        await asyncio.sleep(0.01)
        assert ends == ["cancelled"] and len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_batches_of_several_loops_are_apart() -> None:
    asked: Asked = []
    load = batches(asked)

    async def main() -> list[int]:
        return list(await asyncio.gather(load(1), load(2)))

    for _ in range(3):
        assert asyncio.run(main()) == [-1, -2]
    assert asked == [[1, 2]] * 3


def test_arguments_of_a_batcher() -> None:
    with pytest.raises(TypeError, match="async function"):
        Batcher(7)  # type: ignore[arg-type]
    for size in (0, -1, "x", 1.5):
        with pytest.raises(ValueError, match="max_size"):
            batches([], max_size=size)


def test_a_load_of_many_keys_that_stale_values_hide_is_told_to_the_log_until_one_succeeds(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hotset")
    cache: Cache[str, int] = Cache("hidden", ttl=10, grace="1h", soft_timeout=None, clock=clock)
    cache.set_many({"a": 1, "b": 2})

    def fail(_keys: list[str]) -> dict[str, int]:
        raise LookupError("down")

    clock.advance(11)
    assert cache.load_many(["a", "b"], fail) == {"a": 1, "b": 2}
    clock.advance(3)
    assert cache.load_many(["a", "b"], lambda keys: dict.fromkeys(keys, 3)) == {"a": 3, "b": 3}
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
