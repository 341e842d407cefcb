"""What a value takes is estimated: nearly exactly where it is small, from samples where it is large, and never at the cost of an error."""

from __future__ import annotations

import array
import ast
import dataclasses
import datetime
import decimal
import enum
import fractions
import gc
import itertools
import json
import logging
import math
import pathlib
import random
import string
import sys
import threading
import tracemalloc
import types
import uuid
import weakref
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hotset import Cache, estimate_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from sizes import examples

EXACTLY = 0.1
"""By which part an estimate may be off where everything is looked at."""
SURROUNDINGS_BYTES = 150
"""What the interpreter allocates for itself meanwhile."""
SAMPLED = 0.2
"""By which part it may be off where a sample is looked at."""

chance = random.Random(7)


def text(length: int) -> str:
    return "".join(chance.choices(string.ascii_lowercase + " ", k=length))


def row() -> dict[str, Any]:
    """What an API returns."""
    names = [text(8) for _ in range(chance.randrange(1, 5))]
    inner = {"street": text(20), "number": chance.randrange(1 << 40), "checked": True}
    return {"id": chance.randrange(1000, 1 << 30), "price": chance.random(), "names": names, "inner": inner}


@dataclasses.dataclass
class Record:
    number: int
    name: str
    parts: list[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    number: int
    name: str
    parts: tuple[str, ...]


class Wide:
    """More attributes than there is room for in an object."""

    def __init__(self) -> None:
        for number in range(40):
            setattr(self, f"attribute_{number}", text(10))


class Asked(Record):
    """An object that was asked for its `__dict__`."""

    def __post_init__(self) -> None:
        assert self.__dict__


class TextWithMore(str):
    more: str

    def __new__(cls, value: str) -> TextWithMore:
        self = super().__new__(cls, value)
        self.more = value * 2
        return self


class DictWithSlot(dict[str, str]):
    __slots__ = ("extra",)
    extra: list[str]


class ListWithMore(list[str]):
    more: list[str]


class Color(enum.Enum):
    RED = "red"
    DETAILED = ("a long description " * 100,)


Point = namedtuple("Point", "x y z")  # as old code has it


def record(kind: type[Record] = Record) -> Record:
    return kind(chance.randrange(1000, 1 << 30), text(30), [text(5), text(9)])


def slotted_dict() -> DictWithSlot:
    made = DictWithSlot({text(8): text(30) for _ in range(40)})
    made.extra = [text(2000)]
    return made


def long_list_with_more(size: int) -> ListWithMore:
    made = ListWithMore(text(8) for _ in range(size))
    made.more = [text(20_000)]
    return made


def closure() -> Callable[[], list[str]]:
    held = [text(100) for _ in range(20)]
    return lambda: held


def cycle() -> list[Any]:
    outer: list[Any] = [text(500)]
    outer.append({"outer": outer, "text": text(600)})
    return outer


class Node:
    def __init__(self, value: object, after: Node | None) -> None:
        self.value = value
        self.next = after
        self.prev: Node | None = None
        if after is not None:
            after.prev = self


def chain(count: int) -> Node | None:
    """Nodes that know their neighbours."""
    node = None
    for _ in range(count):
        node = Node([chance.random()], node)
    return node


def net(count: int) -> list[Any]:
    """Nodes that know ten others."""
    nodes: list[Any] = [[] for _ in range(count)]
    for node in nodes:
        node += chance.choices(nodes, k=10)
    return nodes


def one_in_many(count: int) -> list[Any]:
    """Elements that share the largest part of them."""
    schema = text(100_000)
    return [[chance.random(), schema] for _ in range(count)]


def several(make: Callable[[], object], count: int = 50) -> Callable[[], list[object]]:
    return lambda: [make() for _ in range(count)]


ZOO: dict[str, Callable[[], object]] = {
    "ascii": several(lambda: text(300)),
    "latin": several(lambda: "é" * 300 + text(3)),
    "wide text": several(lambda: "漢" * 300 + text(3)),
    "bytes": several(lambda: chance.randbytes(1000)),
    "bytearray": lambda: bytearray(5000),
    "floats": several(chance.random, 200),
    "ints": several(lambda: chance.randrange(1000, 1 << 50), 200),
    "large ints": several(lambda: chance.randrange(1 << 90, 1 << 100)),
    "complex": several(lambda: complex(chance.random(), 1)),
    "rows": several(row, 20),
    "json": lambda: json.loads(json.dumps([row() for _ in range(30)])),
    "tuples": several(lambda: (chance.random(), text(5))),
    "set": lambda: {text(10) for _ in range(60)},
    "frozenset": lambda: frozenset(text(10) for _ in range(60)),
    "records": several(record),
    "records that were asked for their dict": several(lambda: record(Asked)),
    "slotted": several(lambda: Slotted(chance.randrange(1000, 1 << 30), text(30), (text(5),))),
    "wide objects": several(Wide, 5),
    "namespace": several(lambda: types.SimpleNamespace(a=text(40), b=[text(40)])),
    "named tuples": several(lambda: Point(chance.random(), text(4), chance.random())),
    "texts with attributes": several(lambda: TextWithMore(text(30))),
    "dict with a slot": slotted_dict,
    "ordered dict": lambda: OrderedDict((text(8), text(8)) for _ in range(60)),
    "default dict": lambda: defaultdict(list, {text(8): [text(6)] for _ in range(50)}),
    "counter": lambda: Counter(text(8) for _ in range(60)),
    "deque": lambda: deque(text(8) for _ in range(60)),
    "array": lambda: array.array("d", [1.0] * 1000),
    "memoryview": lambda: memoryview(bytearray(10_000))[5:50],
    "mapping proxy": lambda: types.MappingProxyType({text(8): text(50) for _ in range(30)}),
    "aware datetimes": several(lambda: datetime.datetime.fromtimestamp(chance.random(), datetime.UTC)),
    "decimals": several(lambda: decimal.Decimal(repr(chance.random()))),
    "fractions": several(lambda: fractions.Fraction(chance.randrange(1000, 10**6), 77_777_777)),
    "uuids": several(lambda: uuid.UUID(int=chance.getrandbits(128))),
    "paths": several(lambda: pathlib.PurePosixPath("/srv/data")),
    "members of an enumeration": several(lambda: Color.RED, 300),
    "closure": closure,
    "cycle": cycle,
    "a linked list": lambda: chain(300),
    "a net": lambda: net(60),
    "a tree": lambda: ast.parse("total = sum(price * 7 for price in prices)\n" * 5),
    "numpy": lambda: np.zeros((100, 100)),
    "numpy view": lambda: np.zeros((100, 100))[::7, 3],
    "numpy objects": lambda: np.array([text(50) for _ in range(50)] + [None], dtype=object),
    "data frame": lambda: pd.DataFrame({"a": np.arange(10_000), "b": np.zeros(10_000)}),
}

LARGE: dict[str, Callable[[], object]] = {
    "large ints": several(lambda: chance.randrange(1 << 90, 1 << 100), 20_000),
    "texts": several(lambda: text(chance.randrange(200)), 2_000),
    "rows": several(row, 500),
    "json": lambda: json.loads(json.dumps([row() for _ in range(500)])),
    "dict of rows": lambda: {text(9): row() for _ in range(500)},
    "dict of dicts": lambda: {n + 1000: {m + 1000: text(30) for m in range(40)} for n in range(100)},
    "dict by what is in its values": lambda: {made["names"][0]: made for made in (row() for _ in range(500))},
    "set": lambda: {text(10) for _ in range(2_000)},
    "set of small ints and others": lambda: set(range(10_000)),
    "deque": lambda: deque(row() for _ in range(500)),
    "ordered dict": lambda: OrderedDict((text(10), text(8)) for _ in range(2_000)),
    "objects": several(record, 1_000),
    "matrix": several(several(chance.random, 100), 300),
    "a pattern of two": lambda: [text(100) if number % 2 else chance.random() for number in range(2_048)],
    "few that are large": lambda: [text(5_000 if number % 10 == 0 else 10) for number in range(1_000)],
    "all the same": lambda: [text(1_000)] * 5_000,
    "a part in common": lambda: one_in_many(5_000),
    "list with an attribute": lambda: long_list_with_more(3_000),
    "numpy objects": lambda: np.array([text(50) for _ in range(2_000)], dtype=object),
    "data frame of texts": lambda: pd.DataFrame({"s": pd.Series([text(30) for _ in range(3_000)], dtype=object)}),
}


@pytest.fixture(autouse=True)
def the_same_chances(request: pytest.FixtureRequest) -> None:
    """Every test makes the same objects, whatever others there are."""
    chance.seed(request.node.name)


@pytest.fixture
def measured() -> Iterator[Callable[[Callable[[], object]], tuple[object, int]]]:
    """Makes an object; with it, what the interpreter allocated for it."""

    def measure(make: Callable[[], object]) -> tuple[object, int]:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        made = make()
        gc.collect()  # which also gives back what the interpreter keeps for reuse
        return made, tracemalloc.get_traced_memory()[0] - before

    gc.freeze()  # or else every collection is one of all that is imported
    tracemalloc.start()
    yield measure
    tracemalloc.stop()
    gc.unfreeze()


@pytest.mark.parametrize("name", ZOO)
def test_what_is_looked_at_in_full_is_estimated_closely(name: str, measured: Any) -> None:
    ZOO[name]()
    made, allocated = measured(ZOO[name])
    assert estimate_bytes(made) == pytest.approx(allocated, rel=EXACTLY, abs=SURROUNDINGS_BYTES)


@pytest.mark.parametrize("name", LARGE)
def test_what_is_sampled_is_estimated_well(name: str, measured: Any) -> None:
    made, allocated = measured(LARGE[name])
    assert estimate_bytes(made) == pytest.approx(allocated, rel=SAMPLED)


def test_an_estimate_is_always_the_same() -> None:
    made = LARGE["rows"]()
    assert len({estimate_bytes(made) for _ in range(20)}) == 1


def test_each_object_counts_once() -> None:
    held = text(10_000)
    assert estimate_bytes([held]) < estimate_bytes([held, held, (held, {held: held})]) < estimate_bytes([held]) + 1_000
    inner = [text(10_000)]
    rows = [[text(3), inner] for _ in range(500)]
    assert estimate_bytes(rows) < 10_000 + 500 * 250


@pytest.mark.parametrize("count", [10, 100, 1_000])
def test_a_large_part_that_elements_of_a_sample_share_counts_once(count: int) -> None:
    part = [[text(100), {text(9): text(50)}] for _ in range(count)]
    rows = [{"number": chance.random(), "part": part} for _ in range(2_000)]
    assert estimate_bytes(rows) == pytest.approx(
        estimate_bytes(part) + estimate_bytes(rows[0] | {"part": 0}) * 2_000, rel=0.15
    )


@pytest.mark.parametrize("count", [2_000, 20_000])
def test_objects_that_refer_to_each_other_without_an_order_are_not_multiplied(count: int) -> None:
    nodes = net(count)
    true = sys.getsizeof(nodes) + sum(map(sys.getsizeof, nodes))
    assert 0.5 < estimate_bytes(nodes) / true < 3
    assert 0.5 < estimate_bytes(nodes[0]) / true < 3


def test_a_view_takes_what_it_keeps_alive() -> None:
    large = np.zeros(1_000_000)
    assert estimate_bytes(large[:1]) > 8_000_000
    assert estimate_bytes([large[:1], large[5:9], large]) < 8_001_000
    assert estimate_bytes(memoryview(bytearray(1_000_000))[:1]) > 1_000_000


def test_an_array_over_memory_of_a_library_takes_that() -> None:
    array = np.from_dlpack(np.zeros(100_000))
    assert array.base is not None and estimate_bytes(array) > 800_000


@pytest.mark.parametrize(
    "shared",
    [
        *(None, True, 0, 256, -5, "", (), ..., NotImplemented, sys.intern("a name that is interned")),
        *(int, Color, Color.DETAILED, types, len, text, "".join, logging.getLogger("a"), threading.current_thread()),
    ],
    ids=lambda shared: repr(shared).partition(" at ")[0].partition(", ")[0],
)
def test_what_the_program_shares_takes_nothing(shared: object) -> None:
    assert estimate_bytes(shared) == 0
    assert estimate_bytes([shared]) == sys.getsizeof([shared])


def test_what_is_suspended_or_referred_to_weakly_is_not_followed() -> None:
    def suspended() -> Iterator[int]:
        held = text(100_000)
        yield len(held)

    generator, instance = suspended(), record()
    next(generator)
    instance.name = text(100_000)
    for value in (generator, weakref.ref(instance), sys._getframe()):
        assert estimate_bytes(value) < 1_000
    assert estimate_bytes(weakref.WeakValueDictionary({1: instance})) < 5_000


def test_a_bound_method_takes_its_object() -> None:
    instance = record()
    instance.name = text(100_000)
    assert estimate_bytes(types.MethodType(record, instance)) > 100_000


def test_nothing_is_too_deep() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert 500_000 < estimate_bytes(nested) < 10_000_000
    while nested:
        nested = nested.pop()


def test_wide_and_deep_takes_a_bounded_number_of_looks() -> None:
    looks = 0

    class Looked:
        def __init__(self, inner: list[Looked]) -> None:
            self.inner = inner

        def __sizeof__(self) -> int:
            nonlocal looks
            looks += 1
            return 100

    level: list[Looked] = []
    for _ in range(6):
        level = [Looked(level[:]) for _ in range(40)]
    estimate_bytes(level)
    assert looks < 10_000
    looks = 0
    estimate_bytes([Looked([]) for _ in range(100_000)])
    assert 10 < looks < 1_000


# Code of others


class Says:
    """An object that says of its size whatever it is told to."""

    def __init__(self, say: Callable[[], object]) -> None:
        self.say = say

    def __sizeof__(self) -> int:
        return self.say()  # type: ignore[return-value]


def fail() -> int:
    raise ValueError("no size")


@pytest.mark.parametrize("say", [fail, lambda: -1, lambda: None, lambda: "x", lambda: 1 << 70], ids=range(5))
def test_a_size_that_is_none_is_that_of_the_class(say: Callable[[], object]) -> None:
    class Plain:
        def __init__(self) -> None:
            self.say = say

    assert estimate_bytes(Says(say)) == estimate_bytes(Plain()) - sys.getsizeof(Plain()) + (Says.__basicsize__ + 16)
    assert estimate_bytes([Says(say)] * 3) > 64


def test_a_size_that_asks_for_itself_has_an_end() -> None:
    def recurse() -> int:
        return estimate_bytes(Says(recurse))

    assert 0 < estimate_bytes(Says(recurse)) < 1_000_000


def test_a_size_may_be_as_large_as_it_says() -> None:
    assert estimate_bytes(Says(lambda: 1 << 62)) >= 1 << 62
    assert estimate_bytes([Says(lambda: (1 << 63) - 100) for _ in range(50)]) == (1 << 64) - 1


def test_what_is_no_exception_comes_out() -> None:
    def interrupt() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        estimate_bytes([Says(interrupt)])


def test_what_is_measured_may_change_meanwhile() -> None:
    def change() -> int:
        elements.clear()
        mapping.clear()
        mapping.update({text(5): text(50) for _ in range(100)})
        return 50

    elements: list[Any] = [Says(change), *(text(50) for _ in range(500)), Says(change)]
    mapping: dict[Any, Any] = {number: Says(change) for number in range(500)}
    assert estimate_bytes([elements, mapping, deque(elements)]) > 0
    assert not elements and len(mapping) == 100


def test_an_object_that_pretends_is_not_asked() -> None:
    class Pretends:
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

    assert estimate_bytes(Pretends()) > 0


def test_an_array_whose_attributes_raise_is_estimated() -> None:
    class Array(np.ndarray):  # type: ignore[type-arg]
        @property
        def base(self) -> Any:
            raise ValueError("no base")

    assert estimate_bytes(np.zeros(1000).view(Array)) > 100


def test_elements_that_an_array_makes_when_it_is_asked_are_not_taken_for_those_of_another() -> None:
    def made() -> Any:
        records = np.zeros(50, dtype=[("name", object), ("number", int)])
        records["name"] = [text(10_000) for _ in range(50)]
        return records

    assert estimate_bytes([made(), made()]) > 2 * 50 * 10_000


def test_a_cache_may_hold_itself() -> None:
    cache: Cache[str, Any] = Cache(max_bytes="10MB")
    cache["inner"] = Cache()
    cache["inner"]["k"] = [text(1_000)]
    cache["inner"]["me"] = cache
    cache["me"] = cache["inner"]
    assert 2_000 < cache.stats().weight < 100_000


plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.decimals(), st.dates()
)
anything = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner),
        st.dictionaries(st.text() | st.integers(), inner),
        st.tuples(inner, inner),
        st.builds(types.SimpleNamespace, a=inner, b=inner),
        st.builds(deque, st.lists(inner)),
        st.builds(lambda value: [value] * 300, inner),
    ),
    max_leaves=60,
)


