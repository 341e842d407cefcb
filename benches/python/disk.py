"""Stores on the disk in one process: what each operation takes, and a hit in the memory in front of a store.

All stores lie in the folder for temporary files, each in a new folder for every row, and hold the same entries.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure
from cases import HOT_KEYS, ONE_KEY, SIZE, integer_key, random_keys
from contenders import DISKCACHE, HOTSET, LMDB
from disk_stores import STORES, Names, Store, chunks, filled, write
from goals import Goal, judge
from results import Table

ENTRIES, LARGE_ENTRIES = 20_000, 2_000
BULK = 100

MICROSECOND = 1_000
"""In nanoseconds."""

SMALL, LARGE = b"v" * 100, b"v" * 10_000
OBJECT = {
    "id": 12345,
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "active": True,
    "score": 98.6,
    "tags": ["admin", "staff", "beta"],
    "address": {"street": "12 St James's Square", "city": "London", "geo": {"lat": 51.5, "lng": -0.1}},
    "orders": [{"id": 1000 + n, "sku": f"SKU-{n:05d}", "count": n, "price": 19.99 + n} for n in range(6)],
}

OF_KEY, OF_BULK, OF_ITEMS = "for k in keys", "for chunk in bulks", "for items in batches"

WITHOUT, IN_FRONT = "hotset, without a tier", "hotset, in front of a store"
FRONT = {"a function of one argument": "f(k)", "an item": "cache[k]"}

Prepare = Callable[[Store, Names, int], list[object]]
"""Makes so many keys that were not asked for before, outside the timing."""


@dataclass(frozen=True)
class Row:
    """An operation that all stores are timed on which have it."""

    name: str
    title: str
    operation: str
    loop: str = OF_KEY
    value: object = SMALL
    entries: int = ENTRIES
    first: int = 0
    """The number of the first key to ask for."""
    fresh: Prepare | None = None
    reference: str = LMDB
    goals: tuple[Goal, ...] = ()

    def statement(self, store: Store) -> str:
        """What a user of the store writes."""
        return store.statements[self.operation]


_numbers = itertools.count(ENTRIES)


def new_keys(store: Store, _names: Names, number: int) -> list[object]:
    """Keys that are not in the store."""
    return [store.key(next(_numbers)) for _ in range(number)]


def keys_to_delete(store: Store, names: Names, number: int) -> list[object]:
    """Keys that are in the store from now on."""
    keys = new_keys(store, names, number)
    write(store, names, keys)
    return keys


def goals(microseconds: float, ratio: float | None = None) -> tuple[Goal, ...]:
    """Of the time itself, and of its ratio to the floor in the same run, where the goal says it."""
    return (Goal(microseconds, unit="µs"), *((Goal(ratio, (LMDB,)),) if ratio else ()))


_READ, _WRITTEN = 1.5 / 0.9, 3 / 1.3
"""The goals in microseconds, by those that raw LMDB took where the goals were set."""

ROWS = (
    Row("get", "get, 100 B, a hit", "get", goals=goals(1.5, round(_READ, 2))),
    Row("get-large", "get, 10 kB, a hit", "get", value=LARGE, entries=LARGE_ENTRIES),
    Row("miss", "get, a miss", "miss", first=10 * ENTRIES**2),
    Row("set", "set, 100 B, over an existing key", "set", goals=goals(3, round(_WRITTEN, 2))),
    Row("set-large", "set, 10 kB, over an existing key", "set", value=LARGE, entries=LARGE_ENTRIES),
    Row("set-new", "set, 100 B, a new key", "set", fresh=new_keys, goals=goals(3, round(_WRITTEN, 2))),
    Row("add", "add, 100 B, a new key", "add", fresh=new_keys),
    Row("delete", "delete", "delete", fresh=keys_to_delete),
    Row("load", "get or load, 100 B, a hit", "load", reference=DISKCACHE),
    Row("get-many", f"get of {BULK} at once, 100 B, for each", "get_many", OF_BULK, goals=goals(1)),
    Row("set-many", f"set of {BULK} at once, 100 B, for each", "set_many", OF_ITEMS, goals=goals(1)),
    Row("get-object", "get of a dict of 1 kB, by default codec or pickle", "get_object", value=OBJECT),
    Row("set-object", "set of a dict of 1 kB, by default codec or pickle", "set_object", value=OBJECT),
)


def indented(header: str, statement: str) -> str:
    """A loop in the lines of the loop that is timed."""
    return f"{header}:\n            {statement}"


class Fresh:
    """A loop over keys that are made outside the timing."""

    def __init__(self, row: Row, store: Store, names: Names, loop: measure.Loop) -> None:
        self._row, self._store, self._names, self._loop = row, store, names, loop

    def __call__(self, number: int) -> float:
        """The operation on so many keys."""
        assert self._row.fresh is not None
        self._names["keys"] = self._row.fresh(self._store, self._names, number)
        return self._loop(1)


def hot_names(row: Row, store: Store) -> Names:
    """The keys that are asked for in random order, one by one and in bulk."""
    order = random.Random(HOT_KEYS).sample(range(row.entries), HOT_KEYS)
    keys = [store.key(row.first + number) for number in order]
    bulks = chunks(keys, BULK)
    return {"keys": keys, "bulks": bulks, "batches": [dict.fromkeys(bulk, row.value) for bulk in bulks]}


def absent(row: Row, names: Names) -> str:
    """Empty, or what is wrong with a row that is to be one of hits."""
    if row.fresh or row.first:
        return ""
    missing = sum(names["read"](key) is None for key in names["keys"])
    return f"{missing:,} of {len(names['keys']):,} keys were not in it" if missing else ""


@dataclass(frozen=True)
class Case:
    """A store's part in a row."""

    store: Store
    names: Names
    loop: measure.Sampler

    @classmethod
    def of(cls, row: Row, store: Store, folder: Path, runner: asyncio.Runner) -> Case:
        """With a store that is filled."""
        codec = "raw" if isinstance(row.value, bytes) else "hotset"
        names = filled(store, folder / store.name.replace(" ", "-"), codec, range(row.entries), row.value)
        names |= hot_names(row, store)
        loop = measure.Loop(indented(row.loop, row.statement(store)), names, runner)
        return cls(store, names, Fresh(row, store, names, loop) if row.fresh else loop)


