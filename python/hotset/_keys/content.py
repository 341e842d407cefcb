"""What values of well-known classes are made of: all that a function can tell them apart by, in built-in containers."""

from __future__ import annotations

import sys

from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


#: The built-in classes, whose own methods read what is beneath those of a subclass.
_TUPLE: Any = tuple
_LIST: Any = list
_DICT: Any = dict
_MUTABLE_SET: Any = set
_FROZEN_SET: Any = frozenset


class Refused(TypeError):  # noqa: N818  # it is no error of this package's: the compiled half says what it is about
    """A value that cannot be part of a key."""


class Same:
    """Stands for one object, and for no other that is equal to it."""

    __slots__ = ("_object",)

    def __init__(self, value: object) -> None:
        self._object = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self._object is other._object

    def __hash__(self) -> int:
        return id(self._object)


def package_of(cls: Any) -> str:
    """The package that a class is from, the empty text if it does not say."""
    module: Any = cls.__module__
    return module.partition(".")[0] if isinstance(module, str) else ""


def name_of(cls: Any) -> str:
    """Package and name of a class."""
    return f"{package_of(cls)}.{cls.__name__}"


# Dates and times


def _moment(value: Any) -> object:
    return (
        (value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond),
        value.fold,
        _zone(value.tzinfo),
    )


def _time_of_day(value: Any) -> object:
    return ((value.hour, value.minute, value.second, value.microsecond), value.fold, _zone(value.tzinfo))


def _zone(zone: Any) -> object:
    """A time zone, which may have no hash: those of dateutil have none."""
    if zone is None or zone.__class__.__hash__ is not None:
        return zone
    match name_of(zone.__class__):
        case "dateutil.tzutc":
            return "tzutc"
        case "dateutil.tzlocal":
            return ("tzlocal", *(getattr(zone, name, None) for name in ("_std_offset", "_dst_offset", "_tznames")))
        case "dateutil.tzoffset":
            return ("tzoffset", zone.tzname(None), zone.utcoffset(None))
        case _:
            return Same(zone)


def _decimal(value: Any) -> object:
    """All digits, as the class says them and not a subclass."""
    cls = value.__class__
    return next(base for base in cls.__mro__ if base.__name__ == "Decimal").__str__(value)


# NumPy


def _array(value: Any) -> object:
    """Kind, shape and bytes of an array; its items where it holds objects."""
    # A subclass may have methods of its own for this.
    base = sys.modules["numpy"].ndarray if hasattr(value, "__array_finalize__") else value.__class__
    kind = (repr(value.dtype), dict(value.dtype.metadata or {}))
    return (kind, value.shape, base.tolist(value) if value.dtype.hasobject else base.tobytes(value))


def _masked_array(value: Any) -> object:
    numpy = sys.modules["numpy"]
    if value is numpy.ma.masked:
        return "masked"
    mask = numpy.ma.getmaskarray(value)
    return (_array(value.data), _array(mask), repr(value.fill_value), value.hardmask, dict(value._optinfo))


def _mapped_array(value: Any) -> object:
    return (_array(value), str(value.filename), value.offset, value.mode)


# pandas


def _timestamp(value: Any) -> object:
    return (value.isoformat(), value.unit, value.fold, _zone(value.tzinfo))


def _table(value: Any) -> object:
    columns = [_column(value.iloc[:, place]) for place in range(value.shape[1])]
    return (_labels(value.index), _labels(value.columns), columns, *_notes(value))


def _series(value: Any) -> object:
    return (value.name, _labels(value.index), _column(value), *_notes(value))


def _notes(value: Any) -> tuple[object, ...]:
    """What a table knows beside its content."""
    return (dict(value.attrs), value.flags.allows_duplicate_labels)


def _labels(index: Any) -> object:
    """Class, names and values of an index, by level where it has several."""
    content: object
    match index.__class__.__name__:
        case "RangeIndex":
            content = (index.start, index.stop, index.step)
        case "MultiIndex":
            codes = [_array(sys.modules["numpy"].asarray(codes)) for codes in index.codes]
            content = ([_labels(level) for level in index.levels], codes, index.sortorder)
        case _:
            content = _column(index)
    return (index.__class__.__name__, list(index.names), content, getattr(index, "freqstr", None))


