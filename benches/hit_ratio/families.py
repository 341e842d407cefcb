"""Sequences of requests that are made, each to have one habit of real ones, or several.

A family is an endless iterator over keys, which are numbers. It draws its lots from a generator that begins with the
family's name, so that it is the same in every run.
"""

from __future__ import annotations

import itertools
import random
from array import array
from collections.abc import Callable, Iterator

KEYS = 20_000
"""Keys that a skewed distribution is over."""

CHUNK = 1_000
"""Keys that are drawn at once."""

NEVER_AGAIN = 1 << 40
"""Keys from here on are asked for once."""

Lot = random.Random
Family = Callable[[Lot], Iterator[int]]


def zipf(lot: Lot, skew: float, first: int = 0) -> Iterator[int]:
    """The key of rank r in proportion to 1 / r ** skew."""
    weights = list(itertools.accumulate(rank**-skew for rank in range(1, KEYS + 1)))
    while True:
        yield from lot.choices(range(first, first + KEYS), cum_weights=weights, k=CHUNK)


def drift(lot: Lot, requests_a_rank: int) -> Iterator[int]:
    """Skewed; after so many requests each key has the rank of its neighbour."""
    return (rank + number // requests_a_rank for number, rank in enumerate(zipf(lot, 1.0)))


def upheavals(lot: Lot, requests: int) -> Iterator[int]:
    """Skewed; after so many requests all keys are others."""
    for phase in itertools.count():
        yield from itertools.islice(zipf(lot, 1.0, phase * KEYS), requests)


def loop(length: int, first: int = 0) -> Iterator[int]:
    """The same keys in the same order."""
    return itertools.cycle(range(first, first + length))


def back_and_forth(length: int) -> Iterator[int]:
    """The same keys in order, and in the reverse order."""
    return itertools.cycle([*range(length), *reversed(range(length))])


def new_keys() -> Iterator[int]:
    """Each key once."""
    return itertools.count(NEVER_AGAIN)


def mixed(lot: Lot, *parts: tuple[float, Iterator[int]]) -> Iterator[int]:
    """From each part as often as its weight says, by lot; no key is in two of them."""
    weights = [weight for weight, _ in parts]
    while True:
        for number in lot.choices(range(len(parts)), weights, k=CHUNK):
            yield next(parts[number][1]) * len(parts) + number


def in_turns(*parts: tuple[int, Iterator[int]]) -> Iterator[int]:
    """So many requests from each part, and again; no key is in two of them."""
    for number, (requests, part) in itertools.cycle(enumerate(parts)):
        yield from (key * len(parts) + number for key in itertools.islice(part, requests))


def only_recent(lot: Lot, mean_age: int) -> Iterator[int]:
    """A new key with every fourth request; what is asked for is young."""
    return (max(0, number // 4 - int(lot.expovariate(1 / mean_age))) for number in itertools.count())


def twice(apart: int) -> Iterator[int]:
    """Every key twice, and never again."""
    for number in itertools.count(apart):
        yield number
        yield number - apart


def moving_window(lot: Lot, width: int, requests_a_step: int) -> Iterator[int]:
    """Any of so many keys, which move on by one after so many requests."""
    return (number // requests_a_step + lot.randrange(width) for number in itertools.count())


def sessions(lot: Lot, at_once: int, keys: int, requests: int) -> Iterator[int]:
    """Visitors that ask for a few keys of their own, so often on average, and leave."""
    fresh = itertools.count()
    present = [next(fresh) for _ in range(at_once)]
    while True:
        place = lot.randrange(at_once)
        yield present[place] * keys + lot.randrange(keys)
        if lot.random() * requests < 1:
            present[place] = next(fresh)


FAMILIES: dict[str, Family] = {
    "skewed, 0.7": lambda lot: zipf(lot, 0.7),
    "skewed, 1.0": lambda lot: zipf(lot, 1.0),
    "skewed, 1.2": lambda lot: zipf(lot, 1.2),
    "all alike": lambda lot: moving_window(lot, 5_000, 1 << 40),
    "drift": lambda lot: drift(lot, 20),
    "upheavals": lambda lot: upheavals(lot, 40_000),
    "window that moves": lambda lot: moving_window(lot, 800, 20),
    "only recent": lambda lot: only_recent(lot, 150),
    "twice": lambda _lot: twice(150),
    "loop of 600": lambda _lot: loop(600),
    "loop of 2,500": lambda _lot: loop(2_500),
    "loops, mixed": lambda lot: mixed(lot, (1, loop(100)), (1, loop(700)), (1, loop(3_000))),
    "back and forth": lambda _lot: back_and_forth(2_500),
    "hot keys, scans": lambda lot: in_turns((2_000, zipf(lot, 1.0)), (1_000, new_keys())),
    "hot keys, one scan": lambda lot: in_turns((2_000, zipf(lot, 1.0)), (3_000, loop(3_000))),
    "one-hit wonders": lambda lot: mixed(lot, (2, zipf(lot, 1.0)), (3, new_keys())),
    "sessions": lambda lot: mixed(lot, (1, zipf(lot, 1.0)), (1, sessions(lot, 50, 8, 40))),
    "phases": lambda lot: in_turns((30_000, only_recent(lot, 150)), (30_000, loop(1_500)), (30_000, zipf(lot, 1.0))),
    "mixture": lambda lot: mixed(
        lot, (5, zipf(lot, 1.0)), (2, loop(1_500)), (2, new_keys()), (1, only_recent(lot, 50))
    ),
}
"""All families, by name."""


def requests(family: str, count: int) -> array[int]:
    """The first requests of a family, as 64-bit numbers."""
    return array("Q", itertools.islice(FAMILIES[family](random.Random(family)), count))
