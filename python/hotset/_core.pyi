"""The compiled half of hotset."""

import os
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from types import TracebackType
from typing import (
    Any,
    Concatenate,
    Final,
    Generic,
    Literal,
    Never,
    ParamSpec,
    Protocol,
    Self,
    TypeVar,
    Unpack,
    final,
    overload,
)

from hotset._cache import Cache
from hotset._info import CacheInfo
from hotset._loading.policy import LoadPolicy
from hotset._options import CallTerms
from hotset._percall.caller import Caller
from hotset._percall.entry import Entry
from hotset._percall.explanation import Explanation
from hotset._tiers.own import Tier
from hotset._types import BreakerState, Duration

_K = TypeVar("_K")
_V = TypeVar("_V")
_D = TypeVar("_D")
_P = ParamSpec("_P")
_Q = ParamSpec("_Q")
_R = TypeVar("_R")
_R_co = TypeVar("_R_co", covariant=True)
_T = TypeVar("_T")

__version__: str

@final
class Missing:
    """The type of :data:`MISSING`."""

    def __bool__(self) -> bool: ...

MISSING: Final[Missing]
"""Stands for a value that is not there, where None could be one. It is false."""

def attempt_of(
    function: object, args: tuple[Any, ...], kwargs: dict[str, Any], max_age: float | None
) -> Attempt | None: ...
def forget_known_classes() -> None: ...
def seconds(name: str, value: Duration | None) -> float | None: ...
def depth() -> int: ...
def innermost() -> LoadContext | None: ...

@final
class ValueCodec:
    """The default codec: a value comes back as it went in, type for type, or it is refused.

    Built-in types, those of the standard library that are values, arrays of NumPy and tables of Arrow and pandas need
    no more. A class is rebuilt only if it is known: registered with :func:`hotset.preview.register_type`, or named in
    ``types``, with those that their fields name. Rebuilding calls no ``__init__``, ``__new__``, ``__setstate__`` or
    validator, and imports nothing that the bytes name.
    """

    id: Final[int]
    name: Final[str]
    needs_signature: Final[bool]

    def __new__(cls, types: Iterable[type] | None = None) -> Self: ...
    def encode(self, value: object) -> bytes:
        """Return the bytes of a value.

        Raises :class:`hotset.preview.NotEncodableError` if it would not come back as it is.
        """
    def decode(self, data: bytes | bytearray) -> Any:
        """Return the value of bytes.

        Arrays that cannot be written to may keep ``data`` and be views of it, as may all if it is a ``bytearray``,
        which is given away with the call. Raises :class:`hotset.preview.NotDecodableError` if the bytes are no value,
        and its subclass :class:`hotset.preview.StaleClassError` if a class is not known, or has other fields now.
        """

@final
class LoadContext:
    """The running load, as its loader sees it: what :func:`hotset.current_load` returns."""

    @property
    def stale(self) -> Any:
        """The value that is to be replaced, if it is there still; else :data:`MISSING`."""
    @property
    def age(self) -> float | None:
        """Its age in seconds, None if it is not there."""
    def set_ttl(self, ttl: Duration | None) -> None:
        """Say how long what the loader returns is fresh; None for no end."""
    def add_tags(self, *tags: str) -> None:
        """Say which tags it carries besides those that are known."""
    def skip(self) -> None:
        """Say that it is not to be stored. Those who wait for the load get it."""
    def not_modified(self) -> Any:
        """Return the value that is there, for the loader to return: its life begins anew, and its tags stay.

        Raises LookupError if it is not there.
        """

@final
class Hit:
    """A lookup found a value, which is to be loaded anew by whoever asked if it ``refreshes``."""

    __match_args__: Final = ("value", "refreshes")

    def __new__(cls, value: Any, refreshes: bool) -> Self: ...
    @property
    def value(self) -> Any: ...
    @property
    def refreshes(self) -> bool: ...

@final
class Due:
    """A value that a lookup found, and that is to be loaded anew by whoever asked."""

    __match_args__: Final = ("value",)

    def __new__(cls, value: Any) -> Self: ...
    @property
    def value(self) -> Any: ...

@final
class Found:
    """There is a value that will do."""

    __match_args__: Final = ("value",)

    def __new__(cls, value: Any) -> Self: ...
    @property
    def value(self) -> Any: ...

@final
class Leads:
    """The load has begun, and is its caller's to make. There is no flight where nobody but this caller runs it."""

    __match_args__: Final = ("flight",)

    def __new__(cls, flight: Flight | None) -> Self: ...
    @property
    def flight(self) -> Flight:
        """None where nobody but its caller runs the load."""

@final
class Joins:
    """Somebody else makes the load."""

    __match_args__: Final = ("flight",)

    def __new__(cls, flight: Flight) -> Self: ...
    @property
    def flight(self) -> Flight: ...

