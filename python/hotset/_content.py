"""What values of some well-known classes are made of, for keys by content."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def _time(value: Any) -> object:
    return (value.replace(tzinfo=None, fold=0).isoformat(), value.fold, value.tzinfo)


def _array(value: Any) -> object:
    """Kind, shape and bytes of an array; its items where it holds objects."""
    if value.dtype.hasobject:
        return (repr(value.dtype), value.shape, value.tolist())
    return (repr(value.dtype), value.shape, value.tobytes())


def _masked_array(value: Any) -> object:
    mask = sys.modules["numpy"].ma.getmaskarray(value)
    return (_array(value.data), _array(mask), repr(value.fill_value))


def _timestamp(value: Any) -> object:
    return (value.isoformat(), value.unit, value.fold, value.tzinfo)


def _table(value: Any) -> object:
    columns = [_column(value.iloc[:, place]) for place in range(value.shape[1])]
    return (_labels(value.index), _labels(value.columns), columns, sorted(value.attrs.items()))


def _series(value: Any) -> object:
    return (value.name, _labels(value.index), _column(value), sorted(value.attrs.items()))


def _labels(index: Any) -> object:
    """Class, names and values of an index, by level where it has several."""
    levels = [index.get_level_values(number) for number in range(index.nlevels)]
    return (index.__class__.__name__, list(index.names), [_column(level) for level in levels])


def _column(column: Any) -> object:
    """Kind and values of one column, of a table or alone."""
    dtype = column.dtype
    if isinstance(dtype, sys.modules["numpy"].dtype):
        return _array(column.to_numpy())
    categories = getattr(dtype, "categories", None)
    if categories is not None:
        codes = column.cat.codes if hasattr(column, "cat") else column.codes
        return (repr(dtype), _labels(categories), _array(sys.modules["numpy"].asarray(codes)))
    return (repr(dtype), list(column))


#: By package and class; subclasses are described like their nearest base.
_CONTENT: dict[str, Callable[[Any], object]] = {
    "decimal.Decimal": str,
    "_pydecimal.Decimal": str,
    "datetime.datetime": _time,
    "datetime.time": _time,
    "datetime.timezone": repr,
    "numpy.MaskedArray": _masked_array,
    "numpy.ndarray": _array,
    "numpy.generic": _array,
    "pandas.Timestamp": _timestamp,
    "pandas.DataFrame": _table,
    "pandas.Series": _series,
    "pandas.Index": _labels,
    "pandas.ExtensionArray": _column,
}


def content_of(value: Any, known: dict[str, Callable[[Any], object]] = _CONTENT) -> object | None:
    """Return what tells ``value`` from others of its class, in built-in containers, or None where its class is not
    known.

    Numbers and times are among them because equal ones can differ in what a function sees: ``Decimal("1.0")`` and
    ``Decimal("1.00")``, or one instant in two time zones. Of a dataclass it is the fields that take part in a
    generated ``__eq__``.

    ``known`` is bound here, and nothing else of this module used, because keys are needed while the interpreter
    ends too.
    """
    cls: Any = value.__class__
    for base in cls.__mro__:
        describe = known.get(f"{base.__module__.partition('.')[0]}.{base.__name__}")
        if describe is not None:
            return describe(value)
    fields: dict[str, Any] | None = getattr(cls, "__dataclass_fields__", None)
    code: Any = getattr(cls.__eq__, "__code__", None)
    if fields is None or code is None or code.co_filename != "<string>":
        return None
    return [(name, getattr(value, name)) for name, field in fields.items() if field.compare]
