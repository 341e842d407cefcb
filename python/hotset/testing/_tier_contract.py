"""What every tier has to do, as tests that a tier's author runs."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import SkipTest

from hotset._cache import Cache
from hotset._core import MISSING
from hotset._tiers import namespaces
from hotset._tiers.own import is_own
from hotset.testing._chaos_tier import ChaosTier

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_SOME_BYTES = bytes(range(256)) * 40
_THREADS = 4
_ROUNDS = 25


class TierContract:
    """Tests of a tier: give a subclass a fixture ``tier``, whose place is empty, and let pytest run it.

    ::

        class TestMyTier(TierContract):
            @pytest.fixture
            def tier(self, tmp_path):
                return MyTier(tmp_path / "cache.db")

    What the tier cannot do is skipped.
    """

    # The methods of the tier

    def test_what_is_put_is_there_until_it_is_removed(self, tier: Any) -> None:
        tier = _own(tier)
        assert tier.get(b"key") is None
        for value in (b"a", b"", _SOME_BYTES):
            tier.put(b"key", value, ends_in=None)
            assert tier.get(b"key") == value
        tier.remove(b"key")
        tier.remove(b"key")
        assert tier.get(b"key") is None

    def test_keys_are_any_bytes_and_none_is_another(self, tier: Any) -> None:
        tier = _own(tier)
        keys = [b"\0", b"\0\0", b"a", b"A", b"a\0", b"a/../b", b" ", b"\xff\n", bytes(range(1, 200))]
        for number, key in enumerate(keys):
            tier.put(key, b"%d" % number, ends_in=60.0)
        assert [tier.get(key) for key in keys] == [b"%d" % number for number in range(len(keys))]

    def test_many_are_read_and_written_as_one_by_one(self, tier: Any) -> None:
        tier = _own(tier, "get_many", "put_many")
        tier.put_many([(b"a", b"1", None), (b"b", b"2", 60.0), (b"a", b"3", None)])
        assert (tier.get(b"a"), tier.get(b"b")) == (b"3", b"2")
        found = tier.get_many([b"b", b"none", b"a"])
        assert {key: value for key, value in found.items() if value is not None} == {b"a": b"3", b"b": b"2"}

    def test_an_exchange_stores_only_where_it_finds_what_it_expects(self, tier: Any) -> None:
        tier = _own(tier, "exchange")
        assert not tier.exchange(b"key", b"a", b"b", ends_in=None)
        assert tier.exchange(b"key", None, b"a", ends_in=None)
        assert not tier.exchange(b"key", None, b"b", ends_in=None)
        assert not tier.exchange(b"key", b"A", b"b", ends_in=60.0)
        assert tier.get(b"key") == b"a"
        assert tier.exchange(b"key", b"a", b"b", ends_in=60.0)
        assert tier.get(b"key") == b"b"

    def test_of_exchanges_in_threads_one_wins(self, tier: Any) -> None:
        tier = _own(tier, "exchange")

        def add(_: int) -> None:
            while True:
                present = tier.get(b"sum")
                if tier.exchange(b"sum", present, b"%d" % (int(present or 0) + 1), ends_in=None):
                    return

        _in_threads(add)
        assert tier.get(b"sum") == b"%d" % (_THREADS * _ROUNDS)

    def test_a_counter_begins_and_goes_on_in_one_step(self, tier: Any) -> None:
        tier = _own(tier, "increment")
        begin = 1_763_900_000_000_000
        assert tier.increment(b"clock", 1, begin) == begin
        assert tier.increment(b"clock", 0, 7) == begin
        _in_threads(lambda _: tier.increment(b"clock", 1, 7))
        assert tier.increment(b"clock", 5, 7) == begin + _THREADS * _ROUNDS + 5
        tier.remove(b"clock")
        assert tier.increment(b"clock", 0, 7) == 7

    def test_keys_are_listed_by_what_they_begin_with(self, tier: Any) -> None:
        tier = _own(tier, "keys")
        for key in (b"a%", b"a%1", b"a_", b"b"):
            tier.put(key, b"", ends_in=None)
        assert sorted(tier.keys(b"a%")) == [b"a%", b"a%1"]

    # Caches in front of the tier

    def test_one_cache_sees_what_another_has_set(self, tier: Any) -> None:
        with _two_caches(tier) as (one, other):
            for value in (1, None, "é", [1.5, {"a": b"\0"}]):
                one.set("key", value)
                assert other.get("key", MISSING) == value
            other.delete("key")
            assert one.get("key", MISSING) is MISSING

    def test_one_cache_sees_what_another_has_loaded(self, tier: Any) -> None:
        with _two_caches(tier) as (one, other):
            assert one.get_or_load("key", str.upper, tags=["tag"]) == "KEY"
            assert other.get_or_load("key", _unexpected) == "KEY"

    def test_what_is_invalidated_is_invalid_for_all(self, tier: Any) -> None:
        with _two_caches(tier) as (one, other):
            changes: list[Callable[[Any], object]] = [
                lambda cache: cache.delete("key"),
                lambda cache: cache.invalidate_tags("tag"),
                lambda cache: cache.clear(),
                lambda cache: cache.expire("key"),
            ]
            for change in changes:
                for first, second in ((one, other), (other, one)):
                    first.set("key", 1, tags=["tag"])
                    assert second.get("key") == 1
                    change(second)
                    assert (first.get("key"), second.get("key")) == (None, None)
                    first.get_or_load("key", len, tags=["tag"])
                    change(second)
                    assert (first.get("key"), second.get("key")) == (None, None)

    def test_what_has_other_tags_stays(self, tier: Any) -> None:
        with _two_caches(tier) as (one, other):
            one.set("a", 1, tags=["one"])
            one.set("b", 2, tags=["two"])
            other.invalidate_tags("one")
            assert (one.get("a"), one.get("b")) == (None, 2)

    def test_a_load_that_another_cache_overtakes_is_kept_in_neither(self, tier: Any) -> None:
        with _two_caches(tier) as (one, other):
            changes: list[Callable[[], object]] = [
                lambda: other.delete("key"),
                lambda: other.invalidate_tags("tag"),
                lambda: other.clear(),
            ]
            for change in changes:

                def load(_: str, change: Callable[[], object] = change) -> str:
                    change()
                    return "old"

                assert one.get_or_load("key", load, tags=["tag"]) == "old"
                assert (one.get("key"), other.get("key")) == (None, None)

            def load_while_set(_: str) -> str:
                other.set("key", "new")
                return "old"

            assert one.get_or_load("key", load_while_set) == "old"
            assert (one.get("key"), other.get("key")) == ("new", "new")

    def test_numbers_are_counted_together(self, tier: Any) -> None:
        if is_own(tier):
            _own(tier, "exchange")
        with _two_caches(tier) as caches:
            _in_threads(lambda number: caches[number % 2].incr("sum"), rounds=5)
            assert caches[0].get("sum") == 5 * _THREADS

    def test_what_is_stored_by_one_thread_and_invalidated_by_another_is_invalid(self, tier: Any) -> None:
        if is_own(tier):
            _own(tier, "exchange")
        truth = {"number": 0}
        with _two_caches(tier) as (one, other):

            def work(number: int) -> None:
                cache = (one, other)[number % 2]
                cache.get_or_load("key", lambda _: truth["number"], tags=["tag"])
                if number < 2:
                    truth["number"] += 1
                    cache.invalidate_tags("tag")

            _in_threads(work)
            final = truth["number"] = truth["number"] + 1
            other.invalidate_tags("tag")
            assert one.get_or_load("key", lambda _: final, tags=["tag"]) == final

    def test_what_the_tier_forgets_is_a_miss(self, tier: Any) -> None:
        tier = ChaosTier(_own(tier))
        with _two_caches(tier) as (one, other):
            for _ in range(20):
                with tier.losing(0.3):
                    one.set("key", "old", tags=["tag"])
                    one.get_or_load("key", lambda _: "old", tags=["tag"])
                    other.invalidate_tags("tag")
                assert one.get("key") is None
                one.set("key", "new", tags=["tag"])
                assert other.get("key") == "new"

    def test_what_is_corrupted_is_a_miss(self, tier: Any) -> None:
        tier = ChaosTier(_own(tier))
        with _two_caches(tier) as (one, other), tier.corrupting(0.3):
            for number in range(20):
                one.set("key", number, tags=["tag"])
                assert other.get("key") in (number, None)
                assert other.get_or_load("key", str.lower, tags=["tag"]) in (number, "key")
                other.invalidate_tags("tag")
                assert one.get("key") is None


def _own(tier: Any, *needed: str) -> Any:
    """The tier, if it is one that somebody wrote and has these methods."""
    if not is_own(tier):
        raise SkipTest("its methods are not Python's")
    for name in needed:
        if getattr(tier, name, None) is None:
            raise SkipTest(f"it has no {name}()")
    return tier


@contextmanager
def _two_caches(tier: Any) -> Generator[tuple[Cache[str, Any], Cache[str, Any]]]:
    """Two caches in front of one tier, as if they were in two processes."""
    before = namespaces.several
    namespaces.several = True
    try:
        one: Cache[str, Any] = Cache("contract", tier=tier, patience=10)
        other: Cache[str, Any] = Cache("contract", tier=tier, patience=10)
        yield one, other
        one.close()
        other.close()
    finally:
        namespaces.several = before


def _in_threads(run: Callable[[int], object], rounds: int = _ROUNDS) -> None:
    errors: list[Exception] = []

    def work(number: int) -> None:
        try:
            for _ in range(rounds):
                run(number)
        except Exception as error:  # noqa: BLE001  # raised below, in the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _unexpected(key: str) -> str:
    raise AssertionError(f"{key!r} was loaded, and should have been found")
