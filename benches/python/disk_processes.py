"""Eight processes that use one store on the disk at once: calls per second of all together, and the slowest hundredth.

    python benches/python/disk_processes.py STORE FOLDER NUMBER

is one of them, which does what it is told by lines of its standard input. All processes of all stores are there from
the beginning, and those of one store run at a time; a sample is a part of a second of all eight. Each call is timed by
itself, so that the clock is in it.
"""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import measure
from cases import HOT_KEYS
from contenders import LMDB
from disk_stores import STORES, Names, Store, chunks, filled
from results import Table

PROCESSES = 8
SECONDS = 0.4
ENTRIES = 20_000
BULK = 100
VALUE = b"v" * 100

NEW_OF_EACH = 100_000_000
"""How far apart the numbers of new keys of two processes are."""

NANOSECONDS, MICROSECONDS, THOUSAND = 1e9, 1e6, 1e3

BY_NAME = {store.name: store for store in STORES}

_LOOP = """
def sample(turns, end, note, clock):
    for {target} in turns:
        start = clock()
        {statement}
        now = clock()
        note(now - start)
        if now > end:
            break
"""


@dataclass(frozen=True)
class Work:
    """What the processes do."""

    name: str
    title: str
    operation: str
    target: str = "k"
    keys: int = 1
    """Of each call."""


WORKS = (
    Work("get", "get, a hit", "get"),
    Work("set", "set, over an existing key", "set"),
    Work("set-new", "set, a new key", "set"),
    Work("get-many", f"get of {BULK} at once", "get_many", "chunk", BULK),
    Work("set-many", f"set of {BULK} at once", "set_many", "items", BULK),
)
BY_WORK = {work.name: work for work in WORKS}


def turns(work: Work, store: Store, number: int, new: Iterator[int]) -> Iterator[Any]:
    """What one process goes through, in an order of its own."""
    if work.name == "set-new":
        return map(store.key, new)
    order = random.Random(number).sample(range(ENTRIES), HOT_KEYS)
    keys: list[Any] = [store.key(key) for key in order]
    bulks: list[Any] = chunks(keys, BULK)
    items: list[Any] = [dict.fromkeys(bulk, VALUE) for bulk in bulks]
    return itertools.cycle({"k": keys, "chunk": bulks, "items": items}[work.target])


def one_sample(work: Work, store: Store, names: Names, number: int, new: Iterator[int]) -> array[int]:
    """Nanoseconds of each call of a part of a second."""
    exec(_LOOP.format(target=work.target, statement=store.statements[work.operation]), names)
    took = array("Q")
    end = perf_counter_ns() + int(SECONDS * NANOSECONDS)
    names["sample"](turns(work, store, number, new), end, took.append, perf_counter_ns)
    return took


def serve(store: Store, folder: Path, number: int) -> None:
    """One of the processes, until its standard input ends."""
    names = store.open(folder, "raw", ENTRIES) | {"v": VALUE}
    new = itertools.count((number + 1) * NEW_OF_EACH)
    print(flush=True)
    for line in sys.stdin:
        took = one_sample(BY_WORK[line.strip()], store, names, number, new)
        print(len(took), flush=True)
        took.tofile(sys.stdout.buffer)
        sys.stdout.buffer.flush()


class Crowd:
    """The processes of one store."""

    def __init__(self, store: Store, folder: Path, stack: ExitStack) -> None:
        filled(store, folder, "raw", range(ENTRIES), VALUE)
        command = [sys.executable, __file__, store.name, str(folder)]
        self._processes = [stack.enter_context(Process([*command, str(number)])) for number in range(PROCESSES)]

    def sample(self, work: Work) -> tuple[float, float]:
        """Thousands of keys per second of all, and the microseconds that one call in a hundred exceeds."""
        for process in self._processes:
            process.begin(work)
        took = [process.end() for process in self._processes]
        calls = sorted(itertools.chain.from_iterable(took))
        slow = calls[len(calls) * 99 // 100] / NANOSECONDS * MICROSECONDS
        return len(calls) * work.keys / SECONDS / THOUSAND, slow


class Process:
    """One of them, seen from the one that tells them what to do."""

    def __init__(self, command: list[str]) -> None:
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._tell, self._told = self._child.stdin, self._child.stdout

    def __enter__(self) -> Process:
        self._told.readline()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._tell.close()
        self._told.close()
        self._child.wait()

    def begin(self, work: Work) -> None:
        """Has it do a part of a second's work."""
        self._tell.write(f"{work.name}\n".encode())
        self._tell.flush()

    def end(self) -> array[int]:
        """Nanoseconds of each of its calls."""
        took = array("Q")
        took.frombytes(self._told.read(int(self._told.readline()) * took.itemsize))
        return took


Samples = dict[str, dict[str, list[float]]]
"""By work, then by store."""


def take_samples(rounds: measure.Rounds, folder: Path, skip: Collection[str]) -> tuple[Samples, Samples]:
    """Throughput, and the slowest hundredth."""
    stores = [store for store in STORES if store.contender not in skip]
    speeds: Samples = {work.name: {store.name: [] for store in stores} for work in WORKS}
    tails: Samples = {work.name: {store.name: [] for store in stores} for work in WORKS}
    with ExitStack() as stack:
        crowds = {store.name: Crowd(store, folder / f"store-{n}", stack) for n, store in enumerate(stores)}
        for _ in rounds:
            for work, name in itertools.product(WORKS, rounds.order.sample(list(crowds), len(crowds))):
                speed, tail = crowds[name].sample(work)
                speeds[work.name][name].append(speed)
                tails[work.name][name].append(tail)
    return speeds, tails


def run(rounds: measure.Rounds, skip: Collection[str]) -> list[Table]:
    """Both groups of tables."""
    with tempfile.TemporaryDirectory() as folder:
        speeds, tails = take_samples(rounds, Path(folder), skip)
    return [
        *(table(work, speeds, "all calls", "thousand keys/s", more_is_better=True) for work in WORKS),
        *(table(work, tails, "the slowest hundredth of the calls", "µs", more_is_better=False) for work in WORKS),
    ]


def table(work: Work, samples: Samples, what: str, unit: str, *, more_is_better: bool) -> Table:
    """What one work showed."""
    return Table(
        name=f"disk-processes-{work.name}{'' if more_is_better else '-p99'}",
        group=f"A store on the disk, {PROCESSES} processes at once: {what}",
        title=work.title,
        statement="the statements of one process",
        unit=unit,
        reference=LMDB,
        samples=samples[work.name],
        more_is_better=more_is_better,
    )


if __name__ == "__main__":
    serve(BY_NAME[sys.argv[1]], Path(sys.argv[2]), int(sys.argv[3]))
