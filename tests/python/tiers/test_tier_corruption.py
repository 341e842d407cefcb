"""What is stored and then changed by a byte, cut, or moved to another key is a miss, and never another value."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Callable, Generator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hotset import MISSING, Cache
from hotset.disk import Disk
from own_tiers import WholeTier

# Another reader of the same format.
lmdb = pytest.importorskip("lmdb")

TIMES = 20 if os.environ.get("HOTSET_SOAK", "0") not in ("", "0") else 1
IN_A_DICT = 2_000 * TIMES
ON_DISK = 300 * TIMES
"""Corruptions with each of the options: more than 10,000 together."""

ENTRIES = 50
OPTIONS: dict[str, dict[str, Any]] = {
    "checksum": {},
    "signed": {"secret": b"a secret of this test"},
    "encrypted": {"secret": b"a secret of this test", "encrypt": True},
    "zstd": {"compression": "zstd", "compress_from": 0},
    "lz4": {"compression": "lz4", "compress_from": 0},
}

Stored = MutableMapping[bytes, bytes]
Damage = Callable[[bytes, random.Random], bytes]

every_protection = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def value(number: int) -> dict[str, Any]:
    """One that is like the others, so that a byte from elsewhere would be one that can be."""
    return {"user": number, "name": f"user {number}", "scores": [number, number + 0.5], "note": "abc" * (number % 40)}


VALUES = {f"user:{number}": value(number) for number in range(ENTRIES)}


def change_a_byte(stored: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(stored))
    return stored[:place] + bytes([stored[place] ^ chance.randrange(1, 256)]) + stored[place + 1 :]


def cut(stored: bytes, chance: random.Random) -> bytes:
    return stored[: chance.randrange(len(stored))]


def add_a_byte(stored: bytes, chance: random.Random) -> bytes:
    return stored + bytes([chance.randrange(256)])


DAMAGES: tuple[Damage, ...] = (change_a_byte, change_a_byte, cut, add_a_byte)


def key_of(namespace: str, key: str) -> bytes:
    """What an entry is stored under: its namespace, that it is of the mapping, and that it is a text."""
    return bytes([len(namespace)]) + namespace.encode() + b"\0s" + key.encode()


def filled(namespace: str, tier: Any, **options: Any) -> Cache[str, Any]:
    cache: Cache[str, Any] = Cache(namespace, ttl="1h", tier=tier, **options)
    cache.set_many(VALUES, tags=["users"])
    assert cache.get_many(VALUES) == VALUES
    return cache


def unreadable(cache: Cache[str, Any]) -> int:
    stats = cache.stats().tier
    assert stats is not None and stats.faults == 0
    return stats.unreadable


@every_protection
def test_damage_in_a_tier_is_a_miss(options: dict[str, Any]) -> None:
    chance, tier = random.Random(7), WholeTier()
    cache, keys = filled("damaged", tier, **options), list(VALUES)
    for number in range(IN_A_DICT):
        name = keys[number % ENTRIES]
        key = key_of("damaged", name)
        whole = tier.held[key]
        tier.held[key] = DAMAGES[number % len(DAMAGES)](whole, chance)
        assert cache.get(name, MISSING) is MISSING, (number, name, tier.held[key])
        assert unreadable(cache) == number + 1
        tier.held[key] = whole
        assert cache[name] == VALUES[name]


@every_protection
def test_every_byte_counts(options: dict[str, Any]) -> None:
    tier = WholeTier()
    cache = filled("damaged", tier, **options)
    key = key_of("damaged", "user:7")
    whole = tier.held[key]
    for place in range(len(whole)):
        tier.held[key] = whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]
        assert cache.get("user:7", MISSING) is MISSING, place
        tier.held[key] = whole[:place]
        assert cache.get("user:7", MISSING) is MISSING, place
    assert unreadable(cache) == 2 * len(whole)


@every_protection
def test_an_envelope_of_another_key_or_namespace_is_a_miss(options: dict[str, Any]) -> None:
    tier = WholeTier()
    one, other = filled("one", tier, **options), filled("other", tier, **options)
    kept = dict(tier.held)
    for here, there in zip(VALUES, [*VALUES][1:], strict=False):
        tier.held[key_of("one", here)] = kept[key_of("one", there)]
        tier.held[key_of("other", here)] = kept[key_of("one", here)]
        assert one.get(here, MISSING) is MISSING and other.get(here, MISSING) is MISSING
    assert unreadable(one) == unreadable(other) == ENTRIES - 1


def of_somebody_else(protection: str) -> dict[str, Any]:
    """The options of this protection, with another secret where they have one."""
    return {name: b"a secret of another" if name == "secret" else given for name, given in OPTIONS[protection].items()}


@pytest.mark.parametrize("demanded", ["signed", "encrypted"])
@pytest.mark.parametrize("written", OPTIONS)
def test_what_is_less_protected_than_demanded_is_a_miss(written: str, demanded: str) -> None:
    tier = WholeTier()
    strict: Cache[str, Any] = Cache("users", ttl="1h", tier=tier, **OPTIONS[demanded])
    strict["user:7"] = value(7)
    forger = WholeTier()
    forged: Cache[str, Any] = Cache("users", ttl="1h", tier=forger, **of_somebody_else(written))
    forged["user:7"] = value(8)
    tier.held[key_of("users", "user:7")] = forger.held[key_of("users", "user:7")]
    assert strict.get("user:7", MISSING) is MISSING
    assert unreadable(strict) == 1


@contextmanager
def entries_of(folder: Path) -> Generator[Stored]:
    """The entries of a store that nobody uses, to be changed."""
    gc.collect()
    [store] = folder.glob("store-*")
    with lmdb.open(str(store), lock=False, map_size=2**25) as environment:
        with environment.begin() as reading:
            stored = {bytes(key): bytes(envelope) for key, envelope in reading.cursor()}
        before = dict(stored)
        yield stored
        with environment.begin(write=True) as writing:
            for key in stored:
                if stored[key] != before[key]:
                    assert writing.put(key, stored[key])


@every_protection
def test_damage_in_a_store_is_a_miss(options: dict[str, Any], tmp_path: Path) -> None:
    chance = random.Random(7)
    for _ in range(ON_DISK // (ENTRIES // 2)):
        filled("damaged", Disk(tmp_path, max_bytes="16MB"), **options)
        with entries_of(tmp_path) as stored:
            assert len(stored) == ENTRIES
            damaged = set(chance.sample(list(VALUES), ENTRIES // 2))
            for name in damaged:
                key = key_of("damaged", name)
                stored[key] = chance.choice(DAMAGES)(stored[key], chance)
        cache: Cache[str, Any] = Cache("damaged", tier=Disk(tmp_path, max_bytes="16MB"), **options)
        assert dict(cache.get_many(VALUES)) == {name: VALUES[name] for name in VALUES if name not in damaged}
        assert unreadable(cache) == len(damaged)
        assert all(cache.get(name, MISSING) is MISSING for name in damaged)
        cache.set_many(VALUES)
        assert dict(cache.get_many(VALUES)) == VALUES
        del cache


@every_protection
def test_envelopes_that_are_exchanged_in_a_store_are_misses(options: dict[str, Any], tmp_path: Path) -> None:
    for namespace in "one", "other":
        filled(namespace, Disk(tmp_path, max_bytes="16MB"), **options)
    with entries_of(tmp_path) as stored:
        kept = dict(stored)
        for here, there in zip(VALUES, [*VALUES][1:], strict=False):
            stored[key_of("one", here)] = kept[key_of("one", there)]
            stored[key_of("other", here)] = kept[key_of("one", here)]
    last = [*VALUES][-1]
    for namespace in "one", "other":
        cache: Cache[str, Any] = Cache(namespace, tier=Disk(tmp_path, max_bytes="16MB"), **options)
        assert dict(cache.get_many(VALUES)) == {last: VALUES[last]}
        assert unreadable(cache) == ENTRIES - 1
