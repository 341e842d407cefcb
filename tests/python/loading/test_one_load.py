"""G1: a key has one load at most that may still be stored, whoever asks: threads, tasks, event loops, all of them together."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from hotset import Cache, cache_result
from hotset._loading import waiters
from hotset._loading.drivers import block, drive
from hotset._loading.protocol import Asker, Want, obtain
from hotset._loading.sources import ManyValues
from ways_to_load import eventually, eventually_async

PATIENCE = 30
"""Seconds after which a test that waits has failed."""

MANY = 1_000


class Loads:
    """Counts loads, and lets them wait until so many callers have missed."""

    def __init__(self, cache: Cache[Any, Any] | None = None, callers: int = 0) -> None:
        self.cache, self.callers, self.count = cache, callers, 0

    def enough(self) -> bool:
        return self.cache is None or self.cache.stats().misses >= self.callers

    def load(self, key: object) -> list[object]:
        self.count += 1
        eventually(self.enough)
        return [key]

    async def load_async(self, key: object) -> list[object]:
        self.count += 1
        await eventually_async(self.enough)
        return [key]


def in_threads(count: int, work: Callable[[int], object]) -> list[Any]:
    """What the work returned or raised, in as many threads."""
    results: list[Any] = [None] * count

    def run(number: int) -> None:
        try:
            results[number] = work(number)
        except BaseException as error:  # the test looks at it
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    return results


@contextmanager
def a_load_in_progress(cache: Cache[Any, Any]) -> Iterator[Callable[[str], str]]:
    """A thread loads "key" until the end of the block; what it loads with. Then the value is there."""
    go = threading.Event()

    def load(key: str) -> str:
        assert go.wait(PATIENCE)
        return key

    leader = threading.Thread(target=cache.get_or_load, args=("key", load))
    leader.start()
    eventually(lambda: cache.stats().misses)
    try:
        yield load
    finally:
        go.set()
        leader.join(PATIENCE)
    assert cache["key"] == "key"


@contextmanager
def small_stacks() -> Iterator[None]:
    before = threading.stack_size(256 * 1024)
    try:
        yield
    finally:
        threading.stack_size(before)


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


def within(loop: asyncio.AbstractEventLoop, coroutine: Any) -> Any:
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result(PATIENCE)


# Stampedes


def test_a_thousand_threads_make_one_load() -> None:
    cache: Cache[Any, Any] = Cache()
    loads = Loads(cache, MANY)
    f = cache.cache_result(loads.load)
    with small_stacks():
        results = in_threads(MANY, lambda _: f("key"))
    assert loads.count == 1
    assert all(result is results[0] for result in results) and results[0] == ["key"]
    stats = cache.stats()
    assert (stats.misses, stats.loads, len(cache)) == (MANY, 1, 1)


def test_a_thousand_tasks_make_one_load() -> None:
    cache: Cache[Any, Any] = Cache()
    loads = Loads(cache, MANY)
    f = cache.cache_result(loads.load_async)

    async def main() -> list[Any]:
        return await asyncio.gather(*(f("key") for _ in range(MANY)))

    results = asyncio.run(main())
    assert loads.count == 1 and all(result is results[0] for result in results)


def test_threads_and_tasks_of_several_loops_make_one_load() -> None:
    cache: Cache[Any, Any] = Cache()
    loops, tasks, threads = 4, 50, 100
    loads = Loads(cache, loops * tasks + threads)

    def in_a_loop(_number: int) -> list[Any]:
        async def main() -> list[Any]:
            return await asyncio.gather(*(cache.aio.get_or_load("key", loads.load_async) for _ in range(tasks)))

        return asyncio.run(main())

    def work(number: int) -> list[Any]:
        return in_a_loop(number) if number < loops else [cache.get_or_load("key", loads.load)]

    results = [result for several in in_threads(loops + threads, work) for result in several]
    assert loads.count == 1
    assert len(results) == loops * tasks + threads and all(result is results[0] for result in results)


def test_loads_of_different_keys_do_not_wait_for_each_other() -> None:
    meet = threading.Barrier(8, timeout=PATIENCE)
    f = cache_result(lambda number: meet.wait() >= 0 and number)
    assert in_threads(8, lambda number: f(number + 1)) == [1, 2, 3, 4, 5, 6, 7, 8]


# Failures


def test_a_failed_load_raises_in_every_waiter_and_the_next_caller_tries_again() -> None:
    cache: Cache[Any, Any] = Cache()
    loads = Loads(cache, 20)

    @cache.cache_result
    def f(key: str) -> Any:
        loads.load(key)
        if loads.count == 1:
            raise LookupError("no", key)
        return key

    errors = in_threads(20, lambda _: f("key"))
    assert {(type(error), error.args) for error in errors} == {(LookupError, ("no", "key"))}
    assert loads.count == 1 and f("key") == "key" and loads.count == 2


def frames(error: BaseException) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def test_each_waiter_sees_the_loads_traceback_and_no_other_waiters() -> None:
    cache: Cache[Any, Any] = Cache()
    loads = Loads(cache, 10)

    @cache.cache_result
    def f(key: str) -> Any:
        loads.load(key)
        raise LookupError(key)

    def caller(_number: int) -> Any:
        return f("key")

    errors = in_threads(10, caller)
    assert len({id(error) for error in errors}) == 10
    assert {tuple(frames(error)) for error in errors} == {("run", "caller", "f")}


def test_each_waiting_task_sees_the_loads_traceback_and_no_other_waiters() -> None:
    cache: Cache[Any, Any] = Cache()
    loads = Loads(cache, 10)

    @cache.cache_result
    async def f(key: str) -> Any:
        await loads.load_async(key)
        raise LookupError(key)

    async def caller() -> Any:
        return await f("key")

    async def main() -> list[Any]:
        return await asyncio.gather(*(caller() for _ in range(10)), return_exceptions=True)

    errors = asyncio.run(main())
    assert loads.count == 1
    assert {type(error) for error in errors} == {LookupError}
    assert {(frames(error)[0], frames(error)[-1]) for error in errors} == {("caller", "f")}
    assert all(frames(error).count("caller") == 1 for error in errors)


class Awkward(Exception):
    """Cannot be made again from what it holds."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.second = second


