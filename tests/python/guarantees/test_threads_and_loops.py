"""Threads and event loops share caches whose keys run Python code: a value is always that of its key."""

from child import SOAK
from warm import run

PRELUDE = """
import asyncio, random, sys, threading, time
import hotset
from hotset import Cache, MISSING, cache_result

sys.setswitchinterval(1e-6)
SECONDS, THREADS = float(sys.argv[1]), 8
errors = []

class Key:
    '''Compares in Python, and lets others run while it does.'''
    def __init__(self, number): self.number = number
    def __hash__(self): return self.number % 7
    def __eq__(self, other):
        if self.number % 3 == 0: time.sleep(0)
        return isinstance(other, Key) and self.number == other.number

def in_threads(work):
    '''Run it in all threads until the time is over or one has failed.'''
    end = time.monotonic() + SECONDS
    def loop(salt):
        source = random.Random(salt)
        try:
            while time.monotonic() < end and not errors:
                for _ in range(20): work(source)
        except BaseException as error:
            errors.append(error)
            raise
    threads = [threading.Thread(target=loop, args=(salt,)) for salt in range(THREADS)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert not errors, errors

def check(cache):
    items = list(cache.items())
    assert len(items) == len(cache) == cache.stats().entries <= (cache.maxsize or len(items))
"""


def test_values_belong_to_their_keys_in_functions_of_many_threads() -> None:
    run(
        PRELUDE
        + """
shared = Cache("shared", maxsize=60, policy="lru", on_remove=lambda *_: None)
one = shared.cache_result(lambda key: ("one", key.number))
two = shared.cache_result(lambda number, key: ("two", number, key.number))
own = cache_result(maxsize=20)(lambda key: ("own", key.number))

class Owner:
    def __init__(self, number): self.number = number
    @shared.cache_result
    def method(self, key): return (self.number, key.number)

owners = [Owner(number) for number in range(5)]

def work(source):
    number, other = source.randrange(40), source.randrange(40)
    key = Key(number)
    assert one(key) == ("one", number) and two(other, key) == ("two", other, number) and own(key) == ("own", number)
    owner = source.choice(owners)
    assert owner.method(key) == (owner.number, number)
    chance = source.random()
    if chance < 0.2: one.invalidate(Key(other))
    elif chance < 0.3: two.set(("two", 1, other), 1, Key(other))
    elif chance < 0.32: shared.clear()
    elif chance < 0.34: own.cache_clear()
    elif chance < 0.36: shared.resize(maxsize=source.choice([30, 60]))
    elif chance < 0.4: assert Owner(number).method(key) == (number, number)
    found = one.peek(key)
    assert found is MISSING or found == ("one", number)

in_threads(work)
for cache in (shared, own.cache): check(cache)
print("done")
""",
        1.5 * SOAK,
    )


def test_values_belong_to_their_keys_in_a_mapping_of_many_threads() -> None:
    run(
        PRELUDE
        + """
cache = Cache(maxsize=50, ttl=60, maxweight=None)

def work(source):
    number = source.randrange(80)
    key, chance = Key(number), source.random()
    if chance < 0.3: cache[key] = number
    elif chance < 0.4: cache.pop(key, None)
    elif chance < 0.5: assert cache.get_or_load(key, lambda key: key.number) == number
    elif chance < 0.55: assert all(key.number == value for key, value in cache.items())
    elif chance < 0.57: cache.clear()
    elif chance < 0.6:
        try: key, value = cache.popitem()
        except KeyError: pass
        else: assert key.number == value
    elif chance < 0.65: cache.touch(key, ttl=5), cache.expire(key), cache.add(key, number), cache.replace(key, number)
    found = cache.get(key, MISSING)
    assert found is MISSING or found == key.number
    assert len(cache) <= 50

in_threads(work)
check(cache)
print("done")
""",
        1.5 * SOAK,
    )


def test_counters_and_defaults_are_atomic() -> None:
    run(
        PRELUDE
        + """
cache, total, lock = Cache(maxsize=None), [0], threading.Lock()

def count(source):
    cache.incr("n")
    cache.incr(("tuple", source.randrange(2)))
    with lock: total[0] += 1

in_threads(count)
assert cache["n"] == total[0] == cache[("tuple", 0)] + cache[("tuple", 1)]

winners, numbers = {}, iter(range(10**9))

def race(source):
    number = next(numbers) // THREADS
    mine = object()
    winner = cache.setdefault(("race", number), mine)
    first = winners.setdefault(number, winner)
    assert first is winner, "two callers of setdefault got two values"

in_threads(race)
print("done")
""",
        0.7 * SOAK,
    )


def test_caches_come_and_go_while_others_list_them() -> None:
    run(
        PRELUDE
        + """
def work(source):
    cache = Cache(maxsize=3)
    assert isinstance(hotset.caches(), list)
    if source.random() < 0.5: cache.close()

in_threads(work)
assert hotset.caches() == []
print("done")
""",
        0.7 * SOAK,
    )


def test_one_coroutine_function_is_shared_by_the_loops_of_many_threads() -> None:
    run(
        PRELUDE
        + """
cache = Cache("of loops", maxsize=40)
loads = []

@cache.cache_result
async def double(key):
    await asyncio.sleep(0)
    loads.append(key.number)
    return key.number * 2

@cache.cache_result
async def fails(number):
    await asyncio.sleep(0)
    raise KeyError(number)

async def use(number):
    assert await double(Key(number)) == number * 2
    assert await cache.aio.get(Key(number), number) == number
    if number % 5 == 0: await double.invalidate(Key(number))
    if number % 7 == 0: assert await double.refresh(Key(number)) == number * 2
    try: await fails(number)
    except KeyError as error: assert error.args == (number,)

async def cancelled(number):
    task = asyncio.ensure_future(double(Key(number + 1000)))
    await asyncio.sleep(0)
    task.cancel()
    try: await task
    except asyncio.CancelledError: pass

async def main(source):
    numbers = [source.randrange(60) for _ in range(20)]
    await asyncio.gather(*(use(number) for number in numbers), *(cancelled(number) for number in numbers[:3]))
    values = await asyncio.gather(*(double(Key(number)) for number in numbers))
    assert values == [number * 2 for number in numbers]

def loop(source):
    asyncio.run(main(source))

in_threads(loop)
check(cache)
assert fails.cache_info().currsize == 0 and loads
print("done")
""",
        2 * SOAK,
    )


def test_an_awaitable_is_awaited_once_whoever_tries() -> None:
    run(
        PRELUDE
        + """
import types

@types.coroutine
def waits():
    yield "waiting"

@cache_result
async def slow(number):
    await waits()
    return number

def attempt(pending, outcomes):
    try: outcomes.append(pending.send(None))
    except StopIteration as stop: outcomes.append(("value", stop.value))
    except RuntimeError: outcomes.append("refused")

def work(source):
    number = source.randrange(10**6)
    for awaitable in (slow(number), slow(number)):
        outcomes = []
        threads = [threading.Thread(target=attempt, args=(awaitable, outcomes)) for _ in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert outcomes.count(("value", number)) <= 1 and outcomes.count("waiting") <= 1, outcomes
        attempt(awaitable, outcomes)
    slow.cache.clear()

in_threads(work)

async def itself():
    return await pending
pending = cache_result(itself)()
try: pending.send(None)
except RuntimeError as error: assert "already executing" in str(error) or "await" in str(error), error
print("done")
""",
        0.5 * SOAK,
    )
