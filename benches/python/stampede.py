"""A stampede: threads, or tasks, that ask for the same missing key at once: how many loads, and how long it takes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Collection
from time import perf_counter
from typing import Any

import measure
from contenders import BY_NAME, HOTSET, LRU_CACHE
from results import Table
from setups import Function

CALLERS = 64
LOAD_SECONDS = 0.02
"""How long a load waits, as for a database."""

SIZE = 1_000


def _contender(name: str, ability: str) -> Callable[[Function], Function]:
    decorate: Callable[[Function, int], Function] = getattr(BY_NAME[name], ability)
    return lambda function: decorate(function, SIZE)


def _cachetools_condition(function: Function) -> Function:
    from cachetools import TTLCache, cached

    return cached(TTLCache(maxsize=SIZE, ttl=1800), condition=threading.Condition())(function)


def _dogpile(function: Function) -> Function:
    from dogpile.cache import make_region

    region = make_region().configure("dogpile.cache.memory", expiration_time=1800)
    return region.cache_on_arguments()(function)  # type: ignore[no-any-return]


def contenders() -> dict[str, Callable[[Function], Function]]:
    """Who decorates a function for threads."""
    named = [name for name in (HOTSET, LRU_CACHE, "cachebox TTLCache", "moka-py", "theine") if name in BY_NAME]
    plain = {name: _contender(name, "function") for name in named if BY_NAME[name].function is not None}
    return {**plain, "cachetools TTLCache, condition=": _cachetools_condition, "dogpile.cache": _dogpile}


def coroutine_contenders() -> dict[str, Callable[[Function], Function]]:
    """Who decorates a coroutine function."""
    able = [c for c in BY_NAME.values() if c.coroutine is not None and c.name != "plain `async def`"]
    return {contender.name: _contender(contender.name, "coroutine") for contender in able}


class Database:
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def load(self, x: object) -> object:
        self.asked += 1
        time.sleep(LOAD_SECONDS)
        return x

    async def load_in_task(self, x: object) -> object:
        self.asked += 1
        await asyncio.sleep(LOAD_SECONDS)
        return x


def in_threads(f: Function) -> float:
    """Milliseconds until all threads have their value."""
    barrier = threading.Barrier(CALLERS + 1)

    def call() -> None:
        barrier.wait()
        f("key")

    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    barrier.wait()
    start = perf_counter()
    for thread in threads:
        thread.join()
    return (perf_counter() - start) * 1e3


def in_tasks(f: Function) -> float:
    """Milliseconds until all tasks have their value."""

    async def main() -> float:
        start = perf_counter()
        await asyncio.gather(*(f("key") for _ in range(CALLERS)))
        return (perf_counter() - start) * 1e3

    return asyncio.run(main())


def _table(
    name: str,
    title: str,
    who: dict[str, Callable[[Function], Function]],
    once: Callable[[Callable[[Function], Function], Database], float],
    rounds: measure.Rounds,
    skip: Collection[str],
) -> Table:
    samples: dict[str, list[float]] = {}
    loads: dict[str, list[int]] = {}
    failures: dict[str, str] = {}
    for _ in rounds:
        for contender, decorate in who.items():
            if contender in skip or contender in failures:
                continue
            database = Database()
            try:
                samples.setdefault(contender, []).append(once(decorate, database))
            except Exception as error:  # noqa: BLE001  # what a peer cannot do is a line in the table
                failures[contender] = f"{type(error).__name__}: {error}"
                samples.pop(contender, None)
                continue
            loads.setdefault(contender, []).append(database.asked)
    counts = {contender: sorted(asked)[len(asked) // 2] for contender, asked in loads.items() if contender in samples}
    return Table(
        name=name,
        group=f"A stampede of {CALLERS}: a missing key whose load waits for {LOAD_SECONDS * 1e3:g} ms",
        title=title,
        statement='f("key")',
        unit="ms",
        reference=HOTSET,
        samples=samples,
        remarks={contender: f"{asked} loads" if asked > 1 else "1 load" for contender, asked in counts.items()},
        failures=failures,
    )


def run(rounds: measure.Rounds, skip: Collection[str]) -> list[Table]:
    """For threads, and for the tasks of one loop."""

    def threads(decorate: Callable[[Function], Function], database: Database) -> float:
        def f(x: object) -> Any:
            return database.load(x)

        return in_threads(decorate(f))

    def tasks(decorate: Callable[[Function], Function], database: Database) -> float:
        async def f(x: object) -> Any:
            return await database.load_in_task(x)

        return in_tasks(decorate(f))

    return [
        _table("stampede-threads", f"{CALLERS} threads", contenders(), threads, rounds, skip),
        _table("stampede-tasks", f"{CALLERS} tasks of one loop", coroutine_contenders(), tasks, rounds, skip),
    ]
