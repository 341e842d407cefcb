"""Leaves: values that nobody can change and that hold nothing that can change, so that all may have the same one."""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, EllipsisType, FunctionType, NoneType, NotImplementedType

from hotset._keys.content import content_of

#: Classes of leaves. Those of `_PUBLIC` join when one is met.
LEAVES: set[type] = {
    bool,
    bytes,
    complex,
    float,
    int,
    object,
    range,
    str,
    type,
    BuiltinFunctionType,
    EllipsisType,
    FunctionType,
    NoneType,
    NotImplementedType,
}

#: By package, public names of classes, and of their only objects, that are not imported to be recognised.
_PUBLIC = {
    "datetime": ("date", "datetime", "time", "timedelta", "timezone"),
    "decimal": ("Decimal",),
    "fractions": ("Fraction",),
    "ipaddress": ("IPv4Address", "IPv4Interface", "IPv4Network", "IPv6Address", "IPv6Interface", "IPv6Network"),
    "pandas": ("NA", "NaT", "Interval", "Period", "Timedelta", "Timestamp"),
    "pathlib": ("PosixPath", "PurePosixPath", "PureWindowsPath", "WindowsPath"),
    "re": ("Match", "Pattern"),
    "uuid": ("UUID",),
    "zoneinfo": ("ZoneInfo",),
}


def is_leaf(value: object) -> bool:
    """Whether a value is a leaf: by its class alone, without a call into it."""
    cls = type(value)
    return cls in LEAVES or is_leaf_class(cls)


def is_leaf_class(cls: type) -> bool:
    """Whether all instances of exactly this class are leaves."""
    if cls in LEAVES:
        return True
    if _is_public(cls) or _is_scalar(cls):
        LEAVES.add(cls)
        return True
    return _is_enumeration(cls) or issubclass(cls, type)


def package_of(cls: type) -> str:
    """Return the name of the package that a class is of, also where a class says nothing, or no text, of its module."""
    return str(getattr(cls, "__module__", "")).partition(".")[0]


def _is_public(cls: type) -> bool:
    package = package_of(cls)
    public = (getattr(sys.modules.get(package), name, None) for name in _PUBLIC.get(package, ()))
    return any(cls is known or cls is type(known) for known in public)


def _is_enumeration(cls: type) -> bool:
    enum = sys.modules.get("enum")
    return enum is not None and isinstance(cls, enum.EnumMeta)


def _is_scalar(cls: type) -> bool:
    """Whether objects are numbers, texts or times of numpy. Its records can be changed."""
    numpy = sys.modules.get("numpy")
    if numpy is None or package_of(cls) != "numpy":
        return False
    return issubclass(cls, numpy.generic) and not issubclass(numpy.void, cls)


#: Leaves that are equal only if they are the same: no ``__eq__`` of a user's is asked.
_BY_IDENTITY = (type, FunctionType, BuiltinFunctionType)


def identity_of(leaf: object) -> object:
    """Return what tells a leaf from others of its class, to compare and to hash: 0.0 and -0.0 differ, NaN is itself."""
    cls = type(leaf)
    if cls is int or cls is str or cls is bytes or cls is bool or cls is NoneType:
        return leaf
    if cls is float or cls is complex:
        return repr(leaf)
    if issubclass(cls, _BY_IDENTITY) or cls is object or _is_enumeration(cls):
        return id(leaf)
    content = content_of(leaf)
    return leaf if content is None else content


def same_leaf(one: object, other: object) -> bool:
    """Whether two leaves are of one class and cannot be told apart."""
    return one is other or (type(one) is type(other) and identity_of(one) == identity_of(other))
