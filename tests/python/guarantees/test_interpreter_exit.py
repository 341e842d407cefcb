"""An interpreter that ends with caches in use ends quietly, whatever is still called while its modules are torn down."""

import pytest
from child import run

LAST_WORDS = """
import asyncio, gc, os, sys
import hotset
from hotset import Cache

write, is_finalizing = os.write, sys.is_finalizing  # modules lose their names before the last objects go
cache = Cache("last", maxsize=4, policy="lru", on_remove=lambda *_: None)
plain = hotset.cache_result(lambda number: number + 1)
pair = hotset.cache_result(lambda number, text="": (number, text))

@hotset.cache_result
async def coroutine(number):
    return number + 1

class Owner:
    @hotset.cache_result
    def method(self, number):
        return number + 1

class HasEq:
    def __eq__(self, other): return True
    def __hash__(self): return 1

from hotset.testing import ManualClock
clock = ManualClock()
import logging
logging.getLogger("hotset").addHandler(logging.NullHandler())
timed = hotset.cache_result(timeout=5)(lambda number: number + 1)
stale = hotset.cache_result(ttl=10, grace=1000, clock=clock)(lambda number: number + 1)
kept = hotset.cache_result(cache_errors=LookupError)(lambda number: {1: 2}[number])
copied = hotset.cache_result(aliasing="copy")(lambda number: [number])
frozen = hotset.cache_result(aliasing="freeze")(lambda number: [number])
checked = hotset.cache_result(aliasing="check")(lambda number: [number])
once = hotset.cache_result(lambda number: iter([number]))
negative = hotset.cache_result(negative_ttl=5, tags=["n:{number}"])(lambda number: None)
decided = hotset.cache_result(should_cache=lambda result, seconds: True, ttl=lambda result: 5)(lambda number: number)
many = hotset.cache_result_many(lambda numbers: {number: number + 1 for number in numbers})
bounded = Cache(max_bytes="10kB")
stale(1)
clock.advance(20)

owner, equal = Owner(), HasEq()
plain(1), pair(1), owner.method(1), pair(equal), cache.set("k", "v")

def finish(awaitable):
    try: awaitable.send(None)
    except StopIteration as stop: return stop.value

USES = {
    "a hit": lambda: plain(1) == 2,
    "a load": lambda: plain(10) == 11,
    "a load of two": lambda: pair(10, text="t") == (10, "t"),
    "a hit by equality": lambda: pair(HasEq())[0] is equal,
    "a method's load": lambda: owner.method(10) == 11,
    "an awaited load": lambda: finish(coroutine(10)) == 11,
    "a pending call": lambda: coroutine(11) is not None,
    "an invalidation": lambda: plain.invalidate(1) is True,
    "a value set": lambda: plain.set(5, 1) is None and plain.peek(1) == 5,
    "a refresh": lambda: plain.refresh(1) == 2,
    "a key": lambda: plain.cache_key(1) is not None,
    "a representation": lambda: "plain" in repr(plain) or repr(plain) and repr(owner.method) is not None,
    "a misfit": lambda: misfit(),
    "a reused awaitable": lambda: reused(),
    "an info": lambda: plain.cache_clear() is None,
    "an eviction": lambda: [cache.set(number, number) for number in range(20)] and len(cache) == 4,
    "a mapping": lambda: (cache.set("k", 1), cache["k"] == 1 and cache.pop("k") == 1 and "k" not in cache)[1],
    "a bound method": lambda: owner.method is not owner.method and owner.method == owner.method,
    "a walk": lambda: list(cache) == ["k"] and cache.clear() is None,
    "a load under a timeout": lambda: timed(10) == 11,
    "a stale value": lambda: stale(1) == 2,
    "a load beside errors that are kept": lambda: kept(1) == 2,
    "an error that is kept": lambda: raises(LookupError, lambda: kept(7)) and raises(LookupError, lambda: kept(7)),
    "copies": lambda: copied(1) == [1] and copied(1) is not copied(1),
    "frozen values": lambda: frozen(1) == [1],
    "watched values": lambda: checked(1) == [1],
    "a result that can be read once": lambda: list(once(1)) == [1] and list(once(1)) == [1],
    "what says that there is nothing": lambda: negative(1) is None and negative.invalidate(1),
    "decisions": lambda: decided(1) == 1 and decided.peek(1) == 1,
    "many keys": lambda: many([1, 2]) == {1: 2, 2: 3} and many([2]) == {2: 3},
    "counts": lambda: plain.cache_info().currsize == 1,
    "a young value": lambda: (cache.set("y", 1), cache.get("y", max_age=5) == 1)[1],
    "a call on other terms": lambda: plain.with_options(max_age=5)(1) == 2,
    "an entry": lambda: plain.get_entry(1).value == 2,
    "an explanation": lambda: "fresh" in str(plain.explain(1)),
    "get_or_load": lambda: cache.get_or_load("new", lambda key: key) == "new",
    "load_many": lambda: cache.load_many(["a", "b"], lambda keys: dict.fromkeys(keys, 1)) == {"a": 1, "b": 1},
    "bytes": lambda: (bounded.set("k", [1, "two"]), bounded["k"] == [1, "two"])[1],
    "statistics": lambda: plain.cache.stats().hits >= 0 and "hit" in repr(plain.cache.stats()),
    "tags": lambda: (cache.set("t", 1, tags=["t"]), cache.invalidate_tags("t"), "t" not in cache)[2],
    "a content as a key": lambda: pair([1, {"two": (3,)}])[0] == [1, {"two": (3,)}],
    "a method's representation": lambda: owner.method.uncached(1) == 2 and repr(owner.method),
}

def raises(error, call):
    try: call()
    except error: return True

def misfit():
    try: plain()
    except TypeError: return True

def reused():
    awaitable = coroutine(12)
    finish(awaitable)
    try: finish(awaitable)
    except RuntimeError: return True

def use(name):
    try:
        outcome = "ok" if USES[name]() else "wrong"
    except BaseException as error:
        outcome = repr(error)
    write(1, f"{name}: {outcome}{'' if is_finalizing() or moment == 'atexit' else ', too early'}\\n".encode())
"""

