"""G1 to G4 under fire: threads and tasks read, fail, invalidate and let time pass, and every answer is checked.

A database has rows of which each commit is a version. What was read says which version it is, and when its load ended. With
HOTSET_SOAK=1 there are twenty times as many histories.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from hotset import MISSING, Cache, LoadTimeoutError, cache_result_many
from hotset.testing import ManualClock

PATIENCE = 60
"""Seconds after which a history that does not end has failed."""

SEEDS = range(8 * (20 if os.environ.get("HOTSET_SOAK", "0") not in ("", "0") else 1))

ROWS = range(3)
TTL, STEP = 10.0, 2.0
"""Seconds of the manual clock: how long a value is fresh, and by how much the clock is moved at most."""

SLACK = 2 * STEP + 0.01
"""The clock may be moved once between the end of a load and its fill, and once before a reader has looked."""

#: For each place a load may be for: how many writes to it had ended when the caller came that the load is made for.
WRITES_ENDED: ContextVar[dict[Any, int]] = ContextVar("writes_ended")


class Value:
    """What a load has read."""

    def __init__(self, version: int, *, exact: bool = True) -> None:
        self.version = version
        #: When the load ended, by the manual clock; None if its fill may be much later.
        self.at: float | None = None
        self.exact = exact


class NotFound(Exception):
    """An answer, which has a version too."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class History:
    """A database, a cache of it, those who use it, and what they found wrong."""

    def __init__(self, seed: int, *, impatient: bool) -> None:
        self.random = random.Random(seed)
        self.impatient = impatient
        self.clock = ManualClock()
        choose = self.random.choice
        self.grace: float = choose([0, 5, 20])
        options: dict[str, Any] = {
            "load_age": None,
            "grace": self.grace or None,
            "soft_timeout": choose([0, 0, None, 1]),
            "refresh_ahead": choose([None, 0.5, 0.8]),
            "cache_errors": choose([(), NotFound]),
            "error_ttl": choose([0.1, 1, 3]),
        }
        if impatient:
            options |= {"timeout": choose([None, 1, 5]), "load_age": choose([2, 30, None])}
        self.options = options
        self.cache: Cache[Any, Any] = Cache(ttl=TTL, clock=self.clock, **options)
        tagged = self.cache.cache_result(tags=["row:{row}"])
        self.call, self.call_async = tagged(self.read_call), tagged(self.read_call_async)
        self.many = cache_result_many(cache=self.cache, tags=["row:{key}"])(self.read_many_of_function)
        self.versions = [1] * len(ROWS)
        #: The versions that the invalidations which returned had been for.
        self.announced = [0] * len(ROWS)
        self.lock = threading.Lock()
        self.writes_begun: dict[Any, int] = {}
        self.writes_ended: dict[Any, int] = {}
        #: Loads that have begun and not ended, by place: how many writes had ended when each one's caller came.
        self.in_flight: dict[Any, list[int]] = {}
        self.loads_ended = 0
        self.goes_on = True
        self.wrong: list[str] = []

    # Loads. A place is where a value is kept: the mapping and each function have one for every row.

    def begin_load(self, *places: Any) -> list[Any]:
        with self.lock:
            since = WRITES_ENDED.get()
            for place in places:
                came, begun = since.get(place, 0), self.writes_begun.get(place, 0)
                if not self.impatient and came == begun and begun in self.in_flight.setdefault(place, []):
                    self.wrong.append(f"a load of {place} began while another was in flight that may be stored")
                self.in_flight.setdefault(place, []).append(came)
            return [self.versions[row] for _, row in places]

    def end_load(self, values: list[Value], *places: Any) -> None:
        """What was read, or an error; the clock stands still meanwhile."""
        with self.lock:
            since = WRITES_ENDED.get()
            for place in places:
                self.in_flight[place].remove(since.get(place, 0))
            for value in values:
                value.at = self.clock.elapsed if value.exact else None
            self.loads_ended += 1
            luck = self.random.random()
        if luck < 0.1:
            raise ConnectionError("down")
        if luck < 0.2 and len(values) == 1:
            raise NotFound(values[0].version)

    def pause(self) -> float:
        return self.random.choice([0, 0, 0.0002, 0.001])

    def load(self, space: str, row: int) -> Value:
        (version,) = self.begin_load((space, row))
        time.sleep(self.pause())
        value = Value(version)
        self.end_load([value], (space, row))
        return value

    async def pause_async(self, *places: Any) -> None:
        try:
            await asyncio.sleep(self.pause())
        except asyncio.CancelledError:
            with self.lock:
                for place in places:
                    self.in_flight[place].remove(WRITES_ENDED.get().get(place, 0))
            raise

    async def load_async(self, space: str, row: int) -> Value:
        (version,) = self.begin_load((space, row))
        await self.pause_async((space, row))
        value = Value(version)
        self.end_load([value], (space, row))
        return value

    def read_call(self, row: int) -> Value:
        return self.load("call", row)

    async def read_call_async(self, row: int) -> Value:
        return await self.load_async("async call", row)

    def read_many_of_function(self, rows: list[int]) -> dict[int, Value]:
        return self.read_many(rows, "many")

    def read_many(self, rows: list[int], space: str = "mapping") -> dict[int, Value]:
        places = [(space, row) for row in rows]
        values = [Value(version, exact=False) for version in self.begin_load(*places)]
        time.sleep(self.pause())
        self.end_load(values, *places)
        return dict(zip(rows, values, strict=True))

    async def read_many_async(self, rows: list[int]) -> dict[int, Value]:
        places = [("mapping", row) for row in rows]
        values = [Value(version, exact=False) for version in self.begin_load(*places)]
        await self.pause_async(*places)
        self.end_load(values, *places)
        return dict(zip(rows, values, strict=True))

    # Readers

    def arrive(self) -> None:
        """A caller comes."""
        with self.lock:
            WRITES_ENDED.set(dict(self.writes_ended))

    def tagged(self, row: int) -> dict[str, Any]:
        return {"tags": [f"row:{row}"]}

    def check(self, how: str, row: int, floor: int, came: float, found: Any, *, fresh: bool = False) -> None:
        if found is MISSING:
            return
        if not isinstance(found, Value | NotFound):
            self.wrong.append(f"{how} of row {row} gave {found!r}")
            return
        if found.version < floor:
            self.wrong.append(f"{how} of row {row} that began after version {floor} was announced saw {found.version}")
        at = found.at if isinstance(found, Value) else None
        end = TTL if fresh else TTL + self.grace
        if at is not None and came >= at + end + SLACK and not self.impatient:
            self.wrong.append(f"{how} of row {row} at {came} saw what was loaded at {at}")

    def reader(self, steps: int) -> None:
        ways: dict[str, Callable[[int], Any]] = {
            "a call": self.call,
            "get_or_load": lambda row: self.cache.get_or_load(
                row, lambda row: self.load("mapping", row), **self.tagged(row)
            ),
            "load_many": lambda row: self.cache.load_many([row], self.read_many, **self.tagged(row))[row],
            "get": lambda row: self.cache.get(row, MISSING),
            "peek": self.call.peek,
        }
        for _ in range(steps):
            how, row = self.random.choice(list(ways)), self.random.choice(ROWS)
            self.arrive()
            floor, came = self.announced[row], self.clock.elapsed
            try:
                found = ways[how](row)
            except (ConnectionError, LoadTimeoutError):
                continue
            except NotFound as error:
                found = error
            self.check(how, row, floor, came, found, fresh=how in ("get", "peek"))

    def reader_of_many(self, steps: int) -> None:
        for _ in range(steps):
            rows = self.random.sample(ROWS, self.random.randint(1, len(ROWS)))
            self.arrive()
            floors, came = list(self.announced), self.clock.elapsed
            try:
                found = self.many(rows)
            except (ConnectionError, LoadTimeoutError, NotFound):
                continue
            for row in rows:
                self.check("a call of many", row, floors[row], came, found.get(row, "nothing"))

    def reader_in_tasks(self, steps: int) -> None:
        cache = self.cache
        ways: dict[str, Callable[[int], Any]] = {
            "an awaited call": self.call_async,
            "aio.get_or_load": lambda row: cache.aio.get_or_load(
                row, lambda row: self.load_async("mapping", row), **self.tagged(row)
            ),
            "aio.load_many": lambda row: cache.aio.load_many([row], self.read_many_async, **self.tagged(row)),
        }

        async def one(steps: int) -> None:
            for _ in range(steps):
                how, row = self.random.choice(list(ways)), self.random.choice(ROWS)
                self.arrive()
                floor, came = self.announced[row], self.clock.elapsed
                try:
                    found = await self.maybe_cancelled(ways[how], row)
                except (ConnectionError, LoadTimeoutError):
                    continue
                except NotFound as error:
                    found = error
                self.check(how, row, floor, came, found[row] if isinstance(found, dict) else found)

        async def main() -> None:
            await asyncio.wait_for(asyncio.gather(*(one(steps // 4) for _ in range(4))), PATIENCE)
            if not self.impatient:
                # What a loop does not run any more is given up by others, who cannot know whether it will be cancelled.
                await asyncio.wait_for(asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()})), PATIENCE)

        asyncio.run(main())

    async def maybe_cancelled(self, way: Callable[[int], Any], row: int) -> Any:
        if not self.impatient or self.random.random() < 0.9:
            return await way(row)
        try:
            return await asyncio.wait_for(way(row), self.pause())
        except TimeoutError:
            return MISSING

    # Writers

    def writer(self, steps: int, rows: range) -> None:
        """Commits, then invalidates. Each row has one writer."""
        for _ in range(steps):
            row = self.random.choice(rows)
            with self.lock:
                version = self.versions[row] = self.versions[row] + 1
            self.random.choice([self.clear, self.invalidate_tag, self.invalidate_each, self.invalidate_each])(
                row, version
            )
            self.announced[row] = version
            if self.random.random() < 0.3:
                self.expire(row)
            time.sleep(self.pause())

    def write(self, action: Callable[[], object], *places: Any) -> None:
        with self.lock:
            for place in places:
                self.writes_begun[place] = self.writes_begun.get(place, 0) + 1
        action()
        with self.lock:
            for place in places:
                self.writes_ended[place] = self.writes_ended.get(place, 0) + 1

    def places(self, *rows: int) -> list[Any]:
        return [(space, row) for space in ("mapping", "call", "async call", "many") for row in rows]

    def clear(self, row: int, version: int) -> None:
        self.write(self.cache.clear, *self.places(*ROWS))

    def invalidate_tag(self, row: int, version: int) -> None:
        self.write(lambda: self.cache.invalidate_tags(f"row:{row}"), *self.places(row))

    def invalidate_each(self, row: int, version: int) -> None:
        written = Value(version)
        written.at = self.clock.elapsed
        self.write(lambda: self.call.invalidate(row), ("call", row))
        self.write(lambda: self.call_async.invalidate(row), ("async call", row))
        self.write(lambda: self.many.invalidate(row), ("many", row))
        if self.random.random() < 0.5:
            self.write(lambda: self.cache.delete(row), ("mapping", row))
        else:
            self.write(lambda: self.cache.set(row, written, **self.tagged(row)), ("mapping", row))

    def expire(self, row: int) -> None:
        match self.random.randrange(3):
            case 0:
                self.write(lambda: self.cache.expire_tags(f"row:{row}"), *self.places(row))
            case 1:
                self.write(lambda: self.cache.expire(row), ("mapping", row))
            case _:
                self.write(lambda: self.call.expire(row), ("call", row))

    # Time

    def let_time_pass(self) -> None:
        """Moves the clock, but not twice between the end of a load and its fill."""
        while self.goes_on:
            with self.lock:
                ended = self.loads_ended
            if not self.impatient:
                self.wait_for_fills(ended)
            with self.lock:
                self.clock.advance(self.random.uniform(0.01, STEP))
            time.sleep(0.0002)

    def wait_for_fills(self, ended: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while (stats := self.cache.stats()).loads + stats.load_errors < ended:
            if time.monotonic() > deadline:
                self.wrong.append("a load has ended and was not filled")
                return
            time.sleep(0)

    def run(self) -> None:
        users = [lambda: self.reader(200), lambda: self.reader(200), lambda: self.reader_of_many(200)]
        users += [
            lambda: self.reader_in_tasks(200),
            lambda: self.writer(100, ROWS[:1]),
            lambda: self.writer(100, ROWS[1:]),
        ]
        threads = [threading.Thread(target=self.noting, args=(user,), daemon=True) for user in users]
        time_passes = threading.Thread(target=self.noting, args=(self.let_time_pass,), daemon=True)
        for thread in (time_passes, *threads):
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        self.goes_on = False
        time_passes.join(PATIENCE)
        if any(thread.is_alive() for thread in (time_passes, *threads)):
            self.wrong.append("somebody hangs")

    def noting(self, user: Callable[[], None]) -> None:
        try:
            user()
        except BaseException as error:  # the test looks at it
            self.wrong.append(f"{type(error).__name__}: {error}")


@pytest.fixture
def hasty() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("impatient", [False, True], ids=["patient", "impatient"])
@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_sees_what_was_invalidated_or_is_gone_and_one_load_runs_at_a_time(seed: int, impatient: bool) -> None:
    history = History(seed, impatient=impatient)
    history.run()
    assert not history.wrong, (history.options, len(history.wrong), history.wrong[:5])


# What histories have found


@pytest.mark.parametrize("write", ["delete", "set", "expire"])
def test_a_write_overtakes_the_load_that_succeeded_one_whose_tag_was_invalidated(write: str) -> None:
    """Two loads of one key are in progress: one that only its tag has overtaken, and one that began after that."""
    cache: Cache[str, str] = Cache(grace="1h")
    began = {name: threading.Event() for name in ("first", "second")}
    go = {name: threading.Event() for name in began}

    def ask(name: str) -> threading.Thread:
        def load(_key: str) -> str:
            began[name].set()
            assert go[name].wait(PATIENCE)
            return name

        thread = threading.Thread(target=cache.get_or_load, args=("key", load), kwargs={"tags": ["tag"]})
        thread.start()
        assert began[name].wait(PATIENCE)
        return thread

    first = ask("first")
    cache.invalidate_tags("tag")
    second = ask("second")
    {"delete": cache.delete, "set": lambda key: cache.set(key, "written"), "expire": cache.expire}[write]("key")
    found = []
    for name, thread in (("second", second), ("first", first)):
        go[name].set()
        thread.join(PATIENCE)
        found.append(cache.peek("key"))
    assert found == ["written" if write == "set" else None] * 2 and cache.stats().refused == 2


@pytest.mark.parametrize("awaits", [False, True])
def test_a_load_that_was_given_up_does_not_land_as_its_successor(awaits: bool, clock: ManualClock) -> None:
    """A newcomer gives a load up that is too old, and begins another, while the first still runs."""
    cache: Cache[str, str] = Cache(load_age=60, timeout="1h", clock=clock)
    calls: list[int] = []
    go = [threading.Event(), threading.Event()]

    def load(_key: str) -> str:
        number = len(calls)
        calls.append(number)
        assert go[number].wait(PATIENCE)
        return f"load {number}"

    async def load_async(key: str) -> str:
        return await asyncio.to_thread(load, key)

    async def main() -> str:
        return await cache.aio.get_or_load("key", load_async, tags=["tag"])

    def until(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline
            threading.Event().wait(0.001)

    found: list[str] = []

    def ask() -> None:
        found.append(asyncio.run(main()) if awaits else cache.get_or_load("key", load, tags=["tag"]))

    leader = threading.Thread(target=ask)
    leader.start()
    until(lambda: len(calls) == 1)
    cache.invalidate_tags("tag")
    clock.advance(61)
    newcomer = threading.Thread(target=ask)
    newcomer.start()
    until(lambda: len(calls) == 2)
    go[0].set()
    threading.Event().wait(0.1)
    back = cache.peek("key")
    go[1].set()
    for thread in (leader, newcomer):
        thread.join(PATIENCE)
    assert back is None, "what was read before the tag was invalidated is back"
    assert cache.peek("key") == "load 1" and found == ["load 0", "load 1"]


@pytest.mark.parametrize("bulk", [False, True])
def test_who_leads_a_load_waits_on_for_it_when_its_stale_value_is_deleted(bulk: bool, clock: ManualClock) -> None:
    """The leader would have taken the stale value after its soft timeout, but that was deleted, and its load overtaken."""
    cache: Cache[str, str] = Cache(ttl=10, grace="1h", soft_timeout=1, load_age=None, clock=clock)
    calls: list[int] = []
    go = threading.Event()

    def load(_key: str) -> str:
        calls.append(len(calls))
        assert go.wait(PATIENCE)
        return f"load {calls[-1]}"

    def until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
        deadline = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < deadline
            threading.Event().wait(0.001)

    def lead() -> None:
        found["leader"] = (
            cache.load_many("k", lambda _: {"k": load("k")})["k"] if bulk else cache.get_or_load("k", load)
        )

    def follow() -> None:
        found["follower"] = cache.get_or_load("k", load, max_stale=0)

    found: dict[str, str] = {}
    cache["k"] = "old"
    clock.advance(10)
    leader, follower = (threading.Thread(target=target, daemon=True) for target in (lead, follow))
    leader.start()
    until(lambda: len(calls) == 1)
    follower.start()
    until(lambda: cache.stats().misses == 2)
    threading.Event().wait(0.1)
    cache.delete("k")
    clock.advance(1.1)
    threading.Event().wait(0.1)
    go.set()
    follower.join(PATIENCE)
    leader.join(PATIENCE)
    assert found == {"leader": "load 0", "follower": "load 0"} and cache.peek("k") is None


@pytest.mark.parametrize("bulk", [False, True])
def test_a_task_whose_late_load_a_thread_gave_up_is_not_cancelled(bulk: bool, clock: ManualClock) -> None:
    """The thread gives it up just before the timer of the load does, and loads itself."""
    cache: Cache[str, str] = Cache(timeout=10, clock=clock)

    async def never(_keys: object) -> Any:
        await asyncio.Event().wait()

    async def ask() -> Any:
        return await (cache.aio.load_many(["key"], never) if bulk else cache.aio.get_or_load("key", never))

    async def main() -> None:
        leader = asyncio.create_task(ask())
        await asyncio.sleep(0.01)
        clock.advance(11)
        newcomer = threading.Thread(target=cache.get_or_load, args=("key", str.upper))
        newcomer.start()
        newcomer.join(PATIENCE)
        threading.Event().wait(0.06)  # the timer is due when the loop goes on
        await asyncio.wait({leader}, timeout=PATIENCE)
        assert leader.done() and not leader.cancelled()
        assert isinstance(leader.exception(), LoadTimeoutError | None)

    asyncio.run(main())
    assert cache["key"] == "KEY"
