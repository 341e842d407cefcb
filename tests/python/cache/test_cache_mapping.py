"""A cache as a mapping: the standard library's own tests of one, keys as those of a dict, views, types."""

import gc
import weakref
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from unittest import TestCase, skip

import pytest
from hotset import Cache
from hotset.testing import ManualClock

try:
    from test import mapping_tests as library
except ImportError:
    library = None  # type: ignore[assignment]  # some distributions leave the library's tests out

WITHOUT_LIBRARY = "this interpreter comes without test.mapping_tests"
NO_FROMKEYS = "a cache is made with its bounds; MutableMapping, unlike dict, has no fromkeys either"
NO_CONTENTS = "keyword arguments of a cache are its settings"
NO_DICT_REPR = "the representation of a cache shows its bounds, not its content"
MAY_CHANGE = "walking over a cache survives what others do to it"


def test_the_library_has_tests_of_mappings() -> None:
    if library is None:
        pytest.skip(WITHOUT_LIBRARY)
    assert issubclass(TestBasicMapping, library.BasicTestMappingProtocol)


class TestBasicMapping(getattr(library, "BasicTestMappingProtocol", TestCase)):  # type: ignore[misc]  # the library's tests have no types
    type2test = Cache


class TestMapping(getattr(library, "TestMappingProtocol", TestCase)):  # type: ignore[misc]  # as above
    type2test = Cache
    test_constructor = skip(NO_CONTENTS)(lambda self: None)
    test_fromkeys = skip(NO_FROMKEYS)(lambda self: None)


class TestHashMapping(getattr(library, "TestHashMappingProtocol", TestCase)):  # type: ignore[misc]  # as above
    type2test = Cache
    test_constructor = skip(NO_CONTENTS)(lambda self: None)
    test_fromkeys = skip(NO_FROMKEYS)(lambda self: None)
    test_repr = skip(NO_DICT_REPR)(lambda self: None)
    test_repr_deep = skip(NO_DICT_REPR)(lambda self: None)
    test_mutatingiteration = skip(MAY_CHANGE)(lambda self: None)


@pytest.fixture(params=["adaptive", "lirs", "random"])  # one of each kind
def cache(request: pytest.FixtureRequest, clock: ManualClock) -> Cache[Any, Any]:
    return Cache("mapping", maxsize=100, policy=request.param, clock=clock)


def test_a_cache_is_a_mutable_mapping(cache: Cache[Any, Any]) -> None:
    assert isinstance(cache, MutableMapping) and isinstance(cache, Mapping)
    match cache:
        case {}:
            pass
        case _:
            pytest.fail("a mapping pattern does not match")


def test_views_show_what_is_there_now(cache: Cache[Any, Any]) -> None:
    keys, values, items = cache.keys(), cache.values(), cache.items()
    cache.update(a=1, b=[])
    assert set(keys) == set(cache) == {"a", "b"} and sorted(map(str, values)) == ["1", "[]"]
    assert dict(items) == {"a": 1, "b": []} and len(keys) == len(values) == len(items) == 2
    assert [] in values and 3 not in values and ("a", 1) in items and ("a", 2) not in items and "c" not in keys
    assert keys & {"a", "x"} == {"a"} and keys | {"x"} == {"a", "b", "x"}
    del cache["b"]
    assert list(keys) == ["a"] and list(values) == [1] and list(items) == [("a", 1)]


def test_caches_are_equal_to_mappings_of_the_same_pairs(cache: Cache[Any, Any]) -> None:
    cache.update(a=1, b=2)
    twin: Cache[str, int] = Cache()
    twin.update(b=2, a=1)
    assert cache == {"b": 2, "a": 1} and cache == dict(cache) and cache == twin
    assert cache != {"a": 1} and cache != {"a": 1, "b": 3} and cache != [("a", 1), ("b", 2)]


# Keys


@dataclass(frozen=True)
class SameHash:
    number: int

    def __hash__(self) -> int:
        return 7


