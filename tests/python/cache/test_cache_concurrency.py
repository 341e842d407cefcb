"""Threads, and code of Python's that runs inside an operation: nothing is lost, mixed up, counted twice or stuck."""

import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import hotset
import pytest
from hotset import Cache
from hotset.testing import ManualClock

THREADS = 4
PATIENCE = 60  # seconds after which a test that hangs fails

CAUSES = ["expired", "evicted", "replaced", "invalidated", "cleared"]
Verb = Callable[[Cache[Any, Any], Any], object]


@pytest.fixture(autouse=True)
def threads_switch_as_often_as_they_can() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(params=hotset.POLICIES)
def policy(request: pytest.FixtureRequest) -> hotset.Policy:
    name: hotset.Policy = request.param
    return name


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What the works return that start together, each in a thread of its own."""
    start = threading.Barrier(len(works))

    def begin(work: Callable[[], Any]) -> Any:
        start.wait(PATIENCE)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        futures = [pool.submit(begin, work) for work in works]
        return [future.result(PATIENCE) for future in futures]


class Key:
    """A key whose comparison lets other threads run."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return self.number % 5

    def __eq__(self, other: object) -> bool:
        os.sched_yield()
        return isinstance(other, Key) and self.number == other.number


def value_of(key: Any) -> tuple[str, int]:
    return ("value of", int(key.number if isinstance(key, Key) else key))


HAMMER: list[Verb] = [
    lambda c, k: c.set(k, value_of(k)),
    lambda c, k: c.set(k, value_of(k), ttl=2, idle=1, tags=["t"]),
    lambda c, k: c.add(k, value_of(k)),
    lambda c, k: c.replace(k, value_of(k)),
    lambda c, k: c.set_many({k: value_of(k)}),
    lambda c, k: c.delete(k),
    lambda c, k: c.expire(k),
    lambda c, k: c.touch(k, ttl=3),
    lambda c, k: c.sweep(),
    lambda c, k: c.resize(maxsize=random.choice([5, 8])),
    lambda c, k: c.clear() if random.random() < 0.05 else None,
]
READS: list[Callable[[Cache[Any, Any], Any], Any]] = [
    lambda c, k: c.get(k, value_of(k)),
    lambda c, k: c.peek(k, value_of(k)),
    lambda c, k: c.pop(k, value_of(k)),
    lambda c, k: c.setdefault(k, value_of(k)),
    lambda c, k: c.get_or_load(k, value_of),
    lambda c, k: c.load_many([k], lambda keys: {k: value_of(k)})[k],
    lambda c, k: c.get_many([k]).get(k, value_of(k)),
    lambda c, k: next((value for key, value in c.items() if key == k), value_of(k)),
]


def hammer(cache: Cache[Any, Any], keys: list[Any], clock: ManualClock) -> int:
    """Uses a cache at random; how many reads returned the value of another key, or found it too large."""
    wrong = 0
    for step in range(1500):
        key = random.choice(keys)
        wrong += random.choice(READS)(cache, key) != value_of(key)
        random.choice(HAMMER)(cache, key)
        wrong += len(cache) > 8
        if step % 50 == 0:
            clock.advance(1)
    return wrong


@pytest.mark.parametrize("kind", [int, str, Key])
def test_values_belong_to_their_keys_and_the_bound_holds(
    policy: hotset.Policy, clock: ManualClock, kind: Callable[[int], Any]
) -> None:
    left: list[bool] = []
    check = lambda key, value, cause: os.sched_yield() or left.append(value == value_of(key))  # noqa: E731
    cache: Cache[Any, Any] = Cache(maxsize=8, policy=policy, clock=clock, on_remove=check)
    keys = [kind(number) for number in range(20)]
    assert at_once(*[lambda: hammer(cache, keys, clock)] * THREADS) == [0] * THREADS
    assert all(value == value_of(key) for key, value in cache.items()) and len(cache) <= 8
    assert all(left)
    assert sum(getattr(cache.stats(), cause) for cause in CAUSES) == len(left)
    cache.resize(maxsize=8)
    cache.clear()
    cache.set_many((key, value_of(key)) for key in keys[:8])
    assert len(cache) == 8 and all(cache[key] == value_of(key) for key in keys[:8])


def test_no_increment_is_lost(policy: hotset.Policy) -> None:
    cache: Cache[Any, int] = Cache(policy=policy)
    counters = ["text", 7, (1, 2), Key(1), Key(6)]

    def count() -> None:
        for step in range(5000):
            cache.incr(counters[step % 5], 3)
            cache.decr(counters[(step + 1) % 5])

    at_once(*[count] * THREADS)
    assert [cache[counter] for counter in counters] == [THREADS * 1000 * 2] * 5


