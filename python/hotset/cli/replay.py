"""The measured run: the same lookups without a cache and with one per policy, side by side in one process."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from time import perf_counter_ns

from hotset import Cache, Policy
from hotset.cli.database import LookUp, Row

CHUNK = 1_000
"""Lookups that one contestant replays before the next one does."""

UNCACHED = "no cache"
"""The name of the contestant that always asks the database."""

CLOCK_SAMPLES = 10_000
"""Readings for the time that the clock itself takes."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long calls took, counted by nanosecond, so that percentiles are exact however many there are."""

    calls: Counter[int] = field(default_factory=Counter[int])
    """How many calls took so many nanoseconds."""

    def add(self, nanoseconds: Sequence[int]) -> None:
        """Count some calls."""
        self.calls.update(nanoseconds)

    @property
    def total(self) -> int:
        """The sum, in nanoseconds."""
        return sum(duration * calls for duration, calls in self.calls.items())

    def percentile(self, percent: float) -> int:
        """The smallest latency that `percent` of the calls did not exceed, in nanoseconds (nearest rank)."""
        rank = max(1, ceil(self.calls.total() * percent / 100))
        seen = 0
        for duration in sorted(self.calls):
            seen += self.calls[duration]
            if seen >= rank:
                return duration
        raise ValueError("no call was counted")


@dataclass(frozen=True, slots=True)
class Contestant:
    """A way to answer the lookups, and how long its calls took."""

    name: str
    call: LookUp
    cache: Cache[object, object] | None
    latencies: Latencies

    def replay(self, keys: Sequence[str]) -> list[Row]:
        """Call once for each key, each call timed on its own."""
        call, clock = self.call, perf_counter_ns
        took = array("q")
        rows: list[Row] = []
        for key in keys:
            began = clock()
            row = call(key)
            took.append(clock() - began)
            rows.append(row)
        self.latencies.add(took)
        return rows

    @property
    def hit_ratio(self) -> float | None:
        """The share of lookups that the cache answered, or None without a cache."""
        return None if self.cache is None else self.cache.stats().hit_ratio


class WrongAnswerError(Exception):
    """A cache answered something else than the database."""


def enter(look_up: LookUp, caches: Mapping[Policy, Cache[object, object]]) -> list[Contestant]:
    """The function itself, and the function decorated by each of the caches."""
    return [
        Contestant(UNCACHED, look_up, None, Latencies()),
        *(Contestant(policy, cache.cache_result(look_up), cache, Latencies()) for policy, cache in caches.items()),
    ]


def warm_up(look_up: LookUp, keys: Iterable[str]) -> None:
    """Ask, fill and evict, so that what Python, SQLite and hotset set up on first use falls on no contestant."""
    cache: Cache[object, object] = Cache("demo-warm-up", maxsize=1)
    cached = cache.cache_result(look_up)
    for key in keys:
        cached(key)


def replay(keys: Sequence[str], contestants: Sequence[Contestant], advance: Callable[[int], None]) -> None:
    """Let all contestants replay the sequence, chunk by chunk, and compare their answers.

    Who comes first changes from chunk to chunk, so that nobody profits from pages and caches that another one warmed.
    `advance` is told the size of each chunk that is done.

    Raises:
        WrongAnswerError: two contestants answered the same lookup differently.
    """
    for number, start in enumerate(range(0, len(keys), CHUNK)):
        chunk = keys[start : start + CHUNK]
        answers = {contestant.name: contestant.replay(chunk) for contestant in _order(contestants, number)}
        for name, rows in answers.items():
            if rows != answers[UNCACHED]:
                raise WrongAnswerError(_difference(name, rows, answers[UNCACHED]))
        advance(len(chunk))


def _order(contestants: Sequence[Contestant], number: int) -> list[Contestant]:
    """The contestants in the order for chunk `number`: each begins in turn, and every other round runs backwards."""
    turn, first = divmod(number, len(contestants))
    order = [*contestants[first:], *contestants[:first]]
    return order[::-1] if turn % 2 else order


def _difference(name: str, rows: Sequence[Row], truth: Sequence[Row]) -> str:
    wrong, right = next((ours, theirs) for ours, theirs in zip(rows, truth, strict=True) if ours != theirs)
    return f"the {name} cache answered {wrong!r} where the database has {right!r}"


def clock_cost() -> int:
    """What the clock adds to each latency, in nanoseconds (median of readings of nothing)."""
    nothing = Latencies()
    clock = perf_counter_ns
    took = array("q")
    for _ in range(CLOCK_SAMPLES):
        began = clock()
        took.append(clock() - began)
    nothing.add(took)
    return nothing.percentile(50)
