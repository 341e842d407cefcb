"""Functions of a list of keys."""

from __future__ import annotations

from hotset._core import MISSING
from hotset._functions.spec import is_coroutine_function, name_of
from hotset._loading.many import Search
from hotset._loading.policy import LoadPolicy
from hotset._options import LOADS, OWN_CACHES, LifeOptions, ManyOptions, check_decorator, names_of, taken
from hotset._typing import TYPE_CHECKING, Generic, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
    from typing import Any, Protocol, Unpack

    from hotset._cache import Cache
    from hotset._core import Attempt
    from hotset._options import CallTerms

K = TypeVar("K")
V = TypeVar("V")
R = TypeVar("R")

_CHECK = "{key} is the only name in tags of cache_result_many"


class CachedMany(Generic[K, V, R]):
    """A function of many keys, whose results are cached one by one.

    Called with keys, it returns what is there or is loaded of them, in their order; keys that the function leaves out
    are left out. A coroutine function's is awaited.
    """

    def __init__(
        self,
        function: Callable[[list[K]], Any],
        cache: Cache[Any, Any],
        options: dict[str, Any],
        tags: Sequence[str],
        policy: LoadPolicy,
        *,
        shared: bool,
        name: str | None,
    ) -> None:
        self._options, self._tags, self._policy = options, tags, policy
        self._key: Callable[[K], Any] = _keys_of(function, cache, name) if shared else _as_it_is
        #: The cache that the results are in.
        self.cache = cache
        #: The function itself.
        self.uncached = function
        self._is_coroutine = is_coroutine_function(function)
        import functools

        functools.update_wrapper(self, function)

    def __repr__(self) -> str:
        return f"<hotset.CachedMany {name_of(self.uncached)}>"

    def __call__(self, keys: Iterable[K], /) -> R:
        return self._obtain(keys, {})

    def with_options(self, **terms: Unpack[CallTerms]) -> Callable[[Iterable[K]], R]:
        """The same function on a caller's own terms: see :meth:`hotset.CachedFunction.with_options`.

        With ``only_if_cached``, keys that are not there are left out.
        """
        self._search((), terms)
        return lambda keys, /: self._obtain(keys, terms)

    def _obtain(self, keys: Iterable[K], terms: Mapping[str, Any]) -> R:
        search = self._search(keys, terms)
        return self._load_in_task(search) if self._is_coroutine else self._load(search)  # type: ignore[return-value]

    def _load(self, search: Search) -> dict[K, V]:
        if search.uncached:
            return search.result_of(self.uncached(search.uncached))
        return search.load(self.uncached)

    async def _load_in_task(self, search: Search) -> dict[K, V]:
        if search.uncached:
            return search.result_of(await self.uncached(search.uncached))
        return await search.load_in_task(self.uncached)

    def _search(self, keys: Iterable[K], terms: Mapping[str, Any]) -> Search:
        return Search("with_options", keys, self._attempt, terms, enabled=self.cache.enabled)

    def _attempt(self, key: K, oldest: float | None) -> Attempt:
        return self.cache._attempt(self._key(key), self._policy, oldest, tags=self._tags_of(key), **self._options)

    def _tags_of(self, key: K) -> list[str]:
        return [tag.format_map({"key": key}) for tag in self._tags]

    def peek(self, key: K, default: Any = MISSING, /) -> Any:
        """What is there for a key, without any effect; ``default`` where nothing is."""
        return self.cache.peek(self._key(key), default)

    def set(self, value: V, key: K, /) -> None:
        """Store the value of a key."""
        self.cache.set(self._key(key), value, tags=self._tags_of(key), **self._options)

    def invalidate(self, *keys: K) -> int:
        """Forget the values of these keys; how many there were."""
        return self.cache.delete_many(self._key(key) for key in keys)

    def expire(self, *keys: K) -> int:
        """End the lives of the values of these keys; how many there were."""
        return self.cache.expire_many(self._key(key) for key in keys)


if TYPE_CHECKING:
    Many = Callable[[list[K]], Mapping[K, V]]
    AsyncMany = Callable[[list[K]], Coroutine[Any, Any, Mapping[K, V]]]

    class ManyDecorator(Protocol):
        """What ``cache_result_many(...)`` returns: it decorates functions of a list of keys."""

        @overload
        def __call__(self, function: AsyncMany[K, V], /) -> CachedMany[K, V, Awaitable[dict[K, V]]]: ...
        @overload
        def __call__(self, function: Many[K, V], /) -> CachedMany[K, V, dict[K, V]]: ...


