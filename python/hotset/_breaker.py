"""Circuit breakers: what fails is left alone for a while, and then tried with few calls."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

from hotset._core import MISSING, BreakerVerbs, Missing
from hotset._errors import CircuitOpenError
from hotset._events.hooks import emit_named
from hotset._functions.spec import is_coroutine_function, is_generator_function, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType
    from typing import Self, TypeAlias

    from hotset._core import ManualClock, Permit
    from hotset._types import BreakerState, Duration

    #: Which exceptions are failures.
    Failures: TypeAlias = type[BaseException] | tuple[type[BaseException], ...] | Callable[[Exception], bool]
    #: Called with the breaker, what it was and what it is.
    OnChange: TypeAlias = Callable[["CircuitBreaker", BreakerState, BreakerState], object]

F = TypeVar("F", bound="Callable[..., Any]")

#: The most characters of what an exception says that a breaker keeps.
_MOST_SAID = 200


class CircuitBreaker(BreakerVerbs):
    """Lets calls through while they go well, and refuses them for a while when they fail.

    It decorates functions and coroutine functions, stands in ``with`` and ``async with``, or calls:
    ``breaker.call(function)``. It is *closed* at first. Failures in a row, or too large a part of failures among the
    calls of late, *open* it: calls raise :class:`hotset.CircuitOpenError` and are not made. After some time it is
    *half-open*: a few calls are let through as probes. If they succeed it closes; if one fails it is open again, for
    twice as long each time (Nygard, *Release It!*, 2007). Threads, tasks and event loops share one; each process has
    its own.

    Args:
        name: The name in errors and logs; that of the first function that it decorates if there is none.
        failures: It opens after so many failures in a row; None for never.
        rate: It opens when this part of the calls within ``window`` have failed, above 0 and up to 1; None for never.
        window: The length of time whose calls are judged by ``rate``, to a tenth of it; None for since it was closed.
        least_calls: Fewer calls than these are not judged by ``rate``.
        slow: A call that takes so long has failed although it returns, to some 10 ms; None for none.
        open_for: How long it is open at first.
        most_open: How long it is open at most, after twice as long with each probe that failed; 30 seconds by default,
            or ``open_for`` if that is longer; None for no end.
        jitter: By up to which part it is open for shorter, so that processes do not probe all at once.
        probes: So many calls are let through at once while it is half-open, and so many have to succeed.
        failure: Which exceptions are failures: a class, a tuple of classes, or a function of the exception. Other
            exceptions are answers of what was called, as is a result. What is no ``Exception``, as a cancellation, says
            nothing unless its class is named, and neither does the refusal of another breaker.
        on_change: Called with the breaker, what it was and what it is, by the thread whose call has changed that, with
            no lock held. What it raises is logged.
        clock: A clock for tests.

    Raises:
        TypeError: for options of a wrong kind.
        ValueError: for options of a wrong value.
    """

    __slots__ = ("__weakref__", "_failures", "_judge", "_on_change", "_why", "name")

    name: str | None
    _failures: tuple[type[BaseException], ...]
    _judge: Callable[..., object] | None
    _on_change: OnChange | None
    #: Why it was last opened, as the end of a sentence.
    _why: str

    def __new__(
        cls,
        name: str | None = None,
        *,
        failures: int | None = 5,
        rate: float | None = 0.5,
        window: Duration | None = "10s",
        least_calls: int = 20,
        slow: Duration | None = None,
        open_for: Duration = "1s",
        most_open: Duration | Missing | None = MISSING,
        jitter: float = 0.2,
        probes: int = 1,
        failure: Failures = Exception,
        on_change: OnChange | None = None,
        clock: ManualClock | None = None,
    ) -> Self:
        given: dict[str, object] = {
            "failures": failures,
            "rate": rate,
            "window": window,
            "least_calls": least_calls,
            "slow": slow,
        }
        given |= {"open_for": open_for, "most_open": most_open, "jitter": jitter, "probes": probes}
        self = super().__new__(cls, given, clock)
        if name is not None and not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"name={name!r}: write a text, or None; options are keywords")
        if on_change is not None and not callable(on_change):
            raise TypeError(f"on_change={on_change!r}: write a function of the breaker, what it was and what it is")
        self.name = name
        self._failures, self._judge = _failures(failure)
        self._on_change = on_change
        self._why = ""
        return self

    def __call__(self, function: F, /) -> F:
        """Decorate a function or a coroutine function: its calls go through the breaker."""
        decorated: F = self._decorated(function)
        return decorated

    def _decorated(self, function: Any) -> Any:
        if isinstance(function, staticmethod | classmethod):
            return _method(self, function)
        if not callable(function):
            raise TypeError(f"a circuit breaker decorates functions, not {function!r}; its options are keywords")
        if is_generator_function(function):
            raise TypeError(
                f"{name_of(function)} is a generator function, whose calls run between those of others: "
                "write `with breaker:` inside it"
            )
        if self.name is None:
            self.name = name_of(function)
        return _coroutine_function(self, function) if is_coroutine_function(function) else _function(self, function)

    async def __aenter__(self) -> Permit:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> bool:
        return self.__exit__(kind, error, traceback)

    def __repr__(self) -> str:
        stats = self.stats()
        name = "" if self.name is None else f" {self.name!r}"
        if stats.state == "closed":
            calls = f"{stats.failed} of {stats.calls} calls failed, {stats.in_a_row} in a row; opens at {self._bounds}"
        else:
            calls = f"opened {stats.opened} times, {stats.refused} calls refused{self._why}"
        return f"<CircuitBreaker{name} {stats.state}: {calls}>"

    @property
    def _title(self) -> str:
        return "a circuit breaker" if self.name is None else f"circuit breaker {self.name!r}"

    def _is_failure(self, error: BaseException) -> bool | None:
        """Whether an exception says that what was called fails; None if it says nothing. For the compiled half."""
        if isinstance(error, self._failures):
            return None if isinstance(error, CircuitOpenError) and CircuitOpenError not in self._failures else True
        if not isinstance(error, Exception):
            return None
        if self._judge is None:
            return False
        try:
            return bool(self._judge(error))
        except Exception as raised:  # noqa: BLE001  # whatever the user's function raises: the call has failed
            emit_named("CallbackFailed", f"failure= of {self._title}", raised)
            return True

    def _refusal(self, retry_in: float) -> CircuitOpenError:
        """What is raised instead of a call. For the compiled half."""
        state = "half-open, and lets no more calls through" if self.state == "half-open" else "open"
        message = f"{self._title} is {state} for another {retry_in:.3g} s{self._why}"
        return CircuitOpenError(message, name=self.name, retry_in=retry_in)

    def _changed(self, was: BreakerState, now: BreakerState, why: object) -> None:
        """The state has changed. Called by the compiled half, with no lock held."""
        if now == "open":
            self._why = f", after {_said(why)}"
        if was == "closed":
            emit_named("BreakerOpened", self._title, "a slow call" if why is None else why)
        elif now == "closed":
            emit_named("BreakerClosed", self._title)
        if self._on_change is not None:
            try:
                self._on_change(self, was, now)
            except Exception as raised:  # noqa: BLE001  # whatever the user's function raises: the call goes on
                emit_named("CallbackFailed", f"on_change= of {self._title}", raised)


def _failures(failure: Any) -> tuple[tuple[type[BaseException], ...], Callable[..., object] | None]:
    """The classes of failures, and what judges the exceptions that are of none."""
    classes: tuple[Any, ...] = tuple(failure) if hasattr(failure, "__iter__") else (failure,)
    if all(isinstance(one, type) and issubclass(one, BaseException) for one in classes):
        return classes, None
    if callable(failure) and not isinstance(failure, type):
        return (), failure
    raise TypeError(f"failure={failure!r}: write a class of exceptions, a tuple of them, or a function of an exception")


def _said(why: object) -> str:
    """Why it is open, in short."""
    if not isinstance(why, BaseException):
        return "a slow call" if why is None else str(why)
    name = type(why).__name__
    try:
        said = str(why)
    except Exception:  # noqa: BLE001  # an exception that cannot say what it is
        said = ""
    return f"{name}: {said[:_MOST_SAID]}" if said else name


def _method(breaker: CircuitBreaker, method: Any) -> Any:
    """A staticmethod or classmethod whose calls go through a breaker."""
    return type(method)(breaker(method.__func__))


def _function(breaker: CircuitBreaker, function: Any) -> Any:
    call = breaker.call

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        return call(function, *args, **kwargs)

    return called


def _coroutine_function(breaker: CircuitBreaker, function: Any) -> Any:
    allow = breaker.allow

    @functools.wraps(function)
    async def called(*args: Any, **kwargs: Any) -> Any:
        with allow():
            return await function(*args, **kwargs)

    return called


def awaited(permit: Permit, result: Any) -> Any:
    """Return what a call has returned; if that is a coroutine, one whose end is that of the call."""
    from collections.abc import Coroutine

    if isinstance(result, Coroutine):
        return _awaited(permit, result)  # pyright: ignore[reportUnknownArgumentType]
    permit.succeeded()
    return result


async def _awaited(permit: Permit, coroutine: Coroutine[Any, Any, Any]) -> Any:
    with permit:
        return await coroutine
