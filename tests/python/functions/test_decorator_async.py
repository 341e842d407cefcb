"""Decorated coroutine functions: when a call looks, what a miss does, and that its awaitable passes for a coroutine."""

import asyncio
import collections.abc
import gc
import inspect
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hotset import MISSING, cache_result, cached_property
from hotset.testing import ManualClock

try:
    import uvloop
except ImportError:
    uvloop = None

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def _run_on_uvloop(main: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


@pytest.fixture(params=["asyncio", "uvloop", "debug"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine in a new loop of each kind."""
    if request.param == "uvloop":
        return _run_on_uvloop if uvloop else pytest.skip("uvloop is not installed")
    return lambda main: asyncio.run(main, debug=request.param == "debug")


class Counted:
    """A coroutine function that says how often it was called, after a switch of tasks."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    async def __call__(self, x: int) -> int:
        self.calls.append(x)
        count = len(self.calls)
        await asyncio.sleep(0)
        return count


@pytest.fixture
def load() -> Counted:
    """What is decorated."""
    return Counted()


# When a call looks


def test_a_miss_does_nothing_until_it_is_awaited(run: Run, load: Counted) -> None:
    f = cache_result(load)

    async def main() -> None:
        pending = f(1)
        await asyncio.sleep(0)
        assert load.calls == []
        assert await pending == 1

    run(main())


def test_a_hit_is_decided_when_the_call_is_made(run: Run, load: Counted) -> None:
    f = cache_result(load)

    async def main() -> None:
        await f(1)
        hit = f(1)
        f.invalidate(1)
        assert await hit == 1
        assert await f(1) == 2

    run(main())


def test_a_miss_looks_again_when_it_is_awaited(run: Run, load: Counted) -> None:
    f = cache_result(load)

    async def main() -> None:
        first, second = f(1), f(1)
        assert [await first, await second] == [1, 1]
        third = f(2)
        f.set(20, 2)
        assert await third == 20
        assert load.calls == [1]

    run(main())


@pytest.mark.filterwarnings("error")
def test_a_call_that_is_never_awaited_leaves_nothing_behind(load: Counted) -> None:
    f = cache_result(load)

    class Argument:
        """Keyed by identity, so that it would be noted."""

    argument: Any = Argument()
    pending = f(argument)
    reference = weakref.ref(argument)
    del pending, argument
    gc.collect()
    assert reference() is None
    assert (load.calls, f.cache_info().currsize, len(f.cache)) == ([], 0, 0)


def test_the_key_is_that_of_the_arguments_when_the_load_begins(run: Run) -> None:
    @cache_result
    async def total(numbers: list[int]) -> int:
        result = sum(numbers)
        numbers.append(100)
        return result

    async def main() -> None:
        assert await total([1, 2]) == 3
        assert total.peek([1, 2, 100]).__await__ is not None
        assert await total.peek([1, 2, 100]) is MISSING
        assert await total.peek([1, 2]) == 3

    run(main())


# Its awaitable passes for a coroutine


@pytest.mark.parametrize("primed", [True, False], ids=["hit", "miss"])
@pytest.mark.parametrize(
    "through",
    [
        asyncio.create_task,
        asyncio.ensure_future,
        asyncio.gather,
        lambda awaitable: asyncio.wait_for(awaitable, 5),
        lambda awaitable: asyncio.wait_for(awaitable, None),
        lambda awaitable: asyncio.shield(awaitable),
        lambda awaitable: asyncio.get_running_loop().create_task(awaitable, name="load"),
    ],
    ids=["create_task", "ensure_future", "gather", "wait_for", "wait_for_ever", "shield", "named_task"],
)
@pytest.mark.parametrize("value", [7, None, (1, 2), [], ValueError("a value"), StopIteration(1)], ids=repr)
def test_it_works_wherever_a_coroutine_does(run: Run, primed: bool, through: Callable[[Any], Any], value: Any) -> None:
    calls: list[int] = []

    @cache_result
    async def f() -> Any:
        calls.append(1)
        return value

    async def main() -> None:
        if primed:
            await f()
        result = await through(f())
        assert (result[0] if through is asyncio.gather else result) is value
        assert await f() is value
        assert calls == [1]

    run(main())


@pytest.mark.parametrize("primed", [True, False], ids=["hit", "miss"])
def test_it_is_what_a_loop_runs_and_what_isawaitable_says(run: Run, load: Counted, primed: bool) -> None:
    f = cache_result(load)
    if primed:
        run(f(1))
    assert inspect.isawaitable(f(1))
    assert isinstance(f(1), collections.abc.Coroutine)
    assert asyncio.iscoroutine(f(1))
    assert run(f(1)) == 1
    assert load.calls == [1]


@pytest.mark.parametrize("primed", [True, False], ids=["hit", "miss"])
def test_it_works_once(run: Run, load: Counted, primed: bool) -> None:
    f = cache_result(load)

    async def main() -> None:
        if primed:
            await f(1)
        awaitable = f(1)
        assert await awaitable == 1
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await awaitable
        assert await f(1) == 1

    run(main())


@pytest.mark.parametrize("primed", [True, False], ids=["hit", "miss"])
def test_it_can_be_closed_and_thrown_into_before_it_began(run: Run, load: Counted, primed: bool) -> None:
    f = cache_result(load)
    if primed:
        run(f(1))
    with pytest.raises(KeyError, match="thrown"):
        f(1).throw(KeyError("thrown"))
    closed = f(1)
    closed.close()
    closed.close()
    with pytest.raises(RuntimeError):
        run(closed)
    assert load.calls == [1] * primed


def test_a_coroutine_may_be_driven_by_hand(load: Counted) -> None:
    f = cache_result(load)
    missed = f(1)
    assert missed.send(None) is None
    with pytest.raises(StopIteration) as missing:
        missed.send(None)
    with pytest.raises(StopIteration) as hit:
        f(1).send(None)
    assert [missing.value.value, hit.value.value] == [1, 1]


def test_a_cancelled_load_stores_nothing_and_the_next_caller_loads(run: Run) -> None:
    began: list[int] = []

    @cache_result
    async def f() -> int:
        began.append(1)
        try:
            await asyncio.sleep(3600 if len(began) == 1 else 0)
        finally:
            began.append(0)
        return len(began)

    async def main() -> None:
        task = asyncio.create_task(f())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (began, f.cache_info().currsize) == ([1, 0], 0)
        assert [await f(), await f()] == [4, 4]

    run(main())


def test_an_exception_comes_out_and_is_not_cached(run: Run) -> None:
    calls: list[int] = []

    @cache_result
    async def f() -> int:
        calls.append(1)
        await asyncio.sleep(0)
        if len(calls) == 1:
            raise KeyError("first")
        return len(calls)

    async def main() -> None:
        with pytest.raises(KeyError, match="first"):
            await f()
        assert [await f(), await f()] == [2, 2]

    run(main())


def test_arguments_that_fit_no_call_raise_a_type_error(run: Run, load: Counted) -> None:
    async def main() -> None:
        with pytest.raises(TypeError):
            await cache_result(load)(1, 2, 3)

    run(main())


# Verbs


def test_what_verbs_do_in_memory_is_done_when_they_return(run: Run, load: Counted, clock: ManualClock) -> None:
    f = cache_result(ttl="10s", clock=clock)(load)

    async def main() -> None:
        for verb in (f.set("set", 1), f.peek(1), f.expire(1), f.invalidate(1)):
            assert inspect.isawaitable(verb)
        awaited = [f.set("set", 1), f.peek(1), f.expire(1), f.peek(1), f.expire(1), f.set("again", 1), f.invalidate(1)]
        assert f.cache_info().currsize == 0
        assert [await verb for verb in awaited] == [None, "set", True, MISSING, False, None, True]
        assert await f.invalidate(1) is False
        assert load.calls == []

    run(main())


def test_refresh_loads_when_it_is_awaited(run: Run, load: Counted) -> None:
    f = cache_result(load)

    async def main() -> None:
        assert await f(1) == 1
        refresh = f.refresh(1)
        assert load.calls == [1]
        assert await f(1) == 1
        assert [await refresh, await f(1)] == [2, 2]

    run(main())


def test_key_info_and_clear_are_not_awaited(run: Run, load: Counted) -> None:
    f = cache_result(load)
    run(f(1))
    assert run(f.uncached(1)) == 2
    assert f.cache_key(1) == f.cache_key(x=1)
    assert f.cache_info().currsize == 1
    assert f.cache_clear() is None
    assert f.cache_info().currsize == 0


def test_methods_and_properties_are_awaited(run: Run) -> None:
    class Store:
        def __init__(self) -> None:
            self.calls = 0

        @cache_result
        async def get(self, x: int) -> list[int]:
            self.calls += 1
            return [x]

        @cached_property
        async def size(self) -> list[int]:
            self.calls += 1
            return [self.calls]

    async def main() -> None:
        store = Store()
        assert await store.get(1) is await store.get(x=1)
        assert await store.size is await store.size
        assert store.calls == 2
        assert await store.get.invalidate(1) is True
        del store.size
        assert [await store.get(1), await store.size] == [[1], [4]]
        reference = weakref.ref(store)
        del store
        assert reference() is None

    run(main())


def test_many_loops_one_after_the_other_share_what_was_loaded(run: Run, load: Counted) -> None:
    f = cache_result(load)
    assert [run(f(x)) for x in (1, 2, 1, 2)] == [1, 2, 1, 2]
    assert load.calls == [1, 2]


def test_the_arguments_of_an_end_outlive_it() -> None:
    @cache_result
    async def f(value: object) -> object:
        return value

    asyncio.run(f(1))
    asyncio.run(f(None))
    asyncio.run(f((1, 2)))

    def end(argument: object) -> StopIteration:
        with pytest.raises(StopIteration) as caught:
            f(argument).send(None)
        return caught.value

    for _ in range(3):
        kept = [end(1), end(None), end((1, 2)), end(1)]
        args = [exception.args for exception in kept]
        values = [exception.value for exception in kept]
        del kept
        assert [end(number).value for number in (1, None, (1, 2))] == [1, None, (1, 2)]
        assert args == [(1,), (), ((1, 2),), (1,)]
        assert values == [1, None, (1, 2), 1]


def test_a_hit_of_none_can_be_awaited_sent_to_and_iterated() -> None:
    @cache_result
    async def f() -> None:
        return None

    asyncio.run(f())
    assert asyncio.run(f()) is None
    assert list(f().__await__()) == []
    with pytest.raises(StopIteration):
        next(f().__await__())
    used = f()
    with pytest.raises(StopIteration):
        used.send(None)
    with pytest.raises(RuntimeError, match="already awaited"):
        used.send(None)
