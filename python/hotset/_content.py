"""What values of some well-known classes are made of, for keys by content."""

from __future__ import annotations

import sys
from typing import Any

_DATETIME_CLASSES = ("datetime", "time")


def content_of(value: Any) -> object | None:
    """Return what tells ``value`` from others of its class, in built-in containers, or None where its class is not known.

    Decimals and datetimes are among them because equal ones can differ in what a function sees (``Decimal("1.0")`` and
    ``Decimal("1.00")``, one instant in two time zones).
    """
    cls = type(value)
    if hasattr(cls, "__dataclass_fields__"):
        return _dataclass_content(value)
    module = cls.__module__
    if module in ("decimal", "_pydecimal", "_decimal"):
        return str(value) if cls.__name__ == "Decimal" else None
    if module == "datetime" and cls.__name__ in _DATETIME_CLASSES:
        return (value.replace(tzinfo=None, fold=0).isoformat(), value.fold, value.tzinfo)
    package = module.partition(".")[0]
    if package == "numpy" and isinstance(value, (numpy := sys.modules["numpy"]).ndarray | numpy.generic):
        return _array_content(value)
    if package == "pandas":
        return _pandas_content(value)
    return None


def _dataclass_content(value: Any) -> object | None:
    """The fields of a dataclass whose equality is the generated one."""
    parameters = getattr(type(value), "__dataclass_params__", None)
    if parameters is None or not parameters.eq or not _has_generated_eq(type(value)):
        return None
    return [(name, getattr(value, name)) for name, field in value.__dataclass_fields__.items() if field.compare]


def _has_generated_eq(cls: type) -> bool:
    """Whether ``__eq__`` was written by ``dataclass`` and not by a person."""
    eq = cls.__dict__.get("__eq__")
    code = getattr(eq, "__code__", None)
    return code is not None and code.co_filename == "<string>"


def _array_content(value: Any) -> object:
    """Kind, shape and bytes of an array; its items where it holds objects."""
    if value.dtype.hasobject:
        return (str(value.dtype), value.shape, value.tolist())
    return (str(value.dtype), value.shape, value.tobytes())


def _pandas_content(value: Any) -> object | None:
    """Labels and values of a table, a column or an index."""
    pandas = sys.modules["pandas"]
    if isinstance(value, pandas.DataFrame):
        columns = [(_values(value.iloc[:, place])) for place in range(value.shape[1])]
        return ("frame", _values(value.index), _values(value.columns), columns)
    if isinstance(value, pandas.Series):
        return ("series", value.name, _values(value.index), _values(value))
    if isinstance(value, pandas.Index):
        return ("index", _values(value))
    return None


def _values(column: Any) -> object:
    """Names, dtype and values of what has ``to_numpy``."""
    names = list(getattr(column, "names", ()))
    return (names, str(column.dtype), column.to_numpy())
