"""Keys that are stored without an object: small ints, alone and among others, next to everything that equals them."""

from __future__ import annotations

import gc
import weakref
from decimal import Decimal
from fractions import Fraction
from typing import Any

import hotset
import pytest
from hotset import Cache, cache_result
from hypothesis import given
from hypothesis import strategies as st

EDGES = sorted({sign * (1 << bits) + more for bits in range(70) for sign in (1, -1) for more in (-1, 0, 1)})


class Number(int):
    """An int that is none to a typed key."""


def equals(number: int) -> list[Any]:
    """What equals a number in a dict, besides itself."""
    like: list[Any] = [Decimal(number), Fraction(number), Number(number)]
    if float(number) == number:
        like.append(float(number))
    if number in (0, 1):
        like.append(bool(number))
    return like


@pytest.mark.parametrize("number", EDGES)
def test_a_mapping_takes_equal_numbers_for_one_key(number: int) -> None:
    for like in equals(number):
        cache: Cache[Any, str] = Cache()
        cache[number] = "stored"
        assert cache[like] == cache[int(str(number))] == "stored"
        cache[like] = "again"
        assert (len(cache), type(next(iter(cache)))) == (1, int)
        other: Cache[Any, str] = Cache()
        other[like] = "like"
        assert (other[number], len(other)) == ("like", 1)
        other[number] = "number"
        assert (other[like], type(next(iter(other)))) == ("number", type(like))


@pytest.mark.parametrize("number", EDGES)
def test_a_float_next_to_a_number_is_another_key(number: int) -> None:
    cache: Cache[Any, str] = Cache()
    cache[number] = "stored"
    for near in (float(number) + 0.5, float(number) * 2 + 1, float("inf"), float("-inf"), float("nan")):
        assert (near in cache) == (near == number)


def test_all_numbers_at_the_edges_are_keys_of_their_own() -> None:
    cache: Cache[int, int] = Cache(maxsize=None)
    cache.update((number, number) for number in EDGES)
    assert sorted(cache) == EDGES == sorted(cache.values())
    assert all(cache.pop(number) == number for number in EDGES)
    assert not cache


@given(st.lists(st.integers(), unique=True))
def test_numbers_come_back_as_they_went_in(numbers: list[int]) -> None:
    cache: Cache[int, int] = Cache(maxsize=None, ttl=60)
    cache.update((number, -number) for number in numbers)
    assert dict(cache) == {number: -number for number in numbers}
    assert dict(cache.copy()) == dict(cache)


@given(st.integers(), st.integers(), st.text(max_size=2), st.booleans())
def test_calls_are_told_apart_by_the_types_of_their_arguments(a: int, b: int, c: str, typed: bool) -> None:
    calls = []

    @cache_result(typed=typed, maxsize=None)
    def f(*args: Any) -> int:
        calls.append(args)
        return len(calls)

    for args in [(a,), (a, b), (a, b, c), (c, a, b), (a, b, c, a, b, c, a, b)]:
        first = f(*args)
        assert f(*args) == f(*[type(arg)(str(arg)) for arg in args]) == first
        assert (f(*[float(arg) if isinstance(arg, int) and abs(arg) < 2**53 else arg for arg in args]) == first) == (
            not typed or not any(isinstance(arg, int) and abs(arg) < 2**53 for arg in args)
        )
    assert len(calls) >= 5


def test_no_object_of_a_small_int_is_kept() -> None:
    class Counted:
        pass

    @cache_result
    def f(number: int, other: object) -> object:
        return object()

    held = Counted()
    seen = weakref.ref(held)
    f(12345678901, held)
    f(12345678901, (1, held))
    assert len(f.cache) == 2
    del held
    gc.collect()
    assert seen() is None
    assert len(f.cache) <= 1


def test_the_key_of_a_call_shows_the_arguments_that_it_was_made_of() -> None:
    @cache_result
    def one(pair: object) -> object:
        return pair

    @cache_result
    def several(first: object, *rest: object) -> object:
        return first

    assert one.cache_key((1, 2)).arguments == ((1, 2),)
    assert several.cache_key(1).arguments == (1,)
    assert several.cache_key((1, 2)).arguments == ((1, 2),)
    assert several.cache_key(2**70, -1, True).arguments == (2**70, -1, True)
    assert several.cache_key(1) != several.cache_key(True) != several.cache_key(1.0)
    assert several.cache_key(1) == several.cache_key(int("1"))
    assert len({several.cache_key(1), several.cache_key(1), several.cache_key(1, 1)}) == 2
    assert "several(1, -1)" in repr(several.cache_key(1, -1))


def test_a_key_of_a_call_opens_its_entry() -> None:
    shared: Cache[Any, Any] = Cache()

    @shared.cache_result
    def f(number: int, text: str = "x") -> str:
        return text * number

    f(3)
    (key,) = shared
    assert shared[key] == shared[f.cache_key(3, "x")] == "xxx"
    shared[key] = "set"
    assert f(3) == "set"
    assert shared.delete(f.cache_key(3)) and not shared


class Sly:
    """Equals an int, and runs code to say so."""

    def __init__(self, number: int, cache: Cache[Any, Any]) -> None:
        self.number, self.cache = number, cache

    def __hash__(self) -> int:
        return hash(self.number)

    def __eq__(self, other: object) -> bool:
        self.cache.clear()
        return other == self.number


def test_an_int_that_leaves_while_it_is_compared_is_missed() -> None:
    cache: Cache[Any, str] = Cache()
    cache[5] = "five"
    assert cache.get(Sly(5, cache), hotset.MISSING) is hotset.MISSING
    assert cache.stats().misses == 1


def test_an_object_that_equals_an_int_is_found_by_it() -> None:
    cache: Cache[Any, str] = Cache()
    bystander: Cache[Any, Any] = Cache()
    cache[Sly(5, bystander)] = "sly"
    assert (cache[5], 6 in cache, len(cache)) == ("sly", False, 1)
