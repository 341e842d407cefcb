"""Every verb of caches with a tier behind them: what one worker does, the other sees from its next read on."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import Two
from hotset import MISSING, Cache, NotCachedError
from hotset._tiers.kinds import Heap, Tier
from hotset.testing import ManualClock


class Counted:
    """A loader that says how often it was called."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __call__(self, key: Any = None) -> str:
        self.calls.append(key)
        return f"load {len(self.calls)}"


# One key


def test_what_one_sets_the_other_sees_though_it_had_another(two: Two) -> None:
    here, there = two()
    here["k"] = 1
    assert there["k"] == 1
    here["k"] = 2
    assert (there["k"], there.get("k"), there.peek("k"), "k" in there) == (2, 2, 2, True)
    there.set("k", 3)
    assert (here["k"], here.get_entry("k").value) == (3, 3)


@pytest.mark.parametrize(
    "remove",
    [
        lambda cache: cache.delete("k"),
        lambda cache: cache.pop("k"),
        lambda cache: cache.__delitem__("k"),
        lambda cache: cache.invalidate_tags("t"),
        lambda cache: cache.expire("k"),
        lambda cache: cache.expire_tags("t"),
        lambda cache: cache.clear(),
        lambda cache: cache.delete_many(["k"]),
        lambda cache: cache.expire_many(["k"]),
        lambda cache: cache.set("k", 1, ttl="0.001s") or cache.delete("k"),
    ],
)
def test_what_one_removes_is_gone_for_the_other(two: Two, remove: Callable[[Cache[Any, Any]], Any]) -> None:
    here, there = two()
    here.set("k", 1, tags=["t"])
    assert there["k"] == 1
    remove(here)
    assert there.get("k", MISSING) is MISSING
    assert "k" not in there
    assert there.peek("k", MISSING) is MISSING
    assert there.get_many(["k"]) == {}
    assert there.get_entry("k") is None
    with pytest.raises(KeyError):
        there["k"]
    with pytest.raises(NotCachedError):
        there.get_or_load("k", lambda _: 2, only_if_cached=True)
    assert there.get_or_load("k", lambda _: 2) == 2
    assert here["k"] == 2


def test_what_was_invalidated_or_cleared_leaves_memory_too(two: Two) -> None:
    here, there = two()
    here.set("a", 1, tags=["t"])
    here["b"] = 2
    assert dict(there.get_many("ab")) == {"a": 1, "b": 2}
    here.invalidate_tags("t")
    assert (len(there), list(there), list(there.values())) == (1, ["b"], [2])
    here["b"] = 3
    assert (len(there), list(there.items())) == (0, [])
    assert there["b"] == 3
    here.clear()
    with pytest.raises(KeyError):
        there.popitem()


def test_add_and_setdefault_have_one_winner(two: Two) -> None:
    here, there = two()
    with ThreadPoolExecutor(8) as pool:
        for turn in range(50):
            key, caches = f"add {turn}", [here, there] * 4
            assert sum(pool.map(lambda cache, key=key: cache.add(key, 1), caches)) == 1
            key = f"default {turn}"
            given = list(pool.map(lambda pair, key=key: pair[1].setdefault(key, pair[0]), enumerate(caches)))
            assert set(given) == {here[key]} == {there[key]}


def test_replace_is_for_what_is_there(two: Two) -> None:
    here, there = two()
    assert not here.replace("k", 1)
    there["k"] = 1
    assert here.replace("k", 2)
    assert there["k"] == 2
    there.delete("k")
    assert not here.replace("k", 3)
    assert "k" not in here


