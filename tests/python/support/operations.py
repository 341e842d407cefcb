"""For scripts of children: one small operation of every kind, with the objects whose counts it touches."""

from collections.abc import Callable
from typing import Any

from faces import finish
from hotset import MISSING, Cache, cache_result
from hotset.testing import ManualClock


class Equal:
    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal) and self.name == other.name

    def __hash__(self) -> int:
        return 7


class Raising:
    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError

    def __hash__(self) -> int:
        raise ZeroDivisionError


class Thing:
    pass


Operation = tuple[Callable[[], object], list[Any]]


def raising(action: Callable[[], object], *errors: type[BaseException]) -> Callable[[], object]:
    def attempt() -> None:
        try:
            action()
        except errors:
            return
        raise AssertionError("nothing was raised")

    return attempt


def of_mapping() -> dict[str, Operation]:
    clock = ManualClock()
    cache: Cache[Any, Any] = Cache(maxsize=50, policy="lru", clock=clock, on_remove=lambda *_: None)
    weighed: Cache[Any, Any] = Cache(maxweight=50, weigher=lambda _key, _value: 1)
    text, number, tuple_, equal, value = "".join(["a", "key"]), 10**6, (1, "two"), Equal("k"), Thing()
    keys = [text, number, tuple_, equal]
    for key in keys:
        cache[key] = weighed[key] = value
    twin, counter = Equal("k"), iter(range(10**12))
    involved = [text, number, tuple_, equal, twin, value]
    aio = cache.aio
    one: dict[str, Callable[[], object]] = {
        "get": lambda: [cache.get(key) for key in keys],
        "get by equality": lambda: cache[twin],
        "get a missing one": lambda: cache.get("none", value),
        "missing": raising(lambda: cache["none"], KeyError),
        "missing tuple": raising(lambda: cache.pop((1, 2, 3)), KeyError),
        "contains": lambda: (twin in cache, "none" in cache),
        "overwrite": lambda: [cache.__setitem__(key, value) for key in keys],
        "overwrite by equality": lambda: cache.set(twin, value, ttl=5, tags=["a"]),
        "add, replace, touch": lambda: (cache.add(twin, value), cache.replace(twin, value), cache.touch(twin, ttl=9)),
        "insert and delete": lambda: (
            cache.set((next(counter), value), value),
            cache.popitem(),
            cache.setdefault(twin, value),
        ),
        "insert and evict": lambda: (cache.set(next(counter), value), [cache.set(key, value) for key in keys]),
        "expire": lambda: (cache.set("x", value, ttl=1), clock.advance(2), cache.get("x"), cache.sweep()),
        "idle": lambda: (cache.set("x", value, idle=1), cache.get("x"), clock.advance(2), len(cache)),
        "pop": lambda: (cache.set(twin, value), cache.pop(equal), cache.set(equal, value)),
        "many": lambda: (cache.set_many({text: value, number: value}), cache.get_many(keys), cache.touch_many(keys)),
        "load": lambda: (
            cache.delete(text),
            cache.get_or_load(text, lambda _: value),
            cache.load_many(keys, dict.fromkeys),
        ),
        "exchange": lambda: (cache.incr("n"), cache.decr("n")),
        "weighed": lambda: (weighed.set(twin, value), weighed.delete(twin), weighed.set(equal, value)),
        "unhashable": raising(lambda: cache.get([]), TypeError),
        "raising": raising(lambda: cache.set(Raising(), value), ZeroDivisionError),
        "walks": lambda: (
            list(cache),
            list(cache.items()),
            list(cache.values()),
            len(cache),
            cache == cache,
            repr(cache),
        ),
        "unfinished walk": lambda: next(iter(cache)),
        "clear": lambda: (cache.clear(), [cache.set(key, value) for key in keys]),
        "new caches": lambda: Cache(maxsize=3).set(equal, value),
        "stats": lambda: (cache.stats(), cache.resize(maxsize=50), cache.copy()),
        "aio": lambda: (finish(aio.get(twin)), finish(aio.set(text, value)), aio.get(text)),
    }
    return {name: (action, involved) for name, action in one.items()}


