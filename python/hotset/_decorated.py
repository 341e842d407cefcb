"""A function whose results are kept in a cache."""

from __future__ import annotations

from hotset._core import wrap
from hotset._functions.spec import FunctionSpec, name_of
from hotset._options import LOADS
from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from hotset._cache import Cache
    from hotset._options import FunctionOptions


def decorated(function: Any, cache: Cache[Any, Any], options: FunctionOptions, *, shares_cache: bool = True) -> Any:
    """Return ``function`` with its results kept in ``cache``, which others have too if ``shares_cache``."""
    if isinstance(function, staticmethod | classmethod):
        return rewrap(function, lambda inner: decorated(inner, cache, options))
    import functools

    check_callable(function)
    loads = {name: value for name, value in options.items() if name in LOADS}
    spec = FunctionSpec(function, options, cache._load_policy.changed(**loads), shares_cache=shares_cache)
    version = spec.version
    if cache._has_tier:
        from hotset._tiers.namespaces import check_function
        from hotset._tiers.settings import outside_name

        spec.outside = outside_name(options.get("name"), function, version)
        spec.codec = cache._tier.codec_for(function)
        cache._tier.errors.know(spec.load_policy.cache_errors)
        check_function(cache, spec.outside, function)
    result = wrap(function, cache, spec)
    if spec.outside is not None:
        from hotset._tiers.namespaces import enter_function

        enter_function(cache, spec.outside, function, result)
    functools.update_wrapper(result, function)
    if not hasattr(result, "__qualname__"):
        result.__name__ = result.__qualname__ = name_of(function).rpartition(".")[2]
    if version is not None:
        result.version = version
    return result


def rewrap(method: Any, decorate: Callable[[Any], Any]) -> Any:
    """A staticmethod or classmethod of the decorated function."""
    function = decorate(method.__func__)
    return CachedClassMethod(function) if isinstance(method, classmethod) else staticmethod(function)


class CachedClassMethod(classmethod):  # type: ignore[type-arg]  # of whatever class it is found in
    """A classmethod whose verbs, as its calls, are those of the class that it is reached through."""

    def __get__(self, instance: Any, owner: Any = None, /) -> Any:
        function: Any = getattr(self, "__func__")  # noqa: B009  # its type is unknown to type checkers
        return function.__get__(type(instance) if owner is None else owner)


def check_callable(function: object) -> None:
    if isinstance(function, property):
        raise TypeError(
            "cache_result cannot decorate a property: use hotset.cached_property, or put @property above it"
        )
    if not callable(function):
        raise TypeError(
            f"cache_result decorates functions, not {function!r}: its options are keywords, as in ttl='30m'"
        )
