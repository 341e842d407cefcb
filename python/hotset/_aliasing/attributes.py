"""The attributes that an object has of its own, read and written without a call into its class."""

from __future__ import annotations

from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any


def attributes_of(value: object, *, below: type = object) -> dict[str, Any]:
    """Return the attributes in ``__dict__`` and in slots, but for the slots of the class ``below`` and its bases."""
    own = dict(dict_of(value) or {})
    for name, slot in slots_of(type(value), below=below).items():
        try:
            own[name] = slot.__get__(value)
        except AttributeError:  # it was never set
            continue
    return own


def dict_of(value: object) -> dict[str, Any] | None:
    """Return the ``__dict__`` of an object, also where its class shows another one."""
    for base in type(value).__mro__:
        held = base.__dict__.get("__dict__")
        if isinstance(held, GetSetDescriptorType | MemberDescriptorType):
            own: dict[str, Any] = held.__get__(value)
            return own
    return None


def slots_of(cls: type, *, below: type = object) -> dict[str, MemberDescriptorType]:
    """Return the slots of a class by name, but for those of the class ``below`` and its bases."""
    bases = cls.__mro__[: cls.__mro__.index(below)]
    return {
        name: member
        for base in reversed(bases)
        for name, member in base.__dict__.items()
        if isinstance(member, MemberDescriptorType) and name != "__dict__"
    }


def with_attributes(cls: type[object], attributes: dict[str, Any]) -> object:
    """Return an object of a class that has these attributes. No ``__new__``, ``__init__`` or ``__setattr__`` is called.

    The class must not have a base that is written in C, other than ``object``.
    """
    made = object.__new__(cls)
    slots = slots_of(cls)
    own = dict_of(made)
    for name, item in attributes.items():
        if name in slots:
            slots[name].__set__(made, item)
        elif own is not None:
            own[name] = item
    return made
