"""What callers get of the values of a cache: every way in and out keeps to the mode."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hotset import Cache, MutatedValueError, cache_result, cache_result_many
from ways_to_load import eventually


def value() -> dict[str, list[int]]:
    return {"items": [1, 2]}


async def awaited(*_: object) -> dict[str, list[int]]:
    return value()


async def run(call: Any) -> Any:
    return await call()


def filled(mode: Any) -> Cache[str, Any]:
    cache: Cache[str, Any] = Cache(aliasing=mode)
    cache["k"] = value()
    return cache


#: Ways to what is stored under k.
READS: dict[str, Any] = {
    "get": lambda cache: cache.get("k"),
    "[]": lambda cache: cache["k"],
    "peek": lambda cache: cache.peek("k"),
    "get on terms": lambda cache: cache.get("k", max_age=60),
    "get_many": lambda cache: cache.get_many(["k"])["k"],
    "get_entry": lambda cache: cache.get_entry("k").value,
    "get_or_load": lambda cache: cache.get_or_load("k", lambda _: value()),
    "load_many": lambda cache: cache.load_many(["k"], lambda keys: {key: value() for key in keys})["k"],
    "values": lambda cache: next(iter(cache.values())),
    "items": lambda cache: next(iter(cache.items()))[1],
    "setdefault": lambda cache: cache.setdefault("k", value()),
    "aio.get": lambda cache: asyncio.run(run(lambda: cache.aio.get("k"))),
    "aio.get_or_load": lambda cache: asyncio.run(run(lambda: cache.aio.get_or_load("k", awaited))),
}

#: Ways to load, by a cache that is empty.
LOADS: dict[str, Any] = {
    "get_or_load": READS["get_or_load"],
    "load_many": READS["load_many"],
    "setdefault": READS["setdefault"],
    "aio.get_or_load": READS["aio.get_or_load"],
}


def functions(mode: Any) -> dict[str, Any]:
    plain = cache_result(aliasing=mode)(lambda: value())
    coroutine = cache_result(aliasing=mode)(awaited)
    many = cache_result_many(aliasing=mode)(lambda keys: {key: value() for key in keys})
    return {
        "function": plain,
        "coroutine function": lambda: asyncio.run(run(coroutine)),
        "refresh": plain.refresh,
        "function of many": lambda: many(["k"])["k"],
    }


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_each_caller_gets_a_copy(read: Any) -> None:
    cache = filled("copy")
    for _ in range(3):
        got = read(cache)
        assert got == value()
        got["items"].append(3)
    assert cache.pop("k") == value()


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_each_caller_gets_what_is_frozen(read: Any) -> None:
    cache = filled("freeze")
    assert read(cache) == value() and read(cache) is read(cache)
    with pytest.raises(TypeError, match="in a cache"):
        read(cache)["items"].append(3)


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_change_is_found_out(read: Any) -> None:
    cache = filled("check")
    read(cache)["items"].append(3)
    with pytest.raises(MutatedValueError, match=r'value\["items"\]\[2\]'):
        read(cache)


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_who_loads_gets_what_others_get(load: Any) -> None:
    cache: Cache[str, Any] = Cache(aliasing="copy")
    load(cache)["items"].append(3)
    assert cache["k"] == value()
    cache = Cache(aliasing="freeze")
    with pytest.raises(TypeError, match="in a cache"):
        load(cache)["items"].append(3)


@pytest.mark.parametrize("name", functions("share"))
def test_functions_keep_to_the_mode(name: str) -> None:
    copying = functions("copy")[name]
    copying()["items"].append(3)
    assert copying() == value()
    with pytest.raises(TypeError, match="in a cache"):
        functions("freeze")[name]()["items"].append(3)
    if name != "refresh":
        checking = functions("check")[name]
        checking()["items"].append(3)
        with pytest.raises(MutatedValueError):
            checking()


def test_followers_get_copies_too() -> None:
    async def main() -> None:
        load = cache_result(aliasing="copy")(awaited)
        results = await asyncio.gather(*(load() for _ in range(5)))
        assert len({id(result) for result in results}) == 5 and all(result == value() for result in results)

    asyncio.run(main())


def test_numbers_and_texts_cost_nothing_and_counters_count() -> None:
    for mode in ("copy", "freeze", "check"):
        cache: Cache[str, Any] = Cache(aliasing=mode)
        cache["n"] = 1
        assert [cache.incr("n"), cache.incr("n"), cache["n"]] == [2, 3, 3]


def test_a_listener_and_a_weigher_get_values() -> None:
    for mode in ("copy", "freeze", "check"):
        seen: list[Any] = []
        cache: Cache[str, Any] = Cache(
            aliasing=mode,
            maxweight=10,
            weigher=lambda _, held: len(held["items"]),
            on_remove=lambda _key, held, _cause, seen=seen: seen.append(held),
        )
        cache["k"] = value()
        assert cache.stats().weight == 2 and cache.delete("k") and seen == [value()]


def test_a_copy_of_a_cache_keeps_the_mode() -> None:
    other = filled("freeze").copy()
    with pytest.raises(TypeError, match="in a cache"):
        other["k"]["items"].append(3)
    checked = filled("check").copy()
    assert checked["k"] == value()


def test_a_value_that_cannot_be_frozen_is_refused_with_what_to_do() -> None:
    cache: Cache[str, Any] = Cache(aliasing="freeze")
    with pytest.raises(TypeError, match="aliasing"):
        cache["k"] = {"lock": [__import__("threading").Lock()]}
    assert "k" not in cache


def test_another_mode_is_told_which_there_are() -> None:
    with pytest.raises(ValueError, match="'share', 'copy', 'freeze' or 'check'"):
        Cache(aliasing="copi")  # type: ignore[arg-type]


@pytest.mark.parametrize("way", ["a function", "get_or_load"])
def test_who_waits_for_a_load_in_a_thread_gets_a_copy_too(way: str) -> None:
    begun, go = threading.Event(), threading.Event()

    def load(_key: str) -> list[int]:
        begun.set()
        assert go.wait(10)
        return [1]

    cache: Cache[str, list[int]] = Cache(aliasing="copy")
    function = cache.cache_result(load)
    ask = (lambda: function("key")) if way == "a function" else (lambda: cache.get_or_load("key", load))
    with ThreadPoolExecutor(2) as threads:
        leader = threads.submit(ask)
        assert begun.wait(10)
        follower = threads.submit(ask)
        eventually(lambda: cache.stats().misses == 2)
        go.set()
        one, other = leader.result(10), follower.result(10)
    other.append(2)
    assert one == [1] and ask() == [1]
