"""Keys that were chosen to have one hash cost as many comparisons as there are, as in a dict, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hotset import Cache, cache_result

COUNT = 300


class Key:
    """Has the hash of all others, and compares by its own rule."""

    compared = 0

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        Key.compared += 1
        return isinstance(other, Key) and self.number == other.number


def mapping() -> tuple[Callable[[Key], Any], Callable[[Key], Any]]:
    cache: Cache[Key, int] = Cache()
    return lambda key: cache.set(key, key.number), lambda key: cache[key]


def function() -> tuple[Callable[[Key], Any], Callable[[Key], Any]]:
    called = cache_result(lambda key: key.number)
    return called, called


def of_two() -> tuple[Callable[[Key], Any], Callable[[Key], Any]]:
    called = cache_result(lambda key, _other: key.number)
    return lambda key: called(key, 1), lambda key: called(key, 1)


def untyped() -> tuple[Callable[[Key], Any], Callable[[Key], Any]]:
    called = cache_result(typed=False)(lambda key: key.number)
    return called, called


@pytest.mark.parametrize("kind", [mapping, function, of_two, untyped])
def test_a_lookup_among_keys_of_one_hash_compares_each_once(kind: Callable[[], Any]) -> None:
    store, look = kind()
    for number in range(COUNT):
        store(Key(number))
    for number in (0, COUNT // 2, COUNT - 1):
        Key.compared = 0
        assert look(Key(number)) == number
        assert Key.compared <= COUNT + 1, f"{Key.compared} comparisons for one of {COUNT}"
    Key.compared = 0
    store(Key(COUNT))
    assert Key.compared <= 3 * COUNT, "it was looked for, looked for again when its load began, and stored"


def test_hashes_of_tuples_and_of_large_numbers_depend_on_a_secret() -> None:
    """Each of these is the same for all where numbers are mixed without one."""

    def fold(number: int) -> int:
        product = number * 0x9E37_79B9_7F4A_7C15
        return (product ^ (product >> 64)) & (2**64 - 1)

    @cache_result
    def f(_value: object) -> None: ...

    target = 12_345
    tuples = [(number, (fold(2 ^ number) ^ target) & (2**60 - 1)) for number in range(200)]
    numbers = [1 + number * (2**61 - 1) for number in range(2, 202)]
    for values in (tuples, numbers, [(number,) for number in numbers]):
        assert len({hash(f.cache_key(value)) for value in values}) > 190
