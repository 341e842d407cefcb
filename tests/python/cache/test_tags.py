"""Invalidation by tag: what carries it is gone at once, costs the same for one entry and a million, and fences loads."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hotset
import pytest
from hotset import MISSING, Cache, cache_result
from hotset.testing import ManualClock
from ways_to_load import eventually


@dataclass(frozen=True)
class User:
    number: int
    team: str


def test_what_carries_a_tag_is_gone_and_the_rest_stays() -> None:
    cache: Cache[str, int] = Cache()
    cache.set("a", 1, tags=["x"])
    cache.set("b", 2, tags=["x", "y"])
    cache.set("c", 3, tags=["y"])
    cache.set("d", 4)
    cache.invalidate_tags("x")
    assert (cache.get("a"), cache.get("b"), cache["c"], cache["d"]) == (None, None, 3, 4)
    assert dict(cache) == {"c": 3, "d": 4} and len(cache) == 2
    cache.invalidate_tags("y", "unknown")
    assert dict(cache) == {"d": 4}
    cache.invalidate_tags()
    assert dict(cache) == {"d": 4}


SEES: dict[str, Callable[[Cache[str, Any]], object]] = {
    "get": lambda cache: cache.get("key", MISSING) is not MISSING,
    "in": lambda cache: "key" in cache,
    "peek": lambda cache: cache.peek("key", MISSING) is not MISSING,
    "pop": lambda cache: cache.pop("key", MISSING) is not MISSING,
    "delete": lambda cache: cache.delete("key"),
    "touch": lambda cache: cache.touch("key"),
    "expire": lambda cache: cache.expire("key"),
    "replace": lambda cache: cache.replace("key", 1),
    "iteration": lambda cache: list(cache) == ["key"],
    "items": lambda cache: list(cache.items()) != [],
    "get_many": lambda cache: cache.get_many(["key"]) != {},
    "copy": lambda cache: dict(cache.copy()) != {},
    "setdefault": lambda cache: cache.setdefault("key", "new") != "new",
    "add": lambda cache: not cache.add("key", "new"),
    "get_or_load": lambda cache: cache.get_or_load("key", lambda _: "new") != "new",
    "incr": lambda cache: cache.incr("key") != 1,
}


@pytest.mark.parametrize("sees", SEES)
def test_no_verb_sees_what_a_tag_has_killed(sees: str) -> None:
    cache: Cache[str, Any] = Cache()
    cache.set("key", 41, tags=["x"])
    assert SEES[sees](cache.copy())
    cache.invalidate_tags("x")
    assert not SEES[sees](cache)


def test_an_entry_that_is_written_again_has_its_new_tags() -> None:
    cache: Cache[str, int] = Cache()
    cache.set("a", 1, tags=["old"])
    cache.set("a", 2, tags=["new"])
    cache.invalidate_tags("old")
    assert cache["a"] == 2
    cache.set("a", 3)
    cache.invalidate_tags("new")
    assert cache["a"] == 3
    cache.set("a", 4, tags=["new"])
    cache.invalidate_tags("new")
    cache["a"] = 5
    assert cache["a"] == 5


def test_what_leaves_by_a_tag_is_counted_and_told_when_it_leaves() -> None:
    told: list[tuple[object, ...]] = []
    cache: Cache[int, str] = Cache(on_remove=lambda *what: told.append(what))
    cache.set_many({1: "a", 2: "b"}, tags=["x"])
    cache.set(3, "c", tags=["y"])
    cache.invalidate_tags("x")
    cache.expire_tags("y")
    assert cache.sweep() == 3
    assert sorted(told) == [(1, "a", "invalidated"), (2, "b", "invalidated"), (3, "c", "expired")]
    assert (cache.stats().invalidated, cache.stats().expired) == (2, 1)


def test_what_a_tag_has_killed_leaves_before_anything_else() -> None:
    cache: Cache[int, int] = Cache(maxsize=100, policy="lru")
    cache.update((number, number) for number in range(50))
    cache.set_many(((number, number) for number in range(50, 100)), tags=["x"])
    cache.invalidate_tags("x")
    cache.update((number, number) for number in range(100, 150))
    assert sorted(cache) == [*range(50), *range(100, 150)] and cache.stats().evicted == 0


def test_the_objects_are_dropped_by_later_operations() -> None:
    class Value:
        pass

    cache: Cache[int, Value] = Cache(maxsize=None)
    values = [Value() for _ in range(1_000)]
    alive = [weakref.ref(value) for value in values]
    cache.set_many(enumerate(values), tags=["x"])
    del values
    cache.invalidate_tags("x")
    for number in range(1_000):
        cache.get(number)
    gc.collect()
    assert not any(of() for of in alive)


def test_the_objects_of_a_cleared_cache_are_dropped_by_later_operations() -> None:
    class Value:
        pass

    cache: Cache[int, Value] = Cache(maxsize=None)
    values = [Value() for _ in range(5_000)]
    alive = [weakref.ref(value) for value in values]
    cache.update(enumerate(values))
    del values
    cache.clear()
    assert len(cache) == 0
    for number in range(1_000):
        cache.get(number)
    gc.collect()
    assert not any(of() for of in alive)


def test_functions_tag_their_results_by_templates_and_by_callables() -> None:
    shared: Cache[Any, Any] = Cache()

    @shared.cache_result(tags=["user:{user.number}", "team:{user.team}"])
    def profile(user: User) -> object:
        return object()

    @shared.cache_result(tags=lambda number, result: [f"parity:{result}"])
    def parity(number: int) -> int:
        return number % 2

    ann, bob = User(1, "red"), User(2, "red")
    before = [profile(ann), profile(bob), parity(1), parity(2)]
    shared.invalidate_tags("user:1")
    assert profile(ann) is not before[0] and profile(bob) is before[1]
    shared.invalidate_tags("team:red", "parity:0")
    assert profile(bob) is not before[1]
    assert parity.peek(2) is MISSING and parity.peek(1) == 1


def test_tags_of_a_copy_are_its_own() -> None:
    cache: Cache[str, int] = Cache()
    cache.set("a", 1, tags=["x"])
    other = cache.copy()
    other.invalidate_tags("x")
    assert cache["a"] == 1 and "a" not in other


@pytest.mark.parametrize("tags", [(7,), (b"x",), (None,), (["x"],)])
def test_a_tag_is_a_text(tags: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="tags"):
        Cache().invalidate_tags(*tags)
    with pytest.raises(TypeError, match="tags"):
        Cache().expire_tags(*tags)


def test_tags_and_idle_times_go_together() -> None:
    clock = ManualClock()
    cache: Cache[str, int] = Cache(idle=10, clock=clock)
    cache.set("a", 1, tags=["x"])
    for _ in range(5):
        clock.advance(6)
        assert cache["a"] == 1
    cache.invalidate_tags("x")
    assert "a" not in cache
    cache.set("a", 2, tags=["x"])
    clock.advance(11)
    assert "a" not in cache


def test_the_awaitable_face_invalidates_too() -> None:
    async def main() -> None:
        cache: Cache[str, int] = Cache()
        await cache.aio.set("a", 1, tags=["x"])
        await cache.aio.set("b", 1, tags=["y"])
        await cache.aio.invalidate_tags("x")
        await cache.aio.expire_tags("y")
        assert not cache

    asyncio.run(main())


# Fences


def loads(cache: Cache[Any, Any], act: Callable[[], object]) -> dict[str, Callable[[], object]]:
    """Ways to load a value whose tag is ``user:1``, while something happens."""

    def load(*_: object) -> str:
        act()
        return "loaded"

    async def load_async(*_: object) -> str:
        await asyncio.sleep(0)
        act()
        return "loaded"

    template = cache.cache_result(tags=["user:{number}"])(lambda number: load())
    by_result = cache.cache_result(tags=lambda number, result: [f"user:{number}"])(lambda number: load())
    coroutine = cache.cache_result(tags=["user:{number}"])(_coroutine(load_async))
    return {
        "a template": lambda: template(1),
        "a callable": lambda: by_result(1),
        "a coroutine": lambda: asyncio.run(coroutine(1)),
        "get_or_load": lambda: cache.get_or_load("key", load, tags=["user:1"]),
        "load_many": lambda: cache.load_many(["key"], lambda keys: {"key": load()}, tags=["user:1"])["key"],
        "aio": lambda: asyncio.run(cache.aio.get_or_load("key", load_async, tags=["user:1"])),  # type: ignore[arg-type]
    }


def _coroutine(load: Callable[..., Any]) -> Callable[[int], Any]:
    async def coroutine(number: int) -> Any:
        return await load()

    return coroutine


@pytest.mark.parametrize("way", loads(Cache(), lambda: None))
@pytest.mark.parametrize("verb", ["invalidate_tags", "expire_tags"])
def test_an_invalidation_of_a_tag_during_a_load_refuses_its_fill(way: str, verb: str) -> None:
    cache: Cache[Any, Any] = Cache()
    tag = "user:1"
    load = loads(cache, lambda: getattr(cache, verb)(tag))[way]
    assert load() == "loaded"
    assert len(cache) == 0 and cache.stats().refused == 1
    tag = "user:2"
    assert load() == "loaded"
    assert len(cache) == 1 and cache.stats().refused == 1


def test_who_comes_after_an_invalidation_does_not_join_a_load_that_may_carry_the_tag() -> None:
    @cache_result(tags=["user:{number}"])
    def f(number: int) -> str:
        version = next(versions)
        if version == "old":
            assert go.wait(30)
        return version

    for tag, joins in (("user:1", False), ("user:2", True)):
        versions, go = iter(["old", "new"]), threading.Event()
        f.invalidate(1)
        results: list[str] = []
        slow = threading.Thread(target=lambda results=results: results.append(f(1)))
        misses = f.cache_info().misses
        slow.start()
        eventually(lambda misses=misses: f.cache_info().misses > misses)
        f.cache.invalidate_tags(tag)
        if joins:
            follower = threading.Thread(target=lambda results=results: results.append(f(1)))
            follower.start()
            eventually(lambda misses=misses: f.cache_info().misses > misses + 1)
            go.set()
            follower.join(30)
            slow.join(30)
            assert results == ["old", "old"]
        else:
            assert f(1) == "new"
            go.set()
            slow.join(30)
            assert results == ["old"] and f(1) == "new"


def test_a_tag_that_only_the_result_tells_closes_the_load_to_later_callers() -> None:
    versions, go = iter(["old", "new"]), threading.Event()

    @cache_result(tags=lambda number, result: [f"version:{result}"])
    def f(number: int) -> str:
        version = next(versions)
        if version == "old":
            assert go.wait(30)
        return version

    slow = threading.Thread(target=f, args=(1,))
    slow.start()
    eventually(lambda: f.cache_info().misses)
    f.cache.invalidate_tags("version:old")
    assert f(1) == "new"
    go.set()
    slow.join(30)
    assert f.peek(1) == "new" and hotset.caches()


# Memory


def test_tags_that_nobody_uses_any_more_take_no_memory() -> None:

    cache: Cache[int, None] = Cache(maxsize=100)

    def use(first: int) -> None:
        for number in range(first, first + 20_000):
            cache.set(number % 100, None, tags=[f"tag:{number}"])
            if number % 2:
                cache.invalidate_tags(f"tag:{number}")
            cache.invalidate_tags(f"unknown:{number}")
        cache.sweep()

    use(0)
    from resource import RUSAGE_SELF, getrusage

    before = getrusage(RUSAGE_SELF).ru_maxrss
    use(20_000)
    use(40_000)
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 4_000, "KiB"
