"""Which classes the default codec rebuilds: those that are known, as they are now, without a call into them."""

from __future__ import annotations

import dataclasses
import enum
import random
import subprocess
import sys
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, Optional, TypedDict, Union

import attrs
import codec_values
import hotset
import hotset.preview
import msgspec
import pydantic
import pytest
from codec_values import Access, Address, Admin, Color, Frozen, Model, Plain, Point, Struct, User
from hotset._values.annotations import known_from_annotation, known_from_function
from hotset.preview import CodecError, NotEncodableError, StaleClassError, ValueCodec


class Leaf(NamedTuple):
    color: Color


class Row(TypedDict):
    leaf: Leaf
    others: list[Row]


@dataclasses.dataclass
class Tree:
    leaf: Leaf
    left: Tree | None = None


Alias = list[Tree]


ANNOTATIONS: list[tuple[object, set[type]]] = [
    (Point, {Point}),
    (Optional[Tree], {Tree, Leaf, Color}),  # noqa: UP045  # the old way is seen too
    (Union[int, Address], {Address, Color}),  # noqa: UP007  # likewise
    (dict[str, list[Leaf]], {Leaf, Color}),
    (Annotated[Alias, "note"], {Tree, Leaf, Color}),
    (Row, {Leaf, Color}),
    ("Leaf | None", {Leaf, Color}),
    (typing.ForwardRef("Leaf"), {Leaf, Color}),
    (Literal[Color.RED], {Color}),
    (Callable[[Leaf], Point], {Leaf, Color, Point}),
    (type[Leaf], {Leaf, Color}),
    (Admin, {Admin, Address, Color, User, Access}),
    (codec_values.Box[Leaf], {codec_values.Box, Leaf, Color}),
    (Model, {Model}),
    (Struct, {Struct}),
    (int | None, set()),
    (Any, set()),
    ("no such name", set()),
    (Plain, set()),
]


@pytest.mark.parametrize(
    ("annotation", "classes"), ANNOTATIONS, ids=lambda part: "classes" if isinstance(part, set) else str(part)[:40]
)
def test_an_annotation_names_its_classes_and_those_of_their_fields(annotation: object, classes: set[type]) -> None:
    assert known_from_annotation(annotation, module=__name__) == classes


def test_an_alias_of_a_type_statement_is_seen_through() -> None:
    if sys.version_info < (3, 12):
        pytest.skip("there is no such statement yet")
    scope: dict[str, Any] = {"Leaf": Leaf}
    exec("type Leaves[T] = list[Leaf | T]", scope)
    assert known_from_annotation(scope["Leaves"][Point]) == {Leaf, Color, Point}


def test_a_function_names_what_it_returns() -> None:
    def load(number: int) -> dict[str, Tree]:
        raise NotImplementedError

    assert known_from_function(load) == {Tree, Leaf, Color}


def test_a_class_is_known_if_it_is_named_with_those_of_its_fields() -> None:
    value = User("x", Address("y"))
    codec = ValueCodec(types=[User])
    assert codec.decode(codec.encode(value)) == value
    with pytest.raises(
        NotEncodableError, match=r"value is not encoded, a codec_values\.User: its class is not known: name it"
    ):
        ValueCodec().encode(value)
    with pytest.raises(NotEncodableError, match=r"value\.friends\[0\] .*subclass"):
        codec.encode(User("x", friends=[Admin("y")]))


def test_what_another_codec_does_not_know_is_stale() -> None:
    payload = ValueCodec(types=[User]).encode(User("x"))
    with pytest.raises(StaleClassError, match="codec_values:User is not known here"):
        ValueCodec().decode(payload)


def test_a_class_is_registered_under_a_name() -> None:
    @hotset.preview.register_type(name="tests.point")
    @dataclasses.dataclass
    class Registered:
        x: int

    payload = ValueCodec().encode(Registered(1))
    assert b"tests.point" in payload and b"locals" not in payload
    assert ValueCodec().decode(payload) == Registered(1)


