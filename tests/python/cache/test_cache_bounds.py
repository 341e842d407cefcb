"""Bounds hold after every operation; what leaves is reported once, with its cause."""

import logging
import random
import re
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import hotset
import pytest
from hotset import Cache
from hotset.testing import ManualClock

Removals = list[tuple[Any, Any, str]]


@pytest.fixture(params=hotset.POLICIES)
def policy(request: pytest.FixtureRequest) -> hotset.Policy:
    name: hotset.Policy = request.param
    return name


@pytest.fixture
def removals() -> Removals:
    return []


@pytest.fixture
def tell(removals: Removals) -> Callable[[Any, Any, str], None]:
    return lambda key, value, cause: removals.append((key, value, cause))


def weigh(_: object, value: int) -> int:
    return value


# maxsize


@pytest.mark.parametrize("size", [0, 1, 2, 3, 10, 1000])
def test_any_n_keys_fit_before_one_is_evicted(policy: hotset.Policy, size: int) -> None:
    cache: Cache[Any, int] = Cache(maxsize=size, policy=policy)
    keys = random.sample([str(number) for number in range(5000)] + list(range(5000)), size + 1)
    for number, key in enumerate(keys[:size]):
        cache[key] = number
        cache.get(keys[0])
    assert cache == {key: number for number, key in enumerate(keys[:size])} and cache.stats().evicted == 0
    cache[keys[size]] = -1
    assert len(cache) == size and cache.get(keys[size]) == (-1 if size else None)
    assert (cache.stats().evicted, cache.stats().refused) == ((1, 0) if size else (0, 1))


@pytest.mark.parametrize("size", [1, 2, 3, 10, 100])
def test_the_bound_holds_after_every_operation_and_what_was_just_set_can_be_read(
    policy: hotset.Policy, size: int
) -> None:
    cache: Cache[int, int] = Cache(maxsize=size, policy=policy)
    for step in range(2000):
        key = min(int(random.paretovariate(0.5)), random.randrange(3 * size))
        if random.random() < 0.5:
            cache.get(key)
            continue
        cache[key] = step
        assert cache.get(key) == step and len(cache) == len(list(cache)) == cache.stats().entries <= size
    assert len(cache) == size


def test_a_cache_for_nothing_stores_nothing_and_loads_every_time(policy: hotset.Policy) -> None:
    cache: Cache[str, int] = Cache(maxsize=0, policy=policy)
    assert cache.add("a", 1) is False and [cache.get_or_load("a", len), cache.get_or_load("a", len)] == [1, 1]
    assert cache == {} and cache.stats().loads == 2 and cache.incr("n", 5) == 5 and "n" not in cache


def test_without_a_bound_nothing_is_evicted(policy: hotset.Policy) -> None:
    cache: Cache[int, int] = Cache(maxsize=None, policy=policy)
    cache.set_many((number, number) for number in range(20_000))
    assert len(cache) == 20_000 and cache.maxsize is None and cache.stats().evicted == 0
    assert Cache().maxsize == 10_000


# maxweight


def test_the_weight_bound_holds_after_every_operation(policy: hotset.Policy) -> None:
    cache: Cache[int, int] = Cache(maxweight=100, weigher=weigh, policy=policy)
    weights = []
    for _ in range(2000):
        cache[random.randrange(60)] = random.randrange(40)
        weights.append(cache.stats().weight)
        assert weights[-1] == sum(cache.values()) <= 100
    assert max(weights) > 90 and cache.stats().evicted > 0 and cache.maxsize is None


def test_what_was_just_set_can_be_read_if_it_is_not_too_heavy(policy: hotset.Policy) -> None:
    cache: Cache[int, int] = Cache(maxweight=100, weigher=weigh, policy=policy)
    for _ in range(2000):
        key, weight = random.randrange(20), random.randrange(100)
        cache[key] = weight
        assert cache.get(key) == weight


def test_what_is_too_heavy_is_refused_and_takes_its_predecessor_with_it(
    policy: hotset.Policy, tell: Callable[..., None], removals: Removals
) -> None:
    cache: Cache[str, int] = Cache(maxweight=10, weigher=weigh, policy=policy, on_remove=tell)
    cache.update(kept=4, replaced=3)
    cache["replaced"] = 11
    cache["new"] = 11
    assert cache == {"kept": 4} and cache.stats().refused == 2 and cache.stats().weight == 4
    assert removals == [("replaced", 3, "replaced")]
    cache["new"] = 10
    assert cache == {"new": 10}


@pytest.mark.parametrize(
    ("weight", "error"), [(-1, ValueError), (1.5, ValueError), ("x", TypeError), (None, TypeError)]
)
def test_a_weight_is_a_whole_number(weight: Any, error: type[Exception]) -> None:
    cache: Cache[str, str] = Cache(maxweight=10, weigher=lambda key, value: 1 if value == "first" else weight)
    cache["k"] = "first"
    with pytest.raises(error, match=re.escape(f"weigher={weight!r}: return a whole number from 0 to 2**40")):
        cache["k"] = "second"
    assert cache == {"k": "first"} and cache.stats().weight == 1


def test_what_a_weigher_raises_comes_out_and_a_weigher_may_use_the_cache() -> None:
    def weigh_by_uses(key: str, value: str) -> int:
        return cache.incr("weighed") if key != "weighed" else {}[key] if value == "raise" else 1

    cache: Cache[str, Any] = Cache(maxweight=10, weigher=weigh_by_uses)
    cache.update(a="x", b="y")
    with pytest.raises(KeyError):
        cache["weighed"] = "raise"
    assert cache == {"a": "x", "b": "y", "weighed": 2} and cache.stats().weight == 4