USES = [
    "a hit",
    "a load",
    "a load of two",
    "a hit by equality",
    "a method's load",
    "an awaited load",
    "a pending call",
    "an invalidation",
    "a value set",
    "a refresh",
    "a key",
    "a representation",
    "a misfit",
    "a reused awaitable",
    "an info",
    "an eviction",
    "a mapping",
    "a bound method",
    "a walk",
    "a load under a timeout",
    "a stale value",
    "a load beside errors that are kept",
    "an error that is kept",
    "copies",
    "frozen values",
    "watched values",
    "a result that can be read once",
    "what says that there is nothing",
    "decisions",
    "many keys",
    "counts",
    "a young value",
    "a call on other terms",
    "an entry",
    "an explanation",
    "get_or_load",
    "load_many",
    "bytes",
    "statistics",
    "tags",
    "a content as a key",
    "a method's representation",
]

LAST = """
class Last:
    def __del__(self):
        use(name)
"""

MOMENTS = {
    "the end of modules": f"{LAST}\nsys.last = Last()",
    "a cached value's end": f"{LAST}\nsys.keeper = Cache()\nsys.keeper['last'] = Last()",
    "a result's end": f"{LAST}\nsys.keeper = hotset.cache_result(lambda: Last())\nsys.keeper()",
    "a cycle's end": f"{LAST}\nlast = Last()\nlast.me = last\ndel last\ngc.disable()",
    "atexit": "import atexit\natexit.register(use, name)",
}

AT_THE_END = """
import sys
scene, name, moment = sys.argv[1:]
exec(scene, {"__name__": "scene", "name": name, "moment": moment})  # not in a module, whose names would be gone first
"""


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("moment", ["the end of modules", "atexit"])
def test_what_is_used_at_the_end_works(moment: str, use: str) -> None:
    run(AT_THE_END, LAST_WORDS + MOMENTS[moment], use, moment, last=f"{use}: ok")


