"""Types of arguments, for annotations only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

if TYPE_CHECKING:
    from hotset._tiers.codecs import Codec

#: ``"90s"``, ``"1h30m"``, a number of seconds, or a timedelta.
Duration: TypeAlias = str | float | timedelta

#: A duration, a function of the result that gives one, or None for no end.
TtlOfResult: TypeAlias = Duration | Callable[[Any], Duration | None] | None

#: Called with the result and the seconds that the load took.
ShouldCache: TypeAlias = Callable[[Any, float], bool]

#: Names, templates over the parameters, or a function of the arguments that gives names.
Tags: TypeAlias = Iterable[str] | Callable[..., Iterable[str]]

#: What a circuit breaker does with calls.
BreakerState: TypeAlias = Literal["closed", "open", "half-open"]


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


class LoadOptions(TypedDict, total=False):
    """When values are loaded, how long that may take, and what becomes of errors: the same for caches and functions."""

    #: The part of the ttl after which a hit has the value refreshed in the background: ``0.8``.
    refresh_ahead: float | None
    #: Whether a hit refreshes a value a random while before its ttl ends, or a factor by which to be earlier.
    early_refresh: bool | float
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


class CacheOptions(LoadOptions, TierOptions, total=False):
    """What a cache is told by keyword beside what its signature names."""


class ResultOptions(LoadOptions, total=False):
    """The same for functions, which know what they return."""

    #: How long results are fresh that say that there is nothing.
    negative_ttl: Duration | None
    #: Whether a result says so; by default None does.
    is_negative: Callable[[Any], bool] | None
