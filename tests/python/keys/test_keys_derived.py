"""What is not known exactly is not keyed by its parts: classes derived from built-in ones, proxies, and what others make of them."""

from __future__ import annotations

import collections
import contextlib
import contextvars
import datetime
import gc
import http.cookies
import os
import pathlib
import time
import types
import uuid
import weakref
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from unittest import mock

import hotset
import pytest
from hotset import Cache, cache_result
from hypothesis import given, settings
from hypothesis import strategies as st
from sizes import examples

np = pytest.importorskip("numpy")


@cache_result
def f(_value: object) -> object:
    return object()


@cache_result
def nested(_value: object) -> object:
    return object()


def share(one: object, two: object) -> bool:
    """Whether two arguments are one key, alone and within a list, which must agree."""
    alone = f(one) is f(two)
    assert alone == (nested([one]) is nested([two])) == (nested({"k": (one,)}) is nested({"k": (two,)}))
    return alone


# Classes of everybody's own

#: Built-in classes, with two values that differ.
BASES: dict[type, tuple[Any, Any]] = {
    tuple: ((1, 2), (1, 3)),
    list: ([1, 2], [1, 3]),
    dict: ({"a": 1}, {"a": 2}),
    collections.OrderedDict: ({"a": 1}, {"a": 2}),
    collections.Counter: ({"a": 1}, {"a": 2}),
    set: ({1}, {2}),
    frozenset: ({1}, {2}),
    bytearray: (b"1", b"2"),
    bytes: (b"1", b"2"),
    str: ("1", "2"),
    int: (1, 2),
    float: (1.5, 2.5),
    complex: (1j, 2j),
    Decimal: ("1.0", "1.1"),
    Fraction: (Fraction(1, 2), Fraction(1, 3)),
    datetime.date: ((2020, 1, 1), (2020, 1, 2)),
    datetime.datetime: ((2020, 1, 1), (2020, 1, 2)),
    datetime.time: ((1,), (2,)),
    datetime.timedelta: ((1,), (2,)),
    np.ndarray: ([1, 2], [1, 3]),
}
SPREAD = (datetime.date, datetime.datetime, datetime.time, datetime.timedelta)
#: A method by which each says what it holds.
READS = {
    **dict.fromkeys(
        (tuple, list, dict, collections.OrderedDict, collections.Counter, set, frozenset, bytearray), "__len__"
    ),
    **dict.fromkeys((int, float, Decimal, Fraction), "__bool__"),
    np.ndarray: "__len__",
}
MUTABLE = (list, dict, set, bytearray, np.ndarray)


class Spec(NamedTuple):
    base: type
    state: str
    compares: str
    reads: bool


def make_class(spec: Spec) -> Callable[[Any, Any], Any]:
    """A class derived from a built-in one, and how values are made of content and state."""
    body: dict[str, Any] = {}
    if spec.state == "slot" and spec.base in (list, dict, set, collections.OrderedDict):
        body["__slots__"] = ("unit",)
    elif spec.state == "none":
        body["__slots__"] = ()
    if spec.compares != "inherited":
        body["__eq__"] = lambda self, other: np.all(spec.base.__eq__(self, other)) and self.unit == other.unit
        body["__hash__"] = (lambda self: hash(self.unit)) if spec.compares == "own" else None
        if spec.state == "none":
            body["unit"] = None
    if spec.reads and spec.base in READS:
        body[READS[spec.base]] = lambda _self: 7
    cls: Any = type("Derived", (spec.base,), body)

    def make(content: Any, state: Any) -> Any:
        if spec.base is np.ndarray:
            value: Any = np.asarray(content).view(cls)
        else:
            value = cls(*content) if spec.base in SPREAD else cls(content)
        if spec.state in ("dict", "slot"):
            value.unit = state
        return value

    return make


SPECS = st.builds(
    Spec,
    base=st.sampled_from(list(BASES)),
    state=st.sampled_from(["none", "empty", "dict", "slot"]),
    compares=st.sampled_from(["inherited", "own", "unhashable"]),
    reads=st.booleans(),
)


@settings(max_examples=examples(400), deadline=None)
@given(spec=SPECS, content=st.booleans(), state=st.booleans())
def test_values_share_a_key_only_if_nothing_tells_them_apart(spec: Spec, content: bool, state: bool) -> None:
    if spec.compares != "inherited" and spec.state == "empty":
        spec = spec._replace(state="dict")
    contents = BASES[spec.base]
    make = make_class(spec)
    one, two = make(contents[0], "m"), make(contents[content], "km" if state else "m")
    differ = content or (state and spec.state in ("dict", "slot"))
    is_plain = (
        spec.state in ("none", "empty") and spec.compares == "inherited" and not (spec.reads and spec.base in READS)
    )
    try:
        same, itself = share(one, two), share(one, one)
    except TypeError as raised:
        error = raised
    else:
        error = None
    if error is not None:
        assert not is_plain
        assert "_value" in str(error) + str(getattr(error, "__notes__", ""))
        return
    assert itself, "a value is itself"
    assert not (same and differ), "what differs for the function is another key"
    if is_plain:
        assert same is not differ, "what adds nothing is keyed by what it holds"
    if issubclass(spec.base, MUTABLE) and not is_plain:
        assert spec.compares == "own", "what may change and is not known is refused"


