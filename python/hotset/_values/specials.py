"""Values of classes that everybody knows and that are no built-in types: what they are made of, and how to make them.

Each kind has a number, which is part of the format: a number is never used for something else. What is imported here to
make a value is named here, never by bytes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from hotset._errors import NotEncodableError
from hotset._values import arrays, tables

if TYPE_CHECKING:
    from collections.abc import Callable

    Take = Callable[[Any], object]

_DEFAULT_FACTORIES: dict[str, Any] = {
    cls.__name__: cls for cls in (list, dict, set, int, float, str, bytes, bool, tuple, frozenset, bytearray, complex)
}


def _no_attributes(value: Any) -> None:
    if getattr(value, "__dict__", None):
        raise NotEncodableError("it has attributes of its own")


def _uuid(value: Any) -> object:
    return (value.int.to_bytes(16), value.is_safe.value)


def _make_uuid(parts: Any) -> object:
    import uuid

    number, safety = parts
    return uuid.UUID(bytes=number, is_safe=uuid.SafeUUID(safety))


def _zone_info(value: Any) -> object:
    if value.key is None:
        raise NotEncodableError("a ZoneInfo that was read from a file has no key to find it by")
    if value.__class__(value.key) is not value:
        raise NotEncodableError("a ZoneInfo that was made with no_cache() is another one than that of its key")
    return value.key


def _make_zone_info(key: Any) -> object:
    from zoneinfo import ZoneInfo

    return ZoneInfo(key)


def _timezone(value: Any) -> object:
    return value.__getinitargs__()


def _make_timezone(parts: Any) -> object:
    from datetime import timezone

    return timezone(*parts)


def _make_decimal(text: Any) -> object:
    from decimal import Decimal

    return Decimal(text)


def _fraction(value: Any) -> object:
    return (value.numerator, value.denominator)


def _make_fraction(parts: Any) -> object:
    from fractions import Fraction

    return Fraction(*parts)


def _path_maker(name: str) -> Callable[[Any], object]:
    def make(text: Any) -> object:
        import pathlib

        return getattr(pathlib, name)(text)

    return make


def _ordered_dict(value: Any) -> object:
    _no_attributes(value)
    return dict(value)


def _make_ordered_dict(items: Any) -> object:
    from collections import OrderedDict

    return OrderedDict(items)


def _make_counter(items: Any) -> object:
    from collections import Counter

    made = Counter[Any]()
    dict[Any, int].update(made, items)
    return made


def _default_dict(value: Any) -> object:
    factory = value.default_factory
    name = None if factory is None else getattr(factory, "__name__", None)
    if factory is not None and _DEFAULT_FACTORIES.get(str(name)) is not factory:
        raise NotEncodableError(f"its default_factory is none of {', '.join(_DEFAULT_FACTORIES)}")
    return (name, dict(value))


def _make_default_dict(parts: Any) -> object:
    from collections import defaultdict

    name, items = parts
    return defaultdict(None if name is None else _DEFAULT_FACTORIES[name], items)


def _make_deque(parts: Any) -> object:
    from collections import deque

    return deque[Any](*parts)


def _make_range(parts: Any) -> object:
    return range(*parts)


def _make_slice(parts: Any) -> object:
    return slice(*parts)


def _make_complex(parts: Any) -> object:
    return complex(*parts)


#: By module and class: the number of the kind, and what takes a value apart.
_WAYS: dict[tuple[str, str], tuple[int, Take]] = {
    ("builtins", "range"): (1, lambda value: (value.start, value.stop, value.step)),
    ("builtins", "slice"): (2, lambda value: (value.start, value.stop, value.step)),
    ("builtins", "complex"): (3, lambda value: (value.real, value.imag)),
    ("decimal", "Decimal"): (4, str),
    ("fractions", "Fraction"): (5, _fraction),
    ("uuid", "UUID"): (6, _uuid),
    ("datetime", "timezone"): (7, _timezone),
    ("zoneinfo", "ZoneInfo"): (8, _zone_info),
    ("pathlib", "PurePosixPath"): (9, str),
    ("pathlib", "PureWindowsPath"): (10, str),
    ("pathlib", "PosixPath"): (11, str),
    ("pathlib", "WindowsPath"): (12, str),
    ("collections", "OrderedDict"): (13, _ordered_dict),
    ("collections", "Counter"): (14, _ordered_dict),
    ("collections", "defaultdict"): (15, _default_dict),
    ("collections", "deque"): (16, lambda value: (list(value), value.maxlen)),
    ("numpy", "ndarray"): (20, arrays.take_array),
    ("pyarrow", "Table"): (30, tables.take_arrow_table),
    ("pyarrow", "RecordBatch"): (31, tables.take_arrow_batch),
    ("pandas", "DataFrame"): (32, tables.take_frame),
    ("pandas", "Series"): (33, tables.take_series),
}
_NUMPY_SCALAR = (21, arrays.take_scalar)
_PANDAS_INDEX = (34, tables.take_index)

#: By the number of the kind: what makes a value.
BUILDERS: dict[int, Callable[[Any], object]] = {
    1: _make_range,
    2: _make_slice,
    3: _make_complex,
    4: _make_decimal,
    5: _make_fraction,
    6: _make_uuid,
    7: _make_timezone,
    8: _make_zone_info,
    9: _path_maker("PurePosixPath"),
    10: _path_maker("PureWindowsPath"),
    11: _path_maker("PosixPath"),
    12: _path_maker("WindowsPath"),
    13: _make_ordered_dict,
    14: _make_counter,
    15: _make_default_dict,
    16: _make_deque,
    20: arrays.make_array,
    21: arrays.make_scalar,
    30: tables.make_arrow_table,
    31: tables.make_arrow_batch,
    32: tables.make_frame,
    33: tables.make_series,
    34: tables.make_index,
}


def way_of(cls: type) -> tuple[int, Take] | None:
    """Return the number of the kind of exactly this class and what takes a value apart; None if it is of none."""
    for (module, name), way in _WAYS.items():
        if cls.__name__ == name and getattr(sys.modules.get(module), name, None) is cls:
            return way
    if arrays.is_scalar(cls):
        return _NUMPY_SCALAR
    return _PANDAS_INDEX if tables.is_index(cls) else None


def is_refused(cls: type) -> bool:
    """Whether a class is a subclass of one that is known."""
    return _known_base(cls) is not None


def advice(cls: type) -> str:
    """Say what to do about such a subclass."""
    return (
        f"it would come back as a {_known_base(cls)}: convert it before, or register its class with "
        "hotset.preview.register_type and encode= and decode="
    )


def _known_base(cls: Any) -> str | None:
    builtin = (dict, list, tuple, set, frozenset, str, bytes, bytearray, int, float, complex)
    if hasattr(cls, "__dataclass_fields__") or hasattr(cls, "_fields"):
        return None
    return next((base.__name__ for base in cls.__mro__[1:] if base in builtin or way_of(base) is not None), None)
