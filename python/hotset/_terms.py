"""What one caller asks for: how old a value may be, whether it may be loaded, and how it came about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, TypeVar, cast

from hotset._core import CachedCoroutineFunction, CachedMethod, attempt_of, loading_of, seconds
from hotset._errors import NotCachedError
from hotset._flights import load_on_terms, obtain_on_terms, raised_again
from hotset._loading import check_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hotset._cache import Cache
    from hotset._core import Attempt

V = TypeVar("V")
P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

_INSTEAD = "write a duration, 0, or None for no bound"


class Entry(NamedTuple, Generic[V]):
    """A value, and how it came about."""

    #: The value.
    value: V
    #: Seconds since it was loaded or set.
    age: float
    #: Whether its ttl had ended.
    stale: bool
    #: Where it is from: ``"memory"``, ``"tier"`` or ``"load"``.
    source: str
    #: Why a stale value was served: ``"refreshing"``, ``"load failed"``, ``"load is late"`` or ``"allowed"`` by the
    #: call; None if it is fresh.
    why: str | None
    #: Seconds until its ttl ends, below 0 if it has; None for no end.
    fresh_for: float | None


class Terms:
    """What one caller accepts."""

    __slots__ = ("bypass", "max_age", "max_stale", "only_if_cached", "refresh", "timeout")

    def __init__(self, where: str, options: Mapping[str, Any]) -> None:
        check_names(where, options, self.__slots__)
        #: Seconds that a value may be old, None for any.
        self.max_age = _length("max_age", options.get("max_age"))
        #: Seconds that a value may be stale, None if only as the cache has it.
        self.max_stale = _length("max_stale", options.get("max_stale"))
        self.only_if_cached = _flag("only_if_cached", options)
        #: Seconds that this caller waits for a load, None for as long as the cache has it.
        self.timeout = seconds("timeout", options.get("timeout"))
        self.refresh = _flag("refresh", options)
        self.bypass = _flag("bypass", options)
        if self.only_if_cached and (self.refresh or self.bypass):
            raise ValueError("only_if_cached loads nothing, which refresh and bypass do: give one of them")

    def check(self, cache: Cache[Any, Any]) -> None:
        """Raise NotCachedError if nothing can be there, and nothing is to be loaded."""
        if self.only_if_cached and not cache.enabled:
            raise NotCachedError(f"cache {cache.name!r} is disabled, and only_if_cached loads nothing")

    @property
    def oldest(self) -> float | None:
        """How old what others have loaded meanwhile may be, None for any."""
        return self.max_age or None

    @property
    def looks(self) -> bool:
        """Whether what others have loaded meanwhile may do."""
        return not self.refresh and self.max_age != 0

    def accepts(self, attempt: Attempt, told: Told | None = None, *, loads: bool) -> tuple[Any, ...] | None:
        """What is there, if it will do and may be served without waiting: ``("hit", value)``, or ``("refresh", value)``
        for a caller who ``loads`` and is to have it loaded anew. What is done with it is counted. An error that is kept
        is raised in who loads.

        Raises:
            NotCachedError: if it will not do, and nothing is to be loaded.
        """
        facts = attempt.facts()
        standing = None if facts is None else facts["standing"]
        if facts is not None and standing in ("fresh", "stale") and self._is_young(facts["age"]):
            if standing == "fresh":
                step = attempt.read(loads and not self.only_if_cached)
                if step[0] != "miss":
                    return step
            elif self.max_stale and -facts["fresh_for"] <= self.max_stale:
                attempt.count_miss()
                attempt.count_stale()
                if told is not None:
                    told.stale("allowed", -facts["fresh_for"], facts["age"])
                refreshes = loads and not self.only_if_cached and facts["retry_in"] <= 0
                return ("refresh" if refreshes else "hit", facts["value"])
        if facts is not None and standing == "error" and loads and self._is_young(facts["age"]):
            attempt.read(False)
            again, facts = raised_again(facts["value"], None), None
            raise again
        attempt.count_miss()
        if self.only_if_cached:
            raise NotCachedError(f"nothing that will do is cached for {attempt.name}, and only_if_cached loads nothing")
        return None

    def _is_young(self, age: float) -> bool:
        return self.max_age is None or age <= self.max_age != 0

    def accepts_stale(self, stale_for: float, age: float) -> bool:
        """Whether a stale value will do, where a load is in progress, failed or is late."""
        return self._is_young(age) and (self.max_stale is None or stale_for <= self.max_stale != 0)


class Told:
    """How a value came about, as far as only who obtained it knows."""

    __slots__ = ("_stale",)

    def __init__(self) -> None:
        self._stale: tuple[str, float, float] | None = None

    def stale(self, why: str, stale_for: float, age: float) -> None:
        """A stale value was served."""
        self._stale = (why, stale_for, age)

    def entry(self, attempt: Attempt, value: Any, *, loaded: bool) -> Entry[Any]:
        """The entry of a value that was obtained."""
        if self._stale is not None:
            why, stale_for, age = self._stale
            return Entry(value, age, True, "memory", why, -stale_for)
        facts = attempt.facts()
        source = "load" if loaded else "tier" if attempt.from_tier else "memory"
        if facts is None or facts["standing"] != "fresh" or (not attempt.serves and facts["value"] is not value):
            return Entry(value, 0.0, False, source, None, None)
        return Entry(value, facts["age"], False, source, None, facts["fresh_for"])


class Explanation:
    """What is known of a key: ``str()`` of it is for people."""

    def __init__(self, name: str, attempt: Attempt) -> None:
        #: Of which cache or function.
        self.name = name
        facts = attempt.facts() or {}
        #: ``"fresh"``, ``"stale"``, ``"error"`` (kept, and raised again), or ``"expired"`` or ``"invalidated"`` and not
        #: taken out yet; ``"absent"``.
        self.standing: str = facts.get("standing", "absent")
        #: Seconds since it was stored.
        self.age: float | None = facts.get("age")
        #: Seconds until its ttl ends, below 0 if it has; None for no end.
        self.fresh_for: float | None = facts.get("fresh_for")
        #: Seconds until it is gone, None for no end.
        self.gone_in: float | None = facts.get("gone_in")
        #: Seconds until a hit starts a refresh, None if none does.
        self.refresh_in: float | None = facts.get("refresh_in")
        #: Loads that failed, one after the other, and seconds until the next one may begin.
        self.failures: int = facts.get("failures", 0)
        self.retry_in: float = facts.get("retry_in", 0.0)
        if self.standing == "error" and self.fresh_for is not None:
            self.retry_in = self.fresh_for
        #: Its tags, and the one that has made it stale or unreadable.
        self.tags: list[str] = facts.get("tags", [])
        self.killed_by: str | None = facts.get("killer")
        #: Seconds since a load began that is in progress, None if there is none.
        self.loading_for: float | None = attempt.load_in_progress()

    def __str__(self) -> str:
        lines = [f"{self.name}: {self._standing()}"]
        if self.tags:
            lines.append(f"tags: {', '.join(self.tags)}")
        if self.refresh_in is not None and self.standing == "fresh":
            due = "at the next hit" if self.refresh_in <= 0 else f"at a hit in {_shown(self.refresh_in)} or later"
            lines.append(f"refresh: {due}")
        if self.failures:
            wait = f"the next may begin in {_shown(self.retry_in)}" if self.retry_in > 0 else "the next may begin"
            lines.append(f"loads that failed in a row: {self.failures}; {wait}")
        if self.loading_for is not None:
            lines.append(f"a load is in progress since {_shown(self.loading_for)}")
        return "\n".join(lines)

    def _standing(self) -> str:
        if self.age is None:
            return "nothing is there"
        what = {
            "fresh": "fresh",
            "stale": "stale",
            "error": "an error that is raised again",
            "expired": "expired, and not taken out yet",
            "invalidated": "invalidated, and not taken out yet",
        }[self.standing]
        parts = [what, f"stored {_shown(self.age)} ago"]
        if self.killed_by is not None:
            parts.append(f"because of the tag {self.killed_by!r}")
        if self.standing in ("fresh", "error"):
            parts.append("without an end" if self.fresh_for is None else f"for another {_shown(self.fresh_for)}")
        if self.standing == "stale" and self.fresh_for is not None and self.gone_in is not None:
            parts.append(f"since {_shown(-self.fresh_for)}, gone in {_shown(self.gone_in)}")
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"<Explanation {self.name}: {self.standing}>"


def _shown(length: float) -> str:
    """A length of time for people."""
    if round(length * 1000) < 1000:  # a second
        return f"{max(length, 0) * 1000:.0f} ms"
    if length < 120:
        return f"{length:.1f} s"
    minutes, rest = divmod(round(length), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _flag(name: str, options: Mapping[str, Any]) -> bool:
    value = options.get(name, False)
    if not isinstance(value, bool):
        raise TypeError(f"{name}={value!r}: write True or False")
    return value


def _length(name: str, value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
        return 0.0
    try:
        return seconds(name, value)
    except TypeError as error:
        raise TypeError(f"{name}={value!r}: {_INSTEAD}") from error


class Caller(Generic[P, R_co]):
    """A cached function on a caller's own terms: called as the function is, as often as you like."""

    __slots__ = ("__wrapped__", "_options", "_terms")

    def __init__(self, function: Any, options: dict[str, Any]) -> None:
        self.__wrapped__ = function
        self._options = options
        self._terms = Terms("with_options", options)

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
        call: Callable[..., Any] = obtain_on_terms if is_coroutine else load_on_terms
        return call(attempt, None, terms, told)


