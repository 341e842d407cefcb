"""What a better hit ratio is worth: the time of a request where a miss waits for a database."""

from __future__ import annotations

import functools
import random
import time
from array import array
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter

import setups
from results import Table

from hit_ratio import families
from hit_ratio.players import DEFAULT

LOAD_SECONDS = 0.001
"""What a load waits for, asleep."""

ENTRIES = 2_000
BEFORE, QUICK_BEFORE = 100_000, 20_000
"""Requests that nobody waits for: a cache that runs."""

MEASURED, QUICK_MEASURED = 4_000, 1_000
CHUNKS = 20
"""Into so many samples the measured requests are cut. All contenders answer one before the next."""

FAMILIES = ("skewed, 1.0", "hot keys, one scan", "mixture")
NO_CACHE = "no cache"
CACHETOOLS = "cachetools LRUCache"

Answer = Callable[[int], object]


@dataclass
class Database:
    """Counts what it is asked, and waits once it is slow."""

    seconds: float = 0.0
    asked: int = 0

    def load(self, key: int) -> int:
        self.asked += 1
        if self.seconds:
            time.sleep(self.seconds)
        return key


def hotset(policy: str, database: Database) -> Answer:
    """As a user writes it with hotset."""
    from hotset import Cache

    cache: Cache[int, int] = Cache(maxsize=ENTRIES, policy=policy)  # type: ignore[arg-type]
    load = database.load
    return lambda key: cache.get_or_load(key, load)


def cachetools(database: Database) -> Answer:
    """As a user writes it with cachetools."""
    from cachetools import LRUCache, cached

    return cached(LRUCache(maxsize=ENTRIES))(database.load)


def lru_cache(database: Database) -> Answer:
    return setups.lru_cache(database.load, ENTRIES)


CONTENDERS: dict[str, Callable[[Database], Answer]] = {
    f"hotset, {DEFAULT}": functools.partial(hotset, DEFAULT),
    "hotset, lru": functools.partial(hotset, "lru"),
    "functools.lru_cache": lru_cache,
    CACHETOOLS: cachetools,
    NO_CACHE: lambda database: database.load,
}


def microseconds(answer: Answer, keys: array[int]) -> float:
    """The mean of these requests."""
    start = perf_counter()
    for key in keys:
        answer(key)
    return (perf_counter() - start) / len(keys) * 1e6


def chunks(keys: array[int], before: int) -> Iterator[array[int]]:
    """The measured requests, cut."""
    bounds = range(before, len(keys) + 1, (len(keys) - before) // CHUNKS)
    return (keys[start:end] for start, end in pairwise(bounds))


class Subject:
    """A contender, warm, and its database, which is slow from now on."""

    def __init__(self, make: Callable[[Database], Answer], warming: array[int]) -> None:
        self._database = Database()
        self._answer = make(self._database)
        microseconds(self._answer, warming)
        self._database.seconds, self._database.asked = LOAD_SECONDS, 0
        self.samples: list[float] = []

    def take_part(self, keys: array[int]) -> None:
        self.samples.append(microseconds(self._answer, keys))

    def hit_ratio(self, requests: int) -> str:
        return f"{1 - self._database.asked / requests:.1%} hits"


def table(family: str, quick: bool, order: random.Random, skip: Collection[str]) -> Table:
    """One family."""
    before, measured = (QUICK_BEFORE, QUICK_MEASURED) if quick else (BEFORE, MEASURED)
    keys = families.requests(family, before + measured)
    makers = {name: make for name, make in CONTENDERS.items() if not name.startswith(tuple(skip))}
    subjects = {name: Subject(make, keys[:before]) for name, make in makers.items()}
    for chunk in chunks(keys, before):
        for subject in order.sample(list(subjects.values()), len(subjects)):
            subject.take_part(chunk)
    return Table(
        name=f"worth-{family}",
        group=f"What hits are worth: a load waits {LOAD_SECONDS * 1e3:g} ms, asleep",
        title=f"“{family}”, {measured:,} requests after {before:,}, in a cache of {ENTRIES:,}",
        statement="for k in keys: f(k)",
        unit="µs",
        reference=NO_CACHE,
        samples={name: subject.samples for name, subject in subjects.items()},
        remarks={name: subject.hit_ratio(measured) for name, subject in subjects.items()},
    )


def run(quick: bool, order: random.Random, skip: Collection[str]) -> list[Table]:
    """All families."""
    return [table(family, quick, order, skip) for family in FAMILIES]
