"""A tier that fails, waits, corrupts and loses as it is told to."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from hotset._tiers.own import Tier

#: Methods that store.
_WRITES: Final = ("put", "put_many", "exchange", "increment")
_METHODS: Final = (*_WRITES, "get", "get_many", "remove", "keys")


class ChaosTier:
    """A tier around another, for tests: it can do what that can, and does it badly when it is told to.

    ::

        tier = ChaosTier(MyTier())
        tier.fail_next(2, of="get")
        with tier.away(): ...
        with tier.failing(0.3), tier.slow(0.05): ...
        with tier.corrupting(): ...
        with tier.losing(0.5): ...
        with tier.hanging(): ...

    What is random repeats with the seed.

    Args:
        tier: The tier that stores in truth.
        error: What calls raise that fail: an exception, or a class of exceptions.
        seed: Seeds what is random.
        sleep: How slow calls wait.
    """

    def __init__(
        self,
        tier: Tier,
        *,
        error: Exception | type[Exception] = ConnectionError,
        seed: int = 0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        #: The tier that stores in truth.
        self.tier = tier
        #: How often each method was called.
        self.calls: Counter[str] = Counter()
        self._error, self._sleep = error, sleep
        self._random, self._lock = random.Random(seed), threading.Lock()
        self._failures: list[tuple[str | None, Exception | type[Exception]]] = []
        self._error_rate = self._loss_rate = self._corruption_rate = self._delay = 0.0
        self._open = threading.Event()
        self._open.set()

    def fail_next(
        self, number: int = 1, error: Exception | type[Exception] | None = None, *, of: str | None = None
    ) -> None:
        """Have the next calls fail, of any method or of one."""
        with self._lock:
            self._failures += [(_method(of), self._error if error is None else error)] * number

    @contextmanager
    def failing(self, rate: float = 1.0) -> Generator[None]:
        """A part of the calls within this block fail, by default all."""
        with self._at("_error_rate", _rate(rate)):
            yield

    def away(self) -> Any:
        """All calls within this block fail."""
        return self.failing()

    @contextmanager
    def slow(self, seconds: float) -> Generator[None]:
        """Calls within this block wait so long first."""
        with self._at("_delay", seconds):
            yield

    @contextmanager
    def hanging(self) -> Generator[None]:
        """Calls that begin within this block end after it."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    @contextmanager
    def corrupting(self, rate: float = 1.0) -> Generator[None]:
        """Of what is read within this block a part comes with one byte changed, or without its end."""
        with self._at("_corruption_rate", _rate(rate)):
            yield

    @contextmanager
    def losing(self, rate: float = 1.0) -> Generator[None]:
        """Of what is stored within this block a part is gone at once, as if it had been evicted."""
        with self._at("_loss_rate", _rate(rate)):
            yield

    def __getattr__(self, name: str) -> Any:
        """What the other tier has, if it has it."""
        if name == "tier":
            raise AttributeError(name)
        method = getattr(self.tier, name)
        if name not in _METHODS or method is None:
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._call(name, method, *args, **kwargs)

        return call

    def get(self, key: bytes, /) -> bytes | None:
        """As :meth:`hotset.preview.Tier.get`."""
        found: bytes | None = self._call("get", self.tier.get, key)
        return found

    def put(self, key: bytes, value: bytes, /, *, ends_in: float | None) -> None:
        """As :meth:`hotset.preview.Tier.put`."""
        self._call("put", self.tier.put, key, value, ends_in=ends_in)

    def remove(self, key: bytes, /) -> None:
        """As :meth:`hotset.preview.Tier.remove`."""
        self._call("remove", self.tier.remove, key)

    def _call(self, name: str, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._begin(name)
        result: Any = method(*args, **kwargs)
        if name in _WRITES:
            self._lose([item[0] for item in args[0]] if name == "put_many" else [args[0]])
        elif name == "get_many":
            return {key: self._read(value) for key, value in result.items()}
        elif name == "get":
            return self._read(result)
        return result

    def _lose(self, keys: list[bytes]) -> None:
        for key in keys:
            if self._happens(self._loss_rate):
                self.tier.remove(key)

    def _begin(self, name: str) -> None:
        with self._lock:
            self.calls[name] += 1
            failure = self._next_failure(name)
        if self._delay:
            self._sleep(self._delay)
        self._open.wait()
        if failure is not None:
            raise failure

    def _next_failure(self, name: str) -> Exception | type[Exception] | None:
        for place, (of, error) in enumerate(self._failures):
            if of in (None, name):
                del self._failures[place]
                return error
        return self._error if self._random.random() < self._error_rate else None

    def _read(self, value: bytes | None) -> bytes | None:
        if not value or not self._happens(self._corruption_rate):
            return value
        with self._lock:
            place, change = self._random.randrange(len(value)), self._random.randrange(10)
        # One in ten is cut off there.
        return value[:place] + bytes([value[place] ^ change]) + value[place + 1 :] if change else value[:place]

    def _happens(self, rate: float) -> bool:
        with self._lock:
            return rate > 0 and self._random.random() < rate

    @contextmanager
    def _at(self, name: str, value: float) -> Generator[None]:
        before = getattr(self, name)
        setattr(self, name, value)
        try:
            yield
        finally:
            setattr(self, name, before)


def _rate(rate: float) -> float:
    if not 0 <= rate <= 1:
        raise ValueError(f"rate={rate!r}: write a number from 0 to 1")
    return rate


def _method(name: str | None) -> str | None:
    if name is not None and name not in _METHODS:
        raise ValueError(f"of={name!r}: write the name of a method of tiers, as in of='get'")
    return name
