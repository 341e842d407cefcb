"""G2 and G3: what a load returns is stored only if nobody wrote to its key since it began; readers never see what was invalidated."""

from __future__ import annotations

import asyncio
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hotset import MISSING, Cache, cache_result, current_load
from ways_to_load import eventually

WRITES: dict[str, Callable[[Cache[str, Any]], object]] = {
    "set": lambda cache: cache.set("key", "written"),
    "[]": lambda cache: cache.__setitem__("key", "written"),
    "add": lambda cache: cache.add("key", "written"),
    "setdefault": lambda cache: cache.setdefault("key", "written"),
    "update": lambda cache: cache.update(key="written"),
    "set_many": lambda cache: cache.set_many({"key": "written"}),
    "set, delete": lambda cache: (cache.set("key", 1), cache.delete("key")),
    "delete": lambda cache: cache.delete("key"),
    "delete_many": lambda cache: cache.delete_many(["other", "key"]),
    "pop": lambda cache: cache.pop("key", None),
    "expire": lambda cache: cache.expire("key"),
    "expire_many": lambda cache: cache.expire_many(["key"]),
    "incr": lambda cache: cache.incr("key"),
    "clear": lambda cache: cache.clear(),
    "off and on": lambda cache: (setattr(cache, "enabled", False), setattr(cache, "enabled", True)),
}


@pytest.fixture(params=WRITES)
def write(request: pytest.FixtureRequest) -> Callable[[Cache[str, Any]], object]:
    return WRITES[request.param]


def test_a_write_during_a_load_refuses_its_fill(write: Callable[[Cache[str, Any]], object]) -> None:
    cache: Cache[str, Any] = Cache()

    def load(_key: str) -> str:
        write(cache)
        return "loaded"

    assert cache.get_or_load("key", load) == "loaded"
    assert cache.get("key", MISSING) in ("written", 1, MISSING)
    assert cache.stats().refused == 1
    cache.delete("key")
    assert cache.get_or_load("key", str.upper) == "KEY" == cache["key"]


def test_a_write_during_a_coroutines_load_refuses_its_fill(write: Callable[[Cache[str, Any]], object]) -> None:
    cache: Cache[str, Any] = Cache()

    async def load(_key: str) -> str:
        await asyncio.sleep(0)
        write(cache)
        return "loaded"

    async def main() -> None:
        assert await cache.aio.get_or_load("key", load) == "loaded"

    asyncio.run(main())
    assert cache.get("key", MISSING) in ("written", 1, MISSING) and cache.stats().refused == 1


def test_a_write_during_a_bulk_load_refuses_the_fill_of_its_key_alone() -> None:
    cache: Cache[str, Any] = Cache()

    def load(keys: list[str]) -> dict[str, str]:
        cache.delete("b")
        return {key: key.upper() for key in keys}

    assert cache.load_many("abc", load) == {"a": "A", "b": "B", "c": "C"}
    assert dict(cache) == {"a": "A", "c": "C"} and cache.stats().refused == 1


def test_writes_to_other_keys_refuse_nothing() -> None:
    cache: Cache[str, Any] = Cache()

    def load(_key: str) -> str:
        cache["other"] = 1
        cache.delete("third")
        cache.pop("other")
        return "loaded"

    assert cache.get_or_load("key", load) == "loaded" == cache["key"] and cache.stats().refused == 0


