"""``Cache.what_if()``: what it says is near the truth, and what it cannot say it says so."""

import random
from collections.abc import Iterable
from typing import Any

import hotset
import pytest
from hotset import Cache
from hotset.testing import ManualClock

LOT = random.Random(7)
KEYS = [min(int(LOT.paretovariate(0.6)), 100_000) for _ in range(12_000)]


def sampled(**options: Any) -> Cache[Any, Any]:
    """A cache that has earned by now what its samples cost, however busy the machine is."""
    clock = ManualClock()
    cache: Cache[Any, Any] = Cache(what_if=True, clock=clock, **options)
    clock.advance("10h")
    return cache


def replay(cache: Cache[int, int], keys: Iterable[int]) -> float:
    for key in keys:
        cache.get_or_load(key, lambda key: key)
    return cache.stats().hit_ratio


@pytest.mark.parametrize("policy", ["s3fifo", "lru"])
def test_estimates_are_near_the_truth(policy: hotset.Policy) -> None:
    cache: Cache[int, int] = sampled(maxsize=100, policy=policy)
    present = replay(cache, KEYS)
    found = cache.what_if()
    assert (found.size, found.hit_ratio, found.requests) == (100, present, len(KEYS))
    assert list(found.hit_ratios) == [25, 50, 100, 200, 400, 800]
    assert found.hit_ratios[100] == present
    for size, ratio in found.hit_ratios.items():
        assert ratio == pytest.approx(replay(Cache(maxsize=size, policy=policy), KEYS), abs=0.02)


def test_weights_are_a_size_too() -> None:
    cache: Cache[int, int] = sampled(maxweight=1_000, weigher=lambda key, _: 1 + key % 5)
    replay(cache, KEYS)
    assert list(cache.what_if().hit_ratios) == [250, 500, 1_000, 2_000, 4_000, 8_000]


def test_bytes_are_a_size_too() -> None:
    cache: Cache[int, bytes] = sampled(max_bytes="40kB", policy="lru")
    for _ in range(2):
        for key in range(100):
            cache.get_or_load(key, lambda _: bytes(500))
    found = cache.what_if()
    assert found.size == 40_000
    assert found.hit_ratios[80_000] == 0.5 > found.hit_ratios[10_000]


def test_decorated_functions_and_awaited_loads_are_sampled() -> None:
    cache: Cache[object, int] = sampled(maxsize=100)
    double = cache.cache_result(lambda number: 2 * number, name="double")
    for _ in range(3):
        for number in range(150):
            double(number)
    assert (cache.what_if().requests, cache.what_if().sampled) == (450, 450)


def test_sampling_can_be_switched() -> None:
    cache: Cache[int, int] = Cache(maxsize=100)
    assert not cache.sampling
    with pytest.raises(
        ValueError, match=r"no samples are taken of .*make it with what_if=True, or set sampling = True"
    ):
        cache.what_if()
    cache.sampling = True
    assert cache.sampling
    assert (cache.what_if().requests, cache.what_if().hit_ratio) == (0, 0.0)
    replay(cache, range(50))
    assert cache.what_if().requests == 50
    cache.sampling = True  # anew
    assert cache.what_if().requests == 0
    cache.sampling = False
    with pytest.raises(ValueError, match="no samples"):
        cache.what_if()


def test_a_cache_without_a_bound_has_no_other_size() -> None:
    with pytest.raises(ValueError, match="the cache has no bound"):
        Cache(maxsize=None, what_if=True)


def test_another_size_begins_anew() -> None:
    cache: Cache[int, int] = sampled(maxsize=100)
    replay(cache, range(50))
    cache.resize(maxsize=200)
    assert (cache.what_if().size, cache.what_if().requests) == (200, 0)


def test_it_is_a_table() -> None:
    cache: Cache[int, int] = sampled(maxsize=1_000, policy="lru")
    replay(cache, [*range(2_000), *range(2_000)])
    assert str(cache.what_if()).splitlines() == [
        " size  hit ratio",
        "  250      0.0%",
        "  500      0.0%",
        "1,000      0.0%  now",
        "2,000     50.0%",
        "4,000     50.0%",
        "8,000     50.0%",
        "from 4,000 of 4,000 requests",
    ]


def test_an_exotic_key_costs_nothing_more_than_its_hash() -> None:
    hashed = []

    class Key:
        def __hash__(self) -> int:
            hashed.append(self)
            return 7

    key = Key()
    cache: Cache[Key, int] = sampled(maxsize=10)
    cache[key] = 1
    for _ in range(1_000):
        assert cache[key] == 1
    assert len(hashed) == 1_001
