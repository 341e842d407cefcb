"""Dataclasses, arrays and tables are keyed by what they hold at the call."""

import copy
import dataclasses
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hotset import MISSING, cache_result
from hypothesis import given, settings
from hypothesis import strategies as st
from sizes import examples

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = 0


@dataclasses.dataclass
class Other:
    x: Any
    y: Any = 0


@dataclasses.dataclass(slots=True)
class Slotted:
    x: Any


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Any


@dataclasses.dataclass(eq=False)
class ByIdentity:
    x: Any


@dataclasses.dataclass(eq=False)
class ByHand:
    x: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByHand) and abs(self.x) == abs(other.x)

    def __hash__(self) -> int:
        return hash(abs(self.x))


class Child(Point):
    """Inherits the fields and says nothing of its own."""


def share(one: object, two: object, **options: Any) -> bool:
    """Whether calls with each of these arguments have one result."""
    function = cache_result(**options)(lambda value: object())
    return function(one) is function(two)


def check(one: object, two: object, same: bool) -> None:
    """The two share a key, or do not, at the top and inside of containers; each is one with its copy."""
    for wrap in (lambda value: value, lambda value: [value], lambda value: {"k": (value,)}, Frozen):
        assert share(wrap(one), wrap(two)) is same
        for value in (one, two):
            assert share(wrap(value), wrap(copy.deepcopy(value)))


# Dataclasses


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        (Point(1, 2), Point(1, 2), True),
        (Point(1, 2), Point(1, 3), False),
        (Point(1), Point(1.0), False),
        (Point(1), Point(True), False),
        (Point([1]), Point((1,)), False),
        (Point([Point({})]), Point([Point({})]), True),
        (Point(1), Other(1), False),
        (Point(1), Child(1), False),
        (Child(1), Child(1), True),
        (Slotted([1]), Slotted([1]), True),
        (Frozen(1), Frozen(1), True),
        (Frozen(1), Frozen(1.0), False),
        (Frozen([1]), Frozen([2]), False),
        (ByHand(1), ByHand(-1), True),
    ],
    ids=repr,
)
def test_dataclasses_are_keyed_by_class_and_fields(one: object, two: object, same: bool) -> None:
    check(one, two, same)


def test_a_dataclass_that_compares_by_identity_is_keyed_by_it_and_not_kept_alive() -> None:
    f = cache_result(lambda value: object())
    one, two = ByIdentity(1), ByIdentity(1)
    assert f(one) is f(one) is not f(two)
    reference = weakref.ref(one)
    del one
    gc.collect()
    assert (reference(), f.cache_info().currsize) == (None, 1)


def test_a_field_that_does_not_compare_is_no_part_of_the_key() -> None:
    @dataclasses.dataclass
    class Request:
        user: int
        trace: str = dataclasses.field(default="", compare=False)

    check(Request(1, "a"), Request(1, "b"), True)
    check(Request(1, "a"), Request(2, "a"), False)


def test_a_dataclass_that_is_mutated_is_another_key() -> None:
    f = cache_result(lambda value: repr(value))
    point = Point([1])
    assert f(point) == "Point(x=[1], y=0)"
    point.x.append(2)
    assert [f(point), f(Point([1]))] == ["Point(x=[1, 2], y=0)", "Point(x=[1], y=0)"]
    assert f.cache_info()[:2] == (1, 2)


# NumPy


