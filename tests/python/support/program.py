"""A random program of operations on one cache and its functions, beside a dict that tells what may be found.

    python program.py SEED SECONDS

The cache is too small for its keys, entries expire, and hooks use the cache, so something that was stored may be missing; but
what is found is a value of its key, and after a last pass that stores everything again all of it is there.
"""

import gc
import logging
import random
import sys
import time
from typing import Any

from faces import FACES, Face, finish
from hotset import MISSING, POLICIES, Cache
from hotset.testing import ManualClock

NAMES = 24


class Hostile:
    """A key that now and then uses the cache, collects or raises while it is hashed, compared or freed."""

    program: "Program"

    def __init__(self, name: int) -> None:
        self.name = name

    def __hash__(self) -> int:
        self.program.disturb()
        return self.name % 5

    def __eq__(self, other: object) -> bool:
        self.program.disturb()
        return isinstance(other, Hostile) and self.name == other.name

    def __del__(self) -> None:
        self.program.disturb(may_raise=False)

    def __repr__(self) -> str:
        return f"Hostile({self.name})"


class Value:
    def __init__(self, name: int, version: int) -> None:
        self.name, self.version = name, version
        self.cycle = self

    def __del__(self) -> None:
        Hostile.program.disturb(may_raise=False)


class Program:
    def __init__(self, seed: int) -> None:
        self.seed, self.random = seed, random.Random(seed)
        self.depth, self.quiet, self.disturbances, self.raised, self.steps = 0, False, 0, 0, 0
        self.clock = ManualClock()
        self.cache: Cache[Any, Any] = Cache(
            maxsize=self.random.choice([5, 20, 1000]), ttl=100, idle=self.random.choice([None, 50]), clock=self.clock,
            policy=self.random.choice(POLICIES), on_remove=self.removed, jitter=self.random.choice([0, 0.5]),
        )  # fmt: skip
        self.versions: dict[tuple[int, int], int] = {}
        self.faces = [FACES[kind](self.cache, lambda key, n=n: self.make(n, key)) for n, kind in enumerate(FACES)]
        self.iterators: list[Any] = []
        Hostile.program = self  # who is freed may use all of it

    def make(self, number: int, key: Hostile) -> Value:
        """A newer value than all before it; what is older is not wanted any more, but may be found until this is stored."""
        self.disturb()
        place = (number, key.name)
        self.versions[place] = self.versions.get(place, 0) + 1
        return Value(key.name, self.versions[place])

    def removed(self, key: object, value: object, cause: str) -> None:
        self.disturb()

    def disturb(self, *, may_raise: bool = True) -> None:
        if self.quiet or self.depth >= 3 or self.random.random() > 0.02:
            return
        self.depth += 1
        self.disturbances += 1
        try:
            chance = self.random.random()
            if chance < 0.2 and may_raise:
                self.raised += 1
                raise ZeroDivisionError
            if chance < 0.4:
                gc.collect()
            elif chance < 0.45:
                self.cache.clear()
            elif chance < 0.6:
                time.sleep(0)
            else:
                self.step()
        finally:
            self.depth -= 1

    def step(self) -> None:
        self.steps += 1
        number = self.random.randrange(len(self.faces))
        face, key = self.faces[number], Hostile(self.random.randrange(NAMES))
        action = self.random.choice(ACTIONS)
        try:
            found = action(self, face, number, key)
        except ZeroDivisionError:
            return
        if isinstance(found, Value):
            assert found.name == key.name, f"{action.__name__} gave the value of {found.name} for {key.name}"

    def finish(self) -> None:
        """Everything is stored again, and is there then."""
        self.quiet = True
        self.iterators.clear()
        self.cache.resize(maxsize=None)
        self.cache.clear()
        gc.collect()
        model = {}
        for number, face in enumerate(self.faces):
            for name in range(NAMES):
                value = model[number, name] = self.make(number, Hostile(name))
                face.set(Hostile(name), value)
        for (number, name), value in model.items():
            found = self.faces[number].peek(Hostile(name)), self.faces[number].load(Hostile(name))
            assert found[0] is value is found[1], (self.seed, number, name, found, value)
        items = list(self.cache.items())
        stats = self.cache.stats()
        assert len(items) == len(model) == len(self.cache) == stats.entries == stats.weight, (
            self.seed,
            len(items),
            stats,
        )
        assert {id(value) for _, value in items} == {id(value) for value in model.values()}
        self.cache.clear()
        assert len(self.cache) == 0 == self.cache.stats().entries


