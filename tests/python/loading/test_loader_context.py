"""What a loader may ask of its load, and say of what it returns."""

import asyncio
import contextlib
import gc
import threading
import weakref
from typing import Any

import pytest
from hotset import MISSING, Cache, LoadContext, cache_result, current_load
from hotset.testing import ManualClock
from resident import growth_of

#: Instances and functions, whose results leave with them.
OWNERS: list[Any] = []
FACES = ("function", "timed function", "coroutine function", "get_or_load", "aio", "method")


def kept(owner: Any) -> Any:
    OWNERS.append(owner)
    return owner


def loaded_by(face: str, cache: Cache[Any, Any], loader: Any) -> Any:
    """Have ``loader()`` called as the loader of a key named k."""

    async def awaited(*_: object) -> Any:
        await asyncio.sleep(0)
        return loader()

    async def run(call: Any) -> Any:
        return await call()

    match face:
        case "function" | "timed function":
            timed = {"timeout": 10} if face == "timed function" else {}
            return kept(cache.cache_result(key=lambda: "k", name=face, **timed)(lambda: loader()))()  # type: ignore[arg-type]
        case "coroutine function":
            return asyncio.run(run(kept(cache.cache_result(key=lambda: "k")(awaited))))
        case "get_or_load":
            return cache.get_or_load("k", lambda _: loader())
        case "aio":
            return asyncio.run(run(lambda: cache.aio.get_or_load("k", awaited)))
        case _:

            class Owner:
                @cache.cache_result
                def method(self) -> Any:
                    return loader()

            return kept(Owner()).method()


@pytest.mark.parametrize("face", FACES)
def test_a_loader_says_how_long_and_under_which_tags(face: str, clock: ManualClock) -> None:
    cache: Cache[Any, Any] = Cache(ttl=10, clock=clock)

    def load() -> str:
        context = current_load()
        assert isinstance(context, LoadContext) and context.stale is MISSING and context.age is None
        context.set_ttl("1m")
        context.add_tags("said", "said")
        return "value"

    assert loaded_by(face, cache, load) == "value"
    clock.advance(50)
    assert list(cache.values()) == ["value"]
    cache.invalidate_tags("said")
    assert list(cache.values()) == []


@pytest.mark.parametrize("face", FACES)
def test_what_is_skipped_is_returned_and_not_stored(face: str) -> None:
    cache: Cache[Any, Any] = Cache()

    def load() -> str:
        current_load().skip()
        return "value"

    assert loaded_by(face, cache, load) == "value" and len(cache) == 0


def test_what_is_not_modified_lives_anew_with_its_tags(clock: ManualClock) -> None:
    ages: list[float | None] = []

    @cache_result(ttl=10, grace=100, soft_timeout=None, clock=clock)
    def load(key: str) -> list[str]:
        context = current_load()
        ages.append(context.age)
        if context.stale is not MISSING:
            return context.not_modified()  # type: ignore[no-any-return]
        context.add_tags("t")
        return [key]

    first = load("k")
    clock.advance(25)
    assert load("k") is first and load("k") is first
    assert ages == [None, pytest.approx(25, abs=0.01)]
    clock.advance(5)
    assert load("k") is first and len(ages) == 2
    load.cache.invalidate_tags("t")
    assert load("k") == ["k"] and load("k") is not first


def test_nothing_can_be_kept_that_is_not_there() -> None:
    load = cache_result(lambda key: current_load().not_modified())
    with pytest.raises(LookupError, match="look at `stale` first"):
        load("k")


def test_each_of_nested_loads_has_its_own(clock: ManualClock) -> None:
    @cache_result(clock=clock)
    def inner(key: str) -> str:
        current_load().set_ttl(5)
        return key

    @cache_result(clock=clock, timeout=10)
    def outer(key: str) -> str:
        inner(key)
        current_load().set_ttl(50)
        return key

    @cache_result(clock=clock)
    async def outermost(key: str) -> str:
        outer(key)
        await asyncio.sleep(0)
        inner(key + "2")
        current_load().set_ttl(500)
        return key

    asyncio.run(_awaited(outermost("k")))
    left = [round(f.explain("k").fresh_for or 0) for f in (inner, outer, outermost)]
    assert left == [5, 50, 500] and round(inner.explain("k2").fresh_for or 0) == 5


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