class Money(Decimal):
    currency: str

    def __new__(cls, amount: object, currency: str) -> Money:
        self = super().__new__(cls, amount)  # type: ignore[arg-type]
        self.currency = currency
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and Decimal.__eq__(self, other) and self.currency == other.currency

    def __hash__(self) -> int:
        return hash((Decimal.__hash__(self), self.currency))


def test_what_compares_by_its_own_rule_is_keyed_by_that_beside_what_it_holds() -> None:
    assert not share(Money(1, "EUR"), Money(1, "USD"))
    assert share(Money(1, "EUR"), Money(1, "EUR"))
    assert not share(Money("1.0", "EUR"), Money("1.00", "EUR")), "digits count for decimals"


def test_an_object_with_a_hidden_part_of_c_is_not_keyed_by_what_can_be_seen() -> None:
    class Cell(collections.defaultdict):  # type: ignore[type-arg]
        """The factory is in a struct; the class is known, so this is keyed by it."""

    assert not share(Cell(int, a=1), Cell(list, a=1)) and share(Cell(int, a=1), Cell(int, a=1))


def test_named_tuples_are_keyed_by_class_and_items() -> None:
    class Point(NamedTuple):
        x: int

    Other = collections.namedtuple("Other", "x")
    assert share(Point(1), Point(1)) and not share(Point(1), Point(2)) and not share(Point(1), Other(1))
    assert not share(Point(1), (1,)) and not share(Point(1), Point(True))


def test_records_of_the_interpreter_count_fields_that_are_no_items() -> None:
    full, bare = time.gmtime(0), time.struct_time(tuple(time.gmtime(0)))
    assert full == bare and not share(full, bare) and share(full, time.gmtime(0))
    stat = os.stat(__file__)
    parts = list(stat.__reduce__()[1][1].items())
    other = os.stat_result(tuple(stat), dict([*parts, ("st_mtime_ns", 1)]))
    assert stat == other and not share(stat, other)


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.__name__)
@pytest.mark.parametrize("state", ["none", "dict", "slot"])
@pytest.mark.parametrize("compares", ["inherited", "own"])
def test_a_class_dies_that_was_judged(base: type, state: str, compares: str) -> None:
    def judged() -> weakref.ref[type]:
        value = make_class(Spec(base, state, compares, reads=False))(BASES[base][0], "m")
        with contextlib.suppress(TypeError):
            f(value)
        return weakref.ref(type(value))

    cls = judged()
    f.cache_clear()
    gc.collect()
    assert cls() is None


