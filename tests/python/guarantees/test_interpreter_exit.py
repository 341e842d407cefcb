"""An interpreter that ends with caches in use ends quietly, whatever is still called while its modules are torn down."""

import pytest
from child import run
from last_words import LAST_WORDS

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
