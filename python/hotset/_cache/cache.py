"""``Cache``: what several functions share, or a mapping of its own."""

from __future__ import annotations

import os

from hotset._aliasing import of as aliasing_of
from hotset._cache.registry import default_name, enter, leave, listed
from hotset._cache.views import CacheItems, CacheValues
from hotset._core import MISSING, BaseCache, Due, Missing, adopt_get
from hotset._loading.drivers import load_here, load_on_terms, refresh_one_later
from hotset._loading.many import Search
from hotset._loading.policy import USUAL, CountedLoad
from hotset._options import (
    ENTRIES,
    FUNCTIONS,
    LIFESPANS,
    LOADS,
    TIERS,
    check_cache,
    check_decorator,
    split_entry,
    taken,
)
from hotset._typing import TYPE_CHECKING, Mapping, MutableMapping, ParamSpec, TypeVar, cast, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, ItemsView, Iterable, Iterator, ValuesView
    from types import TracebackType
    from typing import Any, Self, Unpack

    from hotset._aliasing import Aliasing
    from hotset._cache.aio import AsyncFace
    from hotset._cache.policies import Optimize, Policy
    from hotset._core import Attempt, CachedCoroutineFunction, CachedFunction, ManualClock
    from hotset._decorators.of_functions import Decorator
    from hotset._options import CacheOptions, EntryOptions, FunctionOptions, LifeOptions, LoadedEntryOptions
    from hotset._percall.entry import Entry, Told
    from hotset._percall.explanation import Explanation
    from hotset._tiers.settings import AnyTier
    from hotset._types import Duration
    from hotset._what_if import WhatIf

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")
P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_MAXSIZE = 10_000

_LIFESPANS = frozenset(LIFESPANS)

#: Settings that the compiled half keeps for copies only.
_KEPT = ("weigher", "on_remove", "clock")


