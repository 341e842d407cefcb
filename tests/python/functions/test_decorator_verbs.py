"""The verbs on a decorated function, and its options that say how long and how many."""

import datetime
from typing import Any

import hotset
import pytest
from hotset import MISSING, Cache, CacheInfo, cache_result
from hotset.testing import ManualClock


class Counted:
    """A function that says how often it was called: 1, 2, 3…"""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any]] = []

    def __call__(self, x: int, y: int = 0) -> int:
        self.calls.append((x, y))
        return len(self.calls)


@pytest.fixture
def load() -> Counted:
    """What is decorated."""
    return Counted()


# Verbs


def test_invalidate_forgets_exactly_that_call_and_says_whether_there_was_one(load: Counted) -> None:
    f = cache_result(load)
    assert [f(1), f(2)] == [1, 2]
    assert f.invalidate(1) is True
    assert f.invalidate(1) is False
    assert [f(1), f(2)] == [3, 2]


@pytest.mark.parametrize("call", [((1,), {}), ((1, 0), {}), ((), {"x": 1}), ((), {"y": 0, "x": 1}), ((1,), {"y": 0})])
def test_a_verb_takes_the_arguments_in_any_form_of_the_call(
    load: Counted, call: tuple[tuple[int, ...], dict[str, int]]
) -> None:
    f, (args, kwargs) = cache_result(load), call
    f(1)
    assert f.peek(*args, **kwargs) == 1
    assert f.cache_key(*args, **kwargs) == f.cache_key(1)
    assert f.set("set", *args, **kwargs) is None
    assert f(1) == "set"
    assert f.refresh(*args, **kwargs) == 2
    assert f.expire(*args, **kwargs) is True
    assert f.peek(1) is MISSING
    f(1)
    assert f.invalidate(*args, **kwargs) is True
    assert f.peek(1) is MISSING


def test_refresh_loads_anew_stores_and_returns(load: Counted) -> None:
    f = cache_result(load)
    assert [f(1), f.refresh(1), f(1)] == [1, 2, 2]
    assert f.refresh(5) == 3
    assert f(5) == 3


def test_a_refresh_that_fails_raises_and_leaves_what_there_was() -> None:
    answers = iter([1])
    f = cache_result(lambda: next(answers))
    assert f() == 1
    with pytest.raises(StopIteration):
        f.refresh()
    assert f() == 1


def test_peek_neither_loads_nor_counts_nor_prolongs(load: Counted, clock: ManualClock) -> None:
    f = cache_result(idle="10s", clock=clock)(load)
    assert f.peek(1) is MISSING
    assert load.calls == []
    f(1)
    before = f.cache_info()
    clock.advance("6s")
    assert f.peek(1) == 1
    assert f.cache_info() == before
    clock.advance("6s")
    assert f.peek(1) is MISSING


def test_set_stores_for_a_call_what_was_never_loaded(load: Counted, clock: ManualClock) -> None:
    f = cache_result(ttl="10s", clock=clock)(load)
    f.set("given", 1)
    assert [f(1), load.calls] == ["given", []]
    clock.advance("10s")
    assert f(1) == 1


def test_set_without_a_value_says_what_it_takes(load: Counted) -> None:
    with pytest.raises(TypeError, match=r"f\.set\(value, \*args\)"):
        cache_result(load).set()


def test_expire_ends_a_life_without_grace_and_says_whether_there_was_one(load: Counted) -> None:
    f = cache_result(load)
    assert f.expire(1) is False
    f(1)
    assert f.expire(1) is True
    assert f(1) == 2


def test_uncached_is_the_function_itself(load: Counted) -> None:
    f = cache_result(load)
    assert f.uncached is load
    assert [f(1), f.uncached(1), f(1)] == [1, 2, 1]


def test_cache_is_the_cache_that_holds_the_results(load: Counted) -> None:
    cache: Cache[Any, Any] = Cache("mine")
    f = cache.cache_result(load)
    f(1)
    assert f.cache is cache
    assert cache.get(f.cache_key(1)) == 1
    cache.delete(f.cache_key(1))
    assert f.peek(1) is MISSING


def test_keys_of_calls_compare_and_hash_by_function_and_arguments(load: Counted) -> None:
    cache: Cache[Any, Any] = Cache("mine")
    f, g = cache.cache_result(load), cache.cache_result(load)
    assert f.cache_key(1) == f.cache_key(x=1, y=0)
    assert hash(f.cache_key(1)) == hash(f.cache_key(x=1, y=0))
    elsewhere = cache_result(load)
    assert len({f.cache_key(1), f.cache_key(1.0), f.cache_key(True), g.cache_key(1), elsewhere.cache_key(1)}) == 5


def test_cache_info_has_the_names_of_functools(load: Counted) -> None:
    f = cache_result(maxsize=7)(load)
    for x in (1, 1, 2, 1):
        f(x)
    assert f.cache_info() == CacheInfo(hits=2, misses=2, maxsize=7, currsize=2)
    assert cache_result(maxsize=None)(load).cache_info().maxsize is None


