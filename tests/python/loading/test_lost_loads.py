"""Loads that are at risk to be waited for in vain, or to end twice or in the wrong way: whatever happens, somebody ends them."""

from __future__ import annotations

import _thread
import asyncio
import gc
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from hotset import Cache, LoadTimeoutError, cache_result, cache_result_many, current_load
from hotset._loading import pool, protocol, runners
from hotset.testing import ManualClock, wait_for_loads
from ways_to_load import PATIENCE, eventually


async def awaited(awaitable: Awaitable[Any]) -> Any:
    """A coroutine of what may be none."""
    return await awaitable


async def cancel_all_tasks_but(*spared: asyncio.Task[Any] | None) -> None:
    for task in asyncio.all_tasks() - {*spared, asyncio.current_task()}:
        task.cancel()


def in_thread(action: Callable[[], Any], into: list[Any]) -> threading.Thread:
    """Do something in a thread; what it returns or raises is put into a list."""

    def run() -> None:
        try:
            into.append(action())
        except Exception as error:
            into.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


# Given up by others


@pytest.mark.parametrize("marked_by", ["nobody", "a newcomer", "another tag", "a delete"])
def test_who_waits_begins_anew_when_a_load_is_too_old_whoever_notices(marked_by: str, clock: ManualClock) -> None:
    cache: Cache[str, int] = Cache(load_age=10, clock=clock)
    calls, found, go = [0], list[Any](), threading.Event()

    def load(_key: str) -> int:
        calls[0] += 1
        number = calls[0]
        if number == 1:
            assert go.wait(PATIENCE)
        return number

    leader = in_thread(lambda: cache.get_or_load("key", load), [])
    eventually(lambda: calls[0] == 1)
    follower = in_thread(lambda: cache.get_or_load("key", load), found)
    eventually(lambda: cache.stats().misses == 2)
    threading.Event().wait(0.05)
    if marked_by == "a delete":
        cache.delete("key")
    clock.advance(11)
    if marked_by == "a newcomer":
        cache.get_or_load("key", load)
    elif marked_by == "another tag":
        cache.invalidate_tags("another")
    follower.join(PATIENCE)
    assert found == [2]
    go.set()
    leader.join(PATIENCE)


@pytest.mark.parametrize("awaits", [False, True])
def test_a_leader_gets_what_it_loads_however_old_the_load(awaits: bool, clock: ManualClock) -> None:
    cache: Cache[str, str] = Cache(timeout="10m", load_age="5m", clock=clock)
    calls, found, go = list[int](), list[Any](), threading.Event()

    def load(_key: str) -> str:
        calls.append(1)
        assert go.wait(PATIENCE)
        return f"load {len(calls)}"

    async def load_in_thread(key: str) -> str:
        return await asyncio.to_thread(load, key)

    async def ask() -> str:
        return await cache.aio.get_or_load("key", load_in_thread)

    leader = in_thread(lambda: asyncio.run(ask()) if awaits else cache.get_or_load("key", load), found)
    eventually(lambda: calls)
    clock.advance("6m")
    threading.Event().wait(0.7)  # longer than it takes until somebody looks for old loads
    go.set()
    leader.join(PATIENCE)
    assert found == ["load 1"] and calls == [1]


def test_what_an_old_loader_says_is_not_said_of_its_successor(clock: ManualClock) -> None:
    cache: Cache[str, str] = Cache(timeout="10m", load_age="5m", clock=clock)
    begun, go, outside = list[int](), [threading.Event(), threading.Event()], list[Any]()

    def load(_key: str) -> str:
        number = len(begun)
        begun.append(number)
        assert go[number].wait(PATIENCE)
        if number == 0:
            outside.append(len(begun))
            try:
                current_load().skip()
            except RuntimeError as error:
                outside.append(error)
        return f"load {number}"

    first = in_thread(lambda: cache.get_or_load("key", load), [])
    eventually(lambda: len(begun) == 1)
    clock.advance("6m")
    second = in_thread(lambda: cache.get_or_load("key", load), [])
    eventually(lambda: len(begun) == 2)
    go[0].set()
    first.join(PATIENCE)
    go[1].set()
    second.join(PATIENCE)
    assert cache.peek("key") == "load 1" and outside[0] == 2


