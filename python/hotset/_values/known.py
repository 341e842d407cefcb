"""Which classes a codec may rebuild: those that were registered or named, and those that their fields name."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from hotset._aliasing.paths import type_name
from hotset._core import forget_known_classes
from hotset._values import exceptions, shapes, specials
from hotset._values.annotations import classes_of
from hotset._values.shapes import OWN, Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_HOW_TO_KNOW = (
    "name it in types=[...], register it with hotset.preview.register_type, or annotate what the function returns"
)


class Registered:
    """What was said of a class."""

    __slots__ = ("cls", "decode", "encode", "fields", "name")

    def __init__(self, cls: type, name: str | None = None) -> None:
        self.cls = cls
        self.name = name or name_of(cls)
        self.fields: tuple[str, ...] | None = None
        self.encode: Callable[[Any], object] | None = None
        self.decode: Callable[[Any], object] | None = None

    def shape(self) -> Shape | None:
        """Return the shape of the class; None if nobody knows what its objects are made of."""
        if self.encode is not None:
            return Shape(self.cls, self.name, OWN, encode=self.encode, decode=self.decode)
        if self.fields is not None:
            return shapes.of_fields(self.cls, self.name, self.fields)
        return shapes.of_class(self.cls, self.name)


#: Registered classes, by name.
_registered: dict[str, Registered] = {}
#: How often something was registered.
_times = [0]


def register(
    cls: Any,
    name: str | None,
    encode: Callable[[Any], object] | None,
    decode: Callable[[Any], object] | None,
    fields: Iterable[str] | None,
) -> None:
    """Make a class known to every codec."""
    if not isinstance(cls, type):
        raise TypeError(f"register_type({cls!r}): give it a class")
    if (encode is None) != (decode is None):
        raise TypeError(f"register_type({cls.__qualname__}): give both encode= and decode=, or neither")
    said = Registered(cls, name)
    said.encode, said.decode = encode, decode
    said.fields = None if fields is None else tuple(fields)
    if said.shape() is None:
        raise TypeError(
            f"register_type({cls.__qualname__}): it is no dataclass or the like, so nobody knows what its objects are "
            "made of: give fields=[...], or encode= and decode="
        )
    _keep(_registered, said)
    _times[0] += 1
    forget_known_classes()


def name_of(cls: type) -> str:
    """Return what a class is known as, unless it has another name."""
    return f"{cls.__module__}:{cls.__qualname__}"


def _keep(known: dict[str, Registered], said: Registered) -> None:
    """Note what was said of a class. A class of a module that was loaded again replaces the one of before."""
    other = known.get(said.name)
    if other is not None and other.cls is not said.cls and name_of(other.cls) != name_of(said.cls):
        raise ValueError(
            f"{said.name!r} is the name of {type_name(other.cls)} already: give {type_name(said.cls)} another name="
        )
    known[said.name] = said


class Known:
    """What one codec knows."""

    def __init__(self, types: Iterable[Any] = ()) -> None:
        self._named = tuple(types)
        for cls in self._named:
            if not isinstance(cls, type):
                raise TypeError(f"types=[{cls!r}]: name classes")
        self._known: dict[str, Registered] | None = None
        self._times = -1

    def way_of(self, cls: type) -> object:
        """Return how objects of exactly this class are taken apart: a kind and a function, a shape, or None."""
        special = specials.way_of(cls)
        if special is not None:
            return special
        if exceptions.is_builtin(cls):
            return shapes.of_fields(cls, name_of(cls), ())
        return next((said.shape() for said in self._all().values() if said.cls is cls), None)

    def shape_named(self, name: str) -> Shape | None:
        """Return the shape of the class that is known by this name."""
        module, _, rest = name.partition(":")
        builtin = exceptions.builtin(rest) if module == "builtins" else None
        if builtin is not None:
            return shapes.of_fields(builtin, name, ())
        said = self._all().get(name)
        return None if said is None else said.shape()

    def builder_of(self, kind: int) -> Callable[[Any], object] | None:
        """Return what puts something of this kind together."""
        return specials.BUILDERS.get(kind)

    def advice(self, cls: Any) -> str:
        """Say what to do about a class whose objects are not encoded."""
        nearest = next(
            (base for base in cls.__mro__[1:] if any(said.cls is base for said in self._all().values())), None
        )
        if nearest is not None:
            return f"it is a subclass of {type_name(nearest)}, which is known, but not known itself: {_HOW_TO_KNOW}"
        if specials.is_refused(cls):
            return specials.advice(cls)
        if issubclass(cls, enum.Enum) or issubclass(cls, BaseException) or shapes.fields_of(cls) is not None:
            return f"its class is not known: {_HOW_TO_KNOW}"
        return (
            "nothing is known of what it is made of: cache what it was made from, or register its class with "
            "hotset.preview.register_type and fields=[...], or encode= and decode="
        )

    def _all(self) -> dict[str, Registered]:
        """Return all that is known, by name; found out when it is first asked for, when all modules are loaded."""
        if self._known is None or self._times != _times[0]:
            self._times = _times[0]
            self._known = self._found_out()
        return self._known

    def _found_out(self) -> dict[str, Registered]:
        known: dict[str, Registered] = {}
        roots = [said.cls for said in _registered.values() if said.encode is None]
        own = {said.cls for said in _registered.values()}
        for cls in classes_of((*self._named, *roots)):
            if cls not in own:
                _keep(known, Registered(cls))
        for said in _registered.values():
            _keep(known, said)
        return known
