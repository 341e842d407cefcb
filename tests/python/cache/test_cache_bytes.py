"""A cache with `max_bytes` holds so much memory and no more, whichever way values come into it."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import threading
from typing import Any

import hotset
import pytest
from hotset import Cache, cache_result, cache_result_many, cached_property, estimate_bytes

KILOBYTE = 1_000


@pytest.fixture(params=hotset.POLICIES)
def policy(request: pytest.FixtureRequest) -> hotset.Policy:
    name: hotset.Policy = request.param
    return name


def value(size: int) -> bytes:
    return bytes(size)


# How much


@pytest.mark.parametrize(
    ("given", "number"),
    [
        *(("256MB", 256_000_000), ("256MiB", 256 << 20), ("1.5GB", 1_500_000_000), ("512 kB", 512_000)),
        *((" 4 gib ", 4 << 30), ("10B", 10), (1_000, 1_000), (0, 0), (1 << 62, 1 << 62)),
    ],
)
def test_a_bound_is_a_number_of_bytes_or_a_text(given: int | str, number: int) -> None:
    cache: Cache[str, str] = Cache(max_bytes=given)
    assert cache.max_bytes == number and cache.maxweight is None and cache.maxsize is None
    assert f"max_bytes={number}" in repr(cache)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            "256",
            ValueError,
            'max_bytes: "256" is not an amount of memory (units are B kB MB GB TB KiB MiB GiB TiB): write',
        ),
        (
            "MB",
            ValueError,
            'max_bytes: "MB" is not an amount of memory (a number is missing): write for example "256MB"',
        ),
        ("-1MB", ValueError, "(a number is missing)"),
        ("9999999TB", ValueError, "(it is more than 2**62 bytes)"),
        (-1, ValueError, 'max_bytes=-1: write "256MB", "256MiB", "1.5GB", a whole number of bytes'),
        (1e6, ValueError, "max_bytes=1000000.0: write"),
        (True, TypeError, "max_bytes=True: write"),
        (b"1MB", TypeError, "max_bytes=b'1MB': write"),
    ],
)
def test_what_is_no_amount_of_memory_is_refused(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        Cache(max_bytes=given)


def test_bytes_are_instead_of_weights() -> None:
    weights: list[dict[str, Any]] = [{"maxweight": 5}, {"weigher": lambda key, value: 1}]
    for more in (*weights, weights[0] | weights[1]):
        with pytest.raises(
            ValueError, match="max_bytes weighs entries by the bytes that they take: give it, or maxweight"
        ):
            Cache(max_bytes="1MB", **more)


def test_a_number_of_entries_may_be_a_bound_as_well() -> None:
    cache: Cache[int, bytes] = Cache(max_bytes="10kB", maxsize=5)
    cache.set_many((number, b"") for number in range(10))
    assert len(cache) == 5 == cache.maxsize
    cache.set_many((number, value(3 * KILOBYTE)) for number in range(10))
    assert len(cache) == 3


# The bound


def test_the_bound_holds_after_every_operation(policy: hotset.Policy) -> None:
    cache: Cache[int, bytes] = Cache(max_bytes=20 * KILOBYTE, policy=policy)
    most = 0
    for _ in range(2_000):
        cache[random.randrange(100)] = value(random.randrange(3 * KILOBYTE))
        held = cache.stats().bytes
        assert held is not None and sum(map(len, cache.values())) < held <= 20 * KILOBYTE
        most = max(most, held)
    assert most > 18 * KILOBYTE and cache.stats().evicted > 0


def test_what_alone_is_too_large_is_refused_and_takes_its_predecessor_with_it(policy: hotset.Policy) -> None:
    cache: Cache[str, bytes] = Cache(max_bytes="10kB", policy=policy)
    cache.update(kept=value(100), replaced=value(100))
    cache["replaced"] = cache["new"] = value(11 * KILOBYTE)
    assert list(cache) == ["kept"] and cache.stats().refused == 2
    assert cache.get_or_load("large", lambda key: value(11 * KILOBYTE)) == value(11 * KILOBYTE) and "large" not in cache


def test_whatever_stores_weighs() -> None:
    cache: Cache[Any, Any] = Cache(max_bytes="1MB", grace="1h")

    @cache.cache_result
    def load(size: int) -> bytes:
        return value(size)

    @cache.cache_result
    async def fetch(size: int) -> bytes:
        return value(size)

    def grown_by(store: Any) -> int:
        before = cache.stats().weight
        store()
        return cache.stats().weight - before

    stores: list[Any] = [
        lambda: cache.set("set", value(KILOBYTE)),
        lambda: cache.add("add", value(KILOBYTE)),
        lambda: cache.setdefault("setdefault", value(KILOBYTE)),
        lambda: cache.set_many({"many": value(KILOBYTE)}),
        lambda: cache.get_or_load("load", lambda key: value(KILOBYTE)),
        lambda: cache.load_many(["load_many"], lambda keys: dict.fromkeys(keys, value(KILOBYTE))),
        lambda: load(KILOBYTE),
        lambda: load.set(value(KILOBYTE), 5),
    ]
    assert all(KILOBYTE < grown_by(store) < 1.5 * KILOBYTE for store in stores)
    assert 3 * KILOBYTE < grown_by(lambda: asyncio.run(storing_sizes(cache, fetch))) < 4 * KILOBYTE
    assert KILOBYTE < grown_by(lambda: cache.set("set", value(2 * KILOBYTE + 50))) < 1.5 * KILOBYTE
    assert -1.5 * KILOBYTE < grown_by(lambda: load.set(b"", KILOBYTE)) < -0.9 * KILOBYTE
    assert 0.9 * KILOBYTE < grown_by(lambda: load.refresh(KILOBYTE)) < 1.5 * KILOBYTE
    assert grown_by(cache.clear) < 0 == cache.stats().weight


async def storing_sizes(cache: Cache[Any, Any], fetch: Any) -> None:
    await fetch(KILOBYTE)
    await cache.aio.set("aio", value(KILOBYTE))
    await cache.aio.get_or_load("aio loaded", lambda key: fetch.uncached(KILOBYTE))


def test_a_copy_has_the_bound_too() -> None:
    cache: Cache[str, bytes] = Cache(max_bytes="10kB")
    cache["a"] = value(500)
    copied = cache.copy()
    assert copied.max_bytes == 10 * KILOBYTE and copied.stats().bytes == cache.stats().bytes


def test_an_error_that_is_kept_weighs_what_it_holds() -> None:
    cache: Cache[str, Any] = Cache(max_bytes="1MB", cache_errors=LookupError, error_ttl="1h")

    def fail(key: str) -> None:
        raise LookupError("x" * KILOBYTE + key)

    with pytest.raises(LookupError):
        cache.get_or_load("k", fail)
    assert KILOBYTE < cache.stats().weight < 3 * KILOBYTE


@pytest.mark.parametrize("aliasing", ["copy", "freeze"])
def test_what_is_kept_is_weighed_where_that_is_not_what_was_given(aliasing: Any) -> None:
    cache: Cache[str, Any] = Cache(max_bytes="1MB", aliasing=aliasing)
    cache["k"] = {"items": [str(number) * 10 for number in range(1_000)]}
    assert 20 * KILOBYTE < cache.stats().weight < 200 * KILOBYTE


def test_what_grows_later_is_not_weighed_again() -> None:
    cache: Cache[str, list[bytes]] = Cache(max_bytes="10kB")
    cache["k"] = [b""]
    cache["k"].append(value(1_000_000))
    assert cache.stats().weight < KILOBYTE
    cache["k"] = cache["k"]
    assert "k" not in cache


def test_tags_weigh() -> None:
    cache: Cache[str, None] = Cache(max_bytes="1MB")
    cache["a"] = None
    before = cache.stats().weight
    cache.set("b", None, tags=[f"tag:{number}" for number in range(10)])
    assert cache.stats().weight - before > before + 10 * 48


# resize, and what is said


def test_the_bound_can_be_changed_where_there_is_one(policy: hotset.Policy) -> None:
    cache: Cache[int, bytes] = Cache(max_bytes="100kB", policy=policy)
    cache.set_many((number, value(KILOBYTE)) for number in range(50))
    cache.resize(max_bytes="20kB")
    assert cache.max_bytes == 20 * KILOBYTE and 15 <= len(cache) <= 18
    cache.resize(max_bytes=None)
    cache.set_many((number, value(KILOBYTE)) for number in range(50))
    assert cache.max_bytes is None and len(cache) == 50
    cache.resize(max_bytes=10 * KILOBYTE)
    assert len(cache) < 10


def test_the_bound_stays_when_one_is_lifted_that_is_not_there() -> None:
    cache: Cache[int, bytes] = Cache(max_bytes="20kB")
    cache.resize(maxweight=None)
    assert cache.max_bytes == 20 * KILOBYTE
    weighed: Cache[int, bytes] = Cache(maxweight=7, weigher=lambda _key, _value: 1)
    weighed.resize(max_bytes=None)
    assert weighed.maxweight == 7


def test_a_copy_of_a_cache_whose_bound_was_lifted_can_be_bounded_again() -> None:
    cache: Cache[int, bytes] = Cache(max_bytes="20kB", what_if=True)
    cache.set_many((number, value(KILOBYTE)) for number in range(10))
    assert cache.copy().sampling
    cache.resize(max_bytes=None)
    copy = cache.copy()
    assert (copy.max_bytes, len(copy), copy.stats().bytes, copy.sampling) == (None, 10, cache.stats().bytes, False)
    copy.resize(max_bytes="5kB")
    assert len(copy) == 4
    weighed: Cache[int, int] = Cache(maxweight=7, weigher=lambda _key, number: number)
    weighed[3] = 3
    weighed.resize(maxweight=None)
    assert weighed.copy().maxweight is None and weighed.copy() == {3: 3}


def test_another_bound_is_not_made_of_it() -> None:
    with pytest.raises(ValueError, match="max_bytes can be changed of a cache that was made with max_bytes"):
        Cache().resize(max_bytes="1MB")
    with pytest.raises(ValueError, match="maxweight needs a weigher"):
        Cache(max_bytes="1MB").resize(maxweight=5)


def test_statistics_tell_what_is_held_and_the_bound() -> None:
    cache: Cache[str, bytes] = Cache(max_bytes="1MB")
    assert (cache.stats().bytes, cache.stats().max_bytes) == (0, 1_000_000)
    cache["a"] = value(500)
    stats = cache.stats()
    assert stats.bytes == stats.weight > 500 + 64
    assert (Cache().stats().bytes, Cache().stats().max_bytes) == (None, None)


def test_a_full_cache_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    cache: Cache[int, bytes] = Cache("pages", max_bytes="10kB")
    cache.set_many((number, value(KILOBYTE)) for number in range(20))
    assert caplog.messages == ["cache 'pages' is full (max_bytes=10000) and evicts from now on"]


# Functions


def test_functions_have_the_bound_of_their_own_caches() -> None:
    @cache_result(max_bytes="10kB")
    def one(number: int) -> bytes:
        return value(KILOBYTE)

    @cache_result_many(max_bytes="10kB")
    def many(numbers: list[int]) -> dict[int, bytes]:
        return {number: value(KILOBYTE) for number in numbers}

    class Page:
        @cached_property(max_bytes="10kB")
        def body(self) -> bytes:
            return value(KILOBYTE)

    pages = [Page() for _ in range(20)]
    assert (
        [one(number) for number in range(20)] == [page.body for page in pages] == list(many(list(range(20))).values())
    )
    for function in (one, many, Page.body.function):
        assert function.cache.max_bytes == 10 * KILOBYTE and function.cache.maxsize is None
        assert 5 < len(function.cache) < 10


def test_without_it_nothing_has_changed() -> None:
    assert cache_result(len).cache.maxsize == 10_000 == cache_result_many(len).cache.maxsize
    assert cache_result(len).cache.max_bytes is None and cache_result(maxsize=None)(len).cache.maxsize is None


# Code of others


def test_a_size_may_use_the_cache_that_it_is_asked_for() -> None:
    class Uses:
        def __sizeof__(self) -> int:
            cache["used"] = cache.get("used", 0) + 1
            cache.delete("key")
            return 100

    cache: Cache[str, Any] = Cache(max_bytes="10kB")
    cache["key"] = "old"
    cache["key"] = used = Uses()
    assert cache["key"] is used and cache["used"] == 1 and cache.stats().weight > 200


def test_a_size_that_raises_does_not_keep_a_value_out() -> None:
    class Raises:
        def __sizeof__(self) -> int:
            raise ConnectionError

    class Claims:
        def __sizeof__(self) -> int:
            return 1 << 62

    cache: Cache[str, Any] = Cache(max_bytes="10kB")
    cache["raises"] = Raises()
    cache["claims"] = Claims()
    assert list(cache) == ["raises"] and 64 < cache.stats().weight < 200


def test_the_bound_holds_under_threads() -> None:
    cache: Cache[int, Any] = Cache(max_bytes="50kB")
    over: list[int] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(1_500):
            cache.set(chance.randrange(200), [value(chance.randrange(2_000)), {}, "x" * chance.randrange(100)])
            held = cache.stats().weight
            if held > 50 * KILOBYTE:
                over.append(held)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert over == []
    cache.set_many((key, None) for key in list(cache))
    assert cache.stats().weight < 200 * 200


def test_what_is_estimated_is_what_is_weighed() -> None:
    cache: Cache[int, Any] = Cache(max_bytes="1MB")
    weights = []
    for made in (None, "x" * 500 + str(random.random()), [[1.5]] * 40, {"a": [str(random.random())]}):
        cache.clear()
        cache[1] = made
        weights.append(cache.stats().weight - estimate_bytes(made))
    assert len(set(weights)) == 1
