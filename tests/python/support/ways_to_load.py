"""Every way to load, as one face with one source of values, for tests of what all of them do."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest
from hotset import MISSING, Cache, cache_result_many
from hotset.testing import ManualClock

PATIENCE = 30
"""Seconds after which a test that waits has failed."""


TICK = 0.001
"""Seconds that are next to nothing to a clock that is moved by hand."""


def eventually(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait for something that is done in the background."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        threading.Event().wait(0.001)


async def eventually_async(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """As :func:`eventually`, in a task."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.001)


class Source:
    """Where values come from: slow while it is held, failing while it has an error. A load reads when it begins."""

    def __init__(self) -> None:
        self.value: Any = "old"
        self.error: BaseException | None = None
        self.calls = 0
        self.open = threading.Event()
        self.open.set()

    def load(self, *_keys: object) -> Any:
        value, error = self._begin()
        assert self.open.wait(PATIENCE)
        if error is not None:
            raise error
        return value

    async def load_async(self, *_keys: object) -> Any:
        value, error = self._begin()
        while not self.open.is_set():
            await asyncio.sleep(0.001)
        if error is not None:
            raise error
        return value

    def load_many(self, keys: list[str]) -> dict[str, Any]:
        return dict.fromkeys(keys, self.load())

    async def load_many_async(self, keys: list[str]) -> dict[str, Any]:
        return dict.fromkeys(keys, await self.load_async())

    def _begin(self) -> tuple[Any, BaseException | None]:
        self.calls += 1
        return self.value, self.error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Loads that begin within this block end after it."""
        self.open.clear()
        try:
            yield
        finally:
            self.open.set()


Asks = Callable[[str], Any]


#: Ways to ask a cache for what a source loads: whom to ask, and the key in the cache.
FACES: dict[str, Callable[[Cache[Any, Any], Source], tuple[Asks, Callable[[str], Any]]]] = {
    "function": lambda cache, source: _function(cache.cache_result(source.load)),
    "coroutine function": lambda cache, source: _function(cache.cache_result(source.load_async)),
    "get_or_load": lambda cache, source: (lambda key: cache.get_or_load(key, source.load), str),
    "aio.get_or_load": lambda cache, source: (lambda key: cache.aio.get_or_load(key, source.load_async), str),
    "load_many": lambda cache, source: (lambda key: cache.load_many([key], source.load_many), str),
    "aio.load_many": lambda cache, source: (lambda key: cache.aio.load_many([key], source.load_many_async), str),
    "function of many": lambda cache, source: _many(cache_result_many(cache=cache)(source.load_many)),
    "coroutine function of many": lambda cache, source: _many(cache_result_many(cache=cache)(source.load_many_async)),
}


MANY = ("load_many", "aio.load_many", "function of many", "coroutine function of many")


def _function(f: Any) -> tuple[Asks, Callable[[str], Any]]:
    return f, f.cache_key


def _many(f: Any) -> tuple[Asks, Callable[[str], Any]]:
    return (lambda key: f([key])), (lambda key: f._key(key))


class Face:
    """A way to ask a cache, the same for threads and tasks."""

    def __init__(self, name: str, cache: Cache[Any, Any], source: Source, loop: asyncio.AbstractEventLoop) -> None:
        self.name, self.cache, self.loop = name, cache, loop
        self.ask, self.key_of = FACES[name](cache, source)
        self.awaits = "coroutine" in name or "aio" in name

    @property
    def key(self) -> Any:
        """The key that it is all about, as the cache has it."""
        return self.key_of("key")

    def load(self) -> Any:
        """The value of that key."""
        return self.begin().result(PATIENCE) if self.awaits else self._only(self.ask("key"))

    def begin(self) -> Future[Any]:
        """The same, asked for by somebody else."""
        if self.awaits:
            return asyncio.run_coroutine_threadsafe(self._load_async(), self.loop)
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(self._only(self.ask("key")))
            except BaseException as error:  # the test looks at it
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return future

    async def _load_async(self) -> Any:
        return self._only(await self.ask("key"))

    def _only(self, found: Any) -> Any:
        return found["key"] if self.name in MANY else found

    def peek(self) -> Any:
        return self.cache.peek(self.key, MISSING)

    def waits(self, callers: int) -> None:
        """Until so many have missed, and had time to begin to wait."""
        eventually(lambda: self.cache.stats().misses >= callers)
        threading.Event().wait(0.02)


Make = Callable[..., Face]


@pytest.fixture
def source() -> Iterator[Source]:
    source = Source()
    yield source
    source.open.set()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    asyncio.run_coroutine_threadsafe(_end_tasks(), loop).result(PATIENCE)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE)
    loop.close()


async def _end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def cached(request: pytest.FixtureRequest, source: Source, loop: asyncio.AbstractEventLoop, clock: ManualClock) -> Make:
    """Makes a face of a cache with these options."""

    def make(**options: Any) -> Face:
        return Face(request.param, Cache(**{"clock": clock, **options}), source, loop)

    return make


def faces(*names: str, but: tuple[str, ...] = (), because: str = "") -> Any:
    """Runs a test with these faces, by default all; it is known to fail with those in `but`."""
    fails = pytest.mark.xfail(strict=True, reason=because)
    chosen = [pytest.param(name, marks=[fails] if name in but else []) for name in names or FACES]
    return pytest.mark.parametrize("cached", chosen, indirect=True)


READERS: dict[str, Callable[[Cache[Any, Any], Any], object]] = {
    "get": lambda cache, key: cache.get(key, MISSING),
    "peek": lambda cache, key: cache.peek(key, MISSING),
    "in": lambda cache, key: key in cache or MISSING,
    "walk": lambda cache, key: next(iter(cache), MISSING),
    "values": lambda cache, key: next(iter(cache.values()), MISSING),
    "items": lambda cache, key: next(iter(cache.items()), MISSING),
    "get_many": lambda cache, key: cache.get_many([key]).get(key, MISSING),
    "[]": lambda cache, key: _subscript(cache, key),
    "==": lambda cache, key: MISSING if cache == {} else cache,
    "aio.get": lambda cache, key: asyncio.run(_awaited(cache.aio.get(key, MISSING))),
    "copy": lambda cache, key: cache.copy().get(key, MISSING),
    "_tags": lambda cache, key: cache._tags(key) or MISSING,
    "pop": lambda cache, key: cache.pop(key, MISSING),
}


def _subscript(cache: Cache[Any, Any], key: object) -> object:
    try:
        return cache[key]
    except KeyError:
        return MISSING


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def fails(*_: object) -> Any:
    raise LookupError("it fails")


WORD: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="unset")