# The pool


@pytest.fixture
def busy_pool() -> Generator[list[Callable[[], Any]]]:
    """Every thread of the pool is busy, and does what is put into the list as soon as that is there."""
    cache: Cache[int, Any] = Cache(timeout=PATIENCE)
    started, work = threading.Barrier(pool.MAX_THREADS + 1), list[Callable[[], Any]]()
    done = threading.Event()

    def load(_number: int) -> Any:
        started.wait(PATIENCE)
        eventually(lambda: work or done.is_set())
        return work[0]() if work else None

    threads = [
        in_thread(lambda number=number: cache.get_or_load(number, load), []) for number in range(pool.MAX_THREADS)
    ]
    started.wait(PATIENCE)
    yield work
    done.set()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a thread of the pool waits in vain"


def test_the_pool_takes_over_a_queued_load_that_a_plain_function_asks_for(busy_pool: list[Callable[[], Any]]) -> None:
    calls: list[int] = []

    @cache_result
    def config() -> str:
        calls.append(1)
        return "config"

    with pytest.raises(LoadTimeoutError):
        config.with_options(timeout=0.05)()
    busy_pool.append(config)
    eventually(lambda: calls)


def test_a_load_of_several_keys_that_gives_way_for_one_ends_for_all(busy_pool: list[Callable[[], Any]]) -> None:
    cache: Cache[str, str] = Cache()
    found, followed = list[Any](), list[Any]()

    def load_missing(keys: list[str]) -> dict[str, str]:
        return {key: key for key in keys}

    leader = in_thread(lambda: cache.load_many(["a", "b"], load_missing, timeout=PATIENCE), found)
    eventually(lambda: cache.explain("b").loading_for is not None)
    follower = in_thread(lambda: cache.get_or_load("b", str.lower), followed)
    eventually(lambda: cache.stats().misses >= 3)
    busy_pool.append(lambda: cache.get_or_load("a", str.lower))
    leader.join(PATIENCE)
    follower.join(PATIENCE)
    assert (found, followed) == ([{"a": "a", "b": "b"}], ["b"])


@pytest.mark.parametrize("bulk", [False, True])
def test_a_load_that_fails_in_the_pool_is_not_kept_alive(bulk: bool) -> None:
    class Local:
        """What a loader has on its stack."""

    cache: Cache[int, Any] = Cache(timeout=PATIENCE)
    locals_of_loaders: list[weakref.ref[Local]] = []

    def load(_key: Any) -> Any:
        local = Local()
        locals_of_loaders.append(weakref.ref(local))
        raise ConnectionError

    for _ in range(5):
        with pytest.raises(ConnectionError):
            cache.load_many([1], load) if bulk else cache.get_or_load(1, load)
    gc.collect()
    eventually(lambda: all(reference() is None for reference in locals_of_loaders))


def test_a_refresh_in_the_pool_that_hangs_counts_as_a_failure(clock: ManualClock) -> None:
    cache: Cache[str, str] = Cache(ttl=10, grace="1h", timeout=1, error_ttl=5, clock=clock)
    go, calls = threading.Event(), list[int]()

    def load(_key: str) -> str:
        calls.append(1)
        assert go.wait(PATIENCE)
        return "new"

    cache["key"] = "old"
    clock.advance(11)
    for _ in range(4):
        assert cache.get_or_load("key", load) == "old"
        eventually(lambda: calls)
        clock.advance(1.1)
    assert len(calls) == 1 and cache.stats().load_errors == 1
    go.set()
    wait_for_loads(cache)


# Waking