def test_cache_clear_forgets_results_and_statistics_of_this_function_only() -> None:
    cache: Cache[Any, Any] = Cache("two")
    f, g = cache.cache_result(lambda x: x), cache.cache_result(lambda x: -x)
    for function in (f, f, g, g):
        function(1)
    f.cache_clear()
    assert f.cache_info()[:2] == (0, 0)
    assert f.peek(1) is MISSING
    assert (g.peek(1), g.cache_info().hits) == (-1, 1)


@pytest.mark.parametrize("verb", ["invalidate", "expire", "peek", "refresh", "cache_key"])
def test_arguments_that_fit_no_call_are_refused_by_a_verb(load: Counted, verb: str) -> None:
    f = cache_result(load)
    for args, kwargs in [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1})]:
        with pytest.raises(TypeError, match=verb):
            getattr(f, verb)(*args, **kwargs)
    assert load.calls == []


def test_arguments_that_fit_no_call_raise_what_the_function_raises() -> None:
    def f(x: int) -> int:
        return x

    for args, kwargs in [((), {}), ((1, 2), {}), ((1,), {"x": 1}), ((1,), {"z": 1})]:
        with pytest.raises(TypeError) as plain:
            f(*args, **kwargs)
        with pytest.raises(TypeError) as cached:
            cache_result(f)(*args, **kwargs)
        assert str(cached.value) == str(plain.value)


# Options


@pytest.mark.parametrize("ttl", ["10s", 10, 10.0, datetime.timedelta(seconds=10)], ids=str)
def test_a_result_is_gone_when_its_ttl_is_over(load: Counted, clock: ManualClock, ttl: Any) -> None:
    f = cache_result(ttl=ttl, clock=clock)(load)
    f(1)
    clock.advance("9s")
    assert f(1) == 1
    clock.advance("1s")
    assert f(1) == 2


def test_a_result_lives_for_ever_without_a_ttl(load: Counted, clock: ManualClock) -> None:
    f = cache_result(clock=clock)(load)
    f(1)
    clock.advance("10000h")
    assert f(1) == 1


def test_a_result_leaves_that_was_not_asked_for_while_idle(load: Counted, clock: ManualClock) -> None:
    f = cache_result(idle="10s", clock=clock)(load)
    for _ in range(3):
        assert f(1) == 1
        clock.advance("9s")
    clock.advance("1s")
    assert f(1) == 2


def test_no_more_than_maxsize_results_are_kept(load: Counted) -> None:
    f = cache_result(maxsize=5)(load)
    for x in range(100):
        f(x)
        assert f.cache_info().currsize == min(x + 1, 5)


def test_a_maxsize_of_nought_keeps_nothing(load: Counted) -> None:
    f = cache_result(maxsize=0)(load)
    assert [f(1), f(1), f.cache_info().currsize] == [1, 2, 0]


def test_an_unbounded_function_keeps_everything(load: Counted) -> None:
    f = cache_result(maxsize=None)(load)
    for x in range(20_000):
        f(x)
    assert f.cache_info().currsize == 20_000


@pytest.mark.parametrize("value", [None, False, 0, "", (), [], {}], ids=repr)
def test_empty_results_are_results(value: object) -> None:
    calls: list[int] = []
    f = cache_result(lambda: calls.append(1) or value)
    assert f() is value
    assert f() is value
    assert f.peek() is value
    assert len(calls) == 1


def test_the_name_is_in_the_representation_and_in_the_cache() -> None:
    def load() -> None: ...

    assert cache_result(name="users.load")(load).cache.name == "users.load"
    assert "users.load" in repr(cache_result(name="users.load")(load))
    assert f"{__name__}.{load.__qualname__}" in repr(cache_result(load))
    assert cache_result(version=3)(load).version == 3


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"ttl": "soon"}, ValueError, "soon"),
        ({"ttl": -1}, ValueError, "ttl"),
        ({"ttl": []}, TypeError, "ttl"),
        ({"idle": "soon"}, ValueError, "soon"),
        ({"maxsize": -1}, ValueError, "maxsize"),
        ({"maxsize": "big"}, TypeError, "maxsize"),
        ({"policy": "clock"}, ValueError, "clock"),
        ({"typed": "yes"}, TypeError, "typed='yes'"),
        ({"should_cache": True}, TypeError, "should_cache=True"),
        ({"key": "x"}, TypeError, "key='x'"),
        ({"ignore": "x"}, TypeError, r"ignore=\['x'\]"),
        ({"ignore": ["z"]}, ValueError, "has no such parameter, only x, y"),
        ({"clock": 3}, TypeError, "clock"),
    ],
    ids=str,
)
def test_an_option_that_makes_no_sense_is_refused_by_name(
    load: Counted, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        hotset.cache_result(**options)(load)
