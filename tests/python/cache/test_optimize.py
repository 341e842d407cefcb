"""``optimize=``: what costs more stays longer, if that is what is wanted."""

import random
import time
from typing import Any

import pytest
from hotset import Cache, Optimize, Policy, cache_result, cache_result_many
from hotset.testing import ManualClock

LOT = random.Random(3)
KEYS = [int(3_000 * LOT.random() ** 2) for _ in range(8_000)]
SLOW = 0.0004
"""Seconds; a load that is not slow takes a few microseconds."""


def is_slow(key: int) -> bool:
    return key % 10 == 3


def slow_hits(cache: Cache[int, int]) -> int:
    loads = 0

    def load(key: int) -> int:
        nonlocal loads
        if is_slow(key):
            loads += 1
            until = time.perf_counter() + SLOW
            while time.perf_counter() < until:
                pass
        return key

    for key in KEYS:
        cache.get_or_load(key, load)
    return sum(map(is_slow, KEYS)) - loads


def test_what_took_long_to_load_stays_longer() -> None:
    assert slow_hits(Cache(maxsize=100, optimize="time")) > 1.5 * slow_hits(Cache(maxsize=100))


@pytest.mark.parametrize("optimize", ["hits", "time"])
def test_more_are_hits_where_light_entries_stay_longer(optimize: Optimize) -> None:
    def hit_ratio(policy: Policy, optimize: Optimize) -> float:
        cache: Cache[int, int] = Cache(
            maxweight=2_000, weigher=lambda key, _: 100 if key % 2 else 1, policy=policy, optimize=optimize
        )
        for key in KEYS:
            cache.get_or_load(key, lambda key: key)
        return cache.stats().hit_ratio

    assert hit_ratio("adaptive", optimize) > 2 * hit_ratio("lru", "hits")


def test_decorated_functions_have_it_too() -> None:
    @cache_result(maxsize=10, optimize="time")
    def double(number: int) -> int:
        return 2 * number

    @cache_result_many(maxsize=10, optimize="time")
    def doubles(numbers: list[int]) -> dict[int, int]:
        return {number: 2 * number for number in numbers}

    assert double(2) == 4 == doubles([2])[2]
    assert double.cache.optimize == doubles.cache.optimize == "time"
    assert Cache().optimize == "hits"


def test_values_that_are_only_stored_stay_as_long_as_others() -> None:
    cache: Cache[int, int] = Cache(maxsize=500, optimize="time", clock=ManualClock())
    for key in range(5_000):
        cache[key] = key
        cache.get_or_load(-key - 1, lambda key: key)
    assert 50 < sum(key >= 0 for key in cache) < 450


def test_a_copy_has_it_too() -> None:
    assert Cache(optimize="time").copy().optimize == "time"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimize": "money"}, 'optimize=\'money\': write "hits" or "time"'),
        ({"optimize": None}, 'optimize=None: write "hits" or "time"'),
        (
            {"optimize": "time", "policy": "lru"},
            'optimize="time": policy="lru" does not look at what loads cost; leave out policy, or optimize',
        ),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cache(**options)