@final
class Failed:
    """The load raised, with this traceback or None."""

    __match_args__: Final = ("error", "traceback")

    def __new__(cls, error: Exception, traceback: TracebackType | None) -> Self: ...
    @property
    def error(self) -> Exception: ...
    @property
    def traceback(self) -> TracebackType | None: ...

@final
class Retry:
    """The load came to nothing: somebody has to begin another."""

    def __new__(cls) -> Self: ...

@final
class NotShareable:
    """What a load comes to is its caller's alone: everybody loads."""

    def __new__(cls) -> Self: ...

@final
class EntryInfo:
    """All that is known of an entry at a time; times are seconds from then."""

    @property
    def freshness(self) -> Literal["fresh", "stale", "error", "expired", "invalidated"]:
        """``"expired"`` or ``"invalidated"`` if it is not taken out yet."""
    @property
    def value(self) -> Any:
        """The value, or the error that is kept."""
    @property
    def age(self) -> float:
        """Since when it has been there."""
    @property
    def fresh_for(self) -> float | None: ...
    @property
    def stale_for(self) -> float:
        """For how long it has been stale, below 0 if it is fresh for so long still."""
    @property
    def gone_in(self) -> float | None: ...
    @property
    def refresh_in(self) -> float | None: ...
    @property
    def retry_in(self) -> float:
        """Until when no load is made because one has failed."""
    @property
    def failures(self) -> int:
        """How many loads have failed in a row."""
    @property
    def tags(self) -> list[str]: ...
    @property
    def invalidated_by(self) -> str | None:
        """The tag that has made it stale or unreadable."""

@final
class Flight:
    """A load that somebody else leads."""

    @property
    def number(self) -> int: ...
    @property
    def landed(self) -> bool: ...
    @property
    def is_task(self) -> bool: ...
    @property
    def waiting(self) -> bool: ...
    home: Any
    def outcome(self) -> Found | Failed | Retry | NotShareable | None: ...
    def subscribe(self, waiter: object) -> int | None: ...
    def unsubscribe(self, token: int) -> bool: ...
    def strand(self) -> None: ...
    @property
    def age(self) -> float: ...
    @property
    def until_old(self) -> float | None: ...
    def give_up_if_old(self) -> bool: ...

@final
class Attempt:
    """One caller's way to the value of a key."""

    def context(self, number: int) -> LoadContext | None: ...
    @property
    def policy(self) -> LoadPolicy: ...
    @property
    def name(self) -> str: ...
    @property
    def is_timed_by_hand(self) -> bool: ...
    def now(self) -> float: ...
    def not_fresh(self) -> EntryInfo | None: ...
    def read(self, loads: bool) -> Hit | None: ...
    @property
    def serves(self) -> bool: ...
    def count_miss(self) -> None: ...
    @property
    def is_enabled(self) -> bool: ...
    @property
    def from_tier(self) -> bool: ...
    def inspect(self) -> EntryInfo | None: ...
    def load_in_progress(self) -> float | None: ...
    def count_stale(self) -> None: ...
    def begin(self, where: str, looks: bool) -> Found | Leads | Joins | NotShareable: ...
    def wait_for(self, flight: Flight, blocks: bool) -> bool: ...
    def waited(self) -> None: ...
    def overtake(self) -> None: ...
    def run(self, loader: Callable[[], Any] | None = None, others: list[Attempt] = ...) -> Any: ...
    def load(self, loader: Callable[[], Any] | None, looks: bool) -> Any: ...
    def untimed(self) -> None: ...
    def land(self, value: Any, number: int | None = None) -> Any: ...
    def take_lease(self, seconds: float) -> float | None: ...
    def bring(self, number: int | None = None) -> Any: ...
    def fail(self, error: BaseException, number: int | None = None) -> bool: ...
    def quit(self, number: int | None = None) -> None: ...
    def leave_out(self, number: int | None = None) -> None: ...

