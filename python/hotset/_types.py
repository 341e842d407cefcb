"""Types of arguments, for annotations only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, TypeAlias, TypedDict

#: ``"90s"``, ``"1h30m"``, a number of seconds, or a timedelta.
Duration: TypeAlias = str | float | timedelta

#: A duration, a function of the result that gives one, or None for no end.
TtlOfResult: TypeAlias = Duration | Callable[[Any], Duration | None] | None

#: Called with the result and the seconds that the load took.
ShouldCache: TypeAlias = Callable[[Any, float], bool]

#: Names, templates over the parameters, or a function of the arguments that gives names.
Tags: TypeAlias = Iterable[str] | Callable[..., Iterable[str]]


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


class ResultOptions(LoadOptions, total=False):
    """The same for functions, which know what they return."""

    #: How long results are fresh that say that there is nothing.
    negative_ttl: Duration | None
    #: Whether a result says so; by default None does.
    is_negative: Callable[[Any], bool] | None
