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


def _path(value: Any) -> object:
    return str(value)


def _class(value: Any) -> object:
    """Module and name of a class, which is its identity in every process."""
    return None if "<locals>" in value.__qualname__ else (value.__module__, value.__qualname__)


#: As above, of what compares by rules of its own that are known.
_BY_NAME: dict[str, Callable[[Any], object]] = {
    "datetime.date": str,
    "datetime.timedelta": lambda value: (value.days, value.seconds, value.microseconds),
    "zoneinfo.ZoneInfo": lambda value: value.key,
    "fractions.Fraction": lambda value: (value.numerator, value.denominator),
    "uuid.UUID": lambda value: value.bytes,
    "pathlib.PurePath": _path,
    "enum.Enum": lambda value: value.name,
    "builtins.type": _class,
    "builtins.ellipsis": lambda value: "...",
    "builtins.range": lambda value: (value.start, value.stop, value.step),
    "builtins.slice": lambda value: (value.start, value.stop, value.step),
    "builtins.str": lambda value: str.__str__(value),
    "builtins.int": lambda value: int(value),
    "builtins.float": lambda value: float(value),
    "builtins.bytes": lambda value: bytes(value),
}


def content_by_name(value: Any, known: dict[str, Callable[[Any], object]] = _BY_NAME) -> object | None:
    """Return what tells ``value`` from others of its class in every process, or None where nothing that is known does:
    as :func:`content_of`, for what that leaves to the value's own ``__hash__`` and ``__eq__``, or to its address.

    A subclass that compares by rules of its own may tell apart what its base does not.
    """
    cls: Any = value.__class__
    for base in cls.__mro__:
        describe = known.get(f"{base.__module__.partition('.')[0]}.{base.__name__}")
        if describe is not None:
            return describe(value) if cls.__eq__ is base.__eq__ else None
    return None


#: Exponents of decimals from which on they are written as they are: their digits could be too many.
_FAR = 400


def _ratio(value: Any) -> tuple[None, object] | None:
    """A fraction, as a float if that is equal, whatever whole number it is."""
    if value.denominator == 1:
        return None, value.numerator
    try:
        near = float(value)
    except OverflowError:
        return None
    return (None, near) if value == near else None


def _decimal(value: Any) -> tuple[None, object] | None:
    if value.is_infinite():
        return None, float(value)
    from fractions import Fraction

    return (None, Fraction(value)) if value.is_finite() and abs(value.adjusted()) < _FAR else None


def _complex(value: Any) -> tuple[str | None, object]:
    real, imaginary = value.real + 0.0, value.imag + 0.0  # which makes zeros of negative zeros
    return (None, real) if imaginary == 0 else ("complex", (real, imaginary))


def _numpy_scalar(value: Any) -> tuple[None, object] | None:
    item = value.item() if value.dtype.kind in "biufcSU" else value
    return None if isinstance(item, sys.modules["numpy"].generic) else (None, item)


def _range(value: range) -> tuple[str, object]:
    return "range", (len(value), value[0] if value else 0, value.step if len(value) > 1 else 1)


def _path_alike(value: Any) -> tuple[str, object]:
    """A path, in its own manner whether it is pure or not."""
    is_windows = any(base.__name__ == "PureWindowsPath" for base in value.__class__.__mro__)
    return ("windows path", str(value).lower()) if is_windows else ("path", str(value))


#: By package and class: what stands for all that is equal to a value.
_EQUAL: dict[str, Callable[[Any], tuple[str | None, object] | None]] = {
    "fractions.Fraction": _ratio,
    "decimal.Decimal": _decimal,
    "_pydecimal.Decimal": _decimal,
    "builtins.complex": _complex,
    "numpy.generic": _numpy_scalar,
    "builtins.range": _range,
    "datetime.datetime": lambda value: ("datetime", _instant(value)),
    "pathlib.PurePath": _path_alike,
}


def _tuple(value: Any) -> tuple[Any, ...]:
    base: Any = tuple
    return base.__getitem__(value, slice(None))  # type: ignore[no-any-return]


def _frozenset(value: frozenset[Any]) -> frozenset[Any]:
    empty: frozenset[Any] = frozenset()
    return empty.union(value)


#: Built-in classes, and what makes one of a subclass.
_PLAIN: tuple[tuple[type, Callable[[Any], object]], ...] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (bytes, bytes.__bytes__),
    (tuple, _tuple),
    (frozenset, _frozenset),
)


def equals(
    value: Any, known: dict[str, Any] = _EQUAL, plain: tuple[tuple[type, Any], ...] = _PLAIN
) -> tuple[str | None, object] | None:
    """Return what stands for all values that are equal to this one and have its hash, where that is something else: a
    built-in, or something that is told from built-ins by a name."""
    cls: Any = value.__class__
    for base, made in plain:
        if cls.__eq__ is base.__eq__ and cls.__hash__ is base.__hash__:
            return None if cls is base else (None, made(value))
    for base in cls.__mro__:
        alike = known.get(f"{base.__module__.partition('.')[0]}.{base.__name__}")
        if alike is not None:
            return alike(value) if cls.__eq__ is base.__eq__ or base.__name__ == "generic" else None
    return None


def _instant(value: Any) -> object:
    """A time with a zone is its instant, in whatever zone; one without is what it shows."""
    if value.utcoffset() is None:
        return ("", value.replace(tzinfo=None, fold=0).isoformat())
    since = value - type(value)(1970, 1, 1, tzinfo=sys.modules["datetime"].timezone.utc)
    return ("Z", (since.days, since.seconds, since.microseconds))


#: What else can be a key of a mapping outside the process: by package and class, what it is made of.
_KEYS: dict[str, Callable[[Any], object]] = {
    "datetime.datetime": _instant,
    "datetime.date": str,
    "uuid.UUID": lambda value: value.bytes,
    "enum.Enum": lambda value: (f"{type(value).__module__}.{type(value).__qualname__}", value.name),
}


def key_by_name(value: Any, known: dict[str, Callable[[Any], object]] = _KEYS) -> tuple[str, object] | None:
    """Return how a key of a mapping is told from others in every process, or None where its class is not known."""
    cls: Any = value.__class__
    for base in cls.__mro__:
        name = f"{base.__module__.partition('.')[0]}.{base.__name__}"
        spell = known.get(name)
        if spell is not None:
            return (name, spell(value)) if cls.__eq__ is base.__eq__ and "<locals>" not in cls.__qualname__ else None
    return None