@settings(max_examples=examples(100), deadline=None)
@given(anything)
def test_anything_has_an_estimate_of_at_least_its_own_size(value: Any) -> None:
    estimate = estimate_bytes([value])
    assert sys.getsizeof([value]) <= estimate < math.inf
    if type(value) in (list, dict, deque) or (type(value) is tuple and value):
        assert estimate_bytes(value) >= sys.getsizeof(value)


# The same of entries


def test_an_entry_takes_its_key_and_its_value() -> None:
    cache: Cache[Any, Any] = Cache(max_bytes="1GB")
    sizes = [0]
    for key, value in ((1, None), (2, text(1000)), (text(1000), None), ((text(500), text(500)), [text(1000)])):
        cache[key] = value
        sizes.append(cache.stats().weight)
    own, *others = (after - before for before, after in itertools.pairwise(sizes))
    assert 64 <= own <= 128
    for grown, held in zip(others, (1000, 1000, 2000), strict=True):
        assert held + own < grown < held + own + 400


def test_a_call_takes_its_arguments() -> None:
    cache: Cache[Any, Any] = Cache(max_bytes="1GB")

    @cache.cache_result
    def load(*arguments: object) -> None:
        return None

    sizes = [0]
    for arguments in ((1,), (1, 2, 3), (text(1000), 1), ([text(100), text(50)],)):
        load(*arguments)
        sizes.append(cache.stats().weight)
    grown = [after - before for before, after in itertools.pairwise(sizes)]
    assert grown[0] < grown[1] < grown[0] + 100 and 1000 < grown[2] < 1400 and 150 < grown[3] < 700
