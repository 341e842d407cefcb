"""The plainest model of a cache, a dict with deadlines, and the keys and values to try it with."""

from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
from hotset import MISSING


@dataclass(frozen=True)
class SameHash:
    """Keys of one hash, which is that of 1 too."""

    name: str

    def __hash__(self) -> int:
        return hash(1)


@dataclass(frozen=True)
class LikeInt:
    """A key that equals a number, as 1.0 does."""

    number: int

    def __hash__(self) -> int:
        return hash(self.number)

    def __eq__(self, other: object) -> bool:
        return self.number == (other.number if isinstance(other, LikeInt) else other)


NAN = float("nan")
KEYS: list[Any] = [0, 1, 2, 2**61, -1, -2, False, True, 0.0, -0.0, 1.0, 2.0, 2.0**61, 1.5, NAN, None]
KEYS += ["", "a", "b", b"a", (), (1,), (1.0,), (True, ("a",)), frozenset({1})]
KEYS += [LikeInt(1), LikeInt(2), (LikeInt(1),), *map(SameHash, "abcdefgh")]

keys = st.sampled_from(KEYS)
some_keys = st.lists(keys, max_size=5)
values = st.none() | st.integers(-3, 3) | st.booleans() | st.just("") | st.lists(st.integers(), max_size=2)
# The clock moves by whole seconds and lives end at halves, so that no rounding decides who is over.
lives = st.sampled_from([MISSING, None, 0.5, 1.5, 3.5, 60.5, 5000.5])
ENDLESS = float("inf")


@dataclass
class Entry:
    value: Any
    ttl: float
    expires: float
    idle: float
    unread_until: float


def length(given: Any, usual: float | None) -> float:
    chosen = usual if given is MISSING else given
    return ENDLESS if chosen is None else chosen


def options(ttl: Any, idle: Any) -> dict[str, Any]:
    return {name: value for name, value in (("ttl", ttl), ("idle", idle)) if value is not MISSING}


class Model:
    """What a cache without bounds holds."""

    def __init__(self, ttl: float | None, idle: float | None) -> None:
        self.usual = (ttl, idle)
        self.now = 0.0
        self.entries: dict[Any, Entry] = {}

    def advance(self, seconds: float) -> None:
        self.now += seconds
        fresh = lambda entry: min(entry.expires, entry.unread_until) > self.now  # noqa: E731
        self.entries = {key: entry for key, entry in self.entries.items() if fresh(entry)}

    def born(self, value: Any, ttl: Any, idle: Any) -> Entry:
        ttl, idle = length(ttl, self.usual[0]), length(idle, self.usual[1])
        return Entry(value, ttl, self.now + ttl, idle, self.now + idle)

    def set(self, key: Any, value: Any, ttl: Any = MISSING, idle: Any = MISSING) -> None:
        self.entries[key] = self.born(value, ttl, idle)

    def touch(self, key: Any, ttl: Any = MISSING, idle: Any = MISSING) -> None:
        """Begin a life anew; what is not said is as it was."""
        entry = self.entries[key]
        ttl, idle = (
            was if said is MISSING else length(said, None) for said, was in ((ttl, entry.ttl), (idle, entry.idle))
        )
        self.entries[key] = Entry(entry.value, ttl, self.now + ttl, idle, self.now + idle)

    def read(self, key: Any, default: Any = None) -> Any:
        if key not in self.entries:
            return default
        self.entries[key].unread_until = self.now + self.entries[key].idle
        return self.entries[key].value

    def pairs(self) -> dict[Any, Any]:
        return {key: entry.value for key, entry in self.entries.items()}
