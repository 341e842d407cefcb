"""Members of enumerations, by name."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, cast

from hotset._errors import NotEncodableError, StaleClassError

if TYPE_CHECKING:
    from collections.abc import Callable


def name_of(member: Any) -> object:
    """Return the name of a member, or the names of those that a combination of flags is made of."""
    cls: Any = member.__class__
    name = member._name_
    if name is not None and cls._member_map_.get(name) is member:
        return name
    names = tuple(name for name, single in cls._member_map_.items() if _is_in(single._value_, member._value_))
    if _sum_of(cls, names) != member._value_:
        raise NotEncodableError(f"{member!r} has bits that are no member's", cls=cls)
    return names


def finder(cls: Any) -> Callable[[object], object]:
    """Return what finds a member by what :func:`name_of` returns."""

    def find(name: Any) -> object:
        known = cls._member_map_
        if type(name) is str:
            if name not in known:
                raise StaleClassError(f"{cls.__qualname__} has no member {name!r}")
            return known[name]
        names = cast("tuple[str, ...]", name)
        if type(name) is not tuple or not issubclass(cls, enum.Flag) or any(part not in known for part in names):
            raise StaleClassError(f"{cls.__qualname__} has no members of these names")
        return _combined(cls, _sum_of(cls, names))

    return find


def _is_in(part: object, whole: object) -> bool:
    return type(part) is int and type(whole) is int and part.bit_count() == 1 and part & whole == part


def _sum_of(cls: Any, names: tuple[str, ...]) -> int:
    value = 0
    for name in names:
        value |= cls._member_map_[name]._value_
    return value


def _combined(cls: Any, value: int) -> object:
    """Return the combination of this value, as the standard library makes it, whatever the class makes of it."""
    found = cls._value2member_map_.get(value)
    missing: Any = enum.Flag.__dict__["_missing_"].__func__
    return missing(cls, value) if found is None else found
