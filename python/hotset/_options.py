"""Options as callers write them: every one is declared here, once, and travels with those that it belongs to.

What reads them has their defaults: ``_loading.policy.LoadPolicy`` those of loads, ``_functions.spec.FunctionSpec``
those of functions, ``_tiers.settings.Settings`` those of tiers, and ``lifespan.rs`` of the compiled half those of
lifespans.
"""

from __future__ import annotations

from hotset._typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, Literal

    from hotset._aliasing import Aliasing
    from hotset._cache import Cache
    from hotset._cache.policies import Optimize, Policy
    from hotset._core import ManualClock, Missing
    from hotset._tiers.codecs import Codec
    from hotset._types import Duration, ShouldCache, Tags, TtlOfResult


class LifeOptions(TypedDict, total=False):
    """How long an entry lives, where it is not to be as its cache has it."""

    #: How long it is fresh.
    ttl: Duration | Missing | None
    #: How long it may be served after that.
    grace: Duration | Missing | None
    #: It leaves if it was not read for so long.
    idle: Duration | Missing | None


class EntryOptions(LifeOptions, total=False):
    """What is stored with a value."""

    #: Names to keep with it.
    tags: Iterable[str] | None


class CallTerms(TypedDict, total=False):
    """What one caller asks for."""

    #: How old a value may be: an older one is loaded anew.
    max_age: Duration | None
    #: For how long a value may be stale, within its grace: such a one is served at once, a staler one not at all.
    max_stale: Duration | None
    #: Whether to raise :class:`hotset.NotCachedError` instead of loading.
    only_if_cached: bool
    #: How long a load may take before it is given up and :class:`hotset.LoadTimeoutError` is raised.
    timeout: Duration | None
    #: Whether to load anew in any case.
    refresh: bool
    #: Whether to neither look nor store.
    bypass: bool


class LoadedEntryOptions(EntryOptions, CallTerms, total=False):
    """What is stored with a value that is loaded, and what its caller accepts instead."""


class LifespanOptions(TypedDict, total=False):
    """How long entries live, and when they are refreshed before that."""

    #: How long after its ttl a value may still be served, while it is refreshed or after a load that failed.
    grace: Duration | Missing | None
    #: It leaves if it was not asked for so long.
    idle: Duration | Missing | None
    #: The part of the ttl after which a hit has the value refreshed in the background: ``0.8``.
    refresh_ahead: float | None
    #: Whether a hit refreshes a value a random while before its ttl ends, or a factor by which to be earlier.
    early_refresh: bool | float


class LoadOptions(TypedDict, total=False):
    """How long loads may take, and what becomes of errors: the same for caches and functions."""

    #: How long a caller waits before it takes a stale value: 0 not at all, None until the load ends.
    soft_timeout: Duration | None
    #: How long a load may take before it is given up and :class:`hotset.LoadTimeoutError` is raised.
    timeout: Duration | None
    #: Exceptions that are answers: they are kept, and raised again for ``error_ttl``.
    cache_errors: type[Exception] | Iterable[type[Exception]]
    #: How long a load that failed is not repeated; doubles with every failure in a row.
    error_ttl: Duration
    #: For how long one process may load a value while others that share the tier wait for it; None if each may load.
    lease: Duration | None


class TierOptions(TypedDict, total=False):
    """How a cache keeps its values in its tier."""

    #: How values become bytes: ``"hotset"`` (the default), ``"json"``, ``"msgpack"``, ``"raw"``, ``"pickle"`` (with a
    #: secret), or an object with ``encode`` and ``decode``.
    codec: Literal["hotset", "json", "msgpack", "raw", "pickle"] | Codec
    #: Classes that the default codec may rebuild, beside those that are registered or that annotations name.
    types: Iterable[type]
    #: ``"zstd"``, ``"lz4"``, or ``("zstd", level)``; None (the default) for none.
    compression: Literal["zstd", "lz4"] | tuple[Literal["zstd"], int] | None
    #: From how many bytes on values are compressed: 1,024 by default.
    compress_from: int
    #: Random bytes with which what is stored is signed, so that nobody else can write what is read. Of several the
    #: first signs, and what others have signed is read.
    secret: str | bytes | Sequence[str | bytes] | None
    #: Whether what is stored is encrypted with the secret too.
    encrypt: bool
    #: How long values are kept in memory where the tier does not tell of changes; not at all by default.
    memory_ttl: Duration | None
    #: How long what is loaded is good in this process while the tier is away: 5 seconds by default.
    outage_ttl: Duration
    #: How long a value may live in the tier that has no ttl, None (the default) for no end.
    max_life: Duration | None
    #: How long a call may wait for others at the tier: a quarter of a second by default.
    patience: Duration
    #: Whether a function raises when its result cannot be encoded, instead of keeping it in memory only.
    strict: bool
    #: Whether faults of the tier are counted and logged (``"count"``, the default), or raised (``"raise"``).
    on_error: Literal["count", "raise"]


