"""Measures how many requests a second are read and simulated on one core.

python benches/python/simulate.py [TRACE...]

Without a trace it is a million requests, hot keys and cold ones, as one key a line. The caches hold a tenth of the
keys. Each figure is the median of several runs.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import hotset
from hotset._core import Progress, Trace

REQUESTS = 1_000_000
RUNS = 5


def rate(requests: int, work: Callable[[], object]) -> float:
    """Millions of requests a second."""
    took: list[float] = []
    for _ in range(RUNS):
        began = perf_counter()
        work()
        took.append(perf_counter() - began)
    return requests / statistics.median(took) / 1e6


def read(path: Path) -> Trace:
    return Trace.read(path, Progress(), format=None, key_column=None, delimiter=None, limit=None)


def measure(path: Path) -> None:
    trace = read(path)
    entries = max(1, trace.unique // 10)
    print(f"{path.name}: {trace.requests:,} requests, {trace.unique:,} keys, {entries:,} entries")
    print("million requests a second:")
    print(f"  reading    {rate(trace.requests, lambda: read(path)):6.1f}")
    for policy in hotset.POLICIES:
        print(
            f"  {policy:10} {rate(trace.requests, lambda policy=policy: trace.hits(policy, entries, Progress())):6.1f}"
        )
    print(f"  OPT        {rate(trace.requests, lambda: trace.most_hits(entries, Progress())):6.1f}")


def main() -> None:
    given = [Path(name) for name in sys.argv[1:]]
    with TemporaryDirectory() as folder:
        if not given:
            lot = random.Random(1)
            given = [Path(folder) / "keys.txt"]
            keys = (f"user:{min(int(lot.paretovariate(0.5)), 10**9)}\n" for _ in range(REQUESTS))
            given[0].write_text("".join(keys), encoding="ascii")
        for path in given:
            measure(path)


main()
