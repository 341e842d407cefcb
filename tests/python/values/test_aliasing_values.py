"""What callers get of a cached value: copies that are theirs, frozen ones that refuse, and watched ones that tell."""

from __future__ import annotations

import array
import copy
import dataclasses
import datetime
import decimal
import enum
import functools
import json
import logging
import pickle
import threading
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from hotset._aliasing import MutatedValueError, of, paths
from hotset._aliasing.attributes import attributes_of
from hotset._aliasing.checking import SERVED, Checking
from hotset._aliasing.copies import Copying
from hotset._aliasing.freezing import Freezing
from hotset._aliasing.frozen import (
    FROZEN,
    FrozenCounter,
    FrozenDefaultDict,
    FrozenDeque,
    FrozenDict,
    FrozenList,
    FrozenOrderedDict,
    FrozenSet,
)
from hypothesis import given
from hypothesis import strategies as st


class Color(enum.Enum):
    RED = "red"


class Vague(enum.Enum):
    """Its members are equal."""

    ONE = 1
    OTHER = 2

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Owner:
    name: Any


@dataclasses.dataclass(frozen=True)
class Order:
    items: Any
    number: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    items: Any


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.decimals(),
    st.datetimes(),
    st.just(Color.RED),
)
KEYS = st.one_of(st.text(max_size=5), st.integers(), st.tuples(st.integers(), st.text(max_size=3)))


def containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists, dicts = st.lists(children, max_size=4), st.dictionaries(KEYS, children, max_size=4)
    return st.one_of(
        lists,
        dicts,
        lists.map(tuple),
        lists.map(deque),
        dicts.map(OrderedDict),
        dicts.map(lambda items: defaultdict(list, items)),
        st.sets(KEYS, max_size=4),
        st.frozensets(KEYS, max_size=4),
        st.lists(KEYS, max_size=4).map(Counter),
        st.binary(max_size=4).map(bytearray),
        st.builds(Point, children, children),
        st.builds(Order, children),
        st.builds(Slotted, children),
    )


VALUES = st.recursive(LEAVES, containers, max_leaves=20)


