"""``aliasing="freeze"``: one object for all, which refuses to be changed."""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict, deque
from operator import is_
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hotset._aliasing import paths
from hotset._aliasing.attributes import attributes_of, dict_of, with_attributes
from hotset._aliasing.frozen import (
    FROZEN,
    FrozenCounter,
    FrozenDefaultDict,
    FrozenDeque,
    FrozenDict,
    FrozenList,
    FrozenOrderedDict,
    FrozenSet,
)
from hotset._aliasing.leaves import is_leaf, is_leaf_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hotset._aliasing.paths import Path

#: To read and to make tuples of subclasses too, whatever they make of it.
_PlainTuple: Any = tuple

#: The flag of classes that are not static in C, from the documentation of type objects.
_HEAP_TYPE = 1 << 9


class Freezing:
    """Keeps a deeply frozen equivalent, and gives it to every caller.

    - Leaves (numbers, texts, bytes, times, enumerations, paths, functions, classes) stay as they are; so do objects of
      their subclasses without attributes, and all that holds only such and cannot change itself.
    - dict, list, set, OrderedDict, defaultdict, Counter and deque become a subclass that refuses every change, and is
      equal; what is missing in a defaultdict reads as its default, frozen, and is not added. A mapping proxy becomes
      one of a frozen dict, a bytearray bytes.
    - Tuples, named ones too, and objects of frozen classes (dataclasses with ``frozen=True``, attrs classes that are
      frozen, pydantic models with ``frozen=True``) are made anew around what they hold, without ``__init__``, if
      something in it had to be frozen.
    - A numpy array becomes a read-only copy, which answers an assignment with ValueError.
    - Everything else is refused: other objects, other subclasses of containers, arrays of objects, what holds open
      files or locks. Keys of dicts and members of sets must be frozen already.

    What a value holds twice, the frozen one holds twice; circles stay circles.

    Raises:
        TypeError: for what cannot be frozen. It names where it is, ``value["items"][3].owner``, and its type.
    """

    __slots__ = ()

    mode = "freeze"
    #: Whether what is kept is not what callers get.
    serves = False

    def store(self, value: object) -> object:
        """Return the frozen equivalent to keep; who made the value cannot change it any more."""
        return _Freezer().freeze(value, None)

    def serve(self, stored: object) -> object:
        """Return what is kept."""
        return stored


class _Freezer:
    """Freezes one value. It remembers what was frozen, with the original, so that no other object gets its address."""

    def __init__(self) -> None:
        self._done: dict[int, tuple[object, Any]] = {}

    def freeze(self, value: object, path: Path) -> Any:
        if is_leaf(value) or type(value) in FROZEN:
            return value
        done = self._done.get(id(value))
        if done is not None:
            return done[1]
        freezer = _FREEZERS.get(type(value)) or _freezer_of_class(type(value))
        if freezer is None or (freezer is not _object and dict_of(value)):
            raise _refusal(value, path)
        return self.done(value, freezer(self, value, path))

    def done(self, value: object, frozen: Any) -> Any:
        """Remember what a value is frozen to. In a circle, what was made further down remains."""
        return self._done.setdefault(id(value), (value, frozen))[1]

    def items(self, items: Iterable[Any], path: Path) -> list[Any]:
        return [self.freeze(item, (path, paths.item, index)) for index, item in enumerate(items)]

    def entries(self, mapping: Mapping[Any, Any], path: Path) -> list[tuple[Any, Any]]:
        return [
            (self.as_it_is(key, (path, paths.mapping_key, None)), self.freeze(item, (path, paths.item, key)))
            for key, item in list(mapping.items())
        ]

    def as_it_is(self, value: Any, path: Path) -> Any:
        """Return a key or a member of a set. It must be found by what is equal to it, so it may not be made anew."""
        if self.freeze(value, path) is not value:
            raise _refusal(value, path)
        return value


def _refusal(value: object, path: Path) -> TypeError:
    return TypeError(
        f"{paths.written(path)} is of type {paths.type_name(type(value))}, which cannot be frozen: "
        'make its class a frozen dataclass, or write aliasing="copy" to give every caller a copy'
    )


def _list(freezer: _Freezer, value: list[Any], path: Path) -> Any:
    new: FrozenList = freezer.done(value, list.__new__(FrozenList))
    super(FrozenList, new).extend(freezer.items(value, path))
    return new


def _deque(freezer: _Freezer, value: deque[Any], path: Path) -> Any:
    new: FrozenDeque = freezer.done(value, deque.__new__(FrozenDeque))
    super(FrozenDeque, new).__init__((), value.maxlen)
    super(FrozenDeque, new).extend(freezer.items(list(value), path))
    return new


def _dict(freezer: _Freezer, value: dict[Any, Any], path: Path) -> Any:
    new: FrozenDict = freezer.done(value, dict.__new__(FrozenDict))
    super(FrozenDict, new).update(freezer.entries(value, path))
    return new


