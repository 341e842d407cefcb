"""Errors that are answers, kept in a tier: another process raises the same exception, for as long."""

import asyncio
import logging
import os
import shutil
import subprocess
import sys
import threading
import traceback
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hotset
import hotset.preview
import pytest
from conftest import Two
from hotset import MISSING, Cache
from hotset._tiers import namespaces
from hotset._tiers.codecs import ErrorCodec
from hotset._tiers.kinds import Heap, Tier
from hotset.disk import Disk
from hotset.testing import ManualClock
from ways_to_load import PATIENCE, eventually


class NotFound(Exception):
    """There is nothing, and that is the answer."""

    def __init__(self, key: str, number: int = 7) -> None:
        super().__init__(key, number)
        self.number = number


class Gone(NotFound):
    """So there is, and there was something."""


@pytest.fixture(params=["heap", "disk"])
def tier(request: pytest.FixtureRequest, tmp_path: Path) -> Tier:
    return Heap() if request.param == "heap" else Disk(tmp_path / "store", max_bytes="16MiB")


class Failing:
    """A loader that raises, and counts how often it was called."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.calls = errors, 0

    def __call__(self, *_key: Any) -> Any:
        self.calls += 1
        raise self.errors[min(self.calls, len(self.errors)) - 1]


def unreached(*_key: Any) -> Any:
    raise AssertionError("nothing is to be loaded")


def raised_by(call: Callable[[], Any]) -> Exception:
    with pytest.raises((NotFound, LookupError)) as raised:
        call()
    return raised.value


def with_notes() -> NotFound:
    error = NotFound("key", 9)
    error.add_note("a note")
    return error


ASKS: dict[str, Callable[[Cache[Any, Any]], Any]] = {
    "get_or_load": lambda cache: cache.get_or_load("k", unreached),
    "get_or_load on terms": lambda cache: cache.get_or_load("k", unreached, max_age="1h"),
    "get_entry": lambda cache: cache.get_entry("k", unreached),
    "load_many": lambda cache: cache.load_many(["k"], unreached),
    "aio.get_or_load": lambda cache: asyncio.run(of(cache.aio.get_or_load("k", unreached))),
    "aio.load_many": lambda cache: asyncio.run(of(cache.aio.load_many(["k"], unreached))),
}


async def of(awaitable: Any) -> Any:
    return await awaitable


@pytest.mark.parametrize("maxsize", [100, 0], ids=["memory", "no memory"])
@pytest.mark.parametrize("ask", ASKS)
def test_what_one_keeps_the_other_raises(two: Two, ask: str, maxsize: int) -> None:
    here, there = two(cache_errors=NotFound, error_ttl="1h", maxsize=maxsize)
    with pytest.raises(NotFound):
        here.get_or_load("k", Failing(with_notes()))
    for cache in (there, here, there):
        error = raised_by(lambda cache=cache: ASKS[ask](cache))
        assert (type(error), error.args, error.number, error.__notes__) == (NotFound, ("key", 9), 9, ["a note"])
        assert "Failing" not in "".join(traceback.format_tb(error.__traceback__))
    assert there.stats().hits == 2 and there.stats().misses == 0


@pytest.mark.parametrize("maxsize", [100, 0], ids=["memory", "no memory"])
@pytest.mark.parametrize("is_async", [False, True])
def test_functions_keep_theirs(two: Two, is_async: bool, maxsize: int) -> None:
    results = []
    for cache in two(maxsize=maxsize):
        load = Failing(Gone("key"))

        async def answer(key: str, load: Failing = load) -> Any:
            return load(key)

        decorate = cache.cache_result(name="answer", cache_errors=(NotFound, Gone), error_ttl="1h", ignore=["load"])
        if is_async:
            ask = decorate(answer)
            errors = [raised_by(lambda ask=ask: asyncio.run(of(ask("k")))) for _ in range(2)]
        else:
            call = decorate(lambda key, load=load: load(key))
            errors = [raised_by(lambda call=call: call("k")) for _ in range(2)]
            assert call.peek("k") is MISSING
        assert [(type(error), error.args) for error in errors] == [(Gone, ("key", 7))] * 2
        results.append(load.calls)
    assert results == [1, 0]


READERS: dict[str, Callable[[Cache[Any, Any]], Any]] = {
    "get": lambda cache: cache.get("k", MISSING),
    "peek": lambda cache: cache.peek("k", MISSING),
    "in": lambda cache: MISSING if "k" not in cache else cache,
    "get_many": lambda cache: cache.get_many(["k"]).get("k", MISSING),
    "get_entry": lambda cache: MISSING if cache.get_entry("k") is None else cache,
    "pop": lambda cache: cache.pop("k", MISSING),
    "touch": lambda cache: cache.touch("k", ttl=100) or MISSING,
    "replace": lambda cache: cache.replace("k", 1) or MISSING,
    "aio.get": lambda cache: asyncio.run(of(cache.aio.get("k", MISSING))),
}


@pytest.mark.parametrize("maxsize", [100, 0], ids=["memory", "no memory"])
@pytest.mark.parametrize("read", READERS)
def test_readers_do_not_see_it(two: Two, read: str, maxsize: int) -> None:
    here, there = two(cache_errors=NotFound, error_ttl="1h", maxsize=maxsize)
    raised_by(lambda: here.get_or_load("k", Failing(NotFound("k"))))
    assert READERS[read](there) is MISSING


@pytest.mark.parametrize(
    "write",
    [
        lambda cache: cache.set("k", 1),
        lambda cache: cache.add("k", 1),
        lambda cache: cache.setdefault("k", 1),
        lambda cache: cache.incr("k"),
    ],
)
def test_what_the_other_writes_takes_its_place(two: Two, write: Callable[[Cache[Any, Any]], Any]) -> None:
    here, there = two(cache_errors=NotFound, error_ttl="1h")
    raised_by(lambda: here.get_or_load("k", Failing(NotFound("k"))))
    write(there)
    assert here.get_or_load("k", unreached) == 1 == here["k"]


@pytest.mark.parametrize(
    "remove",
    [
        lambda cache: cache.delete("k"),
        lambda cache: cache.expire("k"),
        lambda cache: cache.invalidate_tags("t"),
        lambda cache: cache.expire_tags("t"),
        lambda cache: cache.clear(),
    ],
)
def test_what_the_other_invalidates_is_asked_for_again(two: Two, remove: Callable[[Cache[Any, Any]], Any]) -> None:
    here, there = two(cache_errors=NotFound, error_ttl="1h", grace="1h")
    raised_by(lambda: here.get_or_load("k", Failing(NotFound("k")), tags=["t"]))
    raised_by(lambda: there.get_or_load("k", unreached))
    remove(there)
    for cache in (here, there):
        assert cache.get_or_load("k", lambda _: 5) == 5


@pytest.mark.parametrize("what", ["delete", "set", "invalidate_tags", "clear"])
def test_an_error_that_was_overtaken_is_kept_nowhere(two: Two, what: str) -> None:
    here, there = two(cache_errors=NotFound, error_ttl="1h")
    changes: dict[str, Callable[[], Any]] = {
        "delete": lambda: there.delete("k"),
        "set": lambda: there.set("k", 5),
        "invalidate_tags": lambda: there.invalidate_tags("t"),
        "clear": there.clear,
    }

    def load(key: str) -> Any:
        changes[what]()
        raise NotFound(key)

    with pytest.raises(NotFound):
        here.get_or_load("k", load, tags=["t"])
    for cache in (here, there):
        assert cache.get_or_load("k", lambda _: 5) == 5


@pytest.mark.parametrize("maxsize", [100, 0], ids=["memory", "no memory"])
def test_how_long_doubles_whoever_asked(two: Two, clock: ManualClock, maxsize: int) -> None:
    here, there = two(cache_errors=NotFound, error_ttl=3, clock=clock, maxsize=maxsize)
    load = Failing(NotFound("k"))
    for number, length in enumerate([3, 6, 12, 24, 48, 96, 192, 192], 1):
        asking, other = (here, there) if number % 2 else (there, here)
        raised_by(lambda asking=asking: asking.get_or_load("k", load))
        clock.advance(length - 0.01)
        raised_by(lambda other=other: other.get_or_load("k", load))
        assert load.calls == number
        clock.advance(0.02)
    clock.advance(400)
    raised_by(lambda: here.get_or_load("k", load))
    clock.advance(3.01)
    raised_by(lambda: there.get_or_load("k", load))
    assert load.calls == 10, "after so long it is a first one again"


def test_it_is_over_when_its_time_is(two: Two, clock: ManualClock) -> None:
    here, there = two(cache_errors=NotFound, error_ttl=3, clock=clock)
    raised_by(lambda: here.get_or_load("k", Failing(NotFound("k"))))
    raised_by(lambda: there.get_or_load("k", unreached))
    clock.advance(3.01)
    assert there.get_or_load("k", lambda _: 5) == 5 == here["k"]


def test_it_takes_the_place_of_a_value_that_was_there(two: Two, clock: ManualClock) -> None:
    here, there = two(ttl=10, grace=100, soft_timeout=None, cache_errors=NotFound, clock=clock)
    here["k"] = there.get_or_load("k", lambda _: 5)
    clock.advance(11)
    raised_by(lambda: here.get_or_load("k", Failing(NotFound("k"))))
    raised_by(lambda: there.get_or_load("k", unreached))


def test_facts_say_that_it_is_one(two: Two) -> None:
    here, there = two(cache_errors=NotFound, error_ttl="1h")
    raised_by(lambda: here.get_or_load("k", Failing(NotFound("k")), tags=["t"]))
    explanation = there.explain("k")
    assert explanation.standing == "error" and explanation.tags == ["t"]
    assert there.stats().hits == 0


def test_who_waits_for_another_process_raises_what_that_has_kept(two: Two) -> None:
    here, there = two(cache_errors=NotFound, error_ttl="1h", lease="1m")
    begun, may_fail = threading.Event(), threading.Event()

    def load(key: str) -> Any:
        begun.set()
        assert may_fail.wait(PATIENCE)
        raise NotFound(key)

    with ThreadPoolExecutor(4) as pool:
        leader = pool.submit(here.get_or_load, "k", load)
        assert begun.wait(PATIENCE)
        followers = [pool.submit(there.get_or_load, "k", unreached) for _ in range(3)]
        eventually(lambda: there.explain("k").loading_for is not None)
        may_fail.set()
        for one in (leader, *followers):
            assert isinstance(one.exception(PATIENCE), NotFound)
    assert isinstance(raised_by(lambda: there.get_or_load("k", unreached)), NotFound)


# What is not stored, or not read


class Local(NotFound):
    """Nobody names it."""


def test_one_of_a_class_that_is_not_named_is_kept_in_memory_only(
    two: Two, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotset._tiers.settings._failing", set())
    here, there = two(cache_errors=NotFound, error_ttl="1h", strict=True)
    load = Failing(Local("k"))
    with caplog.at_level(logging.WARNING, "hotset"):
        for _ in range(3):
            raised_by(lambda: here.get_or_load("k", load))
    assert load.calls == 1 and there.get_or_load("k", lambda _: 5) == 5
    assert [record.getMessage() for record in caplog.records if "memory only" in record.getMessage()]


def test_one_of_a_class_that_the_reader_does_not_know_is_a_miss(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "several", True)
    writer, reader = Cache("shared", tier=tier, cache_errors=NotFound), Cache("shared", tier=tier)
    raised_by(lambda: writer.get_or_load("k", Failing(NotFound("k"))))
    assert reader.get_or_load("k", lambda _: 5) == 5
    raised_by(lambda: writer.get_or_load("other", Failing(NotFound("k"))))
    assert reader.get("other", MISSING) is MISSING


def test_a_builtin_one_is_known_to_all(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "several", True)
    writer = Cache("shared", tier=tier, cache_errors=LookupError, error_ttl="1h")
    reader = Cache("shared", tier=tier)
    raised_by(lambda: writer.get_or_load("k", Failing(KeyError("k"))))
    assert raised_by(lambda: reader.get_or_load("k", unreached)).args == ("k",)


@pytest.mark.parametrize("codec", ["hotset", "json", "raw", "msgpack", "pickle"])
def test_every_codec_leaves_errors_to_one_that_has_them(two: Two, codec: str) -> None:
    secret = {"secret": b"0123456789abcdef"} if codec == "pickle" else {}
    here, there = two(cache_errors=NotFound, error_ttl="1h", codec=codec, **secret)
    raised_by(lambda: here.get_or_load("k", Failing(with_notes())))
    error = raised_by(lambda: there.get_or_load("k", unreached))
    assert isinstance(error, NotFound) and error.__notes__ == ["a note"]


class Texts:
    """A codec that has no exceptions: whatever it is given becomes text."""

    def encode(self, value: Any) -> bytes:
        return str(value).encode()

    def decode(self, data: bytes) -> Any:
        return data.decode()


def test_a_codec_of_ones_own_is_asked_and_not_believed(two: Two) -> None:
    here, there = two(cache_errors=NotFound, error_ttl="1h", codec=Texts())
    raised_by(lambda: here.get_or_load("k", Failing(NotFound("k"))))
    assert there.get("k", MISSING) is MISSING
    assert there.get_or_load("k", lambda _: "loaded") == "loaded"


def test_a_class_may_be_named_later() -> None:
    codec = ErrorCodec(None, ())
    with pytest.raises(hotset.preview.NotEncodableError):
        codec.encode(NotFound("k"))
    codec.know([NotFound])
    assert codec.decode(codec.encode(NotFound("k"))).args == ("k", 7)


# Another process

CHILD = """
import sys
from hotset import Cache