@final
class Stats:
    """What a cache did since it was made: a snapshot, which does not change."""

    @property
    def hits(self) -> int:
        """Reads that found a fresh entry."""
    @property
    def misses(self) -> int:
        """Reads that did not."""
    @property
    def stale(self) -> int:
        """Of those, reads that were answered with a stale value."""
    @property
    def requests(self) -> int:
        """Hits and misses together."""
    @property
    def hit_ratio(self) -> float:
        """The part of the requests that were hits, from 0 to 1; 0 where there were none."""
    @property
    def loads(self) -> int:
        """Loads that returned."""
    @property
    def load_errors(self) -> int:
        """Loads that raised."""
    @property
    def load_seconds(self) -> float:
        """Seconds spent in loads, whether they returned or raised.

        The first 64 loads of a function are timed precisely. Later ones of a function without ``key``, ``tags``,
        ``should_cache`` and a ``ttl`` that decides are timed by a clock with a period of 1 to 10 ms, whose error evens
        out in the sum.
        """
    @property
    def refused(self) -> int:
        """Values that were not stored although they were to be: heavier than the bound, or readable only once."""
    @property
    def expired(self) -> int:
        """Entries that left because their time was over."""
    @property
    def evicted(self) -> int:
        """Entries that left to make room."""
    @property
    def replaced(self) -> int:
        """Entries that left because a newer value took their place."""
    @property
    def invalidated(self) -> int:
        """Entries that were deleted, popped or invalidated."""
    @property
    def cleared(self) -> int:
        """Entries that left in a ``clear``."""
    @property
    def entries(self) -> int:
        """Entries held, those that have expired and are not swept yet included."""
    @property
    def weight(self) -> int:
        """Their weight; their number where nothing is weighed."""
    @property
    def bytes(self) -> int | None:
        """What they take, as estimated when they were stored; None for a cache without ``max_bytes``."""
    @property
    def max_bytes(self) -> int | None:
        """The most that they may take; None for no such bound."""
    @property
    def tier(self) -> TierStats | None:
        """What happened at the tier of the cache, None if it has none."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class TierStats:
    """What happened at the tier of a cache, and what the tier holds for all of its users: a snapshot."""

    @property
    def hits(self) -> int:
        """Reads of the tier that found an entry that is fresh, or stale within its grace."""
    @property
    def misses(self) -> int:
        """Reads of the tier that found nothing that would do."""
    @property
    def unreadable(self) -> int:
        """Of those, reads that found what could not be read: damaged, of another version, signed by somebody else."""
    @property
    def stored(self) -> int:
        """Values that this cache has stored there."""
    @property
    def overtaken(self) -> int:
        """Values that were not stored because what they were loaded from had changed meanwhile."""
    @property
    def faults(self) -> int:
        """Calls of the tier that failed."""
    @property
    def entries(self) -> int | None:
        """Entries that it holds, None if that is not known."""
    @property
    def bytes(self) -> int | None:
        """Bytes that they take there."""
    @property
    def max_bytes(self) -> int | None:
        """The most that they may take."""
    @property
    def evicted(self) -> int:
        """Entries that left it to make room."""
    @property
    def expired(self) -> int:
        """Entries that left it because their time was over."""
    @property
    def busy(self) -> int:
        """Calls that could not have what others held for longer than they wait."""
    @property
    def refused(self) -> int:
        """Calls that were not made because others had failed before: the tier was left alone."""
    @property
    def breaker(self) -> Literal["closed", "open", "half-open"] | None:
        """What the circuit breaker does that reads, invalidations and leases go through: "open" leaves the tier alone,
        "half-open" tries it. None with ``breaker=False``."""
    @property
    def store_breaker(self) -> Literal["closed", "open", "half-open"] | None:
        """What the circuit breaker does that values go through which are to be stored."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class TierHandle:
    """A tier that was opened."""

    @property
    def identity(self) -> str: ...
    def keys(self) -> list[bytes]: ...
    @property
    def away(self) -> str | None:
        """Why it could not be, if that was so."""
    @property
    def damage(self) -> str | None:
        """What was wrong with what was there before, if that was set aside."""

def open_heap() -> TierHandle: ...
def open_own(tier: Tier) -> TierHandle: ...
def open_disk(
    path: str, max_bytes: int, *, keeps_bound: bool, durable: bool, private: bool, pause: float
) -> TierHandle: ...
def check_disk(path: str, patience: float) -> tuple[int, int, int, int]: ...
def compact_disk(path: str, patience: float) -> bool: ...
def parse_bytes(name: str, value: int | str) -> int: ...
def prefetch(attempts: list[Attempt]) -> None: ...
def find_hooks(at_the_exit: bool) -> None: ...

@final
class CallKey:
    """The key of one call of a decorated function, as ``cache_key()`` and iteration give it."""

    @property
    def function(self) -> str:
        """Module and qualified name of the function."""
    @property
    def arguments(self) -> tuple[Any, ...]:
        """The parts of the key; containers and objects that are keyed by identity are shown by what stands for them."""
    def __hash__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class ManualClock:
    """A clock that moves when it is told to: ``Cache(ttl="10s", clock=clock)``, then ``clock.advance("10s")``."""

    def __new__(cls) -> Self: ...
    def advance(self, by: Duration) -> None:
        """Move the clock forward. Raises ValueError for a duration that is not above 0."""
    @property
    def elapsed(self) -> float:
        """Seconds since the clock was made."""

