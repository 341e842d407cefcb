"""What the default codec gives back is what went in: value, type and shape. What it would not give back it refuses."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import fractions
import functools
import math
import pathlib
import struct
import subprocess
import sys
import threading
import uuid
import zoneinfo
from typing import Any

import pytest
from codec_values import (
    ALL,
    Access,
    Address,
    Admin,
    Bits,
    Box,
    Color,
    Frozen,
    FrozenStruct,
    Level,
    Model,
    Name,
    Plain,
    Point,
    Refused,
    Slotted,
    Struct,
    Unslotted,
    User,
)
from hotset.preview import NotDecodableError, NotEncodableError, StaleClassError, ValueCodec
from hypothesis import given, settings
from hypothesis import strategies as st
from sizes import examples

CODEC = ValueCodec(types=ALL)


def back(value: Any, codec: ValueCodec = CODEC) -> Any:
    return codec.decode(codec.encode(value))


def same(one: Any, other: Any) -> bool:
    """Whether two values cannot be told apart, through all that they hold."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack("d", one) == struct.pack("d", other)
    if isinstance(one, complex):
        return same(one.real, other.real) and same(one.imag, other.imag)
    if isinstance(one, decimal.Decimal):
        return one.as_tuple() == other.as_tuple()
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, list | tuple | collections.deque):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, set | frozenset):
        return len(one) == len(other) and all(any(same(a, b) for b in other) for a in one)
    if isinstance(one, dt.datetime | dt.time):
        return (one.replace(tzinfo=None), one.fold, one.tzinfo) == (
            other.replace(tzinfo=None),
            other.fold,
            other.tzinfo,
        )
    if isinstance(one, Frozen | User | Struct | Point):
        names = getattr(one, "__struct_fields__", None) or [field.name for field in dataclasses.fields(one)]  # type: ignore[arg-type]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    return bool(one == other)


NAN = struct.unpack("<d", bytes.fromhex("0100000000fcff7f"))[0]