# resize


def test_a_smaller_bound_holds_at_once_and_a_larger_one_is_used(policy: hotset.Policy) -> None:
    cache: Cache[int, int] = Cache(maxsize=10, policy=policy)
    cache.set_many((number, number) for number in range(10))
    cache.resize(maxsize=3)
    assert len(cache) == 3 == cache.maxsize and cache.stats().evicted == 7
    cache.clear()
    cache.resize(maxsize=20)
    cache.set_many((number, number) for number in range(20))
    assert len(cache) == 20 == cache.maxsize and cache.stats().evicted == 7
    cache.resize(maxsize=None)
    cache.set_many((number, number) for number in range(200))
    assert len(cache) == 200 and cache.maxsize is None
    cache.resize(maxsize=0)
    assert cache == {} and cache.add(1, 1) is False


def test_a_weight_bound_can_be_changed_where_there_is_a_weigher(policy: hotset.Policy) -> None:
    cache: Cache[int, int] = Cache(maxweight=100, weigher=weigh, policy=policy)
    cache.set_many((number, 10) for number in range(10))
    cache.resize(maxweight=35)
    assert len(cache) == 3 and (cache.maxweight, cache.stats().weight) == (35, 30)
    cache.resize(maxweight=None, maxsize=5)
    cache.set_many((number, 10) for number in range(10))
    assert len(cache) == 5 and (cache.maxweight, cache.maxsize) == (None, 5)
    cache.resize(maxweight=20)
    assert len(cache) == 2
    with pytest.raises(ValueError, match="maxweight needs a weigher"):
        Cache().resize(maxweight=5)


# Causes


def test_each_way_to_leave_has_its_cause(tell: Callable[..., None], removals: Removals, clock: ManualClock) -> None:
    cache: Cache[str, int] = Cache(maxsize=2, policy="fifo", on_remove=tell, clock=clock)
    cache.update(a=1, b=2, c=3)
    cache["b"] = 4
    cache.delete("b")
    cache.set("d", 5, ttl=1)
    clock.advance(2)
    cache.sweep()
    cache.expire("c")
    cache.update(e=6, f=7)
    cache.popitem()
    cache.clear()
    causes = ["evicted", "replaced", "invalidated", "expired", "expired", "invalidated", "cleared"]
    assert removals == list(zip("abbdcef", [1, 2, 4, 5, 3, 6, 7], causes, strict=True))
    assert [getattr(cache.stats(), cause) for cause in dict.fromkeys(causes)] == [1, 1, 2, 2, 1]


def test_every_entry_that_left_was_reported_once(
    policy: hotset.Policy, tell: Callable[..., None], removals: Removals, clock: ManualClock
) -> None:
    cache: Cache[int, int] = Cache(maxsize=10, policy=policy, on_remove=tell, clock=clock, idle=7)
    verbs = [cache.delete, cache.expire, cache.get, cache.touch, lambda _: cache.sweep(), lambda _: clock.advance(0.5)]
    for number in range(1000):
        cache.set(random.randrange(20), number, ttl=random.choice([1, 5, None]))
        random.choice(verbs)(random.randrange(20))
        if number % 300 == 299:
            cache.clear()
        here = sorted(cache.values())
        assert sorted(here + [value for _, value, _ in removals]) == list(range(number + 1)), number
    cache.close()
    assert sorted(value for _, value, _ in removals) == list(range(1000))
    stats, told = cache.stats(), Counter(cause for _, _, cause in removals)
    assert told == {cause: getattr(stats, cause) for cause in told} and len(told) == 5


def test_a_listener_may_use_the_cache(policy: hotset.Policy) -> None:
    def remember(key: int, value: int, cause: str) -> None:
        if cause == "evicted" and len(seen) < 50:
            seen.append(key)
            assert key not in cache and len(cache) <= 3
            cache[key + 1000] = value

    seen: list[int] = []
    cache: Cache[int, int] = Cache(maxsize=3, policy=policy, on_remove=remember)
    cache.set_many((number, number) for number in range(20))
    assert len(seen) == 50 and len(cache) == 3 and all(key % 1000 == value for key, value in cache.items())


def test_what_a_listener_raises_is_unraisable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(key: str, value: int, cause: str) -> None:
        raise ConnectionError(key)

    caught: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda event: caught.append((str(event.exc_value), event.object)))
    cache: Cache[str, int] = Cache(on_remove=fail)
    cache.update(a=1, b=2)
    assert cache.pop("a") == 1
    cache["b"] = 3
    cache.clear()
    assert caught == [("a", fail), ("b", fail), ("b", fail)] and cache == {}


# What is said


def test_a_full_cache_says_so_once_and_never_what_is_in_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    cache: Cache[str, str] = Cache("users", maxsize=2)
    cache.update({"key 1": "secret", "key 2": "secret"})
    assert caplog.messages == []
    cache.update({f"key {number}": "secret" for number in range(10)})
    cache.resize(maxsize=1)
    assert caplog.messages == ["cache 'users' is full (maxsize=2) and evicts from now on"]
    assert [(record.name, record.levelname) for record in caplog.records] == [("hotset", "INFO")]
