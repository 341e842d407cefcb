"""The state that a timed statement meets: a cache that is filled, names for the statement, keys to ask for.

Keys that are asked for are equal to those in the cache and not identical with them, except where a literal is both.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import measure
from contenders import Contender, Role
from setups import Function

SIZE = 100_000
"""Entries in the caches of the rows over many keys, and the bound of all caches."""

HOT_KEYS = 1_000
"""Keys that a row over many keys asks for, in random order."""

ONE_KEY = 500
"""The key of a row on one key; outside the integers that CPython keeps ready."""

_KEY_BITS = 60
_ODD_MULTIPLIER = 0x9E3779B97F4A7C15
"""Knuth's multiplicative hashing: consecutive numbers become keys that are spread, and all different."""


@dataclass
class Case:
    """One contender's part in one row: what is timed, and what can be asked of it afterwards."""

    sampler: measure.Sampler
    operations: int = 1
    complaint: Callable[[], str] = lambda: ""
    close: Callable[[], None] = lambda: None


@dataclass
class Loads:
    """Counts the loads of a decorated function, to prove that the hits were hits."""

    count: int = 0
    before: int = 0

    def complaint(self) -> str:
        """Empty, or how many loads there were since the cache was filled."""
        extra = self.count - self.before
        return f"{extra:,} of its hits were misses" if extra else ""


def one_argument(loads: Loads) -> Function:
    """A loader of one argument."""

    def f(x: object) -> object:
        loads.count += 1
        return x

    return f


def three_arguments(loads: Loads) -> Function:
    """A loader of two positional arguments and a keyword."""

    def f(a: object, _b: object, c: object = None) -> object:
        loads.count += 1
        return a, c

    return f


def coroutine_of_one(loads: Loads) -> Function:
    """A loader that is awaited."""

    async def f(x: object) -> object:
        loads.count += 1
        return x

    return f


def method_of_one(loads: Loads) -> Function:
    """A loader that is a method."""

    def m(self: object, x: object) -> object:
        loads.count += 1
        return x

    return m


def plain_loader(x: object) -> object:
    """A loader that does nothing else, so that a miss is all that is timed."""
    return x


def user_key(number: int) -> str:
    """A `str` key that is a new object each time."""
    return f"user:{number:08d}"


def integer_key(number: int) -> int:
    """An `int` key that is a new object each time."""
    return int(str(number))


def random_keys(make: Callable[[int], object]) -> list[object]:
    """The hot keys in random order, equal to those in the cache and not identical with them."""
    return [make(number) for number in random.Random(HOT_KEYS).sample(range(SIZE), HOT_KEYS)]


def fresh_keys() -> Callable[[int], list[int]]:
    """A maker of keys that were never made before."""
    made = SIZE

    def make(number: int) -> list[int]:
        nonlocal made
        first, made = made, made + number
        return [i * _ODD_MULTIPLIER % (1 << _KEY_BITS) for i in range(first, first + number)]

    return make


def over_keys(statement: str) -> str:
    """The statement for each of `keys`."""
    return f"for k in keys: {statement}"


