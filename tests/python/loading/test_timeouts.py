"""How long a caller waits for a load, how long a load may take, and what becomes of one that takes longer."""

# fixtures are imported, and asked for by their names

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hotset import MISSING, Cache, LoadTimeoutError, cache_result, cache_result_many
from hotset._loading import pool as _pool
from hotset.testing import ManualClock
from ways_to_load import PATIENCE, TICK, WORD, Face, Make, Source, _awaited, eventually, faces, fails

SHORT = 0.03
"""Seconds, by the clock of the system, that a test waits in vain."""

SINGLE = ("function", "coroutine function", "get_or_load", "aio.get_or_load")


def stale(face: Face, source: Source) -> Face:
    """With a value that has just become stale, in a cache that may have the clock of the system."""
    face.cache.set(face.key, "old")
    assert face.cache.expire(face.key)
    source.value = "new"
    return face


def in_the_pool() -> bool:
    return threading.current_thread().name.startswith("hotset-load-")


# Soft


@faces()
def test_a_load_that_is_quick_is_waited_for(cached: Make, source: Source) -> None:
    face = stale(cached(clock=None, grace="1h", soft_timeout=PATIENCE), source)
    assert face.load() == "new" == face.peek() and source.calls == 1
    assert face.cache.stats().stale == 0


@faces()
def test_after_the_soft_timeout_the_stale_value_is_served_while_the_load_goes_on(cached: Make, source: Source) -> None:
    face = stale(cached(clock=None, grace="1h", soft_timeout=SHORT), source)
    with source.held():
        began = time.monotonic()
        callers = [face.begin() for _ in range(3)]
        assert [caller.result(PATIENCE) for caller in callers] == ["old"] * 3
        assert time.monotonic() - began > SHORT * 0.9
        assert source.calls == 1 and face.peek() is MISSING
    eventually(lambda: face.peek() == "new")
    assert source.calls == 1 and face.cache.stats().stale == 3


@faces()
@pytest.mark.parametrize("soft_timeout", [PATIENCE, None])
def test_a_load_that_fails_within_the_soft_timeout_serves_the_stale_value_at_once(
    cached: Make, source: Source, soft_timeout: float | None
) -> None:
    face = stale(cached(clock=None, grace="1h", soft_timeout=soft_timeout, error_ttl="1h"), source)
    source.error = LookupError("down")
    began = time.monotonic()
    assert [face.load() for _ in range(3)] == ["old"] * 3 and source.calls == 1
    assert time.monotonic() - began < PATIENCE / 2


@faces(*SINGLE)
def test_without_a_stale_value_the_soft_timeout_means_nothing(cached: Make, source: Source) -> None:
    face = cached(clock=None, grace="1h", soft_timeout=SHORT)
    with source.held():
        caller = face.begin()
        face.waits(1)
        threading.Event().wait(2 * SHORT)
        assert not caller.done()
    assert caller.result(PATIENCE) == "old"


