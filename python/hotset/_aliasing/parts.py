"""The parts of a value: the ways in which it holds others, each as it is at one moment.

A part knows what is held, shallowly, and tells where a later state of it differs. ``__eq__`` and ``__hash__`` are asked
of leaves only, so nothing of a user's is called.
"""

from __future__ import annotations

from itertools import zip_longest
from operator import is_
from typing import TYPE_CHECKING, Any, TypeAlias

from hotset._aliasing import paths
from hotset._aliasing.leaves import LEAVES, identity_of, is_leaf, same_leaf
from hotset._aliasing.paths import type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    #: Where in a part something changed, as the last step of a path, or None for the whole of it; and in a few words.
    Change: TypeAlias = tuple[tuple[Callable[[Any], str], Any] | None, str]
    #: Something that can change itself: the label of the step to it, as it was, and as it is.
    Pair: TypeAlias = tuple[Any, object, object]

#: Stands for what is not there.
_NOTHING = object()


class Items:
    """What is held in an order: by a list, a tuple or a deque."""

    __slots__ = ("_children", "_inner")

    #: How the step to what is held is written, with its label.
    step: Callable[[Any], str] = staticmethod(paths.item)

    def __init__(self, children: tuple[object, ...]) -> None:
        self._children = children
        flat = LEAVES.issuperset(map(type, children))
        self._inner = () if flat else tuple(place for place, child in enumerate(children) if not is_leaf(child))

    def inner(self) -> Iterator[object]:
        """Walk over what is held and can change itself."""
        return (self._children[place] for place in self._inner)

    def change(self, now: Any) -> Change | None:
        """Return the first difference from a later state that shows without looking into what is held."""
        if _are_same(self._children, now._children):
            return None
        for place, (one, other) in enumerate(zip_longest(self._children, now._children, fillvalue=_NOTHING)):
            if _differ(one, other):
                return (self.step, self._label(place)), _words(one, other)
        return None

    def pairs(self, now: Any) -> Iterator[Pair]:
        """Walk over what has to be looked into, where :meth:`change` finds nothing."""
        return ((self._label(place), self._children[place], now._children[place]) for place in self._inner)

    def _label(self, place: int) -> Any:
        return place


class Entries(Items):
    """What a mapping holds under its keys."""

    __slots__ = ("_keys",)

    def __init__(self, items: tuple[tuple[object, object], ...]) -> None:
        super().__init__(tuple(item for _, item in items))
        self._keys = tuple(key for key, _ in items)

    def change(self, now: Any) -> Change | None:
        return self._change_of_keys(now._keys) or super().change(now)

    def _change_of_keys(self, now: tuple[object, ...]) -> Change | None:
        if _are_same(self._keys, now):
            return None
        old, new = {_token(key): key for key in self._keys}, {_token(key): key for key in now}
        for token in old:
            if token not in new:
                return (self.step, old[token]), _words(old[token], _NOTHING)
        for token in new:
            if token not in old:
                return (self.step, new[token]), _words(_NOTHING, new[token])
        return None if list(old) == list(new) else (None, "its keys are in another order")

    def _label(self, place: int) -> Any:
        return self._keys[place]


class Keys(Items):
    """The keys of a mapping, to look into those that can change."""

    __slots__ = ()

    step = staticmethod(paths.mapping_key)


class Elements(Items):
    """What is held in no order: by a set or a frozenset."""

    __slots__ = ()

    step = staticmethod(paths.member)

    def change(self, now: Any) -> Change | None:
        if _are_same(self._children, now._children) or set(map(_token, self._children)) == set(
            map(_token, now._children)
        ):
            return None
        return None, "it has other elements"

    def pairs(self, now: Any) -> Iterator[Pair]:
        # What can change is the same object, wherever it is now.
        return ((None, element, element) for element in self.inner())


class Content(Items):
    """What describes a value whose parts have no names."""

    __slots__ = ()

    step = staticmethod(paths.content)


class Attributes:
    """The attributes of an object.

    What an object computes when it is first asked is no change of it. So these are left out: the value of a
    ``cached_property``, of whatever library; an attribute that had no value before, if it is private or its class knows
    it as a slot or another descriptor; and a private one that was None.
    """

    __slots__ = ("_attributes", "_cls")

    step: Callable[[Any], str] = staticmethod(paths.attribute)

    def __init__(self, cls: type, attributes: dict[str, object]) -> None:
        self._cls = cls
        self._attributes = {name: item for name, item in attributes.items() if not _is_left_out(cls, name)}

    def inner(self) -> Iterator[object]:
        return (item for item in self._attributes.values() if not is_leaf(item))

    def change(self, now: Any) -> Change | None:
        for name, item in self._attributes.items():
            other = now._attributes.get(name, _NOTHING)
            if _differ(item, other) and not (item is None and name.startswith("_")):
                return (self.step, name), _words(item, other)
        for name, item in now._attributes.items():
            if name not in self._attributes and not _is_computed_late(self._cls, name):
                return (self.step, name), _words(_NOTHING, item)
        return None

    def pairs(self, now: Any) -> Iterator[Pair]:
        return ((name, item, now._attributes[name]) for name, item in self._attributes.items() if not is_leaf(item))


if TYPE_CHECKING:
    Part: TypeAlias = Items | Attributes

#: What SQLAlchemy keeps its books in begins so.
_BOOKS = "_sa_"


def _is_left_out(cls: type, name: str) -> bool:
    return name.startswith(_BOOKS) or type(_of_class(cls, name)).__name__ == "cached_property"


def _is_computed_late(cls: type, name: str) -> bool:
    return name.startswith("_") or hasattr(type(_of_class(cls, name)), "__get__")


def _of_class(cls: type, name: str) -> object:
    """Return what a class has under a name, as it is."""
    return next((base.__dict__[name] for base in cls.__mro__ if name in base.__dict__), None)


def _are_same(old: tuple[object, ...], new: tuple[object, ...]) -> bool:
    """Whether the same objects are held in the same order."""
    return len(old) == len(new) and all(map(is_, old, new))


def _differ(one: object, other: object) -> bool:
    """Whether two differ in a way that shows without looking into them."""
    return one is not other and (is_leaf(one) or is_leaf(other)) and not same_leaf(one, other)


def _words(one: object, other: object) -> str:
    if one is _NOTHING or other is _NOTHING:
        return "it was not there" if one is _NOTHING else "it is gone"
    was, now = type(one), type(other)
    if was is now:
        return f"it is another {type_name(was)}"
    return f"it was of type {type_name(was)}, and is of type {type_name(now)}"


def _token(value: object) -> object:
    """Return what tells a key or an element from others: a leaf's value, what a plain tuple holds, or identity."""
    if is_leaf(value):
        return id(type(value)), identity_of(value)
    held: Any = value
    if type(value) is tuple:
        return id(tuple), tuple(map(_token, held))
    if type(value) is frozenset:
        return id(frozenset), frozenset(map(_token, held))
    return id(type(value)), id(value)