# Equal, and yet different for the function


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (range(0, 3, 2), range(0, 4, 2)),
        (collections.defaultdict(int, a=1), collections.defaultdict(list, a=1)),
        (uuid.UUID(int=1), uuid.UUID(int=1, is_safe=uuid.SafeUUID.safe)),
        (pathlib.PureWindowsPath("A"), pathlib.PureWindowsPath("a")),
        (slice(1), slice(True)),
        (np.dtype("i4"), np.dtype("i4", metadata={"unit": "m"})),
        (np.zeros(1, np.dtype("i4")), np.zeros(1, np.dtype("i4", metadata={"unit": "m"}))),
        (memoryview(b"ab"), memoryview(b"ab").cast("c")),
        (collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1)),
        (collections.Counter(a=1), collections.Counter(a=1, b=0)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_equal_by_its_elements_and_differs_is_another_key(one: Any, two: Any) -> None:
    assert not share(one, two) and share(one, one)


def test_an_ordered_dict_has_the_order_that_it_was_given_since() -> None:
    one, other = collections.OrderedDict(a=1, b=2), collections.OrderedDict(a=1, b=2)
    assert share(one, other)
    other.move_to_end("a")
    assert not share(one, other)


def test_the_order_of_items_and_of_keywords_does_not_count() -> None:
    @cache_result
    def g(**kwargs: object) -> object:
        return object()

    assert share({"a": 1, "b": 2}, {"b": 2, "a": 1}) and g(a=1, b=2) is g(b=2, a=1)


def test_views_of_mappings_and_of_memory_are_keyed_by_content() -> None:
    assert share(types.MappingProxyType({1: 1}), types.MappingProxyType({1: 1}))
    assert not share(types.MappingProxyType({1: 1}), types.MappingProxyType({1: 2}))
    assert share(memoryview(bytearray(b"a")), memoryview(bytearray(b"a")))
    assert not share(memoryview(bytearray(b"a")), memoryview(bytearray(b"b")))


# Cookies, queries and what libraries derive from a dict


def test_cookies_of_two_users_are_two_keys() -> None:
    ann, bob = (http.cookies.SimpleCookie(f"session={name}") for name in ("ann", "bob"))
    assert not share(ann, bob) and share(ann, http.cookies.SimpleCookie("session=ann"))


def test_queries_are_keyed_by_all_of_their_values() -> None:
    data = pytest.importorskip("werkzeug.datastructures")
    for cls in (data.MultiDict, data.ImmutableMultiDict):
        one, two = cls([("a", 1), ("a", 2)]), cls([("a", 1), ("a", 3)])
        assert not share(one, two) and share(one, cls([("a", 1), ("a", 2)]))
    one, two = (data.CombinedMultiDict([data.MultiDict({"a": number})]) for number in (1, 2))
    assert not share(one, two) and share(one, data.CombinedMultiDict([data.MultiDict({"a": 1})]))


def test_queries_of_django_are_keyed_by_all_of_their_values() -> None:
    conf = pytest.importorskip("django.conf")
    if not conf.settings.configured:
        conf.settings.configure()
    from django.http import QueryDict  # type: ignore[import-not-found]
    from django.utils.functional import SimpleLazyObject  # type: ignore[import-not-found]

    assert share(QueryDict("a=1&a=2"), QueryDict("a=1&a=2")) and not share(QueryDict("a=1&a=2"), QueryDict("a=1&a=3"))
    one, two = SimpleLazyObject(lambda: [1]), SimpleLazyObject(lambda: [2])
    assert not share(one, two) and share(one, SimpleLazyObject(lambda: [1]))


def test_dicts_with_attributes_are_keyed_by_content_if_that_is_all_that_they_hold() -> None:
    munch = pytest.importorskip("munch")
    assert share(munch.Munch(a=1), munch.Munch(a=1)) and not share(munch.Munch(a=1), munch.Munch(a=2))
    with pytest.raises(TypeError, match="_value"):
        f(munch.DefaultMunch(0, {"a": 1}))
    sorted_dict = pytest.importorskip("sortedcontainers").SortedDict
    assert share(sorted_dict(a=1), sorted_dict(a=1)) and not share(sorted_dict(a=1), sorted_dict(neg, {"a": 1}))


def neg(key: str) -> int:
    return -len(key)


# Proxies


class User:
    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, User) and self.number == other.number

    def __hash__(self) -> int:
        return hash(self.number)


class Pretender:
    """Stands for another object, and says nothing of how it compares."""

    target: object = None

    @property
    def __class__(self) -> Any:
        return type(self.target)


def proxies() -> list[Any]:
    local = pytest.importorskip("werkzeug.local")
    current: contextvars.ContextVar[User] = contextvars.ContextVar("user")
    current.set(User(1))
    return [local.LocalProxy(current), Pretender(), weakref.proxy(USER)]


USER = User(1)


@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize("number", range(3))
def test_a_proxy_whose_target_can_change_is_refused(number: int, typed: bool) -> None:
    proxy = proxies()[number]

    @cache_result(typed=typed)
    def g(user: object) -> object:
        return user

    for argument in (proxy, [proxy], {"user": proxy}):
        with pytest.raises(TypeError, match="pass the object itself"):
            g(argument)
    assert len(g.cache) == 0


@pytest.mark.parametrize("number", range(2))
def test_nor_is_it_a_key_of_a_mapping(number: int) -> None:
    proxy, cache = proxies()[number], Cache[Any, int]()
    with pytest.raises(TypeError, match="stands for another object"):
        cache[proxy] = 1
    with pytest.raises(TypeError, match="stands for another object"):
        cache.get_or_load(proxy, lambda _: 1)
    assert len(cache) == 0


def test_a_proxy_that_says_what_it_stands_for_is_keyed_by_that() -> None:
    proxy = pytest.importorskip("wrapt").ObjectProxy
    one = proxy([1])
    assert share(one, proxy([1])) and not share(one, proxy([2])) and not share(one, [1])
    one.__wrapped__ = [2]
    assert share(one, proxy([2]))


def test_mocks_are_themselves_whatever_they_stand_for() -> None:
    for make in (lambda: mock.Mock(spec=User(1)), lambda: mock.MagicMock(spec=list), mock.Mock, mock.MagicMock):
        one, two = make(), make()
        assert share(one, one) and not share(one, two)


# Arrays and tables


class Measured(np.ndarray):  # type: ignore[misc]
    def __new__(cls, data: Any, unit: str) -> Any:
        self = np.asarray(data).view(cls)
        self.unit = unit
        return self

    def __array_finalize__(self, other: Any) -> None:
        self.unit = getattr(other, "unit", None)