def test_an_exception_that_cannot_be_copied_is_shared() -> None:
    cache: Cache[Any, Any] = Cache()
    loads = Loads(cache, 5)

    @cache.cache_result
    def f(key: str) -> Any:
        loads.load(key)
        raise Awkward("a", "b")

    errors = in_threads(5, lambda _: f("key"))
    assert all(type(error) is Awkward and error.second == "b" for error in errors) and loads.count == 1


def test_an_exception_that_cannot_be_copied_is_freed() -> None:
    class Held:
        pass

    cache: Cache[Any, Any] = Cache()
    alive: list[weakref.ref[Held]] = []

    def fail() -> None:
        error = Awkward("a", "b")
        error.held = Held()  # type: ignore[attr-defined]
        alive.append(weakref.ref(error.held))  # type: ignore[attr-defined]
        raise error

    def fail_here(_: object) -> Any:
        fail()

    async def fail_there(_: object) -> Any:
        await asyncio.sleep(0)
        fail()

    async def main() -> None:
        for load in (
            lambda: cache.aio.get_or_load("a", fail_there),
            lambda: cache.aio.load_many("ab", fail_there),
            lambda: cache_result(fail_there)("a"),
        ):
            with pytest.raises(Awkward):
                await load()
            await asyncio.gather(load(), load(), return_exceptions=True)

    for load in (lambda: cache.get_or_load("a", fail_here), lambda: cache.load_many("ab", fail_here)):
        assert {type(error) for error in in_threads(4, lambda _, load=load: load())} == {Awkward}
    asyncio.run(main())
    gc.collect()
    assert len(alive) >= 8 and not any(of() for of in alive)


def test_causes_and_notes_reach_every_waiter() -> None:
    cache: Cache[Any, Any] = Cache()
    loads = Loads(cache, 5)

    @cache.cache_result
    def f(key: str) -> Any:
        loads.load(key)
        error = LookupError(key)
        error.add_note("a note")
        raise error from ValueError("cause")

    for error in in_threads(5, lambda _: f("key")):
        assert error.__notes__ == ["a note"] and error.__cause__.args == ("cause",)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_stays_with_the_leader(kind: type[BaseException]) -> None:
    cache: Cache[Any, Any] = Cache()
    loads = Loads(cache, 5)

    @cache.cache_result
    def f(key: str) -> Any:
        loads.load(key)
        if loads.count == 1:
            raise kind
        return key

    results = in_threads(5, lambda _: f("key"))
    assert sorted(map(repr, results)) == sorted([repr(kind()), *["'key'"] * 4]) and loads.count == 2