@faces(*SINGLE)
def test_the_wait_is_measured_by_the_clock_of_the_cache(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached(ttl=10, grace="1h", soft_timeout="1m")
    face.load()
    clock.advance(10)
    with source.held():
        callers = [face.begin() for _ in range(2)]
        face.waits(1 + 2)
        eventually(lambda: source.calls == 2)
        threading.Event().wait(0.1)
        assert not any(caller.done() for caller in callers)
        clock.advance(60 + TICK)
        assert [caller.result(PATIENCE) for caller in callers] == ["old"] * 2


CHANGES: dict[str, Callable[[Face, ManualClock], object]] = {
    "deleted": lambda face, clock: face.cache.delete(face.key),
    "cleared": lambda face, clock: face.cache.clear(),
    "gone": lambda face, clock: clock.advance("1h"),
    "set": lambda face, clock: face.cache.set(face.key, "set"),
}


@faces()
@pytest.mark.parametrize("change", CHANGES)
def test_who_has_no_stale_value_any_more_after_the_soft_timeout_goes_on(
    cached: Make, source: Source, clock: ManualClock, change: str
) -> None:
    face = cached(ttl=10, grace="1h", soft_timeout=5, load_age=None)
    face.load()
    clock.advance(10)
    source.value = "new"
    with source.held():
        caller = face.begin()
        face.waits(2)
        eventually(lambda: source.calls == 2)
        CHANGES[change](face, clock)
        clock.advance(5 + TICK)
        threading.Event().wait(0.15)
        assert not caller.done() or change == "set"
    assert caller.result(PATIENCE) in (("set", "new") if change == "set" else ("new",))


def test_a_task_that_is_cancelled_in_its_soft_wait_leaves_the_load_to_others(source: Source) -> None:
    cache: Cache[str, Any] = Cache(grace="1h", soft_timeout=PATIENCE)

    async def main() -> None:
        cache["key"] = "old"
        cache.expire("key")
        source.value = "new"
        with source.held():
            callers = [asyncio.ensure_future(cache.aio.get_or_load("key", source.load_async)) for _ in range(3)]
            await asyncio.sleep(0.01)
            callers[0].cancel()
            callers[1].cancel()
            await asyncio.sleep(0.01)
        assert await callers[2] == "new" and source.calls == 1
        cache.expire("key")
        with source.held():
            alone = asyncio.ensure_future(cache.aio.get_or_load("key", source.load_async))
            await asyncio.sleep(0.01)
            alone.cancel()
            await asyncio.sleep(0.01)
            assert alone.cancelled() and len(asyncio.all_tasks()) == 1, "nobody waits for it, and it was cancelled"

    asyncio.run(main())


# Hard


@faces()
def test_a_load_that_takes_too_long_raises_in_its_leader_and_its_followers(cached: Make, source: Source) -> None:
    face = cached(clock=None, timeout=0.3)
    with source.held():
        callers = [face.begin() for _ in range(4)]
        errors = [caller.exception(PATIENCE) for caller in callers]
        assert [type(error) for error in errors] == [LoadTimeoutError] * 4
        assert all(isinstance(error, TimeoutError) and "timeout of 0.3 s" in str(error) for error in errors)
        assert len({id(error) for error in errors}) == 4
        assert source.calls == 1
    source.value = "new"
    assert face.load() == "new" and source.calls == 2
    assert face.cache.stats().load_errors == 1


@faces()
def test_what_a_late_load_returns_is_not_stored_and_the_next_caller_loads_anew(cached: Make, source: Source) -> None:
    face = cached(clock=None, timeout=0.3)
    source.value = "late"
    with source.held():
        with pytest.raises(LoadTimeoutError):
            face.load()
        source.open.set()
        source.value = "new"
        assert face.load() == "new" and source.calls == 2
    eventually(lambda: len(_pool._shared.resting) == len(_pool._shared.places))
    assert face.peek() == "new" == face.load()


@faces()
@pytest.mark.parametrize("soft_timeout", [None, PATIENCE, SHORT])
def test_with_a_stale_value_that_is_served_instead(cached: Make, source: Source, soft_timeout: float | None) -> None:
    # Long enough for all callers to have begun, and for a thread to have got to the source.
    timeout = 10 * SHORT
    face = stale(cached(clock=None, grace="1h", soft_timeout=soft_timeout, timeout=timeout, error_ttl="1h"), source)
    with source.held():
        callers = [face.begin() for _ in range(3)]
        assert [caller.result(PATIENCE) for caller in callers] == ["old"] * 3
        eventually(lambda: source.calls)
        assert face.load() == "old" and source.calls == 1, "it rests"
    assert face.cache.stats().stale == 4


@faces()
def test_the_timeout_is_measured_by_the_clock_of_the_cache(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached(ttl=10, timeout="1m")
    with source.held():
        caller = face.begin()
        face.waits(1)
        eventually(lambda: source.calls == 1)
        clock.advance(60 - TICK)
        threading.Event().wait(0.15)
        assert not caller.done()
        clock.advance(2 * TICK)
        assert isinstance(caller.exception(PATIENCE), LoadTimeoutError)


@faces()
def test_a_load_that_returns_late_by_the_clock_is_late_although_nobody_noticed(
    cached: Make, source: Source, clock: ManualClock
) -> None:
    """The clock jumps, and the load ends before anybody has looked at it."""
    face = cached(timeout=10)
    with source.held():
        caller = face.begin()
        face.waits(1)
        eventually(lambda: source.calls == 1)
        clock.advance(10)
    try:
        assert caller.result(PATIENCE) == "old"
    except LoadTimeoutError:
        assert face.peek() is MISSING


def test_a_coroutines_load_is_cancelled_at_its_timeout(source: Source) -> None:
    ends: list[str] = []

    @cache_result(timeout=SHORT)
    async def f(key: str) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append(key)
            raise
        return key

    async def main() -> None:
        with pytest.raises(LoadTimeoutError):
            await f("key")
        await asyncio.sleep(0.01)
        assert ends == ["key"] and len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_a_coroutine_that_resists_being_cancelled_holds_nobody_up_and_stores_nothing() -> None:
    ends: list[str] = []

    @cache_result(timeout=0.2)
    async def f(key: str) -> str:
        if not ends:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ends.append(key)
                await asyncio.sleep(0.05)
                return "late"
        return "new"

    async def main() -> None:
        with pytest.raises(LoadTimeoutError):
            await f("key")
        assert await f("key") == "new"
        await asyncio.sleep(0.1)
        assert await f("key") == "new" and ends == ["key"]

    asyncio.run(main())


def test_a_thread_that_follows_a_tasks_load_is_told_of_its_timeout(loop: asyncio.AbstractEventLoop) -> None:
    cache: Cache[str, str] = Cache(timeout=0.2)

    async def never(_key: str) -> str:
        await asyncio.Event().wait()
        return ""

    leader = asyncio.run_coroutine_threadsafe(_awaited_load(cache, never), loop)
    eventually(lambda: cache.stats().misses)
    with pytest.raises(LoadTimeoutError):
        cache.get_or_load("key", lambda _: "never called")
    assert isinstance(leader.exception(PATIENCE), LoadTimeoutError)
    assert cache.get_or_load("key", str.upper) == "KEY"


async def _awaited_load(cache: Cache[str, str], load: Any) -> str:
    return await cache.aio.get_or_load("key", load)


@faces("function", "get_or_load")
def test_a_load_goes_on_under_its_timeout_when_its_leader_has_taken_the_stale_value(
    cached: Make, source: Source, clock: ManualClock
) -> None:
    """Its timeout ends it all the same, so that nobody joins it later."""
    face = cached(ttl=10, grace=10, soft_timeout=1, timeout=2)
    face.load()
    clock.advance(10)
    with source.held():
        leader = face.begin()
        face.waits(2)
        eventually(lambda: source.calls == 2)
        clock.advance(1 + TICK)
        assert leader.result(PATIENCE) == "old"
        clock.advance(20)  # the value is gone, and the load long over its timeout
        follower = face.begin()
        eventually(lambda: source.calls == 3, patience=1)
    assert follower.result(PATIENCE) == "old"


@faces("function", "get_or_load", "load_many", "function of many")
def test_a_refresh_in_the_background_has_a_timeout_too(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached(ttl=10, grace=10, timeout=2)
    face.load()
    clock.advance(10)
    with source.held():
        assert face.load() == "old"
        eventually(lambda: source.calls == 2)
        clock.advance(20)
        follower = face.begin()
        eventually(lambda: source.calls == 3, patience=1)
    assert follower.result(PATIENCE) == "old"


# Many keys under a timeout


def test_a_bulk_load_that_is_late_is_given_up_for_all_its_keys(source: Source) -> None:
    cache: Cache[str, Any] = Cache(timeout=0.3)
    with source.held():
        with pytest.raises(LoadTimeoutError):
            cache.load_many("abc", source.load_many)
        assert [cache.get_or_load(key, str.upper) for key in "abc"] == ["A", "B", "C"]
    assert dict(cache) == {"a": "A", "b": "B", "c": "C"}


def test_a_bulk_coroutine_that_is_late_is_given_up_for_all_its_keys(source: Source) -> None:
    cache: Cache[str, Any] = Cache(timeout=0.3)

    async def main() -> None:
        with source.held():
            with pytest.raises(LoadTimeoutError):
                await cache.aio.load_many("abc", source.load_many_async)
            assert [cache.get_or_load(key, str.upper) for key in "abc"] == ["A", "B", "C"]

    asyncio.run(main())


def test_the_timeout_of_a_bulk_load_is_for_all_its_keys_together(source: Source) -> None:
    cache: Cache[int, Any] = Cache(grace="1h", soft_timeout=None, timeout=0.2)
    cache.set_many(dict.fromkeys(range(10), "old"))
    cache.expire_many(range(10))
    with source.held():
        began = time.monotonic()
        assert cache.load_many(range(10), source.load_many) == dict.fromkeys(range(10), "old")  # type: ignore[arg-type]
        assert time.monotonic() - began < 1


@faces()
def test_a_late_load_that_a_newcomer_gives_up_is_late_for_its_leader(
    cached: Make, source: Source, clock: ManualClock
) -> None:
    """The newcomer looks before the leader does."""
    face = cached(timeout=10)
    with source.held():
        leader = face.begin()
        face.waits(1)
        eventually(lambda: source.calls == 1)
        clock.advance(10 + TICK)
        newcomer = face.begin()
        eventually(lambda: source.calls == 2)
    assert newcomer.result(PATIENCE) == "old"
    assert isinstance(leader.exception(PATIENCE), LoadTimeoutError | None)


# The pool


def test_only_a_load_with_a_timeout_runs_in_the_pool() -> None:
    cache: Cache[str, bool] = Cache()
    f = cache.cache_result(lambda _: in_the_pool())
    under_timeout = cache.cache_result(timeout=PATIENCE)(lambda _: in_the_pool())
    assert not f("key") and under_timeout("key")
    other: Cache[str, bool] = Cache(timeout=PATIENCE)
    assert other.get_or_load("a", lambda _: in_the_pool()) and not cache.get_or_load("a", lambda _: in_the_pool())
    assert other.load_many(["b"], lambda _: {"b": in_the_pool()}) == {"b": True}
    many = cache_result_many(timeout=PATIENCE)(lambda keys: dict.fromkeys(keys, in_the_pool()))
    assert many(["c"]) == {"c": True} and f.refresh("key") is False and under_timeout.refresh("key") is True


def test_it_runs_in_a_copy_of_the_callers_context() -> None:
    def load(*_key: str) -> str:
        seen = WORD.get()
        WORD.set("of the load")
        return seen

    def test() -> None:
        cache: Cache[str, str] = Cache(timeout=PATIENCE)
        WORD.set("of the caller")
        assert cache.get_or_load("a", load) == cache.cache_result(load)("key") == "of the caller"
        assert cache.load_many(["b"], lambda _: {"b": load()}) == {"b": "of the caller"}
        assert WORD.get() == "of the caller"

    contextvars.copy_context().run(test)


def test_a_load_begun_on_a_thread_of_the_pool_runs_on_it() -> None:
    cache: Cache[str, Any] = Cache(timeout=PATIENCE)

    @cache.cache_result
    def inner(_key: str) -> int:
        return threading.get_ident()

    @cache.cache_result
    def outer(key: str) -> tuple[int, int, Any]:
        return threading.get_ident(), inner(key), cache.load_many(["a"], lambda _: {"a": threading.get_ident()})

    here, of_inner, of_many = outer("key")
    assert here == of_inner == of_many["a"] != threading.get_ident()


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The pool has one thread."""
    monkeypatch.setattr(_pool, "MAX_THREADS", 1)
    pool = _pool._Pool()
    monkeypatch.setattr(_pool, "_shared", pool)
    yield pool
    pool.close()


def test_loads_wait_for_a_thread_and_all_of_them_are_made(one_thread: Any) -> None:
    f = cache_result(timeout=PATIENCE)(lambda number: number**2)
    with ThreadPoolExecutor(20) as callers:
        assert list(callers.map(f, range(100))) == [number**2 for number in range(100)]


def test_where_no_thread_is_free_a_refresh_waits_for_a_later_caller(
    one_thread: Any, source: Source, clock: ManualClock
) -> None:
    cache: Cache[str, Any] = Cache(ttl=10, grace=10, clock=clock)
    cache.set_many({"a": "old", "b": "old"})
    clock.advance(10)
    source.value = "new"
    with source.held():
        assert cache.get_or_load("a", source.load) == "old"
        eventually(lambda: source.calls == 1)
        assert cache.get_or_load("b", source.load) == "old" and cache.load_many("b", source.load_many) == {"b": "old"}
        assert source.calls == 1
    eventually(lambda: len(one_thread.resting))
    assert cache.get_or_load("b", source.load) == "old"
    eventually(lambda: cache.peek("b") == "new")
    assert cache.peek("a") == "new" and source.calls == 2 and cache.stats().loads == 2


def test_a_load_on_the_pool_does_not_wait_for_one_that_waits_for_its_thread(one_thread: Any, source: Source) -> None:
    inner = cache_result(timeout=1)(str.upper)

    @cache_result(timeout=1)
    def outer(key: str) -> str:
        source.load()
        return inner(key)

    with ThreadPoolExecutor(2) as callers, source.held():
        of_outer = callers.submit(outer, "key")
        eventually(lambda: source.calls)
        of_inner = callers.submit(inner, "key")
        eventually(lambda: one_thread.queue)
        source.open.set()
        assert of_outer.result(PATIENCE) == of_inner.result(PATIENCE) == "KEY"


def test_a_load_that_was_late_before_it_began_never_begins(one_thread: Any, source: Source) -> None:
    called: list[str] = []
    f = cache_result(timeout=SHORT)(called.append)
    busy = cache_result(timeout=PATIENCE)(source.load)
    with ThreadPoolExecutor(1) as caller, source.held():
        of_busy = caller.submit(busy, "key")
        eventually(lambda: source.calls)
        for _ in range(3):
            with pytest.raises(LoadTimeoutError):
                f("key")
        source.open.set()
        assert of_busy.result(PATIENCE) == "old"
    eventually(lambda: len(one_thread.resting) and not one_thread.queue)
    assert called == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
@faces()
def test_what_is_no_exception_stays_with_the_leader(cached: Make, source: Source, kind: type[BaseException]) -> None:
    face = cached(clock=None, timeout=PATIENCE)
    if face.awaits and kind is not GeneratorExit:
        pytest.skip("it ends the event loop")
    source.error = kind()
    with source.held():
        callers = [face.begin() for _ in range(3)]
        face.waits(3)
        eventually(lambda: source.calls == 1)
        source.error = None
    outcomes = [caller.exception(PATIENCE) for caller in callers]
    assert sorted(type(outcome).__name__ for outcome in outcomes) == sorted([kind.__name__, *["NoneType"] * 2])
    assert source.calls == 2


@pytest.mark.parametrize("awaits", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_what_can_be_read_only_once_is_loaded_once_for_its_leader(awaits: bool) -> None:
    calls: list[str] = []

    def load(key: str) -> Any:
        calls.append(key)
        return iter(key)

    async def load_async(key: str) -> Any:
        return load(key)

    if awaits:
        assert list(asyncio.run(_awaited(cache_result(load_async)("key")))) == list("key")
    else:
        assert list(cache_result(timeout=PATIENCE)(load)("key")) == list("key")
    assert calls == ["key"]


def test_circles_over_the_pool_are_computed() -> None:
    cache: Cache[int, Any] = Cache(timeout=PATIENCE)
    all_lead = threading.Barrier(3, timeout=PATIENCE)
    first = [True] * 3

    @cache.cache_result
    def f(number: int) -> int:
        if first[number]:
            first[number] = False
            all_lead.wait()
            return f((number + 1) % 3)
        return 7

    with ThreadPoolExecutor(3) as callers:
        assert list(callers.map(f, range(3))) == [7] * 3


def test_a_load_in_the_pool_that_asks_for_its_own_key_computes_it() -> None:
    depth = 0

    @cache_result(timeout=PATIENCE)
    def f(key: str) -> str:
        nonlocal depth
        depth += 1
        return f(key) if depth < 3 else key

    assert f("key") == "key" and depth == 3


@pytest.mark.skipif(sys.platform == "win32", reason="sends itself a signal")
def test_who_waits_for_the_pool_can_be_interrupted_and_the_load_goes_on(source: Source) -> None:
    f = cache_result(timeout=PATIENCE)(source.load)

    def interrupt() -> None:
        eventually(lambda: source.calls)
        threading.Event().wait(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with source.held():
            threading.Thread(target=interrupt).start()
            with pytest.raises(KeyboardInterrupt):
                f("key")
    finally:
        signal.signal(signal.SIGINT, before)
    eventually(lambda: f.peek("key") == "old")


# Loads that are too old


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "load_age" in record.getMessage()]


@faces()
def test_a_load_that_is_too_old_is_not_joined_nor_stored_and_logged_once(
    cached: Make, source: Source, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    face = cached(load_age="5m")
    caplog.set_level(logging.WARNING, "hotset")
    source.value = "late"
    with source.held():
        old = face.begin()
        face.waits(1)
        eventually(lambda: source.calls == 1)
        clock.advance("5m")
        source.value = "new"
        later = [face.begin() for _ in range(3)]
        face.waits(4)
        eventually(lambda: source.calls == 2)
    assert [caller.result(PATIENCE) for caller in later] == ["new"] * 3
    assert old.result(PATIENCE) in ("late", "new")
    assert face.load() == "new" == face.peek() and source.calls == 2
    (warning,) = warnings_of(caplog)
    assert "300 s" in warning and repr(face.cache.name) in warning


@faces()
def test_who_waits_for_a_load_that_becomes_too_old_takes_over(
    cached: Make, source: Source, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    face = cached(load_age=60)
    caplog.set_level(logging.WARNING, "hotset")
    source.value = "late"
    with source.held():
        callers = [face.begin()]
        face.waits(1)
        eventually(lambda: source.calls == 1)
        callers += [face.begin() for _ in range(3)]
        face.waits(4)
        source.value = "new"
        clock.advance(60)
        eventually(lambda: source.calls == 2)
    assert [caller.result(PATIENCE) for caller in callers[1:]] == ["new"] * 3
    assert callers[0].result(PATIENCE) in ("late", "new")
    assert face.load() == "new" and source.calls == 2 and warnings_of(caplog)


def test_it_is_logged_once_however_slow_the_log_is(
    source: Source, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            threading.Event().wait(0.7)  # followers look twice a second

    cache: Cache[str, Any] = Cache(load_age=60, clock=clock)
    caplog.set_level(logging.WARNING, "hotset")
    slow = Slow()
    logging.getLogger("hotset").addHandler(slow)
    try:
        with ThreadPoolExecutor(4) as callers, source.held():
            asking = [callers.submit(cache.get_or_load, "key", source.load) for _ in range(4)]
            eventually(lambda: cache.stats().misses == 4)
            clock.advance(60)
            eventually(lambda: source.calls >= 2)
            source.open.set()
            assert [one.result(PATIENCE) for one in asking] == ["old"] * 4
    finally:
        logging.getLogger("hotset").removeHandler(slow)
    assert len(warnings_of(caplog)) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [("key", "k" + "ey"), (10**30, 10**30 + 0), (("a", "1"), tuple("a1")), (frozenset({1}), frozenset([1]))],
    ids=["text", "large int", "tuple", "set"],
)
def test_a_load_that_is_too_old_does_not_overwrite_what_its_successor_loaded(
    first: Any, second: Any, source: Source, clock: ManualClock
) -> None:
    cache: Cache[Any, Any] = Cache(load_age=60, clock=clock)
    source.value = "late"
    with ThreadPoolExecutor(1) as caller, source.held():
        late = caller.submit(cache.get_or_load, first, source.load)
        eventually(lambda: source.calls == 1)
        clock.advance(60)
        assert cache.get_or_load(second, lambda _: "new") == "new"
        source.open.set()
        assert late.result(PATIENCE) == "late"
    assert cache[first] == "new"


@faces()
def test_a_refresh_that_is_too_old_is_in_nobodys_way(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached(ttl=10, grace="1h", load_age=60)
    face.load()
    clock.advance(10)
    source.value = "late"
    with source.held():
        assert face.load() == "old"
        eventually(lambda: source.calls == 2)
        clock.advance(60 - TICK)
        assert face.load() == "old" and source.calls == 2
        clock.advance(2 * TICK)
        source.value = "new"
        assert face.load() == "old"
        eventually(lambda: source.calls == 3)
    eventually(lambda: face.cache.stats().loads == 3)
    eventually(lambda: face.peek() is not MISSING)
    assert face.peek() == "new" and face.cache.stats().refused == 1


@faces(*SINGLE)
@pytest.mark.parametrize("load_age", [None, "1d"])
def test_a_load_may_be_as_old_as_the_cache_lets_it(
    cached: Make, source: Source, clock: ManualClock, load_age: str | None
) -> None:
    face = cached(load_age=load_age)
    with source.held():
        first = face.begin()
        face.waits(1)
        clock.advance("23h")
        follower = face.begin()
        face.waits(2)
    assert first.result(PATIENCE) == follower.result(PATIENCE) == "old" == face.peek() and source.calls == 1


@faces()
def test_a_load_that_is_too_old_is_stored_if_nobody_came_meanwhile(
    cached: Make, source: Source, clock: ManualClock
) -> None:
    face = cached(load_age="5m")
    with source.held():
        lone = face.begin()
        face.waits(1)
        eventually(lambda: source.calls == 1)
        clock.advance("6m")
    assert lone.result(PATIENCE) == face.peek() == "old"


def test_the_load_age_is_five_minutes_by_default(source: Source, clock: ManualClock) -> None:
    f = cache_result(clock=clock)(source.load)
    with ThreadPoolExecutor(2) as callers, source.held():
        callers.submit(f, "key")
        eventually(lambda: source.calls == 1)
        clock.advance(300 - TICK)
        callers.submit(f, "key")
        eventually(lambda: f.cache.stats().misses == 2)
        threading.Event().wait(0.05)
        assert source.calls == 1
        clock.advance(2 * TICK)
        other = threading.Thread(target=f, args=("key",))
        other.start()
        eventually(lambda: source.calls == 2)
        source.open.set()
        other.join(PATIENCE)


# Processes that fork or end


def in_a_child(script: str) -> float:
    """Run a script that prints "ending" and when, at its end; how many seconds it took after that."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", CHILD + script]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    after = time.monotonic()
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    lines = ran.stdout.splitlines()
    assert lines and lines[-1].startswith("ending "), ran
    return after - float(lines[-1].split()[1])


CHILD = """
import logging, os, signal, sys, threading, time
from hotset import Cache, LoadTimeoutError, cache_result
from hotset.testing import ManualClock

logging.getLogger("hotset").disabled = True

def ending():
    print("ending", time.monotonic(), flush=True)

def eventually(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)
"""


@pytest.mark.parametrize("hangs", ["under a timeout", "in the background"])
def test_a_load_that_hangs_holds_up_the_exit_for_two_seconds_at_most(hangs: str) -> None:
    seconds = in_a_child(
        f"""
clock, begun = ManualClock(), threading.Event()
cache = Cache(ttl=10, grace=10, clock=clock)

def hang(key):
    begun.set()
    time.sleep(60)

if {hangs == "under a timeout"}:
    try:
        cache_result(timeout=0.05)(hang)("key")
    except LoadTimeoutError:
        pass
else:
    cache["key"] = "old"
    clock.advance(10)
    assert cache.get_or_load("key", hang) == "old"
assert begun.wait(20)
ending()
"""
    )
    assert seconds < _pool.EXIT_SECONDS + 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_has_threads_and_loads_of_its_own() -> None:
    in_a_child(
        """
clock, go, parent = ManualClock(), threading.Event(), os.getpid()
cache = Cache(ttl=10, grace=10, clock=clock)
under_timeout = cache.cache_result(timeout=20)(lambda key: (os.getpid() == parent or go.wait(0)) and os.getpid())

def refresh(key):
    assert go.wait(20)
    return os.getpid()

def slow(key):
    assert go.wait(20)
    return os.getpid()

cache["key"] = "old"
clock.advance(10)
assert cache.get_or_load("key", refresh) == "old"
slowly = cache.cache_result(timeout=20)(slow)
waiting = threading.Thread(target=slowly, args=("key",))
waiting.start()
eventually(lambda: cache.stats().misses == 2)
time.sleep(0.05)

child = os.fork()
if child == 0:
    code = 1
    try:
        signal.alarm(30)
        assert not [t for t in threading.enumerate() if t.name.startswith("hotset-load")]
        go.set()
        assert slowly("key") == os.getpid(), "the load of the parent was waited for"
        assert cache.get_or_load("key", refresh) == "old"
        eventually(lambda: cache.peek("key") == os.getpid())
        code = 0
    finally:
        os._exit(code)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
go.set()
waiting.join()
eventually(lambda: cache.peek("key") == os.getpid())
assert slowly.peek("key") == os.getpid()
ending()
"""
    )


def test_a_cache_that_is_used_at_the_exit_loads_where_it_is_asked() -> None:
    in_a_child(
        """
import atexit
clock = ManualClock()
cache = Cache(ttl=10, grace=10, timeout=20, clock=clock)
cache["key"] = "old"
clock.advance(10)

def last_words():
    assert cache.get_or_load("key", lambda key: "never") == "old"
    assert cache.get_or_load("other", lambda key: threading.current_thread() is threading.main_thread()) is True
    assert cache.load_many("ab", lambda keys: dict.fromkeys(keys, 1)) == {"a": 1, "b": 1}
    ending()

atexit.register(last_words)
"""
    )


def test_stale_values_are_served_to_who_has_no_time(source: Source) -> None:
    """A timeout may be shorter than any load."""
    cache: Cache[str, Any] = Cache(grace="1h", soft_timeout=None, timeout="1us", error_ttl="1us")
    cache["key"] = "old"
    cache.expire("key")
    with source.held():
        assert [cache.get_or_load("key", source.load) for _ in range(3)] == ["old"] * 3
        with pytest.raises(LoadTimeoutError):
            cache.get_or_load("other", fails and source.load)