def test_a_registered_class_has_fields_that_were_named() -> None:
    class Named:
        def __init__(self) -> None:
            raise AssertionError

    assert hotset.preview.register_type(Named, fields=["value"]) is Named
    value = object.__new__(Named)
    value.value = [1]  # type: ignore[attr-defined]
    assert vars(ValueCodec().decode(ValueCodec().encode(value))) == {"value": [1]}


def test_a_registered_class_has_a_codec_of_its_own() -> None:
    class Text(str):
        pass

    hotset.preview.register_type(
        Text, encode=lambda text: {"text": str(text)}, decode=lambda parts: Text(parts["text"])
    )
    made = ValueCodec().decode(ValueCodec().encode([Text("x")]))
    assert made == ["x"] and type(made[0]) is Text


def test_what_cannot_be_registered_says_why() -> None:
    class Nothing:
        pass

    class Items(list[int]):
        pass

    with pytest.raises(TypeError, match=r"nobody knows what its objects are made of: give fields=\[...\], or"):
        hotset.preview.register_type(Nothing)
    with pytest.raises(TypeError, match="give both"):
        hotset.preview.register_type(Nothing, encode=str)
    with pytest.raises(TypeError, match="subclass of list"):
        hotset.preview.register_type(Items, fields=["x"])
    with pytest.raises(TypeError, match="give it a class"):
        hotset.preview.register_type(3)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="name classes"):
        ValueCodec(types=[3]).encode(Nothing())  # type: ignore[list-item]
    hotset.preview.register_type(Nothing, name="tests.nothing", fields=[])
    with pytest.raises(ValueError, match=r"'tests.nothing' is the name of .*Nothing already"):
        hotset.preview.register_type(Plain, name="tests.nothing", fields=[])


# Classes that change


def two_versions(make: Callable[[list[str]], type]) -> tuple[type, type]:
    """The same class before and after a field was renamed."""
    old, new = make(["x", "y"]), make(["x", "z"])
    old.__qualname__ = new.__qualname__ = "Changing"
    return old, new


