"""How the values of a class are keyed. Each class is judged once, and each value by what its class was found to be.

A value is keyed by what it is made of only if that is known exactly: if its class is one that is known, or one derived
from it that adds nothing and overrides nothing by which a value compares or is read. What adds or overrides something
is keyed by its own ``__eq__`` and ``__hash__`` where it has them, beside what it is made of; by identity where it
cannot change; else it is refused.
"""

from __future__ import annotations

from _weakref import ref  # without `weakref`, which takes longer to import

from hotset._keys.content import Known, Refused, content_of, name_of, nearest, package_of
from hotset._typing import TYPE_CHECKING, GetSetDescriptorType, MemberDescriptorType

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

#: What a value is keyed by, for the compiled half: its own ``__hash__`` and ``__eq__``; what it is made of; both;
#: identity; the object that it stands for.
OWN: Final = 0
CONTENT: Final = 1
BOTH: Final = 2
IDENTITY: Final = 3
STANDS: Final = 4

#: One of these, and what a value is made of.
Judgement = tuple[int, object]

#: The classes whose subclasses may be read as what they derive from.
_BUILT_IN: Final = (tuple, list, dict, set, frozenset)

#: Bytes of a reference.
_WORD: Final = tuple.__itemsize__


def judge(cls: type) -> int | Callable[[Any], Judgement] | None:
    """How values of a class are keyed: None by their own rule, :data:`CONTENT` as the built-in container that they are,
    or a function that tells it of each."""
    plain = _judge(cls)
    return _Proxy(cls, plain) if _can_pretend(cls) else plain


def _judge(cls: type) -> int | Callable[[Any], Judgement] | None:
    if _is_enum(cls):
        return None
    if any("n_sequence_fields" in vars(base) for base in cls.__mro__):
        return _record
    found = nearest(cls)
    if found is None:
        return _Fields(cls) if _is_data(cls) else None
    base, known = found
    if base is cls or (known.is_family and package_of(base) == package_of(cls)):
        return None if known.describe is None else _Exactly(known.describe)
    return _derived(cls, base, known)


def _is_enum(cls: type) -> bool:
    return any(name_of(base) == "enum.Enum" for base in cls.__mro__)


def _is_data(cls: Any) -> bool:
    """Whether a class has fields, and an ``__eq__`` that was generated from them."""
    code: Any = getattr(cls.__eq__, "__code__", None)
    return hasattr(cls, "__dataclass_fields__") and code is not None and code.co_filename == "<string>"


def _derived(cls: type, base: type, known: Known) -> int | Callable[[Any], Judgement] | None:
    """Of a class that is derived from one that is known."""
    above = cls.__mro__[: cls.__mro__.index(base)]
    compares, hashes = cls.__eq__ is not base.__eq__, getattr(cls, "__hash__", None)
    if compares and hashes is None:
        return _Refuses(cls, base, "compares by an __eq__ of its own, and has no __hash__")
    if compares:
        return None if known.describe is None else _Both(known.describe)
    owns = [name for part in above for name in vars(part) if name in known.reads]
    if owns:
        return _apart(cls, base, known, f"says by {owns[0]} of its own what it holds")
    line = cls.__mro__[: len(above) + 1]
    # By place in the line of classes and name: what keeps a class alive would keep it for ever.
    slots = [
        (number, name)
        for number, part in enumerate(above)
        for name, slot in vars(part).items()
        if isinstance(slot, MemberDescriptorType)
    ]
    dicts = [
        (number, "__dict__")
        for number, part in enumerate(line)
        if isinstance(vars(part).get("__dict__"), GetSetDescriptorType)
    ]
    is_unseen = cls.__dictoffset__ != 0 and not dicts
    if known.can_hide or is_unseen or _is_larger(cls, base, len(slots)):
        return _apart(cls, base, known, f"may hold more than a {base.__name__} does")
    if not slots and not dicts:
        if known.describe is None:
            return None
        return CONTENT if base in _BUILT_IN else _Exactly(known.describe)
    return _Holding(cls, base, known, (*slots, *dicts))