class CacheOptions(LifespanOptions, LoadOptions, TierOptions, total=False):
    """What a cache is told by keyword beside what its signature names."""

    #: How long entries are fresh that say nothing else, None (the default) for no end.
    ttl: Duration | Missing | None


class OwnCacheOptions(TypedDict, total=False):
    """What a function says of a cache of its own."""

    #: The most entries, 10,000 unless ``max_bytes`` is given; None is unbounded.
    maxsize: int | Missing | None
    #: The most memory of all entries together.
    max_bytes: int | str | None
    #: Who is evicted.
    policy: Policy
    #: What the default policy is to save: loads, or the time that they take.
    optimize: Optimize
    #: By which fraction of the ttl lives are shortened at random.
    jitter: float
    #: A load that takes longer is given up.
    load_age: Duration | None
    #: What callers get of a value.
    aliasing: Aliasing
    #: A clock for tests.
    clock: ManualClock | None


class FunctionOptions(LifespanOptions, LoadOptions, total=False):
    """How the results of a function are cached, wherever that is."""

    #: How long a result is fresh: a duration, or a function of the result that gives one.
    ttl: TtlOfResult | Missing
    #: Names, templates over the parameters, or a function of the arguments that gives names.
    tags: Tags | None
    #: A function of the arguments that gives the key.
    key: Callable[..., Any] | None
    #: Names of parameters that are not part of the key.
    ignore: Iterable[str]
    #: Whether equal arguments of different types are different keys.
    typed: bool
    #: A function of the result and the seconds that it took: whether to store it.
    should_cache: ShouldCache | None
    #: The name in logs and representations.
    name: str | None
    #: Another one when the meaning of the results changes.
    version: object
    #: How long results are fresh that say that there is nothing.
    negative_ttl: Duration | None
    #: Whether a result says so; by default None does.
    is_negative: Callable[[Any], bool] | None


class DecoratorOptions(FunctionOptions, OwnCacheOptions, total=False):
    """What ``cache_result`` takes."""


class ManyOptions(LifespanOptions, LoadOptions, OwnCacheOptions, total=False):
    """What ``cache_result_many`` takes."""

    #: A cache to share.
    cache: Cache[Any, Any] | None
    #: How long each value is fresh.
    ttl: Duration | Missing | None
    #: Names, or templates over ``key``.
    tags: Iterable[str]
    #: The name of a cache of its own, or of the function in one that it shares.
    name: str | None


def names_of(kind: type) -> tuple[str, ...]:
    """The names of the options of a kind, in the order of their declaration."""
    bases = [base for base in reversed(kind.__mro__) if "__annotations__" in dir(base)]
    return tuple(dict.fromkeys(name for base in bases for name in base.__annotations__))


ENTRIES = frozenset(names_of(EntryOptions))
LOADED_ENTRIES = names_of(LoadedEntryOptions)
FUNCTIONS = names_of(FunctionOptions)
LIFESPANS = ("ttl", *names_of(LifespanOptions))
LOADS = names_of(LoadOptions)
OWN_CACHES = names_of(OwnCacheOptions)
TIERS = (*names_of(TierOptions), "breaker")


def check_names(where: str, options: Iterable[str], known: Sequence[str]) -> None:
    """Raise TypeError for an option that there is not."""
    for name in options:
        if name not in known:
            from difflib import get_close_matches

            close = get_close_matches(name, known, 1)
            hint = f": did you mean {close[0]!r}?" if close else f", only {', '.join(known)}"
            raise TypeError(f"{where}() has no option {name!r}{hint}")


def check_cache(cache: type, options: Iterable[str], has_tier: bool) -> None:
    """Raise TypeError for what is no option of a cache, or only of one with a tier."""
    from inspect import signature

    parameters = signature(cache.__new__).parameters.values()
    named = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    known = (*named, *LIFESPANS, *LOADS)
    check_decorator("Cache", options, (*known, *TIERS) if has_tier else known)


def check_decorator(where: str, options: Iterable[str], known: Sequence[str]) -> None:
    """Raise TypeError for an option that a decorator has not, or that is for a cache with a tier."""
    unknown = set(options).difference(known)
    if misplaced := sorted(unknown.intersection(TIERS)):
        raise TypeError(
            f"{misplaced[0]}= is for a cache with a tier: write Cache('users', tier=..., {misplaced[0]}=...)"
        )
    check_names(where, unknown, known)


def taken(options: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Those of the options that have these names, taken out."""
    return {name: options.pop(name) for name in names if name in options}


def split_entry(where: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is to be stored with an entry, and what its caller accepts instead."""
    if not options:
        return {}, {}
    check_names(where, options, LOADED_ENTRIES)
    entry = {name: value for name, value in options.items() if name in ENTRIES}
    return entry, {name: value for name, value in options.items() if name not in ENTRIES}