VALUES: list[Any] = [
    None, True, False, 0, 63, 64, -1, 127, 128, -129, 2**31, -(2**63), 2**63, 2**64, -(2**70), 10**100, -(10**100),
    0.0, -0.0, 1.5, math.inf, -math.inf, NAN, 1j, complex(-0.0, NAN),
    "", "a", "é", "x" * 63, "x" * 64, "日本" * 40, "🙂", "\ud800 alone", "\x00",
    b"", b"x", b"y" * 1000, bytearray(b"z"), [], [1, [2, [3]]], (), (1,), ((), ((),)), {}, {"a": 1, 1: 2, None: 3, (1, "b"): 4},
    {str(number): number for number in range(300)}, list(range(300)), set(), {1, "a", (2,)}, frozenset(), frozenset({1, frozenset({2})}),
    range(3), range(9, -9, -2), slice(None), slice(1, "a", None),
    dt.datetime(2024, 2, 29, 12, 30, 15, 999_999), dt.datetime(2024, 10, 27, 2, 30, fold=1), dt.datetime.max,
    dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=-5), "here")),
    dt.datetime(2024, 10, 27, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"), fold=1), zoneinfo.ZoneInfo("UTC"),
    dt.date.min, dt.date.max, dt.time(1, 2, 3, 4), dt.time(5, tzinfo=dt.UTC, fold=1), dt.timedelta(-1, 3, 5), dt.timedelta.max,
    dt.UTC, dt.timezone(dt.timedelta(seconds=1)),
    decimal.Decimal("1.20"), decimal.Decimal("-0"), decimal.Decimal("NaN123"), decimal.Decimal("sNaN"), decimal.Decimal("-Infinity"),
    decimal.Decimal("1E+999999"), fractions.Fraction(-1, 3), uuid.UUID(int=7), uuid.UUID("92bbc9c2-e78b-11f1-8978-0242ac120002"),
    pathlib.Path("/a/b"), pathlib.PurePosixPath("a/../b"), pathlib.PureWindowsPath("c:/x"),
    collections.OrderedDict(b=1, a=2), collections.Counter("abca"), collections.deque([1, 2], maxlen=3), collections.deque(),
    collections.defaultdict(list, {1: [2]}), collections.defaultdict(None, a=1),
    Color.RED, Color.GREEN, Level.ALIAS, Name.ADA, Access.ALL, Access.READ | Access.WRITE, Access(0), Bits.ONE | Bits.TWO, Bits(0),
    Point(1), Point((1,), [2]), Address("x"), Address("x", Color.GREEN), Frozen(1), Frozen(Frozen(2)), User("u", Address("y"), [User("v")]),
    Admin("a", rights=Access.ALL), Box(1), Box[int](2), Slotted(1), Slotted(1, 2), Unslotted([3]), Struct([1]), FrozenStruct(4),
    Model(value=1), Model(value=[1], child=Model(value=2), more="extra"), Model.model_construct(value=1),
    {Color.RED: 1, Point(1, 2): 2, Frozen(3): 3, decimal.Decimal(1): 4, uuid.UUID(int=1): 5},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back(value: Any) -> None:
    assert same(back(value), value)
    assert same(back([value, {"k": value}]), [value, {"k": value}])


def test_what_is_not_in_equality_comes_back_too() -> None:
    model = Model(value=1, more=2)
    model._secret = 9
    made = back(model)
    assert (made._secret, made.model_fields_set, made.__pydantic_extra__) == (9, model.model_fields_set, {"more": 2})
    assert back(User("x")).number == 7
    assert back(dt.datetime(2024, 10, 27, 2, 30, fold=1)).fold == 1
    assert back(collections.deque([1], 5)).maxlen == 5


def test_attributes_that_are_no_fields_come_back_and_missing_ones_are_missing() -> None:
    address = Address("x")
    address.note = "extra"  # type: ignore[attr-defined]
    del address.street
    made = back(address)
    assert vars(made) == {"color": Color.RED, "note": "extra"}


def test_computed_attributes_come_back() -> None:
    class Computed:
        @functools.cached_property
        def half(self) -> float:
            return 0.5

    codec = ValueCodec()
    import hotset

    hotset.preview.register_type(Computed, fields=[])
    value = Computed()
    assert value.half == 0.5
    assert vars(back(value, codec)) == {"half": 0.5}


# Exceptions


def test_exceptions_come_back_without_where_they_were_raised() -> None:
    try:
        raise Refused("all", 3) from ValueError()
    except Refused as error:
        error.add_note("noted")
        value = error
    made = back(value)
    assert (
        type(made) is Refused
        and made.args == value.args
        and vars(made) == vars(value) == {"code": 3, "__notes__": ["noted"]}
    )
    assert (made.__traceback__, made.__cause__, made.__context__) == (None, None, None)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a", 1), KeyError("k"), FileNotFoundError(2, "none", "file"), StopIteration(4), OSError(), AttributeError("x", name="y"),
        ImportError("x", name="n", path="p"), UnicodeDecodeError("utf-8", b"x", 0, 1, "why"), SyntaxError("bad", ("f", 1, 2, "t")),
    ],
)  # fmt: skip
def test_built_in_exceptions_are_known(error: Exception) -> None:
    made = back(error)
    names = [name for name in dir(error) if not name.startswith("__") and not callable(getattr(error, name, None))]
    assert (type(made), str(made), repr(made)) == (type(error), str(error), repr(error))
    assert {name: getattr(made, name, ...) for name in names} == {name: getattr(error, name, ...) for name in names}


# Shape


def test_what_is_there_twice_is_there_twice() -> None:
    part = [1]
    user = User("x")
    made = back({"a": part, "b": part, "c": user, "d": (user, part)})
    assert made["a"] is made["b"] is made["d"][1]
    assert made["c"] is made["d"][0]


def test_circles_keep_their_shape() -> None:
    users = [User("a"), User("b")]
    users[0].friends = users[1].friends = users
    made = back(users[0])
    assert made.friends[0] is made and made.friends is made.friends[1].friends
    numbers: list[Any] = []
    numbers.append({"self": numbers})
    assert (made := back(numbers))[0]["self"] is made
    found: dict[Any, Any] = {}
    found["self"] = found
    assert (made := back(found))["self"] is made


def test_a_set_of_what_holds_it_comes_back() -> None:
    holder = Box[Any](set())
    holder.__class__ = Box
    member = Plain(holder.content)
    codec = ValueCodec(types=ALL)
    import hotset

    hotset.preview.register_type(Plain, fields=["value"])
    holder.content.add(member)
    made = back(holder, codec)
    assert next(iter(made.content)).value is made.content