def build_cases(
    row: Row, folder: Path, skip: Collection[str], runner: asyncio.Runner
) -> tuple[dict[str, Case], dict[str, str]]:
    """Those who take part, and why others could not."""
    cases: dict[str, Case] = {}
    failures: dict[str, str] = {}
    for store in STORES:
        if store.contender in skip or row.operation not in store.statements:
            continue
        try:
            cases[store.name] = Case.of(row, store, folder, runner)
        except Exception as error:  # noqa: BLE001  a store that fails is reported, and the others go on
            failures[store.name] = f"{type(error).__name__}: {error}"
    return cases, failures


def remark(row: Row, case: Case) -> str:
    """A store's own statement, and hits that were none."""
    own = row.statement(case.store)
    return "; ".join(filter(None, ("" if own == row.statement(STORES[0]) else f"`{own}`", absent(row, case.names))))


def run_row(row: Row, rounds: measure.Rounds, skip: Collection[str]) -> Table:
    """One operation, for all stores that have it."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        cases, failures = build_cases(row, Path(folder), skip, runner)
        times = measure.interleave({name: case.loop for name, case in cases.items()}, rounds)
        remarks = {name: remark(row, case) for name, case in cases.items()}
    each = MICROSECOND * (1 if row.fresh else HOT_KEYS)
    samples = {name: [time / each for time in series] for name, series in times.items()}
    return Table(
        name=f"disk-{row.name}",
        group="A store on the disk, one process",
        title=row.title,
        statement=f"{row.loop}: {row.statement(STORES[0])}",
        unit="µs",
        reference=row.reference,
        samples=samples,
        verdicts=[verdict for goal in row.goals if (verdict := judge(goal, HOTSET, samples))],
        remarks=remarks,
        failures=failures,
    )


def front_names(folder: Path, one_key: bool) -> dict[str, Names]:
    """A cache and a function, with a store behind them and without."""
    from hotset import Cache

    keys = [ONE_KEY] if one_key else list(range(SIZE))
    found = {}
    for name, more in ((WITHOUT, {}), (IN_FRONT, {"tier": f"disk://{folder}"})):
        for_items: Cache[Any, Any] = Cache("items", maxsize=SIZE, ttl="30m", **more)
        for_calls: Cache[Any, Any] = Cache("calls", maxsize=SIZE, ttl="30m", **more)
        f = for_calls.cache_result(name="f")(lambda x: x)
        for key in keys:
            for_items[key] = f(key)
        hot = [integer_key(ONE_KEY)] * HOT_KEYS if one_key else random_keys(integer_key)
        found[name] = {"cache": for_items, "f": f, "keys": hot}
    return found


def front(rounds: measure.Rounds, skip: Collection[str]) -> list[Table]:
    """A hit in memory, with and without a store behind it."""
    if HOTSET in skip:
        return []
    return [front_table(name, one_key, rounds) for name in FRONT for one_key in (True, False)]


def front_table(name: str, one_key: bool, rounds: measure.Rounds) -> Table:
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        names = front_names(Path(folder) / "store", one_key)
        loops: dict[str, Any] = {
            who: measure.Loop(indented(OF_KEY, FRONT[name]), of, runner) for who, of in names.items()
        }
        times = measure.interleave(loops, rounds)
    samples = {who: [time / HOT_KEYS for time in series] for who, series in times.items()}
    verdict = judge(Goal(1.1, (WITHOUT,)), IN_FRONT, samples)
    return Table(
        name=f"disk-front-{name}-{'one' if one_key else 'many'}",
        group="A hit in the memory in front of a store",
        title=f"{name}, {'one key' if one_key else f'{HOT_KEYS:,} keys in random order, in a cache of {SIZE:,}'}",
        statement=f"{OF_KEY}: {FRONT[name]}",
        unit="ns",
        reference=WITHOUT,
        samples=samples,
        verdicts=[verdict] if verdict else [],
    )