@pytest.mark.parametrize("maxsize", [None, 0, 1])
@pytest.mark.parametrize("delta", [1, 1_000, 10**20, 0.5])
def test_no_count_is_lost(two: Two, delta: Any, maxsize: int | None) -> None:
    caches = two(maxsize=maxsize)

    def count(cache: Cache[Any, Any]) -> None:
        for _ in range(25):
            cache.incr("n", delta)

    threads = [threading.Thread(target=count, args=(cache,)) for cache in caches * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [cache["n"] for cache in caches] == [100 * delta] * 2


def test_counting_keeps_life_and_tags_and_refuses_what_is_no_number(two: Two, clock: ManualClock) -> None:
    here, there = two(clock=clock)
    here.set("n", 1_000, ttl=10, tags=["t"])
    clock.advance(6)
    assert there.incr("n", 500) == 1_500
    assert there.decr("n", 1_000) == here["n"] == 500
    clock.advance(6)
    assert "n" not in here
    assert "n" not in there
    here.set("n", float("nan"), tags=["t"])
    there.incr("n")
    there.invalidate_tags("t")
    assert here.incr("n") == 1
    here["text"] = "1"
    with pytest.raises(TypeError, match="not a number"):
        there.incr("text")


def test_touch_gives_a_new_life_to_both_and_brings_nothing_back(two: Two, clock: ManualClock) -> None:
    here, there = two(clock=clock)
    here.set("k", 1, ttl=10, tags=["t"])
    clock.advance(6)
    assert there["k"] == 1
    assert here.touch("k", ttl=10)
    assert there.touch_many(["k", "absent"], ttl=10) == 1
    clock.advance(6)
    assert (here["k"], there["k"]) == (1, 1)
    here.invalidate_tags("t")
    assert not there.touch("k")
    assert "k" not in there
    clock.advance(6)
    assert not here.touch("k")


def test_pop_gives_what_was_there(two: Two) -> None:
    here, there = two()
    here["k"] = None
    assert there.pop("k") is None
    assert here.pop("k", MISSING) is MISSING
    with pytest.raises(KeyError):
        there.pop("k")
    here["k"] = 1
    assert there.delete("k")
    assert not here.delete("k")


def test_of_many_who_pop_one_has_it(two: Two) -> None:
    caches = two()
    with ThreadPoolExecutor(8) as pool:
        for turn in range(50):
            caches[turn % 2]["token"] = turn
            had = list(pool.map(lambda cache: cache.pop("token", MISSING), caches * 4))
            assert [value for value in had if value is not MISSING] == [turn]


def test_what_is_expired_is_stale_within_its_grace_and_then_gone(two: Two, clock: ManualClock) -> None:
    for expire in (lambda cache: cache.expire("k"), lambda cache: cache.expire_tags("t")):
        here, there = two(clock=clock, grace=10)
        here.set("k", "old", tags=["t"])
        assert there["k"] == "old"
        expire(here)
        for cache in (here, there):
            assert cache.get("k") is None
            entry = cache.get_entry("k", max_stale=20)
            assert (entry.value, entry.stale) == ("old", True)

        def fail(_: object) -> str:
            raise OSError("down")

        assert there.get_or_load("k", fail, timeout=5) == "old"
        clock.advance(11)
        assert there.get_entry("k", max_stale=20) is None
        with pytest.raises(OSError, match="down"):
            here.get_or_load("k", fail)


def test_entries_end_for_both_at_once(two: Two, clock: ManualClock) -> None:
    here, there = two(clock=clock, ttl=10)
    here["before"] = 1
    there["after"] = 2
    assert (there["before"], here["after"]) == (1, 2)
    clock.advance(9.5)
    assert (there["before"], here["after"]) == (1, 2)
    clock.advance(0.5)
    assert [cache.get_many(["before", "after"]) for cache in (here, there)] == [{}, {}]


# Many keys


def test_bulk_verbs(two: Two) -> None:
    here, there = two()
    here.set_many({number: str(number) for number in range(10)}, tags=["t"])
    here.set_many([(10, "10"), (10, "ten")])
    assert there.get_many([*range(12), 3]) == {**{number: str(number) for number in range(10)}, 10: "ten"}
    there.update({1: "one"}, b="bee")
    assert here.get_many([1, "b"]) == {1: "one", "b": "bee"}
    assert here.delete_many([1, "b", "c"]) == 2
    assert there.get_many([1, "b"]) == {}
    here.invalidate_tags("t")
    assert there.get_many(range(12)) == {10: "ten"}


def test_many_are_loaded_that_nobody_has(two: Two) -> None:
    for options in ({}, {"maxsize": 0}, {"maxsize": 3}):
        here, there = two(**options)
        here.clear()
        here.set_many(dict.fromkeys(range(20), "set"))
        asked: list[list[int]] = []

        def load(keys: list[int], asked: list[list[int]] = asked) -> dict[int, str]:
            asked.append(keys)
            return dict.fromkeys({*keys} - {21}, "loaded")

        found = there.load_many(range(22), load)
        assert asked == [[20, 21]]
        assert found == {**dict.fromkeys(range(20), "set"), 20: "loaded"}
        assert here.get(20) == "loaded"

        async def again(there: Cache[Any, Any] = there) -> dict[int, str]:
            async def load_more(keys: list[int]) -> dict[int, str]:
                return load(keys)

            return await there.aio.load_many(range(23), load_more)

        assert asyncio.run(again())[22] == "loaded"
        assert asked[1:] == [[21, 22]]
        assert here[22] == "loaded"


# Loads and functions


def test_a_load_of_one_is_a_hit_of_the_other(two: Two) -> None:
    here, there = two()
    load = Counted()
    assert here.get_or_load("k", load) == there.get_or_load("k", load) == "load 1"
    assert there.get_or_load("k", load, refresh=True) == "load 2"
    assert here["k"] == "load 2"
    assert here.get_entry("k").source == "memory"
    assert here.get_or_load("k", load, max_age=0) == there["k"] == "load 3"
    assert here.get_or_load("k", load, bypass=True) == "load 4"
    assert there["k"] == "load 3"


def test_an_entry_says_where_it_is_from(two: Two, clock: ManualClock) -> None:
    for options, second in (({}, "memory"), ({"maxsize": 0}, "tier")):
        here, there = two(clock=clock, ttl=20, **options)
        here.clear()
        here.set("k", 1)
        clock.advance(5)
        for source in ("tier", second):
            entry = there.get_entry("k")
            assert (entry.value, entry.source, round(entry.age), round(entry.fresh_for)) == (1, source, 5, 15)
        assert there.get("k", max_age=6) == 1
        assert there.get("k", max_age=4) is None
        assert there.get_or_load("k", lambda _: 2, max_age=4) == 2
        assert there.get_entry("absent") is None
        assert there.get_entry("new", lambda _: 3).source == "load"


def test_functions_share_their_results(two: Two) -> None:
    here, there = two()
    load = Counted()

    def user(number: int, part: str = "all") -> str:
        return load((number, part))

    mine, yours = (cache.cache_result(name="user", tags=["user:{number}"])(user) for cache in (here, there))
    assert mine(7) == yours(number=7, part="all") == "load 1"
    assert mine.peek(7) == yours.peek(7) == "load 1"
    assert yours.refresh(7) == mine(7) == "load 2"
    mine.set("given", 7)
    assert yours(7) == "given"
    assert yours.invalidate(7)
    assert mine.peek(7) is MISSING
    assert mine(7) == "load 3"
    there.invalidate_tags("user:7")
    assert mine(7) == yours(7) == "load 4"
    assert mine.expire(7)
    assert yours(7) == "load 5"
    there["other"] = 1
    mine.cache_clear()
    assert yours(7) == "load 6"
    assert here["other"] == 1
    entry = mine.get_entry(7)
    assert (entry.source, entry.value) == ("tier", "load 6")
    assert mine.with_options(max_age=0)(7) == yours(7) == "load 7"
    assert yours.with_options(only_if_cached=True)(7) == "load 7"


def test_coroutine_functions_share_their_results(two: Two) -> None:
    here, there = two()
    load = Counted()

    async def user(number: int) -> str:
        await asyncio.sleep(0)
        return load(number)

    mine, yours = (cache.cache_result(name="user")(user) for cache in (here, there))

    async def main() -> None:
        assert await mine(7) == await yours(7) == "load 1"
        assert await yours.refresh(7) == await mine(7) == "load 2"
        mine.invalidate(7)
        assert await yours(7) == "load 3"
        assert (await mine.get_entry(7)).source == "tier"
        waiting = mine(8)
        await yours(8)
        assert await waiting == "load 4"

    asyncio.run(main())
    assert load.calls == [7, 7, 7, 8]


def test_the_awaitable_face_has_the_same_verbs(two: Two) -> None:
    here, there = two()
    load = Counted()

    async def loader(key: str) -> str:
        return load(key)

    async def main() -> None:
        await here.aio.set("k", 1, tags=["t"])
        assert await there.aio.get("k") == 1
        assert not await there.aio.add("k", 2)
        assert await there.aio.replace("k", 2)
        assert await here.aio.pop("k") == 2
        assert await there.aio.get_or_load("k", loader) == await here.aio.get_or_load("k", loader) == "load 1"
        assert await here.aio.incr("n", 300) == 300
        assert await there.aio.incr("n", 300) == 600
        await here.aio.set_many({"a": 1, "b": 2})
        assert await there.aio.get_many(["a", "b"]) == {"a": 1, "b": 2}
        assert await there.aio.delete("a")
        assert await here.aio.get("a") is None
        await there.aio.clear()
        assert await here.aio.get_many(["k", "n", "b"]) == {}

    asyncio.run(main())


class Account:
    def __init__(self, number: int) -> None:
        self.number = number
        self.loads = 0

    def balance(self, currency: str) -> int:
        self.loads += 1
        return self.loads


def test_methods_are_keyed_by_what_their_objects_are(two: Two) -> None:
    mine, yours = (
        cache.cache_result(name="balance", key=lambda self, currency: (self.number, currency))(Account.balance)
        for cache in two()
    )
    account = Account(1)
    assert mine(account, "EUR") == yours(account, "EUR") == yours(Account(1), "EUR") == 1
    assert (mine(account, "USD"), yours(Account(2), "EUR")) == (2, 1)
    yours.invalidate(Account(1), "EUR")
    assert mine(account, "EUR") == 3


# Bounds, values and modes


def test_without_memory_the_tier_is_the_cache(two: Two) -> None:
    here, there = two(maxsize=0)
    load = Counted()
    function = here.cache_result(name="f")(load)
    assert function(1) == function(1) == "load 1"
    here["k"] = None
    assert ("k" in here, here.get("k", 1), len(here), there.setdefault("k", 2)) == (True, None, 0, None)
    assert there.incr("n", 300) == 300
    assert here.incr("n", 300) == 600
    assert here.pop("n") == 600
    assert there.get_or_load("new", lambda _: 1) == here["new"] == 1


def test_what_was_evicted_comes_back_from_the_tier(two: Two) -> None:
    here, there = two(maxsize=5)
    for number in range(50):
        here[number] = number
    assert [there[number] for number in range(50)] == [here[number] for number in range(50)] == [*range(50)]
    assert len(here) == len(there) == 5
    here.popitem()
    assert [here.get(number) for number in range(50)] == [*range(50)]


@pytest.mark.parametrize("value", [None, False, 0, "", (), [], {}, 0.0])
def test_every_value_is_a_value(two: Two, value: Any) -> None:
    here, there = two()
    function = there.cache_result(name="f")(lambda: pytest.fail("it is there"))
    here["k"] = value
    here.cache_result(name="f")(lambda: value)()
    assert there.get("k", MISSING) == there.peek("k", MISSING) == there["k"] == value
    assert (function(), type(there["k"])) == (value, type(value))
    assert there.get_or_load("k", lambda _: pytest.fail("it is there")) == value


def test_modes_weighers_and_listeners_see_what_the_tier_had(two: Two) -> None:
    removed: list[Any] = []
    here, there = two(
        aliasing="copy",
        weigher=lambda _key, value: len(value),
        maxweight=10,
        on_remove=lambda key, value, cause: removed.append((key, value, cause)),
    )
    here["k"] = [1, 2]
    there["k"].append(3)
    assert there["k"] == [1, 2]
    there["heavy"] = [0] * 20
    assert (here["heavy"], len(here), len(there)) == ([0] * 20, 1, 1)
    here["k"] = [3]
    removed.clear()
    assert there["k"] == [3]
    assert removed == [("k", [1, 2], "invalidated")]


def test_what_comes_from_the_tier_is_frozen_at_once(two: Two) -> None:
    here, there = two(aliasing="freeze")
    here["k"] = [1]
    first = there["k"]
    assert type(first) is type(there["k"]) is type(here["k"]) is type(there.peek("k"))
    assert type(two(aliasing="freeze", maxsize=0)[0].peek("k")) is type(first)
    sizes = two(max_bytes="1kB")
    sizes[0]["large"] = "x" * 10_000
    assert (len(sizes[1]["large"]), len(sizes[1])) == (10_000, 0)


def test_a_cache_that_is_off_finds_and_stores_nothing_and_still_forgets(two: Two) -> None:
    here, there = two()
    load = Counted()
    for forget in (
        lambda: here.delete("k"),
        lambda: here.set("k", 2),
        lambda: here.set_many({"k": 2}),
        lambda: here.invalidate_tags("t"),
        lambda: here.expire("k"),
        lambda: here.clear(),
    ):
        there.set("k", 1, tags=["t"])
        here.enabled = False
        assert (here.get("k"), "k" in here, here.get_many(["k"])) == (None, False, {})
        assert here.get_or_load("k", load).startswith("load")
        assert there["k"] == 1
        forget()
        assert "k" not in there
        here.enabled = True
        assert "k" not in here


def test_the_environment_switches_caches_off(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTSET_DISABLE", "1")
    here, there = two()
    here["k"] = 1
    assert (there.get("k"), there.stats().tier.stored) == (None, 0)


def test_a_copy_has_what_is_in_memory_and_no_tier(two: Two) -> None:
    here, there = two()
    here["k"] = 1
    there["other"] = 2
    copy = here.copy()
    assert dict(copy.items()) == {"k": 1}
    copy["k"] = 3
    assert there["k"] == 1


# Statistics


def test_a_hit_is_what_was_not_loaded(two: Two) -> None:
    here, there = two()
    here["k"] = 1
    assert [there.get("k"), there.get("k"), there.get("absent")] == [1, 1, None]
    stats = there.stats()
    assert (stats.hits, stats.misses, stats.tier.hits, stats.tier.misses) == (2, 1, 1, 1)
    there.get_many(["k", "absent"])
    there.get_or_load("k", Counted())
    there.get_or_load("new", Counted())
    stats = there.stats()
    assert (stats.hits, stats.misses, stats.loads) == (4, 3, 1)
    function = there.cache_result(name="f")(Counted())
    function(1), function(1)
    assert function.cache_info()[:2] == (1, 1)
    mine = here.cache_result(name="f")(Counted())
    mine(1), mine(1)
    assert mine.cache_info()[:2] == (2, 0)


# Who uses the cache meanwhile


class Nosy:
    """A key whose comparisons use the cache that it is a key of."""

    def __init__(self, cache: Cache[Any, Any]) -> None:
        self.cache = cache

    def __hash__(self) -> int:
        self.cache.get("other")
        return 1

    def __eq__(self, other: object) -> bool:
        self.cache["other"] = self.cache.get("other", 0) + 1
        return True


def test_what_python_is_asked_may_use_the_cache(tier: Tier) -> None:
    class Codec:
        id = 9

        def encode(self, value: Any) -> bytes:
            if value != 0:
                caches[0].set("encoded", 0)
            return str(value).encode()

        def decode(self, data: bytes) -> int:
            caches[0].get("absent")
            return int(data)

    def nosy(*_: object) -> int:
        caches[0].get("absent")
        caches[0].delete("weighed")
        return 1

    caches: list[Cache[Any, Any]] = []
    caches.append(Cache("nosy", tier=tier, codec=Codec(), weigher=nosy, maxweight=3, on_remove=nosy))
    cache = caches[0]
    for number in range(20):
        cache[number] = number + 1
        assert cache[number] == number + 1
    assert [cache[number] for number in range(20)] == [*range(1, 21)]
    with pytest.raises(TypeError, match="Nosy"):
        cache[Nosy(cache)] = 1
    with pytest.raises(TypeError, match="Nosy"):
        cache.get(Nosy(cache))


def test_a_cache_in_a_circle_is_collected(tier: Tier) -> None:
    import gc
    import weakref

    class Holder:
        cache: Cache[Any, Any]

    def circle() -> weakref.ref[Holder]:
        holder = Holder()
        holder.cache = Cache("circle", tier=tier, on_remove=lambda *_: holder)
        holder.cache.cache_result(name="f")(lambda: holder)
        holder.cache["k"] = 1
        return weakref.ref(holder)

    gone = circle()
    gc.collect()
    assert gone() is None
    assert Cache("circle", tier=tier)["k"] == 1


def test_heaps_are_apart(two: Two) -> None:
    here, _ = two()
    here["k"] = 1
    assert "k" not in Cache("shared", tier=Heap())
    assert "k" not in Cache("another", tier=Heap())