def test_a_circle_through_a_tuple_is_refused() -> None:
    numbers: list[Any] = []
    circle = (numbers,)
    numbers.append(circle)
    with pytest.raises(NotEncodableError, match=r"value\[0\]\[0\] is not encoded, a tuple: it holds itself"):
        CODEC.encode(circle)


def test_shared_tuples_take_no_more_room_or_time_than_they_do() -> None:
    value: Any = ()
    for _ in range(200):
        value = (value, value)
    payload = CODEC.encode(value)
    assert len(payload) < 2_000
    made = CODEC.decode(payload)
    assert made[0] is made[1]


def test_a_small_key_that_takes_long_to_hash_is_refused_both_ways() -> None:
    key: Any = ()
    for _ in range(16):
        key = (key, key)
    with pytest.raises(NotEncodableError, match="to hash it takes too long"):
        CODEC.encode({key: 1})
    # A list of a tuple of twice the one before, forty times, and a dict with the last as its key.
    tuples = b"".join(b"\xf9\xf2\x02\xfa%c\xfa%c" % (number, number) for number in range(1, 41))
    with pytest.raises(NotDecodableError, match="takes too long"):
        CODEC.decode(b"\x01\xf1\x2a\xf9\xf2\x00" + tuples + b"\xd1\xfa\x29\x00")


def test_so_it_is_behind_more_nodes_than_can_be_counted() -> None:
    many: Any = ()
    for _ in range(200):
        many = (many, many)
    key: Any = ()
    for _ in range(16):
        key = (key, key)
    assert CODEC.decode(CODEC.encode([many, {("key",): 1}]))[1] == {("key",): 1}
    with pytest.raises(NotEncodableError, match="to hash it takes too long"):
        CODEC.encode([many, {key: 1}])
    # As above, after a tuple of twice the one before, a hundred times.
    tuples = b"".join(b"\xf9\xf2\x02\xfa%c\xfa%c" % (number, number) for number in range(1, 101))
    with pytest.raises(NotDecodableError, match="takes too long"):
        CODEC.decode(b"\x01\xf1\x66\xf9\xf2\x00" + tuples + b"\xd1\xfa\x29\x00")


def test_what_is_too_deep_is_refused() -> None:
    value: Any = []
    for _ in range(999):
        value = [value]
    made, levels = back(value), 0
    while made:
        (made,), levels = made, levels + 1
    assert levels == 999
    with pytest.raises(NotEncodableError, match="lies more than 1000 levels deep"):
        CODEC.encode([value])