VERBS: dict[str, Callable[[Any], object]] = {
    "invalidate": lambda f: f.invalidate(1),
    "set": lambda f: f.set("written", 1),
    "expire": lambda f: f.expire(1),
    "cache_clear": lambda f: f.cache_clear(),
    "clear": lambda f: f.cache.clear(),
    "delete": lambda f: f.cache.delete(f.cache_key(1)),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_during_a_load_refuses_its_fill(verb: str) -> None:
    acts = True

    @cache_result
    def f(number: int) -> str:
        if acts:
            VERBS[verb](f)
        return "loaded"

    assert f(1) == "loaded"
    assert f.peek(1) == ("written" if verb == "set" else MISSING)
    assert f.cache.stats().refused == 1
    acts = False
    f.invalidate(1)
    assert f(1) == "loaded" == f.peek(1)


def test_a_verb_on_another_call_refuses_nothing() -> None:
    shared: Cache[Any, Any] = Cache()

    @shared.cache_result
    def g(number: int) -> int:
        return number

    @shared.cache_result
    def f(number: int) -> str:
        f.invalidate(2)
        g.invalidate(1)
        g.cache_clear()
        shared[1] = "mapping"
        return "loaded"

    assert f(1) == "loaded" == f.peek(1)


def test_who_comes_after_an_invalidation_does_not_join_the_load_that_it_overtook() -> None:
    versions = iter(["old", "new", "newest"])
    invalidated, go = threading.Event(), threading.Event()

    @cache_result
    def f(number: int) -> str:
        version = next(versions)
        if version == "old":
            invalidated.wait(30)
            assert go.wait(30)
        return version

    results: list[str] = []
    slow = threading.Thread(target=lambda: results.append(f(1)))
    slow.start()
    eventually(lambda: f.cache_info().misses)
    f.invalidate(1)
    invalidated.set()
    assert f(1) == "new" == f.peek(1)
    go.set()
    slow.join(30)
    assert results == ["old"] and f.peek(1) == "new" and f(1) == "new"


def test_refresh_does_not_join_a_load_that_began_before_it() -> None:
    versions = iter(["old", "new"])
    go = threading.Event()

    @cache_result
    def f(number: int) -> str:
        version = next(versions)
        assert version == "new" or go.wait(30)
        return version

    slow = threading.Thread(target=f, args=(1,))
    slow.start()
    eventually(lambda: f.cache_info().misses)
    assert f.refresh(1) == "new"
    go.set()
    slow.join(30)
    assert f.peek(1) == "new"


# Tags that are known late


def _decorated(cache: Cache[Any, Any], load: Callable[[], Any], **options: Any) -> Callable[[], Any]:
    return cache.cache_result(**options)(load)


def _of_a_key(cache: Cache[Any, Any], load: Callable[[], Any], **_options: Any) -> Callable[[], Any]:
    return lambda: cache.get_or_load("key", lambda _: load())


def _in_the_pool(cache: Cache[Any, Any], load: Callable[[], Any], **options: Any) -> Callable[[], Any]:
    return cache.cache_result(timeout="30s", **options)(load)


def _in_a_task(cache: Cache[Any, Any], load: Callable[[], Any], **options: Any) -> Callable[[], Any]:
    @cache.cache_result(**options)
    async def f() -> Any:
        await asyncio.sleep(0)
        return load()

    return lambda: asyncio.run(_awaited(f))


def _of_a_key_in_a_task(cache: Cache[Any, Any], load: Callable[[], Any], **_options: Any) -> Callable[[], Any]:
    async def f(_key: str) -> Any:
        await asyncio.sleep(0)
        return load()

    return lambda: asyncio.run(_awaited(lambda: cache.aio.get_or_load("key", f)))


async def _awaited(call: Callable[[], Any]) -> Any:
    return await call()


Asks = Callable[..., Callable[[], Any]]
ASKS: list[Asks] = [_decorated, _of_a_key, _in_the_pool, _in_a_task, _of_a_key_in_a_task]


def waiting(cache: Cache[Any, Any]) -> int:
    """How many callers have missed beside the one that loads."""
    return cache.stats().misses - 1


class Late:
    """A database that is read slowly, and what is read of it has a tag that only its loader knows."""

    def __init__(self) -> None:
        self.truth, self.loads = 0, 0
        self.reading, self.go = threading.Event(), threading.Event()
        self.error: type[Exception] | None = None
        self.skips = False

    def __call__(self) -> int:
        self.loads += 1
        value = self.truth
        self.reading.set()
        assert self.go.wait(30)
        load = current_load()
        load.add_tags("user:7")
        if self.skips:
            load.skip()
        if self.error is not None and value == 0:
            raise self.error(value)
        return value


def _joined(cache: Cache[Any, Any], late: Late, ask: Callable[[], Any]) -> list[Any]:
    """What callers get who ask before the tag is invalidated, and after it, of a load that knows its tag after that."""
    seen: list[Any] = [None] * 3

    def caller(number: int) -> threading.Thread:
        def run() -> None:
            try:
                seen[number] = ask()
            except Exception as error:
                seen[number] = error

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    threads = [caller(0)]
    assert late.reading.wait(30)
    threads.append(caller(1))
    eventually(lambda: waiting(cache) == 1)
    late.truth = 1
    cache.invalidate_tags("user:7")
    threads.append(caller(2))
    eventually(lambda: waiting(cache) == 2)
    late.go.set()
    for thread in threads:
        thread.join(30)
    return seen


@pytest.mark.parametrize("asks", ASKS)
def test_who_asks_after_a_tag_was_invalidated_gets_nothing_that_was_read_before(asks: Asks) -> None:
    cache: Cache[Any, Any] = Cache()
    late = Late()
    ask = asks(cache, late)
    assert _joined(cache, late, ask)[::2] == [0, 1]
    assert ask() == 1 and late.loads == 2


@pytest.mark.parametrize("asks", ASKS)
def test_nor_what_is_not_stored(asks: Asks) -> None:
    cache: Cache[Any, Any] = Cache()
    late = Late()
    late.skips = True
    assert _joined(cache, late, asks(cache, late))[::2] == [0, 1]


@pytest.mark.parametrize("asks", [_decorated, _in_the_pool, _in_a_task])
def test_nor_what_a_function_of_the_result_refuses(asks: Asks) -> None:
    cache: Cache[Any, Any] = Cache()
    late = Late()
    assert _joined(cache, late, asks(cache, late, should_cache=lambda *_: False))[::2] == [0, 1]


@pytest.mark.parametrize("asks", ASKS)
@pytest.mark.parametrize("kept", [False, True], ids=["raised", "kept"])
def test_nor_what_was_raised(asks: Asks, kept: bool) -> None:
    cache: Cache[Any, Any] = Cache(cache_errors=LookupError, error_ttl="1h") if kept else Cache()
    late = Late()
    late.error = LookupError
    first, _, last = _joined(cache, late, asks(cache, late))
    assert isinstance(first, LookupError) and last == 1


def test_an_error_that_is_kept_carries_the_tags_that_its_loader_has_said() -> None:
    cache: Cache[str, Any] = Cache(cache_errors=LookupError, error_ttl="1h")
    loads = 0

    def load(_key: str) -> None:
        nonlocal loads
        loads += 1
        current_load().add_tags("user:7")
        raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            cache.get_or_load("key", load)
    assert loads == 1
    cache.invalidate_tags("user:7")
    with pytest.raises(LookupError):
        cache.get_or_load("key", load)
    assert loads == 2


def test_a_caller_is_told_to_ask_again_once() -> None:
    """A tag that is invalidated all the time keeps nobody waiting for more than two loads."""
    cache: Cache[str, int] = Cache()
    loads = 0

    def load(_key: str) -> int:
        nonlocal loads
        loads += 1
        read = loads
        eventually(lambda: waiting(cache) == 3 or read > 1)
        cache.invalidate_tags("user:7")
        current_load().add_tags("user:7")
        return read

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda _: cache.get_or_load("key", load), range(4)))
    assert min(seen) == 1 and max(seen) <= 4