@final
class BreakerStats:
    """What there is to know of a circuit breaker: a snapshot, which does not change."""

    @property
    def state(self) -> BreakerState:
        """What it does with calls: ``"closed"`` lets all through, ``"open"`` none, ``"half-open"`` a few."""
    @property
    def for_so_long(self) -> float:
        """Seconds for which it has done so."""
    @property
    def opened(self) -> int:
        """How many times it was opened, or again by a probe."""
    @property
    def refused(self) -> int:
        """Calls that were refused."""
    @property
    def calls(self) -> int:
        """Calls within the window, since it was last closed."""
    @property
    def failed(self) -> int:
        """Those of them that failed."""
    @property
    def in_a_row(self) -> int:
        """Failures since the last success."""

@final
class Permit:
    """The right to make one call: what ``breaker.allow()`` returns, and ``with breaker as permit``.

    What is told first counts. If nothing is told the call was cancelled: it counts as neither, and another may probe
    instead. In ``with`` it is told of what is raised there, and else that the call succeeded.
    """

    def succeeded(self) -> None:
        """Tell that the call succeeded, or failed if it was slow."""
    def failed(self, why: object = None) -> None:
        """Tell that the call failed. ``why`` is what the error says that later calls get: an exception, or a text."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> bool: ...

class BreakerVerbs:
    """The verbs of a circuit breaker."""

    def __new__(cls, given: dict[str, object], clock: ManualClock | None) -> Self: ...
    @property
    def _bounds(self) -> str: ...
    @property
    def state(self) -> BreakerState:
        """What it does with calls: ``"closed"`` lets all through, ``"open"`` none, ``"half-open"`` a few."""
    def stats(self) -> BreakerStats:
        """Return what there is to know of it."""
    def call(self, function: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Call a function, and return what it returns; if that is a coroutine, one whose end is that of the call.

        Raises :class:`hotset.CircuitOpenError` if the call is refused, and what the function raises.
        """
    def allow(self) -> Permit:
        """Return the right to make one call. Raises :class:`hotset.CircuitOpenError` if it is refused."""
    def reset(self) -> None:
        """Let calls through again, and forget all that there were."""
    def trip(self, why: object = None) -> None:
        """Refuse calls as if one too many had failed; if it is open, for longer.

        ``why`` is what the error says that they get: an exception, or a text.
        """
    def __enter__(self) -> Permit: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> bool: ...

