"""Calls of cached functions, and reads of caches, on a caller's own terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from hotset._core import CachedCoroutineFunction, CachedMethod, attempt_of
from hotset._errors import NotCachedError
from hotset._loading.call_options import CallOptions
from hotset._loading.drivers import load_on_terms, load_on_terms_in_task
from hotset._percall.entry import Entry, Told, uncached_entry
from hotset._percall.explanation import Explanation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hotset._cache import Cache
    from hotset._core import Attempt

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class Caller(Generic[P, R_co]):
    """A cached function on a caller's own terms: called as the function is, as often as you like."""

    __slots__ = ("__wrapped__", "_options", "_terms")

    def __init__(self, function: Any, options: dict[str, Any]) -> None:
        self.__wrapped__ = function
        self._options = options
        self._terms = CallOptions("with_options", options)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self._options.items())
        return f"<{self.__wrapped__!r} with {options or 'no options'}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function."""
        return self._obtain(args, kwargs, None)  # type: ignore[no-any-return]

    def get_entry(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Call the function and return its result as an :class:`Entry`, which says how it came about."""
        return self._obtain(args, kwargs, Told())

    def _obtain(self, args: tuple[Any, ...], kwargs: dict[str, Any], told: Told | None) -> Any:
        function, terms = self.__wrapped__, self._terms
        attempt = None if terms.bypass else _attempt_of(function, args, kwargs, terms)
        is_coroutine = isinstance(getattr(function, "__func__", function), CachedCoroutineFunction)
        if attempt is None or not attempt.is_enabled:
            if terms.only_if_cached and attempt is not None:
                raise NotCachedError(f"the cache of {attempt.name} is disabled, and only_if_cached loads nothing")
            return _uncached(function, args, kwargs, told, is_coroutine)
        call: Callable[..., Any] = load_on_terms_in_task if is_coroutine else load_on_terms
        return call(attempt, None, terms, told)


def _attempt_of(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], terms: CallOptions | None
) -> Attempt | None:
    """A way to the result of a call of a function or a method, None if the arguments do not fit."""
    if isinstance(function, CachedMethod):
        method = cast("CachedMethod[..., Any]", function)
        function, args = method.__func__, (method.__self__, *args)
    return attempt_of(function, args, kwargs, None if terms is None else terms.oldest)


def _uncached(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], told: Told | None, awaits: bool) -> Any:
    result = function.uncached(*args, **kwargs)
    if told is None:
        return result
    return _awaited(result) if awaits else uncached_entry(result)


async def _awaited(result: Any) -> Entry[Any]:
    return uncached_entry(await result)


def with_options(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Caller[..., Any]:
    """``function.with_options(**options)``."""
    if args:
        raise TypeError("with_options() takes keywords only, as in f.with_options(max_age='10s')(*args)")
    # Not subscripted: while the interpreter ends that does not work.
    return Caller(function, options)


def get_entry(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``function.get_entry(*args, **kwargs)``."""
    caller: Caller[..., Any] = Caller(function, {})
    return caller.get_entry(*args, **kwargs)


def explain(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Explanation:
    """``function.explain(*args, **kwargs)``."""
    attempt = _attempt_of(function, args, kwargs, None)
    if attempt is None:
        raise TypeError(f"explain(): these arguments fit no call of {function!r}")
    return Explanation(attempt.name, attempt)


def entry_of(attempt: Attempt, options: Mapping[str, Any]) -> Entry[Any] | None:
    """The entry of what is there, if it will do."""
    terms, told = CallOptions("get_entry", options), Told()
    if terms.bypass or terms.refresh:
        return None
    terms.only_if_cached = False
    hit = terms.accepts(attempt, told, loads=False)
    return None if hit is None else told.entry(attempt, hit.value, loaded=False)


def get(cache: Cache[Any, Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """``cache.get(key, default, **options)``: what is there and will do."""
    if not 1 <= len(args) <= 2:
        raise TypeError(f"get() takes a key and a default, not {len(args)} arguments")
    terms = CallOptions("get", options)
    default = args[1] if len(args) == 2 else None
    if terms.bypass or terms.refresh:
        return default
    terms.only_if_cached = False
    hit = terms.accepts(cache._attempt(args[0]), loads=False)
    return default if hit is None else hit.value
