"""Containers that refuse to be changed, and are what they were for everybody who reads.

Each is a subclass of the container that it stands for: equal to it, and accepted where one is expected, by
``isinstance``, ``match`` and :mod:`json` too. What makes a new container of it (a copy, a slice, ``|``, ``+``, its
class called, :mod:`copy`, :mod:`pickle`) makes an ordinary one, which can be changed.

They are made with ``base.__new__(cls)`` and filled with the functions of their bases. These go round the refusal, and
so does :mod:`heapq`.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from typing import TYPE_CHECKING, Any, Never, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T", bound=type)

#: How what was tried is written, where it is not the call of a method.
_TRIED = {
    "__delattr__": "del value.attribute",
    "__delitem__": "del value[...]",
    "__iadd__": "+=",
    "__iand__": "&=",
    "__imul__": "*=",
    "__ior__": "|=",
    "__isub__": "-=",
    "__ixor__": "^=",
    "__setattr__": "value.attribute = ...",
    "__setitem__": "value[...] = ...",
}

_OF_ALL = ("__delattr__", "__init__", "__setattr__")
_OF_DICT = ("__delitem__", "__ior__", "__setitem__", "clear", "pop", "popitem", "setdefault", "update")
_OF_LIST = ("__delitem__", "__iadd__", "__imul__", "__setitem__", "append", "clear", "extend", "insert", "pop")
_OF_SET = ("__iand__", "__ior__", "__isub__", "__ixor__", "add", "clear", "discard", "pop", "remove", "update")


def _refuses(*mutators: str) -> Callable[[T], T]:
    """Give a class methods of these names that raise TypeError."""

    def decorate(cls: T) -> T:
        for name in (*_OF_ALL, *mutators):
            setattr(cls, name, _refusal(cls.__mro__[1].__name__, name))
        return cls

    return decorate


def _refusal(base: str, name: str) -> Callable[..., Never]:
    message = (
        f"{_TRIED.get(name, f'{name}()')}: this {base} is in a cache, and shared by all who ask for it. "
        'Change a copy, as copy.deepcopy(value) returns, or give the cache aliasing="copy"'
    )

    def refuse(*_args: object, **_options: object) -> Never:
        raise TypeError(message)

    refuse.__name__ = name
    return refuse


@_refuses(*_OF_DICT)
class FrozenDict(dict[Any, Any]):
    """A dict that cannot be changed."""

    __slots__ = ()

    def __new__(cls, *args: Any, **options: Any) -> Any:
        return dict(*args, **options)

    def __reduce_ex__(self, _protocol: object) -> Any:
        return dict, (), None, None, iter(self.items())


@_refuses(*_OF_LIST, "remove", "reverse", "sort")
class FrozenList(list[Any]):
    """A list that cannot be changed."""

    __slots__ = ()

    def __new__(cls, *args: Any) -> Any:
        new: list[Any] = list(*args)
        return new

    def __reduce_ex__(self, _protocol: object) -> Any:
        return list, (), None, iter(self)


@_refuses(*_OF_SET, "difference_update", "intersection_update", "symmetric_difference_update")
class FrozenSet(set[Any]):
    """A set that cannot be changed, and cannot be hashed either, as a set."""

    __slots__ = ()

    def __new__(cls, *args: Any) -> Any:
        new: set[Any] = set(*args)
        return new

    def __reduce_ex__(self, _protocol: object) -> Any:
        return set, (list(self),)


@_refuses(*_OF_DICT, "move_to_end")
class FrozenOrderedDict(OrderedDict[Any, Any]):
    """An OrderedDict that cannot be changed."""

    __slots__ = ()

    def __new__(cls, *args: Any, **options: Any) -> Any:
        new: OrderedDict[Any, Any] = OrderedDict(*args, **options)
        return new

    def __reduce_ex__(self, _protocol: object) -> Any:
        return OrderedDict, (), None, None, iter(self.items())


@_refuses(*_OF_DICT)
class FrozenDefaultDict(defaultdict[Any, Any]):
    """A defaultdict that cannot be changed: a missing key reads as its default, frozen, and stays missing."""

    __slots__ = ()

    def __new__(cls, *args: Any, **options: Any) -> Any:
        return defaultdict(*args, **options)

    def __missing__(self, key: Any) -> Any:
        from hotset._aliasing.freezing import Freezing

        if self.default_factory is None:
            raise KeyError(key)
        return Freezing().store(self.default_factory())

    def __reduce_ex__(self, _protocol: object) -> Any:
        return defaultdict, (self.default_factory,), None, None, iter(self.items())


@_refuses(*_OF_DICT, "subtract", "__iadd__", "__iand__", "__isub__", "__ixor__")
class FrozenCounter(Counter[Any]):
    """A Counter that cannot be changed."""

    __slots__ = ()

    def __new__(cls, *args: Any, **options: Any) -> Any:
        return Counter(*args, **options)

    def __reduce_ex__(self, _protocol: object) -> Any:
        return Counter, (), None, None, iter(self.items())


@_refuses(*_OF_LIST, "appendleft", "extendleft", "popleft", "remove", "reverse", "rotate")
class FrozenDeque(deque[Any]):
    """A deque that cannot be changed."""

    __slots__ = ()

    def __new__(cls, *args: Any, **options: Any) -> Any:
        new: deque[Any] = deque(*args, **options)
        return new

    def __reduce_ex__(self, _protocol: object) -> Any:
        return deque, ((), self.maxlen), None, iter(self)


#: The classes whose instances hold only what is frozen too.
FROZEN = frozenset(
    {FrozenCounter, FrozenDefaultDict, FrozenDeque, FrozenDict, FrozenList, FrozenOrderedDict, FrozenSet}
)