class CacheVerbs(Generic[_K, _V]):
    """The verbs of a cache on single keys, and those on all of it."""

    def __new__(
        cls,
        name: str,
        maxsize: int | Missing | None,
        maxweight: int | None,
        max_bytes: int | str | None,
        weigher: Callable[[_K, _V], int] | None,
        policy: str,
        optimize: str,
        on_remove: Callable[[_K, _V, str], object] | None,
        clock: ManualClock | None,
        aliasing: object | None,
        load_policy: LoadPolicy,
        ttls: dict[str, Duration],
        behind: Any = None,
        **given: Any,
    ) -> Self: ...
    @property
    def name(self) -> str:
        """The name in logs and representations."""
    @property
    def maxsize(self) -> int | None:
        """The most entries, None for no bound."""
    @property
    def maxweight(self) -> int | None:
        """The most weight, None for no bound."""
    @property
    def max_bytes(self) -> int | None:
        """The most bytes that entries may take, None for no bound."""
    @property
    def optimize(self) -> Literal["hits", "time"]:
        """What the default policy is to save: loads, or the time that they take."""
    @property
    def policy(self) -> str:
        """The name of the policy."""
    @property
    def ttl(self) -> float | None:
        """Seconds that entries are fresh unless they say otherwise, None for no end."""
    @property
    def grace(self) -> float | None:
        """Seconds after its ttl that a value may still be served unless it says otherwise, None for none."""
    @property
    def load_age(self) -> float | None:
        """Seconds after which a load is given up, None for never."""
    @property
    def idle(self) -> float | None:
        """Seconds that entries may stay unread unless they say otherwise, None for no end."""
    @property
    def enabled(self) -> bool:
        """Whether anything is found or stored. Switched off, the cache is emptied and uses of it become plain calls."""
    @enabled.setter
    def enabled(self, on: bool, /) -> None: ...
    @property
    def sampling(self) -> bool:
        """Whether samples of the requests are taken, for :meth:`hotset.Cache.what_if`. Set to True, sampling begins
        anew; it raises :exc:`ValueError` if the cache has no bound."""
    @sampling.setter
    def sampling(self, on: bool, /) -> None: ...
    def _what_if(self) -> tuple[int, int, int, list[tuple[int, float]]] | None: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __iter__(self) -> Iterator[_K]: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def set(
        self,
        key: _K,
        value: _V,
        *,
        ttl: Duration | Missing | None = ...,
        grace: Duration | Missing | None = ...,
        idle: Duration | Missing | None = ...,
        tags: Iterable[str] | None = None,
    ) -> None:
        """Store a value.

        Args:
            ttl: How long it is fresh; None for no end, by default what the cache says.
            grace: How long after that it may still be served where it can be loaded anew, by default what the cache
                says.
            idle: It leaves if it was not read for so long; by default what the cache says.
            tags: Names to keep with the entry.

        Raises:
            TypeError: for a key that is not hashable, and for arguments of a wrong kind.
            ValueError: for a duration that is not above 0.
        """
    def add(
        self,
        key: _K,
        value: _V,
        *,
        ttl: Duration | Missing | None = ...,
        grace: Duration | Missing | None = ...,
        idle: Duration | Missing | None = ...,
        tags: Iterable[str] | None = None,
    ) -> bool:
        """Store a value if there is none; whether it was stored. Arguments as for :meth:`set`."""
    def replace(
        self,
        key: _K,
        value: _V,
        *,
        ttl: Duration | Missing | None = ...,
        grace: Duration | Missing | None = ...,
        idle: Duration | Missing | None = ...,
        tags: Iterable[str] | None = None,
    ) -> bool:
        """Store a value if there is one already; whether it was stored. Arguments as for :meth:`set`."""
    @overload
    def pop(self, key: _K) -> _V: ...
    @overload
    def pop(self, key: _K, default: _V) -> _V: ...
    @overload
    def pop(self, key: _K, default: _D) -> _V | _D:
        """Take a value out. Raises KeyError if there is none and no default."""
    def popitem(self) -> tuple[_K, _V]:
        """Take out the entry that the policy would evict next. Raises KeyError if the cache is empty."""
    def delete(self, key: _K) -> bool:
        """Take an entry out; whether there was one."""
    def expire(self, key: _K) -> bool:
        """End an entry's ttl now; whether there was one. For its grace it may still be served."""
    def touch(
        self,
        key: _K,
        *,
        ttl: Duration | Missing | None = ...,
        grace: Duration | Missing | None = ...,
        idle: Duration | Missing | None = ...,
    ) -> bool:
        """Begin an entry's life anew; whether there was one. What is not said stays as it was for the entry."""
    @overload
    def peek(self, key: _K) -> _V | None: ...
    @overload
    def peek(self, key: _K, default: _D) -> _V | _D:
        """As ``get``, without any effect on the entry or on statistics."""
    def clear(self) -> None:
        """Forget everything, at a cost that does not depend on how much that is.

        Of many entries, most are dropped, and told to the listener, in later operations or by :meth:`sweep`.
        """
    def invalidate_tags(self, *tags: str) -> None:
        """Make every entry that carries one of these tags unreadable, at the same cost however many they are.

        What loads return that are in progress and carry one of them is not stored. The entries are dropped, and told to
        the listener, in later operations or by :meth:`sweep`; they leave a full cache before any other.

        Raises TypeError for tags that are no text.
        """
    def expire_tags(self, *tags: str) -> None:
        """End the ttl of the entries that carry one of these tags, at the same cost however many they are.

        For their grace they may still be served while they are loaded anew; without grace they are gone. See
        :meth:`invalidate_tags`.
        """
    def sweep(self) -> int:
        """Give back the memory of what has expired, or was invalidated by tag or cleared, now; how many entries."""
    def resize(
        self, *, maxsize: int | None = ..., maxweight: int | None = ..., max_bytes: int | str | None = ...
    ) -> None:
        """Change a bound and evict what is too much.

        Raises ValueError for ``maxweight`` of a cache without a weigher, and for ``max_bytes`` of one that was made
        without. None of a bound that the cache cannot have changes nothing.
        """
    def stats(self) -> Stats:
        """What the cache did since it was made."""
    @overload
    def _iterate(self, shows: Literal["values"]) -> Iterator[_V]: ...
    @overload
    def _iterate(self, shows: Literal["items"]) -> Iterator[tuple[_K, _V]]: ...
    def _copy_to(self, other: CacheVerbs[_K, _V]) -> None: ...
    def _age(self, duration: Duration) -> None: ...
    def _tags(self, key: _K) -> list[str] | None: ...
    def _exchange(self, key: _K, present: _V, value: _V) -> bool: ...
    @property
    def _weighs_bytes(self) -> bool: ...
    @property
    def _weigher(self) -> Callable[[_K, _V], int] | None: ...
    @property
    def _on_remove(self) -> Callable[[_K, _V, str], object] | None: ...
    @property
    def _given(self) -> dict[str, Any]: ...
    @property
    def _tier(self) -> Any: ...
    @property
    def _has_tier(self) -> bool: ...
    def _get_many(self, keys: list[_K]) -> dict[_K, _V]: ...
    def _page(self, prefix: str, after: bytes | None = None) -> tuple[list[str], bytes | None]: ...
    def _set_many(
        self,
        pairs: list[tuple[_K, _V]],
        *,
        ttl: Duration | Missing | None = ...,
        grace: Duration | Missing | None = ...,
        idle: Duration | Missing | None = ...,
        tags: Iterable[str] | None = None,
    ) -> None: ...
    @property
    def _loads_in_progress(self) -> int: ...
    @property
    def _ttls(self) -> dict[str, Duration]: ...
    @property
    def _aliasing(self) -> Any: ...
    @property
    def _load_policy(self) -> LoadPolicy: ...
    @property
    def _clock(self) -> ManualClock | None: ...
    def _look_up(self, key: _K) -> Any: ...
    def _attempt(
        self,
        key: _K,
        load_policy: LoadPolicy | None = None,
        max_age: Duration | None = None,
        *,
        ttl: Duration | Missing | None = ...,
        grace: Duration | Missing | None = ...,
        idle: Duration | Missing | None = ...,
        tags: Iterable[str] | None = ...,
    ) -> Attempt: ...
    def _count_load(self, seconds: float, failed: bool) -> None: ...