def _column(column: Any) -> object:
    """Kind and values of one column, of a table or alone."""
    dtype = column.dtype
    if isinstance(dtype, sys.modules["numpy"].dtype):
        return _array(column.to_numpy())
    if package_of(dtype.__class__) != "pandas":
        raise Refused(f"it holds values of the dtype {dtype}, of which all that is known is its name")
    categories = getattr(dtype, "categories", None)
    if categories is not None:
        codes = column.cat.codes if hasattr(column, "cat") else column.codes
        return (repr(dtype), _labels(categories), _array(sys.modules["numpy"].asarray(codes)))
    return (repr(dtype), list(column))


def _extension_array(value: Any) -> object:
    return (_column(value), getattr(value, "freqstr", None))


# Others


def _ordered_dict(value: Any) -> object:
    # In its own order, which `move_to_end` changes and the dict beneath does not know.
    return list(sys.modules["collections"].OrderedDict.items(value))


def _default_dict(value: Any) -> object:
    return (value.default_factory, _DICT.copy(value))


def _morsel(value: Any) -> object:
    return (value.key, value.value, value.coded_value, _DICT.copy(value))


def _lists(value: Any) -> object:
    """A mapping of keys to several values each."""
    return {key: list(values) for key, values in value.lists()}


def _query(value: Any) -> object:
    return (_lists(value), value.encoding)


def _memory_view(value: Any) -> object:
    return (value.format, value.shape, value.strides, value.readonly, value.tobytes())


def _mapping_proxy(value: Any) -> object:
    return value.copy()


class Known:
    """What is known of a class."""

    __slots__ = ("can_hide", "describe", "is_family", "is_mutable", "reads")

    def __init__(
        self,
        describe: Callable[[Any], object] | None,
        *,
        reads: str = "",
        is_mutable: bool = False,
        can_hide: bool = False,
        is_family: bool = False,
    ) -> None:
        #: What a value is made of; None where its own ``__hash__`` and ``__eq__`` tell all.
        self.describe = describe
        #: The methods that a subclass says by what it holds, if it has its own.
        self.reads = frozenset(reads.split())
        #: Whether what a value is may change.
        self.is_mutable = is_mutable
        #: Whether values keep what they are made of where a subclass keeps what is its own.
        self.can_hide = can_hide
        #: Whether it is so of all classes of its package that are derived from it.
        self.is_family = is_family


_SEQUENCE = "__len__ __iter__ __getitem__ __contains__ __reversed__ index count __getattribute__"
_MAPPING = "__len__ __iter__ __getitem__ __contains__ __reversed__ __missing__ get keys values items __getattribute__"
_SET = "__len__ __iter__ __contains__ __getattribute__"
_NUMBER = "__int__ __float__ __index__ __bool__ __complex__ __trunc__ __getattribute__"
_OBJECT = "__getattribute__"


def _tuple(value: Any) -> object:
    return _TUPLE.__getitem__(value, slice(None))


def _set(value: Any) -> object:
    return _MUTABLE_SET.union(_MUTABLE_SET(), value)


def _frozen_set(value: Any) -> object:
    return _FROZEN_SET.union(_FROZEN_SET(), value)


def _bytes_of(value: Any) -> object:
    return bytes(memoryview(value))


