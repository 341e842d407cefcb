# fixtures are imported, and asked for by their names
"""Errors that are answers: they are kept and raised again for a while, and never taken for a value."""

from __future__ import annotations

import asyncio
import gc
import threading
import traceback
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hotset import MISSING, Cache, LoadTimeoutError, cache_result, cache_result_many
from hotset.testing import ManualClock
from ways_to_load import PATIENCE, READERS, TICK, Face, Make, Source, eventually, faces, fails


class NotFound(Exception):
    """There is nothing, and that is the answer."""


class Gone(NotFound):
    """So there is, and there was something."""


def raises(face: Face, kind: type[Exception] = NotFound) -> None:
    with pytest.raises(kind) as raised:
        face.load()
    assert type(raised.value) is kind


# Kept


@faces()
def test_an_answer_is_raised_again_without_a_load(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached(cache_errors=NotFound)
    source.error = NotFound("key", 7)
    for _ in range(3):
        with pytest.raises(NotFound) as raised:
            face.load()
        assert raised.value.args == ("key", 7)
    assert source.calls == 1
    clock.advance(1 - TICK)
    raises(face)
    assert source.calls == 1
    clock.advance(2 * TICK)
    raises(face)
    assert source.calls == 2 and face.cache.stats().loads == 0 and face.cache.stats().load_errors == 2


@faces()
def test_every_waiter_gets_it_from_one_load(cached: Make, source: Source) -> None:
    face = cached(cache_errors=NotFound)
    source.error = NotFound("key")
    with source.held():
        callers = [face.begin() for _ in range(4)]
        face.waits(4)
    errors = [caller.exception(PATIENCE) for caller in callers]
    assert [type(error) for error in errors] == [NotFound] * 4 and len({id(error) for error in errors}) == 4
    raises(face)
    assert source.calls == 1


@faces()
def test_how_long_doubles_with_each_in_a_row(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached(ttl=10, cache_errors=(KeyError, NotFound), error_ttl=3)
    source.error = NotFound()
    for calls, length in enumerate([3, 6, 12, 24, 48, 96, 192, 192, 192], 1):
        raises(face)
        clock.advance(length - TICK)
        raises(face)
        assert source.calls == calls
        clock.advance(2 * TICK)


@faces()
def test_a_value_takes_its_place_and_begins_the_count_anew(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached(ttl=10, cache_errors=NotFound)
    for _ in range(2):
        for length in (1, 2):
            source.error = NotFound()
            raises(face)
            clock.advance(length - TICK)
            calls = source.calls
            raises(face)
            assert source.calls == calls
            clock.advance(2 * TICK)
        source.error = None
        assert face.load() == "old" == face.peek()
        clock.advance(10 + TICK)


@faces()
@pytest.mark.parametrize(
    ("kept", "error", "is_kept"),
    [
        (NotFound, Gone, True),
        (Gone, NotFound, False),
        ((KeyError, ValueError), ValueError, True),
        ([KeyError], ValueError, False),
        ((), NotFound, False),
        (Exception, ZeroDivisionError, True),
    ],
)
def test_which_errors_are_kept(cached: Make, source: Source, kept: Any, error: type[Exception], is_kept: bool) -> None:
    face = cached(cache_errors=kept)
    source.error = error()
    raises(face, error)
    raises(face, error)
    assert source.calls == (1 if is_kept else 2)


@faces()
@pytest.mark.parametrize("soft_timeout", [0, None])
def test_an_answer_takes_the_place_of_a_stale_value(
    cached: Make, source: Source, clock: ManualClock, soft_timeout: float | None
) -> None:
    face = cached(ttl=10, grace="1h", soft_timeout=soft_timeout, cache_errors=NotFound)
    face.load()
    clock.advance(10)
    source.error = NotFound()
    if soft_timeout == 0:
        assert face.load() == "old"
        eventually(lambda: face.cache.stats().load_errors == 1)
    raises(face)
    assert source.calls == 2 and face.peek() is MISSING
    clock.advance(1 + TICK)
    source.error = LookupError("down")
    raises(face, LookupError)


@faces()
def test_another_error_leaves_the_stale_value_where_it_is(cached: Make, source: Source, clock: ManualClock) -> None:
    face = cached(ttl=10, grace="1h", soft_timeout=None, cache_errors=NotFound)
    face.load()
    clock.advance(10)
    source.error = LookupError("down")
    assert [face.load() for _ in range(3)] == ["old"] * 3 and source.calls == 2


@faces()
def test_an_answer_of_a_load_that_was_overtaken_is_not_kept(cached: Make, source: Source) -> None:
    face = cached(cache_errors=NotFound)
    source.error = NotFound()
    with source.held():
        caller = face.begin()
        face.waits(1)
        eventually(lambda: source.calls == 1)
        face.cache.set(face.key, "written")
    assert isinstance(caller.exception(PATIENCE), NotFound)
    assert face.load() == "written" and face.cache.stats().refused == 1


@faces("function", "coroutine function")
def test_refresh_asks_again(cached: Make, source: Source) -> None:
    face = cached(cache_errors=NotFound)
    source.error = NotFound()
    raises(face)
    source.error = None

    async def refresh_async() -> Any:
        return await face.ask.refresh("key")  # type: ignore[attr-defined]

    if face.awaits:
        assert asyncio.run_coroutine_threadsafe(refresh_async(), face.loop).result(PATIENCE) == "old"
    else:
        assert face.ask.refresh("key") == "old"  # type: ignore[attr-defined]
    assert face.load() == "old" and source.calls == 2


def test_without_a_loop_a_coroutine_function_keeps_them_too(source: Source) -> None:
    f = cache_result(cache_errors=NotFound)(source.load_async)
    source.error = NotFound()
    for _ in range(2):
        with pytest.raises(NotFound):
            f("key").send(None)
    assert source.calls == 1


# Never a value


@pytest.mark.parametrize("reader", [*READERS, "len", "bool", "popitem", "setdefault", "incr", "replace", "touch"])
def test_an_error_is_never_taken_for_a_value(reader: str, source: Source, clock: ManualClock) -> None:
    cache: Cache[str, Any] = Cache(ttl=10, grace=10, cache_errors=NotFound, error_ttl=5, clock=clock)
    source.error = NotFound()
    with pytest.raises(NotFound):
        cache.get_or_load("key", source.load)
    for _ in range(2):
        match reader:
            case "len" | "bool":
                assert not (len(cache) if reader == "len" else bool(cache))
            case "popitem":
                with pytest.raises(KeyError):
                    cache.popitem()
            case "setdefault":
                assert cache.copy().setdefault("key", 1) == 1
            case "incr":
                assert cache.copy().incr("key") == 1
            case "replace":
                assert not cache.replace("key", 1)
            case "touch":
                assert not cache.touch("key", ttl=100)
            case _:
                assert READERS[reader](cache, "key") is MISSING
        clock.advance(5 + TICK)
    with pytest.raises(NotFound):
        cache.get_or_load("key", source.load)
    assert source.calls == 2


WRITES: dict[str, Callable[[Cache[str, Any]], object]] = {
    "set": lambda cache: cache.set("key", 1),
    "add": lambda cache: cache.add("key", 1),
    "setdefault": lambda cache: cache.setdefault("key", 1),
    "incr": lambda cache: cache.incr("key"),
    "[]": lambda cache: cache.__setitem__("key", 1),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_write_takes_its_place(write: str, source: Source, clock: ManualClock) -> None:
    cache: Cache[str, Any] = Cache(ttl=10, cache_errors=NotFound, clock=clock)
    source.error = NotFound()
    with pytest.raises(NotFound):
        cache.get_or_load("key", source.load)
    WRITES[write](cache)
    assert cache["key"] == 1 == cache.get_or_load("key", source.load)
    clock.advance(9)
    assert cache["key"] == 1


def test_peek_of_a_function_does_not_see_it(source: Source) -> None:
    f = cache_result(cache_errors=NotFound)(source.load)
    source.error = NotFound()
    with pytest.raises(NotFound):
        f("key")
    assert f.peek("key") is MISSING
    assert list(f.cache) == [] == list(f.cache.items()) and not f.invalidate("key")


@pytest.mark.parametrize("what", ["error", "stale"])
def test_nor_does_cache_info_count_it(what: str, source: Source, clock: ManualClock) -> None:
    f = cache_result(ttl=10, grace=10, cache_errors=NotFound, clock=clock)(source.load)
    if what == "error":
        source.error = NotFound()
        with pytest.raises(NotFound):
            f("key")
    else:
        f("key")
        clock.advance(10)
    assert f.cache_info().currsize == len(f.cache) == 0


REMOVALS: dict[str, Callable[[Cache[str, Any]], object]] = {
    "delete": lambda cache: cache.delete("key"),
    "pop": lambda cache: cache.pop("key", None),
    "expire": lambda cache: cache.expire("key"),
    "invalidate_tags": lambda cache: cache.invalidate_tags("tag"),
    "expire_tags": lambda cache: cache.expire_tags("tag"),
    "clear": lambda cache: cache.clear(),
    "off and on": lambda cache: (setattr(cache, "enabled", False), setattr(cache, "enabled", True)),
    "resize": lambda cache: (cache.resize(maxsize=0), cache.resize(maxsize=10)),
}


@pytest.mark.parametrize("removal", REMOVALS)
def test_what_removes_a_value_removes_it_and_tells_nobody(removal: str, source: Source) -> None:
    left: list[tuple[Any, ...]] = []
    cache: Cache[str, Any] = Cache(grace=10, cache_errors=NotFound, on_remove=lambda *removed: left.append(removed))
    source.error = NotFound()
    for calls in (1, 2):
        with pytest.raises(NotFound):
            cache.get_or_load("key", source.load, tags=["tag"])
        assert source.calls == calls
        REMOVALS[removal](cache)
    source.error = None
    assert cache.get_or_load("key", source.load, tags=["tag"]) == "old"
    cache.sweep()
    assert left == []


def test_the_listener_never_gets_it(source: Source, clock: ManualClock) -> None:
    left: list[tuple[Any, ...]] = []
    cache: Cache[Any, Any] = Cache(
        maxsize=2, policy="fifo", cache_errors=NotFound, clock=clock, on_remove=lambda *removed: left.append(removed)
    )
    source.error = NotFound()
    for key in ("evicted", "a", "b", "replaced by a value", "replaced by another", "expired"):
        with pytest.raises(NotFound):
            cache.get_or_load(key, source.load)
        if key == "replaced by a value":
            cache[key] = 1
    clock.advance(10)
    cache.sweep()
    assert [value for _, value, _ in left if isinstance(value, Exception)] == []
    assert not cache or list(cache.values()) == [1]


# Tags


@faces("function", "coroutine function")
@pytest.mark.parametrize("when", ["afterwards", "meanwhile"])
def test_tags_of_the_arguments_are_the_errors_too(cached: Make, source: Source, when: str) -> None:
    face = cached(cache_errors=NotFound, error_ttl="1h")

    async def load_async(key: str) -> Any:
        return await source.load_async(key)

    decorate = face.cache.cache_result(tags=["user:{key}"])
    face.ask = decorate(load_async) if face.awaits else decorate(lambda key: source.load(key))
    source.error = NotFound()
    with source.held():
        caller = face.begin()
        face.waits(1)
        eventually(lambda: source.calls == 1)
        if when == "meanwhile":
            face.cache.invalidate_tags("user:key")
    assert isinstance(caller.exception(PATIENCE), NotFound)
    if when == "afterwards":
        raises(face)
        assert source.calls == 1
        face.cache.invalidate_tags("user:key")
    source.error = None
    assert face.load() == "old" and source.calls == 2


@faces("load_many", "aio.load_many")
def test_keys_of_a_bulk_load_have_it_each(cached: Make, source: Source) -> None:
    face = cached(cache_errors=NotFound)
    cache = face.cache
    source.error = NotFound()

    async def bulk_async() -> Any:
        return await cache.aio.load_many("abc", source.load_many_async)

    with pytest.raises(NotFound):
        asyncio.run(bulk_async()) if face.awaits else cache.load_many("abc", source.load_many)
    source.error = None
    for key in "abc":
        with pytest.raises(NotFound):
            cache.get_or_load(key, source.load)
    cache.delete("b")
    assert cache.get_or_load("b", source.load) == "old" and source.calls == 2
    with pytest.raises(NotFound):
        cache.load_many("bad", source.load_many)
    assert cache.load_many("bd", source.load_many) == {"b": "old", "d": "old"}


def test_errors_of_a_function_of_many_go_with_its_tags(source: Source) -> None:
    f = cache_result_many(cache_errors=NotFound, tags=["user:{key}"])(source.load_many)
    source.error = NotFound()
    with pytest.raises(NotFound):
        f("ab")
    f.cache.invalidate_tags("user:a")
    source.error = None
    assert f("a") == {"a": "old"} and source.calls == 2
    with pytest.raises(NotFound):
        f("b")
    assert f.invalidate("b") == 0 and f("b") == {"b": "old"}


# Bounds


def test_the_weigher_never_gets_it(source: Source) -> None:
    weighed: list[object] = []
    cache: Cache[str, Any] = Cache(
        maxweight=100, weigher=lambda key, value: weighed.append(value) or len(value), cache_errors=NotFound
    )
    source.error = NotFound()
    for _ in range(2):
        with pytest.raises(NotFound):
            cache.get_or_load("key", source.load)
    assert weighed == [] and source.calls == 1


def test_errors_count_among_the_entries_that_are_bounded(source: Source) -> None:
    cache: Cache[int, Any] = Cache(maxsize=10, cache_errors=NotFound)
    source.error = NotFound()
    for number in range(100):
        with pytest.raises(NotFound):
            cache.get_or_load(number, source.load)
    assert cache.stats().entries <= 10


# The exception itself


def test_it_is_raised_with_the_frames_of_the_caller_alone(source: Source) -> None:
    cache: Cache[str, Any] = Cache(cache_errors=NotFound)

    def first() -> Any:
        return cache.get_or_load("key", source.load)

    def again() -> Any:
        return cache.get_or_load("key", source.load)

    source.error = NotFound("key")
    raised: list[BaseException] = []
    for caller in (first, again, again, again):
        try:
            caller()
        except NotFound as error:
            raised.append(error)
    frames = [[frame.name for frame in traceback.extract_tb(error.__traceback__)] for error in raised]
    assert "load" in frames[0] and all("load" not in names and names.count("again") == 1 for names in frames[1:])
    assert len({id(error) for error in raised}) == 4 and len({len(names) for names in frames[1:]}) == 1


def test_threads_that_raise_it_at_once_do_not_see_each_other(source: Source) -> None:
    cache: Cache[str, Any] = Cache(cache_errors=NotFound, error_ttl="1h")
    source.error = NotFound("key")
    together = threading.Barrier(8, timeout=PATIENCE)

    def caller(_number: int) -> list[int]:
        lengths = []
        together.wait()
        for _ in range(200):
            try:
                cache.get_or_load("key", source.load)
            except NotFound as error:
                lengths.append(len(traceback.extract_tb(error.__traceback__)))
        return lengths

    with ThreadPoolExecutor(8) as threads:
        lengths = list(threads.map(caller, range(8)))
    assert source.calls == 1 and all(len(of_one) == 200 and len(set(of_one[1:])) == 1 for of_one in lengths)


def test_causes_and_notes_are_kept(source: Source) -> None:
    cache: Cache[str, Any] = Cache(cache_errors=NotFound)

    def load(_key: str) -> Any:
        error = NotFound("key")
        error.add_note("a note")
        raise error from ValueError("cause")

    for _ in range(3):
        with pytest.raises(NotFound) as raised:
            cache.get_or_load("key", load)
        assert raised.value.__notes__ == ["a note"] and isinstance(raised.value.__cause__, ValueError)


class Awkward(NotFound):
    """Cannot be made again from what it holds."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.second = second


class Held:
    """Something that a load has in its frame."""


UNCOPIED = pytest.mark.xfail(strict=True, reason="an exception that cannot be copied is kept with its traceback")


@pytest.mark.parametrize("awaits", [False, True])
@pytest.mark.parametrize(
    "how",
    [
        "plainly",
        "from a cause",
        "in a context",
        pytest.param("uncopied", marks=UNCOPIED),
    ],
)
def test_a_kept_error_keeps_nothing_of_its_load_alive(how: str, awaits: bool) -> None:
    cache: Cache[str, Any] = Cache(cache_errors=NotFound, error_ttl="1h")
    alive: list[weakref.ref[Held]] = []

    def load(key: str) -> Any:
        held = Held()
        alive.append(weakref.ref(held))
        try:
            {}["nothing"]
        except KeyError as cause:
            if how == "from a cause":
                raise NotFound(key) from cause
            if how == "in a context":
                raise NotFound(key)  # noqa: B904  # that is what is tested
        raise Awkward(key, "second") if how == "uncopied" else NotFound(key)

    async def load_async(key: str) -> Any:
        return load(key)

    async def main() -> None:
        await cache.aio.get_or_load("key", load_async)

    try:
        asyncio.run(main()) if awaits else cache.get_or_load("key", load)
    except NotFound:
        pass
    gc.collect()
    assert [reference() for reference in alive] == [None]
    with pytest.raises(NotFound):
        cache.get_or_load("key", fails)


def test_an_error_that_cannot_be_copied_is_kept_all_the_same(source: Source) -> None:
    cache: Cache[str, Any] = Cache(cache_errors=NotFound)
    source.error = Awkward("first", "second")
    lengths = []
    for _ in range(5):
        with pytest.raises(Awkward) as raised:
            cache.get_or_load("key", source.load)
        assert raised.value.second == "second"
        lengths.append(len(traceback.extract_tb(raised.value.__traceback__)))
    assert source.calls == 1 and len(set(lengths[1:])) == 1


# Timeouts


@faces("function", "coroutine function", "get_or_load", "aio.get_or_load")
@pytest.mark.parametrize("has_stale", [False, True])
def test_a_timeout_of_the_cache_is_no_answer(cached: Make, source: Source, has_stale: bool) -> None:
    """``cache_errors=OSError`` is about what loaders raise. That one was too slow says nothing of the key."""
    face = cached(clock=None, grace="1h", soft_timeout=None, timeout=0.3, cache_errors=OSError, error_ttl="1h")
    if has_stale:
        face.load()
        face.cache.expire(face.key)
    with source.held():
        if has_stale:
            assert face.load() == "old"
        else:
            raises(face, LoadTimeoutError)
    source.value = "new"
    assert face.load() == ("old" if has_stale else "new")


# Comparisons that raise in the middle of it


class Moody:
    """A key that cannot be compared while `Moody.sulks`; all of them have the same hash."""

    sulks = False

    def __init__(self, name: str) -> None:
        self.name = name

    def __hash__(self) -> int:
        return 5

    def __eq__(self, other: object) -> bool:
        if Moody.sulks:
            raise RuntimeError("not now")
        return isinstance(other, Moody) and self.name == other.name


@pytest.mark.parametrize("options", [{"cache_errors": NotFound}, {"grace": 10}, {"timeout": 60}], ids=str)
def test_who_waits_is_told_of_a_failure_although_it_cannot_be_noted(options: dict[str, Any]) -> None:
    cache: Cache[Moody, Any] = Cache("moody", **options)
    cache[Moody("another")] = 1
    begun, may_fail, key = threading.Event(), threading.Event(), Moody("key")

    def load(_: Moody) -> Any:
        begun.set()
        assert may_fail.wait(PATIENCE)
        Moody.sulks = True
        raise NotFound("key")

    try:
        with ThreadPoolExecutor(4) as pool:
            leader = pool.submit(cache.get_or_load, key, load)
            assert begun.wait(PATIENCE)
            followers = [pool.submit(cache.get_or_load, key, load) for _ in range(3)]
            eventually(lambda: cache.explain(key).loading_for is not None)
            may_fail.set()
            for one in (leader, *followers):
                assert isinstance(one.exception(PATIENCE), NotFound | RuntimeError)
    finally:
        Moody.sulks = False
    assert cache.get_or_load(key, lambda _: 7) == 7


# What is nobody else's


def _of_a_function(load: Callable[..., Any], **options: Any) -> Callable[[], Any]:
    return cache_result(**options)(load)


def _of_a_key(load: Callable[..., Any], **options: Any) -> Callable[[], Any]:
    cache: Cache[str, Any] = Cache(**options)
    return lambda: cache.get_or_load("key", lambda _: load())


def _of_many(load: Callable[..., Any], **options: Any) -> Callable[[], Any]:
    cache: Cache[str, Any] = Cache(**options)
    return lambda: cache.load_many(["key"], lambda _: load())


class Secret(Exception):
    """What a caller was handling."""


def chain(error: BaseException | None) -> list[str]:
    return [] if error is None else [type(error).__name__, *chain(error.__cause__ or error.__context__)]


def within(call: Callable[[], Any]) -> BaseException:
    """What a call raises whose caller is handling something."""
    try:
        raise Secret
    except Secret:
        return raised(call)


def raised(call: Callable[[], Any]) -> BaseException:
    with pytest.raises(LookupError) as error:
        call()
    return error.value


def plainly() -> None:
    raise LookupError


def while_handling() -> None:
    try:
        raise ValueError
    except ValueError:
        raise LookupError  # noqa: B904  # that there is a context is the point


def from_a_cause() -> None:
    try:
        raise ValueError
    except ValueError as error:
        raise LookupError from error


@pytest.mark.parametrize("asks", [_of_a_function, _of_a_key, _of_many])
@pytest.mark.parametrize(
    ("load", "own"), [(plainly, []), (while_handling, ["ValueError"]), (from_a_cause, ["ValueError"])]
)
def test_who_gets_a_kept_error_sees_nothing_of_what_another_caller_was_handling(
    asks: Callable[..., Callable[[], Any]], load: Callable[[], None], own: list[str]
) -> None:
    call = asks(load, cache_errors=LookupError, error_ttl="1h")
    assert chain(within(call)) == ["LookupError", *own, "Secret"], "to its own caller it is what it is"
    assert chain(raised(call)) == ["LookupError", *own]


@pytest.mark.parametrize("asks", [_of_a_function, _of_a_key])
@pytest.mark.parametrize(("load", "own"), [(plainly, []), (while_handling, ["ValueError"])])
def test_nor_does_who_joins(asks: Callable[..., Callable[[], Any]], load: Callable[[], None], own: list[str]) -> None:
    begun, go = threading.Event(), threading.Event()

    def held() -> None:
        begun.set()
        assert go.wait(30)
        load()

    call = asks(held)
    seen: list[BaseException] = []
    leader = threading.Thread(target=lambda: within(call))
    leader.start()
    assert begun.wait(30)
    follower = threading.Thread(target=lambda: seen.append(raised(call)))
    follower.start()
    threading.Event().wait(0.05)
    go.set()
    leader.join()
    follower.join()
    assert chain(seen[0]) == ["LookupError", *own]


# Between a miss and the beginning of a load


class Asking:
    """A key that has somebody else ask when its tags are made, which is after its caller has missed it."""

    def __init__(self, ask: Callable[[], object]) -> None:
        self.ask = ask
        self.others: list[threading.Thread] = []

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Asking)

    def __format__(self, spec: str) -> str:
        if not self.others:
            self.others.append(threading.Thread(target=self.ask))
            self.others[0].start()
            self.others[0].join(PATIENCE)
        return "key"


@pytest.mark.parametrize("options", [{}, {"timeout": 30}], ids=str)
@pytest.mark.parametrize("awaits", [False, True], ids=["a function", "a coroutine function"])
def test_an_answer_that_came_after_a_caller_had_missed_is_no_reason_to_load_again(
    awaits: bool, options: dict[str, Any]
) -> None:
    calls: list[Asking] = []

    def ask() -> None:
        with pytest.raises(NotFound):
            asyncio.run(f(key)) if awaits else f(key)

    def load(key: Asking) -> str:
        calls.append(key)
        raise NotFound(key)

    async def load_in_task(key: Asking) -> str:
        return load(key)

    decorate = cache_result(tags=["{key}"], cache_errors=NotFound, error_ttl=60, **options)
    f: Any = decorate(load_in_task) if awaits else decorate(load)
    key = Asking(ask)
    ask()
    assert calls == [key] and len(key.others) == 1