class BaseCache(CacheVerbs[_K, _V]):
    """What :class:`hotset.Cache` is made of."""

    @overload
    def get(self, key: _K, default: None = None, /, **terms: Unpack[CallTerms]) -> _V | None: ...
    @overload
    def get(self, key: _K, default: _V, /, **terms: Unpack[CallTerms]) -> _V: ...
    @overload
    def get(self, key: _K, default: _D, /, **terms: Unpack[CallTerms]) -> _V | _D:
        """Return a value, or ``default``. :data:`hotset.MISSING` as default tells a miss from a stored None.

        ``max_age`` and ``max_stale`` say what will do; nothing is ever loaded here, whatever else is said.
        """
    def __getitem__(self, key: _K, /) -> _V: ...
    def __setitem__(self, key: _K, value: _V, /) -> None: ...
    def __delitem__(self, key: _K, /) -> None: ...

def adopt_get(class_: type[BaseCache[Any, Any]]) -> None: ...

@final
class CachedFunction(Generic[_P, _R_co]):
    """A function whose results are cached. It has the attributes of the function that it wraps."""

    __name__: str
    __qualname__: str
    __module__: str
    __wrapped__: Callable[_P, _R_co]
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co: ...
    @overload
    def __get__(self, instance: None, owner: type | None = None, /) -> Self: ...
    @overload
    def __get__(
        self: CachedFunction[Concatenate[_T, _Q], _R], instance: _T, owner: type | None = None, /
    ) -> CachedMethod[_Q, _R]: ...
    def __set_name__(self, owner: type, name: str, /) -> None: ...
    @property
    def uncached(self) -> Callable[_P, _R_co]:
        """The function itself."""
    @property
    def cache(self) -> Cache[Any, Any]:
        """The cache that holds the results."""
    def invalidate(self, *args: _P.args, **kwargs: _P.kwargs) -> bool:
        """Forget the result of this call; whether there was one. Raises TypeError for arguments that fit no call."""
    def refresh(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co:
        """Load the result of this call anew, store and return it."""
    def peek(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co | Missing:
        """Return the stored result of this call, or :data:`hotset.MISSING`; nothing is loaded or counted."""
    def set(self, value: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Store a value as the result of a call: ``f.set(value, *args)``."""
    def expire(self, *args: _P.args, **kwargs: _P.kwargs) -> bool:
        """End the ttl of this call's result now; whether there was one. For its grace it may still be served."""
    def with_options(self, **terms: Unpack[CallTerms]) -> Caller[_P, _R_co]:
        """The same function on a caller's own terms, to be called or kept.

        Args:
            max_age: How old a result may be: an older one is loaded anew.
            max_stale: For how long a result may be stale, within its grace: such a one is served at once, a staler one
                not at all.
            only_if_cached: Raise :class:`hotset.NotCachedError` instead of loading.
            timeout: How long a load may take before it is given up and :class:`hotset.LoadTimeoutError` is raised.
            refresh: Load anew in any case.
            bypass: Neither look nor store.
        """
    def get_entry(self, *args: _P.args, **kwargs: _P.kwargs) -> Entry[_R_co]:
        """Call the function and return its result as an entry, which says how old it is and how it came about."""
    def explain(self, *args: _P.args, **kwargs: _P.kwargs) -> Explanation:
        """What is known of this call's result; ``str()`` of it is for people."""
    def cache_key(self, *args: _P.args, **kwargs: _P.kwargs) -> CallKey:
        """Return the key of this call, which the verbs of the cache take."""
    def cache_info(self) -> CacheInfo:
        """Hits, misses, maxsize and current size, with the names that :mod:`functools` uses."""
    def cache_clear(self) -> None:
        """Forget every result of this function, and its statistics, which those of its cache lose too."""

@final
class CachedMethod(Generic[_P, _R_co]):
    """A decorated function that was reached through an instance, which it passes on as the first argument."""

    __name__: str
    __qualname__: str
    @property
    def __self__(self) -> Any: ...
    @property
    def __func__(self) -> CachedFunction[..., _R_co]: ...
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co: ...
    @property
    def uncached(self) -> Callable[_P, _R_co]:
        """The method itself."""
    @property
    def cache(self) -> Cache[Any, Any]:
        """The cache that holds the results."""
    def invalidate(self, *args: _P.args, **kwargs: _P.kwargs) -> bool:
        """See :meth:`CachedFunction.invalidate`."""
    def refresh(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co:
        """See :meth:`CachedFunction.refresh`."""
    def peek(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co | Missing:
        """See :meth:`CachedFunction.peek`."""
    def set(self, value: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        """See :meth:`CachedFunction.set`."""
    def expire(self, *args: _P.args, **kwargs: _P.kwargs) -> bool:
        """See :meth:`CachedFunction.expire`."""
    def with_options(self, **terms: Unpack[CallTerms]) -> Caller[_P, _R_co]:
        """See :meth:`CachedFunction.with_options`."""
    def get_entry(self, *args: _P.args, **kwargs: _P.kwargs) -> Entry[_R_co]:
        """See :meth:`CachedFunction.get_entry`."""
    def explain(self, *args: _P.args, **kwargs: _P.kwargs) -> Explanation:
        """See :meth:`CachedFunction.explain`."""
    def cache_key(self, *args: _P.args, **kwargs: _P.kwargs) -> CallKey:
        """See :meth:`CachedFunction.cache_key`."""
    def cache_info(self) -> CacheInfo:
        """See :meth:`CachedFunction.cache_info`."""
    def cache_clear(self) -> None:
        """See :meth:`CachedFunction.cache_clear`."""

@final
class CachedCoroutineFunction(Generic[_P, _R_co]):
    """A coroutine function whose results are cached.

    A call looks up when it is made. A miss does nothing until it is awaited, and looks again then. What its verbs
    do in memory is done when they return; awaiting them adds the tiers.
    """

    __name__: str
    __qualname__: str
    __module__: str
    __wrapped__: Callable[_P, Coroutine[Any, Any, _R_co]]
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, _R_co]: ...
    @overload
    def __get__(self, instance: None, owner: type | None = None, /) -> Self: ...
    @overload
    def __get__(
        self: CachedCoroutineFunction[Concatenate[_T, _Q], _R], instance: _T, owner: type | None = None, /
    ) -> CachedCoroutineMethod[_Q, _R]: ...
    def __set_name__(self, owner: type, name: str, /) -> None: ...
    @property
    def uncached(self) -> Callable[_P, Coroutine[Any, Any, _R_co]]:
        """The function itself."""
    @property
    def cache(self) -> Cache[Any, Any]:
        """The cache that holds the results."""
    def invalidate(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, bool]:
        """See :meth:`CachedFunction.invalidate`."""
    def refresh(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, _R_co]:
        """See :meth:`CachedFunction.refresh`; it loads when it is awaited."""
    def peek(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, _R_co | Missing]:
        """See :meth:`CachedFunction.peek`."""
    def set(self, value: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, None]:
        """See :meth:`CachedFunction.set`."""
    def expire(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, bool]:
        """See :meth:`CachedFunction.expire`."""
    def with_options(self, **terms: Unpack[CallTerms]) -> Caller[_P, Coroutine[Any, Any, _R_co]]:
        """See :meth:`CachedFunction.with_options`."""
    def get_entry(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, Entry[_R_co]]:
        """See :meth:`CachedFunction.get_entry`."""
    def explain(self, *args: _P.args, **kwargs: _P.kwargs) -> Explanation:
        """See :meth:`CachedFunction.explain`."""
    def cache_key(self, *args: _P.args, **kwargs: _P.kwargs) -> CallKey:
        """See :meth:`CachedFunction.cache_key`."""
    def cache_info(self) -> CacheInfo:
        """See :meth:`CachedFunction.cache_info`."""
    def cache_clear(self) -> None:
        """See :meth:`CachedFunction.cache_clear`."""

class CachedCoroutineMethod(Protocol[_P, _R]):
    """A :class:`CachedMethod` of a coroutine function. For type checkers only."""

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, _R]: ...
    @property
    def uncached(self) -> Callable[_P, Coroutine[Any, Any, _R]]: ...
    @property
    def cache(self) -> Cache[Any, Any]: ...
    def invalidate(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, bool]: ...
    def refresh(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, _R]: ...
    def peek(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, _R | Missing]: ...
    def set(self, value: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, None]: ...
    def expire(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, bool]: ...
    def with_options(self, **terms: Unpack[CallTerms]) -> Caller[_P, Coroutine[Any, Any, _R]]: ...
    def get_entry(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, Entry[_R]]: ...
    def explain(self, *args: _P.args, **kwargs: _P.kwargs) -> Explanation: ...
    def cache_key(self, *args: _P.args, **kwargs: _P.kwargs) -> CallKey: ...
    def cache_info(self) -> CacheInfo: ...
    def cache_clear(self) -> None: ...

@final
class Ready(Generic[_R_co]):
    """What a hit of a coroutine function returns: it can be awaited once, like a coroutine."""

    def __await__(self) -> Generator[Never, None, _R_co]: ...
    def __iter__(self) -> Iterator[Never]: ...
    def __next__(self) -> Never: ...
    def send(self, value: None, /) -> Never: ...
    def throw(self, *args: Any) -> Never: ...
    def close(self) -> None: ...

@final
class Places:
    """So many places, numbered from 1 on."""

    def __new__(cls, most: int) -> Self: ...
    @property
    def free(self) -> int:
        """How many are free."""

    def take(self) -> Place | None:
        """The free place with the lowest number."""

    def __len__(self) -> int:
        """How many are taken."""

@final
class Place:
    """A place, as long as it lives."""

    @property
    def number(self) -> int: ...

class PropertyBase:
    """What :class:`hotset.cached_property` is beneath, which says what it takes and gives."""

    @property
    def function(self) -> Any:
        """The decorated function behind the property, with all its verbs: a :class:`hotset.CachedFunction`."""

    def _set_function(self, function: object) -> None: ...

@final
class PendingCall(Generic[_R_co]):
    """What any other call of a coroutine function returns: a coroutine that looks again, loads and fills."""

    __name__: str
    __qualname__: str
    def __await__(self) -> Generator[Any, Any, _R_co]: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any) -> Any: ...
    def throw(self, *args: Any) -> Any: ...
    def close(self) -> None: ...

def wrap(function: Callable[..., Any], cache: CacheVerbs[Any, Any], spec: Any) -> Any: ...
def ready(value: _T) -> Coroutine[Any, Any, _T]: ...
def can_be_read_once(result: object) -> bool: ...

TRACE_FORMATS: Final[tuple[str, ...]]
"""The names of the formats that :meth:`Trace.read` reads."""

@final
class Progress:
    """How far work in another thread is. It may be shared by several."""

    def __init__(self) -> None: ...
    @property
    def done(self) -> int:
        """Steps that are done: bytes that were read, requests that were simulated."""
    def stop(self) -> None:
        """Have the work raise InterruptedError, within some thousand steps."""

@final
class Trace:
    """Recorded requests, each a number that stands for its key. Its methods let other threads run."""

    @staticmethod
    def read(
        path: str | os.PathLike[str] | None,
        progress: Progress,
        *,
        format: str | None,
        key_column: str | int | None,
        delimiter: str | None,
        limit: int | None,
    ) -> Trace:
        """The requests in a file, or in standard input for None; plain or gzipped.

        `format` is one of :data:`TRACE_FORMATS`, None to see it from the content. `key_column` (a name, or a number
        from 1) and `delimiter` (an ASCII character) are those of a table.

        Raises OSError if the file cannot be opened, ValueError if it cannot be read as a trace, with the reason in a
        line, and InterruptedError if `progress` was stopped.
        """
    @property
    def requests(self) -> int: ...
    @property
    def unique(self) -> int:
        """How many keys there are."""
    @property
    def format(self) -> str:
        """What it was read as: one of :data:`TRACE_FORMATS`."""
    @property
    def other_lines(self) -> int:
        """Lines that are no requests: other commands, writes, headings, blank ones."""
    @property
    def garbled_lines(self) -> int:
        """Lines that do not have the format."""
    @property
    def first_garbled_line(self) -> int | None:
        """The number of the first of those, from 1."""
    def hits(self, policy: str, entries: int, progress: Progress) -> int:
        """The hits of an empty cache of so many entries under a policy; the same at each call."""
    def most_hits(self, entries: int, progress: Progress) -> int:
        """The most hits that a cache of so many entries can have: those of one that knows the requests to come."""

def estimate_bytes(object: object, /) -> int:
    """Bytes that an object takes with everything that it refers to, as a cache with ``max_bytes`` weighs it.

    What :func:`sys.getsizeof` says of each object, counted once however often it is referred to: elements of
    containers, attributes in ``__dict__`` and in slots, what closures hold, the data of NumPy arrays. Of large
    containers a sample is looked at, so that it takes microseconds.

    Not counted is what the whole program shares (modules, classes, functions, members of enumerations, loggers,
    threads, interned texts, small ``int``s, None), and what nobody tells Python of: memory of libraries in C whose
    ``__sizeof__`` does not know it, memory of other devices, and what the allocator rounds up. A ``__sizeof__`` that
    raises an ``Exception`` counts as the basic size of its class.
    """
