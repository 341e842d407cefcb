"""``@cache_result``: caches what a function returns."""

from __future__ import annotations

from hotset._cache import Cache
from hotset._decorated import check_callable, decorated, rewrap
from hotset._functions.spec import name_of
from hotset._options import OWN_CACHES, DecoratorOptions, check_decorator, names_of, taken
from hotset._typing import TYPE_CHECKING, ParamSpec, TypeVar, cast, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any, Protocol, Unpack

    from hotset._core import CachedCoroutineFunction, CachedFunction
    from hotset._options import FunctionOptions

_KNOWN = names_of(DecoratorOptions)

P = ParamSpec("P")
R = TypeVar("R")

if TYPE_CHECKING:

    class Decorator(Protocol):
        """What ``cache_result(...)`` returns: it decorates whatever can be called."""

        @overload
        def __call__(  # type: ignore[overload-overlap]  # a coroutine function is a function too, and comes first
            self, function: Callable[P, Coroutine[Any, Any, R]], /
        ) -> CachedCoroutineFunction[P, R]: ...
        @overload
        def __call__(self, function: Callable[P, R], /) -> CachedFunction[P, R]: ...


@overload
def cache_result(  # type: ignore[overload-overlap]  # a coroutine function is a function too, and comes first
    function: Callable[P, Coroutine[Any, Any, R]], /
) -> CachedCoroutineFunction[P, R]: ...
@overload
def cache_result(function: Callable[P, R], /) -> CachedFunction[P, R]: ...
@overload
def cache_result(**options: Unpack[DecoratorOptions]) -> Decorator: ...
def cache_result(function: Any = None, /, **options: Unpack[DecoratorOptions]) -> Any:
    """Cache what a function returns, in memory of its own.

    Works on functions, coroutine functions, methods, classmethods, staticmethods, partials and other callables, with
    and without parentheses. Arguments by position, by keyword and by default are one key; ``1``, ``1.0`` and ``True``
    are three. Containers, dataclasses, arrays and tables are keyed by what they hold at the call, objects that compare
    by identity by identity, without keeping them alive.

    Args:
        function: What to decorate.
        ttl: How long a result is fresh: a duration (``"30m"``, seconds, a timedelta), a function of the result that
            gives one, or None (the default) for no end.
        grace: How long after that it may still be served, while it is refreshed or after a load that failed.
        idle: A result leaves if it was not asked for so long.
        maxsize: The most results kept, 10,000 unless ``max_bytes`` is given; None is unbounded, 0 keeps nothing. For
            methods: of all instances together.
        max_bytes: The most memory of all results and their keys together: ``"256MB"``, ``"256MiB"``, or a number of
            bytes; see :func:`hotset.estimate_bytes`.
        tags: Names, templates over the parameters (``"user:{user_id}"``), or a function of the arguments (and of
            ``result``, if it has such a parameter) that gives names.
        key: A function of the arguments that gives the key instead.
        ignore: Names of parameters that are not part of the key; ``Annotated[T, hotset.Ignore]`` says the same.
        typed: Whether equal arguments of different types are different keys. False compares as
            ``functools.lru_cache`` does.
        should_cache: A function of the result and the seconds that it took; what it says False to is returned and
            not stored.
        name: The name in logs and representations; by default module and qualified name.
        version: Say another one when the meaning of the results changes.
        policy: Who is evicted.
        optimize: Whether the default policy is to save as many loads as it can (``"hits"``), or as much of the time
            that they take (``"time"``).
        jitter: By which fraction of the ttl lives are shortened, another part for each key.
        load_age: A load that takes longer is given up: nobody waits for it any more, and another may begin. None for
            never.
        aliasing: What callers get of a result: the object itself (``"share"``), a copy each (``"copy"``), a frozen
            equal (``"freeze"``), or the object itself, watched for changes (``"check"``, for development).
        clock: A clock for tests.
        refresh_ahead: The part of the ttl after which a hit has the result refreshed in the background: ``0.8``.
        early_refresh: True has a hit refresh the result a random while before its ttl ends, the longer its load took
            (XFetch: Vattani, Chierichetti, Lowenstein, PVLDB 8(8), 2015); a number is a factor by which to be earlier.
        soft_timeout: How long a caller waits for a load before it takes a stale result: 0 (the default) not at all, so
            that the load is made in the background; None until the load ends, and only if that fails.
        timeout: How long a load may take before it is given up and raises :class:`hotset.LoadTimeoutError`. The load
            of a function that is no coroutine runs in a thread of a small pool then, in a copy of the caller's context.
        negative_ttl: How long a result is fresh that says that there is nothing: None, or what ``is_negative`` says.
        is_negative: A function of the result.
        cache_errors: Exceptions that are answers: they are kept, and raised again for ``error_ttl``.
        error_ttl: How long a load that failed is not repeated where there is something else to give, a stale result or
            an error that is kept; one second by default, and twice as long with every failure in a row, up to 64 times.
        lease: In a cache with a tier that processes share: for how long one of them may load a result while the others
            wait for what it stores. None (the default) lets each load.

    Raises:
        TypeError: for a generator function, and for options of a wrong kind.
        ValueError: for options of a wrong value, and for names that are no parameters.
    """
    check_decorator("cache_result", options, _KNOWN)
    results: dict[str, Any] = {**options}
    own = taken(results, OWN_CACHES)

    def decorate(target: Any) -> Any:
        if isinstance(target, staticmethod | classmethod):
            return rewrap(target, decorate)
        check_callable(target)
        cache: Cache[Any, Any] = Cache(options.get("name") or name_of(target), **own)
        return decorated(target, cache, cast("FunctionOptions", results), shares_cache=False)

    return decorate if function is None else decorate(function)
