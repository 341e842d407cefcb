"""How a row is measured: compiled loops, interleaved samples, medians.

A sample is one uninterrupted timing of one contender, long enough for the clock. In every round each contender of the
row gives one sample, in an order that is shuffled anew, so that whatever the machine does at that moment falls on all
of them alike. Ratios are taken inside a round, and the median over the rounds is what is reported.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

SAMPLE_SECONDS = 0.02
"""The least duration of one sample."""

CALIBRATION_TRIES = 3
"""How often a number of repetitions is timed; the fastest counts, so that a sample is never too short."""

NANOSECONDS = 1e9

_TEMPLATE = """
{kind} sample(repeats, clock):
    start = clock()
    for _ in repeats:
        {statement}
    return clock() - start
"""


class Sampler(Protocol):
    """Something that can be timed, with a number that says how much of it."""

    def __call__(self, number: int) -> float:
        """Do it `number` times and return the seconds that took."""
        ...


@dataclass(frozen=True)
class Rounds:
    """How many samples each contender of a row gives, and in which order."""

    count: int
    order: random.Random

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.count))


class Loop:
    """A user's statement, compiled into a loop in the manner of `timeit`; awaited in one coroutine if it awaits."""

    def __init__(self, statement: str, namespace: dict[str, Any], runner: asyncio.Runner) -> None:
        self._asynchronous = "await " in statement
        kind = "async def" if self._asynchronous else "def"
        source = _TEMPLATE.format(kind=kind, statement=statement)
        exec(compile(source, "<statement>", "exec"), namespace)  # the statements are those of rows.py
        self._sample: Callable[..., Any] = namespace.pop("sample")
        self._runner = runner

    def __call__(self, number: int) -> float:
        """Runs the statement `number` times."""
        result = self._sample(itertools.repeat(None, number), perf_counter)
        return float(self._runner.run(result) if self._asynchronous else result)


class FreshKeys:
    """A loop over keys that were never used before; they are made outside the timing."""

    def __init__(self, loop: Loop, namespace: dict[str, Any], make: Callable[[int], Sequence[object]]) -> None:
        self._loop, self._namespace, self._make = loop, namespace, make

    def __call__(self, number: int) -> float:
        """Runs the statement over `number` new keys."""
        self._namespace["keys"] = self._make(number)
        return self._loop(1)


def calibrate(sampler: Sampler, seconds: float) -> int:
    """The number that makes a sample last at least so many seconds."""
    number = 1
    while True:
        took = min(sampler(number) for _ in range(CALIBRATION_TRIES))
        if took >= seconds:
            return number
        factor = min(10.0, 1.2 * seconds / took) if took else 10.0
        number = int(number * factor) + 1


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Collects what there is, then keeps the collector out of the samples."""
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def interleave(
    samplers: Mapping[str, Sampler], rounds: Rounds, sample_seconds: float = SAMPLE_SECONDS
) -> dict[str, list[float]]:
    """Nanoseconds for one repetition, by contender, one for each round."""
    with no_garbage_collection():
        numbers = {name: calibrate(sampler, sample_seconds) for name, sampler in samplers.items()}
        times: dict[str, list[float]] = {name: [] for name in samplers}
        for _ in rounds:
            for name in rounds.order.sample(list(samplers), len(samplers)):
                times[name].append(samplers[name](numbers[name]) / numbers[name] * NANOSECONDS)
    return times


@dataclass(frozen=True)
class Summary:
    """The middle of some samples, and where their middle half lies."""

    median: float
    low: float
    high: float


def summarize(samples: Sequence[float]) -> Summary:
    """Median and quartiles."""
    if len(samples) == 1:
        return Summary(samples[0], samples[0], samples[0])
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Summary(median, low, high)


def ratio(samples: Sequence[float], references: Sequence[Sequence[float]]) -> float:
    """The median over the rounds of a sample divided by the least of its references in the same round."""
    best = [min(in_round) for in_round in zip(*references, strict=True)]
    return float(statistics.median(mine / theirs for mine, theirs in zip(samples, best, strict=True)))