def numpy_pairs() -> list[tuple[Any, Any, bool]]:
    square = np.arange(6).reshape(2, 3)
    nan = np.array([1.0, float("nan")])
    strings, objects = np.dtypes.StringDType(), np.array([1, "a", [1]], dtype=object)
    record = [("a", "i4"), ("b", "f8")]
    masked = np.ma.array
    return [
        (square, square.copy(), True),
        (square, np.asfortranarray(square), True),
        (np.arange(10)[::2], np.array([0, 2, 4, 6, 8]), True),
        (square, square.reshape(3, 2), False),
        (square, square.ravel(), False),
        (square, square.tolist(), False),
        (square, square + 1, False),
        (np.zeros(2, "i4"), np.zeros(2, "i8"), False),
        (np.zeros(2, "i4"), np.zeros(2, "f4"), False),
        (np.zeros(2, "<i4"), np.zeros(2, ">i4"), False),
        (np.array([0.0]), np.array([-0.0]), False),
        (nan, nan.copy(), True),
        (np.array([]), np.array([], dtype=int), False),
        (np.zeros((0, 3)), np.zeros((3, 0)), False),
        (np.array(1), np.int64(1), False),
        (np.int64(1), 1, False),
        (np.int64(1), np.int32(1), False),
        (np.float64(1), 1.0, False),
        (np.float64(0.0), np.float64(-0.0), False),
        (np.bool_(True), True, False),
        (np.str_("a"), "a", False),
        (np.array(["ab"]), np.array([b"ab"]), False),
        (np.array(["x" * 99], strings), np.array(["x" * 99], strings), True),
        (np.array(["x" * 99], strings), np.array(["y" * 99], strings), False),
        (np.array(["2020"], "M8[D]"), np.array(["2020"], "M8[s]"), False),
        (objects, objects.copy(), True),
        (objects, np.array([1, "a", [2]], dtype=object), False),
        (objects, np.array([1.0, "a", [1]], dtype=object), False),
        (np.zeros(2, record), np.zeros(2, record), True),
        (np.zeros(2, record), np.zeros(2, [("a", "i4"), ("c", "f8")]), False),
        (np.zeros(2, record), np.zeros(2, record).view(np.recarray), False),
        (masked([1, 2], mask=[0, 1]), masked([1, 2], mask=[0, 1]), True),
        (masked([1, 2], mask=[0, 1]), masked([1, 2], mask=[0, 0]), False),
        (masked([1, 2], mask=[0, 1]), masked([1, 999999], mask=[0, 0]), False),
        (np.zeros(10**6), np.zeros(10**6), True),
        (np.zeros(10**6), np.append(np.zeros(10**6 - 1), 1), False),
    ]


@pytest.mark.parametrize(("one", "two", "same"), numpy_pairs(), ids=lambda value: repr(value)[:50].replace("\n", ""))
def test_arrays_are_keyed_by_kind_shape_and_items(one: Any, two: Any, same: bool) -> None:
    check(one, two, same)


numbers = st.lists(st.integers(0, 2), max_size=4)


@settings(max_examples=examples(200), deadline=None)
@given(numbers, numbers, st.sampled_from(["i1", "u1", "f4"]))
def test_two_arrays_share_a_key_iff_they_hold_the_same(one: list[int], two: list[int], dtype: str) -> None:
    assert share(np.array(one, "i1"), np.array(two, dtype)) == (one == two and dtype == "i1")


def test_an_array_is_keyed_as_it_was_at_the_call() -> None:
    f = cache_result(lambda value: float(value.sum()))
    array = np.ones(1000)
    assert f(array) == 1000
    array[0] = 2
    assert [f(array), f(np.ones(1000)), f.cache_info().misses] == [1001, 1000, 2]


def test_an_array_that_the_function_changes_is_keyed_by_what_was_given() -> None:
    @cache_result
    def fill(value: Any) -> float:
        value.fill(7)
        return float(value.sum())

    assert fill(np.zeros(2)) == 14
    assert [fill.peek(np.zeros(2)), fill.peek(np.full(2, 7.0))] == [14, MISSING]


# pandas


def categories(values: list[str], among: list[str], *, ordered: bool = False) -> Any:
    return pd.Series(values, dtype=pd.CategoricalDtype(among, ordered=ordered))


