"""The awaitable face: every verb does what its twin does, and none switches tasks unless a loader does."""

import asyncio
import gc
import inspect
import re
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest
from hotset import MISSING, Cache, _options
from hotset._cache.aio import AsyncFace
from hotset.testing import ManualClock

Face = AsyncFace[Any, Any]

#: Verbs on a cache of {"a": 1, "n": 5}: the call, what it returns, and what the cache holds then.
VERBS: dict[str, tuple[Callable[[Face], Awaitable[Any]], object, dict[str, object]]] = {
    "get": (lambda f: f.get("a"), 1, {"a": 1, "n": 5}),
    "get of an absent key": (lambda f: f.get("x"), None, {"a": 1, "n": 5}),
    "get with a default": (lambda f: f.get("x", 3), 3, {"a": 1, "n": 5}),
    "set": (lambda f: f.set("a", None), None, {"a": None, "n": 5}),
    "invalidate_tags": (lambda f: f.invalidate_tags("x"), None, {"a": 1, "n": 5}),
    "expire_tags": (lambda f: f.expire_tags("x", "y"), None, {"a": 1, "n": 5}),
    "add": (lambda f: f.add("b", 2), True, {"a": 1, "b": 2, "n": 5}),
    "add of a present key": (lambda f: f.add("a", 2), False, {"a": 1, "n": 5}),
    "replace": (lambda f: f.replace("a", 2), True, {"a": 2, "n": 5}),
    "replace of an absent key": (lambda f: f.replace("x", 2), False, {"a": 1, "n": 5}),
    "pop": (lambda f: f.pop("a"), 1, {"n": 5}),
    "pop with a default": (lambda f: f.pop("x", None), None, {"a": 1, "n": 5}),
    "delete": (lambda f: f.delete("a"), True, {"n": 5}),
    "expire": (lambda f: f.expire("a"), True, {"n": 5}),
    "touch": (lambda f: f.touch("a"), True, {"a": 1, "n": 5}),
    "incr": (lambda f: f.incr("n", 2), 7, {"a": 1, "n": 7}),
    "decr": (lambda f: f.decr("m", initial=3), 2, {"a": 1, "m": 2, "n": 5}),
    "get_many": (lambda f: f.get_many("ax"), {"a": 1}, {"a": 1, "n": 5}),
    "scan": (lambda f: listed(f.scan()), ["a", "n"], {"a": 1, "n": 5}),
    "set_many": (lambda f: f.set_many({"a": 2, "b": 3}), None, {"a": 2, "b": 3, "n": 5}),
    "delete_many": (lambda f: f.delete_many("ax"), 1, {"n": 5}),
    "expire_many": (lambda f: f.expire_many("an"), 2, {}),
    "touch_many": (lambda f: f.touch_many("ax"), 1, {"a": 1, "n": 5}),
    "clear": (lambda f: f.clear(), None, {}),
    "get_or_load": (lambda f: f.get_or_load("a", at_once), 1, {"a": 1, "n": 5}),
    "get_or_load of an absent key": (lambda f: f.get_or_load("x", at_once), ["x"], {"a": 1, "n": 5, "x": ["x"]}),
    "get_entry": (lambda f: f.get_entry("x"), None, {"a": 1, "n": 5}),
    "load_many": (lambda f: f.load_many("ax", all_at_once), {"a": 1, "x": "xx"}, {"a": 1, "n": 5, "x": "xx"}),
}


async def listed(keys: AsyncIterator[str]) -> list[str]:
    return sorted([key async for key in keys])


async def at_once(key: str) -> list[str]:
    """A loader that never waits."""
    return [key]


async def all_at_once(keys: list[str]) -> dict[str, str]:
    return {key: key * 2 for key in keys}


async def never(*_: object) -> Any:
    raise AssertionError("a loader was awaited for what is there")


@pytest.fixture(params=["adaptive", "lirs", "random"])  # one of each kind
def cache(request: pytest.FixtureRequest, clock: ManualClock) -> Cache[Any, Any]:
    cache: Cache[Any, Any] = Cache("aio", maxsize=100, policy=request.param, clock=clock)
    cache.update(a=1, n=5)
    return cache


class Turns:
    """Counts how often another task got its turn."""

    def __init__(self) -> None:
        self.count = 0

    async def take(self) -> None:
        while True:
            self.count += 1
            await asyncio.sleep(0)


