"""Calls per second of several threads that share one decorated function.

All threads start at a barrier; a sample is the calls of all of them, divided by the time from the first start to the
last end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from time import perf_counter

import measure
from cases import HOT_KEYS, SIZE, fresh_keys, integer_key, plain_loader, random_keys
from contenders import BY_NAME, CACHEBOX_TTL, CACHETOOLS_LOCKED, HOTSET, LRU_CACHE
from results import Table
from setups import Function

CONTENDERS = (HOTSET, LRU_CACHE, CACHEBOX_TTL, CACHETOOLS_LOCKED)
THREADS = (1, 2, 4, 8)

SAMPLE_SECONDS = 0.06
"""Several of the interpreter's switch intervals, so that a sample sees threads take turns."""

ONE_NEW_IN = 10
"""So many calls of the mix have one among them whose key was never asked for; the others are hits."""

MILLION = 1e6

Keys = Callable[[int], Sequence[object]]


@dataclass(frozen=True)
class Load:
    """What the threads call for."""

    name: str
    group: str
    mixed: bool

    def keys(self) -> Keys:
        """A maker of so many keys."""
        hot = random_keys(integer_key)
        fresh = fresh_keys()
        return (lambda number: mixed_keys(hot, fresh, number)) if self.mixed else (lambda number: cycle(hot, number))


LOADS = (
    Load("threads-hits", "Threads that share a function: hits only", mixed=False),
    Load("threads-mix", "Threads that share a function: 90 % hits, 10 % new arguments", mixed=True),
)


def cycle(keys: Sequence[object], number: int) -> list[object]:
    """The keys over and over, so many in all."""
    return (list(keys) * (number // len(keys) + 1))[:number]


def mixed_keys(hot: Sequence[object], fresh: Callable[[int], list[int]], number: int) -> list[object]:
    """The hot keys over and over, with a new key in the place of every tenth."""
    keys = cycle(hot, number)
    keys[::ONE_NEW_IN] = fresh(len(range(0, number, ONE_NEW_IN)))
    return keys


def call_all(f: Function, keys: Sequence[object], barrier: threading.Barrier, spans: list[tuple[float, float]]) -> None:
    """One thread's work."""
    barrier.wait()
    start = perf_counter()
    for k in keys:
        f(k)
    spans.append((start, perf_counter()))


class Crowd:
    """So many threads that call one function; a repetition is one call."""

    def __init__(self, f: Function, count: int, keys: Keys) -> None:
        self._f, self._count, self._keys = f, count, keys

    def __call__(self, number: int) -> float:
        """All threads call, `number` times together."""
        each = max(number // self._count, 1)
        shares = [self._keys(each) for _ in range(self._count)]
        barrier = threading.Barrier(self._count)
        spans: list[tuple[float, float]] = []
        threads = [threading.Thread(target=call_all, args=(self._f, share, barrier, spans)) for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return max(end for _, end in spans) - min(start for start, _ in spans)


def filled_function(name: str) -> Function:
    """A contender's decorated function, whose cache is full."""
    decorate = BY_NAME[name].function
    assert decorate is not None
    f = decorate(plain_loader, SIZE)
    for key in range(SIZE):
        f(key)
    return f


def filled_functions(skip: Collection[str]) -> tuple[dict[str, Function], dict[str, str]]:
    """The functions of those who take part, and why the others do not."""
    functions: dict[str, Function] = {}
    failures: dict[str, str] = {}
    for name in CONTENDERS:
        if name in skip:
            continue
        try:
            functions[name] = filled_function(name)
        except Exception as error:  # noqa: BLE001  one contender that fails is reported, and the others go on
            failures[name] = f"{type(error).__name__}: {error}"
    return functions, failures


def run_one(load: Load, count: int, keys: Keys, functions: dict[str, Function], rounds: measure.Rounds) -> Table:
    """Measures everybody under one load with one number of threads."""
    crowds: dict[str, measure.Sampler] = {name: Crowd(f, count, keys) for name, f in functions.items()}
    times = measure.interleave(crowds, rounds, SAMPLE_SECONDS)
    return Table(
        name=f"{load.name}-{count}",
        group=load.group,
        title=f"{count} thread{'s' if count > 1 else ''}",
        statement=f"for k in keys: f(k)  # {HOT_KEYS:,} hot keys in a cache of {SIZE:,}",
        unit="M calls/s",
        reference=LRU_CACHE,
        samples={name: [measure.NANOSECONDS / time / MILLION for time in series] for name, series in times.items()},
        more_is_better=True,
    )


def run(rounds: measure.Rounds, skip: Collection[str]) -> list[Table]:
    """Measures all loads and numbers of threads."""
    functions, failures = filled_functions(skip)
    tables = [
        run_one(load, count, keys, functions, rounds)
        for load, keys in ((load, load.keys()) for load in LOADS)
        for count in THREADS
    ]
    for table in tables:
        table.failures.update(failures)
    return tables