# A history


class World:
    """A database whose rows have versions, a cache of it, and what has been announced."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.cache: Cache[Any, Any] = Cache(maxsize=8)
        self.load_row = self.cache.cache_result(self.read)
        self.load_row_in_task = self.cache.cache_result(self.read_in_task)
        self.rows = [1] * 4
        #: The versions that the invalidations which returned had been for.
        self.announced = [0] * 4
        self.wrong: list[str] = []

    def read(self, row: int) -> int:
        version = self.rows[row]
        if self.random.random() < 0.7:
            time.sleep(0)  # lets others run
        return version

    async def read_in_task(self, row: int) -> int:
        version = self.rows[row]
        await asyncio.sleep(0)
        return version

    def check(self, row: int, floor: int, seen: int, how: str) -> None:
        if seen < floor:
            self.wrong.append(f"{how} of row {row} that began after version {floor} was announced saw {seen}")

    def reader(self, steps: int) -> None:
        for _ in range(steps):
            row = self.random.randrange(4)
            floor = self.announced[row]
            if self.random.random() < 0.5:
                self.check(row, floor, self.load_row(row), "a call")
            else:
                self.check(row, floor, self.cache.get_or_load(row, self.read), "get_or_load")

    def reader_in_tasks(self, steps: int) -> None:
        async def one() -> None:
            for _ in range(steps // 4):
                row = self.random.randrange(4)
                floor = self.announced[row]
                self.check(row, floor, await self.load_row_in_task(row), "an awaited call")

        async def main() -> None:
            await asyncio.gather(one(), one(), one(), one())

        asyncio.run(main())

    def writer(self, steps: int, rows: range) -> None:
        """Commits, then invalidates. Each row has one writer."""
        for _ in range(steps):
            row = self.random.choice(rows)
            version = self.rows[row] = self.rows[row] + 1
            if self.random.random() < 0.2:
                self.cache.clear()
            else:
                self.load_row.invalidate(row)
                self.load_row_in_task.invalidate(row)
                self.cache.delete(row) if self.random.random() < 0.5 else self.cache.set(row, version)
            self.announced[row] = version


@pytest.fixture
def hasty() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("seed", range(20))
def test_no_read_that_began_after_an_invalidation_sees_an_older_version(seed: int) -> None:
    world = World(seed)
    threads = [threading.Thread(target=world.reader, args=(300,)) for _ in range(3)]
    threads += [threading.Thread(target=world.reader_in_tasks, args=(300,))]
    threads += [threading.Thread(target=world.writer, args=(150, range(2 * n, 2 * n + 2))) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not world.wrong