def of_functions() -> dict[str, Operation]:
    result, thing, equal, twin = Thing(), Thing(), Equal("k"), Equal("k")
    text, pair = "".join(["an", "argument"]), (1, Thing())

    def plain(one: object = result, *args: object, two: object = None, **kwargs: object) -> object:
        if one == "raise":
            raise ZeroDivisionError
        return result

    # Which entries stay in a cache that is not full is its policy's business, and each refers to the result.
    single, several = cache_result(maxsize=20)(lambda one: result), cache_result(plain)
    optional = cache_result(lambda one=result, two=thing: result)
    loose, keyed = cache_result(plain, typed=False), cache_result(key=lambda *args, **kwargs: args)(plain)
    checked = cache_result(should_cache=lambda *_: False, ttl=lambda _: 5, tags=["t"])(plain)

    class Owner:
        @cache_result
        def method(self, number: int) -> object:
            return result

    owner = Owner()
    for argument in (text, equal, pair, thing):
        single(argument), several(argument, two=1), loose(argument)
    owner.method(1)
    key = single.cache_key(equal)
    frozen = [1, {"k": [thing, equal]}]
    counter = iter(range(10**12))
    involved = [result, thing, equal, twin, text, pair, pair[1], single, several, optional, owner, Owner, plain, key, frozen,
                single.cache, several.cache, Owner.method, Owner.method.cache]  # fmt: skip
    one: dict[str, Callable[[], object]] = {
        "hits": lambda: (single(text), single(equal), single(twin), single(thing), single(pair)),
        "hits by keyword": lambda: (several(text, two=1), several(one=text, two=1), single(one=text), optional(two=thing)),
        "hits of containers": lambda: (single(frozen), several(frozen, frozen, k=frozen)),
        "defaults": lambda: (several(), optional(), optional(result), optional(result, thing)),
        "variadic": lambda: several(1, 2, 3, a=text, b=equal),
        "misses": lambda: (single(next(counter)), single.invalidate(next(counter)), single.cache.popitem(), single(text)),
        "misses by identity": lambda: (single(Thing()), several(Thing(), two=[Thing()])),
        "misses and evictions": lambda: (single(float(next(counter))), single.cache.popitem(), single(equal)),
        "uncached results": lambda: (checked(text), checked(twin, two=frozen)),
        "errors": raising(lambda: several("raise"), ZeroDivisionError),
        "misfits": raising(lambda: single(), TypeError),
        "bad arguments": raising(lambda: single(Raising()), ZeroDivisionError),
        "invalidate and load": lambda: (single.invalidate(twin), single(equal), single.refresh(twin), single.peek(equal)),
        "set and expire": lambda: (single.set(result, twin), single.expire(equal), single.peek(thing)),
        "loose": lambda: (loose(text), loose(twin), loose(thing), loose(1.0), loose(True)),
        "own keys": lambda: (keyed(text), keyed(twin), keyed(text, two=thing)),
        "methods": lambda: (owner.method(1), owner.method(number=1), Owner.method(owner, 1), owner.method.peek(1)),
        "bound methods": lambda: (owner.method, owner.method.invalidate(1), owner.method(1), hash(owner.method), repr(owner.method)),
        "methods of new objects": lambda: (Owner().method(1), Owner().method.set(1, 2)),
        "keys": lambda: (single.cache_key(twin) == key, hash(key), repr(key), single.cache.get(key), single.cache_key(thing).arguments),
        "keys in the cache": lambda: (single.cache.delete(key), single.cache.set(key, result), list(single.cache), single(equal)),
        "infos": lambda: (single.cache_info(), single.uncached, single.cache, single.__wrapped__, repr(single), single.__code__),
        "new functions": lambda: cache_result(lambda one: one)(equal),
    }  # fmt: skip
    return {name: (action, involved) for name, action in one.items()}


def of_coroutines() -> dict[str, Operation]:
    result, equal, twin, thing = Thing(), Equal("k"), Equal("k"), Thing()

    @cache_result
    async def coroutine(one: object, two: object = None) -> object:
        if one == "raise":
            raise ZeroDivisionError
        return result if one != "tuple" else (1, result)

    class Owner:
        @cache_result
        async def method(self, one: object) -> object:
            return result

    owner = Owner()
    for argument in (equal, thing, "tuple", 1):
        finish(coroutine(argument, two=thing))
    finish(owner.method(1))
    pendings = iter(range(10**12))
    involved = [result, equal, twin, thing, coroutine, owner, Owner, coroutine.cache, coroutine.uncached]

    def closed() -> None:
        ready, pending = coroutine(equal, thing), coroutine(("new", next(pendings)))
        ready.close(), pending.close()

    def thrown(awaitable: Any) -> Callable[[], object]:
        return raising(lambda: awaitable().throw(ZeroDivisionError), ZeroDivisionError)

    def awaited() -> object:
        async def main() -> object:
            return await coroutine(twin, thing), await coroutine(thing, two=thing), await owner.method(1)

        return finish(main())

    def invalidated() -> object:
        return finish(coroutine.invalidate(twin, two=thing)), finish(coroutine(equal, two=thing))

    one: dict[str, Callable[[], object]] = {
        "hits": lambda: (finish(coroutine(twin, two=thing)), finish(coroutine("tuple", two=thing)), finish(coroutine(1, thing))),
        "awaits": awaited,
        "loads": invalidated,
        "methods": lambda: (finish(owner.method(1)), finish(owner.method.invalidate(1)), finish(owner.method(1)), finish(Owner().method(thing))),
        "verbs": lambda: (finish(coroutine.set(result, equal)), finish(coroutine.peek(twin)), finish(coroutine.refresh(twin))),
        "errors": raising(lambda: finish(coroutine("raise")), ZeroDivisionError),
        "never awaited": lambda: (coroutine(equal, thing), coroutine(("new", next(pendings)), two=twin), coroutine.refresh(equal)),
        "closed": closed,
        "thrown into a hit": thrown(lambda: coroutine(twin, thing)),
        "thrown into a load": thrown(lambda: coroutine(["new"], thing)),
        "peek a missing one": lambda: finish(coroutine.peek("none")) is MISSING,
    }  # fmt: skip
    return {name: (action, involved) for name, action in one.items()}


KINDS = {"mapping": of_mapping, "functions": of_functions, "coroutines": of_coroutines}