@dataclass(frozen=True)
class Hit:
    """A hit of a decorated function, as a user writes it."""

    ability: str
    loader: Callable[[Loads], Function]
    on_one: str
    on_k: str
    make_key: Callable[[int], object] = integer_key

    def namespace(self, contender: Contender, loads: Loads) -> dict[str, Any]:
        """The names in the statement: `f`, or `o` with the method `m`."""
        decorated = getattr(contender, self.ability)(self.loader(loads), SIZE)
        if self.ability != "method":
            return {"f": decorated}
        return {"o": type("Owner", (), {"m": decorated})(), "f": decorated}

    def one(self, contender: Contender, runner: asyncio.Runner) -> Case:
        """On one key, in a cache that holds nothing else."""
        loads = Loads()
        names = self.namespace(contender, loads)
        names["k"] = self.make_key(ONE_KEY)
        loop = measure.Loop(self.on_one, names, runner)
        loop(1)
        names["k"] = self.make_key(ONE_KEY)
        return self._case(contender, loop, loads, names, operations=1)

    def many(self, contender: Contender, runner: asyncio.Runner) -> Case:
        """Over the hot keys, in a cache that is full."""
        loads = Loads()
        names = self.namespace(contender, loads)
        loop = measure.Loop(over_keys(self.on_k), names, runner)
        names["keys"] = [self.make_key(number) for number in range(SIZE)]
        loop(1)
        names["keys"] = random_keys(self.make_key)
        loop(2)
        return self._case(contender, loop, loads, names, operations=HOT_KEYS)

    def _case(
        self, contender: Contender, loop: measure.Loop, loads: Loads, names: dict[str, Any], operations: int
    ) -> Case:
        loads.before = loads.count
        complaint = (lambda: "") if contender.role is Role.BASELINE else loads.complaint
        return Case(loop, operations, complaint, lambda: contender.close(names["f"]))


def filled_cache(contender: Contender, runner: asyncio.Runner, keys: Iterable[object]) -> dict[str, Any]:
    """The names in a statement on a cache that holds these keys."""
    assert contender.mapping is not None
    names: dict[str, Any] = {"cache": contender.mapping(SIZE), "ttl": contender.ttl, "v": object(), "keys": keys}
    measure.Loop(over_keys(contender.write), names, runner)(1)
    return names


def missing_keys(names: dict[str, Any]) -> str:
    """Empty, or how many of the keys that were asked for were not there."""
    absent = sum(names["cache"].get(key) in (None, (None, False)) for key in names["keys"])
    return f"{absent:,} of {len(names['keys']):,} keys were not in it" if absent else ""


@dataclass(frozen=True)
class Verb:
    """An operation on a cache, as each contender's user writes it."""

    ability: str

    def one(self, contender: Contender, runner: asyncio.Runner) -> Case:
        """On one key, in a cache that holds nothing else."""
        names = filled_cache(contender, runner, [integer_key(ONE_KEY)])
        names["k"] = integer_key(ONE_KEY)
        names["keys"] = [names["k"]]
        loop = measure.Loop(getattr(contender, self.ability), names, runner)
        return self._case(contender, loop, names, operations=1)

    def many(self, contender: Contender, runner: asyncio.Runner) -> Case:
        """Over the hot keys, in a cache that is full."""
        names = filled_cache(contender, runner, [integer_key(number) for number in range(SIZE)])
        names["keys"] = random_keys(integer_key)
        loop = measure.Loop(over_keys(getattr(contender, self.ability)), names, runner)
        loop(2)
        return self._case(contender, loop, names, operations=HOT_KEYS)

    def _case(self, contender: Contender, loop: measure.Loop, names: dict[str, Any], operations: int) -> Case:
        cache = names["cache"]
        return Case(loop, operations, lambda: missing_keys(names), lambda: contender.close(cache))


def new_key(contender: Contender, runner: asyncio.Runner) -> Case:
    """Keys that were never there, into a full cache."""
    make = fresh_keys()
    names = filled_cache(contender, runner, make(SIZE))
    loop = measure.Loop(over_keys(contender.write), names, runner)
    return Case(measure.FreshKeys(loop, names, make), close=lambda: contender.close(names["cache"]))


def miss(contender: Contender, runner: asyncio.Runner) -> Case:
    """Arguments that were never there, to a function whose cache is full."""
    assert contender.function is not None
    make = fresh_keys()
    names: dict[str, Any] = {"f": contender.function(plain_loader, SIZE), "keys": make(SIZE)}
    loop = measure.Loop(over_keys("f(k)"), names, runner)
    loop(1)
    return Case(measure.FreshKeys(loop, names, make), close=lambda: contender.close(names["f"]))
