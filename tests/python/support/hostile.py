"""For scripts of children: objects whose every hook does something unpleasant, once, when it is told to."""

import gc
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from faces import FACES, Face, finish, use_every_verb
from hotset import MISSING, Cache
from hotset.testing import ManualClock


class Boom(Exception):
    """What a hook raises."""


class Trap:
    """Does its action the next time that it is sprung after it was armed."""

    def __init__(self) -> None:
        self.action: Callable[[Any], None] | None = None
        self.source = ""
        self.sprung = 0

    def arm(self, source: str, action: Callable[[Any], None]) -> None:
        self.source, self.action, self.sprung = source, action, 0

    def spring(self, source: str, about: Any = None) -> None:
        action = self.action
        if action is not None and source == self.source:
            self.action = None
            self.sprung += 1
            action(about)


trap = Trap()


class Key:
    """Equal by name; all of one hash, so that looking for one compares it with others."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.number = _number()
        _identities.add(self)

    def __hash__(self) -> int:
        trap.spring("hash", self)
        return 42

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Key):
            return NotImplemented
        trap.spring("eq", self)
        return self.name == other.name

    def __del__(self) -> None:
        trap.spring("del key", self.name)


class Value:
    """A value that remembers whose it is."""

    def __init__(self, name: str) -> None:
        self.name = name
        _identities.add(self)

    def __sizeof__(self) -> int:
        trap.spring("sizeof", self.name)
        return super().__sizeof__()

    def __del__(self) -> None:
        trap.spring("del value", self.name)


class _Identities:
    """How many objects live, without asking them for a hash."""

    def __init__(self) -> None:
        self.references: dict[int, Any] = {}

    def add(self, item: Any) -> None:
        address = id(item)
        self.references[address] = weakref.ref(item, lambda _: self.gone(address))

    def gone(self, address: int) -> None:
        self.references.pop(address, None)
        trap.spring("weakref")


_identities = _Identities()
_numbers = iter(range(10**9))


def _number() -> int:
    return next(_numbers)


def living() -> int:
    gc.collect()
    return len(_identities.references)


class World:
    """A cache with hooks everywhere, and what it is used through."""

    def __init__(self, kind: str, source: str) -> None:
        def hook(name: str, result: Any) -> Any:
            def hooked(*_: Any) -> Any:
                trap.spring(name)
                return result

            return hooked

        hooks: dict[str, Any] = {"should_cache": hook("should_cache", True), "ttl": hook("ttl", 3600)}
        hooks["tags"] = hook("tags", ["a tag"])
        hooks["key"] = lambda *args: (trap.spring("key"), args[-1])[1]
        options = {source: hooks[source]} if source in hooks else {}
        self.clock = ManualClock()
        settings: dict[str, Any] = {"maxsize": 20}
        if source == "weigher":
            settings = {"maxweight": 20, "weigher": hook("weigher", 1)}
        if source == "sizeof":
            settings = {"maxsize": 20, "max_bytes": "1MB"}
        self.seen: list[tuple[Any, Any, str]] = []
        listener = {"on_remove": self.removed} if source == "on_remove" else {}
        self.cache: Cache[Any, Any] = Cache("hostile", policy="lru", ttl=3600, clock=self.clock, **settings, **listener)
        self.face: Face = FACES[kind](self.cache, self.compute, **options)

    def compute(self, key: Key) -> Value:
        trap.spring("loader", key)
        return Value(key.name)

    def removed(self, key: object, value: object, cause: str) -> None:
        self.seen.append((type(key).__name__, type(value).__name__, cause))
        trap.spring("on_remove")

    def fill(self, *names: str) -> None:
        for name in names:
            self.face.set(Key(name), Value(name))

    def check(self) -> None:
        """What the cache says of itself agrees, and every value is that of its key."""
        items, stats = list(self.cache.items()), self.cache.stats()
        assert len(items) == len(list(self.cache)) == len(self.cache) == stats.entries, (items, stats)
        assert len(items) <= 20
        least, most = (1, 1) if stats.bytes is None else (100, 1_000)
        assert least * len(items) <= stats.weight <= most * len(items), (len(items), stats.weight)
        names = []
        for key, value in items:
            found = [part for part in getattr(key, "arguments", (key,)) if isinstance(part, Key)]
            if found:
                name = value.name if isinstance(value, Value) else value.removeprefix("value of ")
                assert name == found[0].name, (name, found[0].name)
                names.append(name)
        assert len(set(names)) == len(names), f"two entries of one key: {names}"
        del items

    def check_works(self) -> None:
        """All of it can be used as if nothing had been."""
        self.face.set(Key("later"), Value("later"))
        assert self.face.peek(Key("later")).name == self.face.load(Key("later")).name == "later"
        assert self.face.forget(Key("later")) is True and self.face.peek(Key("later")) is MISSING
        assert self.face.load(Key("later")).name == "later"


def actions(world: World) -> dict[str, Callable[[Any], None]]:
    """What a hook may do, by name."""

    def raises(_: object) -> None:
        raise Boom

    def in_another_thread(_: object) -> None:
        time.sleep(0)
        other = threading.Thread(target=use_every_verb, args=(world.face, Key("other")))
        other.start()
        other.join()

    def replace(about: object) -> None:
        world.face.set(
            about if isinstance(about, Key) else Key("a"), Value("a" if not isinstance(about, Key) else about.name)
        )

    return {
        "raises": raises,
        "uses every verb on another key": lambda _: use_every_verb(world.face, Key("other")),
        "uses every verb on the same key": lambda _: use_every_verb(world.face, Key("a")),
        "collects": lambda _: gc.collect() and None,
        "hands over to another thread": in_another_thread,
        "clears": lambda _: world.cache.clear(),
        "deletes the entry": lambda about: world.face.forget(about if isinstance(about, Key) else Key("a")) and None,
        "replaces the entry": replace,
    }


PROPAGATES = ("hash", "eq", "weigher", "loader", "key", "should_cache", "ttl", "tags")
"""Hooks whose errors are the caller's; those of the others go to `sys.unraisablehook`."""

SWALLOWED = ("sizeof",)
"""Hooks whose errors are nobody's."""

unraisable: list[Any] = []


def catch_unraisable() -> None:
    sys.unraisablehook = lambda info: unraisable.append(info.exc_type)


__all__ = [
    "PROPAGATES",
    "SWALLOWED",
    "Boom",
    "Key",
    "Value",
    "World",
    "actions",
    "catch_unraisable",
    "finish",
    "living",
    "trap",
    "unraisable",
]