async def beside_another_task(work: Callable[[], Awaitable[Any]]) -> tuple[Any, int]:
    """What the work returned, and how many turns another task had meanwhile."""
    turns = Turns()
    other = asyncio.create_task(turns.take())
    await asyncio.sleep(0)
    before = turns.count
    result = await work()
    meanwhile = turns.count - before
    await asyncio.sleep(0)
    assert turns.count > before + meanwhile > 0, "the other task would have had its turn"
    other.cancel()
    return result, meanwhile


LOADING = {"get_or_load of an absent key", "load_many"}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_does_what_it_does_and_does_not_switch_tasks(cache: Cache[Any, Any], verb: str) -> None:
    call, expected, left = VERBS[verb]
    result, turns = asyncio.run(beside_another_task(lambda: call(cache.aio)))
    assert result == expected
    assert turns == 0 or verb in LOADING, "only a load is a task of its own"
    assert cache == left


def test_every_verb_of_the_face_is_tested() -> None:
    verbs = {name for name, _ in inspect.getmembers(AsyncFace, inspect.isfunction) if not name.startswith("_")}
    assert verbs == {name.split()[0] for name in VERBS}


def test_a_loader_that_waits_lets_others_run(cache: Cache[Any, Any]) -> None:
    async def load(key: str) -> str:
        await asyncio.sleep(0)
        return key.upper()

    result, turns = asyncio.run(beside_another_task(lambda: cache.aio.get_or_load("x", load)))
    assert (result, turns >= 1) == ("X", True)
    assert cache["x"] == "X"


def test_options_are_passed_on(cache: Cache[Any, Any], clock: ManualClock) -> None:
    async def store(face: Face) -> None:
        await face.set("set", 1, ttl=10)
        await face.add("add", 1, idle=10)
        await face.set_many({"set_many": 1}, ttl=10, tags=["t"])
        await face.incr("incr", ttl=10)
        await face.get_or_load("get_or_load", at_once, ttl=10)
        await face.load_many(["load_many"], all_at_once, ttl=10)
        await face.touch("a", ttl=10)
        await face.touch_many("n", ttl=10)

    asyncio.run(store(cache.aio))
    assert len(cache) == 8
    clock.advance(11)
    assert cache == {}


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}], ids=repr)
def test_every_value_is_a_value(cache: Cache[Any, Any], value: object) -> None:
    async def use(face: Face) -> None:
        await face.set("k", value)
        assert await face.get("k", MISSING) is value and await face.get_or_load("k", never) is value
        assert await face.get_many("k") == await face.load_many("k", never) == {"k": value}

    asyncio.run(use(cache.aio))


def test_a_loader_is_awaited_once(cache: Cache[Any, Any]) -> None:
    async def load(key: str) -> str:
        awaited.append(key)
        await asyncio.sleep(0)
        return "loaded"

    async def use(face: Face) -> list[str]:
        return [await face.get_or_load("x", load) for _ in range(3)]

    awaited: list[str] = []
    assert asyncio.run(use(cache.aio)) == ["loaded"] * 3 and awaited == ["x"]
    assert (cache.stats().loads, cache.stats().hits, cache.stats().misses) == (1, 2, 1)


def test_load_many_awaits_once_for_what_is_missing(cache: Cache[Any, Any]) -> None:
    async def load(keys: list[str]) -> dict[str, int]:
        asked.append(keys)
        return {"x": 1}

    asked: list[list[str]] = []
    assert asyncio.run(cache.aio.load_many("xayx", load)) == {"x": 1, "a": 1} and asked == [["x", "y"]]


def test_a_failed_or_cancelled_load_stores_nothing(cache: Cache[Any, Any]) -> None:
    async def fail(key: str) -> str:
        raise ZeroDivisionError(key)

    async def cancelled(face: Face) -> None:
        task = asyncio.ensure_future(face.get_or_load("x", lambda key: asyncio.sleep(3600)))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(ZeroDivisionError):
        asyncio.run(cache.aio.get_or_load("x", fail))  # type: ignore[arg-type]  # it is a coroutine where it loads
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled(cache.aio))
    assert cache == {"a": 1, "n": 5} and cache.stats().load_errors == 2


