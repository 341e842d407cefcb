"""A forked child uses what it inherited, and its parent notices nothing."""

import sys

import pytest
from child import run

CACHES = """
import os, sys, threading, time, multiprocessing, asyncio
import hotset
from hotset import Cache, MISSING

cache = Cache("shared", maxsize=1000, ttl=3600, policy="lru")
loads = []

@hotset.cache_result
def function(number, text="t"):
    loads.append(number)
    return [number, text]

@cache.cache_result
async def coroutine(number):
    return number * 2

class Thing: pass

@hotset.cache_result
def of_thing(thing): return id(thing)

things = [Thing() for _ in range(10)]
for number in range(100):
    cache[number] = str(number)
    function(number)
for thing in things: of_thing(thing)

def use_everything():
    before = len(loads)
    assert all(cache[number] == str(number) for number in range(100))
    assert all(function(number) == [number, "t"] for number in range(100)) and len(loads) == before
    assert function(1000) == [1000, "t"] and function.invalidate(1000)
    assert asyncio.run(twice()) == 10
    assert all(of_thing(thing) == id(thing) for thing in things)
    cache["child"] = 1
    assert cache.pop("child") == 1
    cache.resize(maxsize=500); cache.sweep(); list(cache.items()); cache.stats()
    for number in range(2000): cache.set(("new", number), number)
    assert len(cache) == 500
    cache.clear(); function.cache_clear()
    things.clear()
    assert len(cache) == 0 and function(1) == [1, "t"] and len(loads) == before + 2

async def twice():
    return await coroutine(5)

def forked(action):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            action()
            code = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid

def succeeded(pid):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done: return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.002)
    os.kill(pid, 6)  # faulthandler shows where
    os.waitpid(pid, 0)
    raise AssertionError("a forked child hung")
"""


def test_a_forked_child_uses_what_it_inherited_and_the_parent_notices_nothing() -> None:
    run(
        CACHES
        + """
stats = cache.stats()
iterator = iter(cache)
next(iterator)
for _ in range(5):
    assert succeeded(forked(lambda: (sum(1 for _ in iterator), use_everything())))
assert len(cache) == 100 and cache.stats() == stats and len(loads) == 100 and len(things) == 10
use_everything()
print("done")
"""
    )


@pytest.mark.parametrize("place", ["__eq__", "__hash__", "__del__", "listener", "weigher", "loader", "coroutine"])
def test_a_fork_in_the_middle_of_an_operation(place: str) -> None:
    run(
        CACHES
        + """
place, pids, parent = sys.argv[1], [], os.getpid()

def fork_here(at, *result):
    if at == place and not pids and os.getpid() == parent:
        pid = os.fork()
        pids.append(pid)
        if pid == 0 and at == "coroutine" and sys.version_info >= (3, 14):
            # From 3.14 on the child has no event loop that runs, and cannot go on with its tasks.
            code = 1
            try:
                use_everything()
                code = 0
            finally:
                os._exit(code)
    return result and result[0]

class Key:
    def __init__(self, name): self.name = name
    def __hash__(self): fork_here("__hash__"); return 1
    def __eq__(self, other): fork_here("__eq__"); return self.name == other.name
    def __del__(self): fork_here("__del__")

local = Cache("local", maxweight=50, weigher=lambda *_: fork_here("weigher", 1) or 1, on_remove=lambda *_: fork_here("listener"))
compute = local.cache_result(lambda key: fork_here("loader", key.name) or key.name)

@local.cache_result
async def awaited(key):
    return fork_here("coroutine", key.name) or key.name

code = 1
try:
    for name in "abab":
        local[Key(name)] = name
        assert local[Key(name)] == name and compute(Key(name)) == name
        assert asyncio.run(awaited(Key(name))) == name
    assert local.delete(Key("a")) and compute.invalidate(Key("b")) and len(pids) == 1
    assert len(local) == 4, list(local)
    use_everything()
    code = 0
finally:
    if os.getpid() != parent:
        os._exit(code)
assert succeeded(pids[0])
print("done")
""",
        place,
    )


@pytest.mark.filterwarnings("ignore")
def test_forks_while_other_threads_hammer_the_cache() -> None:
    run(
        CACHES
        + """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
sys.setswitchinterval(1e-5)
stop = threading.Event()

class Key:
    def __init__(self, number): self.number = number
    def __hash__(self): return self.number // 3
    def __eq__(self, other): return self.number == other.number

def hammer(salt):
    number = salt
    while not stop.is_set():
        number += 7
        hammered[Key(number % 50)] = number % 50
        assert keyed(Key(number % 40)) == number % 40
        found = hammered.get(Key(number % 50))
        assert found is None or found == number % 50
        if number % 11 == 0: hammered.clear()
        if number % 5 == 0: keyed.invalidate(Key(number % 40))

def check_child():
    for number in range(100):
        hammered[Key(number)] = number
        assert hammered[Key(number)] == number and keyed(Key(number)) == number
    hammered.clear(); keyed.cache_clear(); hammered.sweep()
    assert len(hammered) == 0

hammered = Cache("hammered", ttl=60)
keyed = hotset.cache_result(lambda key: key.number)
threads = [threading.Thread(target=hammer, args=(salt,)) for salt in range(4)]
for thread in threads: thread.start()
try:
    for _ in range(20 * (20 if os.environ["HOTSET_SOAK"] == "1" else 1)):
        assert succeeded(forked(check_child))
finally:
    stop.set()
for thread in threads: thread.join()
check_child()
print("done")
"""
    )


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_workers_of_multiprocessing(method: str, tmp_path: object) -> None:
    script = """
import multiprocessing, sys
import hotset

@hotset.cache_result
def square(number): return number * number

cache = hotset.Cache("of the module")
cache["k"] = "v"

def work(number):
    assert square(number) == square(number) == number * number and cache["k"] == "v"
    cache[number] = number
    return square(number), cache.pop(number)

if __name__ == "__main__":
    square(3)
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        assert pool.map(work, range(20)) == [(number * number, number) for number in range(20)]
    assert len(cache) == 1 and len(square.cache) == 1
"""
    path = f"{tmp_path}/workers.py"
    with open(path, "w", encoding="utf-8") as file:
        file.write(script)
    run(
        "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]], check=True); print('done')",
        path,
        method,
    )
