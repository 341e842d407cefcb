"""Tags: what a tagged hit costs while others are invalidated, and an invalidation of few and of many entries."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
from time import perf_counter

import measure
from cases import SIZE, integer_key, random_keys
from contenders import HOTSET
from goals import Goal, judge
from results import Table

UNTAGGED, TAGGED, BUSY = "without tags", "tagged", "tagged, 1,000 invalidations of others a second"
ONE, MANY = "1 entry", "1,000,000 entries"

PASSES = 100
"""So often a sample goes over the hot keys."""

INVALIDATION_SECONDS = 0.001

OTHERS = 1_000_000
"""Entries in the cache that the tag is invalidated in, whoever carries it."""


def hits(rounds: measure.Rounds, skip: Collection[str]) -> Table:
    """Nanoseconds of a hit over the hot keys, without the time that the invalidations take."""
    import hotset

    samples: dict[str, list[float]] = {}
    functions = {
        UNTAGGED: hotset.cache_result(ttl="30m", maxsize=SIZE)(lambda k: k),
        TAGGED: hotset.cache_result(ttl="30m", maxsize=SIZE, tags=["key:{k}"])(lambda k: k),
        BUSY: hotset.cache_result(ttl="30m", maxsize=SIZE, tags=["key:{k}"])(lambda k: k),
    }
    if HOTSET in skip:
        functions = {}
    for f in functions.values():
        for number in range(SIZE):
            f(number)
    hot = random_keys(integer_key)
    for _ in rounds:
        for name, f in functions.items():
            samples.setdefault(name, []).append(_sample(f, hot, f.cache.invalidate_tags if name == BUSY else None))
    goal = Goal(1.5, (UNTAGGED,))
    verdict = judge(goal, BUSY, samples)
    return Table(
        name="tags-hit",
        group="Tags: a hit",
        title="1,000 keys in random order, in a cache of 100,000",
        statement="for k in keys: f(k)",
        unit="ns",
        reference=UNTAGGED,
        samples=samples,
        verdicts=[verdict] if verdict else [],
    )


def _sample(f: Callable[[object], object], keys: list[object], invalidate: Callable[[str], None] | None) -> float:
    spent = 0.0
    start = perf_counter()
    due = start + INVALIDATION_SECONDS
    for _ in range(PASSES):
        for k in keys:
            f(k)
        while invalidate and (now := perf_counter()) >= due:
            invalidate("other")
            due += INVALIDATION_SECONDS
            spent += perf_counter() - now
    return (perf_counter() - start - spent) / PASSES / len(keys) * 1e9


def invalidations(rounds: measure.Rounds, skip: Collection[str]) -> Table:
    """Nanoseconds of `invalidate_tags`, in a cache of as many entries in both cases."""
    import hotset

    samples: dict[str, list[float]] = {}
    others = itertools.count()
    cache: hotset.Cache[int, None] = hotset.Cache(maxsize=None)
    for _ in rounds if HOTSET not in skip else ():
        for name, carriers in ((ONE, 1), (MANY, OTHERS)):
            cache.set_many(((number, None) for number in range(carriers)), tags=["tag"])
            cache.set_many(((number, None) for number in range(carriers, OTHERS)), tags=["other"])
            # So that what is timed is the invalidation, not the way of its code into the processor's cache.
            for _ in range(100):
                cache.invalidate_tags(f"nobody's {next(others)}")
            start = perf_counter()
            cache.invalidate_tags("tag")
            samples.setdefault(name, []).append((perf_counter() - start) * 1e9)
            cache.clear()
            cache.sweep()
    verdict = judge(Goal(2, (ONE,)), MANY, samples)
    return Table(
        name="tags-invalidate",
        group="Tags: an invalidation",
        title="a tag that so many of 1,000,000 entries carry",
        statement='cache.invalidate_tags("tag")',
        unit="ns",
        reference=ONE,
        samples=samples,
        verdicts=[verdict] if verdict else [],
    )


def run(rounds: measure.Rounds, few: measure.Rounds, skip: Collection[str]) -> list[Table]:
    """Both tables."""
    return [hits(rounds, skip), invalidations(few, skip)]