class NotFound(Exception): ...
NotFound.__module__ = "test_tier_errors_child"

cache = Cache("answers", tier=sys.argv[1])

@cache.cache_result(name="user", cache_errors=NotFound, error_ttl="1h", tags=["users"])
def user(name):
    print("asking for", name)
    error = NotFound(name, {"tried": [1, 2]})
    error.add_note("a note")
    raise error from ValueError("cause")

try:
    user("bob")
except NotFound as error:
    print(type(error).__qualname__, error.args, error.__notes__, error.__cause__)
"""


@pytest.mark.parametrize("scheme", ["disk", "shm"])
def test_another_process_raises_the_same(scheme: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    name = f"errors-{uuid.uuid4()}"
    request.addfinalizer(lambda: shutil.rmtree(f"/dev/shm/hotset-{os.getuid()}/{name}", ignore_errors=True))
    url = f"disk://{tmp_path}/store?max_bytes=16MiB" if scheme == "disk" else f"shm://{name}?max_bytes=16MiB"
    said = [
        subprocess.run(
            [sys.executable, "-c", CHILD, url], capture_output=True, text=True, timeout=60, check=True
        ).stdout.splitlines()
        for _ in range(2)
    ]
    again = "NotFound ('bob', {'tried': [1, 2]}) ['a note'] None"
    assert said[0][:1] == ["asking for bob"] and said[0][1].endswith("cause") and said[1] == [again]