@pytest.mark.parametrize(
    "verb", ["get", "__getitem__", "__contains__", "pop", "delete", "expire", "touch", "incr", "peek"]
)
def test_what_cannot_be_hashed_is_refused_by_every_verb(cache: Cache[Any, Any], verb: str) -> None:
    with pytest.raises(TypeError, match="a list cannot be a key because it is not hashable: use a str"):
        getattr(cache, verb)([])
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        getattr(cache, verb)(("a", []))
    with pytest.raises(TypeError, match="a list cannot be a key"):
        cache.set([], 1)
    assert cache == {}


def test_what_a_key_raises_comes_out_and_changes_nothing(cache: Cache[Any, Any]) -> None:
    class Angry:
        def __hash__(self) -> int:
            return 7

        def __eq__(self, other: object) -> bool:
            raise ConnectionError("no answer")

    cache[Angry()] = "first"
    for verb in (cache.get, cache.delete, cache.touch, cache.__contains__):
        with pytest.raises(ConnectionError):
            verb(Angry())
    with pytest.raises(ConnectionError):
        cache[Angry()] = "second"
    assert list(cache.values()) == ["first"]


@pytest.mark.parametrize("count", [2, 16, 17, 40])
def test_keys_of_one_hash_are_all_found(cache: Cache[Any, Any], count: int) -> None:
    keys = [SameHash(number) for number in range(count)]
    for number, key in enumerate(keys):
        cache[key] = number
    assert [cache.get(SameHash(number)) for number in range(count)] == list(range(count))
    assert all(SameHash(number) in cache for number in range(count)) and len(cache) == count
    assert [cache.incr(SameHash(count - 1)), cache.incr(SameHash(count - 1))] == [count, count + 1]
    assert cache.delete_many(map(SameHash, range(count))) == count and cache == {}


def test_equal_keys_of_several_types_are_one_and_others_are_not(cache: Cache[Any, Any]) -> None:
    nan = float("nan")
    reference: dict[Any, int] = {}
    for number, key in enumerate(
        [1, 1.0, True, 0, False, -0.0, "1", b"1", (1,), (1.0,), nan, float("nan"), 2**70, None]
    ):
        cache[key] = reference[key] = number
    assert len(cache) == len(reference) == 9 and all(cache[key] == value for key, value in reference.items())
    assert {(type(key), str(key)) for key in cache} == {(type(key), str(key)) for key in reference}
    assert 2.0**70 in cache and nan in cache and float("nan") not in cache


# Types and objects


def test_caches_have_types_for_annotations_only() -> None:
    cache = Cache[str, int]("typed")
    assert type(cache) is Cache and cache.name == "typed"

    class Numbers(Cache[str, int]):
        pass

    assert isinstance(Numbers(), Cache) and str(Cache[str, int]).endswith("Cache[str, int]")


def test_a_subclass_is_made_with_its_own_methods_and_attributes() -> None:
    class Upper(Cache[str, str]):
        def __new__(cls, suffix: str, **settings: Any) -> "Upper":
            return super().__new__(cls, "upper", **settings)

        def __init__(self, suffix: str, **settings: Any) -> None:
            self.suffix = suffix

        def __setitem__(self, key: str, value: str) -> None:
            super().__setitem__(key, value.upper() + self.suffix)

    cache = Upper("!", maxsize=2)
    cache.update(a="x", b="y", c="z")
    assert (cache.name, cache.maxsize, cache["c"], len(cache)) == ("upper", 2, "Z!", 2)


def test_a_cache_can_be_weakly_referenced_and_is_freed_with_what_it_holds() -> None:
    class Value:
        pass

    cache: Cache[str, object] = Cache()
    value = Value()
    cache["value"], cache["self"] = value, cache
    gone = [weakref.ref(cache), weakref.ref(value)]
    assert gone[0]() is cache
    del cache, value
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
