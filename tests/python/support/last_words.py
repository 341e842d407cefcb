"""For scripts of children: one of everything that is still used when the interpreter ends."""

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
    "many keys": lambda: many([1, 2]) == {1: 2, 2: 3} and many([2]) == {2: 3} and "CachedMany" in repr(many),
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