def test_a_follower_finds_out_that_a_load_has_ended_though_it_cannot_be_woken() -> None:
    cache: Cache[str, str] = Cache()
    found, joined, usual = list[Any](), threading.Event(), sys.getrecursionlimit()

    async def follow() -> str:
        joined.set()
        return await cache.aio.get_or_load("key", awaited)  # type: ignore[arg-type]  # never called

    def load(_key: str) -> str:
        follower.append(in_thread(lambda: asyncio.run(follow()), found))
        assert joined.wait(PATIENCE)
        threading.Event().wait(0.1)
        for limit in range(depth + 8, usual):  # the lowest that is allowed: there is room for the loader only
            try:
                sys.setrecursionlimit(limit)
            except RecursionError:
                continue
            break
        return "value"

    depth, frame, follower = 0, sys._getframe(), list[threading.Thread]()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    try:
        assert cache.get_or_load("key", load) == "value"
    finally:
        sys.setrecursionlimit(usual)
    follower[0].join(PATIENCE)
    assert found == ["value"]


def test_an_interrupt_as_a_load_ends_is_raised_and_takes_no_follower_along() -> None:
    lock, found = threading.Lock(), list[Any]()
    lock.acquire()
    acquire = cache_result(key=lambda *_: "key", name="acquire")(lock.acquire)  # it blocks in C

    def interrupt() -> None:
        eventually(lambda: acquire.cache.stats().misses == 1)
        follower.append(in_thread(acquire, found))
        eventually(lambda: acquire.cache.stats().misses == 2)
        threading.Event().wait(0.1)
        _thread.interrupt_main()
        lock.release()

    follower: list[threading.Thread] = []
    other = threading.Thread(target=interrupt)
    other.start()
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012  # it comes somewhere in here
        acquire()
        threading.Event().wait(PATIENCE)
    other.join(PATIENCE)
    follower[0].join(PATIENCE)
    assert found == [True]


# Tasks


def test_a_load_whose_task_is_cancelled_before_its_first_step_ends() -> None:
    @cache_result
    async def f(number: int) -> int:
        return number

    async def main() -> None:
        leader = asyncio.create_task(awaited(f(1)))
        await asyncio.sleep(0)
        await cancel_all_tasks_but(leader)
        assert await asyncio.wait_for(leader, PATIENCE) == 1
        assert await asyncio.wait_for(f(1), PATIENCE) == 1

    asyncio.run(main())


def test_a_refresh_whose_task_is_cancelled_before_its_first_step_is_begun_again(clock: ManualClock) -> None:
    calls: list[int] = []

    @cache_result(ttl=10, grace="1h", clock=clock)
    async def f(number: int) -> int:
        calls.append(number)
        return number

    async def main() -> None:
        await f(1)
        clock.advance(11)
        await f(1)
        await cancel_all_tasks_but()
        await asyncio.sleep(0.01)
        await f(1)
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert calls == [1, 1] and not runners._staying


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks begin at once from 3.12 on")
def test_tasks_that_begin_at_once_load() -> None:
    @cache_result
    async def at_once(number: int) -> int:
        return number

    @cache_result
    async def later(number: int) -> int:
        await asyncio.sleep(0)
        return number

    @cache_result_many
    async def many(numbers: list[int]) -> dict[int, int]:
        return {number: number for number in numbers}

    @cache_result
    async def fails(_number: int) -> int:
        raise LookupError

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        for function in (at_once, later):
            assert [await function(1), await function(1)] == [1, 1]
        assert await many([1, 2]) == {1: 1, 2: 2}
        assert await Cache[int, int]().aio.get_or_load(1, at_once.uncached) == 1
        with pytest.raises(LookupError):
            await fails(1)

    asyncio.run(main())


def test_without_an_event_loop_a_load_is_part_of_the_call() -> None:
    cache: Cache[str, str] = Cache()

    @cache_result
    async def f(number: int) -> int:
        return number

    async def load(key: str) -> str:
        return key

    async def load_missing(keys: list[str]) -> dict[str, str]:
        return {key: key for key in keys}

    def drive(awaitable: Awaitable[Any]) -> Any:
        steps = awaitable.__await__()
        with pytest.raises(StopIteration) as ended:
            next(steps)
        return ended.value.value

    for _ in range(2):
        assert drive(f.with_options(max_age=60)(1)) == 1
        assert drive(f.get_entry(2)).value == 2
        assert drive(cache.aio.get_or_load("a", load)) == "a"
        assert drive(cache.aio.load_many(["a", "b"], load_missing)) == {"a": "a", "b": "b"}
        assert drive(cache.aio.get_entry("c", load)).value == "c"
    assert dict(cache) == {"a": "a", "b": "b", "c": "c"}