def _attempt_of(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], terms: Terms | None) -> Attempt | None:
    """A way to the result of a call of a function or a method, None if the arguments do not fit."""
    if isinstance(function, CachedMethod):
        method = cast("CachedMethod[..., Any]", function)
        function, args = method.__func__, (method.__self__, *args)
    return attempt_of(function, args, kwargs, loading_of(function), None if terms is None else terms.oldest)


def _uncached(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], told: Told | None, awaits: bool) -> Any:
    result = function.uncached(*args, **kwargs)
    if told is None:
        return result
    return _awaited(result) if awaits else uncached_entry(result)


async def _awaited(result: Any) -> Entry[Any]:
    return uncached_entry(await result)


def uncached_entry(value: Any) -> Entry[Any]:
    """The entry of a value that was loaded without the cache."""
    return Entry(value, 0.0, False, "load", None, None)


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
    terms, told = Terms("get_entry", options), Told()
    if terms.bypass or terms.refresh:
        return None
    terms.only_if_cached = False
    step = terms.accepts(attempt, told, loads=False)
    return None if step is None else told.entry(attempt, step[1], loaded=False)


def get(cache: Cache[Any, Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """``cache.get(key, default, **options)``: what is there and will do."""
    if not 1 <= len(args) <= 2:
        raise TypeError(f"get() takes a key and a default, not {len(args)} arguments")
    terms = Terms("get", options)
    default = args[1] if len(args) == 2 else None
    if terms.bypass or terms.refresh:
        return default
    terms.only_if_cached = False
    step = terms.accepts(cache._attempt(args[0]), loads=False)
    return default if step is None else step[1]