def load(program: Program, face: Face, number: int, key: Hostile) -> object:
    return face.load(key)


def store(program: Program, face: Face, number: int, key: Hostile) -> object:
    face.set(key, program.make(number, key))
    return None


def look(program: Program, face: Face, number: int, key: Hostile) -> object:
    return face.peek(key)


def forget(program: Program, face: Face, number: int, key: Hostile) -> object:
    return face.forget(key)


def refresh(program: Program, face: Face, number: int, key: Hostile) -> object:
    return face.refresh(key)


def use_keys(program: Program, face: Face, number: int, key: Hostile) -> object:
    keys = list(program.cache)
    if not keys:
        return None
    chosen = program.random.choice(keys)
    verb = program.random.choice(["get", "touch", "expire", "delete", "peek", "_tags"])
    getattr(program.cache, verb)(chosen)
    return None


def use_mapping(program: Program, face: Face, number: int, key: Hostile) -> object:
    cache, mine = program.cache, program.make(0, key)
    chosen = program.random.randrange(7)
    if chosen == 0:
        return cache.setdefault(key, mine)
    if chosen == 1:
        return cache.get(key)
    if chosen == 2:
        return cache.pop(key, None)
    if chosen == 3:
        return cache.add(key, mine, ttl=3, tags=["a"]) and mine
    if chosen == 4:
        return cache.replace(key, mine, idle=3) and mine
    if chosen == 5:
        return cache.get_many([key]).get(key)
    return key in cache and None


def use_all(program: Program, face: Face, number: int, key: Hostile) -> object:
    cache, chosen = program.cache, program.random.randrange(8)
    if chosen == 0 and len(cache):
        try:
            cache.popitem()
        except KeyError:
            pass
    elif chosen == 1:
        cache.resize(maxsize=program.random.choice([0, 1, 5, 20, 1000]))
    elif chosen == 2:
        program.clock.advance(program.random.choice([0.001, 1, 30, 1000]))
    elif chosen == 3:
        cache.sweep(), cache.stats(), repr(cache)
    elif chosen == 4 and number:
        face.function.cache_clear(), face.function.cache_info()  # type: ignore[attr-defined]  # all faces but the first
    elif chosen == 5:
        program.iterators.append(iter(cache))
    elif chosen == 6 and program.iterators:
        next(program.random.choice(program.iterators), None)
    elif chosen == 7:
        finish(cache.aio.get(key)), cache.get(1), cache.set(1, 1), cache.incr(1)
    return MISSING


ACTIONS = [load, load, load, store, look, forget, refresh, use_keys, use_mapping, use_mapping, use_all]


def main(seed: int, seconds: float) -> None:
    sys.unraisablehook = check_unraisable
    gc.set_threshold(1)
    # A program may move its clock within a load, by more than a load may take.
    logging.getLogger("hotset").addFilter(lambda record: "is given up" not in record.getMessage())
    end, program = time.monotonic() + seconds, Program(seed)
    while time.monotonic() < end:
        program = Program(seed)
        for _ in range(1500):
            program.step()
        program.finish()
        seed += 1
    assert program.disturbances > 50 and program.raised > 3, (seed, program.disturbances, program.raised)
    print("done")


def check_unraisable(info: Any) -> None:
    if not issubclass(info.exc_type, ZeroDivisionError):
        sys.__unraisablehook__(info)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
