"""Every verb of `Cache`, with every policy: what it returns, and what is there afterwards."""

import gc
import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import hotset
import pytest
from hotset import MISSING, Cache
from hotset.testing import ManualClock

EMPTY_VALUES = [None, False, 0, 0.0, "", b"", (), [], {}, set(), NotImplemented]


@pytest.fixture(params=["adaptive", "lirs", "random"])  # one of each kind
def cache(request: pytest.FixtureRequest, clock: ManualClock) -> Cache[Any, Any]:
    return Cache("verbs", maxsize=100, policy=request.param, clock=clock)


def never(*_: object) -> Any:
    raise AssertionError("a loader was called for what is there")


@pytest.mark.parametrize("value", EMPTY_VALUES, ids=repr)
def test_every_value_is_a_value(cache: Cache[Any, Any], value: object) -> None:
    cache.set("k", value)
    assert cache.get("k", MISSING) is value and cache["k"] is value and cache.peek("k", MISSING) is value
    assert "k" in cache and len(cache) == 1 and list(cache.items()) == [("k", value)]
    assert cache.get_or_load("k", never) is value and cache.load_many(["k"], never) == {"k": value}
    assert cache.get_many(["k"]) == {"k": value} and cache.setdefault("k", "other") is value
    assert cache.add("k", "other") is False and cache.replace("k", value) is True
    assert cache.pop("k", "default") is value and "k" not in cache


@pytest.mark.parametrize("key", ["k", 7, (1, 2), None, 1.5], ids=repr)
def test_an_absent_key_is_told_by_every_verb(cache: Cache[Any, Any], key: object) -> None:
    assert cache.get(key) is None and cache.get(key, 3) == 3 and cache.peek(key) is None and cache.peek(key, 3) == 3
    assert key not in cache and cache.pop(key, None) is None and cache.pop(key, 3) == 3
    assert not any([cache.delete(key), cache.touch(key), cache.expire(key), cache.replace(key, 1)])
    for verb in (cache.__getitem__, cache.__delitem__, cache.pop):
        with pytest.raises(KeyError) as raised:
            verb(key)
        assert raised.value.args == (key,)
    assert len(cache) == 0 and not cache and cache == {}


def test_set_replaces_a_value_and_keeps_the_first_key_as_a_dict_does(cache: Cache[Any, Any]) -> None:
    cache[1] = "int"
    cache.set(True, "bool")
    cache[1.0] = "float"
    assert list(cache.items()) == [(1, "float")] and type(next(iter(cache))) is int
    assert cache.stats().replaced == 2


def test_add_stores_only_what_is_absent_and_replace_only_what_is_present(cache: Cache[Any, Any]) -> None:
    assert cache.replace("k", 0) is False and "k" not in cache
    assert cache.add("k", 1) is True and cache.add("k", 2) is False and cache["k"] == 1
    assert cache.replace("k", 3) is True and cache["k"] == 3


def test_what_is_taken_out_is_gone(cache: Cache[Any, Any]) -> None:
    cache.update(a=1, b=2, c=3, d=4)
    assert cache.pop("a") == 1 and cache.delete("b") is True and cache.expire("c") is True
    del cache["d"]
    assert cache == {} and cache.stats().invalidated == 3 and cache.stats().expired == 1


def test_popitem_takes_out_each_pair_once_and_raises_when_there_is_none(cache: Cache[Any, Any]) -> None:
    pairs = {number: str(number) for number in range(50)}
    cache.update(pairs)
    taken = [cache.popitem() for _ in pairs]
    assert dict(taken) == pairs and len(cache) == 0
    with pytest.raises(KeyError, match=r"popitem\(\): the cache is empty"):
        cache.popitem()


def test_incr_and_decr_count_from_the_initial_value(cache: Cache[Any, Any]) -> None:
    assert [cache.incr("n"), cache.incr("n", 5), cache.decr("n"), cache.decr("n", 2)] == [1, 6, 5, 3]
    assert cache.incr("m", 2, initial=10) == 12 and cache.decr("l", initial=10) == 9 and cache.incr("m", 0.5) == 12.5
    assert cache == {"n": 3, "m": 12.5, "l": 9}


def test_incr_gives_a_missing_number_its_ttl_and_lets_the_life_of_a_present_one_go_on(
    cache: Cache[Any, Any], clock: ManualClock
) -> None:
    cache.incr("n", ttl=10)
    clock.advance(6)
    assert cache.incr("n", ttl=10) == 2
    clock.advance(6)
    assert "n" not in cache and cache.incr("n") == 1


