"""What objects of a class are made of, as their class says it."""

from __future__ import annotations

import enum
import sys
from types import GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any

from hotset._aliasing.attributes import slots_of
from hotset._values import exceptions, members

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Kinds of classes, as in the format of values.
FIELDS, TUPLE, ENUMERATION, OWN = range(4)

#: Slots that are no part of a value.
_NOT_OF_VALUE = frozenset({"__weakref__", "__dict__"})


class Shape:
    """How objects of a class are taken apart and rebuilt. No method of the class is called for it."""

    __slots__ = ("cls", "decode", "encode", "fields", "has_dict", "is_direct", "kind", "make", "name", "others")

    def __init__(
        self,
        cls: type,
        name: str,
        kind: int,
        *,
        fields: Iterable[str] = (),
        slots: dict[str, Any] | None = None,
        has_dict: bool = False,
        make: Callable[[], object] | None = None,
        encode: Callable[[Any], object] | None = None,
        decode: Callable[[Any], object] | None = None,
    ) -> None:
        slots = slots or {}
        names = tuple(fields)
        self.cls = cls
        self.name = name
        self.kind = kind
        #: Names, each with the slot that holds it if it is not in the ``__dict__``.
        self.fields = tuple((name, slots.get(name)) for name in names)
        #: Slots that are no fields.
        self.others = tuple((name, slot) for name, slot in slots.items() if name not in names)
        self.has_dict = has_dict
        self.is_direct = has_dict and any(_is_in_the_way(cls, name) for name in names if name not in slots)
        self.make = make
        self.encode = encode
        self.decode = decode


def of_fields(cls: Any, name: str, fields: Iterable[str]) -> Shape:
    """Return the shape of a class whose objects are made of attributes."""
    if issubclass(cls, BaseException):
        slots = exceptions.slots_of(cls)
        make = exceptions.maker_of(cls)
        return Shape(cls, name, FIELDS, fields=("args",), slots=slots, has_dict=True, make=make)
    check_bases(cls)
    slots = {slot: member for slot, member in slots_of(cls).items() if slot not in _NOT_OF_VALUE}
    return Shape(cls, name, FIELDS, fields=fields, slots=slots, has_dict=cls.__dictoffset__ != 0)


def of_class(cls: Any, name: str) -> Shape | None:
    """Return the shape of a class that says what its objects are made of."""
    if issubclass(cls, enum.Enum):
        return Shape(cls, name, ENUMERATION, encode=members.name_of, decode=members.finder(cls))
    fields = fields_of(cls)
    if fields is None:
        return None
    if _is_tuple(cls):
        return Shape(cls, name, TUPLE, fields=fields, has_dict=cls.__dictoffset__ != 0)
    return of_fields(cls, name, fields)


def fields_of(cls: Any) -> tuple[str, ...] | None:
    """Return the names of the fields of a dataclass and its like; None for any other class."""
    if _is_tuple(cls):
        return getattr(cls, "_fields", None)
    if issubclass(cls, BaseException):
        return ("args",)
    for ask in (_of_pydantic, _of_attrs, _of_msgspec, _of_dataclass):
        names = ask(cls)
        if names is not None:
            return tuple(names)
    return None


def _is_tuple(cls: type) -> bool:
    return issubclass(cls, tuple)


def _of_pydantic(cls: Any) -> Iterable[str] | None:
    pydantic = sys.modules.get("pydantic")
    if pydantic is None or not issubclass(cls, pydantic.BaseModel):
        return None
    books = ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
    return (*cls.__pydantic_fields__, *books)


def _of_attrs(cls: Any) -> Iterable[str] | None:
    attributes = cls.__dict__.get("__attrs_attrs__")
    return None if attributes is None else [attribute.name for attribute in attributes]


def _of_msgspec(cls: Any) -> Iterable[str] | None:
    msgspec = sys.modules.get("msgspec")
    if msgspec is None or not issubclass(cls, msgspec.Struct):
        return None
    names: tuple[str, ...] = cls.__struct_fields__
    return names


def _of_dataclass(cls: Any) -> Iterable[str] | None:
    if "__dataclass_fields__" not in cls.__dict__:
        return None
    import dataclasses

    return [field.name for field in dataclasses.fields(cls)]


def check_bases(cls: type) -> None:
    """Refuse a class whose objects have a part that is written in C, which fields say nothing of."""
    struct = getattr(sys.modules.get("msgspec"), "Struct", None)
    for base in cls.__mro__:
        if base is object or base.__flags__ & _IS_OF_PYTHON or base is struct or base in struct_bases(struct):
            continue
        if base.__module__ in ("typing", "builtins") and base.__basicsize__ == object.__basicsize__:
            continue
        raise TypeError(
            f"{cls.__qualname__} is a subclass of {base.__qualname__}: give register_type encode= and decode= for it"
        )


def struct_bases(struct: type | None) -> tuple[type, ...]:
    """Return what msgspec's Struct is made of."""
    return () if struct is None else struct.__mro__


#: Of type flags: the class was made by a class statement or the like.
_IS_OF_PYTHON = 1 << 9


def _is_in_the_way(cls: Any, name: str) -> bool:
    """Whether a class has something under the name of a field that would run when it is set."""
    found: object = next((base.__dict__[name] for base in cls.__mro__ if name in base.__dict__), None)
    if isinstance(found, MemberDescriptorType | GetSetDescriptorType):
        return False
    return hasattr(type(found), "__set__") or hasattr(type(found), "__delete__")