class Cache(BaseCache[K, V], MutableMapping[K, V]):
    """A bounded cache in memory, safe in threads; a mapping for whoever wants one.

    Keys compare as those of a dict. Reads and writes cost tens of nanoseconds. What has expired is never returned; its
    memory is given back in later operations on any key, or by :meth:`sweep`.

    Args:
        name: The name in logs and representations.
        maxsize: The most entries; 10,000 unless ``maxweight`` or ``max_bytes`` is given, None for no bound, 0 to store
            nothing.
        maxweight: The most weight of all entries together; needs ``weigher``.
        max_bytes: The most memory of all entries together, keys and values included: ``"256MB"`` (10**6), ``"256MiB"``
            (2**20), ``"1.5GB"``, or a number of bytes. Entries are weighed by what :func:`hotset.estimate_bytes` says
            when they are stored, instead of by a weigher. One that is larger than the bound is not stored.
        weigher: A function of key and value that gives an entry's weight, a whole number. An entry heavier than
            ``maxweight`` is not stored, and what it was to replace leaves.
        ttl: How long entries are fresh that say nothing else: ``"90s"``, ``"1h30m"``, seconds, a timedelta, or None
            (the default) for no end.
        ttls: How long classes of values are fresh, by name: with ``{"profile": "1h"}``, ``ttl="profile"`` is an hour
            wherever this cache is given a ttl.
        grace: How long after its ttl a value may still be served, while it is refreshed or after a load that failed.
            What only reads the cache (``get``, ``[]``, ``in``) does not see such values.
        idle: Entries leave if they were not read for so long.
        jitter: By which fraction of the ttl (0 to 1) lives are shortened, another part for each key, so that they do
            not end together.
        policy: Who is evicted: by ``"adaptive"``, whom the rule says that suits the present requests best, of S3-FIFO's
            (Yang et al., SOSP 2023) and TinyLFU's (Einziger, Friedman, Manes, ACM ToS 2017) with windows of several
            sizes; ``"tinylfu"``, ``"s3fifo"``, ``"sieve"``, ``"lirs"``, ``"arc"``, ``"slru"``, ``"lru"``, ``"mru"``,
            ``"lfu"``, ``"fifo"`` or ``"random"``.
        optimize: Whether the default policy is to save as many loads as it can (``"hits"``), or as much of the time
            that they take (``"time"``): then an entry whose load took long stays longer than another that is asked for
            as often. Where entries are weighed, light ones stay longer than heavy ones in both cases (Cherkasova,
            "Improving WWW proxies performance with Greedy-Dual-Size-Frequency caching policy", 1998).
        on_remove: Called with key, value and cause (``"expired"``, ``"evicted"``, ``"replaced"``, ``"invalidated"``
            or ``"cleared"``) of each entry that left. What it raises goes to :func:`sys.unraisablehook`.
        load_age: A load that takes longer is given up: nobody waits for it any more, and another may begin. None for
            never.
        aliasing: What callers get of a value: the object itself (``"share"``), a copy each (``"copy"``), a frozen
            equal (``"freeze"``), or the object itself, watched for changes (``"check"``, for development).
        what_if: Whether to take samples of the requests from the beginning, for :meth:`what_if`.
        clock: A clock for tests: :class:`hotset.testing.ManualClock`.
        tier: A place outside the process where values are kept too, which other processes may share: a URL, as in
            ``"disk:///var/cache/app?max_bytes=1GB"`` or ``"shm://app"``, or :class:`hotset.disk.Disk`. Memory lies in
            front of it. ``get``, ``[]``, ``in``, ``pop`` and all verbs on keys mean both then; ``len``, iteration,
            views, ``popitem`` and ``maxsize`` mean the memory of this process. The cache needs a name.
        options: How values are kept there: ``codec``, ``types``, ``compression``, ``compress_from``, ``secret``,
            ``encrypt``, ``memory_ttl``, ``outage_ttl``, ``max_life``, ``patience``, ``strict`` and ``on_error``. And
            what loads do: ``refresh_ahead``, ``early_refresh``, ``soft_timeout``, ``timeout``, ``cache_errors``,
            ``error_ttl`` and ``lease``, as for :func:`hotset.cache_result`.

    Raises:
        TypeError, ValueError: for arguments that make no sense; the message says what to write instead.
    """

    __slots__ = ()

    def __new__(
        cls,
        name: str | None = None,
        *,
        maxsize: int | Missing | None = MISSING,
        maxweight: int | None = None,
        max_bytes: int | str | None = None,
        weigher: Callable[[K, V], int] | None = None,
        ttls: Mapping[str, Duration] | None = None,
        jitter: float = 0.0,
        policy: Policy = "adaptive",
        optimize: Optimize = "hits",
        on_remove: Callable[[K, V, str], object] | None = None,
        load_age: Duration | None = "5m",
        aliasing: Aliasing = "share",
        what_if: bool = False,
        clock: ManualClock | None = None,
        tier: AnyTier | None = None,
        **options: Unpack[CacheOptions],
    ) -> Self:
        if not isinstance(name, str | None):  # pyright: ignore[reportUnnecessaryIsInstance]  # the user's mistake is checked here
            raise TypeError(f"name={name!r}: the name of a cache is a str; its bound is maxsize=")
        if max_bytes is not None and (maxweight is not None or weigher is not None):
            raise ValueError("max_bytes weighs entries by the bytes that they take: give it, or maxweight and weigher")
        if (maxweight is None) != (weigher is None):
            raise ValueError("maxweight and weigher belong together: give both or none")
        lifespan: dict[str, Any] = {**options}
        behind = None
        if tier is not None:
            from hotset._tiers.namespaces import check
            from hotset._tiers.settings import Settings

            behind = Settings(name, tier, taken(lifespan, TIERS))
            check(behind)
        usual = USUAL.changed(**taken(lifespan, LOADS))
        if not lifespan.keys() <= _LIFESPANS:
            check_cache(cls, lifespan, tier is not None)
        if behind is not None:
            behind.errors.know(usual.cache_errors)
        is_weighed = maxweight is not None or max_bytes is not None
        size = maxsize if not isinstance(maxsize, Missing) else None if is_weighed else DEFAULT_MAXSIZE
        self = super().__new__(
            cls,
            name or default_name(),
            maxsize=size,
            maxweight=maxweight,
            max_bytes=max_bytes,
            weigher=weigher,
            policy=policy,
            optimize=optimize,
            on_remove=on_remove,
            clock=clock,
            aliasing=None if aliasing == "share" else aliasing_of(aliasing),
            load_policy=usual,
            ttls=dict(ttls or {}),
            behind=behind,
            jitter=jitter,
            load_age=load_age,
            **lifespan,
        )
        if what_if:
            self.sampling = True
        if os.environ.get("HOTSET_DISABLE", "0") not in ("", "0"):
            self.enabled = False
        enter(self)
        if behind is not None:
            from hotset._tiers.namespaces import enter as enter_namespace

            enter_namespace(behind, self)
        return self

    # The mapping

    def items(self) -> ItemsView[K, V]:
        """The pairs that are there now."""
        return CacheItems(self)

    def values(self) -> ValuesView[V]:
        """The values that are there now."""
        return CacheValues(self)

    def __repr__(self) -> str:
        bounds = [f"maxsize={self.maxsize}"]
        if self.maxweight is not None:
            bounds.append(f"maxweight={self.maxweight}")
        if self.max_bytes is not None:
            bounds.append(f"max_bytes={self.max_bytes}")
        bounds += [f"{name}={value:g}s" for name in ("ttl", "grace", "idle") if (value := getattr(self, name))]
        said = [*bounds, f"policy={self.policy}"]
        if self._has_tier:
            said += self._tier.described()
        if not self.enabled:
            said.append("disabled")
        return f"<Cache {self.name!r}: {len(self)} entries, {', '.join(said)}>"

    def copy(self) -> Cache[K, V]:
        """A new cache with the same settings and entries, whose lives go on. Keys of functions are left out, and so is
        the tier: a copy has what is in memory."""
        settings = self._settings()
        unit = "max_bytes" if self._weighs_bytes else "maxweight" if self._weigher is not None else None
        lifted: dict[str, Any] = {unit: None} if unit is not None and settings[unit] is None else {}
        settings |= dict.fromkeys(lifted, 0)  # who is to weigh is said when a cache is made
        other: Cache[K, V] = Cache(f"{self.name}-copy", **settings)
        other.resize(**lifted)
        self._copy_to(other)
        other.enabled, other.sampling = self.enabled, self.sampling
        return other

    def _settings(self) -> dict[str, Any]:
        """The arguments to make such a cache with."""
        names = ("maxsize", "maxweight", "max_bytes", "weigher", "policy", "optimize", "on_remove", "clock")
        settings = {name: getattr(self, f"_{name}" if name in _KEPT else name) for name in names}
        aliasing = "share" if self._aliasing is None else self._aliasing.mode
        return {**settings, "aliasing": aliasing, "ttls": self._ttls, **self._given, **self._load_policy.options()}

    @overload
    def setdefault(self: Cache[K, V | None], key: K, default: None = None) -> V | None: ...
    @overload
    def setdefault(self, key: K, default: V) -> V: ...
    def setdefault(self, key: K, default: Any = None) -> Any:
        """Return what is stored under ``key``; store ``default`` first if there is nothing. Atomic, as a dict's is."""
        while True:
            found = self.get(key, MISSING)
            if not isinstance(found, Missing):
                return found
            if self.add(key, default):
                return default if self._aliasing is None else self.get(key, default)
            if key not in self:
                return default

    # Counting

    def incr(self, key: K, delta: int = 1, *, initial: int = 0, ttl: Duration | Missing | None = MISSING) -> int:
        """Add to a number, atomically, and return the sum. A missing one counts from ``initial`` and lives for ``ttl``.

        Raises:
            TypeError: if what is there is no number.
        """
        lifespan = {} if isinstance(ttl, Missing) else {"ttl": ttl}
        while True:
            present: Any = self.peek(key, MISSING)
            total: Any = (initial if present is MISSING else _number(key, present)) + delta
            if present is MISSING:
                if self.add(key, total, **lifespan) or key not in self:  # type: ignore[arg-type]  # a number is a V here
                    return total  # type: ignore[no-any-return]
            elif self._exchange(key, present, total):
                return total  # type: ignore[no-any-return]

    def decr(self, key: K, delta: int = 1, *, initial: int = 0, ttl: Duration | Missing | None = MISSING) -> int:
        """Subtract from a number; see :meth:`incr`."""
        return self.incr(key, -delta, initial=initial, ttl=ttl)

    # Loading

    def get_or_load(
        self,
        key: K,
        loader: Callable[[K], V],
        **options: Unpack[LoadedEntryOptions],
    ) -> V:
        """Return what is stored under ``key``, or what ``loader(key)`` returns, which is stored then.

        Whoever asks for the key meanwhile, in threads and tasks, waits for this load and gets what it returns or
        raises. It is stored unless the key was written to since the load began. What can be read only once (an
        iterator, an open file) is returned and not stored. A stale value is served within its grace while it is
        refreshed by ``loader``, or after a load that failed.

        Args:
            key: The key.
            loader: Called with the key.
            options: What is stored with the value, if it is loaded: ``ttl``, how long it is fresh; ``grace``, how long
                it may be served after that; ``idle``, it leaves if it was not read for so long; ``tags``, names to keep
                with it. And what this caller accepts: ``max_age``, ``max_stale``, ``only_if_cached``, ``timeout``,
                ``refresh`` or ``bypass``, as of ``with_options`` of a decorated function.

        Raises:
            LoadTimeoutError: if the load takes longer than the timeout.
            NotCachedError: if there is nothing that will do, with ``only_if_cached``.
        """
        if options and not options.keys() <= ENTRIES:
            return self._on_terms("get_or_load", key, loader, *split_entry("get_or_load", options), None)  # type: ignore[no-any-return]
        found = self._look_up(key)
        if found is not MISSING and type(found) is not Due:
            return found  # type: ignore[no-any-return]
        if not self.enabled:
            with CountedLoad(self):
                return loader(key)
        attempt = self._attempt(key, **cast("EntryOptions", options))
        if not isinstance(found, Due):
            return load_here(attempt, lambda: loader(key))  # type: ignore[no-any-return]
        refresh_one_later(attempt, lambda: loader(key), awaits=False)
        return found.value  # type: ignore[no-any-return]

    def get_entry(
        self,
        key: K,
        loader: Callable[[K], V] | None = None,
        **options: Unpack[LoadedEntryOptions],
    ) -> Entry[V] | None:
        """As :meth:`get_or_load`, as an entry, which says how old the value is and how it came about.

        Without a loader nothing is loaded; None if nothing is there that will do.
        """
        from hotset._percall.caller import entry_of
        from hotset._percall.entry import Told

        entry, terms = split_entry("get_entry", options)
        if loader is not None:
            return self._on_terms("get_entry", key, loader, entry, terms, Told())  # type: ignore[no-any-return]
        return entry_of(self._attempt(key), terms)

    def explain(self, key: K) -> Explanation:
        """What is known of a key: whether it is there, how old, what its tags are and which one killed it, when it is
        refreshed, and whether it is being loaded. ``str()`` of it is for people."""
        from hotset._percall.explanation import Explanation

        return Explanation(f"{self.name}[{key!r}]", self._attempt(key))

    def _on_terms(
        self, where: str, key: K, loader: Any, entry: dict[str, Any], accepted: dict[str, Any], told: Told | None
    ) -> Any:
        from hotset._loading.call_options import CallOptions
        from hotset._percall.entry import uncached_entry

        terms = CallOptions(where, accepted)
        terms.check(self)
        if terms.bypass or not self.enabled:
            with CountedLoad(self):
                value = loader(key)
            return value if told is None else uncached_entry(value)
        attempt = self._attempt(key, None, terms.oldest, **entry)
        return load_on_terms(attempt, lambda: loader(key), terms, told)

    # Many at once

    def get_many(self, keys: Iterable[K]) -> dict[K, V]:
        """What is there of ``keys``."""
        if self._has_tier:
            return self._get_many(list(dict.fromkeys(keys)))
        found = ((key, self.get(key, MISSING)) for key in keys)
        return {key: value for key, value in found if not isinstance(value, Missing)}

    def scan(self, prefix: str = "") -> Iterator[str]:
        """The keys that are a ``str`` and begin with ``prefix``, of the fresh entries of the whole cache: with a tier
        those in the tier, without one those in memory. Those of functions are not among them.

        A tier is read a page at a time, when that is asked for, and nothing of it is held between two pages. What is
        there from beginning to end is listed once; what comes or goes meanwhile may be listed or not. Disk and shared
        memory list in the order of the keys' UTF-8 bytes.

        Raises:
            TypeError: the prefix is no ``str``.
            TierError: the tier cannot list its keys, or not now, whatever ``on_error`` says.
        """
        if not isinstance(prefix, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # the user's mistake is checked here
            raise TypeError(f"prefix={prefix!r}: write a str, with which the keys begin")
        if not self._has_tier:
            return (key for key in self if isinstance(key, str) and key.startswith(prefix))
        return self._scan(prefix, *self._page(prefix))

    def _scan(self, prefix: str, keys: list[str], last: bytes | None) -> Iterator[str]:
        while last is not None:
            yield from keys
            keys, last = self._page(prefix, last)

    def set_many(
        self,
        items: Mapping[K, V] | Iterable[tuple[K, V]],
        **options: Unpack[EntryOptions],
    ) -> None:
        """Store the pairs of a mapping or of an iterable."""
        pairs = cast("Mapping[K, V]", items).items() if isinstance(items, Mapping) else items
        if self._has_tier:
            self._set_many(list(pairs), **options)
            return
        for key, value in pairs:
            self.set(key, value, **options)

    def delete_many(self, keys: Iterable[K]) -> int:
        """Delete each of ``keys``; how many there were."""
        return sum(self.delete(key) for key in keys)

    def expire_many(self, keys: Iterable[K]) -> int:
        """Expire each of ``keys``; how many there were."""
        return sum(self.expire(key) for key in keys)

    def touch_many(self, keys: Iterable[K], **options: Unpack[LifeOptions]) -> int:
        """Give each of ``keys`` a new life; how many there were."""
        return sum(self.touch(key, **options) for key in keys)

    def load_many(
        self,
        keys: Iterable[K],
        load_missing: Callable[[list[K]], Mapping[K, V]],
        **options: Unpack[LoadedEntryOptions],
    ) -> dict[K, V]:
        """What is there of ``keys``, and of the others what one call of ``load_missing`` returns for them.

        Keys that others load already are waited for, and only the rest is loaded. A key that ``load_missing`` leaves
        out is left out here too, and nothing is stored for it. The options are those of :meth:`get_or_load`, and hold
        for each key.
        """
        search = self._search(keys, options)
        if not search.uncached:
            return search.load(load_missing)
        with CountedLoad(self):
            return search.result_of(load_missing(search.uncached))

    def _search(self, keys: Iterable[K], options: LoadedEntryOptions) -> Search:
        entry, terms = split_entry("load_many", options)

        def attempt_of(key: K, oldest: float | None) -> Attempt:
            return self._attempt(key, None, oldest, **entry)

        return Search("load_many", keys, attempt_of, terms, enabled=self.enabled)

    # The decorator

    @overload
    def cache_result(  # type: ignore[overload-overlap]  # a coroutine function is a function too, and comes first
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> CachedCoroutineFunction[P, R]: ...
    @overload
    def cache_result(self, function: Callable[P, R], /) -> CachedFunction[P, R]: ...
    @overload
    def cache_result(self, /, **options: Unpack[FunctionOptions]) -> Decorator: ...
    def cache_result(self, function: Any = None, /, **options: Unpack[FunctionOptions]) -> Any:
        """Cache what a function returns in this cache; see :func:`hotset.cache_result`, which has the same options.

        What says how long results live and how they are loaded is as the cache has it unless given. Functions that
        share a cache never share a key.
        """
        from hotset._decorated import decorated

        check_decorator("Cache.cache_result", options, FUNCTIONS)

        def decorate(target: Any) -> Any:
            return decorated(target, self, options)

        return decorate if function is None else decorate(function)

    # The rest

    def what_if(self) -> WhatIf:
        """What the hit ratio would be at a quarter, half, twice, four and eight times the present size.

        It is estimated from samples of the requests, which are taken if the cache was made with ``what_if=True`` or
        since ``cache.sampling = True``. Miniature caches of each size, under the same policy, hold a part of the keys
        that is chosen by hash (Waldspurger, Park, Garthwaite, Ahmad, "Efficient MRC construction with SHARDS", FAST
        2015). That takes half a hundredth of the time of the process, and up to 2 MB.

        Raises:
            ValueError: no samples are taken.
        """
        from hotset._what_if import WhatIf

        samples = self._what_if()
        if samples is None:
            raise ValueError(
                f"no samples are taken of {self!r}: make it with what_if=True, "
                "or set sampling = True and ask again after a while"
            )
        hits, requests, sampled, sizes = samples
        size = next(bound for bound in (self.max_bytes, self.maxweight, self.maxsize) if bound is not None)
        return WhatIf(size, hits / requests if requests else 0.0, requests, sampled, dict(sizes))

    @property
    def aio(self) -> AsyncFace[K, V]:
        """The same verbs, to be awaited."""
        from hotset._cache.aio import AsyncFace

        return AsyncFace(self)

    def close(self) -> None:
        """Forget everything and store nothing from now on; what uses the cache goes on without it."""
        self.enabled = False
        leave(self)
        if self._has_tier:
            from hotset._tiers.namespaces import leave as leave_namespace

            leave_namespace(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


adopt_get(Cache)


def _number(key: object, value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise TypeError(f"incr({key!r}): what is stored there is of type {type(value).__name__}, not a number")


def caches() -> list[Cache[Any, Any]]:
    """The caches that live in this process, oldest first, those of single functions included."""
    return listed()