def held(value: Any) -> list[Any]:
    """What a value holds, but for keys."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, Order | Slotted):
        return [value.items]
    return list(value) if isinstance(value, list | tuple | deque | set | frozenset) else []


def everything(value: Any) -> Iterator[Any]:
    yield value
    for item in held(value):
        yield from everything(item)


def spoil(value: Any) -> None:
    """Changes everything in a value that can be changed."""
    for part in list(everything(value)):
        match part:
            case list() | deque():
                part.append("spoiled")
            case Counter():
                part["spoiled"] += 1
            case dict():
                part["spoiled"] = "spoiled"
            case set():
                part.add("spoiled")
            case bytearray():
                part.extend(b"spoiled")


def test_the_four_modes_have_names() -> None:
    assert of("share") is None
    assert [type(of(mode)) for mode in ("copy", "freeze", "check")] == [Copying, Freezing, Checking]
    with pytest.raises(ValueError, match="aliasing='copi': write 'share', 'copy', 'freeze' or 'check'"):
        of("copi")


@given(VALUES)
@pytest.mark.parametrize("mode", [Copying(), Freezing(), Checking()])
def test_what_is_served_is_equal(mode: Copying | Freezing | Checking, value: Any) -> None:
    before = copy.deepcopy(value)
    served = mode.serve(mode.store(value))
    assert repr_of(served) == repr_of(before)
    assert repr_of(mode.serve(mode.store(value))) == repr_of(before)


def repr_of(value: Any) -> Any:
    """What tells values apart, also NaN from numbers and 0.0 from -0.0."""
    if isinstance(value, dict):
        base = next(base for base in (OrderedDict, defaultdict, Counter, dict) if isinstance(value, base))
        return base, [(repr(key), repr_of(item)) for key, item in value.items()]
    if isinstance(value, set | frozenset):
        return isinstance(value, frozenset), sorted(map(repr, value))
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    kinds = (list, deque, Point, tuple, Order, Slotted)
    kind = next((kind for kind in kinds if isinstance(value, kind)), None)
    return repr(value) if kind is None else (kind, [repr_of(item) for item in held(value)])


# Copies


@given(VALUES)
def test_what_one_caller_changes_no_other_caller_sees(value: Any) -> None:
    mode = Copying()
    before = repr_of(value)
    stored = mode.store(value)
    spoil(value)
    for _ in range(3):
        served = mode.serve(stored)
        assert repr_of(served) == before
        spoil(served)


@pytest.mark.parametrize(
    "value",
    [
        *(7, "a", 1.5, None, b"a", True, Color.RED, len, Owner, range(3), ...),
        *((1, ("a", None)), frozenset({1, "a"}), (), ((frozenset({(1,)}),),)),
        *(datetime.datetime.now(datetime.UTC), datetime.timedelta(1), decimal.Decimal("1.0")),
    ],
)
@pytest.mark.parametrize("mode", [Copying(), Freezing()])
def test_what_cannot_change_is_not_copied(mode: Copying | Freezing, value: object) -> None:
    assert mode.store(value) is value
    assert mode.serve(value) is value


def test_a_copy_holds_twice_what_its_original_holds_twice() -> None:
    shared, key = [1], Owner("x")
    value: dict[Any, Any] = {"a": shared, "b": (shared, [shared]), "owners": [key, {key.name: key}]}
    served: Any = Copying().serve(value)
    assert served == value
    assert served["a"] is served["b"][0] is served["b"][1][0] is not shared
    assert served["owners"][0] is served["owners"][1]["x"] is not key


def test_circles_are_copied_as_circles() -> None:
    circle: list[Any] = [1]
    circle.append({"again": (circle,)})
    served: Any = Copying().serve(circle)
    assert served[1]["again"][0] is served
    spoil_one = served[1]["again"][0]
    spoil_one.append(2)
    assert len(circle) == 2


def test_keys_and_members_are_copied_where_they_can_change() -> None:
    class Key:
        state = 0

    value = {Key(): {Key()}}
    served: Any = Copying().serve(value)
    ((key, members),) = served.items()
    assert type(key) is Key and key not in value
    assert not members & next(iter(value.values()))


def test_objects_decide_how_they_are_copied() -> None:
    class Single:
        def __deepcopy__(self, memo: object) -> Single:
            return self

    single = Single()
    assert Copying().serve([single]) == [single]


@pytest.mark.parametrize("nested", [lambda inner: [inner], Owner])
def test_what_is_nested_too_deeply_says_so(nested: Callable[[Any], Any]) -> None:
    value: Any = 1
    for _ in range(20_000):
        value = nested(value)
    with pytest.raises(RecursionError):
        Copying().store(value)


def test_what_cannot_be_copied_is_named() -> None:
    with pytest.raises(
        TypeError, match=r"type _thread.lock cannot be copied .*aliasing=\"share\" or \"freeze\""
    ) as raised:
        Copying().store({"a": [threading.Lock()]})
    assert isinstance(raised.value.__cause__, TypeError)

    class Secretive:
        def __deepcopy__(self, memo: object) -> object:
            raise ValueError("password")

    with pytest.raises(TypeError, match=r"Secretive cannot be copied \(ValueError\)") as raised:
        Copying().store([Secretive()])
    assert "password" not in str(raised.value)


# Frozen values


def parts(value: Any) -> list[Any]:
    return [part for part in everything(value) if not isinstance(part, tuple | frozenset | Order | Slotted)]


@given(VALUES)
def test_a_frozen_value_is_frozen_all_through(value: Any) -> None:
    mode = Freezing()
    before = repr_of(value)
    frozen = mode.store(value)
    spoil(value)
    assert repr_of(frozen) == before
    for part in everything(frozen):
        assert not isinstance(part, list | dict | set | deque | bytearray) or type(part) in FROZEN
        if type(part) in FROZEN:
            with pytest.raises(TypeError, match="in a cache"):
                part.clear()
    assert mode.serve(frozen) is frozen
    assert mode.store(frozen) is frozen


@given(VALUES)
def test_copies_of_a_frozen_value_can_be_changed(value: Any) -> None:
    frozen = Freezing().store(value)
    before = repr_of(frozen)
    for made in (copy.deepcopy(frozen), pickle.loads(pickle.dumps(frozen))):
        assert repr_of(made) == before
        assert not any(type(part) in FROZEN for part in everything(made))
        spoil(made)
    assert repr_of(frozen) == before


OF_DICT = [
    'value["a"] = 2',
    'del value["a"]',
    "value |= {}",
    "value.clear()",
    'value.pop("a")',
    'value.pop("z", None)',
    "value.popitem()",
    'value.setdefault("a", 1)',
    "value.update({})",
    "value.update(a=1)",
    "value.__init__()",
    "value.__init__({'a': 2})",
]
OF_LIST = [
    "value[0] = 2",
    "value[0:1] = []",
    "value[:] = []",
    "del value[0]",
    "del value[:]",
    "value += []",
    "value *= 2",
    "value.append(1)",
    "value.clear()",
    "value.extend([])",
    "value.insert(0, 1)",
    "value.pop()",
    "value.remove(1)",
    "value.reverse()",
    "value.__init__([])",
]
OF_SET = [
    "value |= set()",
    "value &= set()",
    "value -= set()",
    "value ^= set()",
    "value.add(1)",
    "value.clear()",
    "value.difference_update(())",
    "value.discard(7)",
    "value.intersection_update({1})",
    "value.pop()",
    "value.remove(1)",
    "value.symmetric_difference_update(())",
    "value.update(())",
    "value.__init__(())",
]
OF_ALL = ["value.name = 1", "del value.name", "value.__class__ = type(value)"]
OF_DEFAULTDICT = ["value.default_factory = None", "value['new'] += 1", "value['new'].append(1)"]
OF_DEQUE = ["value.appendleft(1)", "value.extendleft(())", "value.popleft()", "value.rotate()"]
ORIGINALS: list[tuple[Any, list[str]]] = [
    ({"a": 1}, OF_DICT),
    (OrderedDict(a=1), [*OF_DICT, 'value.move_to_end("a")', "value.popitem(last=False)"]),
    (defaultdict(list, a=1), [*OF_DICT, *OF_DEFAULTDICT]),
    (Counter(a=1), [*OF_DICT, "value.subtract()", "value += {}", "value -= {}", "value &= {}"]),
    ([1], [*OF_LIST, "value.sort()"]),
    (deque([1], maxlen=3), [line for line in OF_LIST if ":" not in line] + OF_DEQUE),
    ({1}, OF_SET),
]


@pytest.mark.parametrize(
    ("original", "attempt"),
    [(original, attempt) for original, lines in ORIGINALS for attempt in (*lines, *OF_ALL)],
)
def test_every_mutator_is_refused(original: Any, attempt: str) -> None:
    frozen: Any = Freezing().store(original)
    before = copy.deepcopy(original)
    with pytest.raises(TypeError, match="is in a cache, and shared by all") as raised:
        exec(attempt, {"value": frozen})
    assert "copy.deepcopy(value)" in str(raised.value) and 'aliasing="copy"' in str(raised.value)
    assert frozen == original == before


OF_READERS = {"copy", "count", "fromkeys", "get", "index", "items", "keys", "values"}
OF_READERS |= {"difference", "intersection", "isdisjoint", "issubset", "issuperset", "symmetric_difference", "union"}
OF_READERS |= {"default_factory", "elements", "maxlen", "most_common", "total", "_keep_positive"}
OPERATORS = {"__add__", "__and__", "__mul__", "__neg__", "__or__", "__pos__", "__sub__", "__xor__"}
OPERATORS |= {f"__r{name[2:]}" for name in OPERATORS} | {"__contains__", "__getitem__", "__iter__", "__len__"}
OPERATORS |= {"__copy__", "__missing__", "__reversed__"}


@pytest.mark.parametrize(
    ("frozen", "base"),
    [
        (FrozenCounter, Counter),
        (FrozenDefaultDict, defaultdict),
        (FrozenDeque, deque),
        (FrozenDict, dict),
        (FrozenList, list),
        (FrozenOrderedDict, OrderedDict),
        (FrozenSet, set),
    ],
)
def test_each_method_of_a_container_reads_or_is_refused(frozen: type, base: type) -> None:
    of_every_object = set(dir(Owner)) | {"__class_getitem__", "__setstate__"}
    refused = {
        name for name in dir(frozen) if getattr(getattr(frozen, name), "__qualname__", "").startswith("_refusal")
    }
    assert set(dir(base)) - of_every_object - OF_READERS - OPERATORS <= refused
    assert {"__init__", "__setattr__", "__delattr__"} <= refused


def test_a_frozen_value_is_used_as_what_it_was() -> None:
    value = {"a": [1, {"b": {2}}], "c": None}
    frozen: Any = Freezing().store(value)
    assert json.loads(json.dumps({**frozen, "a": frozen["a"][:1]})) == {"a": [1], "c": None}
    assert isinstance(frozen, dict) and isinstance(frozen["a"], list) and isinstance(frozen["a"][1]["b"], set)
    assert "a" in frozen and list(frozen) == ["a", "c"] and frozen == value and value == frozen
    assert repr(frozen["a"][:1]) == "[1]" and repr(Freezing().store({"a": [1]})) == "{'a': [1]}"
    match frozen:
        case {"a": [1, {"b": members}]}:
            assert members == {2}
        case _:
            pytest.fail("it does not match")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_frozen_values_go_into_json(value: Any) -> None:
    assert json.dumps(Freezing().store(value), indent=1) == json.dumps(value, indent=1)


@pytest.mark.parametrize(
    ("original", "expression"),
    [
        *(
            ({"a": 1}, line)
            for line in ("value | {}", "{} | value", "value.copy()", "type(value)(value)", "copy(value)")
        ),
        *(([1], line) for line in ("value[:]", "value + []", "[] + value", "value * 2", "value.copy()", "copy(value)")),
        *(({1}, line) for line in ("value | {2}", "{2} | value", "value & {1}", "value - {2}", "value ^ {2}")),
        *(({1}, line) for line in ("value.copy()", "value.union(())", "copy(value)", "type(value)(value)")),
        *((OrderedDict(a=1), line) for line in ("value | {}", "value.copy()", "copy(value)", "type(value)(value)")),
        *((defaultdict(int, a=1), line) for line in ("value | {}", "value.copy()", "copy(value)")),
        *((Counter(a=1), line) for line in ("value + value", "value.copy()", "copy(value)", "type(value)(value)")),
        *((deque([1], 3), line) for line in ("value + value", "value.copy()", "copy(value)", "value * 2")),
    ],
)
def test_what_is_made_of_a_frozen_container_is_an_ordinary_one(original: Any, expression: str) -> None:
    made = eval(expression, {"value": Freezing().store(original), "copy": copy.copy})
    assert type(made) is type(original)
    assert made == eval(expression, {"value": original, "copy": copy.copy})
    if isinstance(made, deque):
        assert made.maxlen == 3 == pickle.loads(pickle.dumps(Freezing().store(original))).maxlen
    if isinstance(made, defaultdict):
        assert made["new"] == 0 and "new" in made


def test_a_missing_key_of_a_frozen_defaultdict_stays_missing() -> None:
    frozen: Any = Freezing().store(defaultdict(list, a=[1]))
    assert frozen["b"] == [] and "b" not in frozen
    with pytest.raises(KeyError):
        Freezing().store(defaultdict(None))["b"]  # type: ignore[index]


def test_circles_are_frozen_as_circles() -> None:
    order = Order([1])
    circle: dict[str, Any] = {"order": order, "all": [order]}
    circle["self"], circle["proxy"] = circle, types.MappingProxyType(circle)
    order.items.extend([order, circle, order.items])
    frozen: Any = Freezing().store(circle)
    assert frozen["self"] is frozen and frozen["order"] is frozen["all"][0] is frozen["order"].items[1]
    assert frozen["order"].items[2] is frozen and frozen["order"].items[3] is frozen["order"].items
    assert frozen["proxy"]["proxy"] is frozen["proxy"]


def test_frozen_circles_are_pickled_and_copied() -> None:
    circle: list[Any] = [{}]
    circle[0]["again"] = circle
    for made in (pickle.loads(pickle.dumps(Freezing().store(circle))), copy.deepcopy(Freezing().store(circle))):
        assert made[0]["again"] is made and (type(made), type(made[0])) == (list, dict)


def test_a_frozen_object_is_made_anew_only_around_what_was_frozen() -> None:
    calls = []

    @dataclasses.dataclass(frozen=True)
    class Counted:
        items: Any
        other: int = dataclasses.field(default=0, init=False)

        def __post_init__(self) -> None:
            calls.append(self)
            object.__setattr__(self, "other", 7)

        @functools.cached_property
        def lengths(self) -> list[int]:
            return [len(self.items)]

    flat, deep = Counted((1, "a")), Counted([1])
    assert Freezing().store(flat) is flat
    assert deep.lengths == [1]
    frozen: Any = Freezing().store(deep)
    assert len(calls) == 2 and frozen == deep and frozen is not deep and type(frozen) is Counted
    assert (frozen.other, type(frozen.items), type(frozen.lengths)) == (7, FrozenList, FrozenList)
    assert type(dataclasses.asdict(frozen)["items"]) is list
    assert type(copy.deepcopy(frozen).items) is list


def test_named_tuples_and_proxies_keep_their_kind() -> None:
    frozen: Any = Freezing().store([Point([1], 2), types.MappingProxyType({"a": [1]}), bytearray(b"a")])
    point, proxy, data = frozen
    assert type(point) is Point and point == Point([1], 2) and type(point.x) is FrozenList
    assert type(proxy) is types.MappingProxyType and type(proxy["a"]) is FrozenList
    assert data == b"a" and type(data) is bytes


class Text(str):
    """Has attributes, if somebody gives it some."""


class SlottedText(str):
    """Has a slot, which can be set."""

    __slots__ = ("label",)


class Row(dict[str, int]):
    """A class of a user, of which it is not known what changes it."""


@dataclasses.dataclass(frozen=True)
class Frozen:
    owner: Any


@dataclasses.dataclass(frozen=True)
class FrozenRow(dict[str, int]):
    """Frozen attributes, but a dict."""

    number: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Tag:
    """Found by identity."""

    labels: Any


class Loose(Frozen):
    """Not frozen itself."""


class Handle:
    """Can be hashed, and can be changed."""


def with_attribute(value: Any) -> Any:
    value.label = "x"
    return value


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (Owner("x"), "value is of type"),
        ({"items": [0, 1, 2, Frozen(Owner("x"))]}, 'value["items"][3].owner is of type'),
        ({"a": threading.Lock()}, 'value["a"] is of type _thread.lock'),
        ([Row()], "value[0] is of type"),
        ((1, {2: Loose(1)}), "value[1][2] is of type"),
        ([with_attribute(Text("a"))], "value[0] is of type"),
        ([with_attribute(SlottedText("a"))], "value[0] is of type"),
        ([FrozenRow()], "value[0] is of type"),
        ([{Tag([1])}], "value[0] (an element) is of type"),
        ({"a": {Tag([1]): 1}}, 'value["a"] (a key) is of type'),
        ([with_attribute(OrderedDict())], "value[0] is of type collections.OrderedDict"),
        ({Frozen(()): 1, object: iter(())}, "value[<type>] is of type"),
        ({("a", 1): [].append, "b": memoryview(b"")}, 'value["b"] is of type memoryview'),
        (
            {types.SimpleNamespace: {types.SimpleNamespace(): 1} if False else [types.SimpleNamespace()]},
            "value[<type>][0]",
        ),
        ({"x" * 50: [Owner(1)]}, "value[<str>][0] is of type"),
        ([ValueError()], "value[0] is of type ValueError"),
    ],
)
def test_what_cannot_be_frozen_is_named_with_its_path(value: object, path: str) -> None:
    with pytest.raises(TypeError) as raised:
        Freezing().store(value)
    assert str(raised.value).startswith(path)
    assert str(raised.value).endswith('write aliasing="copy" to give every caller a copy')


def test_arrays_are_frozen_and_copied() -> None:
    np = pytest.importorskip("numpy")
    original = np.arange(6).reshape(2, 3)
    frozen: Any = Freezing().store({"a": original, "b": np.float64(1.5)})
    original[0, 0] = 9
    assert frozen["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    for attempt in ("value[0] = 1", "value += 1", "value.sort()", "value.flags.writeable = True"):
        with pytest.raises(ValueError, match=r"read-only|WRITEABLE"):
            exec(attempt, {"value": frozen["a"]})
    made = copy.deepcopy(frozen["a"])
    made[0, 0] = 1
    for refused in (np.array([Owner(1)]), np.zeros(1, dtype="i4,i4")[0], np.ma.array([1])):
        with pytest.raises(TypeError, match="cannot be frozen"):
            Freezing().store(refused)
    served: Any = Copying().serve({"a": original})
    served["a"][0, 0] = 1
    assert original[0, 0] == 9


def test_frozen_classes_of_attrs_are_made_anew() -> None:
    attrs = pytest.importorskip("attrs")
    frozen_class, open_class = (
        attrs.make_class("Made", {"items": attrs.field()}, frozen=frozen, slots=True) for frozen in (True, False)
    )
    frozen: Any = Freezing().store(frozen_class([1]))
    assert frozen == frozen_class([1]) and type(frozen.items) is FrozenList
    with pytest.raises(TypeError, match="cannot be frozen"):
        Freezing().store(open_class([1]))


def test_frozen_models_of_pydantic_are_made_anew() -> None:
    pydantic = pytest.importorskip("pydantic")
    frozen_class, open_class = (
        pydantic.create_model("Made", items=(list[int], ...), __config__={"frozen": frozen}) for frozen in (True, False)
    )
    frozen: Any = Freezing().store(frozen_class(items=[1]))
    assert frozen == frozen_class(items=[1]) and type(frozen.items) is FrozenList
    assert frozen.model_dump() == {"items": [1]} and frozen.model_dump_json() == '{"items":[1]}'
    changed = frozen.model_copy(update={"items": [2]}, deep=True)
    changed.items.append(3)
    with pytest.raises(TypeError, match="cannot be frozen"):
        Freezing().store(open_class(items=[1]))


# Watched values


def difference(value: Any, change: Callable[[Any], object]) -> str | None:
    """Where a change of a value is seen, and None where it is not."""
    mode = Checking()
    stored = mode.store(value)
    assert mode.serve(stored) is value
    change(value)
    try:
        mode.serve(stored)
    except MutatedValueError as error:
        return error.path
    return None


Place = tuple[Any, Any, str]


def places(value: Any, path: str = "value") -> Iterator[Place]:
    """The leaves that can be replaced: what holds one, where, and its path."""
    if isinstance(value, list | dict | deque):
        for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
            shown = path + paths.item(key)
            yield from places(item, shown) if held(item) else [(value, key, shown)]
    elif isinstance(value, Order | Slotted):
        yield from places(value.items, f"{path}.items")
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from places(item, f"{path}[{index}]")


@given(VALUES.filter(lambda value: any(places(value))), st.data(), LEAVES)
def test_a_change_of_any_leaf_is_seen_where_it_is(value: Any, data: st.DataObject, leaf: Any) -> None:
    container, key, path = data.draw(st.sampled_from(list(places(value))))
    old = container[key]
    expected = path if type(old) is not type(leaf) or repr(old) != repr(leaf) else None

    def change(_: object) -> None:
        container[key] = leaf

    assert difference(value, change) == expected


@given(VALUES)
def test_reading_is_no_change(value: Any) -> None:
    def read(value: Any) -> None:
        repr(value), copy.deepcopy(value), pickle.dumps(value), list(everything(value))

    assert difference(value, read) is None


@given(VALUES)
def test_what_is_added_anywhere_is_seen(value: Any) -> None:
    can_change = any(isinstance(part, list | dict | set | deque | bytearray) for part in everything(value))
    assert (difference(value, spoil) is not None) == can_change


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        (0j, -0j),
        ("a", b"a"),
        ((1, 2), [1, 2]),
        ((1, 2), (1, 2.0)),
        ({1}, {1.0}),
        ({1: 1}, {True: 1}),
    ]
    + [(decimal.Decimal("1.0"), decimal.Decimal("1.00")), (float("nan"), 1.0), (Owner, Point)]
    + [(time, time.replace(fold=1)) for time in [datetime.datetime(2026, 1, 1)]]
    + [
        (Color.RED, "red"),
        (Vague.ONE, Vague.OTHER),
        (OrderedDict(a=1), {"a": 1}),
        (bytearray(b"a"), bytearray(b"b")),
        (Owner(1), Owner(1)),
    ],
)
def test_equal_is_not_enough(old: Any, new: Any) -> None:
    value = {"a": [old]}
    path = difference(value, lambda value: value["a"].__setitem__(0, new))
    assert path is not None and path.startswith('value["a"][0]')
    assert (
        difference(
            {"a": [new]}, lambda value: value["a"].__setitem__(0, copy.copy(new) if type(new) is not Owner else new)
        )
        is None
    )


@pytest.mark.parametrize(
    ("value", "attempt", "path"),
    [
        ({"a": [Owner("x")]}, 'value["a"][0].name = "y"', 'value["a"][0].name'),
        ({"a": [Owner("x")]}, 'value["a"][0].new = "y"', 'value["a"][0].new'),
        ({"a": [Owner("x")]}, 'del value["a"][0].name', 'value["a"][0].name'),
        ({"a": [Owner([1])]}, 'value["a"][0].name.append(2)', 'value["a"][0].name[1]'),
        ({"a": [Owner("x")]}, 'value["a"][0].__class__ = type("Other", (), {})', 'value["a"][0]'),
        ([Slotted(1)], "object.__setattr__(value[0], 'items', 2)", "value[0].items"),
        ([types.SimpleNamespace(a=1)], "value[0].a = 2", "value[0].a"),
        ([{"a": 1, "b": 2}], "value[0]['a'] = value[0].pop('a')", "value[0]"),
        ([{"a": 1, "b": 2}], "del value[0]['a']", 'value[0]["a"]'),
        ([{"a": 1}], "value[0]['b'] = 1", 'value[0]["b"]'),
        ([OrderedDict(a=1, b=2)], "value[0].move_to_end('a')", "value[0]"),
        ([defaultdict(list)], "value[0]['a']", 'value[0]["a"]'),
        ([defaultdict(list)], "value[0].default_factory = int", "value[0].default_factory"),
        ([deque([1, 2])], "value[0].rotate()", "value[0][0]"),
        ([1, 2], "value.sort(reverse=True)", "value[0]"),
        ([1, 2], "value.pop()", "value[1]"),
        ([{1, 2}], "value[0].add(3)", "value[0]"),
        ([{1, 2}], "value[0].remove(1)", "value[0]"),
        ([Text("a")], "value[0].label = 1", "value[0].label"),
        ([Text("a")], "value[0] = type(value[0])('b')", "value[0]"),
        ([Row(a=1)], "value[0]['a'] = 2", 'value[0]["a"]'),
        ([Row(a=1)], "value[0].label = 2", "value[0].label"),
        ({"a": types.MappingProxyType({"b": [1]})}, "value['a']['b'].append(2)", 'value["a"]["b"][1]'),
        ([frozenset({Handle()})], "next(iter(value[0])).state = 1", "value[0] (an element).state"),
        ([{Handle(): 1}], "next(iter(value[0])).state = 1", "value[0] (a key).state"),
        ([{(1, Handle()): 1}], "next(iter(value[0]))[1].state = 1", "value[0] (a key)[1].state"),
        (bytearray(b"a"), "value[0] = 0", "value"),
        ({"a": array.array("i", [1])}, "value['a'][0] = 2", 'value["a"]'),
    ],
)
def test_a_change_is_seen_where_it_is(value: Any, attempt: str, path: str) -> None:
    value = copy.deepcopy(value) if not isinstance(value, dict) or "b" not in repr(value) else value
    assert difference(value, lambda value: exec(attempt, {"value": value})) == path


@pytest.mark.parametrize(
    ("value", "attempt"),
    [
        ([{1, "a", (2, 3)}], "value[0].discard((2, 3)); value[0].add(tuple([2, 3]))"),
        ([set(range(100))], "value[0].update(range(200, 9000)); value[0].difference_update(range(200, 9000))"),
        ([{"a": 1, (1, 2): 2}], "del value[0][1, 2]; value[0][tuple([1, 2])] = 2"),
        ([{frozenset({1})}], "value[0].remove(frozenset({1})); value[0].add(frozenset([1]))"),
        ([[1, 2]], "value[0] = list(value[0])"),
        ([10**20, "ab", float("nan")], "value[:] = [int(str(value[0])), str(b'ab', 'ascii'), float('nan')]"),
        ([deque([1, 2])], "value[0].rotate(); value[0].rotate()"),
    ],
)
def test_what_is_as_it_was_is_no_change(value: Any, attempt: str) -> None:
    assert difference(value, lambda value: exec(attempt, {"value": value})) is None


class Lazy:
    """Computes what it is asked for, and keeps it, in each of the usual ways."""

    __slots__ = ("__dict__", "in_slot")

    def __init__(self) -> None:
        self.number = 7
        self._was_none = None
        self._lock = threading.Lock()
        self._log = logging.getLogger("lazy")
        self.numbers = {"a": 1}

    @functools.cached_property
    def kept(self) -> list[int]:
        return [self.number]

    def ask(self) -> None:
        self._was_none = self.kept
        self._new = self.kept
        self.in_slot = self.kept
        self.kept.append(1)
        with self._lock:
            self._log.debug("asked")
            logging.getLogger("lazy.again").setLevel(logging.INFO)

    def forget(self) -> None:
        del self.kept


def test_what_an_object_computes_when_it_is_asked_is_no_change() -> None:
    assert difference([Lazy()], lambda value: value[0].ask()) is None
    asked = Lazy()
    assert asked.kept == [7]
    assert difference(asked, lambda value: value.forget()) is None
    assert difference(Lazy(), lambda value: setattr(value, "number", 8)) == "value.number"
    assert difference(Lazy(), lambda value: setattr(value, "_lock", None)) == "value._lock"
    assert difference(Lazy(), lambda value: value.numbers.clear()) == 'value.numbers["a"]'


def test_attributes_are_those_of_the_object_itself() -> None:
    assert attributes_of(types.SimpleNamespace(a=1)) == {"a": 1}
    assert attributes_of(Slotted(1)) == {"items": 1}
    assert attributes_of(with_attribute(SlottedText("a")), below=SlottedText) == {}


def test_nothing_of_a_user_is_called() -> None:
    class Hostile:
        hashes = 0

        def __init__(self) -> None:
            self.items = [1]

        def __hash__(self) -> int:
            self.hashes += 1
            return 1

        def refuse(self, *_args: object) -> Any:
            raise AssertionError("called")

        __eq__ = __repr__ = __iter__ = __reduce_ex__ = __len__ = __bool__ = __getattr__ = refuse

    class HostileList(list[Any]):
        __iter__ = __eq__ = __len__ = __getitem__ = __repr__ = Hostile.refuse  # type: ignore[assignment]
        __hash__ = None  # type: ignore[assignment]

    hostile = Hostile()
    value = [HostileList([hostile]), {hostile: {hostile}}]
    hashed = hostile.hashes
    assert difference(value, lambda _: None) is None
    assert hostile.hashes == hashed
    assert difference(value, lambda _: hostile.items.append(2)) == "value[0][0].items[1]"


def test_circles_and_depth_are_walked() -> None:
    circle: dict[str, Any] = {"deep": [1]}
    circle["self"] = [circle]
    assert difference(circle, lambda value: None) is None
    assert difference(circle, lambda value: value["self"][0]["deep"].append(2)) == 'value["deep"][1]'
    deepest: list[Any] = []
    deep: Any = deepest
    for _ in range(20_000):
        deep = [deep]
    assert difference(deep, lambda _: deepest.append(1)) == "value" + "[0]" * 20_001


def test_what_is_far_away_is_not_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hotset._aliasing.snapshots.MAX_NODES", 3)
    value = [[[[1]]], 2]
    assert difference(value, lambda value: value[0][0][0].append(1)) is None
    assert difference(value, lambda value: value[0][0].append(1)) == "value[0][0][1]"


def test_arrays_and_tables_are_looked_into() -> None:
    np, pd = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    array = np.arange(3.0)
    assert difference({"a": array}, lambda value: value["a"].sum()) is None
    assert difference({"a": array}, lambda value: value["a"].__setitem__(0, 7)) == 'value["a"]'

    def table() -> Any:
        times = pd.to_datetime(["2026-01-01", None]).tz_localize("UTC")
        return [
            pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [[1], [2]], "d": times, "e": pd.Categorical(["x", "y"])})
        ]

    for attempt in ("value[0].describe()", "value[0].groupby('a').sum(numeric_only=True)", "value[0]['a'] + 1"):
        assert difference(table(), lambda value, line=attempt: exec(line, {"value": value})) is None
    for attempt in (
        "value[0].loc[0, 'a'] = 7",
        "value[0]['new'] = 1",
        "value[0].loc[0, 'c'].append(2)",
        "value[0].attrs['a'] = 1",
    ):
        assert difference(table(), lambda value, line=attempt: exec(line, {"value": value})) == "value[0]"


def test_what_a_table_makes_anew_to_describe_itself_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    np = pytest.importorskip("numpy")
    monkeypatch.setattr("hotset._aliasing.reading.content_of", lambda array: [Owner([array.tolist()])])
    assert difference([np.arange(3)], lambda value: None) is None
    assert difference([np.arange(3)], lambda value: value[0].fill(1)) == "value[0]"


def test_the_message_says_who_was_served_and_nothing_of_the_value() -> None:
    mode = Checking()
    stored = mode.store({"items": [0, {"secret": "password"}]})

    def first() -> Any:
        return mode.serve(stored)

    def second() -> Any:
        return mode.serve(stored)

    first(), second(), first()["items"].append("hunter2")
    stored_value = first
    with pytest.raises(MutatedValueError) as raised:
        stored_value()
    message = str(raised.value)
    assert raised.value.path == 'value["items"][2]'
    assert [line.rpartition(".")[2] for line in raised.value.served] == ["first", "second"]
    assert all(line.startswith(f"{__file__}:") for line in raised.value.served)
    assert message.index("first") < message.index("second") < message.index("It was stored by")
    assert "password" not in message and "hunter2" not in message
    assert isinstance(raised.value, RuntimeError)


def test_it_is_refused_until_it_has_left_and_the_last_callers_are_remembered() -> None:
    mode = Checking()
    stored: Any = mode.store([1])
    for number in range(2 * SERVED):
        exec(f"def caller_{number}(): return mode.serve(stored)\ncaller_{number}()", {"mode": mode, "stored": stored})
    mode.serve(stored).append(2)
    for _ in range(2):
        with pytest.raises(MutatedValueError) as raised:
            mode.serve(stored)
        assert len(raised.value.served) == SERVED
        assert f"caller_{2 * SERVED - 1}" in raised.value.served[1]


def test_leaves_are_not_watched() -> None:
    assert Checking().store("a") == Checking().serve("a") == "a"


def test_threads_may_serve_at_the_same_time() -> None:
    mode = Checking()
    value = {"a": [Owner(number) for number in range(50)]}
    stored = mode.store(value)
    wrong: list[object] = []

    def serve() -> None:
        for _ in range(50):
            wrong.extend(served for served in [mode.serve(stored)] if served is not value)

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
