"""The collector sees through caches: cycles through them are freed, and what is alive is left alone."""

import pytest
from collecting import PRELUDE
from warm import run

CYCLES = {
    "a cache that holds itself": """
def build():
    cache = Cache()
    cache["me"] = cache
    return [weakref.ref(cache)]
""",
    "a cache under its own key": """
def build():
    cache = Cache(); key = Equal(); key.cache = cache
    cache[key] = 1
    return [weakref.ref(cache), weakref.ref(key)]
""",
    "a value that holds the cache": """
def build():
    cache, value = Cache(), Thing()
    value.cache = cache
    cache["value"] = value
    return [weakref.ref(cache), weakref.ref(value)]
""",
    "a function whose value holds it": """
def build():
    value = Thing()
    value.function = cache_result(lambda number: value)
    value.function(1)
    return [weakref.ref(value), weakref.ref(value.function), weakref.ref(value.function.cache)]
""",
    "a function with itself as an attribute": """
def build():
    function = cache_result(lambda number: number)
    function.me = function
    function(1)
    return [weakref.ref(function), weakref.ref(function.cache)]
""",
    "a function with itself in a default": """
def build():
    held = []
    function = cache_result(lambda number, held=held: number)
    held.append(function)
    return [weakref.ref(function)]
""",
    "options that refer to the function": """
def build():
    holder = Thing()
    peek = lambda *_: holder and True
    holder.function = cache_result(key=lambda *_: bool(holder), should_cache=peek, ttl=lambda _: holder and 60,
                                   tags=lambda *_: [str(bool(holder))])(lambda number: number)
    holder.function(1)
    return [weakref.ref(holder), weakref.ref(holder.function)]
""",
    "a method cached in its cache": """
def build():
    class Owner(Thing):
        @cache_result
        def method(self): return self.method
    owner = Owner()
    owner.method()
    return [weakref.ref(owner), weakref.ref(Owner), weakref.ref(Owner.method)]
""",
    "a method that an instance holds": """
def build():
    class Owner(Thing):
        @cache_result
        def method(self): return 1
    owner = Owner()
    owner.bound = owner.method
    owner.bound()
    return [weakref.ref(owner), weakref.ref(owner.bound)]
""",
    "a result that is its instance": """
def build():
    class Owner(Thing):
        @cache_result
        def method(self): return self
    owner = Owner()
    owner.method()
    return [weakref.ref(owner), weakref.ref(Owner)]
""",
    "a listener that holds the cache": """
def build():
    holder = Thing()
    holder.cache = Cache(on_remove=lambda *_: holder, maxweight=5, weigher=lambda *_: holder and 1)
    holder.cache["k"] = 1
    return [weakref.ref(holder), weakref.ref(holder.cache)]
""",
    "a cache with attributes": """
def build():
    class Own(Cache):
        pass
    cache = Own()
    cache.me = cache
    cache["k"] = Own
    return [weakref.ref(cache), weakref.ref(Own)]
""",
    "an iterator in its cache": """
def build():
    cache, value = Cache(), Thing()
    cache["value"], cache["iterator"], cache["items"] = value, iter(cache), iter(cache.items())
    return [weakref.ref(value)]
""",
    "a key of a call in its own argument": """
def build():
    function, key = cache_result(lambda argument: 1), Equal()
    key.key = function.cache_key(key)
    return [weakref.ref(key)]
""",
    "a call that was never begun": """
def build():
    @cache_result
    async def function(argument): await waits()
    holder = Thing()
    holder.pending = function(holder)
    return [weakref.ref(holder), weakref.ref(holder.pending)]
""",
    "a call that waits": """
def build():
    @cache_result
    async def function(argument, other): await waits()
    holder, equal = Thing(), Equal()
    holder.pending = function(holder, other=equal)
    equal.holder = holder
    assert holder.pending.send(None) == "waiting"
    return [weakref.ref(holder), weakref.ref(holder.pending), weakref.ref(equal)]
""",
    "a call that waits with a key of its own": """
def build():
    holder = Thing()
    @cache_result(key=lambda argument: holder.equal)
    async def function(argument): await waits()
    holder.equal = Equal()
    holder.equal.holder = holder
    holder.pending = function(1)
    assert holder.pending.send(None) == "waiting"
    return [weakref.ref(holder), weakref.ref(holder.pending), weakref.ref(holder.equal)]
""",
    "the end of an awaitable, caught": """
def build():
    @cache_result
    async def function(number): return number
    try: function(1).send(None)
    except StopIteration: pass
    holder = Thing()
    def catch(holder):
        try: function(1).send(None)
        except StopIteration as stop: holder.stop = stop
    catch(holder)
    return [weakref.ref(holder)]
""",
    "containers as arguments": """
def build():
    function, holder = cache_result(lambda argument: holder), Thing()
    equal = Equal()
    equal.function = function
    function({"k": [equal, (equal,)]})
    holder.function = function
    return [weakref.ref(holder), weakref.ref(equal), weakref.ref(function)]
""",
}


