"""The awaitable face of a cache: the same verbs on the same entries.

What only reads has read when the call returns; what writes does so when it is awaited, as any coroutine. Without a tier
neither blocks nor switches tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, overload

from hotset._core import MISSING, Due, Missing, ready
from hotset._loading.drivers import load_in_task, load_on_terms_in_task, refresh_one_later
from hotset._loading.policy import CountedLoad
from hotset._options import ENTRIES, split_entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

    from hotset._cache import Cache
    from hotset._options import CallTerms, EntryOptions, LifeOptions, LoadedEntryOptions
    from hotset._percall.entry import Entry, Told
    from hotset._types import Duration

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")


class AsyncFace(Generic[K, V]):
    """A cache whose verbs are awaited; each does what the verb of that name of :class:`hotset.Cache` does."""

    __slots__ = ("_cache",)

    def __init__(self, cache: Cache[K, V]) -> None:
        self._cache = cache

    def __repr__(self) -> str:
        return f"<aio of {self._cache!r}>"

    @overload
    def get(self, key: K, default: None = None, /, **terms: Unpack[CallTerms]) -> Awaitable[V | None]: ...
    @overload
    def get(self, key: K, default: D, /, **terms: Unpack[CallTerms]) -> Awaitable[V | D]: ...
    def get(self, key: K, default: Any = None, /, **terms: Unpack[CallTerms]) -> Awaitable[Any]:
        """See :meth:`hotset.Cache.get`."""
        return ready(self._cache.get(key, default, **terms))

    async def set(self, key: K, value: V, **options: Unpack[EntryOptions]) -> None:
        """See :meth:`hotset.Cache.set`."""
        self._cache.set(key, value, **options)

    async def add(self, key: K, value: V, **options: Unpack[EntryOptions]) -> bool:
        """See :meth:`hotset.Cache.add`."""
        return self._cache.add(key, value, **options)

    async def replace(self, key: K, value: V, **options: Unpack[EntryOptions]) -> bool:
        """See :meth:`hotset.Cache.replace`."""
        return self._cache.replace(key, value, **options)

    @overload
    async def pop(self, key: K) -> V: ...
    @overload
    async def pop(self, key: K, default: V, /) -> V: ...
    @overload
    async def pop(self, key: K, default: D, /) -> V | D: ...
    async def pop(self, key: K, *default: Any) -> Any:
        """See :meth:`hotset.Cache.pop`."""
        return self._cache.pop(key, *default)

    async def delete(self, key: K) -> bool:
        """See :meth:`hotset.Cache.delete`."""
        return self._cache.delete(key)

    async def expire(self, key: K) -> bool:
        """See :meth:`hotset.Cache.expire`."""
        return self._cache.expire(key)

    async def touch(self, key: K, **options: Unpack[LifeOptions]) -> bool:
        """See :meth:`hotset.Cache.touch`."""
        return self._cache.touch(key, **options)

    async def incr(self, key: K, delta: int = 1, *, initial: int = 0, ttl: Duration | Missing | None = MISSING) -> int:
        """See :meth:`hotset.Cache.incr`."""
        return self._cache.incr(key, delta, initial=initial, ttl=ttl)

    async def decr(self, key: K, delta: int = 1, *, initial: int = 0, ttl: Duration | Missing | None = MISSING) -> int:
        """See :meth:`hotset.Cache.decr`."""
        return self._cache.decr(key, delta, initial=initial, ttl=ttl)

    def get_many(self, keys: Iterable[K]) -> Awaitable[dict[K, V]]:
        """See :meth:`hotset.Cache.get_many`."""
        return ready(self._cache.get_many(keys))

    async def scan(self, prefix: str = "") -> AsyncIterator[str]:
        """See :meth:`hotset.Cache.scan`."""
        for key in self._cache.scan(prefix):
            yield key

    async def set_many(self, items: Mapping[K, V] | Iterable[tuple[K, V]], **options: Unpack[EntryOptions]) -> None:
        """See :meth:`hotset.Cache.set_many`."""
        self._cache.set_many(items, **options)

    async def delete_many(self, keys: Iterable[K]) -> int:
        """See :meth:`hotset.Cache.delete_many`."""
        return self._cache.delete_many(keys)

    async def expire_many(self, keys: Iterable[K]) -> int:
        """See :meth:`hotset.Cache.expire_many`."""
        return self._cache.expire_many(keys)

    async def touch_many(self, keys: Iterable[K], **options: Unpack[LifeOptions]) -> int:
        """See :meth:`hotset.Cache.touch_many`."""
        return self._cache.touch_many(keys, **options)

    async def invalidate_tags(self, *tags: str) -> None:
        """See :meth:`hotset.Cache.invalidate_tags`."""
        self._cache.invalidate_tags(*tags)

    async def expire_tags(self, *tags: str) -> None:
        """See :meth:`hotset.Cache.expire_tags`."""
        self._cache.expire_tags(*tags)

    async def clear(self) -> None:
        """See :meth:`hotset.Cache.clear`."""
        self._cache.clear()

    def get_or_load(
        self, key: K, loader: Callable[[K], Awaitable[V]], **options: Unpack[LoadedEntryOptions]
    ) -> Awaitable[V]:
        """See :meth:`hotset.Cache.get_or_load`; the loader is awaited, by a task of its own."""
        if options and not options.keys() <= ENTRIES:
            return self._on_terms("get_or_load", key, loader, *split_entry("get_or_load", options), None)
        found = self._cache._look_up(key)
        if found is not MISSING and type(found) is not Due:
            return ready(found)
        if not isinstance(found, Due):
            return self._load(key, loader, options)
        refresh_one_later(self._cache._attempt(key, **options), lambda: loader(key), awaits=True)  # type: ignore[misc]
        return ready(found.value)

    async def _load(self, key: K, loader: Callable[[K], Awaitable[V]], options: EntryOptions) -> V:
        if not self._cache.enabled:
            with CountedLoad(self._cache):
                return await loader(key)
        attempt = self._cache._attempt(key, **options)
        return await load_in_task(attempt, lambda: loader(key))  # type: ignore[no-any-return]

    def get_entry(
        self,
        key: K,
        loader: Callable[[K], Awaitable[V]] | None = None,
        **options: Unpack[LoadedEntryOptions],
    ) -> Awaitable[Entry[V] | None]:
        """See :meth:`hotset.Cache.get_entry`; the loader is awaited."""
        from hotset._percall.entry import Told

        if loader is None:
            return ready(self._cache.get_entry(key, **options))
        return self._on_terms("get_entry", key, loader, *split_entry("get_entry", options), Told())

    async def _on_terms(
        self,
        where: str,
        key: K,
        loader: Callable[[K], Awaitable[V]],
        entry: dict[str, Any],
        accepted: dict[str, Any],
        told: Told | None,
    ) -> Any:
        from hotset._loading.call_options import CallOptions
        from hotset._percall.entry import uncached_entry

        terms, cache = CallOptions(where, accepted), self._cache
        terms.check(cache)
        if terms.bypass or not cache.enabled:
            with CountedLoad(cache):
                value = await loader(key)
            return value if told is None else uncached_entry(value)
        attempt = cache._attempt(key, None, terms.oldest, **entry)
        return await load_on_terms_in_task(attempt, lambda: loader(key), terms, told)

    async def load_many(
        self,
        keys: Iterable[K],
        load_missing: Callable[[list[K]], Awaitable[Mapping[K, V]]],
        **options: Unpack[LoadedEntryOptions],
    ) -> dict[K, V]:
        """See :meth:`hotset.Cache.load_many`; ``load_missing`` is awaited."""
        search = self._cache._search(keys, options)
        if not search.uncached:
            return await search.load_in_task(load_missing)
        with CountedLoad(self._cache):
            return search.result_of(await load_missing(search.uncached))
