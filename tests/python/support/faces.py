"""For scripts of children: one way to load, set, peek and forget, whatever kind of cached thing is behind it."""

from typing import Any

import hotset
from hotset import MISSING, Cache


def finish(awaitable: Any) -> Any:
    """Drive an awaitable that never waits to its end, without a loop."""
    try:
        awaitable.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("an awaitable waited for something")


class Face:
    """What is common: `load` is called for values, `options` are those of the decorator."""

    def __init__(self, cache: Cache[Any, Any], load: Any, **options: Any) -> None:
        self.cache = cache
        self.loader = load
        self.decorate(load, options)

    def decorate(self, load: Any, options: dict[str, Any]) -> None:
        raise NotImplementedError

    def load(self, key: Any) -> Any:
        return self.function(*self.arguments(key))

    def set(self, key: Any, value: Any) -> None:
        self.function.set(value, *self.arguments(key))

    def peek(self, key: Any) -> Any:
        return self.function.peek(*self.arguments(key))

    def forget(self, key: Any) -> bool:
        return self.function.invalidate(*self.arguments(key))

    def refresh(self, key: Any) -> Any:
        return self.function.refresh(*self.arguments(key))

    def arguments(self, key: Any) -> tuple[Any, ...]:
        return (key,)


class Mapping(Face):
    """The cache itself."""

    def decorate(self, load: Any, options: dict[str, Any]) -> None:
        assert not options

    def load(self, key: Any) -> Any:
        return self.cache.get_or_load(key, self.loader)

    def set(self, key: Any, value: Any) -> None:
        self.cache[key] = value

    def peek(self, key: Any) -> Any:
        return self.cache.peek(key, MISSING)

    def forget(self, key: Any) -> bool:
        return self.cache.delete(key)

    def refresh(self, key: Any) -> Any:
        value = self.loader(key)
        self.cache.set(key, value)
        return value


class OneArgument(Face):
    def decorate(self, load: Any, options: dict[str, Any]) -> None:
        self.function = self.cache.cache_result(**options)(lambda key: load(key))


class TwoArguments(Face):
    def decorate(self, load: Any, options: dict[str, Any]) -> None:
        self.function = self.cache.cache_result(**options)(lambda number, key: load(key))

    def arguments(self, key: Any) -> tuple[Any, ...]:
        return (7, key)


class Method(Face):
    def decorate(self, load: Any, options: dict[str, Any]) -> None:
        class Owner:
            @self.cache.cache_result(**options)
            def method(self, key: Any) -> Any:
                return load(key)

        self.owner = Owner()

    @property
    def function(self) -> Any:
        return self.owner.method


class Awaited(Face):
    def decorate(self, load: Any, options: dict[str, Any]) -> None:
        @self.cache.cache_result(**options)
        async def function(key: Any) -> Any:
            return load(key)

        self.function = function

    def load(self, key: Any) -> Any:
        return finish(self.function(key))

    def set(self, key: Any, value: Any) -> None:
        finish(self.function.set(value, key))

    def peek(self, key: Any) -> Any:
        return finish(self.function.peek(key))

    def forget(self, key: Any) -> bool:
        return finish(self.function.invalidate(key))

    def refresh(self, key: Any) -> Any:
        return finish(self.function.refresh(key))


FACES = {"mapping": Mapping, "one": OneArgument, "two": TwoArguments, "method": Method, "async": Awaited}


def use_every_verb(face: Face, key: Any) -> None:
    """Everything that a cache can do, around `key`, of which a value may be left or not."""
    cache = face.cache
    before = cache.maxsize
    face.load(key), face.load(key), face.peek(key), face.set(key, f"value of {key.name}"), face.refresh(key)
    side = ("side", 1)
    cache[side] = "value of side"
    assert cache.get(side) == cache[side] == cache.peek(side) == "value of side" and side in cache
    assert cache.add(side, 0) is False and cache.replace(side, "value of side") and cache.touch(side)
    assert cache.setdefault(side, 0) == "value of side" and cache.get_many([side]) == {side: "value of side"}
    assert list(cache) and list(cache.items()) and list(cache.values()) and len(cache) and repr(cache)
    cache.resize(maxsize=before)
    cache.sweep(), cache.stats(), hotset.caches()
    cache.popitem()
    cache[side] = "value of side"
    assert cache.pop(side) == "value of side" and cache.expire(side) is False and cache.delete(side) is False
    cache.incr(side), cache.decr(side)
    del cache[side]
    face.forget(key)
    face.load(key)
