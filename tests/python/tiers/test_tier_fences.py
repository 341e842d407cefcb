"""Loads and promotions that a change overtakes, here or in another worker, are kept nowhere."""

import asyncio
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Two
from hotset import MISSING, Cache
from hotset.testing import ManualClock
from ways_to_load import eventually

Caches = tuple[Cache[Any, Any], Cache[Any, Any]]

PATIENCE = 20


class Gate:
    """Where a thread stops until it is let through."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def pass_through(self) -> None:
        self.reached.set()
        assert self.opened.wait(PATIENCE)


#: How another worker overtakes a load of the key "k" of the mapping, with the tag "t".
CHANGES: dict[str, Callable[[Cache[Any, Any]], Any]] = {
    "delete": lambda cache: cache.delete("k"),
    "set": lambda cache: cache.set("k", "set"),
    "set_many": lambda cache: cache.set_many({"k": "set"}),
    "tag": lambda cache: cache.invalidate_tags("t"),
    "expire": lambda cache: cache.expire("k"),
    "expire tag": lambda cache: cache.expire_tags("t"),
    "clear": lambda cache: cache.clear(),
    "incr": lambda cache: cache.incr("k"),
}


def left(change: str) -> Any:
    """What is there after a change of nothing."""
    return {"incr": 1, "set": "set", "set_many": "set"}.get(change, MISSING)


def check(caches: Caches, expected: Any) -> None:
    """What was overtaken is nowhere: not in either memory, and not in the tier."""
    assert [cache.get("k", MISSING) for cache in caches] == [expected] * 2
    for cache in caches:
        cache.enabled = False
        cache.enabled = True
        assert cache.get("k", MISSING) == expected


@pytest.fixture(params=[None, 0], ids=["memory", "no memory"])
def caches(request: pytest.FixtureRequest, two: Two) -> Caches:
    return two(maxsize=request.param)


@pytest.mark.parametrize("by", [0, 1], ids=["here", "elsewhere"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("heard", [False, True])
def test_loads_of_keys(caches: Caches, change: str, by: int, heard: bool) -> None:
    cache = caches[0]

    def load(_: object) -> str:
        CHANGES[change](caches[by])
        if heard:
            cache.get("another")
        return "old"

    assert cache.get_or_load("k", load, tags=["t"]) == "old"
    check(caches, left(change))


@pytest.mark.parametrize("change", CHANGES)
def test_loads_of_many_keys(caches: Caches, change: str) -> None:
    def load(keys: list[str]) -> dict[str, str]:
        CHANGES[change](caches[1])
        return dict.fromkeys(keys, "old")

    found = caches[0].load_many(["k", "other"], load, tags=["t"])
    assert found == {"k": "old", "other": "old"}
    check(caches, left(change))
    if change not in ("tag", "expire tag", "clear"):
        assert caches[1]["other"] == "old"


@pytest.mark.parametrize("change", CHANGES)
def test_loads_of_coroutines(caches: Caches, change: str) -> None:
    async def load(_: object) -> str:
        await asyncio.sleep(0)
        CHANGES[change](caches[1])
        return "old"

    async def load_many(keys: list[str]) -> dict[str, str]:
        return {key: await load(key) for key in keys}

    async def main() -> None:
        assert await caches[0].aio.get_or_load("k", load, tags=["t"]) == "old"
        check(caches, left(change))
        caches[0].delete("k")
        assert await caches[0].aio.load_many(["k"], load_many, tags=["t"]) == {"k": "old"}
        check(caches, left(change))

    asyncio.run(main())


@pytest.mark.parametrize("change", CHANGES)
def test_loads_in_the_pool(two: Two, change: str) -> None:
    caches = two(timeout=PATIENCE)

    def load(_: object) -> str:
        CHANGES[change](caches[1])
        return "old"

    assert caches[0].get_or_load("k", load, tags=["t"]) == "old"
    check(caches, left(change))


@pytest.mark.parametrize("change", ["delete", "set", "tag", "clear"])
def test_refreshes_in_the_background(two: Two, clock: ManualClock, change: str) -> None:
    caches = two(clock=clock, ttl=10, grace=10)
    caches[0].set("k", "stale", tags=["t"])
    clock.advance(11)
    gate, done = Gate(), threading.Event()

    def load(_: object) -> str:
        gate.pass_through()
        done.set()
        return "old"

    assert caches[0].get_or_load("k", load, tags=["t"]) == "stale"
    assert gate.reached.wait(PATIENCE)
    CHANGES[change](caches[1])
    gate.opened.set()
    assert done.wait(PATIENCE)
    eventually(lambda: not caches[0]._loads_in_progress)
    check(caches, left(change))


#: How another worker overtakes a load of a function with a tag.
CALLS: dict[str, Callable[[Cache[Any, Any], Any], Any]] = {
    "invalidate": lambda _, function: function.invalidate(1),
    "set": lambda _, function: function.set("set", 1),
    "expire": lambda _, function: function.expire(1),
    "cache_clear": lambda _, function: function.cache_clear(),
    "clear": lambda cache, _: cache.clear(),
    "tag": lambda cache, _: cache.invalidate_tags("t"),
    "refresh": lambda _, function: function.refresh(1),
}


def peek(function: Any) -> Any:
    """What is kept of ``function(1)``."""
    found = function.peek(1)

    async def awaited() -> Any:
        return await found

    return asyncio.run(awaited()) if hasattr(found, "__await__") else found


def result_tags(number: int, result: str) -> list[str]:
    return ["t"]


@pytest.mark.parametrize("tags", [["t"], result_tags], ids=["known before", "known from the result"])
@pytest.mark.parametrize("change", CALLS)
@pytest.mark.parametrize("is_coroutine", [False, True])
@pytest.mark.parametrize("value", ["old", threading.Lock()], ids=["storable", "for memory only"])
def test_loads_of_functions(two: Two, change: str, is_coroutine: bool, tags: Any, value: Any) -> None:
    caches = two()
    theirs = caches[1].cache_result(name="f", tags=tags)(lambda number: "new")

    def load(number: int) -> Any:
        CALLS[change](caches[1], theirs)
        return value

    async def load_in_task(number: int) -> Any:
        return load(number)

    mine = caches[0].cache_result(name="f", tags=tags)(load_in_task if is_coroutine else load)

    async def main() -> Any:
        return await mine(1)

    assert (asyncio.run(main()) if is_coroutine else mine(1)) is value
    expected = {"set": "set", "refresh": "new"}.get(change, MISSING)
    assert peek(mine) == theirs.peek(1) == expected


def test_what_is_kept_in_memory_only_is_given_up_when_others_change_it(two: Two) -> None:
    here, there = two()
    lock = threading.Lock()
    function = here.cache_result(name="f", tags=["t"])(lambda number: lock)
    for change in CALLS.values():
        assert function(1) is function.peek(1) is lock
        change(there, there.cache_result(name="f", tags=["t"])(lambda number: "new"))
        assert function.peek(1) is not lock
        function.invalidate(1)


@pytest.mark.parametrize("change", ["delete", "tag", "clear", "set"])
def test_who_comes_after_a_change_elsewhere_does_not_join_an_older_load(two: Two, change: str) -> None:
    here, there = two()
    gate, found = Gate(), []

    def slow(_: object) -> str:
        gate.pass_through()
        return "old"

    first = threading.Thread(target=lambda: found.append(here.get_or_load("k", slow, tags=["t"])))
    first.start()
    assert gate.reached.wait(PATIENCE)
    CHANGES[change](there)
    expected = "set" if change == "set" else "new"
    assert here.get_or_load("k", lambda _: "new", tags=["t"]) == expected
    gate.opened.set()
    first.join(PATIENCE)
    assert found == ["old"]
    check((here, there), expected)


def test_a_coroutine_that_is_awaited_after_a_change_elsewhere_joins_no_older_load(two: Two) -> None:
    here, there = two()
    values = iter(["old", "new"])

    async def load(number: int) -> str:
        value = next(values)
        if value == "old":
            await changed.wait()
        return value

    function = here.cache_result(name="f")(load)
    changed = asyncio.Event()

    async def main() -> None:
        first = asyncio.ensure_future(function(1))
        later = function(1)
        await asyncio.sleep(0)
        there.cache_result(name="f")(load).invalidate(1)
        second = asyncio.ensure_future(later)
        await asyncio.sleep(0)
        changed.set()
        assert (await first, await second) == ("old", "new")

    asyncio.run(main())
    assert peek(function) == "new"


# Promotions


class Stopping:
    """A codec that stops one thread when it reads, between the tier and memory."""

    id = 77

    def __init__(self) -> None:
        self.gate: Gate | None = None

    def encode(self, value: object) -> bytes:
        return pickle.dumps(value)

    def decode(self, data: bytes) -> Any:
        gate, self.gate = self.gate, None
        if gate is not None:
            gate.pass_through()
        return pickle.loads(data)


@pytest.mark.parametrize("by", [0, 1], ids=["here", "elsewhere"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("heard", [False, True])
@pytest.mark.parametrize(
    "read",
    [
        lambda cache: cache.get("k"),
        lambda cache: cache.get_many(["k"])["k"],
        lambda cache: getattr(cache.get_entry("k"), "value", MISSING),
        lambda cache: cache.load_many(["k"], lambda keys: {}).get("k", MISSING),
    ],
    ids=["get", "get_many", "get_entry", "load_many"],
)
def test_promotions(two: Two, change: str, by: int, heard: bool, read: Callable[[Cache[Any, Any]], Any]) -> None:
    codec = Stopping()
    caches = two(codec=codec)
    caches[1].set("k", 5, tags=["t"])
    codec.gate = gate = Gate()
    values: list[Any] = []
    reader = threading.Thread(target=lambda: values.append(read(caches[0])))
    reader.start()
    assert gate.reached.wait(PATIENCE)
    CHANGES[change](caches[by])
    if heard:
        caches[0].get("another")
    gate.opened.set()
    reader.join(PATIENCE)
    assert values[0] in (5, {"incr": 6}.get(change, left(change)))
    check(caches, {"incr": 6}.get(change, left(change)))


@pytest.mark.parametrize("verb", ["touch", "incr", "replace", "add"])
@pytest.mark.parametrize("change", ["delete", "tag", "clear"])
def test_what_is_changed_by_what_it_was_does_not_come_back(two: Two, verb: str, change: str) -> None:
    codec = Stopping()
    caches = two(codec=codec, maxsize=0)
    caches[1].set("k", 5, tags=["t"])
    codec.gate = gate = Gate()
    verbs: dict[str, Callable[[], Any]] = {
        "touch": lambda: caches[0].touch("k", ttl=100),
        "incr": lambda: caches[0]._exchange("k", 5, 6),
        "replace": lambda: caches[0].replace("k", 7),
        "add": lambda: caches[0].add("k", 8),
    }
    done: list[Any] = []
    worker = threading.Thread(target=lambda: done.append(verbs[verb]()))
    worker.start()
    assert gate.reached.wait(PATIENCE)
    CHANGES[change](caches[1])
    gate.opened.set()
    worker.join(PATIENCE)
    if (verb, change) == ("replace", "tag"):
        check(caches, 7)  # the new entry has no such tag: it is as if it had been replaced before
        return
    assert done == [False]
    check(caches, MISSING)


def test_memory_and_tier_agree_after_threads_have_written_and_read_at_once(two: Two) -> None:
    caches = two()

    def work(number: int) -> None:
        cache = caches[number % 2]
        for turn in range(150):
            key = turn % 3
            if turn % 7 == 0:
                cache.invalidate_tags("t")
            elif (turn + number) % 3:
                cache.get(key)
            else:
                cache.set(key, (number, turn), tags=["t"])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    seen = [cache.get_many(range(3)) for cache in caches]
    for cache in caches:
        cache.enabled = False
        cache.enabled = True
    assert seen == [cache.get_many(range(3)) for cache in caches]