#: By package and class.
KNOWN: dict[str, Known] = {
    "builtins.tuple": Known(_tuple, reads=_SEQUENCE),
    "builtins.list": Known(_LIST.copy, reads=_SEQUENCE, is_mutable=True),
    "builtins.dict": Known(_DICT.copy, reads=_MAPPING, is_mutable=True),
    "builtins.set": Known(_set, reads=_SET, is_mutable=True),
    "builtins.frozenset": Known(_frozen_set, reads=_SET),
    "builtins.bytearray": Known(_bytes_of, reads=_SEQUENCE, is_mutable=True),
    "builtins.memoryview": Known(_memory_view),
    "builtins.mappingproxy": Known(_mapping_proxy),
    "builtins.str": Known(None, reads=_OBJECT),
    "builtins.bytes": Known(None, reads=_OBJECT),
    "builtins.int": Known(None, reads=_NUMBER),
    "builtins.float": Known(None, reads=_NUMBER),
    "builtins.complex": Known(None, reads=_NUMBER),
    "builtins.range": Known(lambda value: (value.start, value.stop, value.step)),
    "builtins.slice": Known(lambda value: (value.start, value.stop, value.step)),
    "fractions.Fraction": Known(None, reads=_NUMBER),
    "decimal.Decimal": Known(_decimal, reads=_NUMBER),
    "_pydecimal.Decimal": Known(_decimal, reads=_NUMBER),
    "datetime.datetime": Known(_moment, reads=_OBJECT),
    "datetime.time": Known(_time_of_day, reads=_OBJECT),
    "datetime.date": Known(None, reads=_OBJECT),
    "datetime.timedelta": Known(None, reads=_OBJECT),
    "datetime.timezone": Known(repr),
    "uuid.UUID": Known(lambda value: (value.bytes, value.is_safe), reads=_OBJECT),
    "pathlib.PurePath": Known(None, reads=_OBJECT, is_family=True),
    "pathlib.PureWindowsPath": Known(str, reads=_OBJECT, is_family=True),
    "collections.OrderedDict": Known(_ordered_dict, reads=_MAPPING, is_mutable=True),
    "collections.defaultdict": Known(_default_dict, reads=_MAPPING, is_mutable=True),
    "collections.Counter": Known(_DICT.copy, reads=_MAPPING, is_mutable=True),
    "http.BaseCookie": Known(_DICT.copy, is_mutable=True, can_hide=True, is_family=True),
    "http.Morsel": Known(_morsel, is_mutable=True, can_hide=True),
    "frozendict.frozendict": Known(_DICT.copy, can_hide=True),
    "munch.Munch": Known(_DICT.copy, is_mutable=True, can_hide=True),
    "sortedcontainers.SortedDict": Known(
        lambda value: (value.key, list(value.items())), is_mutable=True, can_hide=True
    ),
    "werkzeug.MultiDict": Known(_lists, is_mutable=True, can_hide=True, is_family=True),
    "werkzeug.OrderedMultiDict": Known(
        lambda value: list(value.items(multi=True)), is_mutable=True, can_hide=True, is_family=True
    ),
    "django.MultiValueDict": Known(_lists, is_mutable=True, can_hide=True),
    "django.QueryDict": Known(_query, is_mutable=True, can_hide=True),
    "numpy.dtype": Known(lambda value: (repr(value), dict(value.metadata or {})), can_hide=True, is_family=True),
    "numpy.generic": Known(_array, is_family=True),
    "numpy.ndarray": Known(_array, reads=f"{_SEQUENCE} __array__ tobytes tolist", is_mutable=True, is_family=True),
    "numpy.memmap": Known(_mapped_array, is_mutable=True, can_hide=True),
    "numpy.MaskedArray": Known(_masked_array, is_mutable=True, can_hide=True, is_family=True),
    "pandas.NaTType": Known(lambda value: "NaT"),
    "pandas.Timestamp": Known(_timestamp, reads=_OBJECT, can_hide=True),
    "pandas.Timedelta": Known(lambda value: (value.isoformat(), value.unit), reads=_OBJECT, can_hide=True),
    "pandas.Interval": Known(lambda value: (value.left, value.right, value.closed), can_hide=True),
    "pandas.DataFrame": Known(_table, is_mutable=True, can_hide=True),
    "pandas.Series": Known(_series, is_mutable=True, can_hide=True),
    "pandas.Index": Known(_labels, is_mutable=True, can_hide=True, is_family=True),
    "pandas.ExtensionArray": Known(_extension_array, is_mutable=True, can_hide=True, is_family=True),
}


def nearest(cls: type, known: dict[str, Known] = KNOWN) -> tuple[type, Known] | None:
    """The class that a class is or derives from and that is known: of its own package, else the nearest.

    ``known`` is bound here because keys are needed while the interpreter ends too.
    """
    first: tuple[type, Known] | None = None
    package = package_of(cls)
    for base in cls.__mro__:
        found = known.get(name_of(base))
        if found is not None:
            if package_of(base) == package:
                return base, found
            first = first or (base, found)
    return first


def content_of(value: Any) -> object | None:
    """What tells ``value`` from others as far as the nearest class does that is known, None if there is none."""
    found = nearest(value.__class__)
    return None if found is None or found[1].describe is None else found[1].describe(value)