def test_deep_values_fit_into_the_stack_of_a_thread() -> None:
    value: Any = None
    for number in range(750):
        value = [value] if number % 3 else {"k": Frozen(value)} if number % 2 else (value,)
    found: list[Any] = []
    threading.stack_size(2 << 20)
    try:
        thread = threading.Thread(target=lambda: found.append(back(value)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(0)
    assert len(found) == 1


# Refusals


class MyDict(dict):  # type: ignore[type-arg]
    pass


class Subaddress(Address):
    pass


REFUSED: list[tuple[Any, str]] = [
    ({"users": [1, 2, User("x", anything=object())]}, r'value\["users"\]\[2\]\.anything is not encoded, a object: nothing is known'),
    ([MyDict()], r"value\[0\] is not encoded, a test_codec_values\.MyDict: it would come back as a dict"),
    ({"a": Subaddress("x")}, r'value\["a"\] .* it is a subclass of codec_values.Address, which is known, but not known itself'),
    ({1: lambda: 0}, r"value\[1\] is not encoded, a function"),
    ({("k", Subaddress): 1}, r"value \(a key\)\[1\] is not encoded, a type"),
    ({"s": frozenset({object()})}, r'value\["s"\] \(an element\) is not encoded'),
    (Point(1, object()), r"value\.y is not encoded"),
    (collections.defaultdict(lambda: 1), r"value is not encoded.*default_factory"),
    (collections.OrderedDict(a=object()), r'value\["a"\] is not encoded'),
    (iter([]), "value is not encoded"),
    (int, "value is not encoded, a type"),
    (..., "value is not encoded"),
    (ExceptionGroup("g", [ValueError()]), "value is not encoded"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "message"), REFUSED)
def test_what_would_not_come_back_is_refused_with_its_path(value: Any, message: str) -> None:
    with pytest.raises(NotEncodableError, match=message) as refused:
        CODEC.encode(value)
    assert str(refused.value).startswith(refused.value.path)


def test_a_value_that_is_changed_while_it_is_encoded_is_refused_and_nothing_breaks() -> None:
    import hotset

    class Changes:
        def __init__(self, change: Any) -> None:
            self.change = change

    hotset.preview.register_type(Changes, encode=lambda value: value.change(), decode=lambda _: None)
    codec = ValueCodec()
    numbers: list[Any] = [[n] for n in range(100)]
    found: dict[Any, Any] = {n: [n] for n in range(100)}
    members: set[Any] = set(range(100))
    texts = {f"key {n}": [n] for n in range(20)}
    for container, changes in (
        (numbers, numbers.clear), (numbers, lambda: numbers.extend([1] * 10_000)), (found, found.clear),
        (found, lambda: found.update(zip(range(1_000), range(1_000), strict=True))), (texts, texts.clear), (members, members.clear),
    ):  # fmt: skip
        change = Changes(changes)
        if isinstance(container, list):
            container[:] = [[0], change, [1]]
        elif isinstance(container, dict):
            container["change"] = change
            container["after"] = [1]
        else:
            container.update(range(50), [change])
        with pytest.raises(NotEncodableError, match="changed"):
            codec.encode(container)


def test_errors_of_code_that_is_asked_are_told_with_the_path() -> None:
    import hotset

    class Fails:
        pass

    hotset.preview.register_type(Fails, encode=lambda _: 1 // 0, decode=lambda _: None)
    with pytest.raises(NotEncodableError, match=r"value\[0\] is not encoded: ZeroDivisionError") as refused:
        ValueCodec().encode([Fails()])
    assert isinstance(refused.value.__cause__, ZeroDivisionError)


# Bytes that are no value


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00", b"\x02\x00", b"\x01", b"\x01\x00\x00", b"\x01\xe9", b"\x01\xf0\x00", b"\x01\xd2\x01\x01\x01\x01"],
)
def test_bytes_that_are_no_value_raise(data: bytes) -> None:
    with pytest.raises(NotDecodableError):
        CODEC.decode(data)


@given(st.binary(max_size=60))
@settings(max_examples=examples(300))
def test_any_bytes_are_a_value_or_none(data: bytes) -> None:
    try:
        CODEC.decode(b"\x01" + data)
    except NotDecodableError:
        pass


def test_a_kind_of_a_later_version_is_stale() -> None:
    with pytest.raises(StaleClassError, match="kind 255"):
        CODEC.decode(b"\x01\xf8\xff\xe0")


# Anything

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(), st.binary(), st.dates(), st.datetimes(),
    st.times(), st.timedeltas(), st.decimals(allow_nan=False), st.fractions(), st.uuids(), st.sampled_from(Color), st.text(st.characters(codec=None)),
    st.datetimes(timezones=st.timezones()),
)  # fmt: skip
keys = st.recursive(scalars, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(keys, inner, max_size=5)
        | st.sets(keys, max_size=3)
        | st.tuples(inner, inner)
        | st.builds(Point, inner, inner)
        | st.builds(Frozen, inner)
        | st.builds(User, st.text(), anything=inner)
        | st.builds(Struct, inner)
    ),
    max_leaves=20,
)


@given(values)
@settings(max_examples=examples(300), deadline=None)
def test_any_value_comes_back(value: Any) -> None:
    payload = CODEC.encode(value)
    made = CODEC.decode(payload)
    assert same(made, value)
    assert CODEC.encode(made) is not None


def test_another_process_reads_it() -> None:
    code = "import sys, hotset.preview; print(hotset.preview.ValueCodec().decode(bytes.fromhex(sys.argv[1])))"
    value = {"a": [1, dt.date(2024, 1, 1), decimal.Decimal("1.0"), pathlib.PurePosixPath("x")]}
    done = subprocess.run(
        [sys.executable, "-c", code, CODEC.encode(value).hex()], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(value)