def test_an_array_with_a_unit_is_refused_by_the_name_of_the_parameter() -> None:
    with pytest.raises(TypeError, match=r'"_value" cannot be part of a key .*Measured is a ndarray that holds more'):
        f(Measured([1.0], "m"))


def test_arrays_of_numpy_itself_are_known() -> None:
    assert f(np.ma.masked) is f(np.ma.masked)
    one, two = (np.rec.array([(number, 2)]) for number in (1, 2))
    assert share(one, np.rec.array([(1, 2)])) and not share(one, two)
    one, hard = np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[0, 1], hard_mask=True)
    assert share(one, np.ma.array([1, 2], mask=[0, 1])) and not share(one, hard)


def test_what_an_index_knows_beside_its_labels_counts() -> None:
    pd = pytest.importorskip("pandas")
    days = pd.date_range("2020-01-01", periods=3, freq="D")
    assert not share(days, pd.DatetimeIndex(list(days))) and share(
        days, pd.date_range("2020-01-01", periods=3, freq="D")
    )
    assert not share(pd.RangeIndex(0, 3, 2), pd.RangeIndex(0, 4, 2))
    whole = pd.MultiIndex.from_product([["a", "b"], [1]])
    assert not share(whole[:1], pd.MultiIndex.from_product([["a"], [1]])), "levels that are not used"
    assert not share(pd.Timedelta(1, "s"), pd.Timedelta(1, "s").as_unit("ms")) and share(pd.NaT, pd.NaT)
    strict = pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False)
    assert not share(strict, pd.DataFrame({"a": [1]}))
    mixed = pd.DataFrame({"a": [1]})
    mixed.attrs = {1: "a", "b": 2}
    assert share(mixed, mixed.copy())


def test_a_table_of_a_class_of_its_own_is_refused() -> None:
    pd = pytest.importorskip("pandas")

    class Own(pd.DataFrame):  # type: ignore[misc,name-defined]
        _metadata: list[str] = ["crs"]  # noqa: RUF012

    with pytest.raises(TypeError, match=r"Own is a DataFrame"):
        f(Own({"a": [1]}))


# What has no hash, or shares its parts


@pytest.mark.parametrize("name", ["tzutc", "tzlocal", "tzoffset", "gettz"])
def test_times_in_zones_that_have_no_hash_are_keyed(name: str) -> None:
    tz = pytest.importorskip("dateutil.tz")
    make = {"tzoffset": lambda: tz.tzoffset("x", 60), "gettz": lambda: tz.gettz("Europe/Berlin")}.get(
        name, getattr(tz, name)
    )
    one, two = (datetime.datetime(2020, 1, 1, tzinfo=make()) for _ in range(2))
    assert share(one, two) and not share(one, datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))


def test_a_class_that_does_not_say_where_it_is_from_is_keyed() -> None:
    cls = type("Nowhere", (User,), {"__module__": None})
    assert share(cls(1), cls(1)) and not share(cls(1), cls(2))


def test_an_error_of_a_value_says_of_which_argument_it_is() -> None:
    class Broken:
        def __hash__(self) -> int:
            raise TypeError("no hash today")

        __eq__ = User.__eq__

    with pytest.raises(TypeError, match="no hash today") as raised:
        f(Broken())
    assert any("'_value'" in note or '"_value"' in note for note in raised.value.__notes__)


def test_parts_that_are_shared_are_written_once() -> None:
    shared: Any = ["x"]
    apart: Any = ["x"]
    for _ in range(12):
        shared, apart = [shared, shared], [apart, copied(apart)]
    assert share(shared, apart), "what is shared and what is not are one key"
    for _ in range(150):
        shared = [shared, shared] if len(shared) else []
    assert share(shared, [shared[0], shared[1]])
    tuples: Any = ()
    for number in range(90):
        tuples = {"k": (tuples, tuples), "n": number}
    assert share(tuples, dict(tuples))


def copied(value: Any) -> Any:
    return [copied(part) for part in value] if isinstance(value, list) else value


def test_objects_that_are_shared_too_often_are_refused() -> None:
    shared: Any = [User(1)]
    for _ in range(100):
        shared = [shared, shared]
    with pytest.raises(TypeError, match="contains the same containers too often"):
        f(shared)


def test_tags_of_texts_that_are_no_unicode_are_taken() -> None:
    cache: Cache[Any, Any] = Cache()

    @cache.cache_result(tags=["u:{name}"])
    def g(name: str) -> object:
        return object()

    first = g("\ud800")
    assert g("\ud800") is first
    cache.invalidate_tags("u:\ud800")
    assert g("\ud800") is not first
    assert hotset.__version__