def test_a_result_that_can_be_read_only_once_is_shared_with_nobody() -> None:
    cache: Cache[Any, Any] = Cache()
    loads = Loads(cache, 5)

    @cache.cache_result
    def f(key: str) -> Iterator[str]:
        loads.load(key)
        return iter(key)

    assert [list(result) for result in in_threads(5, lambda _: f("key"))] == [list("key")] * 5
    assert len(cache) == 0


def test_a_result_that_is_not_stored_is_shared_with_those_who_wait() -> None:
    cache: Cache[Any, Any] = Cache()
    loads = Loads(cache, 5)
    f = cache.cache_result(should_cache=lambda result, seconds: False)(loads.load)
    assert in_threads(5, lambda _: f("key")) == [["key"]] * 5
    assert (loads.count, len(cache)) == (1, 0)


# Cancellation


def test_a_cancelled_leader_cancels_nobody_else() -> None:
    async def main() -> None:
        go, count = asyncio.Event(), 0

        @cache_result
        async def f(key: str) -> str:
            nonlocal count
            count += 1
            await go.wait()
            return key

        leader = asyncio.create_task(f("key"))
        await asyncio.sleep(0)
        followers = [asyncio.create_task(f("key")) for _ in range(3)]
        await asyncio.sleep(0)
        leader.cancel()
        followers[0].cancel()
        await asyncio.sleep(0)
        go.set()
        results = await asyncio.gather(leader, *followers, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] * 2 + [str] * 2
        assert count == 1 and f.peek("key") is not None and await f.peek("key") == "key"

    asyncio.run(main())


def test_a_coroutines_load_is_cancelled_when_the_last_waiter_has_gone() -> None:
    async def main() -> None:
        ends: list[str] = []

        @cache_result
        async def f(key: str) -> str:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ends.append("cancelled")
                raise
            return key

        waiters = [asyncio.create_task(f("key")) for _ in range(3)]
        await asyncio.sleep(0.01)
        for number, waiter in enumerate(waiters):
            assert not ends, number
            waiter.cancel()
            await asyncio.sleep(0.01)
        assert ends == ["cancelled"]
        assert len(asyncio.all_tasks()) == 1
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(f("key"), 0.01)
        await asyncio.sleep(0.01)
        assert ends == ["cancelled"] * 2

    asyncio.run(main())


def test_a_threads_load_finishes_and_fills_when_its_waiters_have_gone() -> None:
    cache: Cache[Any, Any] = Cache()
    go = threading.Event()

    def load(key: str) -> str:
        assert go.wait(PATIENCE)
        return key

    async def impatient(key: str) -> str:
        raise AssertionError(f"a load of {key} is in progress")

    async def main() -> None:
        leader = asyncio.create_task(asyncio.to_thread(cache.get_or_load, "key", load))
        await eventually_async(lambda: cache.stats().misses)
        follower = asyncio.create_task(cache.aio.get_or_load("key", impatient))
        await eventually_async(lambda: cache.stats().misses >= 2)
        await asyncio.sleep(0.01)
        follower.cancel()
        await asyncio.wait([follower])
        assert follower.cancelled()
        go.set()
        assert await leader == "key"

    asyncio.run(main())
    assert cache["key"] == "key"


def test_a_task_that_is_cancelled_from_outside_leaves_the_load_to_a_follower() -> None:
    async def main() -> None:
        count = 0

        @cache_result
        async def f(key: str) -> str:
            nonlocal count
            count += 1
            if count == 1:
                raise asyncio.CancelledError
            return key

        results = await asyncio.gather(*(f("key") for _ in range(4)), return_exceptions=True)
        assert sorted(map(str, map(type, results))) == sorted([str(asyncio.CancelledError), *[str(str)] * 3])
        assert count == 2

    asyncio.run(main())


