"""For scripts of children: whether an operation, done very often, leaves every count of references and all memory as it was."""

import gc
import resource
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import hotset

SLACK = 50
"""References that interning, free lists and specialisation may add, however often an operation is done."""

TYPES = [
    hotset.Cache, hotset.CachedFunction, hotset.CachedCoroutineFunction, hotset.CachedMethod, hotset.CallKey,
    hotset.PendingCall, hotset.Ready, hotset.Stats, type(hotset.MISSING), hotset._core.BaseCache, type(iter(hotset.Cache())),
    StopIteration, KeyError, TypeError,
]  # fmt: skip
SINGLETONS = [hotset.MISSING]


def identity_type() -> type:
    class Thing:
        pass

    thing = Thing()
    return type(hotset.cache_result(lambda thing: 1).cache_key(thing).arguments[0])


def counts(involved: list[Any]) -> list[int]:
    gc.collect()
    return [sys.getrefcount(one) for one in (*involved, *TYPES, *SINGLETONS)]


def check_balanced(name: str, operation: Callable[[], object], involved: list[Any], times: int) -> None:
    """Do it a few times to warm up, then `times` times; the counts may differ by what is not done per operation."""
    for _ in range(1000):
        operation()
    before = counts(involved)
    for _ in range(times):
        operation()
    after = counts(involved)
    for one, was, now in zip((*involved, *TYPES, *SINGLETONS), before, after, strict=True):
        assert abs(now - was) < SLACK, f"{name}: {times} times took the count of {one!r} from {was} to {now}"


def check_memory(name: str, operation: Callable[[], object], times: int) -> None:
    """Neither Python's memory nor the process's grows by a byte in ten operations."""
    tracemalloc.start()
    for _ in range(2000):
        operation()
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0]
    for _ in range(times // 10):
        operation()
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - traced
    tracemalloc.stop()
    assert grown < 20_000 + times // 100, f"{name}: {times // 10} times left {grown} bytes"
    resident = resident_bytes()
    for _ in range(times):
        operation()
    grown = resident_bytes() - resident
    assert grown < 2**20 + times * 2, f"{name}: {times} times made the process grow by {grown} bytes"


def resident_bytes() -> int:
    gc.collect()
    with open("/proc/self/statm", "rb") as file:  # text would import a codec
        return int(file.read().split()[1]) * resource.getpagesize()
