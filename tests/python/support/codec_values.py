"""Classes that tests of the default codec put into values."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, Generic, NamedTuple, TypeVar

import attrs
import msgspec
import pydantic

T = TypeVar("T")


class Color(enum.Enum):
    RED = 1
    GREEN = (2, "x")


class Level(enum.IntEnum):
    LOW = 1
    ALIAS = 1


class Name(enum.StrEnum):
    ADA = "ada"


class Access(enum.Flag):
    READ = 1
    WRITE = 2
    ALL = 3


class Bits(enum.IntFlag):
    ONE = 1
    TWO = 2


class Point(NamedTuple):
    x: Any
    y: Any = 0


@dataclasses.dataclass
class Address:
    street: str
    color: Color = Color.RED


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    value: Any
    other: Any = None


@dataclasses.dataclass
class User:
    name: str
    address: Address | None = None
    friends: list[User] = dataclasses.field(default_factory=list)
    number: int = dataclasses.field(init=False, default=7)
    anything: Any = None


@dataclasses.dataclass
class Admin(User):
    rights: Access = Access.READ


@dataclasses.dataclass
class Box(Generic[T]):
    content: T


@attrs.define
class Slotted:
    value: Any
    hidden: Any = attrs.field(default=1, alias="shown")


@attrs.frozen(slots=False)
class Unslotted:
    value: Any


class Struct(msgspec.Struct):
    value: Any
    other: Any = 5


class FrozenStruct(msgspec.Struct, frozen=True, gc=False):
    value: int


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    value: Any
    child: Model | None = None
    _secret: int = pydantic.PrivateAttr(default=3)


class Plain:
    def __init__(self, value: Any) -> None:
        self.value = value


class Refused(Exception):
    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"{what} was refused")
        self.code = code


ALL: tuple[type, ...] = (
    Color, Level, Name, Access, Bits, Point, Address, Frozen, User, Admin, Box, Slotted, Unslotted, Struct, FrozenStruct,
    Model, Refused,
)  # fmt: skip