def raised_by(call: Callable[[], object]) -> type[Exception] | None:
    try:
        call()
    except Exception as error:
        return type(error)
    return None


@pytest.mark.parametrize(
    "call", [lambda f: f.pop("x"), lambda f: f.get([]), lambda f: f.set("k", 1, ttl=-1), lambda f: f.incr("text")]
)
def test_errors_are_those_of_the_twin(cache: Cache[Any, Any], call: Callable[[Any], Any]) -> None:
    async def use() -> None:
        await call(cache.aio)

    cache["text"] = "x"
    expected = raised_by(lambda: call(cache))
    assert expected is not None and raised_by(lambda: asyncio.run(use())) is expected


def test_a_hit_is_a_coroutine_to_whoever_asks(cache: Cache[Any, Any]) -> None:
    async def use(face: Face) -> list[Any]:
        hit: Coroutine[Any, Any, Any] = face.get("a")  # type: ignore[assignment]  # declared as an awaitable
        assert asyncio.iscoroutine(hit)
        results = [await asyncio.create_task(hit), await asyncio.wait_for(face.get("a"), 1)]
        return results + await asyncio.gather(face.get("a"), face.get_or_load("a", never), face.get("x"))

    assert asyncio.run(use(cache.aio)) == [1, 1, 1, 1, None]


OF_THE_FACE = [name for name in vars(AsyncFace) if not name.startswith("_")]
READS = ("get", "get_many", "get_entry", "scan")


def test_what_is_not_awaited_leaves_no_task_and_nothing_written(cache: Cache[Any, Any]) -> None:
    """And Python warns of it, but of what has only read."""

    async def use(face: Face) -> int:
        for call, _, _ in VERBS.values():
            call(face)
        return len(asyncio.all_tasks())

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert asyncio.run(use(cache.aio)) == 1
        gc.collect()
    warned = {str(warning.message).split("'")[1] for warning in caught}
    writes = {f"AsyncFace.{name}" for name in OF_THE_FACE if name not in READS}
    assert warned - {listed.__name__} == (writes - {"AsyncFace.get_or_load"}) | {"AsyncFace._load"}
    assert cache == {"a": 1, "n": 5}


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_a_load_that_is_not_awaited_does_not_happen(cache: Cache[Any, Any]) -> None:
    cache.aio.get_or_load("x", never)
    assert inspect.iscoroutine(cache.aio.load_many("x", never))
    gc.collect()
    assert cache == {"a": 1, "n": 5} and (cache.stats().loads, cache.stats().load_errors) == (0, 0)


@pytest.mark.parametrize("verb", OF_THE_FACE)
def test_the_verbs_of_both_faces_take_the_same(verb: str) -> None:
    def taken(face: type) -> list[tuple[str, object]]:
        found: list[tuple[str, object]] = []
        for one in list(inspect.signature(getattr(face, verb)).parameters.values())[1:]:
            if one.kind is one.VAR_KEYWORD:
                kind = re.fullmatch(r"Unpack\[(\w+)\]", str(one.annotation))
                # What the compiled `get` shows.
                options = getattr(_options, kind[1] if kind else "CallTerms")
                found += [(name, one.KEYWORD_ONLY) for name in _options.names_of(options)]
            else:
                found.append((one.name, one.kind))
        return found

    assert taken(AsyncFace) == taken(Cache)


def test_the_awaitable_face_has_every_verb_that_reads_or_writes_an_entry() -> None:
    """But those that look without an effect, or are a mapping's, or are of the whole cache in memory."""
    here = {name for name in dir(Cache) if not name.startswith("_") and callable(getattr(Cache, name))}
    in_memory = {"cache_result", "copy", "explain", "peek", "resize", "stats", "sweep", "what_if", "close"}
    of_mappings = {"items", "keys", "popitem", "setdefault", "update", "values"}
    assert here - set(OF_THE_FACE) - in_memory - of_mappings == set()


def test_what_is_missing_is_not_given() -> None:
    cache: Cache[str, int] = Cache(ttl=10)
    cache.set("a", 1, ttl=MISSING, grace=MISSING, idle=MISSING)
    entry = cache.get_entry("a")
    assert entry is not None and entry.fresh_for is not None and entry.fresh_for > 0
    assert cache.add("b", 1, ttl=MISSING) and cache.touch("b", ttl=MISSING)