def test_a_load_by_an_event_loop_within_a_load_has_its_own(clock: ManualClock) -> None:
    @cache_result(clock=clock)
    async def inner(key: str) -> str:
        current_load().set_ttl(5)
        return key

    @cache_result(clock=clock)
    def outer(key: str) -> str:
        asyncio.run(_awaited(inner(key)))
        current_load().set_ttl(50)
        return key

    outer("k")
    assert [round(f.explain("k").fresh_for or 0) for f in (inner, outer)] == [5, 50]


def test_outside_of_a_load_of_one_key_there_is_none() -> None:
    cache: Cache[str, Any] = Cache()
    with pytest.raises(RuntimeError, match="one key"):
        current_load()
    with pytest.raises(RuntimeError, match="one key"):
        cache.load_many("ab", lambda keys: dict.fromkeys(keys, current_load()))
    kept: list[LoadContext] = []
    cache.get_or_load("k", lambda _: kept.append(current_load()))
    kept[0].set_ttl(1)
    kept[0].skip()
    assert cache.explain("k").fresh_for is None, "what is said when the load has ended is said to nobody"


def test_what_was_said_in_a_load_that_failed_is_forgotten(clock: ManualClock) -> None:
    fails = True

    @cache_result(clock=clock)
    def load(key: str) -> str:
        if fails:
            current_load().set_ttl(5)
            raise ConnectionError
        return key

    for _ in range(3):
        with pytest.raises(ConnectionError):
            load("k")
    fails = False
    load("k")
    assert load.explain("k").fresh_for is None


def test_a_load_is_not_joined_once_a_tag_that_it_added_is_invalidated() -> None:
    tagged, goes_on = threading.Event(), threading.Event()
    calls: list[int] = []
    cache: Cache[str, int] = Cache()

    def load(_: str) -> int:
        calls.append(1)
        current_load().add_tags("t")
        if len(calls) == 1:
            tagged.set()
            assert goes_on.wait(10)
        return len(calls)

    first = threading.Thread(target=cache.get_or_load, args=("k", load))
    first.start()
    assert tagged.wait(10)
    cache.invalidate_tags("t")
    assert cache.get_or_load("k", load) == 2
    goes_on.set()
    first.join(10)
    assert cache.get("k") == 2 and cache.stats().refused == 1


def test_a_ttl_that_makes_no_sense_is_told_in_the_loader() -> None:
    with pytest.raises(ValueError, match="ttl"):
        Cache[str, None]().get_or_load("k", lambda _: current_load().set_ttl("soon"))


# What is kept


def test_a_value_that_holds_the_context_of_its_load_keeps_no_cache_alive() -> None:
    class Value:
        def __init__(self) -> None:
            self.load = current_load()

    def make() -> weakref.ref[Value]:
        cache: Cache[str, Value] = Cache()
        return weakref.ref(cache.get_or_load("key", lambda _: Value()))

    values = [make() for _ in range(20)]
    gc.collect()
    assert [value() for value in values] == [None] * 20


def test_a_context_outlives_its_cache() -> None:
    def make() -> Any:
        cache: Cache[str, Any] = Cache()
        return cache.get_or_load("key", lambda _: current_load())

    load = make()
    gc.collect()
    assert load.stale is MISSING and load.age is None
    load.add_tags("tag")
    load.set_ttl("1h")
    with pytest.raises(LookupError):
        load.not_modified()


@pytest.mark.parametrize("option", ["should_cache", "ttl", "tags"])
def test_deciders_that_ask_for_the_load_leave_nothing_behind(option: str) -> None:
    def decide(*_arguments: object, **_more: object) -> Any:
        with contextlib.suppress(RuntimeError):
            current_load()
        return {"should_cache": True, "ttl": 60, "tags": ["tag"]}[option]

    f = cache_result(timeout=60, maxsize=8, **{option: decide})(lambda number: number)

    def call_often() -> None:
        for number in range(5_000):
            f(number)
        gc.collect()

    assert growth_of(call_often) < 64 << 10
