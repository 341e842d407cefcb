"""Daemon threads that are in the middle of something when the interpreter ends take nobody along."""

import pytest
from child import run
from last_words import LAST_WORDS


def test_threads_that_use_caches_without_running_python_beneath_them_may_outlive_the_program() -> None:
    run(
        LAST_WORDS
        + """
import threading, time
cache = Cache("without a listener")

def hammer():
    for number in iter(int, 1):
        cache[number], _ = 1, cache.get("k"); plain(1); pair(1); cache.get_or_load("k", lambda key: key); owner.method(1)

for _ in range(4): threading.Thread(target=hammer, daemon=True).start()
time.sleep(0.05)
print("done", flush=True)
"""
    )


def test_daemon_threads_that_load_when_the_program_ends() -> None:
    for _ in range(3):
        run(
            LAST_WORDS
            + """
import threading, time
sys.setswitchinterval(1e-5)
sleepy = hotset.cache_result(lambda number: time.sleep(0))

def hammer():
    number = 0
    while True:
        number += 1
        sleepy(number)

for _ in range(6): threading.Thread(target=hammer, daemon=True).start()
time.sleep(0.05)
print("done", flush=True)
"""
        )


USES = {
    "loads": "one(number)",
    "joined loads": "cache.get_or_load(number, lambda key: time.sleep(0))",
    "loads of several keys": "cache.load_many(range(number, number + 3), lambda keys: {key: busy() for key in keys})",
    "hits of what decides in Python": "decided(number % 50)",
    "refreshes": "refreshed(number % 50)",
    "timeouts": "limited(number % 50)",
    "evictions that are listened to": "heard[number] = number",
    "values that end in Python": "cache[number % 50] = Ends()",
    "keys that compare in Python": "cache[Slow(number % 50)] = cache.get(Slow(number % 50))",
    "copies": "copied[number % 50] = [Ends()]; copied.get(number % 50)",
    "tasks": "asyncio.run(awaited(number % 50), debug=False)",  # in which slow steps are told of
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_daemon_threads_that_run_python_beneath_a_cache_when_the_program_ends(use: str) -> None:
    for _ in range(2):
        run(
            LAST_WORDS
            + """
import threading, time
sys.setswitchinterval(1e-5)

def busy(*args, **kwargs):
    for _ in range(20): pass
    return 1

class Ends:
    def __del__(self): busy()
    def __deepcopy__(self, memo): busy(); return Ends()

class Slow:
    def __init__(self, number): self.number = number
    def __hash__(self): busy(); return self.number % 5
    def __eq__(self, other): busy(); return isinstance(other, Slow) and self.number == other.number

cache = Cache("plain", maxsize=100)
heard = Cache("heard", maxsize=100, on_remove=busy)
copied = Cache("copied", maxsize=100, aliasing="copy")
one = hotset.cache_result(maxsize=100)(lambda number: time.sleep(0))
decided = hotset.cache_result(
    maxsize=20, key=lambda number: busy() and number, ttl=busy, should_cache=busy, tags=lambda number: [str(busy())]
)(lambda number: Ends())
refreshed = hotset.cache_result(maxsize=100, ttl=0.001, grace=60)(lambda number: busy())
limited = hotset.cache_result(maxsize=20, timeout=10)(lambda number: busy())

@hotset.cache_result(maxsize=20)
async def awaited(number):
    await asyncio.sleep(0)

def hammer(use):
    number = 0
    while True:
        number += 1
        exec(use)

"""
            + f"""
use = compile({use!r}, "use", "exec")
for _ in range(6): threading.Thread(target=hammer, args=(use,), daemon=True).start()
time.sleep(0.05)
print("done", flush=True)
"""
        )
