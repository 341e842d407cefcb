"""``cached_property``: a property that is computed once, and again when its ttl is over."""

from __future__ import annotations

from hotset._core import PropertyBase
from hotset._decorators.of_functions import cache_result
from hotset._typing import TYPE_CHECKING, Generic, TypeVar, cast, overload

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self, Unpack

    from hotset._options import DecoratorOptions

S = TypeVar("S")
T = TypeVar("T")
V = TypeVar("V")
W = TypeVar("W")


class cached_property(PropertyBase, Generic[T, V]):  # noqa: N801  # used as a decorator, named as the one of functools
    """A property that keeps its value outside the instance, without keeping the instance alive.

    ``instance.name = value`` sets the value, ``del instance.name`` forgets it. The options are those of
    :func:`hotset.cache_result`; ``maxsize`` and ``max_bytes`` are for all
    instances together.

    Raises:
        TypeError: when it is read from an instance that cannot be referred to weakly.
    """

    @overload
    def __init__(self, function: Callable[[T], V], /) -> None: ...
    @overload
    def __init__(self: cached_property[Any, Any], /, **options: Unpack[DecoratorOptions]) -> None: ...
    def __init__(self, function: Callable[[T], V] | None = None, /, **options: Unpack[DecoratorOptions]) -> None:
        self._options = options
        if function is not None:
            self._decorate(function)

    def __call__(self, function: Callable[[S], W]) -> cached_property[S, W]:
        """Take the function, where options came first."""
        taken = cast("cached_property[S, W]", self)
        taken._decorate(function)
        return taken

    def _decorate(self, function: Callable[[T], V]) -> None:
        self._set_function(cache_result(**self._options)(function))
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.__name__ = name
        self.function.__set_name__(owner, name)

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type | None = None) -> Self: ...
        @overload
        def __get__(self, instance: T, owner: type | None = None) -> V: ...
        def __get__(self, instance: T | None, owner: type | None = None) -> Self | V: ...

    def __set__(self, instance: T, value: V) -> None:
        self.function.set(value, instance)

    def __delete__(self, instance: T) -> None:
        self.function.invalidate(instance)