def test_refreshes_whose_event_loops_were_closed_are_let_go(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "_many", runners._FEW)
    before = len(runners._staying)

    async def never(_key: int) -> Any:
        await asyncio.Event().wait()

    cache: Cache[int, str] = Cache(ttl=10, grace="1h", clock=clock)
    for number in range(200):
        cache[number] = "old"
    clock.advance(11)
    for number in range(200):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(awaited(cache.aio.get_or_load(number, never)))
        loop.close()
    assert len(runners._staying) < before + 130
    runners._staying.difference_update([lead for lead in runners._staying if lead.loop.is_closed()])


# Several keys


class Scene:
    """Loads of single keys and of several, which end when they may."""

    def __init__(self) -> None:
        self.cache: Cache[str, str] = Cache()
        self.go = asyncio.Event()
        self.begun: list[list[str]] = []
        self.cancelled: list[list[str]] = []

    async def many(self, keys: list[str]) -> dict[str, str]:
        self.begun.append(keys)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.append(keys)
            raise
        return {key: key for key in keys}

    async def one(self, key: str) -> str:
        return (await self.many([key]))[key]

    async def ask(self, *keys: str) -> asyncio.Task[Any]:
        asked = (
            self.cache.aio.load_many(keys, self.many) if len(keys) > 1 else self.cache.aio.get_or_load(*keys, self.one)
        )
        task = asyncio.create_task(awaited(asked))
        await asyncio.sleep(0.01)
        return task


def test_a_follower_that_leaves_does_not_cancel_one_of_several_loads_whose_leader_waits_for_another() -> None:
    async def main() -> None:
        scene = Scene()
        other = await scene.ask("a")
        leader = await scene.ask("a", "b")
        follower = await scene.ask("b")
        follower.cancel()
        await asyncio.sleep(0.01)
        assert scene.cancelled == []
        scene.go.set()
        assert await leader == {"a": "a", "b": "b"} and await other == "a"
        assert scene.begun == [["a"], ["b"]]

    asyncio.run(main())


def test_the_last_who_waits_for_one_of_several_loads_cancels_it_while_it_waits_for_another() -> None:
    async def main() -> None:
        scene = Scene()
        other = await scene.ask("a")
        leader = await scene.ask("a", "b")
        leader.cancel()
        await asyncio.sleep(0.01)
        assert scene.cancelled == [["b"]]
        scene.go.set()
        assert await other == "a"

    asyncio.run(main())


def test_who_waits_for_several_loads_keeps_each_of_them_going() -> None:
    async def main() -> None:
        scene = Scene()
        first, second = await scene.ask("a"), await scene.ask("b")
        both = await scene.ask("a", "b")
        second.cancel()
        await asyncio.sleep(0.01)
        scene.go.set()
        assert await both == {"a": "a", "b": "b"} and await first == "a"
        assert scene.begun == [["a"], ["b"]] and scene.cancelled == []

    asyncio.run(main())


def test_a_refresh_of_several_keys_takes_neither_a_stale_value_nor_a_kept_error(clock: ManualClock) -> None:
    cache: Cache[str, str] = Cache(ttl=10, grace="1h", cache_errors=KeyError, error_ttl="1h", clock=clock)

    def load(_keys: list[str]) -> dict[str, str]:
        return {"stale": "new", "failed": "new"}

    def fail(_key: Any) -> Any:
        raise KeyError

    cache["stale"] = "old"
    with pytest.raises(KeyError):
        cache.get_or_load("failed", fail)
    clock.advance(11)
    assert cache.load_many(["stale", "failed"], load, refresh=True) == {"stale": "new", "failed": "new"}
    clock.advance(11)
    with pytest.raises(KeyError):
        cache.load_many(["stale"], fail, refresh=True)


