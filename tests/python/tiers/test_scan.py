"""`scan` lists the keys of the whole cache that begin as they are asked to, a page at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hotset import Cache
from hotset._errors import TierError
from hotset._tiers.kinds import Heap
from hotset.disk import Disk
from hotset.testing import ChaosTier, ManualClock
from own_tiers import LeastTier, WholeTier

PAGE = 256
LONG = "long:" + "x" * 600
"""What no place for keys of 511 bytes has room for."""

PROTECTIONS: list[dict[str, Any]] = [{}, {"secret": b"a secret of this test", "encrypt": True}, {"compression": "lz4"}]

#: Seconds that a call may wait for the tier: these tests are of what is listed, and not of how fast.
PATIENCE = 30


@pytest.fixture(params=["memory", "heap", "disk", "own"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Cache[Any, Any]]:
    """Caches of each kind, of which those with a tier share it."""
    tiers = {"heap": Heap, "disk": lambda: Disk(tmp_path, max_bytes="16MB"), "own": WholeTier}
    tier: Any = tiers[request.param]() if request.param in tiers else None

    def made(name: str = "users", **options: Any) -> Cache[Any, Any]:
        return Cache(name, ttl="1h", **({} if tier is None else {"tier": tier, "patience": PATIENCE}), **options)

    return made


def test_it_lists_the_keys_that_begin_so(make: Callable[..., Cache[Any, Any]]) -> None:
    cache = make()
    cache.set_many({"user:1": 1, "user:10": 10, "user:ä": 2, "users": 3, "": 4, "other": 5})
    assert sorted(cache.scan("user:")) == ["user:1", "user:10", "user:ä"]
    assert sorted(cache.scan()) == ["", "other", "user:1", "user:10", "user:ä", "users"]
    assert list(cache.scan("user:2")) == []


def test_it_lists_neither_other_keys_nor_other_caches_nor_calls(make: Callable[..., Cache[Any, Any]]) -> None:
    cache, other = make(), make("users2")

    @cache.cache_result(name="load")
    def load(text: str) -> str:
        return text

    load("text")
    cache.set_many({7: 1, ("text", 7): 2, None: 3, b"text": 4, "text": 5})
    other.set("text of another", 6)
    assert list(cache.scan()) == ["text"]


def test_it_lists_what_is_fresh(make: Callable[..., Cache[Any, Any]]) -> None:
    clock = ManualClock()
    cache = make(clock=clock, grace="1h")
    for name in ("there", "short", "deleted", "expired", "invalidated"):
        cache.set(name, 1, tags=[name], ttl="1m" if name == "short" else "1h")
    clock.advance("2m")
    cache.delete("deleted")
    cache.expire("expired")
    cache.invalidate_tags("invalidated")
    assert list(cache.scan()) == ["there"]
    cache.clear()
    assert list(cache.scan()) == []


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
def test_it_lists_every_page(make: Callable[..., Cache[Any, Any]], count: int) -> None:
    cache = make()
    cache.set_many({f"{number:04}": number for number in range(count)})
    assert sorted(cache.scan()) == [f"{number:04}" for number in range(count)]


@pytest.mark.parametrize("options", PROTECTIONS, ids=["checksum", "encrypted", "lz4"])
def test_it_finds_keys_that_are_stored_by_digest(tmp_path: Path, options: dict[str, Any]) -> None:
    tiers: tuple[Any, ...] = (Disk(tmp_path, max_bytes="16MB"), WholeTier())
    for tier in tiers:
        cache: Cache[str, str] = Cache("users", tier=tier, **options)
        cache.set_many({LONG + end: end for end in "abc"})
        cache.set("long:short", "d")
        assert sorted(cache.scan("long:")) == ["long:short", *(LONG + end for end in "abc")]
        assert list(cache.scan(LONG + "b")) == [LONG + "b"]
        assert cache.get_many(cache.scan(LONG)) == {LONG + end: end for end in "abc"}


def test_a_page_goes_on_after_a_key_that_is_stored_by_digest(tmp_path: Path) -> None:
    cache: Cache[str, int] = Cache("users", tier=Disk(tmp_path, max_bytes="16MB"))
    names = {f"{LONG}{number}" for number in range(2 * PAGE)}
    cache.set_many(dict.fromkeys(names, 1))
    listed = list(cache.scan("long:"))
    assert len(listed) == len(names) and set(listed) == names


def test_it_lists_what_is_there_all_the_time_beside_who_writes(make: Callable[..., Cache[Any, Any]]) -> None:
    cache, ended = make(maxsize=100_000), threading.Event()
    stays = {f"stays:{number}" for number in range(1_000)}
    cache.set_many(dict.fromkeys(stays, 1))

    def write() -> None:
        number = 0
        while not ended.is_set():
            cache.set(f"{('a', 'stays:5-', 'z')[number % 3]}{number % 500}", number)
            cache.delete(f"stays:5-{(number - 7) % 500}")
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(10):
            listed = list(cache.scan("stays:"))
            assert stays <= set(listed) and len(listed) == len(set(listed))
            assert all(key in stays or key.startswith("stays:5-") for key in listed)
    finally:
        ended.set()
        writer.join()


def test_a_scan_that_was_begun_holds_nothing(tmp_path: Path) -> None:
    cache: Cache[str, bytes] = Cache("users", tier=Disk(tmp_path, max_bytes="2MB"))
    cache.set_many({f"{number:04}": bytes(10) for number in range(2 * PAGE)})
    begun = [cache.scan() for _ in range(200)]
    assert [next(scan) for scan in begun] == ["0000"] * 200
    for number in range(2_000):  # ten times what fits: pages that a reader held could not be used again
        cache.set(f"big {number}", bytes(10_000))
    stats = cache.stats().tier
    assert stats is not None and stats.faults == 0
    assert cache.get("big 1999") == bytes(10_000)


def test_it_counts_no_reads_and_keeps_nothing_in_memory(tmp_path: Path) -> None:
    Cache[str, int]("users", tier=Disk(tmp_path, max_bytes="16MB")).set_many({"a": 1, "b": 2})
    cache: Cache[str, int] = Cache("users", tier=Disk(tmp_path, max_bytes="16MB"))
    before = cache.stats()
    assert list(cache.scan()) == ["a", "b"]
    after = cache.stats()
    assert (after.hits, after.misses, after.tier.hits) == (before.hits, before.misses, before.tier.hits)  # type: ignore[union-attr]
    assert len(cache) == 0


def test_what_cannot_be_read_is_passed_over() -> None:
    tier = WholeTier()
    cache: Cache[str, int] = Cache("users", tier=tier, patience=PATIENCE)
    cache.set_many({"a": 1, "b": 2, "c": 3})
    [damaged] = (key for key in tier.held if key.endswith(b"sb"))
    whole = tier.held[damaged]
    tier.held[damaged] = whole[:-1] + bytes([whole[-1] ^ 1])
    assert list(cache.scan()) == ["a", "c"]


def test_mistakes_and_tiers_that_cannot_list_are_told_of_at_once() -> None:
    tier = ChaosTier(WholeTier())
    for cache in (Cache[str, int](), Cache[str, int]("users", tier=tier, patience=PATIENCE)):
        with pytest.raises(TypeError, match="prefix=b'user:': write a str"):
            cache.scan(b"user:")  # type: ignore[arg-type]
    least: Cache[str, int] = Cache("least", tier=LeastTier())
    with pytest.raises(TierError, match='the keys of cache "least" cannot be listed: it cannot list its keys'):
        least.scan()
    with tier.away(), pytest.raises(TierError, match="cannot be listed"):
        cache.scan()
    assert list(cache.scan()) == []


def test_a_tier_that_fails_between_two_pages_is_told_of() -> None:
    tier = ChaosTier(WholeTier())
    cache: Cache[str, int] = Cache("users", tier=tier, patience=PATIENCE)
    cache.set_many({f"{number:04}": number for number in range(PAGE + 1)})
    scan = cache.scan()
    assert [next(scan) for _ in range(PAGE)] == [f"{number:04}" for number in range(PAGE)]
    with tier.away(), pytest.raises(TierError, match="cannot be listed"):
        next(scan)


def test_it_is_awaited_too(make: Callable[..., Cache[Any, Any]]) -> None:
    async def listed() -> list[str]:
        cache = make()
        await cache.aio.set_many({"user:1": 1, "user:2": 2, "other": 3})
        return [key async for key in cache.aio.scan("user:")]

    assert sorted(asyncio.run(listed())) == ["user:1", "user:2"]