@pytest.mark.skipif(sys.platform == "win32", reason="sends itself a signal")
def test_a_thread_that_waits_can_be_interrupted() -> None:
    cache: Cache[Any, Any] = Cache()

    def interrupt() -> None:
        eventually(lambda: cache.stats().misses >= 2)
        threading.Event().wait(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    # A process that was started in the background may have inherited that the signal is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with a_load_in_progress(cache) as load:
        try:
            threading.Thread(target=interrupt).start()
            with pytest.raises(KeyboardInterrupt):
                cache.get_or_load("key", load)
        finally:
            signal.signal(signal.SIGINT, before)


# Circles


def test_a_load_that_asks_for_its_own_key_computes_it() -> None:
    @cache_result
    def f(number: int, depth: int = 0) -> int:
        return number if number > 3 else f(number)

    depths: list[int] = []

    @cache_result
    def once(key: str) -> str:
        depths.append(len(depths))
        return once(key) if len(depths) < 3 else key

    assert once("key") == "key" and depths == [0, 1, 2]


def test_a_task_that_asks_for_its_own_key_computes_it() -> None:
    depth = 0

    @cache_result
    async def f(key: str) -> str:
        nonlocal depth
        depth += 1
        return await f(key) if depth < 3 else key

    assert asyncio.run(asyncio.wait_for(f("key"), PATIENCE)) == "key" and depth == 3


def test_tasks_made_by_a_load_are_part_of_it() -> None:
    depth = 0

    @cache_result
    async def f(key: str) -> list[str]:
        nonlocal depth
        depth += 1
        if depth > 1:
            return [key]
        return [one for several in await asyncio.gather(f(key), f(key)) for one in several]

    async def main() -> list[str]:
        return await asyncio.wait_for(f("key"), PATIENCE)

    assert asyncio.run(main()) == ["key", "key"] and depth == 3


def test_threads_made_by_a_tasks_load_are_part_of_it() -> None:
    cache: Cache[Any, Any] = Cache()

    async def load(key: str) -> str:
        return await asyncio.to_thread(cache.get_or_load, key, str.upper)

    async def main() -> str:
        return await asyncio.wait_for(cache.aio.get_or_load("key", load), PATIENCE)

    assert asyncio.run(main()) == "KEY"


@pytest.mark.parametrize("length", [2, 3, 5])
def test_a_circle_of_threads_is_computed(length: int) -> None:
    all_lead = threading.Barrier(length, timeout=PATIENCE)
    first = [True] * length

    @cache_result
    def f(number: int) -> int:
        if first[number]:
            first[number] = False
            all_lead.wait()
            return f((number + 1) % length)
        return 7

    assert in_threads(length, f) == [7] * length


def test_a_circle_of_tasks_is_computed() -> None:
    async def main() -> None:
        lead, count = asyncio.Event(), 0

        @cache_result
        async def f(number: int) -> int:
            nonlocal count
            count += 1
            if count == 3:
                lead.set()
            if count > 3:
                return 7
            await lead.wait()
            return await f((number + 1) % 3)

        results = await asyncio.wait_for(asyncio.gather(f(0), f(1), f(2)), PATIENCE)
        assert results == [7, 7, 7]

    asyncio.run(main())


def test_a_circle_of_a_thread_and_a_task_is_computed() -> None:
    cache: Cache[Any, Any] = Cache()
    both_lead = threading.Barrier(2, timeout=PATIENCE)

    with running_loop() as loop:

        def load_in_thread(_key: str) -> str:
            both_lead.wait()
            return cache.get_or_load("of the task", lambda _: "computed by the thread")

        async def load_in_task(_key: str) -> str:
            await asyncio.to_thread(both_lead.wait)
            return await cache.aio.get_or_load("of the thread", computed_by_the_task)

        async def computed_by_the_task(_key: str) -> str:
            return "computed by the task"

        of_task = asyncio.run_coroutine_threadsafe(cache.aio.get_or_load("of the task", load_in_task), loop)
        of_thread = cache.get_or_load("of the thread", load_in_thread)
        assert {of_thread, of_task.result(PATIENCE)} <= {"computed by the thread", "computed by the task"}


def test_a_thread_never_waits_for_a_load_of_the_loop_that_it_runs() -> None:
    cache: Cache[Any, Any] = Cache()

    async def main() -> None:
        go = asyncio.Event()

        async def load(_key: str) -> str:
            await go.wait()
            return "loaded"

        slow = asyncio.create_task(cache.aio.get_or_load("key", load))
        await asyncio.sleep(0.01)
        assert cache.get_or_load("key", lambda _: "computed") == "computed"
        go.set()
        assert await slow == "loaded"

    asyncio.run(asyncio.wait_for(main(), PATIENCE))
    assert cache["key"] == "loaded"


def test_a_thread_does_not_wait_for_a_load_that_waits_for_the_loop_that_it_runs() -> None:
    """The thread of the loop asks for a key that another thread loads, which waits for a load of the loop."""
    cache: Cache[Any, Any] = Cache()

    async def main() -> None:
        go = asyncio.Event()

        async def of_the_loop(_key: str) -> str:
            await go.wait()
            return "of the loop"

        def of_the_thread(_key: str) -> str:
            return cache.get_or_load("loop", lambda _: "computed") + ", then of the thread"

        slow = asyncio.create_task(cache.aio.get_or_load("loop", of_the_loop))
        await asyncio.sleep(0.01)
        other = asyncio.create_task(asyncio.to_thread(cache.get_or_load, "thread", of_the_thread))
        await eventually_async(lambda: cache.stats().misses >= 3)
        await asyncio.sleep(0.01)
        assert cache.get_or_load("thread", lambda _: "computed here") == "computed here"
        go.set()
        assert await slow == "of the loop" and await other == "of the loop, then of the thread"

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_a_task_of_a_loop_whose_thread_waits_is_not_waited_for_by_that_wait() -> None:
    """The loop's thread waits, synchronously, for a load of a thread; that load asks for one of the loop's."""
    cache: Cache[Any, Any] = Cache()
    in_wait = threading.Event()

    async def main() -> None:
        async def never_ready(_key: str) -> str:
            await asyncio.Event().wait()
            return ""

        def of_the_thread(_key: str) -> str:
            assert in_wait.wait(PATIENCE)
            eventually(lambda: cache.stats().misses >= 3)
            threading.Event().wait(0.05)
            return cache.get_or_load("loop", lambda _: "computed")

        stuck = asyncio.create_task(cache.aio.get_or_load("loop", never_ready))
        await asyncio.sleep(0.01)
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(cache.get_or_load, "thread", of_the_thread)
            await eventually_async(lambda: cache.stats().misses >= 2)
            in_wait.set()
            assert cache.get_or_load("thread", of_the_thread) == "computed"
            assert other.result(PATIENCE) == "computed"
        stuck.cancel()

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


# Event loops


def test_a_loop_that_stops_leaves_its_loads_to_a_follower_elsewhere() -> None:
    cache: Cache[Any, Any] = Cache()

    async def never(_key: str) -> str:
        await asyncio.Event().wait()
        return ""

    with running_loop() as loop:
        stuck = asyncio.run_coroutine_threadsafe(cache.aio.get_or_load("key", never), loop)
        eventually(lambda: cache.stats().misses)
        within(loop, asyncio.sleep(0.01))
        with ThreadPoolExecutor(2) as pool:
            of_thread = pool.submit(cache.get_or_load, "key", str.upper)
            of_loop = pool.submit(asyncio.run, cache.aio.get_or_load("key", at_once))  # type: ignore[arg-type]
            eventually(lambda: cache.stats().misses >= 3)
            loop.call_soon_threadsafe(loop.stop)
            assert of_thread.result(PATIENCE) == of_loop.result(PATIENCE)
        del stuck
        loop.call_soon_threadsafe(lambda: None)


async def at_once(key: str) -> str:
    return key.upper()


def test_a_loop_that_closes_leaves_its_loads_to_a_follower_elsewhere() -> None:
    cache: Cache[Any, Any] = Cache()
    follows = threading.Event()

    async def never(_key: str) -> str:
        await asyncio.Event().wait()
        return ""

    async def main() -> None:
        asyncio.create_task(cache.aio.get_or_load("key", never))  # type: ignore[arg-type]  # noqa: RUF006
        await eventually_async(lambda: cache.stats().misses >= 2)
        follows.set()

    with ThreadPoolExecutor(2) as pool:
        ends = pool.submit(asyncio.run, main())
        eventually(lambda: cache.stats().misses)
        assert pool.submit(cache.get_or_load, "key", str.upper).result(PATIENCE) == "KEY"
        ends.result(PATIENCE)


def test_a_load_runs_in_a_copy_of_its_leaders_context() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    @cache_result
    async def f(key: str) -> str:
        seen = variable.get()
        variable.set("changed")
        return seen

    async def main() -> None:
        variable.set("the leader's")
        assert await f("key") == "the leader's" and variable.get() == "the leader's"

    asyncio.run(main())


def test_loads_of_a_coroutine_function_leave_no_task_behind() -> None:
    async def main() -> None:
        f = cache_result(at_once)
        await asyncio.gather(*(f("key") for _ in range(10)))
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    gc.collect()


# Fork


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_has_none_of_its_parents_flights() -> None:
    cache: Cache[Any, Any] = Cache()
    with a_load_in_progress(cache):
        child = os.fork()
        if child == 0:
            signal.alarm(PATIENCE)
            os._exit(0 if cache.get_or_load("key", str.upper) == "KEY" and cache["key"] == "KEY" else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# Many keys at once


def test_bulk_loads_of_threads_and_tasks_share_keys() -> None:
    cache: Cache[Any, Any] = Cache()
    callers, loaded = 8, []

    def load_missing(keys: list[int]) -> dict[int, int]:
        loaded.extend(keys)
        eventually(lambda: cache.stats().misses >= callers * 3)
        return {key: -key for key in keys}

    async def load_in_task(keys: list[int]) -> dict[int, int]:
        return await asyncio.to_thread(load_missing, keys)

    def work(number: int) -> Any:
        keys = [1, 2, 3] if number % 4 < 2 else [3, 2, 1]
        if number % 2:
            return asyncio.run(cache.aio.load_many(keys, load_in_task))
        return cache.load_many(keys, load_missing)

    assert in_threads(callers, work) == [{1: -1, 2: -2, 3: -3}] * callers
    assert sorted(loaded) == [1, 2, 3] and dict(cache) == {1: -1, 2: -2, 3: -3}


def test_crossing_bulk_loads_do_not_wait_for_each_other_in_a_circle() -> None:
    cache: Cache[Any, Any] = Cache()
    both_load = threading.Barrier(2, timeout=PATIENCE)
    loaded: list[int] = []

    def single(key: int) -> int:
        both_load.wait()
        loaded.append(key)
        return -key

    def bulk(keys: list[int]) -> dict[int, int]:
        both_load.wait()
        loaded.extend(keys)
        return {key: -key for key in keys}

    results = in_threads(
        2, lambda number: cache.load_many([1, 2], bulk) if number else {1: cache.get_or_load(1, single)}
    )
    assert {1: -1} in results and loaded.count(1) == 1 and (loaded.count(2) == 1)


def test_a_bulk_load_that_leaves_keys_out_leaves_them_to_others() -> None:
    cache: Cache[Any, Any] = Cache()
    go = threading.Event()

    def partial(keys: list[str]) -> dict[str, str]:
        assert go.wait(PATIENCE)
        return {key: "bulk" for key in keys if key != "b"}

    with ThreadPoolExecutor(2) as pool:
        bulk = pool.submit(cache.load_many, ["a", "b", "c"], partial)
        eventually(lambda: cache.stats().misses >= 3)
        single = pool.submit(cache.get_or_load, "b", str.upper)
        eventually(lambda: cache.stats().misses >= 4)
        go.set()
        assert bulk.result(PATIENCE) == {"a": "bulk", "c": "bulk"}
        assert single.result(PATIENCE) == "B"
    assert dict(cache) == {"a": "bulk", "b": "B", "c": "bulk"}


def test_a_bulk_load_that_fails_fails_for_those_who_wait_for_one_of_its_keys() -> None:
    cache: Cache[Any, Any] = Cache()
    go = threading.Event()

    def fails(_keys: list[str]) -> dict[str, str]:
        assert go.wait(PATIENCE)
        raise LookupError("all")

    with ThreadPoolExecutor(2) as pool:
        bulk = pool.submit(cache.load_many, ["a", "b"], fails)
        eventually(lambda: cache.stats().misses >= 2)
        single = pool.submit(cache.get_or_load, "b", str.upper)
        eventually(lambda: cache.stats().misses >= 3)
        threading.Event().wait(0.02)
        go.set()
        for future in (bulk, single):
            with pytest.raises(LookupError, match="all"):
                future.result(PATIENCE)
    assert cache.load_many("ab", lambda keys: dict.fromkeys(keys, 1)) == {"a": 1, "b": 1}


def test_a_cancelled_bulk_load_goes_on_for_those_who_wait_for_one_of_its_keys() -> None:
    async def main() -> None:
        cache: Cache[Any, Any] = Cache()
        go, ends = asyncio.Event(), []

        async def load(keys: list[str]) -> dict[str, str]:
            try:
                await go.wait()
            except asyncio.CancelledError:
                ends.append("cancelled")
                raise
            return {key: key.upper() for key in keys}

        bulk = asyncio.create_task(cache.aio.load_many("abc", load))
        await asyncio.sleep(0.01)
        single = asyncio.create_task(cache.aio.get_or_load("b", at_once))  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        bulk.cancel()
        await asyncio.sleep(0.01)
        assert not ends
        go.set()
        assert await single == "B" and dict(cache) == {"a": "A", "b": "B", "c": "C"}
        bulk = asyncio.create_task(cache.aio.load_many("def", never_ready))
        await asyncio.sleep(0.01)
        bulk.cancel()
        await asyncio.sleep(0.01)
        assert len(asyncio.all_tasks()) == 1

    async def never_ready(_keys: list[str]) -> dict[str, str]:
        await asyncio.Event().wait()
        return {}

    asyncio.run(main())


class Incomparable:
    """Raises when it is compared."""

    def __hash__(self) -> int:
        return 7

    def __eq__(self, other: object) -> bool:
        raise LookupError("compared")


@pytest.mark.parametrize("awaits", [False, True])
def test_a_bulk_load_that_cannot_begin_leaves_no_load_behind(awaits: bool) -> None:
    cache: Cache[Any, Any] = Cache()
    first, second = Incomparable(), Incomparable()
    attempts = {"a": cache._attempt("a"), "b": cache._attempt(first), "c": cache._attempt(second)}
    asker = Asker(attempts["a"].policy)

    def load() -> None:
        wants = [Want(asker, attempt, key) for key, attempt in attempts.items()]
        steps = obtain(
            asker, wants, ManyValues({want.attempt: want.key for want in wants}, never_called), awaits=awaits
        )
        if awaits:
            asyncio.run(drive(steps))
        else:
            block(steps)

    with pytest.raises(LookupError) as kept:
        load()
    assert in_threads(1, lambda _: cache.get_or_load("a", str.upper)) == ["A"] and kept.value.args == ("compared",)


def never_called(_keys: list[Any]) -> Any:
    raise AssertionError("nothing is to be loaded")


# Loads within loads


def test_an_endless_chain_of_coroutines_is_an_error() -> None:
    @cache_result
    async def f(number: int) -> int:
        return await f(number + 1)

    cache: Cache[int, int] = Cache()

    async def load(key: int) -> int:
        return await cache.aio.get_or_load(key + 1, load)

    async def load_many(keys: list[int]) -> dict[int, int]:
        return {keys[0]: (await cache.aio.load_many([keys[0] + 1], load_many))[keys[0] + 1]}

    for call in (lambda: f(0), lambda: cache.aio.get_or_load(0, load), lambda: cache.aio.load_many([0], load_many)):

        async def main(call: Callable[[], Any] = call) -> None:
            await call()

        with pytest.raises(RecursionError, match="so many loads of coroutines"):
            asyncio.run(main())
    assert cache._loads_in_progress == f.cache._loads_in_progress == 0


def test_a_chain_is_as_long_as_calls_may_be_nested() -> None:
    @cache_result
    async def f(number: int) -> int:
        return number and await f(number - 1) + 1

    async def main() -> None:
        limit = sys.getrecursionlimit()
        assert await f(limit - 10) == limit - 10

    asyncio.run(main())


def test_a_task_that_outlives_the_load_that_began_it_is_part_of_no_load() -> None:
    last = 2 * sys.getrecursionlimit()
    ended = []

    @cache_result
    async def f(number: int) -> int:
        tasks.append(asyncio.create_task(after(number)))
        return number

    async def after(number: int) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        if number < last:
            await f(number + 1)
        ended.append(number)

    tasks: list[asyncio.Task[None]] = []

    async def main() -> None:
        await f(0)
        while len(ended) <= last:
            await asyncio.gather(*tasks)

    asyncio.run(main())


def test_who_has_given_up_waiting_is_waited_for() -> None:
    """A load that waited for another, no longer does, and is asked for by that one, is no circle."""
    calls = []

    @cache_result
    async def outer() -> str:
        calls.append("outer")
        try:
            await inner.with_options(timeout=0.01)()
        except TimeoutError:
            go.set()
        await done.wait()
        return "outer"

    @cache_result
    async def inner() -> str:
        calls.append("inner")
        await go.wait()
        asyncio.get_running_loop().call_later(0.05, done.set)
        return "inner of " + await outer()

    async def main() -> None:
        nonlocal go, done
        go, done = asyncio.Event(), asyncio.Event()
        asking = asyncio.create_task(coroutine(outer))
        await asyncio.sleep(0)
        assert await inner() == "inner of outer" and await asking == "outer"

    async def coroutine(call: Callable[[], Any]) -> Any:
        return await call()

    go = done = asyncio.Event()
    asyncio.run(main())
    assert calls == ["outer", "inner"]


# What a cancelled load returns


@pytest.mark.parametrize("how", ["wait_for", "cancel", "TaskGroup", "timeout of the call", "the end of the loop"])
@pytest.mark.parametrize("asks", ["function", "key", "many"])
def test_what_a_cancelled_load_returns_is_not_stored(how: str, asks: str) -> None:
    cache: Cache[Any, Any] = Cache()

    @cache.cache_result
    async def fetch(_path: str) -> str:
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            return "nothing yet"
        return "content"

    async def fetch_many(paths: list[str]) -> dict[str, str]:
        return {path: await fetch.uncached(path) for path in paths}

    calls: dict[str, Callable[..., Any]] = {
        "function": lambda **terms: (fetch.with_options(**terms) if terms else fetch)("/"),
        "key": lambda **terms: cache.aio.get_or_load("/", fetch.uncached, **terms),
        "many": lambda **terms: cache.aio.load_many(["/"], fetch_many, **terms),
    }
    call = calls[asks]

    async def awaited(**terms: Any) -> Any:
        return await call(**terms)

    async def fail() -> None:
        await asyncio.sleep(0.01)
        raise LookupError

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(awaited())
            group.create_task(fail())

    async def main() -> None:
        match how:
            case "wait_for":
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(awaited(), 0.01)
            case "cancel":
                task = asyncio.create_task(awaited())
                await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            case "TaskGroup":
                with pytest.raises(ExceptionGroup):
                    await together()
            case "timeout of the call":
                with pytest.raises(TimeoutError):
                    await awaited(timeout=0.01)
            case _:
                tasks.append(asyncio.create_task(awaited()))
                await asyncio.sleep(0.01)
        if how != "the end of the loop":
            await asyncio.sleep(0.01)

    tasks: list[asyncio.Task[Any]] = []
    asyncio.run(main())
    assert len(cache) == 0 and cache._loads_in_progress == 0


def test_a_load_that_limits_itself_is_stored() -> None:
    @cache_result
    async def fetch(_path: str) -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(PATIENCE)
        except TimeoutError:
            return "fallback"
        return "content"

    async def main() -> None:
        assert await fetch("/") == "fallback"

    asyncio.run(main())
    assert fetch.cache_info().currsize == 1


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often somebody looks after a load."""
    looks: list[int] = []
    look_after = waiters._look_after
    monkeypatch.setattr(
        waiters, "_look_after", lambda *args, **options: looks.append(1) or look_after(*args, **options)
    )
    return looks


@pytest.mark.parametrize("options", [{}, {"timeout": PATIENCE}], ids=str)
@pytest.mark.parametrize("where", ["this loop", "another loop", "a thread"])
def test_tasks_of_a_loop_that_wait_for_a_load_share_a_timer(
    where: str, options: dict[str, Any], looks: list[int]
) -> None:
    """Where each had one, they would look 20 times a second, each."""
    cache: Cache[str, str] = Cache(**options)
    began, go = threading.Event(), threading.Event()

    async def awaited(_key: str) -> str:
        began.set()
        await eventually_async(go.is_set)
        return "value"

    def blocking(_key: str) -> str:
        began.set()
        assert go.wait(PATIENCE)
        return "value"

    async def follow() -> list[str]:
        asyncio.get_running_loop().call_later(0.5, go.set)
        return await asyncio.gather(*(cache.aio.get_or_load("key", awaited) for _ in range(50)))

    leader = None
    if where == "another loop":
        leader = threading.Thread(
            target=lambda: asyncio.run(asyncio.wait_for(cache.aio.get_or_load("key", awaited), PATIENCE))
        )
    elif where == "a thread":
        leader = threading.Thread(target=cache.get_or_load, args=("key", blocking))
    if leader is not None:
        leader.start()
        assert began.wait(PATIENCE)
    assert asyncio.run(asyncio.wait_for(follow(), PATIENCE)) == ["value"] * 50
    if leader is not None:
        leader.join(PATIENCE)
    # Each looks once before it begins to wait.
    assert len(looks) < 50 + 50 and not waiters._watches
    assert cache.stats().loads == 1


def test_tasks_that_wait_for_a_load_of_their_loop_look_for_nothing_but_its_age(looks: list[int]) -> None:
    """Each time that a thousand tasks look costs the time of a thousand tasks."""
    calls: list[str] = []

    @cache_result(load_age=0.5)
    async def fetch(key: str) -> str:
        calls.append(key)
        await asyncio.sleep(PATIENCE if len(calls) == 1 else 0)
        return "new"

    async def main() -> None:
        leader = asyncio.create_task(fetch("key"))
        await asyncio.sleep(0)
        followers = [asyncio.create_task(fetch("key")) for _ in range(50)]
        assert await asyncio.wait_for(asyncio.gather(*followers), PATIENCE) == ["new"] * 50
        leader.cancel()
        await asyncio.gather(leader, return_exceptions=True)

    asyncio.run(main())
    assert calls == ["key"] * 2
    assert len(looks) < 3 * 50  # each once before it begins to wait, for either load