def _is_larger(cls: type, base: type, slots: int) -> bool:
    """Whether values have room for something that no attribute shows."""
    # The interpreter keeps dicts and weak references before the object where it says so by an offset that is none.
    seen = slots + (cls.__dictoffset__ not in (0, -1)) + (cls.__weakrefoffset__ > 0)
    return cls.__basicsize__ > base.__basicsize__ + seen * _WORD


def _apart(cls: type, base: type, known: Known, why: str) -> Callable[[Any], Judgement]:
    return _Refuses(cls, base, why) if known.is_mutable else _same


def _same(_value: object) -> Judgement:
    return IDENTITY, None


def _record(value: Any) -> Judgement:
    """Of a tuple of the interpreter's, which has fields that are no items of it."""
    return CONTENT, value.__reduce__()[1]


class _Exactly:
    """Values that are keyed by what they are made of."""

    __slots__ = ("_describe",)

    def __init__(self, describe: Callable[[Any], object]) -> None:
        self._describe = describe

    def __call__(self, value: Any) -> Judgement:
        return CONTENT, self._describe(value)


class _Both(_Exactly):
    """Values that are keyed by what they are made of and by their own rule."""

    __slots__ = ()

    def __call__(self, value: Any) -> Judgement:
        return BOTH, self._describe(value)


class _Fields:
    """Values of a dataclass, keyed by the fields that take part in its generated ``__eq__``."""

    __slots__ = ("_names",)

    def __init__(self, cls: Any) -> None:
        self._names = [name for name, field in cls.__dataclass_fields__.items() if field.compare]

    def __call__(self, value: Any) -> Judgement:
        return CONTENT, [(name, getattr(value, name)) for name in self._names]


class _Refuses:
    """Values that cannot be keyed."""

    __slots__ = ("_why",)

    def __init__(self, cls: type, base: type, why: str) -> None:
        self._why = f"a {cls.__qualname__} is a {base.__name__} that {why}"

    def __call__(self, _value: object) -> Judgement:
        raise Refused(self._why)


class _Holding:
    """Values that are keyed by what they are made of unless they hold something beside it."""

    __slots__ = ("_apart", "_describe", "_places")

    def __init__(self, cls: type, base: type, known: Known, places: tuple[tuple[int, str], ...]) -> None:
        self._describe, self._places = known.describe, places
        self._apart = _apart(cls, base, known, f"holds more than a {base.__name__} does")

    def __call__(self, value: Any) -> Judgement:
        line = type(value).__mro__
        for number, name in self._places:
            try:
                held = vars(line[number])[name].__get__(value)
            except AttributeError:
                continue
            if name != "__dict__" or held:
                return self._apart(value)
        return (OWN, None) if self._describe is None else (CONTENT, self._describe(value))


# Proxies

_UNSET: Final = object()


def _can_pretend(cls: type) -> bool:
    """Whether values may say that they are of another class."""
    if name_of(cls) in ("builtins.weakproxy", "builtins.weakcallableproxy"):
        return True
    for base in cls.__mro__:
        if "__class__" in vars(base):
            return base is not object
        if "__getattribute__" in vars(base) and package_of(base) not in ("builtins", "numpy", "pandas"):
            return True
    return False


class _Proxy:
    """Values that may stand for another object, which may be another one in each call."""

    __slots__ = ("_cls", "_plain")

    #: For the compiled half: where a value would not be asked about, it is all the same.
    pretends = True

    def __init__(self, cls: type, plain: int | Callable[[Any], Judgement] | None) -> None:
        self._cls, self._plain = ref(cls), plain

    def __call__(self, value: Any) -> Judgement:
        cls = self._cls()
        assert cls is not None, "it has a value"
        if value.__class__ is cls:
            if callable(self._plain):
                return self._plain(value)
            return (OWN, None) if self._plain is None else (CONTENT, content_of(value))
        names = {name_of(base) for base in cls.__mro__}
        if "unittest.NonCallableMock" in names:
            return IDENTITY, None
        if names & {"wrapt.ObjectProxy", "builtins.ObjectProxy", "wrapt.BaseObjectProxy"} or package_of(cls) == "wrapt":
            return STANDS, (value.__wrapped__,)
        if "django.LazyObject" in names:
            return STANDS, (value._wrapped,)
        raise Refused(
            f"it is a {cls.__qualname__}, which stands for another object, and may for another one later: pass the "
            "object itself"
        )