@pytest.mark.parametrize("cycle", CYCLES)
def test_a_cycle_is_freed(cycle: str) -> None:
    run(f"{PRELUDE}\n{CYCLES[cycle]}\ncheck_freed(build)\nprint('done')")


@pytest.mark.parametrize("cycle", CYCLES)
def test_many_cycles_are_freed_while_every_allocation_collects(cycle: str) -> None:
    script = "gc.set_threshold(1)\nfor _ in range(100): references = build()\ngc.collect()\n"
    run(
        f"{PRELUDE}\n{CYCLES[cycle]}\n{script}assert not any(of() for of in references)\nprint('done')",
        debug_malloc=True,
    )


FAILING = {
    "a function": "f = hotset.cache_result(fail)",
    "in the pool": "f = hotset.cache_result(timeout=60)(fail)",
    "get_or_load": "f = lambda n: hotset_cache.get_or_load(n, fail)",
    "load_many": "f = lambda n: hotset_cache.load_many([n, n + 0.5], fail)",
    "a coroutine": "f = hotset.cache_result(fail_later)",
    "aio.get_or_load": "f = lambda n: hotset_cache.aio.get_or_load(n, fail_later)",
    "aio.load_many": "f = lambda n: hotset_cache.aio.load_many([n, n + 0.5], fail_later)",
}


@pytest.mark.parametrize("kind", FAILING)
@pytest.mark.parametrize("error", ["KeyError(n)", "NoCopy(1, 2)"])
def test_loads_that_fail_leave_nothing_for_the_collector(kind: str, error: str) -> None:
    """Frames, and what is in them, are freed when the error is: neither is kept by the other."""
    run(
        f"""
        import asyncio, gc, inspect
        import hotset

        class NoCopy(Exception):
            def __init__(self, one, two): super().__init__("cannot be made again")

        hotset_cache = hotset.Cache()
        def fail(n): raise {error}
        async def fail_later(n):
            await asyncio.sleep(0)
            raise {error}
        exec({FAILING[kind]!r})

        async def call(count):
            for n in range(count):
                try:
                    result = f(n)
                    if inspect.isawaitable(result): await result
                except Exception: pass

        def left(count):
            gc.collect()
            gc.disable()
            before = len(gc.get_objects())
            asyncio.run(call(count))
            after = len(gc.get_objects())
            gc.enable()
            return after - before

        left(10)
        few, many = left(10), left(1_000)
        assert many <= few + 5, (few, many)
        print("done")
        """,
        silent=False,
    )


def test_a_lookup_that_its_own_value_holds_is_collected() -> None:
    run(
        PRELUDE
        + """
def make():
    @cache_result
    async def load(): return value
    value = Thing()
    try: load().send(None)
    except StopIteration: pass
    value.lookups = [load() for _ in range(40)]
    return weakref.ref(value)

def use():
    # Those that are over are used again, also while a collection goes on.
    @cache_result
    async def number(number): return number
    for round in range(3):
        for argument in range(100):
            try: number(argument).send(None)
            except StopIteration as stop: assert stop.value == argument

class Uses:
    def __del__(self): use()

use()
for _ in range(200):
    dead = make()
    cycle = [Uses(), make()]
    cycle.append(cycle)
    del cycle
    use()
    gc.collect()
    assert dead() is None
use()
print("done")
"""
    )
