"""Two calls share a result exactly when they mean the same: judged by a slow model, and case by case."""

import collections
import copy
import dataclasses
import enum
import functools
import gc
import itertools
import struct
import weakref
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

import hotset
import pytest
from hotset import Cache, cache_result
from hypothesis import given, settings
from hypothesis import strategies as st
from sizes import examples

BERLIN = timezone(timedelta(hours=1))
NAN = float("nan")
CALL = tuple[tuple[Any, ...], dict[str, Any]]


class Color(enum.Enum):
    RED = 1
    CRIMSON = 1  # noqa: PIE796  # another name of the same member
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1


class Pair(NamedTuple):
    first: object
    second: object


class Text(str):
    """A text of another type."""

    __slots__ = ()


class Number(int):
    """A number of another type."""


class Items(list[Any]):
    """A list of another type."""


@dataclasses.dataclass
class Record:
    value: object


class Ratio:
    """Compares and hashes by its own rules; many hash alike."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ratio) and self.value == other.value

    def __hash__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return f"Ratio({self.value!r})"


def fresh(*args: Any, **kwargs: Any) -> object:
    """Returns something new each time."""
    return object()


def share(one: object, two: object, **options: Any) -> bool:
    """Whether calls with each of these arguments have one result."""
    function = cache_result(**options)(lambda value: object())
    return function(one) is function(two)


# The model


def model(value: Any) -> Any:
    """What of a value a function could see, as something that a dict can compare."""
    kind = type(value)
    if kind in (list, tuple, Items, Pair):
        return kind, tuple(map(model, value))
    if kind in (set, frozenset):
        return kind, frozenset(map(model, value))
    if kind is dict:
        return kind, frozenset((model(key), model(item)) for key, item in value.items())
    if kind is collections.OrderedDict:
        return kind, tuple((model(key), model(item)) for key, item in value.items())
    if kind is Record:
        return kind, model(value.value)
    return kind, scalar(value)


def scalar(value: Any) -> Any:
    """A scalar with what its equality hides."""
    if type(value) is float:
        return struct.pack("d", value)
    if type(value) is complex:
        return struct.pack("dd", value.real, value.imag)
    if isinstance(value, Decimal | datetime | time | bytearray):
        return repr(value)
    return value


SCALARS = [
    *(0, 1, -1, 2, 2**63, 2**64 + 1, -(2**63), -(2**63) - 1, True, False, None, ...),
    *("", "a", "1", "b", "é", "\ud800", b"", b"a", b"1"),
    *(0.0, -0.0, 1.0, 2.0**63, NAN, float("inf"), 1j, complex(1), complex(0, -0.0), complex(0, 0.0), bytearray(b"a")),
    *(Decimal(1), Decimal("1.0"), Decimal("1.00"), Decimal("NaN"), Fraction(1), Fraction(1, 2), Text("a"), Text("b")),
    *(Number(1), Color.RED, Color.BLUE, Level.LOW, date(2020, 1, 1), datetime(2020, 1, 1, 12), range(3), range(0)),
    *(datetime(2020, 1, 1, 12, tzinfo=UTC), datetime(2020, 1, 1, 13, tzinfo=BERLIN), datetime(2020, 1, 1, 12, fold=1)),
    *(time(12, tzinfo=UTC), time(13, tzinfo=BERLIN), timedelta(1), timedelta(hours=24), int, bool, len),
    *("x" * 255, "x" * 300, "x" * 299 + "y", b"x" * 300),
]


def hashable(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.frozensets(inner, max_size=3),
        st.builds(Pair, inner, inner),
        st.builds(Ratio, inner),
    )


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.sampled_from([value for value in SCALARS if type(value) is not bytearray])
    items = st.lists(st.tuples(keys, inner), max_size=3)
    return st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, max_size=3).map(Items),
        st.sets(keys, max_size=3),
        items.map(dict),
        items.map(collections.OrderedDict),
        st.builds(Pair, inner, inner),
        st.builds(Record, inner),
    )


of_any_kind = st.sampled_from(SCALARS)
hashables = st.recursive(st.sampled_from([v for v in SCALARS if type(v) is not bytearray]), hashable, max_leaves=4)
values = st.recursive(of_any_kind | hashables, containers, max_leaves=6)
few = st.sampled_from([1, 1.0, True, "a", None, (1,), (1.0,), [1], {}, hotset.MISSING])


@settings(max_examples=examples(1000), deadline=None)
@given(values, values)
def test_two_arguments_share_a_key_iff_the_model_says_so(one: object, two: object) -> None:
    assert share(one, two) == (model(one) == model(two))


@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_a_value_and_its_near_copies_are_judged_as_the_model_does(data: st.DataObject) -> None:
    leaves = st.sampled_from([0, 0.0, -0.0, False, 1, 1.0, True, "1", b"1", Decimal(1), Decimal("1.0"), NAN])
    lists, dicts = st.lists(leaves, max_size=2), st.dictionaries(leaves, leaves, max_size=2)
    near = st.one_of(leaves, st.tuples(leaves), lists, dicts)
    one, two = data.draw(near), data.draw(near)
    assert share(one, two) == (model(one) == model(two))


def plain(a: Any, b: Any = 1, c: Any = (1,)) -> Any:
    return locals()


def positional_only(a: Any, b: Any = 1, /, c: Any = 2, *, d: Any = 3, **others: Any) -> Any:
    return locals()


def variadic(a: Any, *args: Any, **others: Any) -> Any:
    return locals()


def anything(*args: Any, **others: Any) -> Any:
    return locals()


names = st.sampled_from(["a", "b", "c", "d", "e", "args"])
calls = st.tuples(st.lists(few, max_size=4).map(tuple), st.dictionaries(names, few, max_size=4))


@pytest.mark.parametrize("function", [plain, positional_only, variadic, anything])
@settings(max_examples=examples(400), deadline=None)
@given(one=calls, two=calls)
def test_two_calls_share_a_result_iff_they_bind_alike(function: Callable[..., Any], one: CALL, two: CALL) -> None:
    try:
        same = model(function(*one[0], **one[1])) == model(function(*two[0], **two[1]))
    except TypeError:
        return
    cached = cache_result(function)
    assert (cached(*one[0], **one[1]) is cached(*two[0], **two[1])) == same


@settings(max_examples=examples(1000), deadline=None)
@given(hashables, hashables)
def test_untyped_keys_compare_as_those_of_functools(one: object, two: object) -> None:
    theirs = functools.lru_cache(typed=False)(fresh)
    assert share(one, two, typed=False) == (theirs(one, 0) is theirs(two, 0))


# Case by case


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (datetime(2020, 1, 1, 12, tzinfo=UTC), datetime(2020, 1, 1, 13, tzinfo=BERLIN)),
        (datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=ZoneInfo("UTC"))),
        (time(12, tzinfo=timezone(timedelta(0), "A")), time(12, tzinfo=timezone(timedelta(0), "B"))),
        (Decimal("1.0"), Decimal("1.00")),
        (Color.RED, Color.BLUE),
        (Pair(1, 2), (1, 2)),
        (collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1)),
        (collections.OrderedDict(a=1), {"a": 1}),
        ({1: "a"}, {1.0: "a"}),
        ({1}, {True}),
        ("\ud800", "\udfff"),
        (["\ud800"], ["\udfff"]),
        ("ab", b"ab"),
        (["a", "b"], ["ab"]),
        ([[1], 2], [[1, 2]]),
        (list(range(1000)), [*range(999), 999.0]),
    ],
    ids=repr,
)
def test_what_a_function_could_tell_apart_has_two_keys(one: object, two: object) -> None:
    assert not share(one, two)
    assert not share([one], [two])
    assert not share({"x": (one,)}, {"x": (two,)})


def test_subclasses_that_are_equal_are_told_apart_by_what_equality_hides() -> None:
    moment = type("Moment", (datetime,), {})
    amount = type("Amount", (Decimal,), {})
    assert not share(moment(2020, 1, 1, 12, tzinfo=UTC), moment(2020, 1, 1, 13, tzinfo=BERLIN))
    assert not share(amount("1.0"), amount("1.00"))


def shown(value: object) -> str:
    """A name of a value, the same in every process: the order of a set may be another where its module was compiled."""
    return f"a set of {len(value)}" if isinstance(value, set) else repr(value)[:40]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (NAN, struct.unpack("d", struct.pack("d", NAN))[0]),
        ([NAN], [float("nan")]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (Color.RED, Color.CRIMSON),
        (Ratio(1), Ratio(1)),
        ([Ratio(1)], [Ratio(1)]),
        ({Ratio(1), Ratio(2)}, {Ratio(2), Ratio(1)}),
        ({Fraction(-1), Fraction(-2)}, {Fraction(-2), Fraction(-1)}),
        ({Fraction(-1): 1, Fraction(-2): 1}, {Fraction(-2): 1, Fraction(-1): 1}),
        ({-1, -2, 7, 15}, {15, 7, -2, -1}),
        (Text("a"), Text("a")),
        (Decimal("NaN"), Decimal("NaN")),
        ("x" * 10**6, "x" * 10**6),
        (list(range(10**5)), list(range(10**5))),
    ],
    ids=shown,
)
def test_what_means_the_same_has_one_key(one: object, two: object) -> None:
    assert share(one, two)
    assert share((one,), (two,))


def test_colliding_hashes_never_share_a_result() -> None:
    f = cache_result(maxsize=None)(lambda value: [value])
    boxes = [Ratio(number) for number in range(100)]
    assert all(f(box) == [box] for box in boxes)
    assert all(f(Ratio(number)) == [boxes[number]] for number in range(100))


def test_a_result_is_found_however_many_hashes_collide() -> None:
    f = cache_result(maxsize=None)(lambda value: object())
    results = [f(Ratio(number)) for number in range(100)]
    assert [f(Ratio(number)) for number in range(100)] == results


@pytest.mark.parametrize("argument", [[1], {"a": [1]}, {1}, bytearray(b"1"), ([1],), Record([1])], ids=repr)
def test_a_later_mutation_changes_no_key(argument: Any) -> None:
    def mutate(value: Any) -> None:
        change = {list: lambda: value.append(2), dict: lambda: mutate(value["a"]), set: lambda: value.add(2)}
        change |= {bytearray: lambda: value.append(2), tuple: lambda: mutate(value[0])}
        change |= {Record: lambda: mutate(value.value)}
        change[type(value)]()

    f = cache_result(lambda value: repr(value))
    before, text = copy.deepcopy(argument), repr(argument)
    assert f(argument) == text
    mutate(argument)
    assert [f(argument), f(before)] == [repr(argument), text]
    assert f.cache_info()[:2] == (1, 2)


def test_a_function_that_mutates_its_argument_is_keyed_by_what_it_was_given() -> None:
    f = cache_result(lambda value: value.append(9) or len(value))
    assert [f([1]), f.peek([1]), f.peek([1, 9])] == [2, 2, hotset.MISSING]


def test_what_contains_itself_is_refused_by_the_name_of_the_parameter() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(TypeError, match=r'"value" cannot be part of a key \(.*contains itself\).*ignore=\["value"\]'):
        share(cycle, cycle)


def test_what_cannot_be_hashed_is_refused_by_the_name_of_the_parameter() -> None:
    class Odd:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            return True

    for argument in (Odd(), [Odd()], {"x": Odd()}):
        with pytest.raises(TypeError, match=r'argument "value" cannot be part of a key .*not hashable.*key='):
            share(argument, argument)


def test_an_eq_that_raises_comes_out() -> None:
    class Broken(Ratio):
        __hash__ = Ratio.__hash__

        def __eq__(self, other: object) -> bool:
            raise LookupError("eq")

    f = cache_result(lambda value: object())
    f(Broken(1))
    with pytest.raises(LookupError, match="eq"):
        f(Broken(1))


def test_an_object_without_eq_is_keyed_by_identity_and_not_kept_alive() -> None:
    class Plain:
        """Nothing but an address."""

    f = cache_result(lambda *values: object())
    for wrap in (lambda x: x, lambda x: [x], lambda x: {"k": (x,)}, Record, lambda x: frozenset([x])):
        plain, other = Plain(), Plain()
        reference = weakref.ref(plain)
        assert f(wrap(plain)) is f(wrap(plain))
        assert f(wrap(plain)) is not f(wrap(other))
        del plain, other
        gc.collect()
        assert (reference(), f.cache_info().currsize) == (None, 0)


# Calls


def test_every_spelling_of_twenty_parameters_is_one_key() -> None:
    names = [f"p{number}" for number in range(20)]
    function: Any = eval(f"lambda {', '.join(f'{name}={number}' for number, name in enumerate(names))}: object()")
    f = cache_result(function)
    first = f()
    for count in range(21):
        rest = dict(reversed([(name, number) for number, name in enumerate(names)][count:]))
        assert f(*range(count), **rest) is first
    assert f(*range(19), 19.0) is not first
    assert f(p0=1) is not first
    assert f.cache_info().misses == 3


def test_keywords_are_one_key_in_any_order_and_apart_from_positions() -> None:
    f = cache_result(lambda *args, **kwargs: object())
    assert len({f(**dict(order)) for order in itertools.permutations([("a", 1), ("b", 2), ("c", 3)])}) == 1
    assert len({f(), f("a", 1), f(a=1), f(("a", 1)), f({"a": 1}), f(None, a=1), f(hotset.MISSING, "a", 1)}) == 7


def test_a_positional_only_name_may_come_back_as_a_keyword() -> None:
    @cache_result
    def f(a: int, /, **others: int) -> tuple[int, dict[str, int]]:
        return a, others

    for _ in range(2):
        assert [f(1, a=2), f(2, a=1), f(1), f(1, b=2)] == [(1, {"a": 2}), (2, {"a": 1}), (1, {}), (1, {"b": 2})]
    assert f.cache_info()[:2] == (4, 4)


def test_ignored_parameters_are_no_part_of_the_key() -> None:
    def f(session: object, x: int, *args: int, log: object = None, **others: int) -> object:
        return object()

    cached = cache_result(ignore=["session", "log"])(f)
    assert cached([], 1, log=print) is cached({}, x=1)
    assert cached([], 1, 2, a=3) is cached({}, 1, 2, a=3)
    assert cached([], 1, 2) is not cached([], 1)
    bare = cache_result(ignore=["args", "others", "log", "session"])(f)
    assert bare(0, 1, 2, 3, a=4) is bare(1, 1)


def test_a_parameter_annotated_with_ignore_is_no_part_of_the_key() -> None:
    def f(x: int, session: Annotated[object, hotset.Ignore], *, log: "Annotated[object, hotset.Ignore]" = 1) -> object:
        return object()

    cached = cache_result(f)
    assert cached(1, [], log=2) is cached(1, {})
    assert cached(1, []) is not cached(2, [])


def test_key_says_what_stands_for_the_arguments() -> None:
    f = cache_result(key=lambda x, y=0: [x % 10])(lambda x, y=0: object())
    assert f(1) is f(11, y=3)
    assert f(1) is not f(2)


def test_functions_on_one_cache_never_share_a_key() -> None:
    cache: Cache[Any, Any] = Cache("shared", maxsize=None)
    functions = [cache.cache_result(lambda x, n=n: (n, x)) for n in range(500)]
    for n, function in enumerate(functions):
        assert [function(x) for x in range(3)] == [(n, x) for x in range(3)]
    assert len(cache) == 1500