def _defaultdict(freezer: _Freezer, value: defaultdict[Any, Any], path: Path) -> Any:
    new: FrozenDefaultDict = freezer.done(value, defaultdict.__new__(FrozenDefaultDict))
    super(FrozenDefaultDict, new).__init__(value.default_factory, freezer.entries(value, path))
    return new


def _counter(freezer: _Freezer, value: Counter[Any], path: Path) -> Any:
    new: FrozenCounter = freezer.done(value, dict.__new__(FrozenCounter))
    for key, item in freezer.entries(value, path):
        super(FrozenCounter, new).__setitem__(key, item)
    return new


def _ordered_dict(freezer: _Freezer, value: OrderedDict[Any, Any], path: Path) -> Any:
    new: FrozenOrderedDict = freezer.done(value, OrderedDict.__new__(FrozenOrderedDict))
    for key, item in freezer.entries(value, path):
        super(FrozenOrderedDict, new).__setitem__(key, item)
    return new


def _mapping_proxy(freezer: _Freezer, value: MappingProxyType[Any, Any], path: Path) -> Any:
    frozen: FrozenDict = dict.__new__(FrozenDict)
    new = freezer.done(value, MappingProxyType(frozen))
    super(FrozenDict, frozen).update(freezer.entries(value, path))
    return new


def _set(freezer: _Freezer, value: set[Any], path: Path) -> Any:
    new: FrozenSet = set.__new__(FrozenSet)
    super(FrozenSet, new).update([freezer.as_it_is(element, (path, paths.member, None)) for element in list(value)])
    return new


def _frozenset(freezer: _Freezer, value: frozenset[Any], path: Path) -> Any:
    for element in value:
        freezer.as_it_is(element, (path, paths.member, None))
    return value


def _bytearray(_freezer: _Freezer, value: bytearray, _path: Path) -> Any:
    return bytes(value)


def _tuple(freezer: _Freezer, value: tuple[Any, ...], path: Path) -> Any:
    old = list(_PlainTuple.__iter__(value))
    new = freezer.items(old, path)
    if all(map(is_, new, old)):
        return value
    try:
        return _PlainTuple.__new__(type(value), new)
    except TypeError:  # one that is written in C
        raise _refusal(value, path) from None


def _array(_freezer: _Freezer, value: Any, path: Path) -> Any:
    if value.dtype.hasobject:
        raise _refusal(value, path)
    new = value.copy(order="K")
    new.flags.writeable = False
    # A view of what is read-only cannot be made writeable.
    return new.view()


def _object(freezer: _Freezer, value: object, path: Path) -> Any:
    """Of a frozen class."""
    old = attributes_of(value)
    new = {name: freezer.freeze(item, (path, paths.attribute, name)) for name, item in old.items()}
    if all(map(is_, new.values(), old.values())):
        return value
    return with_attributes(type(value), new)


def _itself(_freezer: _Freezer, value: Any, path: Path) -> Any:
    """Of a subclass of a class of leaves."""
    base = next(base for base in type(value).__mro__ if is_leaf_class(base))
    if attributes_of(value, below=base):
        raise _refusal(value, path)
    return value


if TYPE_CHECKING:
    Freezes = Callable[[_Freezer, Any, Path], Any]

_FREEZERS: dict[type, Freezes] = {
    bytearray: _bytearray,
    deque: _deque,
    defaultdict: _defaultdict,
    dict: _dict,
    frozenset: _frozenset,
    list: _list,
    set: _set,
    tuple: _tuple,
    Counter: _counter,
    MappingProxyType: _mapping_proxy,
    OrderedDict: _ordered_dict,
}


def _freezer_of_class(cls: type[object]) -> Freezes | None:
    """Return what freezes the objects of a class that has none of its own."""
    if issubclass(cls, tuple):
        return _tuple
    if any(is_leaf_class(base) for base in cls.__mro__ if base is not object):
        return _itself
    numpy = sys.modules.get("numpy")
    if cls is getattr(numpy, "ndarray", None):
        return _array
    return _object if _is_frozen_class(cls) and _is_plain(cls) else None


def _is_frozen_class(cls: type) -> bool:
    """Whether a class itself, and not only a base of it, says that its objects do not change."""
    dataclass = cls.__dict__.get("__dataclass_params__")
    if dataclass is not None:
        return bool(dataclass.frozen)
    if "__attrs_attrs__" in cls.__dict__:
        setter: Any = cls.__setattr__
        return bool(setter is getattr(sys.modules.get("attr._make"), "_frozen_setattrs", None))
    model: Any = getattr(sys.modules.get("pydantic.main"), "BaseModel", None)
    return model is not None and issubclass(cls, model) and bool(getattr(cls, "model_config", {}).get("frozen"))


def _is_plain(cls: type) -> bool:
    """Whether all that objects of a class hold is in their attributes: it has no base that is written in C."""
    return all(base is object or base.__flags__ & _HEAP_TYPE for base in cls.__mro__)
