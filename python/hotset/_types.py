"""Types of arguments, for annotations only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Literal, TypeAlias

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