@pytest.mark.parametrize("value", ["1", None, True, [1]], ids=repr)
def test_incr_refuses_what_is_no_number(cache: Cache[Any, Any], value: object) -> None:
    cache["k"] = value
    with pytest.raises(TypeError, match=rf"incr\('k'\).*{type(value).__name__}, not a number"):
        cache.incr("k")
    assert cache["k"] is value


def test_get_or_load_loads_once_and_gives_the_loader_the_key(cache: Cache[Any, Any], clock: ManualClock) -> None:
    assert cache.get_or_load("k", lambda key: [key], ttl=10) == ["k"]
    assert cache.get_or_load("k", never) is cache["k"] and cache.stats().loads == 1
    clock.advance(11)
    assert cache.get_or_load("k", str.upper) == "K"


def test_a_failed_load_raises_and_stores_nothing(cache: Cache[Any, Any]) -> None:
    with pytest.raises(ZeroDivisionError):
        cache.get_or_load("k", lambda key: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cache.load_many("ab", lambda keys: {"a": 1 / 0})
    assert len(cache) == 0 and cache.stats().load_errors == 2 and cache.stats().loads == 0


def test_what_can_be_read_only_once_is_returned_and_not_stored(cache: Cache[Any, Any]) -> None:
    assert list(cache.get_or_load("k", lambda key: iter([1, 2]))) == [1, 2] and "k" not in cache


def test_load_many_asks_once_for_what_is_missing(cache: Cache[Any, Any]) -> None:
    asked: list[list[str]] = []
    cache["b"] = "here"

    def load(keys: list[str]) -> dict[str, str | None]:
        asked.append(keys)
        return {"a": None, "c": "loaded", "extra": "unasked"}

    assert cache.load_many(["a", "b", "c", "d", "a"], load) == {"a": None, "b": "here", "c": "loaded"}
    assert asked == [["a", "c", "d"]] and cache == {"a": None, "b": "here", "c": "loaded"}
    assert cache.load_many(["a", "b"], never) == {"a": None, "b": "here"}


def test_many_do_what_one_does(cache: Cache[Any, Any], clock: ManualClock) -> None:
    cache.set_many({"a": 1, "b": None}, ttl=10)
    cache.set_many(iter([("c", 3), ("d", 4)]), ttl=10)
    assert cache.get_many("abx") == {"a": 1, "b": None} and cache.get_many([]) == {}
    assert cache.touch_many("abx", ttl=20) == 2
    clock.advance(15)
    assert cache == {"a": 1, "b": None} and cache.expire_many("ax") == 1 and cache.delete_many("abx") == 1
    assert cache == {}


def test_clear_removes_everything_and_the_cache_goes_on(cache: Cache[Any, Any]) -> None:
    cache.update(a=1, b=2)
    assert cache.clear() is None and cache == {} and len(cache) == 0 and cache.stats().cleared == 2
    cache["a"] = 3
    assert cache == {"a": 3}


def test_a_copy_has_the_settings_and_the_entries_whose_lives_go_on(clock: ManualClock) -> None:
    cache: Cache[str, int] = Cache("of", maxsize=7, ttl=10, policy="lru", clock=clock)
    cache.set_many({"a": 1, "b": 2})
    clock.advance(6)
    other = cache.copy()
    assert other == cache and (other.maxsize, other.policy, other.ttl) == (7, "lru", cache.ttl)
    other["a"] = 9
    clock.advance(5)
    assert cache == {} and other == {"a": 9}


def test_a_copy_goes_on_with_lives_as_they_are_and_leaves_out_what_is_of_functions(clock: ManualClock) -> None:
    cache: Cache[Any, Any] = Cache(ttl=100, jitter=0.5, maxsize=None, clock=clock)
    cache.set_many((number, number) for number in range(1000))
    cache.cache_result(abs)(-1)
    assert set(cache.copy()) == set(range(1000))
    cache.set("idle", 1, ttl=100, idle=10)
    other = cache.copy()
    for _ in range(8):
        clock.advance(6.2)
        assert cache.get("idle") == other.get("idle") == 1
    assert len(other) == 1001


def test_reads_are_counted_and_looks_are_not(cache: Cache[Any, Any]) -> None:
    cache["a"] = 1
    looks = ("a" in cache, "b" in cache, cache.peek("a"), cache.peek("b"), list(cache.items()), len(cache))
    assert looks == (True, False, 1, None, [("a", 1)], 1)
    assert (cache.stats().hits, cache.stats().misses) == (0, 0)
    assert (cache.get("a"), cache["a"], cache.get("b"), cache.get_many("ab")) == (1, 1, None, {"a": 1})
    assert (cache.stats().hits, cache.stats().misses, cache.stats().requests) == (3, 2, 5)


def test_a_disabled_cache_is_empty_and_loads_every_time(cache: Cache[Any, Any]) -> None:
    cache["a"] = 1
    cache.enabled = False
    cache["b"] = 2
    assert cache == {} and cache.get("a") is None and cache.add("c", 1) is False and cache.incr("n", 5) == 5
    assert [cache.get_or_load("k", lambda key: len(key)) for _ in range(2)] == [1, 1] and cache.stats().loads == 2
    cache.enabled = True
    assert cache == {}
    cache["b"] = 2
    assert cache == {"b": 2}


def test_a_closed_cache_is_empty_and_listed_no_more(cache: Cache[Any, Any]) -> None:
    with cache as entered:
        entered["a"] = 1
        assert entered is cache and any(listed is cache for listed in hotset.caches())
    cache["b"] = 2
    assert cache == {} and not cache.enabled and not any(listed is cache for listed in hotset.caches())


def test_caches_are_listed_oldest_first_as_long_as_they_live() -> None:
    names = ["oldest", "middle", "newest"]
    made = [Cache(name) for name in names]
    assert [cache.name for cache in hotset.caches() if cache.name in names] == names
    made.pop(1)
    gc.collect()
    assert [cache.name for cache in hotset.caches() if cache.name in names] == ["oldest", "newest"]


@pytest.mark.parametrize(("setting", "enabled"), [("1", False), ("0", True), ("", True)])
def test_the_environment_can_disable_all_caches(setting: str, enabled: bool) -> None:
    script = "import hotset; c = hotset.Cache(); c['a'] = 1; print(c.enabled, len(c), hotset.caches() == [c])"
    environment = os.environ | {"HOTSET_DISABLE": setting}
    out = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert out.stdout.split() == [str(enabled), str(int(enabled)), "True"]


@pytest.mark.parametrize("tags", ["abc", 3, [1], [None], [b"abc"]], ids=repr)
def test_tags_are_a_list_of_names(cache: Cache[Any, Any], tags: Any) -> None:
    for verb in (cache.set, cache.add, cache.replace):
        with pytest.raises((TypeError, ValueError), match=r"tags=.*write a list of names, as in tags=\[\"user:7\"\]"):
            verb("k", 1, tags=tags)
    assert "k" not in cache


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (
            ValueError,
            'unknown policy "clock": write one of adaptive, tinylfu, s3fifo, sieve, lirs, arc, slru, lru, mru, lfu, fifo, random',
            {"policy": "clock"},
        ),
        (ValueError, "jitter=2: write a fraction of the ttl from 0 to 1", {"jitter": 2}),
        (ValueError, "jitter=-0.1: write a fraction", {"jitter": -0.1}),
        (ValueError, "jitter=nan: write a fraction", {"jitter": float("nan")}),
        (TypeError, "name=3: the name of a cache is a str", {"name": 3}),
        (TypeError, "on_remove='x': write a function", {"on_remove": "x"}),
        (TypeError, "on_remove=3: write a function", {"on_remove": 3}),
        (TypeError, "ManualClock", {"clock": 3}),
    ],
)
def test_an_argument_that_makes_no_sense_is_named_with_what_to_write(
    error: type[Exception], message: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        Cache(**arguments)


# What says that there is nothing

STORES: dict[str, Callable[[Cache[str, Any]], object]] = {
    "set": lambda cache: cache.set("key", MISSING),
    "[]": lambda cache: cache.__setitem__("key", MISSING),
    "add": lambda cache: cache.add("key", MISSING),
    "setdefault": lambda cache: cache.setdefault("key", MISSING),
    "update": lambda cache: cache.update(key=MISSING),
    "set_many": lambda cache: cache.set_many({"key": MISSING}),
    "replace": lambda cache: (cache.set("key", 1), cache.replace("key", MISSING)),
    "a function's set": lambda cache: cache.cache_result(lambda: 1).set(MISSING),
}


@pytest.mark.parametrize("verb", STORES)
def test_missing_is_no_value(verb: str) -> None:
    cache: Cache[str, Any] = Cache()
    with pytest.raises(ValueError, match="MISSING says that there is nothing"):
        STORES[verb](cache)
    assert cache.get("key") in (None, 1) and cache.setdefault("other", 5) == 5 and cache.incr("number") == 1


def test_a_load_that_returns_missing_stores_nothing() -> None:
    cache: Cache[Any, Any] = Cache()
    calls = []

    @cache.cache_result
    def f(number: int) -> Any:
        calls.append(number)
        return MISSING

    assert f(1) is f(1) is MISSING and calls == [1, 1]
    assert cache.get_or_load("k", lambda _: MISSING) is MISSING
    assert cache.load_many(["k"], lambda keys: dict.fromkeys(keys, MISSING)) == {"k": MISSING}
    assert len(cache) == 0