def test_a_refresh_of_several_keys_that_cannot_begin_leaves_none_in_progress(clock: ManualClock) -> None:
    class Key:
        """Its comparison with a key that is being loaded raises."""

        raises = False

        def __hash__(self) -> int:
            return 7

        def __eq__(self, other: object) -> bool:
            if Key.raises and self is not other:
                raise LookupError("these do not compare")
            return self is other

    cache: Cache[Any, str] = Cache(ttl=10, grace="1h", clock=clock)
    stale, loading, go = Key(), Key(), threading.Event()
    cache["a"], cache[stale] = "old", "old"
    clock.advance(11)
    leader = in_thread(lambda: cache.get_or_load(loading, lambda _: str(go.wait(PATIENCE))), [])
    eventually(lambda: cache.explain(loading).loading_for is not None)
    Key.raises = True
    with pytest.raises(LookupError) as kept:
        cache.load_many(["a", stale], lambda keys: dict.fromkeys(keys, "new"))
    Key.raises = False
    assert kept.value.args and cache.get_or_load("a", lambda _: "new", max_stale=0) == "new"
    go.set()
    leader.join(PATIENCE)


def test_a_refresh_of_several_keys_follows_one_that_will_not_end(clock: ManualClock) -> None:
    cache: Cache[str, str] = Cache(ttl=10, grace="1h", clock=clock)
    calls: list[int] = []

    async def load(keys: list[str]) -> dict[str, str]:
        calls.append(1)
        if len(calls) == 1:
            await asyncio.Event().wait()
        return dict.fromkeys(keys, "new")

    async def ask() -> None:
        await cache.aio.load_many(["key"], load)
        await asyncio.sleep(0.01)

    cache["key"] = "old"
    clock.advance(11)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(ask())
    loop.close()
    asyncio.run(ask())
    assert cache.peek("key") == "new"


# Errors


class InSlots(Exception):
    """Has more than its arguments."""

    __slots__ = ("status",)

    def __init__(self, text: str, status: int = 500) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Frozen(Exception):
    """Does not let itself be changed."""

    text: str


@pytest.mark.parametrize("options", [{}, {"timeout": PATIENCE}, {"cache_errors": Exception}], ids=str)
@pytest.mark.parametrize("error", [InSlots("gone", 404), Frozen("gone")], ids=["in slots", "frozen"])
def test_every_caller_gets_the_whole_error(options: dict[str, Any], error: Exception) -> None:
    go = threading.Event()

    @cache_result(**options)
    def f(_number: int) -> int:
        assert go.wait(PATIENCE)
        raise error

    with ThreadPoolExecutor(3) as threads:
        futures = [threads.submit(f, 1) for _ in range(3)]
        eventually(lambda: f.cache.stats().misses == 3)
        go.set()
        raised = [future.exception(PATIENCE) for future in futures]
    if "cache_errors" in options:
        with pytest.raises(type(error)) as again:
            f(1)
        raised.append(again.value)
    assert [type(one) for one in raised] == [type(error)] * len(raised)
    assert all(getattr(one, "status", "gone") == getattr(error, "status", "gone") for one in raised)
    assert all(getattr(one, "text", "gone") == "gone" for one in raised)


def test_what_one_caller_notes_on_a_kept_error_the_others_do_not_see() -> None:
    @cache_result(cache_errors=LookupError)
    def f(_number: int) -> int:
        error = LookupError("key")
        error.add_note("from the load")
        raise error

    for number in range(4):
        with pytest.raises(LookupError) as raised:
            f(1)
        raised.value.add_note(f"request {number}")
        assert raised.value.__notes__ == ["from the load", f"request {number}"]


