"""Exceptions: class, arguments, notes and attributes, never where they were raised or what caused them."""

from __future__ import annotations

import builtins
from types import GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: What every exception has beside its arguments: where it was raised, and what led to it.
_CIRCUMSTANCES = frozenset(vars(BaseException)) - {"args"}

#: Bits of type flags: the class was made by a class statement or the like.
_IS_OF_PYTHON = 1 << 9


def builtin(name: str) -> type[Exception] | None:
    """Return the built-in exception of a name."""
    found = getattr(builtins, name, None)
    return found if isinstance(found, type) and is_builtin(found) else None


def is_builtin(cls: type) -> bool:
    """Whether a class is a built-in exception that everybody knows. Groups hold others in a way of their own."""
    if not issubclass(cls, Exception) or issubclass(cls, BaseExceptionGroup):
        return False
    return cls.__module__ == "builtins" and getattr(builtins, cls.__name__, None) is cls


def slots_of(cls: type) -> dict[str, Any]:
    """Return what its built-in bases keep of an exception, by name."""
    found: dict[str, Any] = {"args": vars(BaseException)["args"]}
    for base in reversed(cls.__mro__):
        if not base.__flags__ & _IS_OF_PYTHON:
            found.update(_of_base(base))
        elif base is not object:
            found.update((name, slot) for name, slot in vars(base).items() if isinstance(slot, MemberDescriptorType))
    return found


def _of_base(base: type) -> dict[str, Any]:
    kinds = (MemberDescriptorType, GetSetDescriptorType)
    members = {name: slot for name, slot in vars(base).items() if isinstance(slot, kinds)}
    return {name: slot for name, slot in members.items() if name not in _CIRCUMSTANCES and not name.startswith("__")}


def maker_of(cls: Any) -> Callable[[], object]:
    """Return what makes an exception without anything in it. No method of a user's is called."""
    base: Any = next(base for base in cls.__mro__ if not base.__flags__ & _IS_OF_PYTHON)
    if issubclass(cls, BaseExceptionGroup):
        raise TypeError(f"{cls.__qualname__} is a group of exceptions: give register_type encode= and decode= for it")
    return lambda: base.__new__(cls)