def _keys_of(function: Callable[..., Any], cache: Cache[Any, Any], name: str | None) -> Callable[[Any], Any]:
    """What gives the keys of a function in a cache that others use too. What they are of dies with it."""

    def value_of(key: Any) -> Any:
        """Never called: stands for the function of many keys, as one of a single key."""
        raise NotImplementedError

    for attribute in ("__module__", "__name__", "__qualname__"):
        setattr(value_of, attribute, getattr(function, attribute, getattr(value_of, attribute)))
    keyed: Any = cache.cache_result(name=name, typed=False)(value_of)
    return keyed.cache_key  # type: ignore[no-any-return]


def _as_it_is(key: K) -> K:
    return key


@overload
def cache_result_many(function: AsyncMany[K, V], /) -> CachedMany[K, V, Awaitable[dict[K, V]]]: ...
@overload
def cache_result_many(function: Many[K, V], /) -> CachedMany[K, V, dict[K, V]]: ...
@overload
def cache_result_many(**options: Unpack[ManyOptions]) -> ManyDecorator: ...
def cache_result_many(function: Any = None, /, **options: Unpack[ManyOptions]) -> Any:
    """Cache what a function of a list of keys returns for each of them.

    The function takes a list of keys, of which there is one at least, and returns a mapping of those that it found. It
    is called once for all keys that are missing and that nobody else is loading; every guarantee of a single load holds
    for each key.

    Args:
        function: What to decorate.
        cache: A cache to share; by default one of its own, with the options below.
        ttl: How long each value is fresh; by default as long as the cache says, or without an end.
        grace: How long after that it may still be served, while it is refreshed or after a load that failed.
        idle: A value leaves if it was not asked for so long.
        maxsize: The most values kept in a cache of its own, 10,000 unless ``max_bytes`` is given; None is unbounded, 0
            keeps nothing.
        max_bytes: The most memory of all entries of a cache of its own: ``"256MB"``, or a number of bytes.
        tags: Names, or templates over ``key``: ``"user:{key}"``.
        name: The name of a cache of its own, or of the function in one that it shares; by default module and
            qualified name.
        policy: Who is evicted from a cache of its own.
        optimize: What its default policy is to save: ``"hits"`` or ``"time"``, as for :func:`hotset.cache_result`.
        jitter: By which fraction of the ttl lives are shortened at random, in a cache of its own.
        load_age: How long a load may take until nobody waits for it any more, in a cache of its own.
        aliasing: What callers get of a value in a cache of its own, as for :class:`hotset.Cache`.
        clock: A clock for tests.
        loading: What loads do: ``soft_timeout``, ``timeout``, ``cache_errors`` and ``error_ttl``, as for
            :func:`hotset.cache_result`; and in a cache of its own ``refresh_ahead`` and ``early_refresh``.

    Raises:
        TypeError: for what cannot be called, and tags that are no list.
        ValueError: for a template with another name than ``key``.
    """
    from hotset._cache import Cache

    check_decorator("cache_result_many", options, names_of(ManyOptions))
    given: dict[str, Any] = {**options}
    cache, tags, name = given.pop("cache", None), given.pop("tags", ()), given.pop("name", None)
    if isinstance(tags, str):
        raise TypeError(f"tags={tags!r}: write a list, as in tags=[{tags!r}]")
    templates = [_checked(tag) for tag in tags]
    loads, own = taken(given, LOADS), taken(given, OWN_CACHES)
    life = {name: value for name, value in taken(given, names_of(LifeOptions)).items() if value is not MISSING}
    if cache is not None and given:
        raise ValueError(f"{', '.join(given)}: say so of the cache that is shared")

    def decorate(target: Any) -> Any:
        if not callable(target):
            raise TypeError(f"cache_result_many decorates functions, not {target!r}: its options are keywords")
        shared = cache is not None
        where: Cache[Any, Any] = Cache(name or name_of(target), **own, **life, **given) if cache is None else cache
        load = where._load_policy.changed(**loads)
        many: CachedMany[Any, Any, Any] = CachedMany(target, where, life, templates, load, shared=shared, name=name)
        return many

    return decorate if function is None else decorate(function)


def _checked(tag: object) -> str:
    if not isinstance(tag, str):
        raise TypeError(f"tags={tag!r}: a tag is a text, as in tags=['user:{{key}}']")
    try:
        tag.format_map({"key": _Anything()})
    except (KeyError, ValueError, IndexError) as error:
        raise ValueError(f"the tag template {tag!r} is of no use ({error}): {_CHECK}") from None
    return tag


class _Anything:
    """Has every attribute and item, to try a template with."""

    def __getattr__(self, name: str) -> _Anything:
        return self

    def __getitem__(self, key: object) -> _Anything:
        return self

    def __format__(self, spec: str) -> str:
        return ""
