"""Fresh, stale, gone: what is served after its ttl, to whom and why; what is refreshed before it, and who notices."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import hotset
import pytest
from hotset import MISSING, Cache, cache_result, cache_result_many
from hotset.testing import ManualClock
from ways_to_load import (
    PATIENCE,
    READERS,
    TICK,
    WORD,
    Face,
    Make,
    Source,
    _awaited,
    eventually,
    eventually_async,
    faces,
    fails,
)

# Stale


@faces()
def test_a_stale_value_is_served_at_once_while_one_refresh_runs(
    cached: Make, source: Source, clock: ManualClock
) -> None:
    face = cached(ttl=10, grace=10)
    assert face.load() == "old"
    clock.advance(10)
    source.value = "new"
    with source.held():
        assert [face.load() for _ in range(5)] == ["old"] * 5
        eventually(lambda: source.calls == 2)
        assert face.peek() is MISSING
    eventually(lambda: face.peek() == "new")
    assert face.load() == "new" and source.calls == 2
    stats = face.cache.stats()
    assert (stats.hits, stats.misses, stats.stale, stats.loads, stats.load_errors) == (1, 6, 5, 2, 0)


@faces()
def test_a_refreshed_value_is_as_fresh_as_any(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached(ttl=10, grace=10)
    face.load()
    clock.advance(15)
    source.value = "new"
    assert face.load() == "old"
    eventually(lambda: face.peek() == "new")
    clock.advance(10 - TICK)
    assert face.peek() == "new"
    clock.advance(2 * TICK)
    assert face.peek() is MISSING


@pytest.mark.parametrize("ends", ["by its ttl", "expired", "expired by tag"])
@pytest.mark.parametrize("reader", READERS)
def test_who_only_reads_never_sees_a_stale_value(reader: str, ends: str, clock: ManualClock) -> None:
    cache: Cache[str, str] = Cache(ttl=10, grace=10, clock=clock)
    cache.set("key", "old", tags=["tag"])
    assert READERS[reader](cache.copy(), "key") is not MISSING
    if ends == "by its ttl":
        clock.advance(10)
    else:
        cache.expire("key") if ends == "expired" else cache.expire_tags("tag")
    assert READERS[reader](cache, "key") is MISSING


@pytest.mark.parametrize("verb", ["len", "bool", "popitem"])
def test_nor_is_it_there_for_len_bool_and_popitem(verb: str, clock: ManualClock) -> None:
    cache: Cache[str, str] = Cache(ttl=10, grace=10, clock=clock)
    cache["key"] = "old"
    clock.advance(10)
    assert list(cache) == []
    if verb == "popitem":
        with pytest.raises(KeyError):
            cache.popitem()
    else:
        assert not (len(cache) if verb == "len" else bool(cache))


def test_peek_of_a_function_does_not_see_it_either(clock: ManualClock) -> None:
    f = cache_result(ttl=10, grace=10, clock=clock)(str.upper)
    assert f("key") == "KEY" == f.peek("key")
    clock.advance(10)
    assert f.peek("key") is MISSING and not f.invalidate("key")
    f.set("set", "key")
    assert f.peek("key") == "set" == f("key")


@faces()
def test_after_its_grace_a_value_is_gone(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached(ttl=10, grace=5, soft_timeout=None)
    face.load()
    source.error = LookupError("down")
    clock.advance(15 - TICK)
    assert face.load() == "old"
    clock.advance(2 * TICK)
    with pytest.raises(LookupError):
        face.load()
    assert face.cache.sweep() <= 1 and len(face.cache) == 0
    assert face.cache.stats().expired == 1


def test_the_listener_is_told_of_a_value_when_its_grace_has_ended(clock: ManualClock) -> None:
    left: list[tuple[Any, ...]] = []
    cache: Cache[str, str] = Cache(ttl=10, grace=5, clock=clock, on_remove=lambda *removed: left.append(removed))
    cache["key"] = "old"
    clock.advance(15 - TICK)
    assert cache.sweep() == 0 and not left
    clock.advance(2 * TICK)
    assert cache.sweep() == 1 and left == [("key", "old", "expired")]


def test_grace_is_as_each_entry_has_it(clock: ManualClock) -> None:
    cache: Cache[str, str] = Cache(ttl=10, grace=10, soft_timeout=None, clock=clock)
    cache.set("without", "old", grace=None)
    cache.set("longer", "old", grace="1h")
    cache.get_or_load("loaded", lambda _: "old", grace=20)
    f = cache.cache_result(grace=None)(lambda _: "old")
    f("of a function")
    clock.advance(25)
    for key, is_there in [("without", False), ("longer", True), ("loaded", True)]:
        if is_there:
            assert cache.get_or_load(key, fails) == "old"
        else:
            with pytest.raises(LookupError):
                cache.get_or_load(key, fails)


# Soft timeout: None


@faces()
def test_without_a_soft_timeout_the_load_is_waited_for(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached(ttl=10, grace=10, soft_timeout=None)
    face.load()
    clock.advance(10)
    source.value = "new"
    with source.held():
        callers = [face.begin() for _ in range(3)]
        face.waits(1 + 3)
        assert not any(caller.done() for caller in callers)
    assert [caller.result(PATIENCE) for caller in callers] == ["new"] * 3
    assert source.calls == 2 and face.cache.stats().stale == 0


def test_it_runs_on_the_callers_own_thread(clock: ManualClock) -> None:
    cache: Cache[str, int] = Cache(ttl=10, grace=10, soft_timeout=None, clock=clock)
    f = cache.cache_result(lambda _: threading.get_ident())
    for _ in range(2):
        assert f("key") == cache.get_or_load("key", lambda _: threading.get_ident()) == threading.get_ident()
        assert cache.load_many(["a"], lambda _: {"a": threading.get_ident()}) == {"a": threading.get_ident()}
        clock.advance(10)


# Errors


@faces()
def test_who_waits_for_a_load_that_fails_gets_the_stale_value(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached(ttl=10, grace=10, soft_timeout=None)
    face.load()
    clock.advance(10)
    source.error = LookupError("down")
    with source.held():
        callers = [face.begin() for _ in range(4)]
        face.waits(1 + 4)
    assert [caller.result(PATIENCE) for caller in callers] == ["old"] * 4
    assert source.calls == 2 and face.cache.stats().stale == 4


@faces()
def test_without_a_stale_value_an_error_raises_and_the_next_caller_tries_again(cached: Make, source: Source) -> None:
    face = cached(ttl=10, grace=10)
    source.error = LookupError("down")
    with source.held():
        callers = [face.begin() for _ in range(4)]
        face.waits(4)
    assert [type(caller.exception(PATIENCE)) for caller in callers] == [LookupError] * 4
    assert source.calls == 1
    with pytest.raises(LookupError):
        face.load()
    source.error = None
    assert face.load() == "old" and source.calls == 3


@faces()
@pytest.mark.parametrize("soft_timeout", [0, None])
def test_after_a_failure_no_load_is_begun_for_a_while_which_doubles(
    cached: Make, source: Source, clock: ManualClock, soft_timeout: float | None
) -> None:
    face = cached(ttl=10, grace="1h", soft_timeout=soft_timeout)
    face.load()
    clock.advance(10)
    source.error = LookupError("down")
    for number, rest in enumerate([1, 2, 4, 8, 16, 32, 64, 64, 64], 1):
        assert face.load() == "old"
        eventually(lambda number=number: face.cache.stats().load_errors == number)
        clock.advance(rest - TICK)
        assert [face.load() for _ in range(3)] == ["old"] * 3 and source.calls == 1 + number
        clock.advance(2 * TICK)


@faces()
def test_a_load_that_succeeds_begins_the_count_of_failures_anew(
    cached: Make, source: Source, clock: ManualClock
) -> None:
    face = cached(ttl=10, grace="1h", soft_timeout=None, error_ttl="3s")
    face.load()
    for _ in range(2):
        source.error = LookupError("down")
        clock.advance(10)
        for rest in (3, 6):
            calls = source.calls
            assert face.load() == "old"
            clock.advance(rest - TICK)
            assert face.load() == "old" and source.calls == calls + 1
            clock.advance(2 * TICK)
        source.error = None
        assert face.load() == "old" == face.peek()


def test_each_key_rests_for_itself(source: Source, clock: ManualClock) -> None:
    cache: Cache[str, Any] = Cache(ttl=10, grace="1h", soft_timeout=None, clock=clock)
    cache.set_many({"a": "old", "b": "old"})
    clock.advance(10)
    source.error = LookupError("down")
    assert cache.get_or_load("a", source.load) == "old"
    source.error, source.value = None, "new"
    assert cache.get_or_load("a", source.load) == "old" and cache.get_or_load("b", source.load) == "new"


def test_what_is_no_exception_is_raised_although_there_is_a_stale_value(source: Source, clock: ManualClock) -> None:
    cache: Cache[str, Any] = Cache(ttl=10, grace=10, soft_timeout=None, clock=clock)
    cache["key"] = "old"
    clock.advance(10)
    source.error = KeyboardInterrupt()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            cache.get_or_load("key", source.load)
    source.error, source.value = None, "new"
    assert cache.get_or_load("key", source.load) == "new"


@faces()
def test_a_refresh_that_fails_is_logged_without_what_it_says(
    cached: Make,
    source: Source,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Functions of one name may be failing since another test.
    monkeypatch.setattr("hotset._loading.failures._failing", {})
    face = cached(ttl=10, grace=10)
    face.load()
    clock.advance(10)
    source.error = LookupError("a secret")
    with caplog.at_level(logging.WARNING, "hotset"):
        assert face.load() == "old"
        eventually(lambda: caplog.records)
        eventually(lambda: face.cache.stats().load_errors == 1)
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("hotset", "WARNING")
    assert "LookupError" in record.getMessage() and "secret" not in caplog.text


# Refresh ahead


@faces()
def test_a_late_hit_returns_at_once_and_has_one_refresh_begun(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached(ttl=100, refresh_ahead=0.8)
    face.load()
    source.value = "new"
    clock.advance(80 - 0.1)
    assert face.load() == "old" and source.calls == 1
    clock.advance(0.2)
    with source.held():
        assert [face.load() for _ in range(5)] == ["old"] * 5
        eventually(lambda: source.calls == 2)
        assert face.peek() == "old"
    eventually(lambda: face.peek() == "new")
    assert face.load() == "new" and source.calls == 2
    clock.advance(80 - 0.1)
    assert face.load() == "new" and source.calls == 2
    stats = face.cache.stats()
    assert (stats.misses, stats.stale, stats.loads) == (1, 0, 2)


@faces()
def test_after_a_refresh_that_failed_the_next_begins_after_half_of_the_ttl_that_is_left(
    cached: Make, source: Source, clock: ManualClock
) -> None:
    face = cached(ttl=100, refresh_ahead=0.8)
    face.load()
    source.error = LookupError("down")
    clock.advance(80.1)
    for failures, half in enumerate((9.95, 4.97, 2.48), 1):
        assert face.load() == "old"
        eventually(lambda failures=failures: face.cache.stats().load_errors == failures)
        clock.advance(half - 0.1)
        assert face.load() == "old" and source.calls == 1 + failures
        clock.advance(0.11)
    assert face.peek() == "old"
    clock.advance(3)
    with pytest.raises(LookupError):
        face.load()


def test_who_only_reads_leaves_the_refresh_to_who_has_a_loader_at_first(source: Source, clock: ManualClock) -> None:
    cache: Cache[str, Any] = Cache(ttl=100, refresh_ahead=0.8, clock=clock)
    cache.get_or_load("key", source.load)
    clock.advance(81)
    assert cache.peek("key") == "old" and "key" in cache and list(cache.values()) == ["old"]
    source.value = "new"
    assert cache.get_or_load("key", source.load) == "old"
    eventually(lambda: cache.peek("key") == "new")


@pytest.mark.parametrize("reader", ["get", "[]", "get_many", "aio.get"])
def test_who_only_reads_takes_no_refresh_from_who_has_a_loader(reader: str, source: Source, clock: ManualClock) -> None:
    cache: Cache[str, Any] = Cache(ttl=100, refresh_ahead=0.8, clock=clock)
    cache.get_or_load("key", source.load)
    clock.advance(81)
    assert READERS[reader](cache, "key") == "old"
    with source.held():
        assert cache.get_or_load("key", source.load) == "old"
        eventually(lambda: source.calls == 2, patience=1)


WRITES: dict[str, Callable[[Face], object]] = {
    "set": lambda face: face.cache.set(face.key, "written", tags=["tag"]),
    "delete": lambda face: face.cache.delete(face.key),
    "expire": lambda face: face.cache.expire(face.key),
    "clear": lambda face: face.cache.clear(),
    "pop": lambda face: face.cache.pop(face.key, None),
}


@faces("function", "coroutine function", "get_or_load", "aio.get_or_load")
@pytest.mark.parametrize("begins", ["ahead", "stale"])
@pytest.mark.parametrize("write", WRITES)
def test_a_refresh_that_was_overtaken_stores_nothing(
    cached: Make, source: Source, clock: ManualClock, begins: str, write: str
) -> None:
    face = cached(ttl=100, grace=100, refresh_ahead=0.8)
    face.load()
    clock.advance(90 if begins == "ahead" else 110)
    source.value = "read before the write"
    with source.held():
        assert face.load() == "old"
        eventually(lambda: source.calls == 2)
        WRITES[write](face)
    eventually(lambda: face.cache.stats().loads == 2)
    assert face.peek() == ("written" if write == "set" else MISSING) and face.cache.stats().refused == 1


@pytest.mark.parametrize("awaits", [False, True])
@pytest.mark.parametrize("tags", ["names", "of the result"])
def test_a_refresh_whose_tag_was_invalidated_stores_nothing(
    awaits: bool, tags: str, source: Source, clock: ManualClock, loop: asyncio.AbstractEventLoop
) -> None:
    chosen: Any = ["tag"] if tags == "names" else lambda key, result: ["tag"]
    f: Any = cache_result(ttl=10, grace=10, tags=chosen, clock=clock)(source.load_async if awaits else source.load)

    def ask() -> Any:
        return asyncio.run_coroutine_threadsafe(_awaited(f("key")), loop).result(PATIENCE) if awaits else f("key")

    ask()
    clock.advance(10)
    source.value = "read before the invalidation"
    with source.held():
        assert ask() == "old"
        eventually(lambda: source.calls == 2)
        f.cache.invalidate_tags("tag")
        again = ThreadPoolExecutor(1).submit(ask)
        eventually(lambda: source.calls == 3)
        source.value = "new"
    assert again.result(PATIENCE) == "read before the invalidation"  # it began after that, and read what was there
    eventually(lambda: f.cache.stats().loads == 3)
    assert f.cache.stats().refused == 1 and f.cache.stats().stale == 1


# Invalidation

REMOVALS: dict[str, Callable[[Face], object]] = {
    "delete": lambda face: face.cache.delete(face.key),
    "delete_many": lambda face: face.cache.delete_many([face.key]),
    "pop": lambda face: face.cache.pop(face.key, None),
    "clear": lambda face: face.cache.clear(),
    "off and on": lambda face: (setattr(face.cache, "enabled", False), setattr(face.cache, "enabled", True)),
}


@faces()
@pytest.mark.parametrize("removal", REMOVALS)
@pytest.mark.parametrize("when", ["fresh", "stale", "resting", "refreshed"])
def test_what_was_invalidated_is_not_served_stale_either(
    cached: Make, source: Source, clock: ManualClock, removal: str, when: str
) -> None:
    face = cached(ttl=10, grace="1h")
    face.load()
    source.value = "new"
    if when != "fresh":
        clock.advance(10)
    if when == "resting":
        source.error = LookupError("down")
        assert face.load() == "old"
        eventually(lambda: face.cache.stats().load_errors == 1)
        source.error = None
    elif when == "refreshed":
        source.open.clear()
        assert face.load() == "old"
        eventually(lambda: source.calls == 2)
        source.value = "newer"
    REMOVALS[removal](face)
    clock.advance(10)
    later = face.begin()
    eventually(lambda: source.calls == (2 if when in ("fresh", "stale") else 3))
    source.open.set()
    assert later.result(PATIENCE) == ("newer" if when == "refreshed" else "new")
    source.error = LookupError("down")
    REMOVALS[removal](face)
    with pytest.raises(LookupError):
        face.load()


@pytest.mark.parametrize("first", ["ttl", "expire", "expire_tags"])
def test_what_a_tag_invalidated_is_not_served_stale_either(first: str, clock: ManualClock) -> None:
    cache: Cache[str, Any] = Cache(ttl=10, grace="1h", clock=clock)
    for order in ("stale first", "invalidated first"):
        cache.set("key", "old", tags=["tag", "other"])
        if order == "invalidated first":
            cache.invalidate_tags("tag")
        if first == "ttl":
            clock.advance(10)
        else:
            cache.expire("key") if first == "expire" else cache.expire_tags("other", "tag")
        if order == "stale first":
            cache.invalidate_tags("tag")
        with pytest.raises(LookupError):
            cache.get_or_load("key", fails)
        assert len(cache) == 0


@faces()
def test_who_waited_for_a_load_that_failed_is_not_served_what_was_invalidated_meanwhile(
    cached: Make, source: Source, clock: ManualClock
) -> None:
    face = cached(ttl=10, grace="1h", soft_timeout=None)
    face.load()
    clock.advance(10)
    source.error = LookupError("down")
    with source.held():
        callers = [face.begin() for _ in range(3)]
        face.waits(1 + 3)
        face.cache.delete(face.key)
    assert [type(caller.exception(PATIENCE)) for caller in callers] == [LookupError] * 3


# Expire


@faces()
def test_what_was_expired_is_stale_at_once_and_for_its_grace(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached(ttl="1h", grace=10, soft_timeout=None, error_ttl=0.5)
    face.load()
    assert face.cache.expire(face.key) and not face.cache.expire(face.key)
    assert face.peek() is MISSING
    source.error = LookupError("down")
    clock.advance(10 - TICK)
    assert face.load() == "old"
    clock.advance(2 * TICK)
    with pytest.raises(LookupError):
        face.load()


@pytest.mark.parametrize("awaits", [False, True])
def test_expire_of_a_function_is_for_one_call(
    awaits: bool, source: Source, clock: ManualClock, loop: asyncio.AbstractEventLoop
) -> None:
    f: Any = cache_result(grace=10, clock=clock)(source.load_async if awaits else source.load)

    def finish(result: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(_awaited(result), loop).result(PATIENCE) if awaits else result

    async def ask(key: str) -> Any:
        return await f(key)

    def call(key: str) -> Any:
        return asyncio.run_coroutine_threadsafe(ask(key), loop).result(PATIENCE) if awaits else f(key)

    call("a"), call("b")
    source.value = "new"
    assert finish(f.expire("a")) is True and finish(f.expire("a")) is False and finish(f.expire("c")) is False
    assert finish(f.peek("a")) is MISSING and finish(f.peek("b")) == "old"
    assert call("a") == "old"
    eventually(lambda: finish(f.peek("a")) == "new")
    assert call("b") == "old" and source.calls == 3


@pytest.mark.parametrize("verb", ["expire", "expire_many", "expire_tags"])
def test_without_grace_what_was_expired_is_gone(verb: str, clock: ManualClock) -> None:
    left: list[tuple[Any, ...]] = []
    cache: Cache[str, str] = Cache(ttl=10, clock=clock, on_remove=lambda *removed: left.append(removed))
    cache.set("key", "old", tags=["tag"])
    getattr(cache, verb)({"expire": "key", "expire_many": ["key"], "expire_tags": "tag"}[verb])
    with pytest.raises(LookupError):
        cache.get_or_load("key", fails)
    cache.sweep()
    assert left == [("key", "old", "expired")] and len(cache) == 0


def test_expired_tags_leave_each_entry_its_own_grace(clock: ManualClock) -> None:
    cache: Cache[str, str] = Cache(ttl="1h", soft_timeout=None, error_ttl=TICK, clock=clock)
    for key, grace in (("none", None), ("short", 5), ("long", 20)):
        cache.set(key, "old", grace=grace, tags=["tag", f"of {key}"])
    cache.set("untagged", "old", grace=5)
    cache.expire_tags("tag")
    assert list(cache) == ["untagged"]
    served: dict[str, list[object]] = {"none": [], "short": [], "long": []}
    for _ in range(3):
        clock.advance(4)
        for key, values in served.items():
            try:
                values.append(cache.get_or_load(key, fails))
            except LookupError:
                values.append(None)
    assert served == {"none": [None] * 3, "short": ["old", None, None], "long": ["old"] * 3}
    cache.set("long", "new", tags=["tag"])
    assert cache["long"] == "new"


def test_to_expire_a_tag_again_prolongs_no_grace(clock: ManualClock) -> None:
    cache: Cache[str, str] = Cache(grace=10, clock=clock)
    cache.set("key", "old", tags=["tag"])
    cache.expire_tags("tag")
    clock.advance(9)
    cache.expire_tags("tag")
    clock.advance(2)
    with pytest.raises(LookupError):
        cache.get_or_load("key", fails)


def test_expire_ends_no_grace_early_and_begins_none_anew(clock: ManualClock) -> None:
    cache: Cache[str, str] = Cache(ttl=10, grace=10, soft_timeout=None, error_ttl=TICK, clock=clock)
    cache.set("key", "old", tags=["tag"])
    clock.advance(15)
    assert not cache.expire("key")
    cache.expire_tags("tag")
    clock.advance(5 - TICK)
    assert cache.get_or_load("key", fails) == "old"
    clock.advance(2 * TICK)
    with pytest.raises(LookupError):
        cache.get_or_load("key", fails)


# Touch


def test_touch_renews_the_life_that_an_entry_has_of_its_own(clock: ManualClock) -> None:
    cache: Cache[Any, Any] = Cache(ttl=10, clock=clock)
    cache["usual"] = 1
    cache.set("own", 1, ttl=100)
    cache.set("endless", 1, ttl=None)
    f = cache.cache_result(negative_ttl=30)(lambda _: None)
    f("negative")
    lives = {"usual": 10, f.cache_key("negative"): 30, "own": 100}
    clock.advance(9)
    assert cache.touch_many([*lives, "endless"]) == 4
    passed = 0.0
    for key, ttl in lives.items():
        clock.advance(ttl - TICK - passed)
        assert key in cache
        clock.advance(2 * TICK)
        assert key not in cache
        passed = ttl + TICK
    clock.advance("1d")
    assert "endless" in cache


def test_touch_keeps_grace_refresh_and_tags(source: Source, clock: ManualClock) -> None:
    cache: Cache[str, Any] = Cache(ttl=10, grace=10, refresh_ahead=0.5, clock=clock)
    cache.get_or_load("key", source.load, tags=["tag"])
    clock.advance(4)
    assert cache.touch("key")
    clock.advance(4)
    source.value = "new"
    assert cache.get_or_load("key", source.load) == "old" and source.calls == 1
    clock.advance(2)
    with source.held():
        assert cache.get_or_load("key", source.load) == "old"
        eventually(lambda: source.calls == 2)
        clock.advance(4)
        assert cache.peek("key") is None and cache.get_or_load("key", source.load) == "old"
        assert not cache.touch("key"), "a stale entry came back to life"
    eventually(lambda: cache.peek("key") == "new")
    cache.set("key", "tagged", tags=["tag"])
    assert cache.touch("key", ttl=5)
    cache.invalidate_tags("tag")
    assert "key" not in cache


# Results that say that there is nothing


@faces("function", "coroutine function")
def test_a_negative_result_has_a_ttl_of_its_own(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached()
    load = source.load_async if face.awaits else source.load
    for is_negative, negative, positive in [(None, None, 0), (lambda result: not result, 0, None)]:
        options: dict[str, Any] = {"is_negative": is_negative} if is_negative else {}
        f = face.cache.cache_result(ttl=100, grace=5, negative_ttl=10, **options)(load)
        face.ask, face.key_of = f, f.cache_key
        if is_negative:
            positive = 1
        for value, ttl in ((negative, 10), (positive, 100)):
            face.cache.clear()
            source.value = value
            assert face.load() == value
            clock.advance(ttl - TICK)
            assert face.peek() == value
            clock.advance(2 * TICK)
            assert face.peek() is MISSING
            calls = source.calls
            assert face.load() == value, "it is stale now, for the same grace"
            eventually(lambda calls=calls: source.calls == calls + 1)
            eventually(lambda value=value: face.peek() == value)
        clock.advance("1h")


def test_negative_ttl_counts_more_than_a_ttl_that_decides_and_may_be_longer(clock: ManualClock) -> None:
    asked: list[object] = []
    f = cache_result(ttl=lambda result: asked.append(result) or 5, negative_ttl=50, clock=clock)(lambda value: value)
    assert (f(None), f(1)) == (None, 1) and asked == [1]
    clock.advance(20)
    assert f.peek(None) is None and f.peek(1) is MISSING


def test_is_negative_without_negative_ttl_is_refused() -> None:
    with pytest.raises(ValueError, match="negative_ttl"):
        cache_result(is_negative=lambda result: True)(str.upper)


# Early refresh


def refreshed_early(factor: bool | float, ttl: float, at: float) -> tuple[int, float, float]:
    """How many of 200 results a hit at this time refreshes, how many that should be, and the square of its deviation."""
    clock, took, is_filled = ManualClock(), list[float](), False

    @cache_result(ttl=ttl, early_refresh=factor, clock=clock)
    async def f(_number: int) -> None:
        took.append(0)
        if not is_filled:
            began = time.perf_counter()
            time.sleep(0.002)  # loads are timed by the clock of the system
            took[-1] = time.perf_counter() - began

    async def main() -> int:
        nonlocal is_filled
        for number in range(200):
            await f(number)
        is_filled = True
        clock.advance(at)
        for number in range(200):
            await f(number)
        await asyncio.sleep(0.01)
        return len(took) - 200

    count = asyncio.run(main())
    chances = [math.exp((at - ttl) / (float(factor) * seconds)) for seconds in took[:200]]
    return count, sum(chances), sum(chance * (1 - chance) for chance in chances)


@pytest.mark.parametrize(("factor", "before"), [(True, 0.002), (2.5, 0.004), (50, 0.05), (50, 0.2), (200, 0.4)])
def test_a_hit_refreshes_early_with_the_chance_that_xfetch_has(factor: float, before: float) -> None:
    count, expected, variance = refreshed_early(factor, 1, 1 - before)
    assert abs(count - expected) < 5 * math.sqrt(variance) + 0.04 * 200, (count, expected)
    assert 0 < count < 200


def test_a_larger_factor_refreshes_more_and_a_fresh_value_is_left_alone() -> None:
    counts = [refreshed_early(factor, 1, 0.9)[0] for factor in (True, 20, 100)]
    assert counts[0] == 0 < counts[1] < counts[2] <= 200
    assert refreshed_early(1, 1000, 500)[0] == 0


@faces("function", "coroutine function", "get_or_load", "aio.get_or_load")
def test_early_refresh_serves_nothing_after_the_ttl(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached(ttl=10, early_refresh=255)
    face.load()
    clock.advance(10)
    source.value = "new"
    assert face.load() == "new" and face.cache.stats().stale == 0


def test_early_refresh_of_many_keys_is_for_each_of_them(clock: ManualClock) -> None:
    asked: list[int] = []

    @cache_result_many(ttl=10, early_refresh=255, clock=clock)
    def f(numbers: list[int]) -> dict[int, int]:
        asked.extend(numbers)
        threading.Event().wait(0.05)
        return dict.fromkeys(numbers, 1)

    f(range(100))
    clock.advance(9)  # the mean refresh point is more than 12 s before the ttl ends
    f(range(100))
    eventually(lambda: f.cache.stats().loads >= 2)
    assert len(asked) > 150


# Many keys


@pytest.mark.parametrize("decorated", [False, True])
@pytest.mark.parametrize("awaits", [False, True])
def test_stale_values_of_many_keys_are_refreshed_in_one_call(
    awaits: bool, decorated: bool, clock: ManualClock, loop: asyncio.AbstractEventLoop
) -> None:
    cache: Cache[Any, Any] = Cache(ttl=10, grace=10, clock=clock)
    asked: list[list[str]] = []
    version, go = "old", threading.Event()
    go.set()

    def load(keys: list[str]) -> dict[str, str]:
        asked.append(keys)
        found = {key: f"{version} {key}" for key in keys}
        assert go.wait(PATIENCE)
        return found

    async def load_async(keys: list[str]) -> dict[str, str]:
        asked.append(keys)
        found = {key: f"{version} {key}" for key in keys}
        await eventually_async(go.is_set)
        return found

    function: Any = cache_result_many(cache=cache)(load_async if awaits else load)

    def ask(keys: str) -> Any:
        if awaits:
            found = function(keys) if decorated else cache.aio.load_many(keys, load_async)
            return asyncio.run_coroutine_threadsafe(_awaited(found), loop).result(PATIENCE)
        return function(keys) if decorated else cache.load_many(keys, load)

    assert ask("abc") == {"a": "old a", "b": "old b", "c": "old c"}
    clock.advance(10)
    assert ask("d") == {"d": "old d"}
    version = "new"
    go.clear()
    late = ThreadPoolExecutor(1).submit(ask, "dbea")
    eventually(lambda: len(asked) == 4)
    go.set()
    assert list(late.result(PATIENCE).items()) == [("d", "old d"), ("b", "old b"), ("e", "new e"), ("a", "old a")]
    assert sorted(map(sorted, asked[2:])) == [["a", "b"], ["e"]]
    eventually(lambda: cache.stats().loads == 4)
    assert ask("abe") == {"a": "new a", "b": "new b", "e": "new e"} and len(asked) == 4
    assert cache.stats().stale == 2


@pytest.mark.parametrize("decorated", [False, True])
def test_a_bulk_load_that_fails_serves_all_keys_stale_or_raises(
    decorated: bool, source: Source, clock: ManualClock
) -> None:
    cache: Cache[Any, Any] = Cache(ttl=10, grace="1h", soft_timeout=None, clock=clock)
    function: Any = cache_result_many(cache=cache)(source.load_many)

    def ask(keys: str) -> Any:
        return function(keys) if decorated else cache.load_many(keys, source.load_many)

    ask("ab")
    clock.advance(10)
    source.error = LookupError("down")
    with pytest.raises(LookupError):
        ask("abc")
    clock.advance(2)
    assert ask("ab") == {"a": "old", "b": "old"} and source.calls == 3
    assert ask("ba") == {"b": "old", "a": "old"} and source.calls == 3
    source.error = None
    assert ask("abc") == {"a": "old", "b": "old", "c": "old"} and source.calls == 4


@pytest.mark.parametrize("soft_timeout", [0, None])
def test_a_refresh_that_leaves_a_key_out_leaves_it_stale(
    soft_timeout: float | None, source: Source, clock: ManualClock
) -> None:
    cache: Cache[str, Any] = Cache(ttl=10, grace=10, soft_timeout=soft_timeout, clock=clock)
    cache.load_many("ab", source.load_many)
    clock.advance(10)

    def partial(keys: list[str]) -> dict[str, str]:
        source.load()
        return {key: "new" for key in keys if key != "b"}

    found = cache.load_many("ab", partial)
    eventually(lambda: cache.peek("a") == "new")
    assert found == ({"a": "old", "b": "old"} if soft_timeout == 0 else {"a": "new"}) and cache.peek("b") is None


# Where it runs


@pytest.mark.parametrize("why", ["stale", "ahead"])
def test_a_refresh_runs_in_a_copy_of_the_context_of_who_began_it(why: str, clock: ManualClock) -> None:
    cache: Cache[str, Any] = Cache(ttl=10, grace=10, refresh_ahead=0.5, clock=clock)

    def load(*_keys: str) -> tuple[str, bool]:
        seen = WORD.get()
        WORD.set("of the load")
        return seen, threading.current_thread() is threading.main_thread()

    async def load_async(key: str) -> tuple[str, bool]:
        return load(key)

    def begin(word: str, *, sync: bool) -> None:
        WORD.set(word)
        if sync:
            cache.get_or_load("key", load)
            cache.load_many(["many"], lambda keys: {"many": load()}) if why == "stale" else None

    async def main() -> None:
        WORD.set("of the task")
        await cache.aio.get_or_load("key", load_async)
        eventually_there = asyncio.get_running_loop().time() + PATIENCE
        while cache.peek("key") != ("of the task", True):
            assert asyncio.get_running_loop().time() < eventually_there
            await asyncio.sleep(0.001)
        assert WORD.get() == "of the task"

    def test() -> None:
        begin("at first", sync=True)
        assert cache["key"] == ("at first", True) and WORD.get() == "of the load", "a plain load is part of the call"
        clock.advance(6 if why == "ahead" else 10)
        begin("of the thread", sync=True)
        eventually(lambda: cache.peek("key") == ("of the thread", False))
        if why == "stale":
            eventually(lambda: cache.peek("many") == ("of the thread", False))
        assert WORD.get() == "of the thread"
        clock.advance(6 if why == "ahead" else 10)
        asyncio.run(main())

    contextvars.copy_context().run(test)


def test_a_refresh_may_ask_for_its_own_key_and_others(clock: ManualClock) -> None:
    cache: Cache[str, Any] = Cache(ttl=10, grace=10, clock=clock)
    version = 1

    @cache.cache_result
    def f(key: str) -> tuple[int, Any]:
        return version, f(key) if key == "own" and version > 1 else g(key)

    @cache.cache_result
    def g(key: str) -> int:
        return version

    assert f("own") == f("other") == (1, 1)
    clock.advance(10)
    version = 2
    assert f("own") == f("other") == (1, 1)
    eventually(lambda: f.peek("own") is not MISSING and f.peek("other") is not MISSING)
    assert f.peek("own") == (2, (1, 1)) and f.peek("other") == (2, 1)


def test_without_a_loop_that_runs_a_coroutine_function_serves_and_refreshes_nothing(
    source: Source, clock: ManualClock
) -> None:
    f = cache_result(ttl=10, refresh_ahead=0.5, clock=clock)(source.load_async)
    asyncio.run(_awaited(f("key")))
    clock.advance(6)
    with pytest.raises(StopIteration) as stop:
        f("key").send(None)
    assert stop.value.value == "old" and source.calls == 1


def test_a_coroutine_that_is_driven_by_hand_serves_what_is_stale_if_its_load_fails(
    source: Source, clock: ManualClock
) -> None:
    f = cache_result(ttl=10, grace=10, clock=clock)(source.load_async)
    for _ in range(2):
        with pytest.raises(StopIteration) as stop:
            f("key").send(None)
        assert stop.value.value == "old"
        clock.advance(10)
        source.error = LookupError("down")


def test_a_refresh_ends_with_its_loop_and_the_next_loop_begins_another(source: Source, clock: ManualClock) -> None:
    f = cache_result(ttl=10, grace=10, clock=clock)(source.load_async)
    asyncio.run(_awaited(f("key")))
    clock.advance(10)

    async def main() -> None:
        assert await f("key") == "old"
        await asyncio.sleep(0.01)

    with source.held():
        asyncio.run(main())
        assert source.calls == 2
        asyncio.run(main())
        assert source.calls == 3
    source.value = "new"
    asyncio.run(main())
    assert source.calls == 4 and f.cache.peek(f.cache_key("key")) == "new"


@pytest.mark.filterwarnings("ignore")
def test_a_refresh_whose_loop_was_closed_is_in_nobodys_way(source: Source, clock: ManualClock) -> None:
    f = cache_result(ttl=10, grace=10, clock=clock)(source.load_async)
    asyncio.run(_awaited(f("key")))
    clock.advance(10)

    async def main() -> None:
        assert await f("key") == "old"
        await asyncio.sleep(0.01)

    loop = asyncio.new_event_loop()
    with source.held():
        loop.run_until_complete(main())
        loop.close()
    assert source.calls == 2
    asyncio.run(main())
    assert source.calls == 3


def test_a_refresh_by_one_face_serves_the_others(source: Source, clock: ManualClock) -> None:
    """A thread begins it, and a task, a bulk load and other threads neither wait nor begin another."""
    cache: Cache[str, Any] = Cache(ttl=10, grace=10, clock=clock)
    cache["key"] = "old"
    clock.advance(10)
    source.value = "new"
    with source.held():
        assert cache.get_or_load("key", source.load) == "old"
        assert cache.load_many(["key"], source.load_many) == {"key": "old"}
        assert asyncio.run(_awaited(cache.aio.get_or_load("key", source.load_async))) == "old"
        assert asyncio.run(cache.aio.load_many(["key"], source.load_many_async)) == {"key": "old"}
        eventually(lambda: source.calls == 1)
    eventually(lambda: cache.peek("key") == "new")
    assert source.calls == 1


# Options


def test_a_function_has_the_options_of_its_cache_unless_it_says_otherwise(source: Source, clock: ManualClock) -> None:
    cache: Cache[Any, Any] = Cache(ttl=10, grace="1h", soft_timeout=None, error_ttl=5, clock=clock)
    inherits = cache.cache_result(source.load)
    own = cache.cache_result(soft_timeout=0, error_ttl=50)(source.load)
    inherits("key"), own("key")
    clock.advance(10)
    source.value = "new"
    assert inherits("key") == "new" and own("key") == "old"
    eventually(lambda: own.peek("key") == "new")
    source.error = LookupError("down")
    clock.advance(10)
    assert inherits("key") == own("key") == "new"
    eventually(lambda: cache.stats().load_errors == 2)
    clock.advance(6)
    calls = source.calls
    assert inherits("key") == own("key") == "new" and source.calls == calls + 1


def test_a_copy_loads_as_its_original_does(source: Source, clock: ManualClock) -> None:
    options: dict[str, Any] = {"ttl": 10, "grace": 20, "idle": None, "jitter": 0.0, "load_age": "1m"}
    options |= {"soft_timeout": None, "timeout": 5, "cache_errors": (KeyError,), "error_ttl": 3}
    cache: Cache[str, Any] = Cache(**options, refresh_ahead=0.5, early_refresh=2.0, clock=clock)
    copy = cache.copy().copy()
    assert copy._given == cache._given and copy._load_policy.options() == cache._load_policy.options()
    assert (copy.ttl, copy.grace, copy.load_age) == (10, 20, 60)
    plain: Cache[str, Any] = Cache(ttl=10, grace=10, soft_timeout=None, refresh_ahead=0.5, clock=clock)
    plain["key"] = "old"
    clock.advance(4)
    copy = plain.copy()
    clock.advance(2)
    with source.held():
        assert copy.get_or_load("key", source.load) == "old"
        eventually(lambda: source.calls == 1)
        clock.advance(4)
        assert copy.peek("key") is None, "its life goes on, it does not begin anew"
    eventually(lambda: copy.peek("key") == "old")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"grace": 0}, ValueError, "grace=0"),
        ({"grace": "soon"}, ValueError, "grace: "),
        ({"soft_timeout": -1}, ValueError, "soft_timeout=-1"),
        ({"soft_timeout": True}, TypeError, "soft_timeout=True"),
        ({"timeout": 0}, ValueError, "timeout=0"),
        ({"error_ttl": None}, TypeError, "error_ttl=None"),
        ({"error_ttl": 0}, ValueError, "error_ttl=0"),
        ({"refresh_ahead": 0}, ValueError, "refresh_ahead=0"),
        ({"refresh_ahead": 1.0}, ValueError, "refresh_ahead=1.0"),
        ({"refresh_ahead": "80%"}, TypeError, "refresh_ahead='80%'"),
        ({"early_refresh": -1}, ValueError, "early_refresh=-1"),
        ({"early_refresh": "yes"}, TypeError, "early_refresh='yes'"),
        ({"cache_errors": BaseException}, TypeError, "cache_errors="),
        ({"cache_errors": [LookupError, "KeyError"]}, TypeError, "cache_errors="),
        ({"soft_timout": 1}, TypeError, "did you mean 'soft_timeout'?"),
        ({"max_size": 1}, TypeError, "has no option 'max_size': did you mean 'maxsize'?"),
        ({"listener": print}, TypeError, "has no option 'listener', only "),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "taker", [Cache, lambda **options: cache_result(**options)(str.upper)], ids=["cache", "function"]
)
def test_options_that_make_no_sense_are_refused_by_name(
    taker: Callable[..., object], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as raised:
        taker(**options)
    assert message in str(raised.value)


# Time that a test lets pass for caches that have no clock of their own


@pytest.mark.parametrize("ttl", [10, pytest.param(time.monotonic() + 86_400, id="before the start")])
def test_advance_makes_stale_and_then_gone(ttl: float, source: Source, hotset_time: Callable[[float], None]) -> None:
    cache: Cache[str, Any] = Cache(ttl=ttl, grace=10, soft_timeout=None, error_ttl=5)
    cache["key"] = "old"
    hotset_time(ttl + 1)
    source.error = LookupError("down")
    assert "key" not in cache and cache.get_or_load("key", source.load) == "old"
    assert cache.get_or_load("key", source.load) == "old" and source.calls == 1
    hotset_time(6)
    assert cache.get_or_load("key", source.load) == "old" and source.calls == 2
    hotset_time(4)
    with pytest.raises(LookupError):
        cache.get_or_load("key", source.load)


def test_advance_brings_the_refresh_nearer(source: Source, hotset_time: Callable[[float], None]) -> None:
    cache: Cache[str, Any] = Cache(ttl=100, refresh_ahead=0.5)
    cache.get_or_load("key", source.load)
    source.value = "new"
    hotset_time(40)
    assert cache.get_or_load("key", source.load) == "old" and source.calls == 1
    hotset_time(20)
    assert cache.get_or_load("key", source.load) == "old"
    eventually(lambda: cache.peek("key") == "new")


def test_clear_all_forgets_stale_values(clock: ManualClock) -> None:
    cache: Cache[str, str] = Cache(ttl=10, grace=10, clock=clock)
    cache["key"] = "old"
    clock.advance(10)
    hotset.testing.clear_all()
    with pytest.raises(LookupError):
        cache.get_or_load("key", fails)
