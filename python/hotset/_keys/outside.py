"""How values are told apart by other processes: by what they are made of, and by names."""

from __future__ import annotations

import sys

from hotset._keys.content import name_of
from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


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
        describe = known.get(name_of(base))
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
        alike = known.get(name_of(base))
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
        name = name_of(base)
        spell = known.get(name)
        if spell is not None:
            return (name, spell(value)) if cls.__eq__ is base.__eq__ and "<locals>" not in cls.__qualname__ else None
    return None
