"""Functions whose keys are equal arguments (``typed=False``): what is one key in memory is one in a tier, at any depth."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Hashable
from decimal import Decimal
from fractions import Fraction
from pathlib import PosixPath, PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pytest
from hotset import Cache
from hotset._tiers.kinds import Heap
from hypothesis import given, settings
from hypothesis import strategies as st
from sizes import examples


class Pair(NamedTuple):
    first: object
    second: object


class Word(str):
    """Compares as any text does."""


class Moody(str):
    """Compares by rules of its own, so that it is no key of a tier."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moody) and str.__eq__(self, other)

    __hash__ = str.__hash__


class Level(enum.IntEnum):
    ZERO = 0
    ONE = 1


class Suit(enum.StrEnum):
    A = "a"


@dataclasses.dataclass(frozen=True)
class Boxed:
    content: object


UTC, PARIS = dt.UTC, dt.timezone(dt.timedelta(hours=1))
SCALARS: list[Any] = [
    *(0, 1, -1, True, False, 0.0, -0.0, 1.0, 0.5, 1e30, 10**30, int(1e30), 2**70, 2.0**70, 0j, 1 + 0j, 1j, complex(-0.0, 1.0), 0.5 + 0j),
    *(Fraction(1), Fraction(1, 2), Fraction(1, 3), Fraction(1, 10), Decimal(1), Decimal("1.00"), Decimal("0.5"), Decimal("0.1"), 0.1),
    *(Decimal("-0"), Decimal("1E+30"), float("inf"), Decimal("inf")),
    *(Level.ONE, Level.ZERO, Suit.A, "a", "b", Word("a"), "", b"a", b"", None),
    *(range(0), range(5, 5), range(0, 3, 2), range(0, 4, 2), range(1, 2), range(1, 2, 7), PurePosixPath("a"), PosixPath("a")),
    *(PurePosixPath("a/b"), UUID(int=12_345), dt.date(2026, 1, 1), dt.timedelta(1), dt.timedelta(hours=24)),
    *(dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 1, 1, tzinfo=PARIS), dt.datetime(2026, 1, 1, tzinfo=UTC)),
]  # fmt: skip


def nested(inside: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inside, max_size=3)
    hashable = inside.filter(lambda value: isinstance(value, Hashable) and hashes(value))
    return (
        several
        | several.map(tuple)
        | st.builds(Pair, inside, inside)
        | st.builds(Boxed, hashable)
        | st.lists(hashable, max_size=3).map(frozenset)
        | st.lists(hashable, max_size=3).map(set)
        | st.dictionaries(hashable, inside, max_size=2)
    )


def hashes(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def scalar(number: int) -> Any:
    return SCALARS[number]


ANY = st.recursive(st.integers(0, len(SCALARS) - 1).map(scalar), nested, max_leaves=4)


def other_of(value: Any) -> st.SearchStrategy[Any]:
    """Something that is likely to be equal: the same, of scalars that are equal."""
    kind = type(value)
    if kind in (list, set, frozenset):
        return st.tuples(*map(other_of, value)).map(kind)
    if kind in (tuple, Pair):
        return st.tuples(*map(other_of, value)).flatmap(lambda made: st.sampled_from(
            [made, Pair(*made)] if len(made) == 2 else [made]))  # fmt: skip
    if kind is Boxed:
        return other_of(value.content).map(Boxed)
    if kind is dict:
        return st.tuples(*(st.tuples(other_of(key), other_of(item)) for key, item in value.items())).map(dict)
    return st.sampled_from([other for other in SCALARS if hash(other) == hash(value) and other == value])


def asked(maxsize: int, values: tuple[Any, Any]) -> tuple[int, int]:
    """How many keys there are in memory, and in the tier."""
    tier = Heap()
    cache: Cache[Any, Any] = Cache("equal", tier=tier, maxsize=maxsize)
    ask = cache.cache_result(name="ask", typed=False)(lambda value: 1)
    for value in values:
        ask(value)
    return cache.stats().entries, len(tier._open().keys())


@settings(max_examples=examples(2_000), deadline=None)
@given(pair=ANY.flatmap(lambda value: st.tuples(st.just(value), other_of(value) | ANY)))
def test_of_a_loose_function_one_key_in_memory_is_one_in_the_tier(pair: tuple[Any, Any]) -> None:
    in_memory, _ = asked(10, pair)
    _, in_the_tier = asked(0, pair)
    assert in_memory == in_the_tier


@pytest.mark.parametrize(
    "pair", [(np.int64(1), 1), (np.float64(0.5), Fraction(1, 2)), (np.str_("a"), "a"), (np.bool_(True), 1.0)]
)
def test_scalars_of_numpy_are_what_they_are_equal_to(pair: tuple[Any, Any]) -> None:
    for wrap in (lambda value: value, lambda value: (value, "more")):
        assert asked(10, (wrap(pair[0]), wrap(pair[1])))[0] == 1
        assert asked(0, (wrap(pair[0]), wrap(pair[1])))[1] == 1


def test_a_class_with_an_equality_of_its_own_is_no_key() -> None:
    ask = Cache("own", tier=Heap()).cache_result(name="ask", typed=False)(lambda value: 1)
    with pytest.raises(TypeError, match="cannot be part of a key"):
        ask((Moody("a"),))