@pytest.mark.parametrize("moment", ["a cached value's end", "a result's end", "a cycle's end"])
@pytest.mark.parametrize("use", ["a load", "an awaited load", "a mapping", "an eviction"])
def test_values_that_end_with_the_interpreter_may_use_caches(moment: str, use: str) -> None:
    run(AT_THE_END, LAST_WORDS + MOMENTS[moment], use, moment, last=f"{use}: ok")


COLD = """
import gc, os, sys
import hotset

def scene(name, write=os.write, cold=True):
    function = hotset.cache_result(lambda argument: len(argument), name="function")
    cache = hotset.Cache()
    cache["k"] = 1
    @hotset.cache_result
    async def coroutine(number): return number

    def missing():
        try: cache["none"]
        except KeyError: return True

    uses = {
        "a load": lambda: function([1]) == 1,
        "a coroutine": lambda: coroutine(1) is not None,
        "a missing key": missing,
        "a replaced value": lambda: cache.__setitem__("k", 2) is None,
        "a representation": lambda: repr(function) != "",
        "a method": lambda: function.__get__([1])() == 1,
    }

    class Last:
        def __del__(self):
            write(1, f"{name}: {uses[name]()}\\n".encode())
    return Last()

last = scene(sys.argv[1])
if sys.argv[2] == "collected":
    gc.disable()
    last.me = last
else:
    sys.last = last
del last
"""


@pytest.mark.parametrize("moment", ["collected", "cleared"])
@pytest.mark.parametrize(
    "use", ["a load", "a coroutine", "a missing key", "a replaced value", "a representation", "a method"]
)
def test_what_is_used_for_the_first_time_at_the_end_works(use: str, moment: str) -> None:
    run(COLD, use, moment, last=f"{use}: True")


def test_functions_and_caches_in_cycles_at_exit() -> None:
    run(
        LAST_WORDS
        + """
gc.disable()
function = hotset.cache_result(lambda number: function)
function(1); function.me = function; function.cache["function"] = function
method = owner.method
owner.self_method = method
owner.method(2)
shared = Cache("shared", on_remove=lambda *_: shared.get(1), maxweight=10, weigher=lambda *_: 1 if shared is not None else 1)
shared["shared"] = shared
iterator = iter(shared)
print("done")
"""
    )


def test_awaitables_that_nobody_awaits_at_exit() -> None:
    run(
        LAST_WORDS
        + """
import types

@types.coroutine
def waits():
    yield "waiting"

@hotset.cache_result
async def suspended(number):
    try:
        await waits()
    finally:
        sys.__dict__.setdefault("closed", True)

pending = coroutine(100)
finish(coroutine(1))
ready = coroutine(1)
running = suspended(1)
assert running.send(None) == "waiting"
sys.keep = [coroutine(1), coroutine(101), ready, pending]
os.write(1, b"done\\n")
""",
    )


@pytest.mark.parametrize(
    ("raises", "code", "error"),
    [("sys.exit(7)", 7, "SystemExit"), ("raise KeyboardInterrupt", 130, "KeyboardInterrupt")],
)
def test_a_loader_may_end_the_program(raises: str, code: int, error: str) -> None:
    run(
        LAST_WORDS
        + f"""
@hotset.cache_result
def loader(number):
    {raises}

@hotset.cache_result
async def async_loader(number):
    {raises}

for call in (lambda: loader(1), lambda: asyncio.run(main()), lambda: cache.get_or_load("x", lambda key: loader(2))):
    async def main(): await async_loader(1)
    try: call()
    except {error}: pass
    else: raise AssertionError
stats = loader.cache.stats()
assert (stats.load_errors, stats.loads, stats.entries, len(loader.cache)) == (2, 0, 0, 0), stats
signal = __import__("signal"); signal.signal(signal.SIGINT, lambda *_: os._exit(130))
print("done", flush=True)
try: loader(3)
except KeyboardInterrupt: os._exit(130)
""",
        code=code,
    )
