"""Tiers that users write in Python, and what happens to callers when those do badly."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from typing import Any

import pytest
from hotset import MISSING, Cache
from hotset._errors import TierError
from hotset._tiers import namespaces
from hotset._tiers.kinds import Heap
from hotset.preview import Tier
from hotset.testing import ChaosTier, ManualClock, TierContract
from own_tiers import LeastTier, WholeTier


class TestATierThatCanDoAll(TierContract):
    @pytest.fixture
    def tier(self) -> WholeTier:
        return WholeTier()


class TestATierThatCanDoTheLeast(TierContract):
    @pytest.fixture
    def tier(self) -> LeastTier:
        return LeastTier()


class TestATierThatExchanges(TierContract):
    @pytest.fixture
    def tier(self) -> WholeTier:
        tier: Any = WholeTier()
        tier.increment = tier.get_many = tier.put_many = None
        return tier  # type: ignore[no-any-return]


class TestATierWithoutChaos(TierContract):
    @pytest.fixture
    def tier(self) -> ChaosTier:
        return ChaosTier(WholeTier())


class TestTheHeap(TierContract):
    @pytest.fixture
    def tier(self) -> Heap:
        return Heap()


@pytest.fixture
def tier() -> ChaosTier:
    return ChaosTier(WholeTier())


def test_an_object_with_three_methods_is_a_tier() -> None:
    assert isinstance(LeastTier(), Tier) and isinstance(ChaosTier(LeastTier()), Tier)


def test_what_cannot_be_a_tier_is_refused_with_the_reason() -> None:
    class Half:
        def get(self, key: bytes) -> None: ...

    class Awaited(LeastTier):
        async def get(self, key: bytes) -> None: ...  # type: ignore[override]

    for wrong, message in (
        (object(), "write tier=.*an object with get\\(\\), put\\(\\) and remove\\(\\)"),
        (LeastTier, "write tier="),
        (Half(), ".*Half has no put\\(\\) and no remove\\(\\)"),
        (Awaited(), "Awaited.get\\(\\) is a coroutine function"),
    ):
        with pytest.raises(TypeError, match=message):
            Cache("users", tier=wrong)  # type: ignore[arg-type]


def test_a_second_cache_of_one_name_on_one_object_is_refused() -> None:
    tier = LeastTier()
    cache: Cache[str, int] = Cache("users", tier=tier)
    with pytest.raises(ValueError, match="there is a cache 'users' in front of this tier already"):
        Cache("users", tier=tier)
    cache.close()
    Cache("users", tier=tier).close()


def test_memory_keeps_nothing_unless_it_is_told_for_how_long(tier: ChaosTier) -> None:
    cache: Cache[str, int] = Cache("users", tier=tier)
    cache.set("a", 1)
    assert len(cache) == 0 and cache["a"] == 1
    kept: Cache[str, int] = Cache("kept", tier=tier, memory_ttl="1h")
    kept.set("a", 1)
    tier.calls.clear()
    assert kept["a"] == 1 and not tier.calls


def test_a_tier_that_is_away_costs_no_caller_more_than_a_load(
    tier: ChaosTier, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hotset")
    clock = ManualClock()
    cache: Cache[str, int] = Cache("users", tier=tier, clock=clock)
    cache.set("a", 1)
    with tier.away():
        assert cache.get("a") is None
        cache.set("b", 2)
        cache.invalidate_tags("tag")
        assert cache.get_or_load("c", len) == 1
        assert cache.get_many(["a", "d"]) == {}
        assert cache.delete("a") in (True, False)
    stats = cache.stats().tier
    assert stats is not None and stats.faults >= 5 and (stats.breaker, stats.refused > 0) == ("open", True)
    clock.advance("1s")
    assert cache.get("a") is None, "what was deleted meanwhile is so before the tier is read again"
    cache.set("b", 2)
    clock.advance("10s")
    cache.set("b", 2)
    messages = [record.message for record in caplog.records]
    assert messages == [
        "the tier of cache 'users' cannot read: ConnectionError; the cache goes on from memory",
        "the tier of cache 'users' works again",
    ]


def test_what_was_invalidated_while_the_tier_was_away_is_so_for_others_afterwards(tier: ChaosTier) -> None:
    one: Cache[str, int] = Cache("users", tier=tier)
    other: Cache[str, int] = Cache("users", tier=tier.tier)
    for change in (lambda: one.delete("a"), lambda: one.invalidate_tags("tag"), one.clear, lambda: one.set("a", 2)):
        other.set("a", 1, tags=["tag"])
        with tier.away():
            change()
        assert one.get("b", MISSING) is MISSING
        assert other.get("a", MISSING) is MISSING


@pytest.mark.parametrize("seed", range(3))
def test_a_tier_that_fails_now_and_then_never_gives_a_stale_value(seed: int) -> None:
    tier = ChaosTier(WholeTier(), seed=seed)
    cache: Cache[str, int] = Cache("users", tier=tier)
    with tier.failing(0.2):
        for number in range(60):
            cache.set("a", number, tags=["tag"])
            assert cache.get("a") in (number, None)
            cache.invalidate_tags("tag")
            assert cache.get("a") is None
            assert cache.get_or_load("a", lambda _, number=number: number, tags=["tag"]) == number
            cache.delete("a")


def test_faults_are_raised_if_that_is_wanted(tier: ChaosTier) -> None:
    cache: Cache[str, int] = Cache("users", tier=tier, on_error="raise")
    tier.fail_next(error=OSError("no route\nto host"), of="get")
    with pytest.raises(TierError, match="cache 'users' cannot read: OSError: no route to host"):
        cache.get("a")
    assert cache.get("a") is None


def test_what_get_returns_must_be_bytes() -> None:
    class Wrong(LeastTier):
        def get(self, key: bytes, /) -> Any:
            return "text"

    cache: Cache[str, int] = Cache("users", tier=Wrong(), on_error="raise")
    with pytest.raises(TierError, match=r"TypeError: get\(\) returned a str: return bytes, or None"):
        cache.get("a")


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit(3), asyncio.CancelledError])
def test_what_ends_a_program_or_a_task_is_raised_where_it_came_up(tier: ChaosTier, end: Any) -> None:
    cache: Cache[str, int] = Cache("users", tier=tier)
    for use in (lambda: cache.get("a"), lambda: cache.set("a", 1), lambda: cache.delete("a"), cache.clear):
        tier.fail_next(error=end)
        with pytest.raises(end if isinstance(end, type) else type(end)):
            use()
        use()


def test_slow_calls_of_a_tier_are_left_when_patience_ends() -> None:
    waited: list[float] = []
    tier = ChaosTier(LeastTier(), sleep=waited.append)
    cache: Cache[str, int] = Cache("users", tier=tier, patience=0.000_001, on_error="raise")
    with tier.slow(30), pytest.raises(TierError, match="ChaosTier takes longer than it may"):
        cache.set("a", 1)
    cache = Cache("others", tier=tier, patience="1m")
    with tier.slow(30):
        assert cache.get("a") is None
    assert waited and set(waited) == {30}


# No deadlocks


class Busy(WholeTier):
    """A tier whose methods use the cache in front of it."""

    def __init__(self) -> None:
        super().__init__()
        self.cache: Any = None
        self.depth = threading.local()

    def use(self) -> None:
        if self.cache is None or getattr(self.depth, "number", 0) > 2:
            return
        self.depth.number = getattr(self.depth, "number", 0) + 1
        try:
            self.cache.get("key")
            self.cache.get_or_load("key", str.upper)
            self.cache.invalidate_tags("tag")
            self.cache.set("other", 1)
            gc.collect(0)
        finally:
            self.depth.number -= 1

    def get(self, key: bytes, /) -> bytes | None:
        self.use()
        return super().get(key)

    def exchange(self, key: bytes, expected: bytes | None, value: bytes, *, ends_in: float | None) -> bool:
        self.use()
        return super().exchange(key, expected, value, ends_in=ends_in)

    def remove(self, key: bytes, /) -> None:
        self.use()
        super().remove(key)


def test_a_tier_may_use_the_cache_in_front_of_it() -> None:
    tier = Busy()
    cache: Cache[str, Any] = Cache("users", tier=tier, patience=60)
    cache.set("key", "value", tags=["tag"])
    tier.cache = cache

    def work() -> None:
        assert cache.get_or_load("key", str.upper) == "KEY"
        cache.delete("key")

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    tier.cache = None


def test_a_tier_that_asks_itself_for_ever_is_a_fault() -> None:
    class Endless(LeastTier):
        cache: Any = None

        def get(self, key: bytes, /) -> bytes | None:
            if self.cache is not None:
                self.cache.get("key")
            return super().get(key)

    tier = Endless()
    tier.cache = cache = Cache("endless", tier=tier, patience=60)  # type: ignore[var-annotated]
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(cache.get("key")))
    thread.start()
    thread.join(60)
    assert found == [None]
    tier.cache = None


def test_callers_in_threads_wait_for_a_tier_that_hangs_and_go_on(tier: ChaosTier) -> None:
    cache: Cache[str, Any] = Cache("users", tier=tier, patience=60)
    found: list[Any] = []
    with tier.hanging():
        threads = [threading.Thread(target=lambda: found.append(cache.get_or_load("key", str.upper))) for _ in range(4)]
        for thread in threads:
            thread.start()
        while not tier.calls:
            pass
        assert not found
    for thread in threads:
        thread.join(60)
    assert found == ["KEY"] * 4


def test_coroutines_go_on_whatever_a_tier_does(tier: ChaosTier) -> None:
    cache: Cache[str, Any] = Cache("users", tier=tier, patience=60)

    async def load(key: str) -> str:
        await asyncio.sleep(0)
        return key.upper()

    async def main() -> None:
        with tier.failing(0.5):
            results = await asyncio.gather(*(cache.aio.get_or_load(f"key{number % 3}", load) for number in range(30)))
        assert set(results) == {"KEY0", "KEY1", "KEY2"}
        await cache.aio.invalidate_tags("tag")
        assert await cache.aio.get_or_load("key0", load) == "KEY0"

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_tier_and_the_caches_in_front_of_it_can_be_collected() -> None:
    class Selfish(WholeTier):
        caches: Any = None

    tier = Selfish()
    tier.caches = [Cache("one", tier=tier), Cache("two", tier=tier)]
    gone = weakref.ref(tier)
    del tier
    gc.collect()
    assert gone() is None


# Chaos


def test_chaos_fails_the_calls_that_it_was_told_to() -> None:
    tier = ChaosTier(LeastTier(), error=TimeoutError("late"))
    tier.fail_next(2, of="put")
    tier.fail_next(error=LookupError("gone"))
    with pytest.raises(LookupError, match="gone"):
        tier.get(b"a")
    assert tier.get(b"a") is None
    for _ in range(2):
        with pytest.raises(TimeoutError, match="late"):
            tier.put(b"a", b"", ends_in=None)
    tier.put(b"a", b"1", ends_in=None)
    assert tier.calls == {"get": 2, "put": 3}
    for wrong in (lambda: tier.fail_next(of="fetch"), lambda: tier.failing(2).__enter__()):
        with pytest.raises(ValueError, match="write"):
            wrong()


def test_chaos_has_what_the_tier_has() -> None:
    assert not hasattr(ChaosTier(LeastTier()), "exchange")
    tier: Any = ChaosTier(WholeTier())
    assert tier.exchange(b"a", None, b"1", ends_in=None) and tier.increment(b"n", 1, 5) == 5
    with tier.losing():
        tier.put(b"b", b"2", ends_in=None)
        tier.increment(b"n", 1, 5)
    assert tier.get(b"b") is None and tier.increment(b"n", 0, 7) == 7
    with tier.corrupting():
        assert tier.get(b"a") not in (b"1", None) and tier.get_many([b"a"])[b"a"] != b"1"
    assert tier.get(b"a") == b"1"


@pytest.fixture(autouse=True)
def several_caches_of_one_name(request: pytest.FixtureRequest) -> Any:
    """As if each were in another process, but in the test of who may not."""
    namespaces.several = "refused" not in request.node.name
    yield
    namespaces.several = False
