"""What a cache says of its tier: in its representation, in statistics and in the log."""

import logging
from pathlib import Path

import pytest
from hotset import Cache, Stats
from hotset._core import TierStats
from hotset.preview import Disk, Shm

SECRET = "nobody is to see this"


class Password:
    def __repr__(self) -> str:
        return SECRET

    def get(self, key: bytes) -> None: ...
    def put(self, key: bytes, value: bytes, *, ends_in: float | None) -> None: ...
    def remove(self, key: bytes) -> None: ...


def test_a_representation_says_where_it_is_and_what_its_bound_is(tmp_path: Path) -> None:
    store = Disk(tmp_path / "store", max_bytes="4MiB", durability="power")
    assert repr(Cache("users", tier=store)) == (
        "<Cache 'users': 0 entries, maxsize=10000, policy=adaptive, "
        f"tier=Disk('{tmp_path}/store', max_bytes=4194304, durability='power')>"
    )
    assert repr(Shm("app", max_bytes="1MiB")) == "Shm('app', max_bytes=1048576)"


def test_it_says_how_values_are_kept_and_never_a_secret(tmp_path: Path) -> None:
    url = f"disk://{tmp_path}/store?max_bytes=4MiB"
    signed: Cache[str, int] = Cache("signed", tier=url, codec="json", secret=SECRET, max_life="7d")
    assert repr(signed).endswith("durability='process'), codec=json, max_life=604800s, signed>")
    sealed: Cache[str, int] = Cache("sealed", tier=url, compression=("zstd", 3), secret=SECRET, encrypt=True)
    assert repr(sealed).endswith("durability='process'), compression=zstd, encrypted>")
    own: Cache[str, int] = Cache("own", tier=Password(), memory_ttl="2s")
    assert repr(own).endswith("policy=adaptive, tier=Password, memory_ttl=2s>")
    own.enabled = False
    assert repr(own).endswith("memory_ttl=2s, disabled>")
    assert not any(SECRET in repr(cache) for cache in (signed, sealed, own))


def test_statistics_say_what_happened_at_the_tier_and_what_it_holds(tmp_path: Path) -> None:
    cache: Cache[str, int] = Cache("users", tier=f"disk://{tmp_path}/store?max_bytes=4MiB")
    cache.set("k", 1)
    stats = cache.stats()
    assert isinstance(stats, Stats)
    assert isinstance(stats.tier, TierStats)
    assert repr(stats.tier) == (
        "<TierStats 0 hits, 0 misses (0 unreadable), 1 stored, 0 overtaken, 0 faults, 1 entries, "
        f"{stats.tier.bytes} of 4194304 bytes, 0 evicted, 0 expired, 0 busy>"
    )
    assert repr(stats).endswith(f"0 cleared, tier: {stats.tier!r}>")


@pytest.mark.parametrize("is_many", [False, True])
def test_that_a_store_is_full_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture, is_many: bool) -> None:
    caplog.set_level(logging.INFO, logger="hotset")
    cache: Cache[int, bytes] = Cache("users", maxsize=0, tier=f"disk://{tmp_path}/store?max_bytes=1MiB", codec="raw")
    for start in range(0, 3_000, 100):
        if is_many:
            cache.set_many(dict.fromkeys(range(start, start + 100), bytes(1_000)))
        else:
            [cache.get_or_load(key, lambda _: bytes(1_000)) for key in range(start, start + 100)]
        if not cache.stats().tier.evicted:
            assert caplog.messages == []
    assert cache.stats().tier.evicted > 0
    assert caplog.messages == [
        "the tier of cache 'users' is full (max_bytes=1048576) and evicts from now on",
    ]
