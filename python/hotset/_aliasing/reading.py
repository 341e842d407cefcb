"""Reads the parts of a value: containers by the functions of their built-in base, objects by their attributes."""

from __future__ import annotations

import sys
from collections import OrderedDict, deque
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hotset._aliasing.attributes import attributes_of
from hotset._aliasing.leaves import is_leaf, package_of
from hotset._aliasing.parts import Attributes, Content, Elements, Entries, Items, Keys
from hotset._keys.content import content_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotset._aliasing.parts import Part

#: Packages whose classes say themselves what their values are made of.
_DESCRIBED = ("numpy", "pandas")

#: Modules of the standard library whose objects are data. Others (loggers, threads, files) change as they are used.
_DATA_MODULES = ("argparse", "collections", "types")

#: Packages and classes of objects in which a library keeps its books.
_BOOKS = (("django", "ModelState"),)

_ITEMS: tuple[Any, ...] = (list, tuple, deque)
_ELEMENTS: tuple[Any, ...] = (set, frozenset)
_ENTRIES: tuple[Any, ...] = (OrderedDict, dict, MappingProxyType)
_CONTAINERS = (*_ITEMS, *_ELEMENTS, *_ENTRIES, bytearray)


def is_container(cls: type) -> bool:
    """Whether objects of a class are what they hold: an equal one in the place of another makes no difference."""
    return issubclass(cls, _CONTAINERS)


def parts_of(value: object) -> tuple[Part, ...]:
    """Return all parts of a value that is no leaf; none for what nothing can be seen of."""
    cls = type(value)
    return (*_parts_of_container(value, cls), *_parts_of_object(value, cls))


def _parts_of_container(value: Any, cls: type) -> Iterator[Part]:
    # To read subclasses too, whatever they make of iteration.
    bases: tuple[Any, ...] = cls.__mro__
    for base in bases:
        if base in _ITEMS:
            yield Items(tuple(base.__iter__(value)))
        elif base in _ELEMENTS:
            yield Elements(tuple(base.__iter__(value)))
        elif base in _ENTRIES:
            yield from _parts_of_mapping(tuple(base.items(value)))
        elif base is bytearray:
            yield Content((bytes(memoryview(value)),))
        else:
            continue
        return


def _parts_of_mapping(items: tuple[tuple[Any, Any], ...]) -> Iterator[Part]:
    yield Entries(items)
    keys = tuple(key for key, _ in items)
    if not all(map(is_leaf, keys)):
        yield Keys(keys)


def _parts_of_object(value: object, cls: type) -> Iterator[Part]:
    if any(package_of(base) in _DESCRIBED for base in cls.__mro__):
        yield from _described(value)
    elif package_of(cls) == "array":
        yield Content((bytes(memoryview(value)),))  # type: ignore[arg-type]
    elif _is_data(cls):
        yield Attributes(cls, attributes_of(value))


def _described(value: object) -> Iterator[Part]:
    try:
        content = content_of(value)
    except Exception:  # noqa: BLE001  # what a table holds can be anything
        return
    yield Content((content,))


def _is_data(cls: type) -> bool:
    package = package_of(cls)
    if (package, cls.__name__) in _BOOKS:
        return False
    return package in _DATA_MODULES or package not in sys.stdlib_module_names