def pandas_pairs() -> list[tuple[Any, Any, bool]]:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    noon, one = pd.Timestamp("2020-01-01 12:00", tz="UTC"), pd.Timestamp("2020-01-01 13:00", tz="Europe/Berlin")
    missing = pd.Series([1, None], dtype="Int64")
    return [
        (frame, frame.copy(), True),
        (frame, frame.rename(columns={"a": "c"}), False),
        (frame, frame.set_axis([1, 2]), False),
        (frame, frame.rename_axis("row"), False),
        (frame, frame.rename_axis("column", axis=1), False),
        (frame, frame.astype({"a": "int32"}), False),
        (frame, frame.assign(a=[1, 3]), False),
        (frame, frame[["b", "a"]], False),
        (frame, frame.iloc[::-1], False),
        (frame[["a"]], frame["a"], False),
        (frame["a"], frame["a"].rename("c"), False),
        (frame["a"], pd.Index([1, 2], name="a"), False),
        (frame["a"], frame["a"].to_numpy(), False),
        (pd.concat([frame, frame], axis=1), pd.concat([frame, frame], axis=1), True),
        (pd.Series([5], index=["names"]), pd.Series([5], index=["names"]), True),
        (pd.DataFrame({"a": [5]}, index=["dtype"]), pd.DataFrame({"a": [6]}, index=["dtype"]), False),
        (pd.Series([1.0, float("nan")]), pd.Series([1.0, float("nan")]), True),
        (missing, missing.copy(), True),
        (missing, pd.Series([1, 0], dtype="Int64"), False),
        (missing, missing.astype("Float64"), False),
        (pd.Series([[1]]), pd.Series([[1]]), True),
        (pd.Series([[1]]), pd.Series([[2]]), False),
        (pd.MultiIndex.from_tuples([(1, "a")]), pd.MultiIndex.from_tuples([(1, "a")]), True),
        (pd.MultiIndex.from_tuples([(1, "a")]), pd.MultiIndex.from_tuples([(1, "a")], names=["x", "y"]), False),
        (pd.date_range("2020", periods=2), pd.date_range("2020", periods=2, tz="UTC"), False),
        (pd.date_range("2020", periods=2, tz="UTC"), pd.date_range("2020", periods=2, tz="UTC"), True),
        (pd.Series([noon]), pd.Series([one]), False),
        (pd.Series([noon], dtype=object), pd.Series([one], dtype=object), False),
        (noon, one, False),
        (noon, pd.Timestamp("2020-01-01 12:00", tz="UTC"), True),
        (noon, noon.to_pydatetime(), False),
        (pd.Timedelta(1, "s"), pd.Timedelta(1, "s"), True),
        (pd.Period("2020", "Y"), pd.Period("2020-01", "M"), False),
        (categories(["a"], ["a"]), categories(["a"], ["a"]), True),
        (categories(["a"], ["a"]), pd.Series(["a"]), False),
        (categories(["a"], ["a"]), categories(["a"], ["a", "b"]), False),
        (categories(["a"], ["a", "b"]), categories(["a"], ["b", "a"]), False),
        (categories(["a"], ["a"]), categories(["a"], ["a"], ordered=True), False),
        (categories(["a"], ["a"]).to_frame(), categories(["a"], ["a", "b"]).to_frame(), False),
        (pd.CategoricalIndex(["a"], ["a"]), pd.CategoricalIndex(["a"], ["a", "b"]), False),
        (pd.Categorical(["a"]), pd.Categorical(["a"]), True),
        (pd.array([1, 2]), pd.array([1, 3]), False),
    ]


@pytest.mark.parametrize(("one", "two", "same"), pandas_pairs(), ids=lambda value: " ".join(repr(value).split())[:50])
def test_tables_are_keyed_by_labels_kinds_and_values(one: Any, two: Any, same: bool) -> None:
    check(one, two, same)


@pytest.mark.parametrize(
    "change", [lambda t: t.update({"a": [9]}), lambda t: t.insert(1, "c", 0)], ids=["cell", "column"]
)
def test_a_table_is_keyed_as_it_was_at_the_call(change: Callable[[Any], None]) -> None:
    f = cache_result(lambda value: value.to_string())
    table = pd.DataFrame({"a": [1, 2]})
    before = f(table)
    change(table)
    assert [f(table), f(pd.DataFrame({"a": [1, 2]}))] == [table.to_string(), before]
    assert f.cache_info().misses == 2


def test_untyped_keys_take_arrays_and_tables_too() -> None:
    assert share(np.ones(3), np.ones(3), typed=False)
    assert not share(np.ones(3), np.zeros(3), typed=False)
    assert share(pd.Series([1]), pd.Series([1]), typed=False)
