"""A loader that fails, waits and counts as it is told to."""

from __future__ import annotations

import asyncio
import functools
import random
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hotset._functions.spec import is_coroutine_function

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class Chaos:
    """A loader around another, for tests: it fails at random or on demand, waits on demand, and counts its calls.

    It is a coroutine function if the loader is one. What is random repeats with the seed.

    Args:
        loader: The function that loads in truth.
        error_rate: Which part of the calls fail at random, from 0 to 1.
        error: What they raise: an exception, or a class of exceptions.
        seed: Seeds what is random.
    """

    def __new__(cls, loader: Callable[..., Any], **_options: Any) -> Any:
        """A coroutine function around one."""
        return object.__new__(_AsyncChaos if is_coroutine_function(loader) else cls)

    def __init__(  # pyright: ignore[reportInconsistentConstructor]  # `__new__` takes the same
        self,
        loader: Callable[..., Any],
        *,
        error_rate: float = 0.0,
        error: Exception | type[Exception] = ConnectionError,
        seed: int = 0,
    ) -> None:
        if not callable(loader):
            raise TypeError(f"Chaos({loader!r}): give a loader")
        if not 0 <= error_rate <= 1:
            raise ValueError(f"error_rate={error_rate!r}: write a number from 0 to 1")
        self._loader, self._error_rate, self._error = loader, error_rate, error
        self._random, self._lock = random.Random(seed), threading.Lock()
        self._failures: list[Exception | type[Exception]] = []
        self._open = threading.Event()
        self._open.set()
        #: How many calls have begun.
        self.calls = 0
        functools.update_wrapper(self, loader)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Load, or fail."""
        self._begin()
        self._open.wait()
        return self._loader(*args, **kwargs)

    def fail_next(self, number: int = 1, error: Exception | type[Exception] | None = None) -> None:
        """Have the next calls fail."""
        with self._lock:
            self._failures += [self._error if error is None else error] * number

    @contextmanager
    def held(self) -> Generator[None]:
        """Calls that begin within this block end after it."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def _begin(self) -> None:
        with self._lock:
            self.calls += 1
            failure = self._failures.pop(0) if self._failures else None
            if failure is None and self._random.random() < self._error_rate:
                failure = self._error
        if failure is not None:
            raise failure


class _AsyncChaos(Chaos):
    """The same around a coroutine function."""

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._begin()
        while not self._open.is_set():
            await asyncio.to_thread(self._open.wait)
        return await self._loader(*args, **kwargs)