def test_one_thread_of_many_adds_a_key_and_one_takes_it_out(policy: hotset.Policy) -> None:
    cache: Cache[int, int] = Cache(policy=policy)

    def add(me: int) -> Callable[[], Counter[int]]:
        return lambda: Counter(number for number in range(1000) if cache.add(number, me))

    def take() -> Counter[int]:
        taken = Counter(number for number in range(0, 1000, 2) if cache.pop(number, None) is not None)
        while cache:
            try:
                taken[cache.popitem()[0]] += 1
            except KeyError:
                break
        return taken

    added = at_once(*[add(me) for me in range(THREADS)])
    assert sum(added, Counter()) == Counter(range(1000))
    assert all(cache[number] == me for me in range(THREADS) for number in added[me])
    assert sum(at_once(*[take] * THREADS), Counter()) == Counter(range(1000)) and cache == {}


def test_every_entry_that_left_is_reported_once(policy: hotset.Policy) -> None:
    left: list[int] = []
    cache: Cache[int, int] = Cache(maxsize=10, policy=policy, on_remove=lambda key, value, cause: left.append(value))

    def store(me: int) -> Callable[[], None]:
        return lambda: [cache.set(value % 17, value) for value in range(me, 8000, THREADS)] and None

    at_once(*[store(me) for me in range(THREADS)])
    cache.clear()
    assert sorted(left) == list(range(8000))


def test_a_walk_meets_what_is_there_all_the_time_exactly_once(policy: hotset.Policy) -> None:
    cache: Cache[Any, int] = Cache(maxsize=None, policy=policy)
    stay = {f"stays {number}": number for number in range(300)}
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            cache.set(random.randrange(2000), 1000)
            cache.delete(random.randrange(2000))
            cache.set("stays 7", 7)

    def walk() -> list[Counter[Any]]:
        walks = [Counter(key for key in cache if isinstance(key, str)) for _ in range(30)]
        walks += [Counter(key for key, value in cache.items() if stay.get(key) == value) for _ in range(30)]
        walks += [Counter(f"stays {value}" for value in cache.values() if value < 300) for _ in range(30)]
        stop.set()
        return walks

    for position, (key, value) in enumerate(stay.items()):
        cache.update({key: value, position: 1000})
    walks = at_once(walk, churn, churn, churn)[0]
    assert all(walk == Counter(stay.keys()) for walk in walks) and len(walks) == 90


def test_an_iterator_may_be_shared_by_threads() -> None:
    cache: Cache[int, int] = Cache(maxsize=None)
    cache.set_many((number, number) for number in range(20_000))
    walk = iter(cache)
    assert set().union(*at_once(*[lambda: set(walk)] * THREADS)) == set(range(20_000))


def test_caches_come_and_go_while_they_are_listed() -> None:
    def come_and_go() -> None:
        for _ in range(300):
            Cache("passing").close()

    def look() -> list[int]:
        return [sum(cache.name == "stays" for cache in hotset.caches()) for _ in range(300)]

    stay = [Cache[str, int]("stays") for _ in range(300)]
    assert set(at_once(look, come_and_go, come_and_go, come_and_go)[0]) == {len(stay)}


# What runs inside an operation


class Meddler:
    """A key or value that uses the cache it is in whenever Python asks it something."""

    def __init__(self, cache: Cache[Any, Any]) -> None:
        self.cache = cache

    def meddle(self, who: str) -> None:
        self.cache["met"] = who
        self.cache.get("met"), self.cache.delete("unmet"), len(self.cache), list(self.cache.values())

    def __hash__(self) -> int:
        self.meddle("hash")
        return 7

    def __eq__(self, other: object) -> bool:
        self.meddle("eq")
        return self is other

    def __del__(self) -> None:
        self.meddle("del")


def test_keys_and_values_may_use_the_cache_they_are_in(policy: hotset.Policy) -> None:
    cache: Cache[Any, Any] = Cache(maxsize=4, policy=policy)
    first, second = Meddler(cache), Meddler(cache)
    cache[first] = "first"
    assert second not in cache and cache["met"] == "eq"
    cache[second] = "second"
    assert (cache.get(first), cache.get(second)) == ("first", "second")
    cache.clear()
    cache["value"] = Meddler(cache)
    cache["value"] = None
    assert cache == {"value": None, "met": "del"}
    cache["value"] = Meddler(cache)
    cache.set_many((number, number) for number in range(20))
    assert len(cache) <= 4 and cache[19] == 19