def test_a_log_that_raises_is_not_the_end_of_a_load(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    import logging

    class Full(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("the log is full")

    handler = Full()
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logging.getLogger("hotset").addHandler(handler)
    try:
        cache: Cache[str, str] = Cache(ttl=10, grace="1h", soft_timeout=None, error_ttl=1, clock=clock)

        def fail(_key: str) -> str:
            raise ConnectionError

        cache["key"] = "old"
        clock.advance(11)
        assert cache.get_or_load("key", fail) == "old"
        clock.advance(2)
        assert cache.get_or_load("key", lambda _: "new") == "new"
    finally:
        logging.getLogger("hotset").removeHandler(handler)
    assert cache.peek("key") == "new"


@pytest.mark.parametrize("awaits", [False, True])
def test_a_stale_value_that_goes_while_a_load_is_given_up_is_never_none(
    awaits: bool, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache: Cache[str, str] = Cache(ttl=10, grace="1h", clock=clock)
    go, usual = threading.Event(), protocol.look_after

    def hang(_key: str) -> str:
        assert go.wait(PATIENCE)
        return "late"

    async def load(_key: str) -> str:
        return "new"

    def look_after(flight: Any, timeout: float | None) -> bool:
        monkeypatch.setattr(protocol, "look_after", usual)
        cache.delete("key")
        flight.strand()
        return True

    cache["key"] = "old"
    clock.advance(11)
    assert cache.get_or_load("key", hang) == "old"
    monkeypatch.setattr(protocol, "look_after", look_after)
    asked = asyncio.run(awaited(cache.aio.get_or_load("key", load))) if awaits else cache.get_or_load("key", str.upper)
    assert asked in ("old", "new", "KEY")
    go.set()
    wait_for_loads(cache)


# Interrupts where nobody can raise them


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_an_interrupt_that_comes_in_a_listener_is_raised_later(raised: type[BaseException]) -> None:
    def listen(*_removed: object) -> None:
        raise raised

    cache: Cache[str, int] = Cache(on_remove=listen)
    cache["key"] = 1
    reached = False
    try:
        del cache["key"]
        for _ in range(1_000):
            len(cache)
        reached = True
    except raised:
        pass
    assert not reached and "key" not in cache


def test_an_exception_of_a_listener_is_told_to_nobody_but_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda info: told.append(info.exc_type))

    def listen(*_removed: object) -> None:
        raise LookupError

    cache: Cache[str, int] = Cache(on_remove=listen)
    cache["key"] = 1
    del cache["key"]
    assert told == [LookupError]


def test_an_interrupt_of_a_thread_that_listens_is_raised_in_that_thread() -> None:
    ended: list[str] = []

    def listen(*_removed: object) -> None:
        raise SystemExit

    cache: Cache[str, int] = Cache(on_remove=listen)
    cache["key"] = 1

    def run() -> None:
        try:
            del cache["key"]
            for _ in range(1_000):
                len(cache)
            ended.append("went on")
        except SystemExit:
            ended.append("exited")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ended == ["exited"]


def test_what_a_load_returns_that_was_told_to_end_is_not_stored() -> None:
    cache: Cache[str, str] = Cache()

    async def load(_key: str) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "late"
        raise AssertionError

    async def main() -> None:
        caller = asyncio.ensure_future(cache.aio.get_or_load("key", load))
        for _ in range(5):
            await asyncio.sleep(0)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        for _ in range(5):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert cache.peek("key") is None and cache._loads_in_progress == 0


def test_who_gives_a_load_up_takes_what_is_stale_and_begins_no_other(clock: ManualClock) -> None:
    cache: Cache[str, str] = Cache(ttl=10, grace="1h", soft_timeout=3, timeout=5, error_ttl=60, clock=clock)
    go, calls = threading.Event(), list[str]()

    def hang(key: str) -> str:
        calls.append(key)
        assert go.wait(PATIENCE)
        return "new"

    cache["key"] = "old"
    clock.advance(11)
    with ThreadPoolExecutor(1) as threads:
        leader = threads.submit(cache.get_or_load, "key", hang)
        eventually(lambda: calls)
        clock.advance(4)
        assert leader.result(PATIENCE) == "old"
    clock.advance(2)
    assert cache.get_or_load("key", hang) == "old" and calls == ["key"]
    go.set()
    wait_for_loads(cache)