MAKERS: dict[str, Callable[[list[str]], type]] = {
    "dataclass": lambda names: dataclasses.make_dataclass("Changing", [(name, Any, 0) for name in names]),
    "slots": lambda names: dataclasses.make_dataclass("Changing", [(name, Any, 0) for name in names], slots=True),
    "attrs": lambda names: attrs.make_class("Changing", {name: attrs.field(default=0) for name in names}),
    "msgspec": lambda names: msgspec.defstruct("Changing", [(name, Any, 0) for name in names]),
    "pydantic": lambda names: pydantic.create_model("Changing", **dict.fromkeys(names, (Any, 0))),
    "named tuple": lambda names: NamedTuple("Changing", [(name, Any) for name in names]),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
def test_a_class_whose_fields_have_changed_is_stale(make: Callable[[list[str]], type]) -> None:
    old, new = two_versions(make)
    value = old(1, 2) if issubclass(old, tuple) else old()
    payload = ValueCodec(types=[old]).encode(value)
    assert type(ValueCodec(types=[old]).decode(payload)) is old
    with pytest.raises(StaleClassError, match="had other fields"):
        ValueCodec(types=[new]).decode(payload)


def test_a_member_that_is_gone_is_stale() -> None:
    old = enum.Enum("Members", ["ONE", "TWO"], module=__name__)
    new = enum.Enum("Members", ["ONE"], module=__name__)
    payload = ValueCodec(types=[old]).encode(list(old))
    with pytest.raises(StaleClassError, match="has no member 'TWO'"):
        ValueCodec(types=[new]).decode(payload)


def test_members_are_known_by_name_not_by_value() -> None:
    old = enum.Flag("Flags", {"A": 1, "B": 2}, module=__name__)
    new = enum.Flag("Flags", {"B": 1, "A": 4}, module=__name__)
    payload = ValueCodec(types=[old]).encode([old.A, old.A | old.B])
    assert ValueCodec(types=[new]).decode(payload) == [new.A, new.A | new.B]


# Bytes are not code


called: list[str] = []


def forbidden(name: str) -> Any:
    def call(*_: object, **__: object) -> Any:
        called.append(name)
        raise AssertionError(f"{name} was called")

    return call


NAMES = (
    "__init__", "__post_init__", "__attrs_post_init__", "__new__", "__setstate__", "__reduce__", "__reduce_ex__", "__getnewargs__",
    "__setattr__", "__delattr__", "__getattribute__", "__getattr__", "__set_name__", "__copy__", "__deepcopy__", "__call__",
    "__init_subclass__", "__class_getitem__", "__get__", "__set__", "model_post_init", "_missing_",
)  # fmt: skip


class Trap:
    """A descriptor under the name of a field."""

    def __get__(self, *_: object) -> Any:
        raise AssertionError

    def __set__(self, *_: object) -> None:
        called.append("descriptor")


def armed(cls: Any) -> Any:
    """The class, all of whose methods are traps from now on."""
    meta: Any = type(cls)
    for name in NAMES:
        if name != "__getattribute__" or not issubclass(cls, pydantic.BaseModel):
            meta.__setattr__(cls, name, forbidden(name)) if meta is not type else setattr(cls, name, forbidden(name))
    return cls


def trapped() -> tuple[list[type], list[Any]]:
    """Classes, and values of theirs that were made before the traps were set."""

    @dataclasses.dataclass
    class Data:
        value: Any
        other: Any = None

    @dataclasses.dataclass(slots=True)
    class Slots:
        value: Any

    @attrs.define
    class Attrs:
        value: Any

    class Fields:
        pass

    class Problem(Exception):
        pass

    plain = Fields()
    plain.guarded = [1]  # type: ignore[attr-defined]
    values = [Data([1], "x"), Slots((1, 2)), Attrs({"a": 1}), plain, Problem("x")]
    classes: list[type] = [Data, Slots, Attrs, Fields, Problem]
    Fields.guarded = Trap()  # type: ignore[attr-defined]
    hotset.preview.register_type(Fields, fields=["guarded"])
    struct, model = Struct([1]), Model(value={"k": (1,)})
    values += [struct, model, Color.RED, Access.READ | Access.WRITE, Point(1, [2]), {"k": {1: frozenset({2})}}]
    return [*classes, Struct, Model, Color, Access, Point], values


def test_no_change_of_the_bytes_calls_anything() -> None:
    classes, values = trapped()
    codec = ValueCodec(types=classes)
    payloads = [codec.encode(value) for value in [*values, values]]
    for cls in classes[:5]:
        armed(cls)
    for payload in payloads:
        codec.decode(payload)
    assert called == []
    lots = random.Random(7)
    made = 0
    for _ in range(100_000):
        payload = bytearray(lots.choice(payloads))
        for _ in range(lots.choice([1, 1, 1, 4])):
            change(payload, lots, payloads)
        try:
            codec.decode(bytes(payload))
            made += 1
        except CodecError:
            pass
    assert called == [] and made > 1_000


def change(payload: bytearray, lots: random.Random, others: list[bytes]) -> None:
    """Change a few bytes."""
    at = lots.randrange(len(payload)) if payload else 0
    match lots.randrange(5):
        case 0 if payload:
            payload[at] = lots.randrange(256)
        case 1 if payload:
            payload[at] ^= 1 << lots.randrange(8)
        case 2:
            del payload[at : at + lots.randint(1, 4)]
        case 3:
            payload[at:at] = lots.randbytes(lots.randint(1, 3))
        case _:
            other = lots.choice(others)
            start = lots.randrange(len(other))
            payload[at:at] = other[start : start + lots.randint(1, 20)]


def test_bytes_import_nothing() -> None:
    code = """
import sys, hotset.preview
codec = hotset.preview.ValueCodec()
codec.encode([{}]), codec.decode(codec.encode([1]))
before = set(sys.modules)
payload = bytes.fromhex(sys.argv[1])
try:
    codec.decode(payload)
except hotset.preview.StaleClassError as error:
    print(error)
print(sorted(set(sys.modules) - before))
"""
    payload = ValueCodec(types=[Frozen]).encode(Frozen(1)).replace(b"codec_values:Frozen", b"antigravity:Flier__")
    done = subprocess.run([sys.executable, "-c", code, payload.hex()], capture_output=True, text=True, check=True)
    assert "antigravity:Flier__ is not known here" in done.stdout and done.stdout.endswith("[]\n")
